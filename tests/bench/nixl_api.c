/* SPDX-License-Identifier: Apache-2.0 */
#include "nixl_api.h"

#include "measure.h"
#include <dlfcn.h>
#include <string.h>

static void *library;

static void find(const char *name, void *function_out)
{
    void *found = dlsym(library, name);
    if (found == NULL) {
        measure_fail("NIXL has no %s", name);
    }
    memcpy(function_out, &found,
           sizeof(found)); /* ISO C has no conversion between the two kinds of pointers */
}

const nixl_api *nixl_load(const char *path)
{
    static nixl_api api;
    library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (library == NULL) {
        measure_fail("%s", dlerror());
    }
#define NIXL_FIND(name, arguments) find("nixl_capi_" #name, &api.name);
    NIXL_FUNCTIONS(NIXL_FIND)
#undef NIXL_FIND
    return &api;
}
