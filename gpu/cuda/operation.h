/* Single operations on the GPU (gpu/operation.h): the table, and the kernels' launcher. */
#ifndef GPU_CUDA_OPERATION_H
#define GPU_CUDA_OPERATION_H

#include <cuda_runtime_api.h>

#include "gpu/operation.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { CUDA_OPERATION_SCRATCH = 1024 }; /* bytes */

/* Planar tensors on the GPU, padded to whole vectors of 16 bytes. */
struct cuda_operation_arguments {
    const void *a, *b; /* b NULL where there is none */
    void *out;
    float *scratch;
    int32_t c, h, w;
    int64_t count; /* c * h * w */
};

/* All kinds but CONV and POOL. */
cudaError_t cuda_operation_launch(enum gpu_operation_kind kind, bool half,
                                  const struct cuda_operation_arguments *arguments,
                                  cudaStream_t stream);

extern const struct gpu_operations cuda_operations;

#ifdef __cplusplus
}
#endif

#endif
