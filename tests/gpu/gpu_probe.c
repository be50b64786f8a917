/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is there a device? Compiled by gcc alone and linked with nothing but the C library, so that it answers before anything is built.
 *
 *   gpu_probe [RUNTIME]      the CUDA runtime to load; without it libcudart.so.13, then .12, as the linker finds them
 *
 * The last line says what there is. Exit status: 0 a device, 77 none.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>

enum { NO_DEVICE = 77 };

static int none(const char *why)
{
    (void)printf("no device: %s\n", why);
    return NO_DEVICE;
}

int main(int count, char **arguments)
{
    int (*get_count)(int *);
    int (*get_version)(int *);
    const char *(*get_text)(int);
    int devices = 0;
    int driver = 0;
    int runtime = 0;
    void *library = count > 1 ? dlopen(arguments[1], RTLD_NOW) : dlopen("libcudart.so.13", RTLD_NOW);
    if (library == NULL && count == 1) {
        library = dlopen("libcudart.so.12", RTLD_NOW);
    }
    if (library == NULL) {
        return none(dlerror());
    }
    *(void **)&get_count = dlsym(library, "cudaGetDeviceCount");
    *(void **)&get_text = dlsym(library, "cudaGetErrorString");
    *(void **)&get_version = dlsym(library, "cudaDriverGetVersion");
    if (get_count == NULL || get_text == NULL || get_version == NULL) {
        return none("that library is no CUDA runtime");
    }
    (void)get_version(&driver);
    *(void **)&get_version = dlsym(library, "cudaRuntimeGetVersion");
    if (get_version != NULL) {
        (void)get_version(&runtime);
    }
    int status = get_count(&devices);
    if (status != 0 || devices == 0) {
        return none(status != 0 ? get_text(status) : "the driver has none");
    }
    (void)printf("%d device%s, driver %d.%d, runtime %d.%d\n", devices, devices == 1 ? "" : "s", driver / 1000, driver % 1000 / 10,
                 runtime / 1000, runtime % 1000 / 10);
    return 0;
}
