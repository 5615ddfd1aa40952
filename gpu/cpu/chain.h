/* Inside of the CPU device: device, net and chain. */
#ifndef GPU_CPU_CHAIN_H
#define GPU_CPU_CHAIN_H

#include "gpu/cpu/onednn.h"
#include "gpu/cpu/ops.h"

/* Memory that only grows; contents are lost when it does. */
struct cpu_buffer {
    void *data; /* aligned to 64 bytes */
    size_t bytes;
};

struct cpu_device {
    struct gpu_device base;
    struct cpu_dnnl *dnnl;
    enum gpu_precision precision;
    int threads;
    bool softmax;
    const uint8_t *pixels; /* of the frame, borrowed */
    size_t pixel_bytes;
    /* Shared by all chains, as large as the largest needs. */
    struct cpu_buffer input;
    struct cpu_buffer between[2]; /* steps read one and write the other */
    struct cpu_buffer scratch;    /* of convolutions */
    /* Between a convolution and its pool: a block of rows, and scratch, for each thread. */
    struct cpu_buffer rows, rows_scratch;
    struct cpu_sample_scratch sample_scratch;
    char kernels[1024];
};

struct cpu_net {
    struct gpu_net base;
    int count;
    struct proto_layer *layers; /* weights point into `values` */
    float *values;
    struct cpu_weights *weights[PROTO_LAYERS_MAX]; /* NULL for pools */
};

enum cpu_step_kind { CPU_STEP_CONV, CPU_STEP_POOL, CPU_STEP_CONV_POOL, CPU_STEP_ROUND };

/* A convolution and the pool after it, in blocks of rows that stay in cache, each by one thread.
 * The last block may be smaller: it has kernels of its own. */
struct cpu_conv_pool {
    struct cpu_conv *conv[2]; /* a block; the last one, or NULL if it is like the others */
    struct cpu_pool pool[2];
    int32_t blocks;
    size_t in_step, out_step;         /* bytes from block to block */
    size_t rows_bytes, scratch_bytes; /* of one thread */
};

/* One pass over the activations. */
struct cpu_step {
    enum cpu_step_kind kind;
    struct cpu_conv *conv; /* CONV */
    struct cpu_pool pool;  /* POOL; also a change of layout */
    struct cpu_conv_pool conv_pool;
    size_t count; /* ROUND: values, in place */
};

/* A layer takes at most three steps: change of layout, itself, rounding. */
enum { CPU_STEPS_MAX = 3 * PROTO_LAYERS_MAX };

struct cpu_chain {
    struct gpu_chain base;
    struct cpu_tensor input, output;
    struct cpu_columns columns;
    int step_count;
    struct cpu_step steps[CPU_STEPS_MAX];
    float *scores; /* rows x cols */
};

/* Build the steps of a chain whose base is filled in. Returns PROTO_OK or what failed; the chain
 * can be closed either way. */
int cpu_chain_build(struct cpu_chain *chain);
void cpu_chain_free(struct cpu_chain *chain);
int cpu_chain_run(struct cpu_chain *chain);

#endif
