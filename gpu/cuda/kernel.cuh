/* What the .cu files share: vectors of 16 bytes, conversions, and the launch. Plain C++11. */
#ifndef GPU_CUDA_KERNEL_CUH
#define GPU_CUDA_KERNEL_CUH

#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <type_traits>

#include "gpu/cuda/kernels.h"
#include "gpu/cuda/launch.cuh"

enum { CUDA_WARP = 32 };

/* As many channels as one load or store of 16 bytes moves. */
template <class T> struct __align__(16) cuda_vector
{
    enum { SIZE = (int)(16 / sizeof(T)) };
    T at[SIZE];
};

template <class T>
__device__ __forceinline__ cuda_vector<T> cuda_vector_load(const T *__restrict__ from)
{
    return *reinterpret_cast<const cuda_vector<T> *>(from);
}

template <class T>
__device__ __forceinline__ void cuda_vector_store(T *to, const cuda_vector<T> &vector)
{
    *reinterpret_cast<cuda_vector<T> *>(to) = vector;
}

__device__ __forceinline__ float cuda_to_float(float value)
{
    return value;
}

__device__ __forceinline__ float cuda_to_float(__half value)
{
    return __half2float(value);
}

template <class T> __device__ __forceinline__ T cuda_from_float(float value);

template <> __device__ __forceinline__ float cuda_from_float<float>(float value)
{
    return value;
}

template <> __device__ __forceinline__ __half cuda_from_float<__half>(float value)
{
    return __float2half_rn(value);
}

inline unsigned cuda_blocks(int64_t items, int64_t each)
{
    return (unsigned)((items + each - 1) / each);
}

/* kernel<<<grid, block, 0, stream>>>(arguments...) as a function that returns the error. The parameters
 * are those of the kernel, so that the addresses handed on point to the right types. */
template <class... P>
inline cudaError_t cuda_launch(void (*kernel)(P...), dim3 grid, dim3 block, cudaStream_t stream,
                               typename std::common_type<P>::type... arguments)
{
    void *addresses[] = {(void *)&arguments...};
    return cuda_launch_function(kernel, grid, block, addresses, stream);
}

#endif
