/* Sizes of a net's layers, and the checks that every device shares. */
#ifndef GPU_SHAPE_H
#define GPU_SHAPE_H

#include "proto/types.h"

/* Refuse layers that no device can run: wrong counts, channels that do not fit, missing weights,
 * a last layer that is not a convolution to 1 or 2 outputs. Returns PROTO_OK or PROTO_INVALID
 * (logged). */
int gpu_shape_check(const struct proto_layer *layers, int count);

/* Output size of one layer (valid, floored); 0 x 0 when the kernel does not fit. */
struct proto_size gpu_shape_layer(const struct proto_layer *layer, struct proto_size in);
/* Output size of all layers: the cells; 0 x 0 when no window fits. */
struct proto_size gpu_shape_cells(const struct proto_layer *layers, int count,
                                  struct proto_size in);
/* The smallest input that gives one cell. */
struct proto_size gpu_shape_window(const struct proto_layer *layers, int count);

/* Multiply-accumulates of all convolutions for an input of h x w; 0 when no window fits. */
uint64_t gpu_shape_macs(const struct proto_layer *layers, int count, struct proto_size in);

/* Floats among a layer's weights; 0 for a pool. */
size_t gpu_shape_weights(const struct proto_layer *layer);

/* Copies of the layers whose weights and biases point into the one block *weights. Both are
 * freed by the caller with free(). Returns PROTO_OK or PROTO_NO_MEMORY (nothing to free). */
int gpu_shape_copy(const struct proto_layer *layers, int count, struct proto_layer **copy,
                   float **weights);

#endif
