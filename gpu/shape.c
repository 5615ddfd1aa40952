/* Layer sizes and checks; see shape.h. */
#include "gpu/shape.h"

#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "proto/status.h"

enum {
    SHAPE_CHANNELS_MAX = 65536,
    SHAPE_KERNEL_MAX = 4096,
    SHAPE_STRIDE_MAX = 64,
};

static bool in_range(int32_t value, int32_t max)
{
    return value >= 1 && value <= max;
}

static const char *layer_fault(const struct proto_layer *layer, int32_t cin)
{
    if (!in_range(layer->cin, SHAPE_CHANNELS_MAX) || !in_range(layer->cout, SHAPE_CHANNELS_MAX))
        return "a number of channels out of range";
    if (!in_range(layer->kh, SHAPE_KERNEL_MAX) || !in_range(layer->kw, SHAPE_KERNEL_MAX))
        return "a kernel size out of range";
    if (!in_range(layer->sh, SHAPE_STRIDE_MAX) || !in_range(layer->sw, SHAPE_STRIDE_MAX))
        return "a stride out of range";
    if (layer->cin != cin)
        return "other input channels than the layer before gives";
    if (layer->kind == PROTO_LAYER_POOL)
        return layer->cin != layer->cout ? "a pool that changes the channels" : NULL;
    if (layer->kind != PROTO_LAYER_CONV)
        return "an unknown kind";
    return !layer->weights || !layer->bias ? "no weights or no bias" : NULL;
}

int gpu_shape_check(const struct proto_layer *layers, int count)
{
    if (count < 1 || count > PROTO_LAYERS_MAX) {
        proto_log_error("gpu", "a net of %d layers; 1 to %d are possible", count, PROTO_LAYERS_MAX);
        return PROTO_INVALID;
    }
    int32_t cin = PROTO_CHANNELS;
    for (int i = 0; i < count; i++) {
        const char *fault = layer_fault(&layers[i], cin);
        if (fault) {
            proto_log_error("gpu", "layer %d (%.63s) has %s", i, layers[i].name, fault);
            return PROTO_INVALID;
        }
        cin = layers[i].cout;
    }
    if (layers[count - 1].kind != PROTO_LAYER_CONV || cin > 2) {
        proto_log_error("gpu", "the last layer must be a convolution to 1 or 2 outputs, not %d",
                        (int)cin);
        return PROTO_INVALID;
    }
    return PROTO_OK;
}

struct proto_size gpu_shape_layer(const struct proto_layer *layer, struct proto_size in)
{
    if (in.h < layer->kh || in.w < layer->kw)
        return (struct proto_size){0, 0};
    return (struct proto_size){.w = (in.w - layer->kw) / layer->sw + 1,
                               .h = (in.h - layer->kh) / layer->sh + 1};
}

struct proto_size gpu_shape_cells(const struct proto_layer *layers, int count, struct proto_size in)
{
    for (int i = 0; i < count; i++)
        in = gpu_shape_layer(&layers[i], in);
    return in;
}

uint64_t gpu_shape_macs(const struct proto_layer *layers, int count, struct proto_size in)
{
    uint64_t macs = 0;
    for (int i = 0; i < count; i++) {
        const struct proto_layer *l = &layers[i];
        in = gpu_shape_layer(l, in);
        if (l->kind == PROTO_LAYER_CONV)
            macs += (uint64_t)in.h * (uint64_t)in.w * (uint64_t)l->cout * (uint64_t)l->cin *
                    (uint64_t)l->kh * (uint64_t)l->kw;
    }
    return in.h > 0 && in.w > 0 ? macs : 0;
}

struct proto_size gpu_shape_window(const struct proto_layer *layers, int count)
{
    struct proto_size size = {1, 1};
    for (int i = count - 1; i >= 0; i--) {
        size.h = (size.h - 1) * layers[i].sh + layers[i].kh;
        size.w = (size.w - 1) * layers[i].sw + layers[i].kw;
    }
    return size;
}

size_t gpu_shape_weights(const struct proto_layer *layer)
{
    if (layer->kind == PROTO_LAYER_POOL)
        return 0;
    return (size_t)layer->cout * (size_t)layer->cin * (size_t)layer->kh * (size_t)layer->kw;
}

int gpu_shape_copy(const struct proto_layer *layers, int count, struct proto_layer **copy,
                   float **weights)
{
    size_t total = 0;
    for (int i = 0; i < count; i++)
        if (layers[i].kind == PROTO_LAYER_CONV)
            total += gpu_shape_weights(&layers[i]) + (size_t)layers[i].cout;
    *copy = malloc((size_t)count * sizeof **copy);
    *weights = malloc(total * sizeof **weights);
    if (!*copy || !*weights) {
        free(*copy);
        free(*weights);
        *copy = NULL;
        *weights = NULL;
        return PROTO_NO_MEMORY;
    }
    memcpy(*copy, layers, (size_t)count * sizeof **copy);
    float *next = *weights;
    for (int i = 0; i < count; i++) {
        struct proto_layer *layer = &(*copy)[i];
        if (layer->kind != PROTO_LAYER_CONV)
            continue;
        size_t n = gpu_shape_weights(layer);
        layer->weights = memcpy(next, layers[i].weights, n * sizeof *next);
        layer->bias = memcpy(next + n, layers[i].bias, (size_t)layer->cout * sizeof *next);
        next += n + (size_t)layer->cout;
    }
    return PROTO_OK;
}
