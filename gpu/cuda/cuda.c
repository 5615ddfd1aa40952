/* Device "cuda:N": cuDNN and own kernels; pyramid, nets and local NMS without leaving the GPU. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/backends.h"
#include "gpu/cuda/compat.h"
#include "gpu/cuda/device.h"
#include "gpu/cuda/operation.h"
#include "gpu/cuda/status.h"
#include "proto/log.h"

enum { LANES_LARGE = 8, LANES_SMALL = 4, LARGE_FROM = 32 /* multiprocessors */ };

const char *const cuda_options[] = {"nograph", "serial", "copy",    "dynamic", "roundtrip",
                                    "own",     "timed",  "unfused", NULL};

int cuda_enter(struct cuda_device *device)
{
    return CUDA_STATUS(cudaSetDevice(device->index));
}

static int index_read(const char *argument, int *out)
{
    char *end;
    const long index = strtol(argument ? argument : "0", &end, 10);
    if (*end || (argument && !argument[0]) || index < 0 || index > 1023) {
        proto_log_error("gpu", "device 'cuda:%s': a number is expected, as in cuda:0", argument);
        return PROTO_INVALID;
    }
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    cuda_error_clear();
    if (error != cudaSuccess || count == 0) {
        proto_log_error("gpu", "device 'cuda:%ld': no CUDA GPU here (%s); use cpu", index,
                        error ? cudaGetErrorString(error) : "none found");
        return PROTO_NOT_FOUND;
    }
    if (index >= count) {
        proto_log_error("gpu", "device 'cuda:%ld': this machine has cuda:0 to cuda:%d", index,
                        count - 1);
        return PROTO_NOT_FOUND;
    }
    *out = (int)index;
    return PROTO_OK;
}

static int attribute(const struct cuda_device *device, enum cudaDeviceAttr which, int *out)
{
    return CUDA_STATUS(cudaDeviceGetAttribute(out, which, device->index));
}

/* "NVIDIA_Orin_sm_87,cudnn_9.3.0,cudart_12.6": equal ones give equal bits. */
static void kernels_write(struct cuda_device *device, const struct cudaDeviceProp *prop, int major,
                          int minor)
{
    char dnn[32];
    int runtime = 0;
    cuda_dnn_version(dnn);
    (void)CUDA_STATUS(cudaRuntimeGetVersion(&runtime));
    const int length = snprintf(
        device->kernels, sizeof device->kernels, "%.64s_sm_%d%d,%s,cudart_%d.%d", prop->name, major,
        minor, device->options & CUDA_OWN ? "own" : dnn, runtime / 1000, runtime % 1000 / 10);
    for (int i = 0; i < length; i++)
        if (device->kernels[i] == ' ')
            device->kernels[i] = '_';
}

static int machine_look(struct cuda_device *device)
{
    int integrated = 0, map = 0, processors = 0, major = 0, minor = 0;
    size_t free_bytes, total_bytes;
    struct cudaDeviceProp prop;
    int status = attribute(device, cudaDevAttrIntegrated, &integrated);
    if (status == PROTO_OK)
        status = attribute(device, cudaDevAttrCanMapHostMemory, &map);
    if (status == PROTO_OK)
        status = attribute(device, cudaDevAttrMultiProcessorCount, &processors);
    if (status == PROTO_OK)
        status = attribute(device, cudaDevAttrComputeCapabilityMajor, &major);
    if (status == PROTO_OK)
        status = attribute(device, cudaDevAttrComputeCapabilityMinor, &minor);
    if (status == PROTO_OK)
        status = CUDA_STATUS(cudaGetDeviceProperties(&prop, device->index));
    if (status == PROTO_OK)
        status = CUDA_STATUS(cudaMemGetInfo(&free_bytes, &total_bytes));
    if (status != PROTO_OK)
        return status;
    device->mapped = integrated && map && !(device->options & CUDA_COPY);
    device->lane_count = device->options & CUDA_SERIAL ? 1
                         : processors >= LARGE_FROM    ? LANES_LARGE
                                                       : LANES_SMALL;
    status = CUDA_STATUS(cuda_first_runs(&device->fuses));
    if (status != PROTO_OK)
        return status;
    device->fuses = device->fuses && device->half && !(device->options & (CUDA_OWN | CUDA_UNFUSED));
    /* Which kernels fit must not depend on what happens to be free: equal GPUs, equal kernels. */
    device->workspace_max = total_bytes / 64;
    kernels_write(device, &prop, major, minor);
    return PROTO_OK;
}

