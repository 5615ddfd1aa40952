/* A net's weights on the GPU: OIHW floats become O x kh x kw x I in the precision of the device, channels padded
 * with zeros to whole vectors. One block of memory for all of them.
 */
#include <stdlib.h>

#include "gpu/cuda/device.h"
#include "gpu/cuda/half.h"
#include "gpu/cuda/status.h"
#include "gpu/shape.h"
#include "proto/log.h"

enum { ALIGNMENT = 256 };

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static int32_t padded(const struct cuda_device *device, int32_t channels)
{
    return (channels + device->vector - 1) / device->vector * device->vector;
}

/* Where a layer's parts lie within the block; `next` moves behind them. */
struct place {
    size_t weights, bias, bias_f32;
};

static struct place place_of(const struct cuda_device *device, const struct cuda_layer *layer,
                             size_t *next)
{
    const size_t out = (size_t)layer->out_c;
    struct place place;
    place.weights = *next;
    *next += aligned(out * (size_t)layer->shape.kh * (size_t)layer->shape.kw * (size_t)layer->in_c *
                     device->element);
    place.bias = *next;
    *next += aligned(out * device->element);
    place.bias_f32 = *next;
    *next += aligned(out * sizeof(float));
    return place;
}

static void put(const struct cuda_device *device, unsigned char *to, size_t i, float value)
{
    if (device->half)
        ((uint16_t *)(void *)to)[i] = cuda_half_from_float(value);
    else
        ((float *)(void *)to)[i] = value;
}

/* `block` is zeroed. */
static void pack(const struct cuda_device *device, const struct cuda_layer *layer,
                 const struct proto_layer *from, const struct place *place, unsigned char *block)
{
    const size_t kh = (size_t)from->kh, kw = (size_t)from->kw, in_c = (size_t)layer->in_c;
    const float *weight = from->weights;
    for (size_t o = 0; o < (size_t)from->cout; o++)
        for (size_t c = 0; c < (size_t)from->cin; c++)
            for (size_t i = 0; i < kh; i++)
                for (size_t j = 0; j < kw; j++)
                    put(device, block + place->weights, ((o * kh + i) * kw + j) * in_c + c,
                        *weight++);
    for (size_t o = 0; o < (size_t)from->cout; o++) {
        put(device, block + place->bias, o, from->bias[o]);
        ((float *)(void *)(block + place->bias_f32))[o] = from->bias[o];
    }
}

static int upload(struct cuda_net *net, const struct proto_layer *layers)
{
    const struct cuda_device *device = (const struct cuda_device *)net->base.device;
    struct place places[PROTO_LAYERS_MAX];
    size_t bytes = 0;
    for (int i = 0; i < net->count; i++)
        if (layers[i].kind == PROTO_LAYER_CONV)
            places[i] = place_of(device, &net->layers[i], &bytes);
    unsigned char *block = calloc(bytes, 1);
    if (!block)
        return PROTO_NO_MEMORY;
    int status = cuda_memory_open(bytes, &net->memory);
    if (status == PROTO_NO_MEMORY)
        proto_log_error("gpu", "cuda:%d: no memory for the %zu KiB of a net's weights",
                        device->index, bytes >> 10);
    for (int i = 0; i < net->count && status == PROTO_OK; i++) {
        if (layers[i].kind != PROTO_LAYER_CONV)
            continue;
        unsigned char *base = net->memory;
        pack(device, &net->layers[i], &layers[i], &places[i], block);
        net->layers[i].weights = base + places[i].weights;
        net->layers[i].bias = base + places[i].bias;
        net->layers[i].bias_f32 = (const float *)(void *)(base + places[i].bias_f32);
    }
    if (status == PROTO_OK)
        status = cuda_memory_upload(net->memory, block, bytes);
    free(block);
    return status;
}

int cuda_net_open(struct gpu_device *base, const struct proto_layer *layers, int count,
                  struct gpu_net **out)
{
    struct cuda_device *device = (struct cuda_device *)base;
    struct cuda_net *net = calloc(1, sizeof *net);
    if (!net)
        return PROTO_NO_MEMORY;
    net->base.device = base;
    net->count = count;
    for (int i = 0; i < count; i++) {
        struct cuda_layer *layer = &net->layers[i];
        layer->shape = layers[i];
        layer->shape.weights = layer->shape.bias = NULL;
        layer->in_c = padded(device, layers[i].cin);
        /* The last layer's outputs become scores at once: not stored, so not padded. */
        layer->out_c = i + 1 < count ? padded(device, layers[i].cout) : layers[i].cout;
    }
    int status = cuda_enter(device);
    if (status == PROTO_OK)
        status = upload(net, layers);
    if (status != PROTO_OK) {
        cuda_net_close(&net->base);
        return status;
    }
    *out = &net->base;
    return PROTO_OK;
}

void cuda_net_close(struct gpu_net *base)
{
    struct cuda_net *net = (struct cuda_net *)base;
    cuda_memory_close(net->memory);
    free(net);
}
