/* The single operations that nets do without, for `muster bench --ops`. All are bound by memory: each
 * value is read once, 16 bytes at a time where rows allow, and sums are fp32 in a fixed order.
 */
#include <type_traits>

#include "gpu/cuda/kernel.cuh"
#include "gpu/cuda/operation.h"

enum { THREADS = 256, WARPS = THREADS / CUDA_WARP, DOT_BLOCKS = 256 };

template <class T> struct add {
    static __device__ float of(float a, float b)
    {
        return a + b;
    }
};

template <class T> struct multiply {
    static __device__ float of(float a, float b)
    {
        return a * b;
    }
};

template <class T> struct relu {
    static __device__ float of(float a, float b)
    {
        (void)b;
        return a > 0.0f ? a : 0.0f;
    }
};

/* n: whole vectors; memory is padded to that. b may be a where it is not used. */
template <class T, template <class> class F>
static __global__ void __launch_bounds__(THREADS)
    elementwise_kernel(int64_t vectors, const T *__restrict__ a, const T *__restrict__ b, T *out)
{
    const int64_t at = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (at >= vectors)
        return;
    const int32_t size = cuda_vector<T>::SIZE;
    const cuda_vector<T> x = cuda_vector_load(a + at * size), y = cuda_vector_load(b + at * size);
    cuda_vector<T> z;
#pragma unroll
    for (int32_t i = 0; i < size; i++)
        z.at[i] = cuda_from_float<T>(F<T>::of(cuda_to_float(x.at[i]), cuda_to_float(y.at[i])));
    cuda_vector_store(out + at * size, z);
}

/* The sum over the block, in thread 0 of it: within warps in a tree, then over the warps. */
static __device__ float block_sum(float value, float *shared)
{
    for (int32_t step = CUDA_WARP / 2; step > 0; step /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, step);
    if (threadIdx.x % CUDA_WARP == 0)
        shared[threadIdx.x / CUDA_WARP] = value;
    __syncthreads();
    float sum = 0.0f;
    for (int32_t i = 0; i < WARPS; i++)
        sum += shared[i];
    __syncthreads(); /* before it is written again */
    return sum;
}

static __device__ float block_max(float value, float *shared)
{
    for (int32_t step = CUDA_WARP / 2; step > 0; step /= 2)
        value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, step));
    if (threadIdx.x % CUDA_WARP == 0)
        shared[threadIdx.x / CUDA_WARP] = value;
    __syncthreads();
    float largest = shared[0];
    for (int32_t i = 1; i < WARPS; i++)
        largest = fmaxf(largest, shared[i]);
    __syncthreads();
    return largest;
}

/* One block a row. */
template <class T>
static __global__ void __launch_bounds__(THREADS)
    softmax_kernel(int32_t w, const T *__restrict__ in, T *out)
{
    __shared__ float shared[WARPS];
    const T *row = in + (size_t)blockIdx.x * (size_t)w;
    T *to = out + (size_t)blockIdx.x * (size_t)w;
    float largest = -INFINITY, sum = 0.0f;
    for (int32_t i = (int32_t)threadIdx.x; i < w; i += THREADS)
        largest = fmaxf(largest, cuda_to_float(row[i]));
    largest = block_max(largest, shared);
    for (int32_t i = (int32_t)threadIdx.x; i < w; i += THREADS)
        sum += expf(cuda_to_float(row[i]) - largest);
    const float share = 1.0f / block_sum(sum, shared);
    for (int32_t i = (int32_t)threadIdx.x; i < w; i += THREADS)
        to[i] = cuda_from_float<T>(expf(cuda_to_float(row[i]) - largest) * share);
}

/* First of two passes: a part of the sum for each block. */
template <class T>
static __global__ void __launch_bounds__(THREADS)
    dot_kernel(int64_t n, const T *__restrict__ a, const T *__restrict__ b, float *parts)
{
    __shared__ float shared[WARPS];
    float sum = 0.0f;
    for (int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; i < n;
         i += (int64_t)gridDim.x * THREADS)
        sum += cuda_to_float(a[i]) * cuda_to_float(b[i]);
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0)
        parts[blockIdx.x] = sum;
}

