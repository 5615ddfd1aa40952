/* Device "cpu": oneDNN's convolutions and our own loops for the rest, in f32, bf16, or emulated
 * f16.
 *
 * f16 is computed with f32 convolutions: the input, the weights and each layer's activations are
 * rounded to half, sums and biases stay fp32. That is what a GPU with fp16 storage and fp32 sums
 * does, so it is its oracle.
 */
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "gpu/backends.h"
#include "gpu/cpu/chain.h"
#include "gpu/cpu/operation.h"
#include "gpu/cpu/simd.h"
#include "gpu/ref/ref.h"
#include "gpu/sampling.h"
#include "gpu/shape.h"
#include "proto/log.h"
#include "proto/status.h"

/* OpenMP keeps its number of threads per calling thread, and oneDNN asks it when a kernel is
 * made and when it runs: so each entry sets it. */
static struct cpu_device *enter(struct gpu_device *base)
{
    struct cpu_device *device = (struct cpu_device *)base;
    omp_set_num_threads(device->threads);
    return device;
}

static void buffers_free(struct cpu_device *device)
{
    free(device->input.data);
    free(device->between[0].data);
    free(device->between[1].data);
    free(device->rows.data);
    free(device->rows_scratch.data);
    free(device->scratch.data);
    cpu_sample_scratch_close(&device->sample_scratch);
}

static void cpu_close(struct gpu_device *base)
{
    struct cpu_device *device = (struct cpu_device *)base;
    cpu_dnnl_close(device->dnnl);
    buffers_free(device);
    free(device);
}

static int cpu_open(const char *argument, enum gpu_precision precision,
                    const struct gpu_settings *settings, struct gpu_device **out)
{
    if (argument) {
        proto_log_error("gpu", "device 'cpu' takes no argument, not '%s'", argument);
        return PROTO_INVALID;
    }
    if (precision == GPU_BF16 && !cpu_dnnl_has_bf16()) {
        proto_log_error("gpu",
                        "this CPU has no bf16 instructions (AVX512_BF16 or AMX): use cpu,f32");
        return PROTO_UNSUPPORTED;
    }
    struct cpu_device *device = calloc(1, sizeof *device);
    if (!device)
        return PROTO_NO_MEMORY;
    device->precision = precision;
    device->threads = settings->threads > 0 ? settings->threads : omp_get_num_procs();
    device->softmax = settings->softmax;
    int status = cpu_dnnl_open(&device->dnnl);
    if (status != PROTO_OK) {
        cpu_close(&device->base);
        return status;
    }
    *out = &device->base;
    return PROTO_OK;
}

static const char *cpu_kernels(struct gpu_device *base)
{
    return ((struct cpu_device *)base)->kernels;
}

/* Put a name into the sorted, comma separated list, once. Names that no longer fit are left out. */
static void kernels_add(char *list, size_t list_bytes, const char *name)
{
    size_t length = strlen(name), used = strlen(list);
    char *at = list;
    while (*at) {
        size_t word = strcspn(at, ",");
        int order = strncmp(at, name, word > length ? word : length);
        if (order == 0)
            return;
        if (order > 0)
            break;
        at += word + (at[word] == ',');
    }
    if (used + length + 2 > list_bytes)
        return;
    if (used == 0) {
        memcpy(list, name, length + 1);
    } else if (*at) {
        memmove(at + length + 1, at, used - (size_t)(at - list) + 1);
        memcpy(at, name, length);
        at[length] = ',';
    } else {
        list[used] = ',';
        memcpy(list + used + 1, name, length + 1);
    }
}

static void cpu_net_close(struct gpu_net *base)
{
    struct cpu_net *net = (struct cpu_net *)base;
    for (int i = 0; i < net->count; i++)
        cpu_weights_close(net->weights[i]);
    free(net->layers);
    free(net->values);
    free(net);
}

static void round_weights(const struct cpu_net *net)
{
    float *next = net->values;
    for (int i = 0; i < net->count; i++) {
        const struct proto_layer *layer = &net->layers[i];
        if (layer->kind != PROTO_LAYER_CONV)
            continue;
        size_t count = gpu_shape_weights(layer);
        cpu_round_half_run(next, count);
        next += count + (size_t)layer->cout;
    }
}

static int open_weights(struct cpu_device *device, struct cpu_net *net)
{
    char version[32];
    cpu_dnnl_version(version);
    kernels_add(device->kernels, sizeof device->kernels, version);
    for (int i = 0; i < net->count; i++) {
        if (net->layers[i].kind != PROTO_LAYER_CONV)
            continue;
        const struct cpu_weights_settings settings = {
            .stored = device->precision == GPU_BF16 ? GPU_BF16 : GPU_F32,
            .first = i == 0,
            .last = i == net->count - 1};
        int status = cpu_weights_open(device->dnnl, &net->layers[i], &settings, &net->weights[i]);
        if (status != PROTO_OK)
            return status;
        kernels_add(device->kernels, sizeof device->kernels, cpu_weights_kernel(net->weights[i]));
    }
    if (strstr(device->kernels, "ref:any"))
        proto_log_warn("gpu", "oneDNN has only its slow reference kernels for this CPU");
    return PROTO_OK;
}

static int cpu_net_open(struct gpu_device *base, const struct proto_layer *layers, int count,
                        struct gpu_net **out)
{
    struct cpu_device *device = enter(base);
    struct cpu_net *net = calloc(1, sizeof *net);
    if (!net)
        return PROTO_NO_MEMORY;
    net->base.device = base;
    int status = gpu_shape_copy(layers, count, &net->layers, &net->values);
    if (status != PROTO_OK)
        goto fail;
    net->count = count;
    if (device->precision == GPU_F16)
        round_weights(net);
    status = open_weights(device, net);
    if (status != PROTO_OK)
        goto fail;
    *out = &net->base;
    return PROTO_OK;
fail:
    cpu_net_close(&net->base);
    return status;
}

