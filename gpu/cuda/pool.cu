/* Max-pooling, NHWC. Bound by memory: one thread an output vector of 16 bytes, neighbouring threads
 * neighbouring channels, so that loads and stores of a warp are whole lines.
 */
#include "gpu/cuda/kernel.cuh"

enum { THREADS = 256 };

template <class T>
static __global__ void __launch_bounds__(THREADS)
    pool_kernel(const struct cuda_layer_size size, const T *__restrict__ in, T *__restrict__ out)
{
    const int32_t vectors = size.out_c / cuda_vector<T>::SIZE;
    const int32_t at = (int32_t)(blockIdx.x * THREADS + threadIdx.x), y = (int32_t)blockIdx.y;
    if (at >= size.out_w * vectors)
        return;
    const int32_t x = at / vectors, c = at % vectors * cuda_vector<T>::SIZE;
    const T *window =
        in +
        ((size_t)(y * size.sh) * (size_t)size.in_w + (size_t)(x * size.sw)) * (size_t)size.in_c +
        (size_t)c;
    cuda_vector<T> largest = cuda_vector_load(window);
    for (int32_t i = 0; i < size.kh; i++)
        for (int32_t j = 0; j < size.kw; j++) {
            const cuda_vector<T> other = cuda_vector_load(
                window + ((size_t)i * (size_t)size.in_w + (size_t)j) * (size_t)size.in_c);
#pragma unroll
            for (int32_t k = 0; k < cuda_vector<T>::SIZE; k++)
                if (cuda_to_float(other.at[k]) > cuda_to_float(largest.at[k]))
                    largest.at[k] = other.at[k];
        }
    cuda_vector_store(out + ((size_t)y * (size_t)size.out_w + (size_t)x) * (size_t)size.out_c +
                          (size_t)c,
                      largest);
}

template <class T>
static cudaError_t launch(const struct cuda_layer_size &size, const void *in, void *out,
                          cudaStream_t stream)
{
    const int64_t items = (int64_t)size.out_w * (size.out_c / cuda_vector<T>::SIZE);
    const dim3 grid(cuda_blocks(items, THREADS), (unsigned)size.out_h);
    return cuda_launch(pool_kernel<T>, grid, dim3(THREADS), stream, size, (const T *)in, (T *)out);
}

extern "C" cudaError_t cuda_pool_launch(const struct cuda_layer_size *size, bool half,
                                        const void *in, void *out, cudaStream_t stream)
{
    return half ? launch<__half>(*size, in, out, stream) : launch<float>(*size, in, out, stream);
}
