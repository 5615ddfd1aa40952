/* The first layer on tensor cores, fused with the 2 x 2 pool behind it: convolution, bias, ReLU and pool for 32
 * channels of output, halves, Ampere and later (m16n8k16).
 *
 * cuDNN sees 3 channels padded to 8, so works 2.7 times as much as need be, and its output, the largest of the
 * net by far, goes to memory and back only to be pooled. Here pixels take 4 channels (RGB and a zero) in shared
 * memory, and a quarter of the output is written. The filters stay in registers.
 *
 * One warp makes 2 rows of 16 pixels at a time: M = pixels of a row, N = channels, K = 4 channels of each tap in
 * reading order, up to 112. The two rows' sums are pooled in registers, neighbouring pixels with the lane 4 further;
 * bias, ReLU and rounding are monotonic, so they can follow the maximum. Sums run in the same order for every pixel
 * of every map.
 *
 * Versions: this is the first; not yet measured.
 */
#include "gpu/cuda/kernel.cuh"
#include "gpu/cuda/mma.cuh"

enum {
    WARPS = 4,
    THREADS = WARPS * CUDA_WARP,
    ROWS = 2 * WARPS, /* of the convolution's output, a block's */
    PIXELS = 32,      /* of a row, a block's: two tiles of 16 */
    CHANNELS = 32,
    KEPT = 4,    /* channels of a pixel in shared memory */
    K_TILES = 7, /* 16 each */
    N_TILES = CHANNELS / 8,
    TAPS_MAX = K_TILES * 16 / KEPT,
    SIDE_MAX = 7, /* of the kernel */
    BLOCKS_WANTED = 512,
    STEPS_MAX = 8,
    PATCH_W = PIXELS + SIDE_MAX - 1,
    PATCH_H = ROWS + SIDE_MAX - 1,
};

struct first {
    struct cuda_layer_size conv;
    int32_t pool_h, pool_w; /* of the pool's output */
    bool relu;
    int32_t steps; /* patches that a block takes, one below the other */
};

/* The block's pixels, with those that its windows reach; zeros beyond the map. */
static __device__ void patch_load(const struct cuda_layer_size &conv, const __half *in, int32_t y0,
                                  int32_t x0, uint2 *patch)
{
    const int32_t h = ROWS + conv.kh - 1, w = PIXELS + conv.kw - 1;
    for (int32_t i = (int32_t)threadIdx.x; i < h * w; i += THREADS) {
        const int32_t y = y0 + i / w, x = x0 + i % w;
        uint2 pixel = make_uint2(0, 0);
        if (y < conv.in_h && x < conv.in_w)
            pixel = *reinterpret_cast<const uint2 *>(
                in + ((size_t)y * (size_t)conv.in_w + (size_t)x) * (size_t)conv.in_c);
        patch[i / w * PATCH_W + i % w] = pixel;
    }
}

/* Channels c and c + 1 of a filter's tap: row k of B in pairs. */
static __device__ uint32_t weights_at(const struct cuda_layer_size &conv, const __half *weights,
                                      int32_t n, int32_t k)
{
    const int32_t tap = k / KEPT, c = k % KEPT, taps = conv.kh * conv.kw;
    if (tap >= taps)
        return 0;
    return *reinterpret_cast<const uint32_t *>(
        weights + ((size_t)n * (size_t)taps + (size_t)tap) * (size_t)conv.in_c + (size_t)c);
}

/* Where pair k of a window lies, in words from its first pixel. Behind the last tap the weights are zero, and the
 * window's own first pixel is as good as any. */
static __device__ int32_t word_at(const struct cuda_layer_size &conv, int32_t k)
{
    const int32_t tap = k / KEPT;
    if (tap >= conv.kh * conv.kw)
        return 0;
    return (tap / conv.kw * PATCH_W + tap % conv.kw) * (KEPT / 2) + k % KEPT / 2;
}

/* Sums of the 16 pixels from `window` on. */
static __device__ __forceinline__ void row_sums(const uint32_t *window,
                                                const int32_t word[K_TILES][2],
                                                const uint32_t b[K_TILES][N_TILES][2],
                                                float sums[N_TILES][4])
{
    const int32_t eight = 8 * (KEPT / 2); /* words between pixels g and g + 8 */
#pragma unroll
    for (int32_t n = 0; n < N_TILES; n++)
#pragma unroll
        for (int32_t i = 0; i < 4; i++)
            sums[n][i] = 0.0f;
#pragma unroll
    for (int32_t k = 0; k < K_TILES; k++) {
        const uint32_t a[4] = {window[word[k][0]], window[word[k][0] + eight], window[word[k][1]],
                               window[word[k][1] + eight]};
#pragma unroll
        for (int32_t n = 0; n < N_TILES; n++)
            cuda_mma(sums[n], a, b[k][n]);
    }
}

static __device__ __forceinline__ float larger(float a, float b)
{
    return b > a ? b : a;
}

static __device__ __forceinline__ uint16_t finished(float sum, const __half *bias, int32_t channel,
                                                    bool relu)
{
    const float z = sum + cuda_to_float(bias[channel]);
    const __half kept = cuda_from_float<__half>(relu && z < 0.0f ? 0.0f : z);
    return *reinterpret_cast<const uint16_t *>(&kept);
}

