/* See status.h. */
#include "gpu/cuda/status.h"

#include "proto/log.h"

void cuda_error_clear(void)
{
    (void)cudaGetLastError();
}

int cuda_status(cudaError_t error, const char *call)
{
    if (error == cudaSuccess)
        return PROTO_OK;
    cuda_error_clear();
    proto_log_error("gpu", "%.80s: %s (%s)", call, cudaGetErrorString(error),
                    cudaGetErrorName(error));
    return error == cudaErrorMemoryAllocation ? PROTO_NO_MEMORY : PROTO_DEVICE;
}

int cuda_dnn_status(cudnnStatus_t error, const char *call)
{
    if (error == CUDNN_STATUS_SUCCESS)
        return PROTO_OK;
    cuda_error_clear();
    proto_log_error("gpu", "%.80s: %s", call, cudnnGetErrorString(error));
    return error == CUDNN_STATUS_ALLOC_FAILED ? PROTO_NO_MEMORY : PROTO_DEVICE;
}

int cuda_memory_open(size_t bytes, void **out)
{
    *out = NULL;
    if (bytes == 0)
        return PROTO_OK;
    const cudaError_t error = cudaMalloc(out, bytes);
    if (error != cudaErrorMemoryAllocation)
        return cuda_status(error, "cudaMalloc");
    cuda_error_clear();
    *out = NULL;
    return PROTO_NO_MEMORY;
}

void cuda_memory_close(void *memory)
{
    if (memory)
        (void)CUDA_STATUS(cudaFree(memory));
}

int cuda_memory_upload(void *gpu, const void *from, size_t bytes)
{
    int status = CUDA_STATUS(cudaMemcpy(gpu, from, bytes, cudaMemcpyHostToDevice));
    return status == PROTO_OK ? CUDA_STATUS(cudaDeviceSynchronize()) : status;
}
