/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BENCH_NIXL_API_H
#define BATON_BENCH_NIXL_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The part of NIXL's C API (libnixl_capi.so, in the wheels of PyPI) that the benchmark uses. The
 * wheel brings no header, so the functions are declared here and looked up when the program runs;
 * nixl_transfer was run with 1.5.1. Handles are pointers. Results: 0 done, 1 in progress, negative
 * an error.
 */
enum { NIXL_DONE = 0, NIXL_IN_PROGRESS = 1 };
enum { NIXL_MEMORY_HOST = 0, NIXL_MEMORY_DEVICE = 1 };
enum { NIXL_READ = 0, NIXL_WRITE = 1 };

typedef struct nixl_agent_config {
    bool enable_prog_thread;
    bool enable_listen_thread;
    uint16_t listen_port;
    int thread_sync; /* 0: none */
    unsigned num_workers;
    uint64_t pthr_delay_us;
    uint64_t lthr_delay_us;
    bool capture_telemetry;
    char spare[64]; /* for what later versions add: zero */
} nixl_agent_config;

/* X(name, arguments) of nixl_capi_<name> */
#define NIXL_FUNCTIONS(X)                                                                  \
    X(create_configured_agent,                                                             \
      (const char *name, const nixl_agent_config *config, void **agent_out))               \
    X(get_plugin_params,                                                                   \
      (void *agent, const char *plugin, void **memories_out, void **params_out))           \
    X(create_backend, (void *agent, const char *plugin, void *params, void **backend_out)) \
    X(create_reg_dlist, (int memory, void **list_out))                                     \
    X(reg_dlist_add_desc, (void *list, uintptr_t at, size_t size, uint64_t device,         \
                           const void *data, size_t data_size))                            \
    X(register_mem, (void *agent, void *list, void *options))                              \
    X(create_opt_args, (void **options_out))                                               \
    X(get_local_md, (void *agent, void **data_out, size_t *size_out))                      \
    X(load_remote_md, (void *agent, const void *data, size_t size, char **name_out))       \
    X(create_xfer_dlist, (int memory, void **list_out))                                    \
    X(xfer_dlist_add_desc, (void *list, uintptr_t at, size_t size, uint64_t device))       \
    X(create_xfer_req, (void *agent, int op, void *local, void *remote, const char *name,  \
                        void **request_out, void *options))                                \
    X(post_xfer_req, (void *agent, void *request, void *options))                          \
    X(get_xfer_status, (void *agent, void *request))                                       \
    X(create_notif_map, (void **map_out))                                                  \
    X(get_notifs, (void *agent, void *map, void *options))

typedef struct nixl_api {
#define NIXL_FIELD(name, arguments) int(*name) arguments;
    NIXL_FUNCTIONS(NIXL_FIELD)
#undef NIXL_FIELD
} nixl_api;

/* Loads the library at a path. Ends the program with 2 if it or a function of it is not there. */
const nixl_api *nixl_load(const char *path);

#endif
