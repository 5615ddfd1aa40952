/* A net for one input size: what each layer reads and writes, and cuDNN's kernel for it. */
#include <stdlib.h>

#include "gpu/cuda/device.h"
#include "gpu/cuda/status.h"
#include "gpu/shape.h"
#include "proto/log.h"

static const struct cuda_net *net_of(const struct cuda_chain *chain)
{
    return (const struct cuda_net *)chain->base.net;
}

static struct cuda_layer_size layer_size(const struct cuda_layer *layer, struct proto_size in)
{
    const struct proto_size out = gpu_shape_layer(&layer->shape, in);
    return (struct cuda_layer_size){.in_h = in.h,
                                    .in_w = in.w,
                                    .in_c = layer->in_c,
                                    .out_h = out.h,
                                    .out_w = out.w,
                                    .out_c = layer->out_c,
                                    .kh = layer->shape.kh,
                                    .kw = layer->shape.kw,
                                    .sh = layer->shape.sh,
                                    .sw = layer->shape.sw};
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Bytes of the two buffers between the layers; the input lies in the first, the scores in neither. */
static void between_bytes(const struct cuda_net *net, struct proto_size size, size_t bytes[2])
{
    const struct cuda_device *device = (const struct cuda_device *)net->base.device;
    bytes[0] = (size_t)size.h * (size_t)size.w * (size_t)device->vector * device->element;
    bytes[1] = 0;
    for (int i = 0; i + 1 < net->count; i++) {
        size = gpu_shape_layer(&net->layers[i].shape, size);
        const size_t out = (size_t)size.h * (size_t)size.w * (size_t)net->layers[i].out_c;
        bytes[(i + 1) % 2] = larger(bytes[(i + 1) % 2], out * device->element);
    }
}

size_t cuda_chain_bytes(const struct cuda_chain *chain, int h)
{
    size_t bytes[2];
    between_bytes(net_of(chain), (struct proto_size){.w = chain->base.w, .h = h}, bytes);
    return bytes[0] + bytes[1] + chain->workspace_bytes;
}

/* cuDNN's kernel for a step, or none: then the own one computes it. */
static int conv_choose(struct cuda_device *device, const struct cuda_chain *chain,
                       struct cuda_step *step)
{
    const bool last = step == &chain->steps[chain->count - 1];
    if (step->layer->shape.kind != PROTO_LAYER_CONV || last || device->options & CUDA_OWN)
        return PROTO_OK;
    int status = cuda_dnn_conv_open(device->lanes[0].dnn, &step->size, device->half,
                                    step->layer->shape.relu, device->workspace_max, &step->conv);
    if (status != PROTO_UNSUPPORTED)
        return status;
    proto_log_warn(
        "gpu", "cuDNN has no kernel for layer %.63s on %d x %d pixels: the own, slower one is used",
        step->layer->shape.name, (int)step->size.in_w, (int)step->size.in_h);
    return PROTO_OK;
}

static int convs_choose(struct cuda_chain *chain)
{
    chain->workspace_bytes = 0;
    for (int i = 0; i < chain->count; i++) {
        struct cuda_step *step = &chain->steps[i];
        int status = conv_choose(cuda_device_of(&chain->base), chain, step);
        if (status != PROTO_OK)
            return status;
        if (step->conv)
            chain->workspace_bytes =
                larger(chain->workspace_bytes, cuda_dnn_conv_workspace(step->conv));
    }
    return PROTO_OK;
}

static void convs_close(struct cuda_chain *chain)
{
    for (int i = 0; i < chain->count; i++) {
        cuda_dnn_conv_close(chain->steps[i].conv);
        chain->steps[i].conv = NULL;
    }
}

int cuda_chain_renew(struct cuda_chain *chain)
{
    convs_close(chain);
    return convs_choose(chain);
}

int cuda_chain_open(struct gpu_net *base, int h, int w, struct gpu_chain **out)
{
    const struct cuda_net *net = (const struct cuda_net *)base;
    struct cuda_chain *chain = calloc(1, sizeof *chain);
    if (!chain)
        return PROTO_NO_MEMORY;
    struct proto_size size = {.w = w, .h = h};
    chain->base = (struct gpu_chain){.net = base, .h = h, .w = w};
    chain->count = net->count;
    for (int i = 0; i < net->count; i++) {
        struct cuda_step *step = &chain->steps[i];
        step->layer = &net->layers[i];
        step->size = layer_size(step->layer, size);
        size = gpu_shape_layer(&step->layer->shape, size);
        chain->macs += (double)gpu_shape_weights(&step->layer->shape) * size.h * size.w;
    }
    int status = cuda_enter((struct cuda_device *)base->device);
    if (size.h < 1 || size.w < 1) {
        proto_log_error("gpu", "no window fits into %d x %d pixels", w, h);
        status = PROTO_INVALID;
    }
    chain->base.rows = size.h;
    chain->base.cols = size.w;
    between_bytes(net, (struct proto_size){.w = w, .h = h}, chain->between_bytes);
    if (status == PROTO_OK)
        status = convs_choose(chain);
    if (status != PROTO_OK) {
        convs_close(chain);
        free(chain);
        return status;
    }
    *out = &chain->base;
    return PROTO_OK;
}

void cuda_chain_close(struct gpu_chain *base)
{
    struct cuda_chain *chain = (struct cuda_chain *)base;
    cuda_sequences_forget(cuda_device_of(base), chain);
    convs_close(chain);
    free(chain);
}
