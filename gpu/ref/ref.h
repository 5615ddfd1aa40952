/* The operators of the reference device: plain loops in fp32, one a file, written to be read.
 * All tensors are C x H x W; the other devices are tested against these.
 */
#ifndef GPU_REF_REF_H
#define GPU_REF_REF_H

#include "gpu/device.h"

/* out[o][y][x] = bias[o] + sum over c, i, j of weights[o][c][i][j] * in[c][y * sh + i][x * sw + j],
 * clamped below at zero with relu. out: cout x size of gpu_shape_layer(layer, in_size). */
void gpu_ref_conv(const struct proto_layer *layer, const float *in, struct proto_size in_size,
                  float *out);

/* Maximum over each kh x kw window; rows and columns that fill no window are dropped. */
void gpu_ref_pool(const struct proto_layer *layer, const float *in, struct proto_size in_size,
                  float *out);

/* Level pixels by the formula of struct proto_sampling. frame: the packed bands; out: 3 x h x w.
 * The sampling was checked by gpu_sampling_check. */
void gpu_ref_sample(const struct proto_sampling *sampling, const uint8_t *frame, float *out);

/* z: outputs x cells. score = z[1] - z[0], or z[0] when there is one output. */
void gpu_ref_score(const float *z, int outputs, size_t cells, float *scores);

/* The rule of gpu_local_nms. scores: area->rows x area->cols. Returns the number of survivors, of
 * which the first `cap` are written. */
uint32_t gpu_ref_local_nms(const float *scores, const struct proto_tile_area *area, float threshold,
                           struct proto_survivor *out, uint32_t cap);

#endif