static void cpu_chain_close(struct gpu_chain *base)
{
    cpu_chain_free((struct cpu_chain *)base);
}

static int cpu_chain_open(struct gpu_net *base, int h, int w, struct gpu_chain **out)
{
    enter(base->device);
    const struct cpu_net *net = (const struct cpu_net *)base;
    struct proto_size cells =
        gpu_shape_cells(net->layers, net->count, (struct proto_size){.w = w, .h = h});
    if (cells.h < 1) {
        proto_log_error("gpu", "no window fits into %d x %d pixels", w, h);
        return PROTO_INVALID;
    }
    struct cpu_chain *chain = calloc(1, sizeof *chain);
    if (!chain)
        return PROTO_NO_MEMORY;
    chain->base = (struct gpu_chain){.net = base, .h = h, .w = w, .rows = cells.h, .cols = cells.w};
    int status = cpu_chain_build(chain);
    if (status != PROTO_OK) {
        cpu_chain_free(chain);
        return status;
    }
    *out = &chain->base;
    return PROTO_OK;
}

static int cpu_frame_begin(struct gpu_device *base, const uint8_t *pixels, size_t bytes)
{
    struct cpu_device *device = (struct cpu_device *)base;
    device->pixels = pixels;
    device->pixel_bytes = bytes;
    return PROTO_OK;
}

static int cpu_sample(struct gpu_chain *base, const struct proto_sampling *sampling)
{
    struct cpu_device *device = enter(base->net->device);
    struct cpu_chain *chain = (struct cpu_chain *)base;
    int status = gpu_sampling_check(sampling, device->pixel_bytes);
    if (status != PROTO_OK)
        return status;
    return cpu_sample_run(sampling, device->pixels, &chain->columns, &device->sample_scratch,
                          &chain->input, device->precision == GPU_F16, device->input.data);
}

static int cpu_run(struct gpu_chain *base)
{
    enter(base->net->device);
    return cpu_chain_run((struct cpu_chain *)base);
}

static int cpu_local_nms(struct gpu_chain *base, const struct proto_tile_area *area,
                         float threshold, struct proto_survivor *out, uint32_t cap, uint32_t *count)
{
    const struct cpu_chain *chain = (const struct cpu_chain *)base;
    size_t cells = (size_t)base->rows * (size_t)base->cols;
    /* Most tiles have no candidate. Where there are some, the plain rule looks at the few. */
    *count = cpu_any_above(chain->scores, cells, threshold)
                 ? gpu_ref_local_nms(chain->scores, area, threshold, out, cap)
                 : 0;
    return PROTO_OK;
}

static int cpu_frame_end(struct gpu_device *base)
{
    return cpu_frame_begin(base, NULL, 0);
}

/* Place of an input value within the chain's input tensor. */
static size_t input_at(const struct cpu_tensor *t, size_t pixel, size_t c)
{
    size_t pixels = (size_t)t->h * (size_t)t->w;
    return t->block == 1 ? c * pixels + pixel : pixel * PROTO_CHANNELS + c;
}

static int cpu_input_set(struct gpu_chain *base, const float *input)
{
    const struct cpu_device *device = (const struct cpu_device *)base->net->device;
    const struct cpu_tensor *t = &((const struct cpu_chain *)base)->input;
    size_t pixels = (size_t)t->h * (size_t)t->w;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < PROTO_CHANNELS; c++) {
            float value = *input++;
            if (t->stored == GPU_BF16)
                ((uint16_t *)device->input.data)[input_at(t, i, c)] = cpu_to_bf16(value);
            else
                ((float *)device->input.data)[input_at(t, i, c)] =
                    device->precision == GPU_F16 ? cpu_round_half(value) : value;
        }
    return PROTO_OK;
}

static int cpu_input_get(struct gpu_chain *base, float *input)
{
    const struct cpu_device *device = (const struct cpu_device *)base->net->device;
    const struct cpu_tensor *t = &((const struct cpu_chain *)base)->input;
    size_t pixels = (size_t)t->h * (size_t)t->w;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < PROTO_CHANNELS; c++)
            *input++ =
                t->stored == GPU_BF16
                    ? cpu_from_bf16(((const uint16_t *)device->input.data)[input_at(t, i, c)])
                    : ((const float *)device->input.data)[input_at(t, i, c)];
    return PROTO_OK;
}

static int cpu_scores_get(struct gpu_chain *base, float *scores)
{
    const struct cpu_chain *chain = (const struct cpu_chain *)base;
    memcpy(scores, chain->scores, (size_t)base->rows * (size_t)base->cols * sizeof *scores);
    return PROTO_OK;
}

const struct gpu_backend gpu_cpu_backend = {
    .name = "cpu",
    .what = "oneDNN; f16 is emulated, bf16 needs AVX512_BF16 or AMX",
    .precisions = 1u << GPU_F32 | 1u << GPU_F16 | 1u << GPU_BF16,
    .usual = GPU_F32,
    .open = cpu_open,
    .close = cpu_close,
    .kernels = cpu_kernels,
    .net_open = cpu_net_open,
    .net_close = cpu_net_close,
    .chain_open = cpu_chain_open,
    .chain_close = cpu_chain_close,
    .frame_begin = cpu_frame_begin,
    .sample = cpu_sample,
    .run = cpu_run,
    .local_nms = cpu_local_nms,
    .frame_end = cpu_frame_end,
    .operations = &cpu_operations,
    .input_set = cpu_input_set,
    .input_get = cpu_input_get,
    .scores_get = cpu_scores_get,
};
