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

/* The steps for an input of h x w, what they need between them, and the cells. */
static void steps_build(struct cuda_chain *chain, const struct cuda_net *net, int h, int w)
{
    const struct cuda_device *device = (const struct cuda_device *)net->base.device;
    struct proto_size size = {.w = w, .h = h};
    size_t *bytes = chain->between_bytes;
    chain->base = (struct gpu_chain){.net = chain->base.net, .h = h, .w = w};
    chain->count = 0;
    chain->macs = 0;
    /* The input lies in the first, the scores in neither. */
    bytes[0] = (size_t)h * (size_t)w * (size_t)device->vector * device->element;
    bytes[1] = 0;
    for (int i = 0; i < net->count; i++) {
        struct cuda_step *step = &chain->steps[chain->count++];
        *step =
            (struct cuda_step){.layer = &net->layers[i], .size = layer_size(&net->layers[i], size)};
        size = gpu_shape_layer(&step->layer->shape, size);
        chain->macs += (double)gpu_shape_weights(&step->layer->shape) * size.h * size.w;
        if (i == 0 && device->fuses && net->count > 2 &&
            net->layers[1].shape.kind == PROTO_LAYER_POOL) {
            step->pool = layer_size(&net->layers[1], size);
            step->fused = cuda_first_fits(&step->size, &step->pool);
        }
        if (step->fused)
            size = gpu_shape_layer(&net->layers[++i].shape, size);
        const size_t out = (size_t)size.h * (size_t)size.w * (size_t)step->layer->out_c;
        if (i + 1 < net->count)
            bytes[chain->count % 2] = larger(bytes[chain->count % 2], out * device->element);
    }
    chain->base.rows = size.h;
    chain->base.cols = size.w;
}

size_t cuda_chain_bytes(const struct cuda_chain *chain, int h)
{
    struct cuda_chain other = {.base.net = chain->base.net};
    steps_build(&other, net_of(chain), h, chain->base.w);
    return other.between_bytes[0] + other.between_bytes[1] + chain->workspace_bytes;
}

/* cuDNN's kernel for a step, or none: then the own one computes it. */
static int conv_choose(struct cuda_device *device, const struct cuda_chain *chain,
                       struct cuda_step *step)
{
    const bool last = step == &chain->steps[chain->count - 1];
    if (step->layer->shape.kind != PROTO_LAYER_CONV || last || step->fused ||
        device->options & CUDA_OWN)
        return PROTO_OK;
    int status = cuda_dnn_conv_open(device->lanes[0].dnn, &step->size, device->half,
                                    step->layer->shape.relu, device->workspace_max, &step->conv);
    if (status != PROTO_UNSUPPORTED)
        return status;
    if (!device->own_said)
        proto_log_warn("gpu",
                       "cuda:%d: cuDNN has no kernel for layer %.63s on %d x %d pixels: the own, "
                       "slower one is used, also where this is not said again",
                       device->index, step->layer->shape.name, (int)step->size.in_w,
                       (int)step->size.in_h);
    device->own_said = true;
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
    chain->base.net = base;
    steps_build(chain, net, h, w);
    int status = cuda_enter((struct cuda_device *)base->device);
    if (chain->base.rows < 1 || chain->base.cols < 1) {
        proto_log_error("gpu", "no window fits into %d x %d pixels", w, h);
        status = PROTO_INVALID;
    }
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
