/* What differs between CUDA 10.2 .. 13 and cuDNN 8 .. 9; nothing else in gpu/cuda/ asks for a version.
 *
 * | what | until | since |
 * |---|---|---|
 * | cudaGraphInstantiate | CUDA 11: (exec, graph, node, log, bytes) | CUDA 12: (exec, graph, flags) |
 * | cudnnStatus_t | cuDNN 8: NOT_SUPPORTED, ARCH_MISMATCH, VERSION_MISMATCH are single codes |
 *   cuDNN 9: categories of a thousand codes each, 3000 is "not supported" |
 * | CUDNN_FMA_MATH | cuDNN 7: not there, so cuDNN 7 is refused | cuDNN 8 |
 *
 * Avoided because they differ, instead of guarded: fields of cudaDeviceProp other than `name`
 * (attributes are asked for one by one), __hmax2 (CUDA 11, sm_80), cooperative groups, cudaMallocAsync
 * (CUDA 11.2), the graph API of cuDNN (docs/gpu-notes.md says why).
 */
#ifndef GPU_CUDA_COMPAT_H
#define GPU_CUDA_COMPAT_H

#include <cuda_runtime_api.h>
#include <cudnn.h>

#if CUDART_VERSION < 10020
#error "CUDA 10.2 or newer is needed"
#endif
#if CUDNN_MAJOR < 8
#error "cuDNN 8 or newer is needed"
#endif

static inline cudaError_t cuda_graph_instantiate(cudaGraphExec_t *exec, cudaGraph_t graph)
{
#if CUDART_VERSION >= 12000
    return cudaGraphInstantiate(exec, graph, 0);
#else
    return cudaGraphInstantiate(exec, graph, NULL, NULL, 0);
#endif
}

/* Can cuDNN not do this here at all, as opposed to having failed? */
static inline int cuda_dnn_is_unsupported(cudnnStatus_t status)
{
#if CUDNN_MAJOR >= 9
    return (int)status / 1000 == 3;
#else
    return status == CUDNN_STATUS_NOT_SUPPORTED || status == CUDNN_STATUS_ARCH_MISMATCH;
#endif
}

#endif
