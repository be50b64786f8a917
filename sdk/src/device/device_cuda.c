/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CUDA runtime: found and loaded at run time, so that one binary serves machines with and without a GPU, a driver, or the
 * runtime. The only file that includes CUDA's headers; every call is typed by their prototypes.
 *
 * A runtime of another major version than the headers' is fine: the calls used here are the same in 12 and 13, and the one
 * struct that grew, cudaPointerAttributes, gets more room than either needs.
 */
#include "device/cuda.h"

#include "base/error.h"
#include "base/fork.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLS(X) \
    X(cudaDeviceGetAttribute) X(cudaDeviceGetPCIBusId) X(cudaDriverGetVersion) \
    X(cudaEventCreateWithFlags) X(cudaEventDestroy) X(cudaEventQuery) \
    X(cudaEventRecord) X(cudaFree) X(cudaFreeAsync) \
    X(cudaFreeHost) X(cudaGetDevice) X(cudaGetDeviceCount) \
    X(cudaGetErrorName) X(cudaGetErrorString) X(cudaGetLastError) \
    X(cudaHostAlloc) X(cudaLaunchHostFunc) X(cudaMalloc) \
    X(cudaMallocAsync) X(cudaMemcpy2DAsync) X(cudaMemcpyAsync) \
    X(cudaPointerGetAttributes) X(cudaRuntimeGetVersion) X(cudaSetDevice) \
    X(cudaStreamCreateWithPriority) X(cudaStreamDestroy) X(cudaStreamQuery) X(cudaStreamWaitEvent)

/* Done without where the runtime lacks them. */
#define OPTIONAL_CALLS(X) \
    X(cudaIpcGetMemHandle) X(cudaStreamIsCapturing) \
    X(cudaThreadExchangeStreamCaptureMode)

#define MEMBER(name) __typeof__(&(name)) name;
static struct calls {
    CALLS(MEMBER)
    OPTIONAL_CALLS(MEMBER)
    cudaError_t (*cudaStreamGetDevice)(cudaStream_t stream, int *device); /* from 12.8 on, also not in older headers */
} cuda;

typedef struct symbol {
    const char *name;
    size_t offset; /* in struct calls */
} symbol;

#define SYMBOL(name) {#name, offsetof(struct calls, name)},
static const symbol symbols[] = {CALLS(SYMBOL)};
static const symbol optional_symbols[] = {OPTIONAL_CALLS(SYMBOL) SYMBOL(cudaStreamGetDevice)};

_Static_assert(cudaSuccess == (int)BATON__CUDA_OK && cudaErrorInvalidValue == (int)BATON__CUDA_INVALID_VALUE &&
                   cudaErrorMemoryAllocation == (int)BATON__CUDA_NO_MEMORY && cudaErrorCudartUnloading == (int)BATON__CUDA_UNLOADING &&
                   cudaErrorInsufficientDriver == (int)BATON__CUDA_OLD_DRIVER && cudaErrorNoDevice == (int)BATON__CUDA_NO_DEVICE &&
                   cudaErrorInvalidResourceHandle == (int)BATON__CUDA_INVALID_HANDLE && cudaErrorNotReady == (int)BATON__CUDA_NOT_READY &&
                   cudaErrorNotSupported == (int)BATON__CUDA_NOT_SUPPORTED,
               "cuda.h has the runtime's codes");
_Static_assert(cudaMemoryTypeUnregistered == (int)BATON__CUDA_MEMORY_UNKNOWN && cudaMemoryTypeHost == (int)BATON__CUDA_MEMORY_PINNED &&
                   cudaMemoryTypeDevice == (int)BATON__CUDA_MEMORY_DEVICE && cudaMemoryTypeManaged == (int)BATON__CUDA_MEMORY_MANAGED,
               "cuda.h has the runtime's kinds of memory");

enum { FAILURE_SIZE = 480, WHY_SIZE = 200 };

/* Written once, by load_once. */
static bool loaded;
static uint32_t generation; /* of the process that loaded it */
static char path[PATH_MAX];
static char failure[FAILURE_SIZE];

static int used = -1; /* __atomic: a device that baton has used */

/* False: why says which one is missing. */
static bool find_symbols(void *library, char why[WHY_SIZE])
{
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *found = dlsym(library, symbols[i].name);
        if (found == NULL) {
            (void)snprintf(why, WHY_SIZE, "it has no %s", symbols[i].name);
            return false;
        }
        memcpy((char *)&cuda + symbols[i].offset, &found, sizeof(found));
    }
    for (size_t i = 0; i < sizeof(optional_symbols) / sizeof(optional_symbols[0]); i++) {
        void *found = dlsym(library, optional_symbols[i].name);
        memcpy((char *)&cuda + optional_symbols[i].offset, &found, sizeof(found));
    }
    return true;
}