template <class T>
static __global__ void __launch_bounds__(THREADS) dot_end_kernel(const float *parts, T *out)
{
    __shared__ float shared[WARPS];
    const float sum = block_sum(threadIdx.x < DOT_BLOCKS ? parts[threadIdx.x] : 0.0f, shared);
    if (threadIdx.x == 0)
        out[0] = cuda_from_float<T>(sum);
}

/* Planes of h x w; one thread an output. */
template <class T>
static __global__ void __launch_bounds__(THREADS)
    pool_3d_kernel(int32_t h, int32_t w, const T *__restrict__ in, T *out)
{
    const int32_t out_h = h - (PROTO_NMS_ROWS - 1), out_w = w - (PROTO_NMS_COLS - 1);
    const int32_t x = (int32_t)(blockIdx.x * THREADS + threadIdx.x);
    const int32_t y = (int32_t)blockIdx.y, c = (int32_t)blockIdx.z;
    if (x >= out_w)
        return;
    float largest = -INFINITY;
    for (int32_t i = 0; i < 3; i++)
        for (int32_t j = 0; j < PROTO_NMS_ROWS; j++)
#pragma unroll
            for (int32_t k = 0; k < PROTO_NMS_COLS; k++)
                largest = fmaxf(
                    largest,
                    cuda_to_float(in[((size_t)(c + i) * (size_t)h + (size_t)(y + j)) * (size_t)w +
                                     (size_t)(x + k)]));
    out[((size_t)c * (size_t)out_h + (size_t)y) * (size_t)out_w + (size_t)x] =
        cuda_from_float<T>(largest);
}

template <class T, template <class> class F>
static cudaError_t elementwise(const struct cuda_operation_arguments &p, cudaStream_t stream)
{
    const int64_t vectors = (p.count + cuda_vector<T>::SIZE - 1) / cuda_vector<T>::SIZE;
    return cuda_launch(elementwise_kernel<T, F>, dim3(cuda_blocks(vectors, THREADS)), dim3(THREADS),
                       stream, vectors, (const T *)p.a, (const T *)(p.b ? p.b : p.a), (T *)p.out);
}

template <class T>
static cudaError_t launch(enum gpu_operation_kind kind, const struct cuda_operation_arguments &p,
                          cudaStream_t stream)
{
    switch (kind) {
    case GPU_OPERATION_ADD:
        return elementwise<T, add>(p, stream);
    case GPU_OPERATION_MULTIPLY:
        return elementwise<T, multiply>(p, stream);
    case GPU_OPERATION_RELU:
        return elementwise<T, relu>(p, stream);
    case GPU_OPERATION_SOFTMAX:
        return cuda_launch(softmax_kernel<T>, dim3((unsigned)(p.count / p.w)), dim3(THREADS),
                           stream, p.w, (const T *)p.a, (T *)p.out);
    case GPU_OPERATION_POOL_3D:
        return cuda_launch(pool_3d_kernel<T>,
                           dim3(cuda_blocks(p.w - (PROTO_NMS_COLS - 1), THREADS),
                                (unsigned)(p.h - (PROTO_NMS_ROWS - 1)), (unsigned)(p.c - 2)),
                           dim3(THREADS), stream, p.h, p.w, (const T *)p.a, (T *)p.out);
    default: { /* DOT */
        const cudaError_t error =
            cuda_launch(dot_kernel<T>, dim3(DOT_BLOCKS), dim3(THREADS), stream, p.count,
                        (const T *)p.a, (const T *)p.b, p.scratch);
        return error != cudaSuccess ? error
                                    : cuda_launch(dot_end_kernel<T>, dim3(1), dim3(THREADS), stream,
                                                  (const float *)p.scratch, (T *)p.out);
    }
    }
}

extern "C" cudaError_t cuda_operation_launch(enum gpu_operation_kind kind, bool half,
                                             const struct cuda_operation_arguments *p,
                                             cudaStream_t stream)
{
    return half ? launch<__half>(kind, *p, stream) : launch<float>(kind, *p, stream);
}

static_assert(DOT_BLOCKS * sizeof(float) <= CUDA_OPERATION_SCRATCH, "the parts of a dot product");
static_assert(DOT_BLOCKS <= THREADS, "one block adds the parts");
