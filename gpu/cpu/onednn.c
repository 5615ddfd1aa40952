/* All oneDNN calls; see onednn.h. */
#include "gpu/cpu/onednn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include "proto/log.h"
#include "proto/status.h"

enum { KERNEL_NAME_MAX = 64, LAYOUTS_MAX = 32 };

struct cpu_dnnl {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
};

struct cpu_weights {
    struct cpu_dnnl *dnnl;
    const struct proto_layer *layer;
    struct cpu_weights_settings settings;
    dnnl_format_tag_t in_tag; /* asked for; `any` but for the first layer */
    char kernel[KERNEL_NAME_MAX];
    dnnl_primitive_attr_t attr; /* ReLU; scratch memory from us */
    dnnl_memory_t plain, bias;  /* the layer's own memory, described */
    int layout_count;
    dnnl_memory_t layouts[LAYOUTS_MAX]; /* reordered copies, made on first use */
};

/* Descriptions without memory: pointers are set by each run. */
struct conv_lane {
    dnnl_memory_t in, out, scratch;
};

struct cpu_conv {
    struct cpu_weights *weights;
    dnnl_primitive_t primitive;
    int lane_count;
    struct conv_lane *lanes;
    dnnl_memory_t kernel_weights; /* borrowed from weights->layouts */
    struct cpu_tensor in_tensor, out_tensor;
    size_t scratch_bytes;
};

static int check_status(dnnl_status_t status, const char *call)
{
    if (status == dnnl_success)
        return PROTO_OK;
    proto_log_error("gpu", "oneDNN: %s failed with status %d", call, (int)status);
    return status == dnnl_out_of_memory ? PROTO_NO_MEMORY : PROTO_DEVICE;
}

/* Run a call; on failure log it, and return its status from this function. */
#define CHECK(call)                                                                                \
    do {                                                                                           \
        int check_result = check_status((call), #call);                                            \
        if (check_result != PROTO_OK)                                                              \
            return check_result;                                                                   \
    } while (0)

void cpu_dnnl_version(char text[32])
{
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, 32, "onednn-%d.%d.%d", version->major, version->minor, version->patch);
}

int cpu_dnnl_open(struct cpu_dnnl **out)
{
    struct cpu_dnnl *dnnl = calloc(1, sizeof *dnnl);
    if (!dnnl)
        return PROTO_NO_MEMORY;
    /* oneDNN would keep the last 1024 kernels, up to 0.4 MB each, although their chains are
     * closed. Ours are kept by worker/chain_cache.c; hardly two of them are alike. */
    int status =
        check_status(dnnl_set_primitive_cache_capacity(0), "dnnl_set_primitive_cache_capacity");
    if (status == PROTO_OK)
        status = check_status(dnnl_engine_create(&dnnl->engine, dnnl_cpu, 0), "dnnl_engine_create");
    if (status != PROTO_OK)
        goto fail;
    status =
        check_status(dnnl_stream_create(&dnnl->stream, dnnl->engine, dnnl_stream_default_flags),
                     "dnnl_stream_create");
    if (status != PROTO_OK)
        goto fail;
    *out = dnnl;
    return PROTO_OK;
fail:
    cpu_dnnl_close(dnnl);
    return status;
}

void cpu_dnnl_close(struct cpu_dnnl *dnnl)
{
    if (!dnnl)
        return;
    dnnl_stream_destroy(dnnl->stream);
    dnnl_engine_destroy(dnnl->engine);
    free(dnnl);
}

