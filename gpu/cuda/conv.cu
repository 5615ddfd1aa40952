/* Convolution + bias + ReLU as an implicit GEMM in fp32 FMAs, for what cuDNN does not do: it refuses some
 * layouts and types on some chips. Slower than cuDNN, and no tensor cores.
 *
 * M = output pixels, N = output channels, K = kh x kw x in_c. A block makes 64 x 64 outputs, each of 256
 * threads 4 x 4 of them; per step it brings 64 pixels x 8 channels and 8 channels x 64 filters into shared
 * memory. Sums run over rows, columns, then channels of the window for every map size: a cell has the same
 * bits in any tile.
 */
#include "gpu/cuda/kernel.cuh"

enum { THREADS = 256, TILE = 64, EACH = 4, DEPTH = 8, SIDE = TILE / EACH };

struct conv {
    struct cuda_layer_size size;
    bool relu;
};

/* One channel of a window's pixel; nothing beyond the last channel or pixel. */
template <class T>
static __device__ __forceinline__ float value_at(const struct cuda_layer_size &size, const T *in,
                                                 int32_t m, int32_t i, int32_t j, int32_t c)
{
    if (m >= size.out_h * size.out_w || c >= size.in_c)
        return 0.0f;
    const int32_t y = m / size.out_w * size.sh + i, x = m % size.out_w * size.sw + j;
    return cuda_to_float(
        in[((size_t)y * (size_t)size.in_w + (size_t)x) * (size_t)size.in_c + (size_t)c]);
}

template <class T>
static __device__ __forceinline__ float weight_at(const struct cuda_layer_size &size,
                                                  const T *weights, int32_t n, int32_t i, int32_t j,
                                                  int32_t c)
{
    if (n >= size.out_c || c >= size.in_c)
        return 0.0f;
    const size_t tap = ((size_t)n * (size_t)size.kh + (size_t)i) * (size_t)size.kw + (size_t)j;
    return cuda_to_float(weights[tap * (size_t)size.in_c + (size_t)c]);
}

template <class T>
static __global__ void __launch_bounds__(THREADS)
    conv_kernel(const struct conv conv, const T *__restrict__ in, const T *__restrict__ weights,
                const T *__restrict__ bias, T *__restrict__ out)
{
    __shared__ float a[DEPTH][TILE], b[DEPTH][TILE];
    const struct cuda_layer_size &size = conv.size;
    const int32_t m0 = (int32_t)blockIdx.x * TILE, n0 = (int32_t)blockIdx.y * TILE;
    const int32_t thread = (int32_t)threadIdx.x, tm = thread / SIDE, tn = thread % SIDE;
    float sum[EACH][EACH] = {};

    for (int32_t i = 0; i < size.kh; i++)
        for (int32_t j = 0; j < size.kw; j++)
            for (int32_t c0 = 0; c0 < size.in_c; c0 += DEPTH) {
                for (int32_t at = thread; at < DEPTH * TILE; at += THREADS) {
                    const int32_t c = at % DEPTH, which = at / DEPTH;
                    a[c][which] = value_at(size, in, m0 + which, i, j, c0 + c);
                    b[c][which] = weight_at(size, weights, n0 + which, i, j, c0 + c);
                }
                __syncthreads();
                for (int32_t c = 0; c < DEPTH; c++)
#pragma unroll
                    for (int32_t p = 0; p < EACH; p++)
#pragma unroll
                        for (int32_t q = 0; q < EACH; q++)
                            sum[p][q] += a[c][tm + p * SIDE] * b[c][tn + q * SIDE];
                __syncthreads(); /* before the next step overwrites them */
            }
#pragma unroll
    for (int32_t p = 0; p < EACH; p++)
#pragma unroll
        for (int32_t q = 0; q < EACH; q++) {
            const int32_t m = m0 + tm + p * SIDE, n = n0 + tn + q * SIDE;
            if (m >= size.out_h * size.out_w || n >= size.out_c)
                continue;
            const float z = sum[p][q] + cuda_to_float(bias[n]);
            out[(size_t)m * (size_t)size.out_c + (size_t)n] =
                cuda_from_float<T>(conv.relu && z < 0.0f ? 0.0f : z);
        }
}

template <class T>
static cudaError_t launch(const struct conv &conv, const void *in, const void *weights,
                          const void *bias, void *out, cudaStream_t stream)
{
    const dim3 grid(cuda_blocks((int64_t)conv.size.out_h * conv.size.out_w, TILE),
                    cuda_blocks(conv.size.out_c, TILE));
    return cuda_launch(conv_kernel<T>, grid, dim3(THREADS), stream, conv, (const T *)in,
                       (const T *)weights, (const T *)bias, (T *)out);
}

extern "C" cudaError_t cuda_conv_launch(const struct cuda_layer_size *size, bool half, bool relu,
                                        const void *in, const void *weights, const void *bias,
                                        void *out, cudaStream_t stream)
{
    struct conv conv;
    conv.size = *size;
    conv.relu = relu;
    return half ? launch<__half>(conv, in, weights, bias, out, stream)
                : launch<float>(conv, in, weights, bias, out, stream);
}
