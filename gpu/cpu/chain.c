/* A net for one input size on the CPU: its layers as a list of steps, and the memory they share. */
#include "gpu/cpu/chain.h"

#include <stdlib.h>

#include <omp.h>

#include "gpu/shape.h"
#include "proto/log.h"
#include "proto/status.h"

static struct cpu_device *chain_device(const struct cpu_chain *chain)
{
    return (struct cpu_device *)chain->base.net->device;
}

static const struct cpu_net *chain_net(const struct cpu_chain *chain)
{
    return (const struct cpu_net *)chain->base.net;
}

static int buffer_grow(struct cpu_buffer *buffer, size_t bytes)
{
    if (bytes <= buffer->bytes)
        return PROTO_OK;
    bytes = (bytes + 63) / 64 * 64;
    free(buffer->data);
    buffer->bytes = 0;
    buffer->data = aligned_alloc(64, bytes);
    if (!buffer->data) {
        proto_log_error("gpu", "no memory for %zu bytes of activations", bytes);
        return PROTO_NO_MEMORY;
    }
    buffer->bytes = bytes;
    return PROTO_OK;
}

/* Building: the tensor that the steps so far leave, and which shared buffer holds it. */
struct builder {
    struct cpu_chain *chain;
    struct cpu_device *device;
    struct cpu_tensor at;
    int side; /* -1: the input buffer */
};

static struct cpu_step *step_add(struct builder *b, enum cpu_step_kind kind)
{
    struct cpu_step *step = &b->chain->steps[b->chain->step_count++];
    step->kind = kind;
    return step;
}

/* The step writes `tensor` to the other buffer. */
static int move_to(struct builder *b, const struct cpu_tensor *tensor)
{
    b->at = *tensor;
    b->side = b->side == 0 ? 1 : 0;
    return buffer_grow(&b->device->between[b->side], cpu_tensor_bytes(tensor));
}

static int add_pool(struct builder *b, const struct proto_layer *layer, int32_t block,
                    bool round_half)
{
    struct proto_size size =
        gpu_shape_layer(layer, (struct proto_size){.w = b->at.w, .h = b->at.h});
    struct cpu_tensor out = b->at;
    out.h = size.h;
    out.w = size.w;
    out.block = block;
    step_add(b, CPU_STEP_POOL)->pool = (struct cpu_pool){.in = b->at,
                                                         .out = out,
                                                         .kh = layer->kh,
                                                         .kw = layer->kw,
                                                         .sh = layer->sh,
                                                         .sw = layer->sw,
                                                         .round_half = round_half};
    return move_to(b, &out);
}

static int add_layout_change(struct builder *b, int32_t block)
{
    const struct proto_layer copy = {.kh = 1, .kw = 1, .sh = 1, .sw = 1};
    return add_pool(b, &copy, block, false);
}

/* Block of the next convolution's input, so that a pool before it can write that at once; the
 * current one where none follows. */
static int32_t block_wanted(const struct builder *b, struct cpu_conv *const *convs, int layer)
{
    const struct cpu_net *net = chain_net(b->chain);
    for (int i = layer + 1; i < net->count; i++)
        if (convs[i])
            return cpu_conv_in(convs[i])->block;
    return b->at.block;
}

/* Takes *conv (and clears it) as soon as the chain has it. */
static int add_conv(struct builder *b, struct cpu_conv **conv, bool round_half)
{
    const struct cpu_tensor *in = cpu_conv_in(*conv), *out = cpu_conv_out(*conv);
    int status = PROTO_OK;
    if (in->block != b->at.block)
        status = add_layout_change(b, in->block);
    if (status == PROTO_OK)
        status = buffer_grow(&b->device->scratch, cpu_conv_scratch_bytes(*conv));
    if (status != PROTO_OK)
        return status;
    step_add(b, CPU_STEP_CONV)->conv = *conv;
    *conv = NULL;
    status = move_to(b, out);
    if (status == PROTO_OK && round_half)
        step_add(b, CPU_STEP_ROUND)->count = cpu_tensor_elements(out);
    return status;
}

/* Do rows follow each other in memory, so that some of them are a tensor too? */
static bool rows_are_contiguous(const struct cpu_tensor *t)
{
    return t->block >= t->c;
}

static size_t row_bytes(const struct cpu_tensor *t)
{
    return cpu_tensor_bytes(t) / (size_t)t->h;
}

/* The larger one, as a multiple of 64. */
static size_t larger_aligned(size_t a, size_t b)
{
    return ((a > b ? a : b) + 63) / 64 * 64;
}

