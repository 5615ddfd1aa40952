/* Convolutions by cuDNN: all of its calls are in dnn.c.
 *
 * The kernel for a shape is taken from cuDNN's own ranking, never from timings: two equal boards would
 * measure differently, choose differently, and give other bits (law 1).
 */
#ifndef GPU_CUDA_DNN_H
#define GPU_CUDA_DNN_H

#include <stdbool.h>
#include <stddef.h>

#include <cuda_runtime_api.h>

#include "gpu/cuda/kernels.h"

struct cuda_dnn;      /* a handle of cuDNN; its work goes to one stream */
struct cuda_dnn_conv; /* convolution + bias (+ ReLU) for one size */

/* Returns PROTO_OK, PROTO_NO_MEMORY, PROTO_DEVICE. */
int cuda_dnn_open(cudaStream_t stream, struct cuda_dnn **out);
void cuda_dnn_close(struct cuda_dnn *dnn); /* NULL is fine */

/* "cudnn_9.19.0": the library in use. */
void cuda_dnn_version(char text[32]);

/* workspace_max: kernels that need more are not taken. Returns PROTO_OK; PROTO_UNSUPPORTED when cuDNN has
 * nothing for it (not logged); PROTO_NO_MEMORY; PROTO_DEVICE. Any handle of the same GPU will do. */
int cuda_dnn_conv_open(struct cuda_dnn *dnn, const struct cuda_layer_size *size, bool half,
                       bool relu, size_t workspace_max, struct cuda_dnn_conv **out);
void cuda_dnn_conv_close(struct cuda_dnn_conv *conv); /* NULL is fine */
size_t cuda_dnn_conv_workspace(const struct cuda_dnn_conv *conv);

/* in, out: NHWC; weights: out_c x kh x kw x in_c; bias: out_c; all of the activations' type.
 * workspace: as large as cuda_dnn_conv_workspace says. */
int cuda_dnn_conv_run(struct cuda_dnn *dnn, const struct cuda_dnn_conv *conv, const void *in,
                      const void *weights, const void *bias, void *workspace, void *out);

#endif
