/* The CPU device's own operators: everything but the convolutions. Threads are OpenMP's, as many as
 * the caller has set.
 */
#ifndef GPU_CPU_OPS_H
#define GPU_CPU_OPS_H

#include "gpu/cpu/tensor.h"

struct cpu_pool {
    struct cpu_tensor in, out; /* blocks may differ: the pool also changes the layout */
    int32_t kh, kw, sh, sw;
    bool round_half;
};

/* Maximum over each kh x kw window. Blocks of in and out: equal, or one a multiple of the other, or
 * all channels. With a 1 x 1 kernel it only changes the layout. */
void cpu_pool_run(const struct cpu_pool *pool, const void *in, void *out);
/* The same by the calling thread alone. */
void cpu_pool_run_alone(const struct cpu_pool *pool, const void *in, void *out);

/* Round each value to half precision, in place. */
void cpu_round_half_run(float *values, size_t count);

/* z: fp32 outputs. scores[i] = z[1] - z[0] of cell i, or z[0] when there is one output. */
void cpu_score_run(const struct cpu_tensor *tensor, const float *z, float *scores);

/* In place: linear score -> the person's softmax probability, as a device of this precision keeps it. */
void cpu_softmax_run(float *scores, size_t count, enum gpu_precision precision);

/* The columns of one sampling, worked out once. With r the base row's bytes from `first` on,
 * blended vertically, element j of a row of output is (256 - weight[j]) * r[at[j]] + weight[j] *
 * r[at[j] + 3]. */
struct cpu_columns {
    int64_t step;
    int32_t border_x, base_w, x0, w; /* what they were worked out for; w = 0: nothing yet */
    size_t first, count;             /* bytes of a base row that are needed */
    int32_t *at, *weight;            /* 3 * w each, in the order of a row of output */
};

int cpu_columns_open(struct cpu_columns *columns, int32_t w);
void cpu_columns_close(struct cpu_columns *columns); /* takes a zeroed one too */

/* Row buffers, one set for each thread; grown when a wider base comes. */
struct cpu_sample_scratch {
    unsigned char *memory;
    size_t each_bytes;
    int threads;
};
void cpu_sample_scratch_close(struct cpu_sample_scratch *scratch);

/* Level pixels into the net's input (3 channels, block 1 or 3). The sampling was checked by
 * gpu_sampling_check. Returns PROTO_OK or PROTO_NO_MEMORY. */
int cpu_sample_run(const struct proto_sampling *sampling, const uint8_t *frame,
                   struct cpu_columns *columns, struct cpu_sample_scratch *scratch,
                   const struct cpu_tensor *tensor, bool round_half, void *out);

/* Is any value above the threshold? */
bool cpu_any_above(const float *values, size_t count, float threshold);

#endif
