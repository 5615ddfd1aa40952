/* Convolutions by oneDNN: the only part of the project that calls it (version 2 of its C API;
 * version 3 has no operation descriptors).
 *
 * Law 1 needs a cell's score to be the same bits whatever tile it is computed in. So of oneDNN's
 * implementations only those are used that sum in the same order for every tile and thread count,
 * and one of them is pinned for each layer when the net is opened, by a shape that all nets' chains
 * share.
 */
#ifndef GPU_CPU_ONEDNN_H
#define GPU_CPU_ONEDNN_H

#include "gpu/cpu/tensor.h"

struct cpu_dnnl;    /* engine and stream */
struct cpu_weights; /* one layer of a net: weights in each layout its convolutions ask for */
struct cpu_conv;    /* one layer for one input size */

/* "onednn-2.6.3": the library in use. */
void cpu_dnnl_version(char text[32]);

int cpu_dnnl_open(struct cpu_dnnl **out);
void cpu_dnnl_close(struct cpu_dnnl *dnnl);
/* Has this CPU instructions that multiply bf16? Without them oneDNN emulates it, slower than
 * f32. */
bool cpu_dnnl_has_bf16(void);

struct cpu_weights_settings {
    enum gpu_precision stored; /* GPU_F32 or GPU_BF16: weights and activations */
    bool first;                /* the input is what gpu_sample writes */
    bool last;                 /* the output is fp32 */
};

/* layer's weights are borrowed until close. Returns PROTO_OK, PROTO_NO_MEMORY, PROTO_DEVICE, or
 * PROTO_UNSUPPORTED when no implementation that keeps the law takes this layer (logged with
 * those there are). */
int cpu_weights_open(struct cpu_dnnl *dnnl, const struct proto_layer *layer,
                     const struct cpu_weights_settings *settings, struct cpu_weights **out);
void cpu_weights_close(struct cpu_weights *weights); /* after its convolutions; NULL is fine */
/* Name of the pinned implementation, "brgconv:avx512_core". */
const char *cpu_weights_kernel(const struct cpu_weights *weights);

/* Bias and ReLU are part of it. lanes: 1, and a run uses as many OpenMP threads as its caller
 * has set, here as there; or more, and so many threads may each run it alone, at the same time. */
int cpu_conv_open(struct cpu_weights *weights, struct proto_size in, int lanes,
                  struct cpu_conv **out);
void cpu_conv_close(struct cpu_conv *conv); /* NULL is fine */
const struct cpu_tensor *cpu_conv_in(const struct cpu_conv *conv);
const struct cpu_tensor *cpu_conv_out(const struct cpu_conv *conv);
size_t cpu_conv_scratch_bytes(const struct cpu_conv *conv); /* of one run */
/* lane: 0 .. lanes - 1, not in use by another thread. out and scratch are aligned to 64 bytes;
 * in may be any pixel of a tensor. Returns PROTO_OK or PROTO_DEVICE. */
int cpu_conv_run(struct cpu_conv *conv, int lane, const void *in, void *out, void *scratch);

#endif
