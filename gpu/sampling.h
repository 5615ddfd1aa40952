/* Where a level pixel is sampled from: the integer arithmetic of struct proto_sampling. */
#ifndef GPU_SAMPLING_H
#define GPU_SAMPLING_H

#include "proto/types.h"

/* nvcc compiles these for both sides. The header stays in the common subset of C11 and C++. */
#ifdef __CUDACC__
#define GPU_SAMPLING_BOTH __host__ __device__
#else
#define GPU_SAMPLING_BOTH
#endif

/* Along one axis: base pixel i counts (256 - weight) / 256, base pixel `next` counts weight /
 * 256. */
struct gpu_sampling_at {
    int32_t i, next;
    int32_t weight;
};

/* x: level pixel counted with the border; size: base pixels along this axis, with padding. */
GPU_SAMPLING_BOTH static inline struct gpu_sampling_at gpu_sampling_axis(int32_t x, int32_t border,
                                                                         int64_t step, int32_t size)
{
    /* The shift of a negative number rounds down, as the formula wants (all our compilers do
     * that). */
    int64_t u = (((2 * ((int64_t)x - border) + 1) * step) >> 1) - (INT64_C(1) << 31) + (1 << 23);
    int64_t last = (int64_t)(size - 1) << 32;
    u = u < 0 ? 0 : u > last ? last : u;
    int32_t i = (int32_t)(u >> 32);
    struct gpu_sampling_at at;
    at.i = i;
    at.next = i + 1 < size ? i + 1 : size - 1;
    at.weight = (int32_t)((u >> 24) & 255);
    return at;
}

GPU_SAMPLING_BOTH static inline struct gpu_sampling_at
gpu_sampling_column(const struct proto_sampling *s, int32_t x)
{
    return gpu_sampling_axis(s->x0 + x, s->border_x, s->step, s->base_w);
}

GPU_SAMPLING_BOTH static inline struct gpu_sampling_at
gpu_sampling_row(const struct proto_sampling *s, int32_t y)
{
    return gpu_sampling_axis(s->y0 + y, s->border_y, s->step, s->base_padded_h);
}

/* Check that the band lies within frame_bytes and holds each row that is needed: those with a
 * weight above the padding. Returns PROTO_OK or PROTO_INVALID (logged). */
int gpu_sampling_check(const struct proto_sampling *sampling, size_t frame_bytes);

#endif