/* One block of a convolution and pool: `rows` rows of pool output. */
static int open_block(struct builder *b, struct cpu_weights *weights,
                      const struct proto_layer *pool, int32_t rows, struct cpu_conv_pool *step,
                      int which)
{
    const struct proto_layer *conv = pool - 1;
    int32_t conv_rows = (rows - 1) * pool->sh + pool->kh;
    struct proto_size in = {.w = b->at.w, .h = (conv_rows - 1) * conv->sh + conv->kh};
    int status = cpu_conv_open(weights, in, b->device->threads, &step->conv[which]);
    if (status != PROTO_OK)
        return status;
    const struct cpu_tensor *between = cpu_conv_out(step->conv[which]);
    struct proto_size to =
        gpu_shape_layer(pool, (struct proto_size){.w = between->w, .h = between->h});
    step->pool[which] = (struct cpu_pool){.in = *between,
                                          .out = *between,
                                          .kh = pool->kh,
                                          .kw = pool->kw,
                                          .sh = pool->sh,
                                          .sw = pool->sw,
                                          .round_half = b->device->precision == GPU_F16};
    step->pool[which].out.h = to.h;
    step->pool[which].out.w = to.w;
    step->rows_bytes = larger_aligned(step->rows_bytes, cpu_tensor_bytes(between));
    step->scratch_bytes =
        larger_aligned(step->scratch_bytes, cpu_conv_scratch_bytes(step->conv[which]));
    return PROTO_OK;
}

/* Rows of pool output in a block: its convolution's output takes half of a core's 1 MiB of
 * cache, and there are two blocks or more for each thread. With one convolution and one pool
 * over the whole tile a pyramid took 1.06 times as long as its bare convolutions (f32 on two
 * cores, bf16 on one), in blocks 1.01 times. */
static int32_t block_rows(const struct cpu_tensor *conv_out, const struct proto_layer *pool,
                          int32_t pool_rows, int threads)
{
    size_t fit = (size_t)512 * 1024 / (row_bytes(conv_out) * (size_t)pool->sh);
    int32_t most = pool_rows / (2 * threads);
    if ((size_t)most > fit)
        most = (int32_t)fit;
    most = most < 1 ? 1 : most;
    int32_t blocks = (pool_rows + most - 1) / most;
    return (pool_rows + blocks - 1) / blocks;
}

/* Layer i and the pool after it as one step. `whole`, the convolution for the whole input, is
 * only looked at. */
static int add_conv_pool(struct builder *b, int i, const struct cpu_conv *whole)
{
    const struct cpu_net *net = chain_net(b->chain);
    const struct proto_layer *pool = &net->layers[i + 1];
    struct cpu_tensor out = *cpu_conv_out(whole);
    struct proto_size to = gpu_shape_layer(pool, (struct proto_size){.w = out.w, .h = out.h});
    int32_t rows = block_rows(&out, pool, to.h, b->device->threads);
    out.w = to.w;
    out.h = to.h;
    struct cpu_conv_pool *step = &step_add(b, CPU_STEP_CONV_POOL)->conv_pool;
    step->blocks = (to.h + rows - 1) / rows;
    step->in_step = row_bytes(&b->at) * (size_t)(rows * pool->sh * net->layers[i].sh);
    step->out_step = row_bytes(&out) * (size_t)rows;
    int status = open_block(b, net->weights[i], pool, rows, step, 0);
    int32_t last = to.h - (step->blocks - 1) * rows;
    if (status == PROTO_OK && last != rows)
        status = open_block(b, net->weights[i], pool, last, step, 1);
    size_t threads = (size_t)b->device->threads;
    if (status == PROTO_OK)
        status = buffer_grow(&b->device->rows, step->rows_bytes * threads);
    if (status == PROTO_OK)
        status = buffer_grow(&b->device->rows_scratch, step->scratch_bytes * threads);
    return status == PROTO_OK ? move_to(b, &out) : status;
}

/* A pool with overlapping windows would need rows of two blocks. */
static bool fits_conv_pool(const struct builder *b, int i, struct cpu_conv *const *convs)
{
    const struct cpu_net *net = chain_net(b->chain);
    if (!convs[i] || i + 1 >= net->count || net->layers[i + 1].kind != PROTO_LAYER_POOL)
        return false;
    const struct cpu_tensor *in = cpu_conv_in(convs[i]), *out = cpu_conv_out(convs[i]);
    return net->layers[i + 1].kh <= net->layers[i + 1].sh && in->block == b->at.block &&
           rows_are_contiguous(in) && rows_are_contiguous(out) &&
           block_wanted(b, convs, i + 1) == out->block;
}

/* Open each layer's convolution. On failure those opened so far are closed. */
static int open_convs(const struct cpu_chain *chain, struct cpu_conv **convs)
{
    const struct cpu_net *net = chain_net(chain);
    struct proto_size size = {.w = chain->base.w, .h = chain->base.h};
    for (int i = 0; i < net->count; i++) {
        if (net->weights[i]) {
            int status = cpu_conv_open(net->weights[i], size, 1, &convs[i]);
            if (status != PROTO_OK) {
                for (int j = 0; j < i; j++)
                    cpu_conv_close(convs[j]);
                return status;
            }
        }
        size = gpu_shape_layer(&net->layers[i], size);
    }
    return PROTO_OK;
}

/* Emulated f16 rounds what a layer gives, but after a pool that follows (rounding is monotonic,
 * so the maximum may come first), and not the net's outputs, which are fp32. */
static bool rounds(const struct cpu_net *net, int layer)
{
    return layer + 1 < net->count && net->layers[layer + 1].kind != PROTO_LAYER_POOL;
}

