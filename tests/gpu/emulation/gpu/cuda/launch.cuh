/* Emulated: stands before gpu/cuda/launch.cuh in the include path, as the emulation needs to know what a kernel's
 * arguments are.
 */
#ifndef GPU_CUDA_LAUNCH_CUH
#define GPU_CUDA_LAUNCH_CUH

#include <cuda_runtime.h>

template <class... P>
inline cudaError_t cuda_launch_function(void (*kernel)(P...), dim3 grid, dim3 block,
                                        void **addresses, cudaStream_t stream)
{
    return emulated_launch_with(kernel, grid, block, addresses, 0, stream,
                                std::index_sequence_for<P...>());
}

template <class... P> inline cudaError_t cuda_function_ptx(void (*kernel)(P...), int *version)
{
    (void)kernel;
    *version = 90;
    return cudaSuccess;
}

#endif
