/* Net outputs -> scores. */
#include "gpu/ref/ref.h"

void gpu_ref_score(const float *z, int outputs, size_t cells, float *scores)
{
    for (size_t i = 0; i < cells; i++)
        scores[i] = outputs == 2 ? z[cells + i] - z[i] : z[i];
}