bool cpu_dnnl_has_bf16(void)
{
    unsigned isa = (unsigned)dnnl_get_effective_cpu_isa();
    return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Which implementations sum every output in an order that does not depend on tile or threads.
 * Tried with hundreds of crops of many layer shapes and 1 to 5 threads; tests/gpu/test_exact.c
 * repeats it for the default topology.
 *   brgconv:*, brgconv_1x1:*   the same bits in f32 and, without AMX, in bf16
 *   jit:*, jit_bf16:*          the same bits; with AMX this is the only bf16 one that is
 *   jit_1x1:*                  NOT: it splits the sum over channels by the number of outputs
 *   gemm, Winograd             NOT: gemm not even for different numbers of threads
 *   ref:any                    the same bits, but slow: taken where there is nothing else */
static bool kernel_is_exact(const char *name, enum gpu_precision stored)
{
    bool amx = strstr(name, "amx") != NULL;
    if (stored == GPU_BF16) {
        if (amx)
            return starts_with(name, "jit:");
        return strstr(name, "avx512_core_bf16") &&
               (starts_with(name, "brgconv") || starts_with(name, "jit_bf16:"));
    }
    return !amx && (starts_with(name, "brgconv") || starts_with(name, "jit:") ||
                    strcmp(name, "ref:any") == 0);
}

static dnnl_data_type_t data_type(enum gpu_precision stored)
{
    return stored == GPU_BF16 ? dnnl_bf16 : dnnl_f32;
}

static void plain_desc(const struct proto_layer *l, dnnl_memory_desc_t *weights,
                       dnnl_memory_desc_t *bias)
{
    const dnnl_dims_t weight_dims = {l->cout, l->cin, l->kh, l->kw};
    const dnnl_dims_t bias_dims = {l->cout};
    dnnl_memory_desc_init_by_tag(weights, 4, weight_dims, dnnl_f32, dnnl_oihw);
    dnnl_memory_desc_init_by_tag(bias, 1, bias_dims, dnnl_f32, dnnl_x);
}

static int conv_desc(const struct cpu_weights *w, struct proto_size in,
                     dnnl_convolution_desc_t *desc)
{
    const struct proto_layer *l = w->layer;
    const dnnl_dims_t in_dims = {1, l->cin, in.h, in.w};
    const dnnl_dims_t out_dims = {1, l->cout, (in.h - l->kh) / l->sh + 1,
                                  (in.w - l->kw) / l->sw + 1};
    const dnnl_dims_t weight_dims = {l->cout, l->cin, l->kh, l->kw};
    const dnnl_dims_t strides = {l->sh, l->sw}, no_padding = {0, 0};
    dnnl_memory_desc_t in_md, weights_md, bias_md, out_md;
    plain_desc(l, &weights_md, &bias_md);
    dnnl_data_type_t type = data_type(w->settings.stored);
    CHECK(dnnl_memory_desc_init_by_tag(&in_md, 4, in_dims, type, w->in_tag));
    CHECK(dnnl_memory_desc_init_by_tag(&weights_md, 4, weight_dims, type, dnnl_format_tag_any));
    CHECK(dnnl_memory_desc_init_by_tag(&out_md, 4, out_dims, w->settings.last ? dnnl_f32 : type,
                                       dnnl_format_tag_any));
    CHECK(dnnl_convolution_forward_desc_init(desc, dnnl_forward_inference, dnnl_convolution_direct,
                                             &in_md, &weights_md, &bias_md, &out_md, strides,
                                             no_padding, no_padding));
    return PROTO_OK;
}

static const char *kernel_name(const_dnnl_primitive_desc_t desc)
{
    const char *name = "";
    dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name);
    return name;
}

/* Go through oneDNN's implementations, its favourite first, to the first that `accept` takes.
 * *out is NULL when there is none; `seen` (or NULL) collects the names of those passed over. */
static int find_kernel(const struct cpu_weights *w, struct proto_size in,
                       bool (*accept)(const struct cpu_weights *w, const char *name), char *seen,
                       size_t seen_bytes, dnnl_primitive_desc_t *out)
{
    dnnl_convolution_desc_t desc;
    dnnl_primitive_desc_iterator_t list;
    *out = NULL;
    int status = conv_desc(w, in, &desc);
    if (status != PROTO_OK)
        return status;
    if (dnnl_primitive_desc_iterator_create(&list, &desc, w->attr, w->dnnl->engine, NULL) !=
        dnnl_success)
        return PROTO_OK;
    do {
        dnnl_primitive_desc_t candidate = dnnl_primitive_desc_iterator_fetch(list);
        if (!candidate)
            continue;
        if (accept(w, kernel_name(candidate))) {
            *out = candidate;
            break;
        }
        if (seen)
            snprintf(seen + strlen(seen), seen_bytes - strlen(seen), " %s", kernel_name(candidate));
        dnnl_primitive_desc_destroy(candidate);
    } while (dnnl_primitive_desc_iterator_next(list) == dnnl_success);
    dnnl_primitive_desc_iterator_destroy(list);
    return PROTO_OK;
}

