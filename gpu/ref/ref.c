/* Device "ref": the reference operators behind the device table. Slow on purpose: it is the truth
 * that tests compare with, not a way to find people. In f16 the input, the weights and what each layer
 * but the last gives are rounded to half, as the device cpu does: an oracle that needs no library.
 */
#include <stdlib.h>
#include <string.h>

#include "gpu/backends.h"
#include "gpu/cpu/simd.h"
#include "gpu/ref/ref.h"
#include "gpu/sampling.h"
#include "gpu/shape.h"
#include "proto/log.h"
#include "proto/status.h"

struct ref_device {
    struct gpu_device base;
    bool half;
    const uint8_t *pixels;
    size_t bytes;
};

struct ref_net {
    struct gpu_net base;
    int count;
    struct proto_layer *layers;
    float *weights;
};

struct ref_chain {
    struct gpu_chain base;
    float *input;      /* 3 x h x w */
    float *between[2]; /* layers write to them in turn */
    float *scores;     /* rows x cols */
};

static int ref_open(const char *argument, enum gpu_precision precision,
                    const struct gpu_settings *settings, struct gpu_device **out)
{
    if (argument) {
        proto_log_error("gpu", "device 'ref' takes no argument, not '%s'", argument);
        return PROTO_INVALID;
    }
    if (settings->softmax) {
        proto_log_error("gpu", "device 'ref' has linear scores only: use cpu");
        return PROTO_UNSUPPORTED;
    }
    struct ref_device *device = calloc(1, sizeof *device);
    if (!device)
        return PROTO_NO_MEMORY;
    device->half = precision == GPU_F16;
    *out = &device->base;
    return PROTO_OK;
}

/* As the device keeps values. */
static void keep(const struct gpu_device *device, float *values, size_t count)
{
    for (size_t i = 0; i < count && ((const struct ref_device *)device)->half; i++)
        values[i] = cpu_round_half(values[i]);
}

static void ref_close(struct gpu_device *device)
{
    free(device);
}

static const char *ref_kernels(struct gpu_device *device)
{
    (void)device;
    return "ref";
}

static void ref_net_close(struct gpu_net *base)
{
    struct ref_net *net = (struct ref_net *)base;
    free(net->layers);
    free(net->weights);
    free(net);
}

static int ref_net_open(struct gpu_device *device, const struct proto_layer *layers, int count,
                        struct gpu_net **out)
{
    struct ref_net *net = calloc(1, sizeof *net);
    if (!net)
        return PROTO_NO_MEMORY;
    int status = gpu_shape_copy(layers, count, &net->layers, &net->weights);
    if (status != PROTO_OK) {
        free(net);
        return status;
    }
    float *weights = net->weights;
    for (int i = 0; i < count; i++) {
        if (layers[i].kind != PROTO_LAYER_CONV)
            continue;
        keep(device, weights, gpu_shape_weights(&layers[i]));
        weights += gpu_shape_weights(&layers[i]) + (size_t)layers[i].cout;
    }
    net->base.device = device;
    net->count = count;
    *out = &net->base;
    return PROTO_OK;
}

static void ref_chain_close(struct gpu_chain *base)
{
    struct ref_chain *chain = (struct ref_chain *)base;
    free(chain->input);
    free(chain->between[0]);
    free(chain->between[1]);
    free(chain->scores);
    free(chain);
}

/* Elements of the largest tensor between the layers. */
static size_t largest_output(const struct ref_net *net, struct proto_size size)
{
    size_t largest = 0;
    for (int i = 0; i < net->count; i++) {
        size = gpu_shape_layer(&net->layers[i], size);
        size_t elements = (size_t)net->layers[i].cout * (size_t)size.h * (size_t)size.w;
        largest = elements > largest ? elements : largest;
    }
    return largest;
}

static int ref_chain_open(struct gpu_net *base, int h, int w, struct gpu_chain **out)
{
    const struct ref_net *net = (const struct ref_net *)base;
    struct proto_size size = {.w = w, .h = h};
    struct proto_size cells = gpu_shape_cells(net->layers, net->count, size);
    if (cells.h < 1) {
        proto_log_error("gpu", "no window fits into %d x %d pixels", w, h);
        return PROTO_INVALID;
    }
    struct ref_chain *chain = calloc(1, sizeof *chain);
    if (!chain)
        return PROTO_NO_MEMORY;
    chain->base = (struct gpu_chain){.net = base, .h = h, .w = w, .rows = cells.h, .cols = cells.w};
    chain->input = calloc((size_t)h * (size_t)w * PROTO_CHANNELS, sizeof *chain->input);
    chain->scores = calloc((size_t)cells.h * (size_t)cells.w, sizeof *chain->scores);
    size_t largest = largest_output(net, size);
    for (int i = 0; i < 2; i++)
        chain->between[i] = calloc(largest, sizeof *chain->between[i]);
    if (!chain->input || !chain->scores || !chain->between[0] || !chain->between[1]) {
        ref_chain_close(&chain->base);
        return PROTO_NO_MEMORY;
    }
    *out = &chain->base;
    return PROTO_OK;
}

