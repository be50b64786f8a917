/* SPDX-License-Identifier: Apache-2.0 */
/** Which ways UCX has on this machine, and which of them baton takes. For diagnosis: no hand-off needs it. */
#ifndef BATON_PUBLIC_TRANSPORT_H
#define BATON_PUBLIC_TRANSPORT_H

#include <baton/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where a transport leads. */
typedef enum baton_transport_kind {
    BATON_TRANSPORT_UNKNOWN = 0, /**< UCX does not have it here, and so does not say */
    BATON_TRANSPORT_SELF = 1,    /**< to the process itself */
    BATON_TRANSPORT_HOST = 2,    /**< to other processes of this host */
    BATON_TRANSPORT_NETWORK = 3, /**< to other hosts */
    BATON_TRANSPORT_DEVICE = 4   /**< to the memory of an accelerator */
} baton_transport_kind;

/** Whether baton takes it, or why not. */
typedef enum baton_transport_use {
    BATON_TRANSPORT_USED = 0,        /**< carries messages and data where both ends have it */
    BATON_TRANSPORT_NOT_BUILT = 1,   /**< this build of UCX, or what of it is installed, does not have it */
    BATON_TRANSPORT_NO_DEVICE = 2,   /**< UCX has it, and finds no device for it, or may not use one */
    BATON_TRANSPORT_EXCLUDED = 3,    /**< left out by the environment, or by UCX itself */
    BATON_TRANSPORT_NO_MESSAGES = 4, /**< it copies memory, and carries no active messages */
    BATON_TRANSPORT_NO_FAILURES = 5, /**< it does not report the failure of a peer */
    BATON_TRANSPORT_BROKEN = 6       /**< UCX lists it and cannot open it, or cannot be opened at all */
} baton_transport_use;

/** One transport on one device. */
typedef struct baton_transport_info {
    const char *name;   /**< as in UCX_TLS: "tcp", "posix" */
    const char *device; /**< as in UCX_NET_DEVICES: "eth0"; "" where there is none */
    baton_transport_kind kind;
    baton_transport_use use;
    const char *reason; /**< why, in words for people */
} baton_transport_info;

/** What a query found. Only read. */
typedef struct baton_transport_list baton_transport_list;

/**
 * Lists every transport of UCX on every device of this machine, whatever the environment says, and finds out which of
 * them a connector of this process would use: it opens UCX as a connector does, and makes an endpoint over each
 * transport to itself. A setting of UCX that leaves everything out is no error of the query:
 * baton_transport_list_failure tells it.
 * Ownership: transferred on success; end it with baton_transport_list_destroy.
 * Errors: ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY, ERR_TRANSPORT (UCX cannot list its transports); list_out is untouched.
 * Threads: any. Not in a child of fork() that has not called exec.
 * Blocking: while UCX opens its devices, once in all and once for each transport: some milliseconds each for TCP and
 * shared memory.
 */
BATON_API BATON_CHECKED baton_status baton_transport_query(baton_transport_list **list_out);

/** Frees it with all texts. NULL is legal. Threads: any. Blocking: no. */
BATON_API void baton_transport_list_destroy(baton_transport_list *list);

/** How many there are; 0 for NULL. Threads: any. Blocking: no. */
BATON_API size_t baton_transport_list_count(const baton_transport_list *list);

/** The one with this index, in UCX's order; NULL beyond the end. Borrowed as long as the list. Threads: any. Blocking: no. */
BATON_API const baton_transport_info *baton_transport_list_at(const baton_transport_list *list, size_t index);

/** Why no connector can be opened here, in words; NULL if one can. Borrowed as long as the list. Threads: any. Blocking: no. */
BATON_API const char *baton_transport_list_failure(const baton_transport_list *list);

/** Longest text of baton_transport_rma, with its terminating zero. */
#define BATON_TRANSPORT_TEXT_SIZE 128

/**
 * Whether a connector of this process could take the path rma (baton_connector_options.rma): opens the verbs device as it would.
 * Whether keys are enforced is tried later, with each peer.
 * text_out: what it would use, such as "rc_verbs on mlx5_0:1", or why not, in words.
 * Errors: ERR_INVALID_ARGUMENT, ERR_NOT_SUPPORTED (text_out says why), ERR_OUT_OF_MEMORY, ERR_TRANSPORT; text_out is untouched
 * but for ERR_NOT_SUPPORTED.
 * Threads: any. Not in a child of fork() that has not called exec. Blocking: while UCX opens the device, some milliseconds.
 */
BATON_API BATON_CHECKED baton_status baton_transport_rma(char text_out[BATON_TRANSPORT_TEXT_SIZE]);

/** What UCX does here with memory of CUDA devices. What it does not reach is staged (sdk/README.md, "CUDA memory"). */
typedef struct baton_transport_cuda_info {
    size_t struct_size; /**< set by the caller: sizeof(baton_transport_cuda_info) */
    bool known;         /**< a context of this process knows such memory */
    bool cuda_ipc;      /**< and can copy between devices of two processes of this host; both need it, and a common namespace */
    bool gpudirect;     /**< an RDMA device of this host registers it */
} baton_transport_cuda_info;

/**
 * Asks UCX, by opening it as a connector does, for what it does with memory of CUDA devices; what a connector does is decided for
 * each peer. Errors: ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY, ERR_TRANSPORT; info_out is untouched then.
 * Threads: any. Not in a child of fork() that has not called exec. Blocking: while UCX opens its devices, some milliseconds.
 */
BATON_API BATON_CHECKED baton_status baton_transport_describe_cuda(baton_transport_cuda_info *info_out);

/** Such as "NETWORK" and "NO_MESSAGES"; "UNKNOWN" and "?" for other values. Constant strings. Threads: any. Blocking: no. */
BATON_API const char *baton_transport_kind_name(baton_transport_kind kind);
BATON_API const char *baton_transport_use_name(baton_transport_use use);

#ifdef __cplusplus
}
#endif
#endif
