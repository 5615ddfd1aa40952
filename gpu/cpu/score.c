/* Net outputs -> scores, and the quick look whether any of them matters. */
#include "gpu/cpu/ops.h"

#include <math.h>

#include "gpu/cpu/simd.h"

void cpu_score_run(const struct cpu_tensor *t, const float *z, float *scores)
{
    size_t cells = (size_t)t->h * (size_t)t->w, pixel = (size_t)t->block;
    /* Two channels lie side by side, unless they are planes. */
    size_t second = t->block > 1 ? 1 : cells;
    if (t->c == 1)
        for (size_t i = 0; i < cells; i++)
            scores[i] = z[i * pixel];
    else
        for (size_t i = 0; i < cells; i++)
            scores[i] = z[i * pixel + second] - z[i * pixel];
}

void cpu_softmax_run(float *scores, size_t count, enum gpu_precision precision)
{
    for (size_t i = 0; i < count; i++) {
        const float p = 1 / (1 + expf(-scores[i]));
        scores[i] = precision == GPU_F16    ? cpu_round_half(p)
                    : precision == GPU_BF16 ? cpu_from_bf16(cpu_to_bf16(p))
                                            : p;
    }
}

CPU_CLONES static int count_above(const float *values, size_t count, float threshold)
{
    int above = 0;
    for (size_t i = 0; i < count; i++)
        above += values[i] > threshold;
    return above;
}

bool cpu_any_above(const float *values, size_t count, float threshold)
{
    return count_above(values, count, threshold) > 0;
}