static bool accept_exact(const struct cpu_weights *w, const char *name)
{
    /* For interleaved RGB only brgconv is fast; others want planes. */
    if (w->in_tag == dnnl_nhwc && !starts_with(name, "brgconv"))
        return false;
    return kernel_is_exact(name, w->settings.stored);
}

static bool accept_pinned(const struct cpu_weights *w, const char *name)
{
    return strcmp(name, w->kernel) == 0;
}

/* Choose the layer's implementation by the smallest input there is: one cell. */
static int pin_kernel(struct cpu_weights *w)
{
    const dnnl_format_tag_t first_tags[] = {dnnl_nhwc, dnnl_nchw},
                            other_tags[] = {dnnl_format_tag_any};
    const dnnl_format_tag_t *tags = w->settings.first ? first_tags : other_tags;
    int tag_count = w->settings.first ? 2 : 1;
    const struct proto_size one_cell = {.w = w->layer->kw, .h = w->layer->kh};
    char seen[256] = "";
    for (int i = 0; i < tag_count; i++) {
        dnnl_primitive_desc_t desc;
        w->in_tag = tags[i];
        int status = find_kernel(w, one_cell, accept_exact, seen, sizeof seen, &desc);
        if (status != PROTO_OK)
            return status;
        if (desc) {
            snprintf(w->kernel, sizeof w->kernel, "%s", kernel_name(desc));
            dnnl_primitive_desc_destroy(desc);
            return PROTO_OK;
        }
    }
    proto_log_error("gpu",
                    "layer %.63s: oneDNN offers no implementation that gives the same bits for "
                    "every tile, only:%s",
                    w->layer->name, seen[0] ? seen : " none");
    return PROTO_UNSUPPORTED;
}

static int make_attributes(struct cpu_weights *w)
{
    CHECK(dnnl_primitive_attr_create(&w->attr));
    CHECK(dnnl_primitive_attr_set_scratchpad_mode(w->attr, dnnl_scratchpad_mode_user));
    if (!w->layer->relu)
        return PROTO_OK;
    dnnl_post_ops_t after;
    CHECK(dnnl_post_ops_create(&after));
    dnnl_status_t status = dnnl_post_ops_append_eltwise(after, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(w->attr, after);
    dnnl_post_ops_destroy(after);
    return check_status(status, "dnnl_primitive_attr_set_post_ops");
}

static int describe_plain(struct cpu_weights *w)
{
    dnnl_memory_desc_t weights_md, bias_md;
    plain_desc(w->layer, &weights_md, &bias_md);
    /* oneDNN only reads them. */
    void *weights = (void *)(uintptr_t)w->layer->weights, *bias = (void *)(uintptr_t)w->layer->bias;
    CHECK(dnnl_memory_create(&w->plain, &weights_md, w->dnnl->engine, weights));
    CHECK(dnnl_memory_create(&w->bias, &bias_md, w->dnnl->engine, bias));
    return PROTO_OK;
}

int cpu_weights_open(struct cpu_dnnl *dnnl, const struct proto_layer *layer,
                     const struct cpu_weights_settings *settings, struct cpu_weights **out)
{
    struct cpu_weights *w = calloc(1, sizeof *w);
    if (!w)
        return PROTO_NO_MEMORY;
    w->dnnl = dnnl;
    w->layer = layer;
    w->settings = *settings;
    int status = make_attributes(w);
    if (status == PROTO_OK)
        status = describe_plain(w);
    if (status == PROTO_OK)
        status = pin_kernel(w);
    if (status != PROTO_OK) {
        cpu_weights_close(w);
        return status;
    }
    *out = w;
    return PROTO_OK;
}

void cpu_weights_close(struct cpu_weights *w)
{
    if (!w)
        return;
    for (int i = 0; i < w->layout_count; i++)
        dnnl_memory_destroy(w->layouts[i]);
    dnnl_memory_destroy(w->bias);
    dnnl_memory_destroy(w->plain);
    dnnl_primitive_attr_destroy(w->attr);
    free(w);
}

const char *cpu_weights_kernel(const struct cpu_weights *w)
{
    return w->kernel;
}

static int reorder(struct cpu_weights *w, const dnnl_memory_desc_t *md, dnnl_memory_t to)
{
    dnnl_memory_desc_t plain_md, bias_md;
    plain_desc(w->layer, &plain_md, &bias_md);
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    CHECK(dnnl_reorder_primitive_desc_create(&desc, &plain_md, w->dnnl->engine, md, w->dnnl->engine,
                                             NULL));
    dnnl_status_t status = dnnl_primitive_create(&primitive, desc);
    dnnl_primitive_desc_destroy(desc);
    CHECK(status);
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, w->plain}, {DNNL_ARG_TO, to}};
    status = dnnl_primitive_execute(primitive, w->dnnl->stream, 2, args);
    if (status == dnnl_success)
        status = dnnl_stream_wait(w->dnnl->stream);
    dnnl_primitive_destroy(primitive);
    return check_status(status, "reorder of weights");
}

