/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda_runtime.h"

#include "measure.h"

#include <dlfcn.h>
#include <stdlib.h>

static cuda_runtime runtime;

const cuda_runtime *cuda_runtime_load(void)
{
    static void *library;
    const char *path = getenv("BATON_CUDART");
    if (library != NULL) {
        return &runtime;
    }
    library = dlopen(path != NULL && *path != '\0' ? path : "libcudart.so.13", RTLD_NOW);
    if (library == NULL) {
        measure_fail("no CUDA runtime: %s", dlerror());
    }
#define LOAD(name) *(void **)&runtime.name = dlsym(library, #name);
    CUDA_RUNTIME_FUNCTIONS(LOAD)
#undef LOAD
    return &runtime;
}

void cuda_runtime_check(cudaError_t status, const char *what)
{
    if (status != cudaSuccess) {
        measure_fail("%s: %s (%d)", what, cuda_runtime_load()->cudaGetErrorString(status), (int)status);
    }
}

const char *cuda_runtime_version(void)
{
    static char text[32];
    int version = 0;
    CUDA_CALL(cudaRuntimeGetVersion, &version);
    (void)snprintf(text, sizeof(text), "%d.%d", version / 1000, version % 1000 / 10);
    return text;
}
