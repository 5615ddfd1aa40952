/* The tensor core instruction of Ampere and later: a 16 x 8 tile of fp32 sums += 16 x 16 halves times 16 x 8
 * halves, by one warp. Fragments as in the PTX ISA, "mma.m16n8k16", with g = lane / 4 and t = lane % 4:
 *
 *   a[0], a[1]  rows g and g + 8, columns 2t and 2t + 1    a[2], a[3]  the same, columns 8 further
 *   b[0], b[1]  column g, rows 2t and 2t + 1; 8 further    sum[0..1], sum[2..3]  rows g, g + 8, columns 2t, 2t + 1
 */
#ifndef GPU_CUDA_MMA_CUH
#define GPU_CUDA_MMA_CUH

#include <cuda_runtime.h>
#include <stdint.h>

/* Code for older chips has no such instruction: the launcher asks, cuda_first_runs in kernels.h. */
__device__ __forceinline__ void cuda_mma(float sum[4], const uint32_t a[4], const uint32_t b[2])
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    (void)sum;
    (void)a;
    (void)b;
#endif
}

#endif
