/* Emulated: what nvcc gives to .cu files, as C++. See emulation.h. */
#ifndef TESTS_GPU_EMULATION_CUDA_RUNTIME_H
#define TESTS_GPU_EMULATION_CUDA_RUNTIME_H

#include <cmath>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>

#include <cuda_runtime_api.h>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__      static /* blocks run one after the other */
#define __align__(n)    alignas(n)
#define __launch_bounds__(...)

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_)
    {
    }
};

struct uint2 {
    unsigned x, y;
};

inline uint2 make_uint2(unsigned x, unsigned y)
{
    return uint2{x, y};
}

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

void __syncthreads();
void __syncwarp(unsigned mask = 0xffffffffu);
unsigned __ballot_sync(unsigned mask, int predicate);

/* Every lane brings 8 bytes and gets those of lane `from`. */
uint64_t emulated_exchange(unsigned mask, uint64_t value, unsigned from);
unsigned emulated_lane();
/* Six words of each lane of the warp, for all of them to see until the next gathering. */
const uint32_t (*emulated_gather6(const uint32_t mine[6]))[6];

template <class T> T __shfl_sync(unsigned mask, T value, int from)
{
    static_assert(sizeof(T) <= sizeof(uint64_t), "");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    bits = emulated_exchange(mask, bits, (unsigned)from % 32);
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

template <class T> T __shfl_xor_sync(unsigned mask, T value, int with)
{
    return __shfl_sync(mask, value, (int)(emulated_lane() ^ (unsigned)with));
}

template <class T> T __shfl_down_sync(unsigned mask, T value, int by)
{
    const unsigned from = emulated_lane() + (unsigned)by;
    return __shfl_sync(mask, value, (int)(from < 32 ? from : emulated_lane()));
}

inline int __popc(unsigned value)
{
    return __builtin_popcount(value);
}

/* Compiled with -ffp-contract=off: each is rounded. */
inline float __fmul_rn(float a, float b)
{
    return a * b;
}

inline float __fadd_rn(float a, float b)
{
    return a + b;
}

/* Threads of a block take turns, so a plain addition is atomic. */
template <class T> T atomicAdd(T *at, T value)
{
    T old = *at;
    *at += value;
    return old;
}

template <class T> T atomicMax(T *at, T value)
{
    T old = *at;
    *at = value > old ? value : old;
    return old;
}

/* Dynamic shared memory of the running block: extern __shared__ cannot be had from a compiler that does not know
 * it. */
void *emulated_dynamic_shared();

cudaError_t emulated_launch(dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
                            std::function<void()> thread);

template <class... P, size_t... I>
cudaError_t emulated_launch_with(void (*kernel)(P...), dim3 grid, dim3 block, void **arguments,
                                 size_t shared_bytes, cudaStream_t stream,
                                 std::index_sequence<I...>)
{
    /* As on the GPU, arguments are copied at the launch. */
    auto copies = std::make_tuple(*(typename std::decay<P>::type *)arguments[I]...);
    return emulated_launch(grid, block, shared_bytes, stream,
                           [kernel, copies] { kernel(std::get<I>(copies)...); });
}

#endif