/* Pool two rows' sums, and write the 8 pixels: even lanes of 4 those from the first half, odd ones the others. */
static __device__ __forceinline__ void pool_store(const struct first &first,
                                                  const float upper[N_TILES][4],
                                                  const float lower[N_TILES][4], const __half *bias,
                                                  int32_t y, int32_t x0, __half *out)
{
    const int32_t lane = (int32_t)threadIdx.x % CUDA_WARP, g = lane / 4, t = lane % 4;
    const bool odd = g % 2 != 0;
    const int32_t x = x0 + (odd ? (g - 1 + 8) / 2 : g / 2);
    uint32_t pair[N_TILES];
#pragma unroll
    for (int32_t n = 0; n < N_TILES; n++) {
        float largest[4];
#pragma unroll
        for (int32_t i = 0; i < 4; i++) {
            largest[i] = larger(upper[n][i], lower[n][i]);
            largest[i] = larger(largest[i], __shfl_xor_sync(0xffffffffu, largest[i], 4));
        }
        const int32_t channel = n * 8 + 2 * t;
        pair[n] = (uint32_t)finished(odd ? largest[2] : largest[0], bias, channel, first.relu) |
                  (uint32_t)finished(odd ? largest[3] : largest[1], bias, channel + 1, first.relu)
                      << 16;
    }
    if (y >= first.pool_h || x >= first.pool_w)
        return;
    uint32_t *to = reinterpret_cast<uint32_t *>(
        out + ((size_t)y * (size_t)first.pool_w + (size_t)x) * CHANNELS);
#pragma unroll
    for (int32_t n = 0; n < N_TILES; n++)
        to[(n * 8 + 2 * t) / 2] = pair[n];
}

static __global__ void __launch_bounds__(THREADS)
    first_kernel(const struct first first, const __half *__restrict__ in,
                 const __half *__restrict__ weights, const __half *__restrict__ bias,
                 __half *__restrict__ out)
{
    __shared__ uint2 patch[PATCH_H * PATCH_W];
    const int32_t lane = (int32_t)threadIdx.x % CUDA_WARP, warp = (int32_t)threadIdx.x / CUDA_WARP;
    const int32_t g = lane / 4, t = lane % 4;
    uint32_t b[K_TILES][N_TILES][2];
    int32_t word[K_TILES][2];
#pragma unroll
    for (int32_t k = 0; k < K_TILES; k++)
#pragma unroll
        for (int32_t half = 0; half < 2; half++) {
            const int32_t at = k * 16 + half * 8 + 2 * t;
            word[k][half] = word_at(first.conv, at);
#pragma unroll
            for (int32_t n = 0; n < N_TILES; n++)
                b[k][n][half] = weights_at(first.conv, weights, n * 8 + g, at);
        }
    const int32_t x0 = (int32_t)blockIdx.x * PIXELS;
    for (int32_t step = 0; step < first.steps; step++) {
        const int32_t y0 = ((int32_t)blockIdx.y * first.steps + step) * ROWS;
        if (y0 / 2 >= first.pool_h) /* the whole block */
            return;
        if (step > 0)
            __syncthreads(); /* before the patch is overwritten */
        patch_load(first.conv, in, y0, x0, patch);
        __syncthreads();
        const uint32_t *words = reinterpret_cast<const uint32_t *>(patch);
        for (int32_t side = 0; side < PIXELS; side += 16) {
            const uint32_t *window = words + (2 * warp * PATCH_W + side + g) * (KEPT / 2);
            float upper[N_TILES][4], lower[N_TILES][4];
            row_sums(window, word, b, upper);
            row_sums(window + PATCH_W * (KEPT / 2), word, b, lower);
            pool_store(first, upper, lower, bias, y0 / 2 + warp, (x0 + side) / 2, out);
        }
    }
}

extern "C" bool cuda_first_fits(const struct cuda_layer_size *conv,
                                const struct cuda_layer_size *pool)
{
    return conv->in_c == cuda_vector<__half>::SIZE && conv->out_c == CHANNELS && conv->sh == 1 &&
           conv->sw == 1 && conv->kh <= SIDE_MAX && conv->kw <= SIDE_MAX &&
           conv->kh * conv->kw <= TAPS_MAX && pool->kh == 2 && pool->kw == 2 && pool->sh == 2 &&
           pool->sw == 2;
}

extern "C" cudaError_t cuda_first_runs(bool *runs)
{
    int version = 0;
    const cudaError_t error = cuda_function_ptx(first_kernel, &version);
    *runs = error == cudaSuccess && version >= 80;
    return error;
}

extern "C" cudaError_t cuda_first_launch(const struct cuda_layer_size *conv,
                                         const struct cuda_layer_size *pool, bool relu,
                                         const void *in, const void *weights, const void *bias,
                                         void *out, cudaStream_t stream)
{
    struct first first;
    first.conv = *conv;
    first.pool_h = pool->out_h;
    first.pool_w = pool->out_w;
    first.relu = relu;
    /* Rows and columns of the convolution that no pool takes are left out. Large maps give blocks more to do with
     * the filters they have loaded, small ones more blocks. */
    const unsigned columns = cuda_blocks(2 * (int64_t)pool->out_w, PIXELS);
    const unsigned rows = cuda_blocks(2 * (int64_t)pool->out_h, ROWS);
    first.steps = (int32_t)(columns * rows / BLOCKS_WANTED);
    first.steps = first.steps < 1 ? 1 : first.steps > STEPS_MAX ? STEPS_MAX : first.steps;
    const dim3 grid(columns, cuda_blocks(rows, first.steps));
    return cuda_launch(first_kernel, grid, dim3(THREADS), stream, first, (const __half *)in,
                       (const __half *)weights, (const __half *)bias, (__half *)out);
}