static int ref_frame_begin(struct gpu_device *base, const uint8_t *pixels, size_t bytes)
{
    struct ref_device *device = (struct ref_device *)base;
    device->pixels = pixels;
    device->bytes = bytes;
    return PROTO_OK;
}

static int ref_sample(struct gpu_chain *base, const struct proto_sampling *sampling)
{
    const struct ref_device *device = (const struct ref_device *)base->net->device;
    int status = gpu_sampling_check(sampling, device->bytes);
    float *input = ((struct ref_chain *)base)->input;
    if (status != PROTO_OK)
        return status;
    gpu_ref_sample(sampling, device->pixels, input);
    keep(&device->base, input, (size_t)base->h * (size_t)base->w * PROTO_CHANNELS);
    return PROTO_OK;
}

static int ref_run(struct gpu_chain *base)
{
    struct ref_chain *chain = (struct ref_chain *)base;
    const struct ref_net *net = (const struct ref_net *)base->net;
    struct proto_size size = {.w = base->w, .h = base->h};
    const float *in = chain->input;
    for (int i = 0; i < net->count; i++) {
        const struct proto_layer *layer = &net->layers[i];
        float *out = chain->between[i % 2];
        if (layer->kind == PROTO_LAYER_CONV)
            gpu_ref_conv(layer, in, size, out);
        else
            gpu_ref_pool(layer, in, size, out);
        size = gpu_shape_layer(layer, size);
        if (i + 1 < net->count)
            keep(base->net->device, out, (size_t)layer->cout * (size_t)size.h * (size_t)size.w);
        in = out;
    }
    gpu_ref_score(in, net->layers[net->count - 1].cout, (size_t)size.h * (size_t)size.w,
                  chain->scores);
    return PROTO_OK;
}

static int ref_local_nms(struct gpu_chain *base, const struct proto_tile_area *area,
                         float threshold, struct proto_survivor *out, uint32_t cap, uint32_t *count)
{
    const struct ref_chain *chain = (const struct ref_chain *)base;
    *count = gpu_ref_local_nms(chain->scores, area, threshold, out, cap);
    return PROTO_OK;
}

static int ref_frame_end(struct gpu_device *base)
{
    struct ref_device *device = (struct ref_device *)base;
    device->pixels = NULL;
    device->bytes = 0;
    return PROTO_OK;
}

/* 3 x h x w <-> h x w x 3. */
static int ref_input_set(struct gpu_chain *base, const float *input)
{
    struct ref_chain *chain = (struct ref_chain *)base;
    size_t pixels = (size_t)base->h * (size_t)base->w;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < PROTO_CHANNELS; c++)
            chain->input[c * pixels + i] = input[i * PROTO_CHANNELS + c];
    keep(base->net->device, chain->input, pixels * PROTO_CHANNELS);
    return PROTO_OK;
}

static int ref_input_get(struct gpu_chain *base, float *input)
{
    const struct ref_chain *chain = (const struct ref_chain *)base;
    size_t pixels = (size_t)base->h * (size_t)base->w;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < PROTO_CHANNELS; c++)
            input[i * PROTO_CHANNELS + c] = chain->input[c * pixels + i];
    return PROTO_OK;
}

static int ref_scores_get(struct gpu_chain *base, float *scores)
{
    const struct ref_chain *chain = (const struct ref_chain *)base;
    memcpy(scores, chain->scores, (size_t)base->rows * (size_t)base->cols * sizeof *scores);
    return PROTO_OK;
}

const struct gpu_backend gpu_ref_backend = {
    .name = "ref",
    .what = "plain loops: the reference for tests, slow",
    .precisions = 1u << GPU_F32 | 1u << GPU_F16,
    .usual = GPU_F32,
    .open = ref_open,
    .close = ref_close,
    .kernels = ref_kernels,
    .net_open = ref_net_open,
    .net_close = ref_net_close,
    .chain_open = ref_chain_open,
    .chain_close = ref_chain_close,
    .frame_begin = ref_frame_begin,
    .sample = ref_sample,
    .run = ref_run,
    .local_nms = ref_local_nms,
    .frame_end = ref_frame_end,
    .input_set = ref_input_set,
    .input_get = ref_input_get,
    .scores_get = ref_scores_get,
};
