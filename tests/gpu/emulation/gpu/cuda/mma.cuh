/* Emulated: stands before gpu/cuda/mma.cuh. The fragments of a warp meet in one place; each lane then works out its
 * four sums, products in order of k.
 */
#ifndef GPU_CUDA_MMA_CUH
#define GPU_CUDA_MMA_CUH

#include <cuda_runtime.h>
#include <stdint.h>

#include "gpu/cuda/half.h"

inline float emulated_half_of(uint32_t pair, unsigned which)
{
    return cuda_half_to_float((uint16_t)(pair >> 16 * which));
}

inline void cuda_mma(float sum[4], const uint32_t a[4], const uint32_t b[2])
{
    const uint32_t mine[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
    const uint32_t(*all)[6] = emulated_gather6(mine);
    const unsigned g = emulated_lane() / 4, t = emulated_lane() % 4;
    for (unsigned i = 0; i < 4; i++) {
        const unsigned row = i / 2, column = 2 * t + i % 2; /* row 0: g, row 1: g + 8 */
        for (unsigned k = 0; k < 16; k++) {
            const unsigned from = k % 8 / 2, eight = k / 8;
            sum[i] += emulated_half_of(all[g * 4 + from][row + 2 * eight], k % 2) *
                      emulated_half_of(all[column * 4 + from][4 + eight], k % 2);
        }
    }
}

#endif