static void remember_path(void *library, const char *name)
{
    struct link_map *map = NULL;
    bool known = dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map->l_name[0] != '\0';
    (void)snprintf(path, sizeof(path), "%s", known ? map->l_name : name);
}

/* What failed goes to the end of `failure`. */
static bool load_from(const char *name)
{
    char why[WHY_SIZE];
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *error = dlerror();
        (void)snprintf(why, sizeof(why), "%s", error != NULL ? error : "it cannot be opened");
    } else if (find_symbols(library, why)) {
        remember_path(library, name);
        return true;
    } else {
        (void)dlclose(library);
    }
    /* The linker's text begins with the name in most cases. */
    bool named = strncmp(why, name, strlen(name)) == 0;
    size_t length = strlen(failure);
    (void)snprintf(failure + length, sizeof(failure) - length, "%s%s%s%s", length == 0 ? "" : "; ", named ? "" : name,
                   named ? "" : ": ", why);
    return false;
}

static void load_once(void)
{
    const char *given = secure_getenv("BATON_CUDART");
    generation = baton__fork_generation();
    if (given != NULL && given[0] != '\0') {
        loaded = load_from(given);
    } else {
        loaded = load_from("libcudart.so.13") || load_from("libcudart.so.12");
    }
}

baton_status baton__cuda_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load_once);
    if (!loaded) {
        return baton__fail(BATON_ERR_NOT_SUPPORTED, "the CUDA runtime cannot be loaded: %s", failure);
    }
    if (generation != baton__fork_generation()) {
        return baton__fail_as_is(BATON_ERR_WRONG_PROCESS, "the parent of this process loaded CUDA, which is of no use after fork()");
    }
    return BATON_OK;
}

const char *baton__cuda_path(void)
{
    return path;
}

int baton__cuda_used(void)
{
    return __atomic_load_n(&used, __ATOMIC_RELAXED);
}

/* The application shall not find our failures in cudaGetLastError. */
static int ended(cudaError_t code)
{
    if (code != cudaSuccess) {
        (void)cuda.cudaGetLastError();
    }
    return (int)code;
}

const char *baton__cuda_name(int code)
{
    return cuda.cudaGetErrorName((cudaError_t)code);
}

const char *baton__cuda_text(int code)
{
    return cuda.cudaGetErrorString((cudaError_t)code);
}

baton_status baton__cuda_fail(int code, const char *what)
{
    return baton__fail(code == BATON__CUDA_NO_MEMORY ? BATON_ERR_OUT_OF_MEMORY : BATON_ERR_DEVICE, "%s: %s (%d), %s", what,
                       baton__cuda_name(code), code, baton__cuda_text(code));
}

/* The first thread of a process has the name of its program, which can be ours. */
bool baton__cuda_on_own_thread(void)
{
    char name[16];
    return gettid() != getpid() && pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 && strcmp(name, "baton") == 0;
}

static int exchange_capture_mode(int mode)
{
    enum cudaStreamCaptureMode exchanged = (enum cudaStreamCaptureMode)mode;
    if (cuda.cudaThreadExchangeStreamCaptureMode != NULL) {
        (void)ended(cuda.cudaThreadExchangeStreamCaptureMode(&exchanged));
    }
    return (int)exchanged;
}

int baton__cuda_enter(int device, baton__cuda_visit *visit_out)
{
    int before = device;
    cudaError_t code = cuda.cudaGetDevice(&before);
    if (code == cudaSuccess && before != device) {
        code = cuda.cudaSetDevice(device);
    }
    if (code != cudaSuccess) {
        return ended(code);
    }
    if (baton__cuda_used() < 0) {
        __atomic_store_n(&used, device, __ATOMIC_RELAXED);
    }
    visit_out->device = before == device || baton__cuda_on_own_thread() ? -1 : before;
    visit_out->capture = exchange_capture_mode((int)cudaStreamCaptureModeRelaxed);
    return BATON__CUDA_OK;
}

void baton__cuda_leave(const baton__cuda_visit *visit)
{
    (void)exchange_capture_mode(visit->capture);
    if (visit->device >= 0) {
        (void)ended(cuda.cudaSetDevice(visit->device));
    }
}

int baton__cuda_count(int *count_out)
{
    return ended(cuda.cudaGetDeviceCount(count_out));
}

int baton__cuda_current(int *device_out)
{
    return ended(cuda.cudaGetDevice(device_out));
}

int baton__cuda_runtime_version(int *version_out)
{
    return ended(cuda.cudaRuntimeGetVersion(version_out));
}

int baton__cuda_driver_version(int *version_out)
{
    return ended(cuda.cudaDriverGetVersion(version_out));
}

int baton__cuda_pci_bus_id(int device, char *text, int size)
{
    return ended(cuda.cudaDeviceGetPCIBusId(text, size, device));
}

int baton__cuda_has_pools(int device, bool *pools_out)
{
    int value = 0;
    int code = ended(cuda.cudaDeviceGetAttribute(&value, cudaDevAttrMemoryPoolsSupported, device));
    *pools_out = code == BATON__CUDA_OK && value != 0;
    return code;
}

