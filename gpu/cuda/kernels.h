/* The operators in .cu files, as C sees them: thin launchers that return the launch error.
 *
 * Activations are NHWC with N = 1, halves or floats; channels are padded to whole vectors of 16 bytes (8
 * halves, 4 floats), and what pads is zero or multiplied by zero. Every kernel is deterministic: sums run in
 * an order that depends on the layer only, neither on the size of the map nor on what else runs.
 */
#ifndef GPU_CUDA_KERNELS_H
#define GPU_CUDA_KERNELS_H

#include <cuda_runtime_api.h>

#include "proto/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A tile of a frame as the kernels need it; they lie in an array that travels with the pixels. */
struct cuda_tile {
    struct proto_sampling sampling; /* band_offset counts from the frame's first pixel */
    struct proto_tile_area area;
    float threshold;
    uint32_t first; /* cells of the tiles before it: where its scores and survivors lie */
};

/* Sizes of one layer for one input; channels are the padded ones. */
struct cuda_layer_size {
    int32_t in_h, in_w, in_c;
    int32_t out_h, out_w, out_c;
    int32_t kh, kw, sh, sw;
};

/* Level pixels of a tile -> the net's input, h x w x one vector; the bits of gpu/ref, rounded to half
 * where `half`. tile and pixels: memory that the GPU sees. */
cudaError_t cuda_sample_launch(const struct cuda_tile *tile, const uint8_t *pixels, int32_t h,
                               int32_t w, bool half, void *out, cudaStream_t stream);

/* Maximum over each window. */
cudaError_t cuda_pool_launch(const struct cuda_layer_size *size, bool half, const void *in,
                             void *out, cudaStream_t stream);

/* Convolution + bias + ReLU where cuDNN has none, from the same memory: weights: out_c x kh x kw x in_c; bias:
 * out_c. */
cudaError_t cuda_conv_launch(const struct cuda_layer_size *size, bool half, bool relu,
                             const void *in, const void *weights, const void *bias, void *out,
                             cudaStream_t stream);

/* The first convolution and the pool behind it in one, for halves: does it fit these layers; was it compiled for a
 * chip that has what it takes (the error is of asking); and run it. */
bool cuda_first_fits(const struct cuda_layer_size *conv, const struct cuda_layer_size *pool);
cudaError_t cuda_first_runs(bool *runs);
cudaError_t cuda_first_launch(const struct cuda_layer_size *conv,
                              const struct cuda_layer_size *pool, bool relu, const void *in,
                              const void *weights, const void *bias, void *out,
                              cudaStream_t stream);

/* The last layer and the score: score = z[1] - z[0] in fp32, or z[0] where outputs is 1; with softmax
 * its probability, in the precision of the activations. weights: outputs x kh x kw x in_c. */
cudaError_t cuda_head_launch(const struct cuda_layer_size *size, bool half, int32_t outputs,
                             bool softmax, const void *in, const void *weights, const float *bias,
                             float *scores, cudaStream_t stream);

/* The rule of gpu_local_nms for `count` tiles at once. scores[tile->first ...]: cells of each tile.
 * segments[tile->first ...]: its survivors in order of row, column; counts[i]: their number. */
cudaError_t cuda_local_nms_launch(const struct cuda_tile *tiles, uint32_t count,
                                  const float *scores, struct proto_survivor *segments,
                                  uint32_t *counts, cudaStream_t stream);

/* Survivors of all tiles, moved together in order of tile: the first `cap` of them to out, the tiles'
 * counts to out_counts. */
cudaError_t cuda_gather_launch(const struct cuda_tile *tiles, uint32_t count,
                               const uint32_t *counts, const struct proto_survivor *segments,
                               uint32_t *out_counts, struct proto_survivor *out, uint32_t cap,
                               cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