/* The layer's weights in the layout that a kernel wants: one copy for all chains that want the
 * same. */
static int weights_in_layout(struct cpu_weights *w, const dnnl_memory_desc_t *md,
                             dnnl_memory_t *out)
{
    for (int i = 0; i < w->layout_count; i++) {
        const dnnl_memory_desc_t *have;
        CHECK(dnnl_memory_get_memory_desc(w->layouts[i], &have));
        if (dnnl_memory_desc_equal(have, md)) {
            *out = w->layouts[i];
            return PROTO_OK;
        }
    }
    if (w->layout_count == LAYOUTS_MAX) {
        proto_log_error("gpu", "layer %.63s: more than %d weight layouts", w->layer->name,
                        LAYOUTS_MAX);
        return PROTO_LIMIT;
    }
    dnnl_memory_t copy;
    CHECK(dnnl_memory_create(&copy, md, w->dnnl->engine, DNNL_MEMORY_ALLOCATE));
    int status = reorder(w, md, copy);
    if (status != PROTO_OK) {
        dnnl_memory_destroy(copy);
        return status;
    }
    w->layouts[w->layout_count++] = copy;
    *out = copy;
    return PROTO_OK;
}

/* oneDNN's description of an activation in our words; PROTO_UNSUPPORTED for a layout we can't
 * say. */
static int tensor_from_md(const dnnl_memory_desc_t *md, struct cpu_tensor *out)
{
    const dnnl_blocking_desc_t *b = &md->format_desc.blocking;
    struct cpu_tensor t = {.c = (int32_t)md->dims[1],
                           .h = (int32_t)md->dims[2],
                           .w = (int32_t)md->dims[3],
                           .stored = md->data_type == dnnl_bf16 ? GPU_BF16 : GPU_F32};
    if (b->inner_nblks == 1 && b->inner_idxs[0] == 1)
        t.block = (int32_t)b->inner_blks[0];
    else if (b->inner_nblks == 0)
        t.block = b->strides[1] == 1 && t.c > 1 ? t.c : 1;
    bool known = t.block > 0 && md->format_kind == dnnl_blocked && md->offset0 == 0 &&
                 dnnl_memory_desc_get_size(md) == cpu_tensor_bytes(&t) &&
                 (t.w == 1 || b->strides[3] == t.block) &&
                 (t.h == 1 || b->strides[2] == (dnnl_dim_t)t.w * t.block);
    *out = t;
    return known ? PROTO_OK : PROTO_UNSUPPORTED;
}

static int conv_create(struct cpu_conv *conv, const_dnnl_primitive_desc_t desc)
{
    struct cpu_weights *w = conv->weights;
    dnnl_engine_t engine = w->dnnl->engine;
    const dnnl_memory_desc_t *in = dnnl_primitive_desc_query_md(desc, dnnl_query_src_md, 0);
    const dnnl_memory_desc_t *out = dnnl_primitive_desc_query_md(desc, dnnl_query_dst_md, 0);
    const dnnl_memory_desc_t *weights =
        dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    const dnnl_memory_desc_t *scratch =
        dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    if (tensor_from_md(in, &conv->in_tensor) != PROTO_OK ||
        tensor_from_md(out, &conv->out_tensor) != PROTO_OK) {
        proto_log_error("gpu", "layer %.63s: kernel %s lays activations out in an unknown way",
                        w->layer->name, w->kernel);
        return PROTO_UNSUPPORTED;
    }
    CHECK(dnnl_primitive_create(&conv->primitive, desc));
    for (int i = 0; i < conv->lane_count; i++) {
        struct conv_lane *lane = &conv->lanes[i];
        CHECK(dnnl_memory_create(&lane->in, in, engine, DNNL_MEMORY_NONE));
        CHECK(dnnl_memory_create(&lane->out, out, engine, DNNL_MEMORY_NONE));
        CHECK(dnnl_memory_create(&lane->scratch, scratch, engine, DNNL_MEMORY_NONE));
    }
    conv->scratch_bytes = dnnl_memory_desc_get_size(scratch);
    return weights_in_layout(w, weights, &conv->kernel_weights);
}

