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

#endif
