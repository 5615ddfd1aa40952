/* NVML: what NVIDIA's driver says of a discrete GPU. The library comes with the driver and is looked for when it is asked
 * for, so that nothing links to it; its few calls are declared here. It is the GPU's board that is
 * measured, not the machine around it.
 * Source: NVML API reference; nvmlDeviceGetTotalEnergyConsumption (mJ) from Volta on, else
 * nvmlDeviceGetPowerUsage (mW).
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"
#include "worker/power_sampler.h"

typedef int (*nvml_init)(void);
typedef int (*nvml_handle)(unsigned index, void **device);
typedef int (*nvml_power)(void *device, unsigned *mw);
typedef int (*nvml_energy)(void *device, unsigned long long *mj);

struct nvml {
    struct worker_power_source base;
    void *library, *device;
    int (*shutdown)(void);
    nvml_power power;
    nvml_energy energy; /* NULL: not on this GPU */
};

static void nvml_close(struct worker_power_source *source)
{
    struct nvml *nvml = (struct nvml *)source;
    if (nvml->shutdown)
        nvml->shutdown();
    if (nvml->library)
        dlclose(nvml->library);
    free(nvml);
}

/* ISO C has no conversion from an object's to a function's address; POSIX promises that this works. */
static void find(void *library, const char *name, void *function)
{
    void *const found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
}

/* The N of "cuda:N,f16" counts what CUDA_VISIBLE_DEVICES leaves, NVML counts all. */
static unsigned physical(unsigned index)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    for (unsigned i = 0; visible && *visible; i++) {
        char *end;
        const unsigned long number = strtoul(visible, &end, 10);
        if (end == visible) /* names, which NVML could resolve; not needed so far */
            return index;
        if (i == index)
            return (unsigned)number;
        visible = *end == ',' ? end + 1 : end;
    }
    return index;
}

static bool index_of(const struct worker_power_settings *settings, const char *argument,
                     unsigned *index)
{
    *index = 0;
    if (argument) {
        char *end;
        *index = (unsigned)strtoul(argument, &end, 10);
        return end != argument && !*end;
    }
    if (settings->device && strncmp(settings->device, "cuda:", 5) == 0)
        *index = physical((unsigned)strtoul(settings->device + 5, NULL, 10));
    return true;
}

static int library_open(struct nvml *nvml, unsigned index, char *why, size_t why_bytes)
{
    nvml_init init;
    nvml_handle handle;
    unsigned mw;
    unsigned long long mj;
    nvml->library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!nvml->library) {
        snprintf(why, why_bytes, "no libnvidia-ml.so.1 (it comes with NVIDIA's driver)");
        return PROTO_NOT_FOUND;
    }
    find(nvml->library, "nvmlInit_v2", &init);
    find(nvml->library, "nvmlDeviceGetHandleByIndex_v2", &handle);
    find(nvml->library, "nvmlDeviceGetPowerUsage", &nvml->power);
    if (!init || !handle || !nvml->power || init() != 0) {
        snprintf(why, why_bytes, "NVML does not start");
        return PROTO_IO;
    }
    find(nvml->library, "nvmlShutdown", &nvml->shutdown);
    if (handle(index, &nvml->device) != 0) {
        snprintf(why, why_bytes, "NVML knows no GPU %u", index);
        return PROTO_NOT_FOUND;
    }
    if (nvml->power(nvml->device, &mw) != 0) {
        snprintf(why, why_bytes, "GPU %u does not tell its power", index);
        return PROTO_NOT_FOUND;
    }
    find(nvml->library, "nvmlDeviceGetTotalEnergyConsumption", &nvml->energy);
    if (nvml->energy && nvml->energy(nvml->device, &mj) != 0)
        nvml->energy = NULL;
    nvml->base.counts_joules = nvml->energy != NULL;
    return PROTO_OK;
}

static int nvml_open(const struct worker_power_settings *settings, const char *argument, char *why,
                     size_t why_bytes, struct worker_power_source **out)
{
    unsigned index;
    if (!index_of(settings, argument, &index)) {
        snprintf(why, why_bytes, "'%.60s' is not the number of a GPU", argument);
        return PROTO_INVALID;
    }
    struct nvml *nvml = calloc(1, sizeof *nvml);
    if (!nvml)
        return PROTO_NO_MEMORY;
    const int status = library_open(nvml, index, why, why_bytes);
    if (status != PROTO_OK) {
        nvml_close(&nvml->base);
        return status;
    }
    snprintf(nvml->base.rail, sizeof nvml->base.rail, "GPU %u", index);
    *out = &nvml->base;
    return PROTO_OK;
}

static bool nvml_read(struct worker_power_source *source, uint64_t now_us, double *value)
{
    const struct nvml *nvml = (const struct nvml *)source;
    unsigned mw;
    unsigned long long mj;
    (void)now_us;
    if (nvml->energy) {
        if (nvml->energy(nvml->device, &mj) != 0)
            return false;
        *value = (double)mj / 1e3;
        return true;
    }
    if (nvml->power(nvml->device, &mw) != 0)
        return false;
    *value = mw / 1e3;
    return true;
}

const struct worker_power_sampler worker_power_nvml = {
    .name = "nvml",
    .argument = "N",
    .what = "a discrete NVIDIA GPU, through its driver's library",
    .open = nvml_open,
    .close = nvml_close,
    .read = nvml_read,
};
