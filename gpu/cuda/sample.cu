/* Bilinear sampling of level pixels, straight into the net's input; struct proto_sampling has the formula.
 *
 * One thread a pixel, 16 bytes stored each: three channels and zeros up to a whole vector. Coordinates are
 * integers and the two roundings are spelled out, so the bits are those of gpu/ref.
 */
#include "gpu/cuda/kernel.cuh"
#include "gpu/sampling.h"

enum { THREADS = 128 };

/* The base row, or NULL where its pixels are zero: below the frame, and outside the band. */
static __device__ __forceinline__ const uint8_t *base_row(const struct proto_sampling &s,
                                                          const uint8_t *band, int32_t row)
{
    if (row >= s.base_h || row < s.band_y0 || row >= s.band_y1)
        return nullptr;
    return band + (size_t)(row - s.band_y0) * (size_t)s.base_w * PROTO_CHANNELS;
}

static __device__ __forceinline__ int32_t pixel(const uint8_t *row, int32_t column, int32_t channel)
{
    return row ? row[(size_t)column * PROTO_CHANNELS + (size_t)channel] : 0;
}

template <class T>
static __global__ void __launch_bounds__(THREADS)
    sample_kernel(const struct cuda_tile *tile, const uint8_t *pixels, int32_t w, T *out)
{
    const int32_t x = (int32_t)(blockIdx.x * THREADS + threadIdx.x), y = (int32_t)blockIdx.y;
    if (x >= w)
        return;
    const struct proto_sampling s = tile->sampling;
    const struct gpu_sampling_at row = gpu_sampling_row(&s, y), col = gpu_sampling_column(&s, x);
    const uint8_t *band = pixels + s.band_offset;
    const uint8_t *upper = base_row(s, band, row.i), *lower = base_row(s, band, row.next);
    const int32_t fx = col.weight, fy = row.weight;
    cuda_vector<T> vector;
    for (int32_t c = 0; c < cuda_vector<T>::SIZE; c++) {
        float value = 0.0f;
        if (c < PROTO_CHANNELS) {
            const int32_t v = (256 - fx) * (256 - fy) * pixel(upper, col.i, c) +
                              fx * (256 - fy) * pixel(upper, col.next, c) +
                              (256 - fx) * fy * pixel(lower, col.i, c) +
                              fx * fy * pixel(lower, col.next, c);
            /* v < 2^24 and 1/65536 is a power of two: exact up to here. */
            const float product = __fmul_rn((float)v * (1.0f / 65536.0f), s.scale);
            value = __fadd_rn(product, s.offset);
        }
        vector.at[c] = cuda_from_float<T>(value);
    }
    cuda_vector_store(out + ((size_t)y * (size_t)w + (size_t)x) * cuda_vector<T>::SIZE, vector);
}

extern "C" cudaError_t cuda_sample_launch(const struct cuda_tile *tile, const uint8_t *pixels,
                                          int32_t h, int32_t w, bool half, void *out,
                                          cudaStream_t stream)
{
    const dim3 grid(cuda_blocks(w, THREADS), (unsigned)h);
    if (half)
        return cuda_launch(sample_kernel<__half>, grid, dim3(THREADS), stream, tile, pixels, w,
                           (__half *)out);
    return cuda_launch(sample_kernel<float>, grid, dim3(THREADS), stream, tile, pixels, w,
                       (float *)out);
}