static int add_layers(struct builder *b, struct cpu_conv **convs)
{
    const struct cpu_net *net = chain_net(b->chain);
    bool f16 = b->device->precision == GPU_F16;
    int status = PROTO_OK;
    for (int i = 0; i < net->count && status == PROTO_OK; i++) {
        bool round_half = f16 && rounds(net, i);
        if (fits_conv_pool(b, i, convs)) {
            status = add_conv_pool(b, i, convs[i]);
            i++;
        } else if (convs[i]) {
            status = add_conv(b, &convs[i], round_half);
        } else {
            status = add_pool(b, &net->layers[i], block_wanted(b, convs, i), round_half);
        }
    }
    return status;
}

int cpu_chain_build(struct cpu_chain *chain)
{
    struct cpu_conv *convs[PROTO_LAYERS_MAX] = {NULL};
    struct cpu_device *device = chain_device(chain);
    int status = open_convs(chain, convs);
    if (status != PROTO_OK)
        return status;
    const struct cpu_net *net = chain_net(chain);
    chain->input = (struct cpu_tensor){
        .c = PROTO_CHANNELS,
        .h = chain->base.h,
        .w = chain->base.w,
        .block = net->weights[0] ? cpu_conv_in(convs[0])->block : PROTO_CHANNELS,
        .stored = device->precision == GPU_BF16 ? GPU_BF16 : GPU_F32};
    struct builder builder = {.chain = chain, .device = device, .at = chain->input, .side = -1};
    status = buffer_grow(&device->input, cpu_tensor_bytes(&chain->input));
    if (status == PROTO_OK)
        status = add_layers(&builder, convs);
    for (int i = 0; i < net->count; i++)
        cpu_conv_close(convs[i]);
    if (status != PROTO_OK)
        return status;
    chain->output = builder.at;
    chain->scores = malloc((size_t)chain->base.rows * (size_t)chain->base.cols * sizeof(float));
    if (!chain->scores)
        return PROTO_NO_MEMORY;
    return cpu_columns_open(&chain->columns, chain->base.w);
}

void cpu_chain_free(struct cpu_chain *chain)
{
    for (int i = 0; i < chain->step_count; i++) {
        cpu_conv_close(chain->steps[i].conv);
        cpu_conv_close(chain->steps[i].conv_pool.conv[0]);
        cpu_conv_close(chain->steps[i].conv_pool.conv[1]);
    }
    cpu_columns_close(&chain->columns);
    free(chain->scores);
    free(chain);
}

static int run_block(const struct cpu_device *device, const struct cpu_conv_pool *step,
                     int32_t block, const unsigned char *in, unsigned char *out)
{
    int which = block == step->blocks - 1 && step->conv[1];
    size_t thread = (size_t)omp_get_thread_num();
    void *rows = (unsigned char *)device->rows.data + thread * step->rows_bytes;
    void *scratch = (unsigned char *)device->rows_scratch.data + thread * step->scratch_bytes;
    int status = cpu_conv_run(step->conv[which], (int)thread, in + (size_t)block * step->in_step,
                              rows, scratch);
    if (status == PROTO_OK)
        cpu_pool_run_alone(&step->pool[which], rows, out + (size_t)block * step->out_step);
    return status;
}

/* Blocks go to whichever thread is free: one that is held up by another process holds up one
 * block. */
static int run_conv_pool(const struct cpu_device *device, const struct cpu_conv_pool *step,
                         const void *in, void *out)
{
    int worst = PROTO_OK; /* the others are negative */
#pragma omp parallel for schedule(dynamic) reduction(min : worst)
    for (int32_t i = 0; i < step->blocks; i++) {
        int status = run_block(device, step, i, in, out);
        worst = status < worst ? status : worst;
    }
    return worst;
}

/* A step that writes to another buffer: all but ROUND. */
static int run_step(const struct cpu_device *device, const struct cpu_step *step, const void *in,
                    void *out)
{
    if (step->kind == CPU_STEP_CONV)
        return cpu_conv_run(step->conv, 0, in, out, device->scratch.data);
    if (step->kind == CPU_STEP_CONV_POOL)
        return run_conv_pool(device, &step->conv_pool, in, out);
    cpu_pool_run(&step->pool, in, out);
    return PROTO_OK;
}

int cpu_chain_run(struct cpu_chain *chain)
{
    const struct cpu_device *device = chain_device(chain);
    void *in = device->input.data;
    int side = 0;
    for (int i = 0; i < chain->step_count; i++) {
        const struct cpu_step *step = &chain->steps[i];
        if (step->kind == CPU_STEP_ROUND) {
            cpu_round_half_run(in, step->count);
            continue;
        }
        void *out = device->between[side].data;
        int status = run_step(device, step, in, out);
        if (status != PROTO_OK)
            return status;
        in = out;
        side = 1 - side;
    }
    cpu_score_run(&chain->output, in, chain->scores);
    if (device->softmax)
        cpu_softmax_run(chain->scores, (size_t)chain->base.rows * (size_t)chain->base.cols,
                        device->precision);
    return PROTO_OK;
}
