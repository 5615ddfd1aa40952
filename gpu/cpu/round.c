/* Rounding of whole tensors: what makes f32 convolutions an f16 device. */
#include "gpu/cpu/ops.h"

#include "gpu/cpu/simd.h"

enum { ROUND_CHUNK = 16384 }; /* values; 64 KiB */

CPU_CLONES static void round_chunk(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = cpu_round_half(values[i]);
}

void cpu_round_half_run(float *values, size_t count)
{
#pragma omp parallel for schedule(static)
    for (size_t at = 0; at < count; at += ROUND_CHUNK)
        round_chunk(values + at, count - at < ROUND_CHUNK ? count - at : ROUND_CHUNK);
}
