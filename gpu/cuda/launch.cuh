/* The launch itself, by address: the runtime's typed template takes functions only since CUDA 12. */
#ifndef GPU_CUDA_LAUNCH_CUH
#define GPU_CUDA_LAUNCH_CUH

#include <cuda_runtime.h>

template <class... P>
inline cudaError_t cuda_launch_function(void (*kernel)(P...), dim3 grid, dim3 block,
                                        void **addresses, cudaStream_t stream)
{
    return cudaLaunchKernel(reinterpret_cast<const void *>(kernel), grid, block, addresses, 0,
                            stream);
}

/* The PTX version a kernel was compiled from, 80 for compute_80, whatever chip it runs on. */
template <class... P> inline cudaError_t cuda_function_ptx(void (*kernel)(P...), int *version)
{
    cudaFuncAttributes attributes;
    const cudaError_t error =
        cudaFuncGetAttributes(&attributes, reinterpret_cast<const void *>(kernel));
    *version = error == cudaSuccess ? attributes.ptxVersion : 0;
    return error;
}

#endif