/* Choose the pinned kernel for this size and make it. */
static int conv_make(struct cpu_conv *conv, struct proto_size in)
{
    const struct cpu_weights *w = conv->weights;
    dnnl_primitive_desc_t desc = NULL;
    int status = find_kernel(w, in, accept_pinned, NULL, 0, &desc);
    if (status == PROTO_OK && !desc) {
        proto_log_error("gpu", "layer %.63s: kernel %s does not take an input of %d x %d",
                        w->layer->name, w->kernel, (int)in.w, (int)in.h);
        status = PROTO_UNSUPPORTED;
    }
    if (status == PROTO_OK)
        status = conv_create(conv, desc);
    dnnl_primitive_desc_destroy(desc);
    return status;
}

int cpu_conv_open(struct cpu_weights *w, struct proto_size in, int lanes, struct cpu_conv **out)
{
    struct cpu_conv *conv = calloc(1, sizeof *conv);
    if (!conv)
        return PROTO_NO_MEMORY;
    conv->weights = w;
    conv->lane_count = lanes;
    conv->lanes = calloc((size_t)lanes, sizeof *conv->lanes);
    int status = PROTO_NO_MEMORY;
    if (!conv->lanes)
        goto fail;
    /* A kernel is made for as many threads as there are at that moment. */
    int threads = omp_get_max_threads();
    if (lanes > 1)
        omp_set_num_threads(1);
    status = conv_make(conv, in);
    omp_set_num_threads(threads);
    if (status != PROTO_OK)
        goto fail;
    *out = conv;
    return PROTO_OK;
fail:
    cpu_conv_close(conv);
    return status;
}

void cpu_conv_close(struct cpu_conv *conv)
{
    if (!conv)
        return;
    for (int i = 0; conv->lanes && i < conv->lane_count; i++) {
        dnnl_memory_destroy(conv->lanes[i].scratch);
        dnnl_memory_destroy(conv->lanes[i].out);
        dnnl_memory_destroy(conv->lanes[i].in);
    }
    free(conv->lanes);
    dnnl_primitive_destroy(conv->primitive);
    free(conv);
}

const struct cpu_tensor *cpu_conv_in(const struct cpu_conv *conv)
{
    return &conv->in_tensor;
}

const struct cpu_tensor *cpu_conv_out(const struct cpu_conv *conv)
{
    return &conv->out_tensor;
}

size_t cpu_conv_scratch_bytes(const struct cpu_conv *conv)
{
    return conv->scratch_bytes;
}

int cpu_conv_run(struct cpu_conv *conv, int number, const void *in, void *out, void *scratch)
{
    const struct conv_lane *lane = &conv->lanes[number];
    CHECK(dnnl_memory_set_data_handle_v2(lane->in, (void *)(uintptr_t)in, NULL));
    CHECK(dnnl_memory_set_data_handle_v2(lane->out, out, NULL));
    CHECK(dnnl_memory_set_data_handle_v2(lane->scratch, scratch, NULL));
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, lane->in},
                                    {DNNL_ARG_WEIGHTS, conv->kernel_weights},
                                    {DNNL_ARG_BIAS, conv->weights->bias},
                                    {DNNL_ARG_DST, lane->out},
                                    {DNNL_ARG_SCRATCHPAD, lane->scratch}};
    CHECK(dnnl_primitive_execute(conv->primitive, conv->weights->dnnl->stream, 5, args));
    CHECK(dnnl_stream_wait(conv->weights->dnnl->stream));
    return PROTO_OK;
}