int baton__cuda_compute(int device, int *major_out, int *minor_out)
{
    cudaError_t code = cuda.cudaDeviceGetAttribute(major_out, cudaDevAttrComputeCapabilityMajor, device);
    if (code == cudaSuccess) {
        code = cuda.cudaDeviceGetAttribute(minor_out, cudaDevAttrComputeCapabilityMinor, device);
    }
    return ended(code);
}

int baton__cuda_memory_of(const void *pointer, baton__cuda_memory *memory_out, int *device_out)
{
    union {
        struct cudaPointerAttributes attributes;
        char room[256]; /* a newer runtime writes more than these headers know */
    } found;
    memset(&found, 0, sizeof(found));
    cudaError_t code = cuda.cudaPointerGetAttributes(&found.attributes, pointer);
    if (code == cudaErrorInvalidValue) { /* what older runtimes say of memory that is not theirs */
        (void)ended(code);
        *memory_out = BATON__CUDA_MEMORY_UNKNOWN;
        return BATON__CUDA_OK;
    }
    if (code == cudaSuccess) {
        *memory_out = (baton__cuda_memory)found.attributes.type;
        *device_out = found.attributes.device;
    }
    return ended(code);
}

int baton__cuda_allocate(void **pointer_out, size_t size_bytes)
{
    return ended(cuda.cudaMalloc(pointer_out, size_bytes));
}

int baton__cuda_free(void *pointer)
{
    return ended(cuda.cudaFree(pointer));
}

int baton__cuda_allocate_async(void **pointer_out, size_t size_bytes, void *stream)
{
    return ended(cuda.cudaMallocAsync(pointer_out, size_bytes, stream));
}

int baton__cuda_free_async(void *pointer, void *stream)
{
    return ended(cuda.cudaFreeAsync(pointer, stream));
}

int baton__cuda_pin(void **pointer_out, size_t size_bytes)
{
    return ended(cuda.cudaHostAlloc(pointer_out, size_bytes, cudaHostAllocPortable));
}

int baton__cuda_unpin(void *pointer)
{
    return ended(cuda.cudaFreeHost(pointer));
}

int baton__cuda_export(void *pointer)
{
    cudaIpcMemHandle_t handle;
    return cuda.cudaIpcGetMemHandle == NULL ? BATON__CUDA_NOT_SUPPORTED : ended(cuda.cudaIpcGetMemHandle(&handle, pointer));
}

/* The runtime takes a priority beyond its range for the nearest one inside: no need to ask for the range. */
int baton__cuda_stream_create(void **stream_out)
{
    cudaStream_t stream = NULL;
    int code = ended(cuda.cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, INT_MIN));
    if (code == BATON__CUDA_OK) {
        *stream_out = stream;
    }
    return code;
}

int baton__cuda_stream_destroy(void *stream)
{
    return ended(cuda.cudaStreamDestroy(stream));
}

int baton__cuda_stream_query(void *stream)
{
    return ended(cuda.cudaStreamQuery(stream));
}

int baton__cuda_stream_wait(void *stream, void *event)
{
    return ended(cuda.cudaStreamWaitEvent(stream, event, 0));
}

int baton__cuda_stream_device(void *stream, int *device_out)
{
    return cuda.cudaStreamGetDevice == NULL ? baton__cuda_current(device_out)
                                            : ended(cuda.cudaStreamGetDevice(stream, device_out));
}

int baton__cuda_stream_captures(void *stream, bool *captures_out)
{
    enum cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    int code = cuda.cudaStreamIsCapturing == NULL ? BATON__CUDA_OK : ended(cuda.cudaStreamIsCapturing(stream, &status));
    *captures_out = status != cudaStreamCaptureStatusNone;
    return code;
}

int baton__cuda_stream_call(void *stream, void (*function)(void *context), void *context)
{
    return ended(cuda.cudaLaunchHostFunc(stream, function, context));
}

int baton__cuda_event_create(void **event_out)
{
    cudaEvent_t event = NULL;
    int code = ended(cuda.cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    if (code == BATON__CUDA_OK) {
        *event_out = event;
    }
    return code;
}

int baton__cuda_event_destroy(void *event)
{
    return ended(cuda.cudaEventDestroy(event));
}

int baton__cuda_event_record(void *event, void *stream)
{
    return ended(cuda.cudaEventRecord(event, stream));
}

int baton__cuda_event_query(void *event)
{
    return ended(cuda.cudaEventQuery(event));
}

int baton__cuda_copy(void *to, const void *from, size_t size_bytes, void *stream)
{
    return ended(cuda.cudaMemcpyAsync(to, from, size_bytes, cudaMemcpyDefault, stream));
}

int baton__cuda_copy_rows(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t rows, void *stream)
{
    return ended(cuda.cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, rows, cudaMemcpyDefault, stream));
}
