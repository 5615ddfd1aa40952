/* The last layer and the score in one: two dot products a cell, their difference in fp32.
 *
 * Bound by memory (each activation is read once, and used twice), and the net's only layer whose output
 * must stay fp32. One warp a cell: each thread takes every 32nd vector of 16 bytes, then the partial sums are
 * added in a tree, always the same one.
 */
#include "gpu/cuda/kernel.cuh"

enum { THREADS = 128, CELLS = THREADS / CUDA_WARP };

struct head {
    struct cuda_layer_size size;
    int32_t outputs;
    bool softmax;
};

/* Rounded as the device keeps activations. */
template <class T> static __device__ float kept(float value)
{
    return cuda_to_float(cuda_from_float<T>(value));
}

template <class T>
static __global__ void __launch_bounds__(THREADS)
    head_kernel(const struct head head, const T *__restrict__ in, const T *__restrict__ weights,
                const float *__restrict__ bias, float *scores)
{
    const struct cuda_layer_size &size = head.size;
    const int32_t lane = (int32_t)threadIdx.x % CUDA_WARP;
    const int32_t cell = (int32_t)(blockIdx.x * CELLS + threadIdx.x / CUDA_WARP);
    if (cell >= size.out_h * size.out_w) /* the whole warp */
        return;
    const int32_t y = cell / size.out_w, x = cell % size.out_w;
    const int32_t run = size.kw * size.in_c; /* values that lie side by side */
    float z0 = 0.0f, z1 = 0.0f;
    for (int32_t i = 0; i < size.kh; i++) {
        const T *from =
            in + ((size_t)(y * size.sh + i) * (size_t)size.in_w + (size_t)(x * size.sw)) *
                     (size_t)size.in_c;
        const T *w0 = weights + (size_t)i * (size_t)run;
        const T *w1 = w0 + (size_t)(head.outputs - 1) * (size_t)size.kh * (size_t)run;
        for (int32_t k = lane * cuda_vector<T>::SIZE; k < run;
             k += CUDA_WARP * cuda_vector<T>::SIZE) {
            const cuda_vector<T> a = cuda_vector_load(from + k), u = cuda_vector_load(w0 + k),
                                 v = cuda_vector_load(w1 + k);
#pragma unroll
            for (int32_t e = 0; e < cuda_vector<T>::SIZE; e++) {
                z0 += cuda_to_float(a.at[e]) * cuda_to_float(u.at[e]);
                z1 += cuda_to_float(a.at[e]) * cuda_to_float(v.at[e]);
            }
        }
    }
    for (int32_t step = CUDA_WARP / 2; step > 0; step /= 2) {
        z0 += __shfl_xor_sync(0xffffffffu, z0, step);
        z1 += __shfl_xor_sync(0xffffffffu, z1, step);
    }
    if (lane > 0)
        return;
    z0 += bias[0];
    z1 += bias[head.outputs - 1];
    const float score = head.outputs == 2 ? z1 - z0 : z0;
    scores[cell] = head.softmax ? kept<T>(1.0f / (1.0f + expf(-score))) : score;
}

extern "C" cudaError_t cuda_head_launch(const struct cuda_layer_size *size, bool half,
                                        int32_t outputs, bool softmax, const void *in,
                                        const void *weights, const float *bias, float *scores,
                                        cudaStream_t stream)
{
    struct head head;
    head.size = *size;
    head.outputs = outputs;
    head.softmax = softmax;
    const dim3 grid(cuda_blocks((int64_t)size->out_h * size->out_w, CELLS));
    if (half)
        return cuda_launch(head_kernel<__half>, grid, dim3(THREADS), stream, head,
                           (const __half *)in, (const __half *)weights, bias, scores);
    return cuda_launch(head_kernel<float>, grid, dim3(THREADS), stream, head, (const float *)in,
                       (const float *)weights, bias, scores);
}