static void event_close(cudaEvent_t event)
{
    if (event)
        (void)CUDA_STATUS(cudaEventDestroy(event));
}

static void cuda_close(struct gpu_device *base)
{
    struct cuda_device *device = (struct cuda_device *)base;
    if (cuda_enter(device) == PROTO_OK) {
        cuda_sequences_close(device);
        cuda_transfer_close(device);
        for (int i = 0; i < CUDA_LANES_MAX; i++)
            cuda_lane_close(&device->lanes[i]);
        event_close(device->fork);
        event_close(device->begun);
        event_close(device->ended);
    }
    cuda_frame_close(device);
    free(device->bounce);
    free(device);
}

static int cuda_open(const char *argument, enum gpu_precision precision,
                     const struct gpu_settings *settings, struct gpu_device **out)
{
    int index = 0, status = index_read(argument, &index);
    if (status != PROTO_OK)
        return status;
    struct cuda_device *device = calloc(1, sizeof *device);
    if (!device)
        return PROTO_NO_MEMORY;
    device->index = index;
    device->options = settings->options;
    if (device->options & (CUDA_DYNAMIC | CUDA_ROUNDTRIP))
        device->options |= CUDA_NOGRAPH | CUDA_SERIAL;
    device->half = precision == GPU_F16;
    device->softmax = settings->softmax;
    device->element = device->half ? 2 : 4;
    device->vector = (int32_t)(16 / device->element);
    status = cuda_enter(device);
    if (status == PROTO_OK)
        status = machine_look(device);
    if (status == PROTO_OK)
        status = CUDA_STATUS(cudaEventCreateWithFlags(&device->fork, cudaEventDisableTiming));
    if (status == PROTO_OK)
        status = CUDA_STATUS(cudaEventCreateWithFlags(&device->begun, cudaEventDefault));
    if (status == PROTO_OK)
        status = CUDA_STATUS(cudaEventCreateWithFlags(&device->ended, cudaEventDefault));
    for (int i = 0; i < device->lane_count && status == PROTO_OK; i++)
        status = cuda_lane_open(&device->lanes[i]);
    if (status != PROTO_OK) {
        cuda_close(&device->base);
        return status;
    }
    *out = &device->base;
    return PROTO_OK;
}

static const char *cuda_kernels(struct gpu_device *base)
{
    return ((struct cuda_device *)base)->kernels;
}

const struct gpu_backend gpu_cuda_backend = {
    .name = "cuda",
    .what = "NVIDIA GPU, as in cuda:0: cuDNN and own kernels, everything on the GPU",
    .precisions = 1u << GPU_F32 | 1u << GPU_F16,
    .usual = GPU_F16,
    .options = cuda_options,
    .open = cuda_open,
    .close = cuda_close,
    .kernels = cuda_kernels,
    .net_open = cuda_net_open,
    .net_close = cuda_net_close,
    .chain_open = cuda_chain_open,
    .chain_close = cuda_chain_close,
    .frame_prepare = cuda_frame_prepare,
    .frame_begin = cuda_frame_begin,
    .sample = cuda_frame_sample,
    .run = cuda_frame_run,
    .local_nms = cuda_frame_local_nms,
    .frame_end = cuda_frame_end,
    .frame_times = cuda_frame_times,
    .operations = &cuda_operations,
    .input_set = cuda_single_input_set,
    .input_get = cuda_single_input_get,
    .scores_get = cuda_single_scores_get,
};
