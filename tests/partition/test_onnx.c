/* partition/onnx*.c: what is read, that it computes what the file says, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "onnx_writer.h"
#include "partition/onnx.h"
#include "proto/status.h"
#include "support.h"

static char folder[] = "/tmp/muster-onnx-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/net.onnx", folder);
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const files[] = {"net.onnx", "data.bin", "sub/w.bin"};
    char name[128];
    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(name, sizeof(name), "%s/%s", folder, files[i]);
        unlink(name);
    }
    snprintf(name, sizeof(name), "%s/sub", folder);
    rmdir(name);
    return rmdir(folder);
}

/* ---- a small net, and what it computes ---- */

/* 8x6 -> conv 3x3 -> relu -> pool 2 -> flatten (4 x 3 x 2) -> 5 -> relu -> 2 */
static void small_net(struct onnx_writer *w)
{
    onnx_conv(w, "c1", 4, 3, 3, 3);
    onnx_node(w, "Relu", "r1");
    onnx_pool(w, "p1", 2);
    onnx_node(w, "Flatten", "flat");
    onnx_gemm(w, "g1", 5, 24);
    onnx_node(w, "Relu", "r2");
    onnx_gemm(w, "g2", 2, 5);
}

static void open_small(struct onnx_writer *w, enum onnx_storage storage)
{
    onnx_open(w, 8, 6);
    w->folder = folder;
    w->storage = storage;
    small_net(w);
}

static void read_ok(struct onnx_writer *w, struct partition_net *net)
{
    memset(net, 0, sizeof(*net));
    onnx_write(w, path);
    assert_int_equal(partition_onnx_read(path, net), PROTO_OK);
}

static void read_small(enum onnx_storage storage, struct partition_net *net)
{
    struct onnx_writer w;
    open_small(&w, storage);
    read_ok(&w, net);
    onnx_close(&w);
}

/* Run the first `layers` layers on an h x w picture of onnx_value(99) numbers; returns the last feature
 * map, which the caller frees. */
static double *run_layers(const struct partition_net *net, int layers, int32_t h, int32_t w)
{
    double *in = calloc((size_t)(3 * h * w), sizeof(*in));
    assert_non_null(in);
    for (int32_t i = 0; i < 3 * h * w; i++)
        in[i] = (double)onnx_value(99, (size_t)i);
    for (int n = 0; n < layers; n++) {
        const struct proto_layer *l = &net->layers[n];
        const int32_t oh = (h - l->kh) / l->sh + 1, ow = (w - l->kw) / l->sw + 1;
        double *out = calloc((size_t)(l->cout * oh * ow), sizeof(*out));
        assert_non_null(out);
        for (int32_t o = 0; o < l->cout; o++)
            for (int32_t y = 0; y < oh; y++)
                for (int32_t x = 0; x < ow; x++) {
                    const bool conv = l->kind == PROTO_LAYER_CONV;
                    double v = conv ? (double)l->bias[o] : -INFINITY;
                    for (int32_t c = conv ? 0 : o; c < (conv ? l->cin : o + 1); c++)
                        for (int32_t i = 0; i < l->kh; i++)
                            for (int32_t j = 0; j < l->kw; j++) {
                                const double p = in[(c * h + y * l->sh + i) * w + x * l->sw + j];
                                if (conv)
                                    v += p *
                                         (double)
                                             l->weights[((o * l->cin + c) * l->kh + i) * l->kw + j];
                                else
                                    v = fmax(v, p);
                            }
                    out[(o * oh + y) * ow + x] = l->relu ? fmax(v, 0) : v;
                }
        free(in);
        in = out;
        h = oh;
        w = ow;
    }
    return in;
}

static void assert_same_net(const struct partition_net *a, const struct partition_net *b)
{
    assert_int_equal(a->layer_count, b->layer_count);
    assert_int_equal(a->weight_count, b->weight_count);
    assert_memory_equal(a->weights, b->weights, a->weight_count * sizeof(float));
    assert_memory_equal(&a->window, &b->window, sizeof(a->window));
    for (int i = 0; i < a->layer_count; i++) {
        struct proto_layer x = a->layers[i], y = b->layers[i];
        assert_int_equal(x.kind == PROTO_LAYER_CONV ? x.weights - a->weights : 0,
                         y.kind == PROTO_LAYER_CONV ? y.weights - b->weights : 0);
        assert_true(x.cin == y.cin && x.cout == y.cout && x.kh == y.kh && x.kw == y.kw &&
                    x.sh == y.sh && x.sw == y.sw && x.relu == y.relu);
    }
}

/* ---- accepted ---- */

static void the_paper_net_is_read_with_the_papers_figures(void **state)
{
    struct onnx_writer w;
    struct partition_net net;
    (void)state;
    onnx_open(&w, 128, 48);
    onnx_paper(&w);
    w.inputs[0]->type->tensor_type->shape->dim[0]->has_dim_value = 0;
    read_ok(&w, &net);
    assert_int_equal(net.window.h, 128);
    assert_int_equal(net.window.w, 48);
    assert_int_equal(net.stride.h, 8);
    assert_int_equal(net.stride.w, 8);
    assert_int_equal(net.outputs, 2);
    assert_int_equal(net.layer_count, 11);
    assert_in_range(net.weight_count, 3915000, 3924999);
    assert_string_equal(net.layers[8].name, "fc1");
    assert_int_equal(net.layers[8].kh, 11);
    assert_true(net.layers[8].relu && !net.layers[10].relu);
    free(net.weights);
    onnx_close(&w);
}

static void weights_are_the_same_however_they_are_stored(void **state)
{
    struct partition_net reference;
    (void)state;
    read_small(ONNX_RAW_FLOAT, &reference);
    assert_true(reference.layers[0].weights[7] == onnx_value(0, 7));
    assert_true(reference.layers[0].bias[3] == onnx_value(1, 3));
    for (enum onnx_storage s = 0; s < ONNX_STORAGES; s++) {
        struct partition_net net;
        read_small(s, &net);
        assert_same_net(&net, &reference);
        free(net.weights);
    }
    free(reference.weights);
}

static void gemm_computes_its_matrix_product(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        struct onnx_writer w;
        struct partition_net net;
        const bool transposed = variant & 1;
        const float alpha = variant & 2 ? 0.5f : 1, beta = variant & 2 ? -2.0f : 1;
        onnx_open(&w, 8, 6);
        onnx_conv(&w, "c1", 4, 3, 3, 3);
        onnx_pool(&w, "p1", 2);
        onnx_node(&w, "Flatten", "flat");
        onnx_gemm(&w, "g", 2, 24);
        onnx_int(&w, onnx_find(&w, "g"), "transB", transposed);
        if (!transposed)
            memcpy(w.tensors[2]->dims, ((int64_t[]){24, 2}), 2 * sizeof(int64_t));
        if (variant & 2) {
            onnx_real(&w, onnx_find(&w, "g"), "alpha", alpha);
            onnx_real(&w, onnx_find(&w, "g"), "beta", beta);
        }
        read_ok(&w, &net);
        double *features = run_layers(&net, 2, 8, 6), *out = run_layers(&net, 3, 8, 6);
        for (size_t n = 0; n < 2; n++) {
            double expected = (double)(beta * onnx_value(3, n));
            for (size_t k = 0; k < 24; k++)
                expected += (double)(alpha * onnx_value(2, transposed ? n * 24 + k : k * 2 + n)) *
                            features[k];
            assert_true(fabs(out[n] - expected) < 1e-12);
        }
        free(features);
        free(out);
        free(net.weights);
        onnx_close(&w);
    }
}

static void a_bias_may_be_missing_or_one_number_for_all(void **state)
{
    struct onnx_writer w;
    struct partition_net net;
    (void)state;
    open_small(&w, ONNX_RAW_FLOAT);
    onnx_find(&w, "c1")->n_input = 2;
    onnx_find(&w, "g1")->input[2] = onnx_copy(&w, "");
    w.tensors[5]->n_dims = 0; /* g2.b: a scalar */
    w.tensors[5]->raw_data.len = 4;
    read_ok(&w, &net);
    for (int i = 0; i < 4; i++)
        assert_true(net.layers[0].bias[i] == 0);
    assert_true(net.layers[2].bias[0] == 0);
    assert_true(net.layers[3].bias[0] == onnx_value(5, 0));
    assert_true(net.layers[3].bias[1] == onnx_value(5, 0));
    free(net.weights);
    onnx_close(&w);
}

/* scale, shift, mean and variance of `count` channels; the variance is made positive. */
static void add_normalization(struct onnx_writer *w, const char *name, int64_t count)
{
    static const char *const parts[] = {"s", "t", "m", "v"};
    Onnx__NodeProto *node = onnx_node(w, "BatchNormalization", name);
    onnx_real(w, node, "epsilon", 0.25f);
    for (int i = 0; i < 4; i++) {
        char tensor[32];
        w->storage = i == 3 ? ONNX_TYPED_FLOAT : ONNX_RAW_FLOAT;
        snprintf(tensor, sizeof(tensor), "%s.%s", name, parts[i]);
        Onnx__TensorProto *t = onnx_tensor(w, tensor, 1, &count);
        for (size_t k = 0; i == 3 && k < t->n_float_data; k++)
            t->float_data[k] += 1;
        onnx_take(w, node, tensor);
    }
    w->storage = ONNX_RAW_FLOAT;
}

static void batch_normalization_is_folded_into_the_layer_before(void **state)
{
    (void)state;
    for (int behind_gemm = 0; behind_gemm < 2; behind_gemm++) {
        struct onnx_writer w;
        struct partition_net net, plain;
        onnx_open(&w, 3, 3);
        if (behind_gemm) {
            onnx_node(&w, "Flatten", "flat");
            onnx_gemm(&w, "g", 2, 27);
        } else {
            onnx_conv(&w, "c", 2, 3, 3, 3);
        }
        read_ok(&w, &plain);
        w.graph.n_output = 0;
        add_normalization(&w, "bn", 2);
        read_ok(&w, &net);
        double *before = run_layers(&plain, 1, 3, 3), *after = run_layers(&net, 1, 3, 3);
        for (size_t n = 0; n < 2; n++) {
            const double expected = (before[n] - (double)onnx_value(4, n)) /
                                        sqrt((double)onnx_value(5, n) + 1 + 0.25) *
                                        (double)onnx_value(2, n) +
                                    (double)onnx_value(3, n);
            assert_true(fabs(after[n] - expected) < 1e-6);
        }
        free(before);
        free(after);
        free(net.weights);
        free(plain.weights);
        onnx_close(&w);
    }
}

static void a_relu_behind_a_pool_is_the_same_as_before_it(void **state)
{
    struct onnx_writer w;
    struct partition_net net;
    (void)state;
    onnx_open(&w, 4, 4);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    onnx_pool(&w, "p", 2);
    onnx_node(&w, "Relu", "r");
    onnx_conv(&w, "d", 1, 2, 1, 1);
    read_ok(&w, &net);
    assert_true(net.layers[0].relu && !net.layers[1].relu && !net.layers[2].relu);
    assert_int_equal(net.outputs, 1);
    free(net.weights);
    onnx_close(&w);
}

static void a_reshape_to_one_row_is_a_flatten(void **state)
{
    static const int64_t shapes[][2] = {{1, 24}, {-1, 24}, {0, 24}, {1, -1}, {0, -1}};
    struct partition_net reference;
    (void)state;
    read_small(ONNX_RAW_FLOAT, &reference);
    for (size_t i = 0; i < 2 * sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct onnx_writer w;
        struct partition_net net;
        open_small(&w, ONNX_RAW_FLOAT);
        Onnx__NodeProto *node = onnx_find(&w, "flat");
        node->op_type = onnx_copy(&w, "Reshape");
        onnx_take(&w, node, "shape");
        w.storage = i & 1 ? ONNX_TYPED_FLOAT : ONNX_RAW_FLOAT;
        Onnx__TensorProto *shape = onnx_shape(&w, "shape", 2, shapes[i / 2]);
        if (i & 1)
            onnx_constant(&w, shape);
        read_ok(&w, &net);
        assert_same_net(&net, &reference);
        free(net.weights);
        onnx_close(&w);
    }
    free(reference.weights);
}

static void nodes_that_change_nothing_are_passed_over(void **state)
{
    struct onnx_writer w;
    struct partition_net net, reference;
    (void)state;
    read_small(ONNX_RAW_FLOAT, &reference);
    onnx_open(&w, 8, 6);
    onnx_int(&w, onnx_node(&w, "Cast", "to_half"), "to", 10);
    small_net(&w);
    onnx_node(&w, "Dropout", "drop");
    onnx_node(&w, "LogSoftmax", "scores");
    onnx_int(&w, onnx_node(&w, "Cast", "to_float"), "to", 1);
    onnx_node(&w, "Identity", "out");
    onnx_find(&w, "c1")->domain = onnx_copy(&w, "ai.onnx");
    w.inputs[0]->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16;
    read_ok(&w, &net);
    assert_same_net(&net, &reference);
    free(net.weights);
    free(reference.weights);
    onnx_close(&w);
}

static void softmax_over_the_channels_is_dropped(void **state)
{
    static const int64_t axes[] = {1, -1, 99};
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct onnx_writer w;
        struct partition_net net;
        open_small(&w, ONNX_RAW_FLOAT);
        Onnx__NodeProto *node = onnx_node(&w, "Softmax", "prob");
        if (axes[i / 2] != 99)
            onnx_int(&w, node, "axis", axes[i / 2]);
        w.opset.version = i & 1 ? 13 : 11;
        read_ok(&w, &net);
        assert_int_equal(net.layer_count, 4);
        free(net.weights);
        onnx_close(&w);
    }
}

static void weights_may_come_through_constant_identity_and_cast(void **state)
{
    struct onnx_writer w;
    struct partition_net net, reference;
    (void)state;
    read_small(ONNX_RAW_FLOAT, &reference);
    open_small(&w, ONNX_RAW_HALF);
    const char *flow = w.flow;
    Onnx__NodeProto *cast = onnx_node(&w, "Cast", "c1.w32");
    cast->input[0] = onnx_copy(&w, "c1.w");
    onnx_int(&w, cast, "to", 1);
    onnx_find(&w, "c1")->input[1] = onnx_copy(&w, "c1.w32");
    memmove(w.nodes + 1, w.nodes, (w.graph.n_node - 1) * sizeof(*w.nodes));
    w.nodes[0] = cast;
    w.flow = flow;
    onnx_constant(&w, w.tensors[0]);
    read_ok(&w, &net);
    assert_same_net(&net, &reference);
    free(net.weights);
    free(reference.weights);
    onnx_close(&w);
}

static void windows_may_be_written_in_several_ways(void **state)
{
    static const char *const pads[] = {"VALID", "NOTSET", ""};
    struct partition_net reference;
    (void)state;
    read_small(ONNX_RAW_FLOAT, &reference);
    for (int i = 0; i < 3; i++) {
        struct onnx_writer w;
        struct partition_net net;
        open_small(&w, ONNX_RAW_FLOAT);
        onnx_text(&w, onnx_find(&w, "c1"), "auto_pad", pads[i]);
        onnx_find(&w, "c1")->attribute[0] = onnx_find(&w, "c1")->attribute[1]; /* kernel_shape */
        onnx_int(&w, onnx_find(&w, "p1"), "ceil_mode", 0);
        read_ok(&w, &net);
        assert_same_net(&net, &reference);
        free(net.weights);
        onnx_close(&w);
    }
    free(reference.weights);
}

static void a_net_of_convolutions_needs_no_fixed_input(void **state)
{
    struct onnx_writer w;
    struct partition_net net;
    (void)state;
    for (int64_t side = 0; side < 100; side += 50) {
        onnx_open(&w, side, side);
        onnx_conv(&w, "c", 4, 3, 5, 3);
        onnx_ints(&w, onnx_find(&w, "c"), "strides", 2, (const int64_t[]){2, 3});
        onnx_conv(&w, "d", 1, 4, 3, 3);
        read_ok(&w, &net);
        assert_int_equal(net.window.h, 9);
        assert_int_equal(net.window.w, 9);
        assert_int_equal(net.stride.h, 2);
        assert_int_equal(net.stride.w, 3);
        free(net.weights);
        onnx_close(&w);
    }
}

static void initializers_may_also_be_listed_as_inputs(void **state)
{
    struct onnx_writer w;
    struct partition_net net;
    (void)state;
    open_small(&w, ONNX_RAW_FLOAT);
    Onnx__ValueInfoProto info = *w.inputs[0];
    info.name = onnx_copy(&w, "c1.w");
    w.inputs[1] = w.inputs[0];
    w.inputs[0] = &info;
    w.graph.n_input = 2;
    read_ok(&w, &net);
    free(net.weights);
    onnx_close(&w);
}

static void external_data_may_lie_below_the_models_folder(void **state)
{
    struct onnx_writer w;
    struct partition_net net, reference;
    char sub[128];
    (void)state;
    read_small(ONNX_RAW_FLOAT, &reference);
    snprintf(sub, sizeof(sub), "%s/sub", folder);
    mkdir(sub, 0700);
    onnx_open(&w, 8, 6);
    w.folder = folder;
    w.data_file = "sub/w.bin";
    w.storage = ONNX_EXTERNAL_FLOAT;
    small_net(&w);
    read_ok(&w, &net);
    assert_same_net(&net, &reference);
    free(net.weights);
    free(reference.weights);
    onnx_close(&w);
}

static int count_file(void *arg, const char *name)
{
    char *list = arg;
    strcat(list, strrchr(name, '/'));
    return PROTO_OK;
}

static int stop(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return PROTO_BUSY;
}

static void each_file_is_told_once(void **state)
{
    struct onnx_writer w;
    struct partition_net net = {.name = "n"};
    char list[256] = "";
    (void)state;
    open_small(&w, ONNX_EXTERNAL_HALF);
    onnx_write(&w, path);
    assert_int_equal(partition_onnx_read_files(path, &net, count_file, list), PROTO_OK);
    assert_string_equal(list, "/net.onnx/data.bin");
    free(net.weights);
    assert_int_equal(partition_onnx_read_files(path, &net, stop, NULL), PROTO_BUSY);
    assert_null(net.weights);
    onnx_close(&w);
}

/* ---- refused ---- */

/* Read what w holds: it must fail with this status, and the message must name the file and hold all
 * of the '|'-separated parts. */
static void refused(struct onnx_writer *w, int status, const char *parts)
{
    struct partition_net net = {.name = "n"};
    char copy[256];
    onnx_write(w, path);
    log_capture();
    const int got = partition_onnx_read(path, &net);
    log_release();
    if (got != status)
        print_error("%s: expected %s, got %s\n", parts, proto_status_name(status),
                    proto_status_name(got));
    assert_int_equal(got, status);
    assert_null(net.weights);
    assert_non_null(strstr(log_captured(), path));
    snprintf(copy, sizeof(copy), "%s", parts);
    for (char *part = copy, *end; part; part = end) {
        end = strchr(part, '|');
        if (end)
            *end++ = '\0';
        if (!strstr(log_captured(), part))
            print_error("'%s' is not in: %s", part, log_captured());
        assert_non_null(strstr(log_captured(), part));
    }
    onnx_close(w);
}

static void attributes_we_can_not_do_are_refused_by_name(void **state)
{
    static const struct {
        const char *node, *attribute;
        int count;
        int64_t values[4];
        int status;
        const char *message;
    } rows[] = {
        {"c1", "pads", 4, {1, 1, 1, 1}, PROTO_UNSUPPORTED, "Conv 'c1'|pads|valid"},
        {"c1", "pads", 4, {0, 0, 0, 2}, PROTO_UNSUPPORTED, "Conv 'c1'|pads of 2"},
        {"c1", "dilations", 2, {2, 2}, PROTO_UNSUPPORTED, "Conv 'c1'|dilations of 2"},
        {"c1", "group", 0, {3}, PROTO_UNSUPPORTED, "Conv 'c1'|group 3"},
        {"c1", "strides", 1, {1}, PROTO_UNSUPPORTED, "Conv 'c1'|strides|2-dimensional"},
        {"c1", "strides", 2, {0, 1}, PROTO_FORMAT, "Conv 'c1'|strides 0 1"},
        {"c1", "strides", 2, {1, 1 << 20}, PROTO_FORMAT, "Conv 'c1'|strides"},
        {"c1", "kernel_shape", 2, {3, 5}, PROTO_FORMAT, "Conv 'c1'|kernel_shape 3x5"},
        {"p1", "pads", 4, {0, 0, 1, 1}, PROTO_UNSUPPORTED, "MaxPool 'p1'|pads"},
        {"p1", "ceil_mode", 0, {1}, PROTO_UNSUPPORTED, "MaxPool 'p1'|ceil_mode"},
        {"p1", "dilations", 2, {1, 3}, PROTO_UNSUPPORTED, "MaxPool 'p1'|dilations of 3"},
        {"p1", "kernel_shape", 3, {2, 2, 2}, PROTO_UNSUPPORTED, "MaxPool 'p1'|kernel_shape"},
        {"p1", "kernel_shape", 2, {9, 2}, PROTO_FORMAT, "MaxPool 'p1'|9x2|larger"},
        {"flat", "axis", 0, {2}, PROTO_UNSUPPORTED, "Flatten 'flat'|axis 2"},
        {"g1", "transA", 0, {1}, PROTO_UNSUPPORTED, "Gemm 'g1'|transA"},
        {"g1", "transB", 0, {0}, PROTO_FORMAT, "Gemm 'g1'|5x24|24 values"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct onnx_writer w;
        open_small(&w, ONNX_RAW_FLOAT);
        if (rows[i].count)
            onnx_ints(&w, onnx_find(&w, rows[i].node), rows[i].attribute, rows[i].count,
                      rows[i].values);
        else
            onnx_int(&w, onnx_find(&w, rows[i].node), rows[i].attribute, rows[i].values[0]);
        refused(&w, rows[i].status, rows[i].message);
    }
}

static void operators_we_do_not_know_are_refused_with_the_list_of_those_we_do(void **state)
{
    static const char *const names[] = {"Sigmoid", "AveragePool", "Add", "MatMul", "Concat", ""};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct onnx_writer w;
        char expected[64];
        open_small(&w, ONNX_RAW_FLOAT);
        onnx_node(&w, names[i], "strange");
        snprintf(expected, sizeof(expected), "%s 'strange'|BatchNormalization, Cast|Softmax",
                 names[i]);
        refused(&w, PROTO_UNSUPPORTED, expected);
    }
    struct onnx_writer w;
    open_small(&w, ONNX_RAW_FLOAT);
    onnx_find(&w, "c1")->domain = onnx_copy(&w, "com.example");
    refused(&w, PROTO_UNSUPPORTED, "Conv 'c1'|not supported");
}

static void branches_are_refused(void **state)
{
    struct onnx_writer w;
    (void)state;
    open_small(&w, ONNX_RAW_FLOAT); /* two nodes take r1 */
    onnx_find(&w, "flat")->input[0] = onnx_copy(&w, "r1");
    refused(&w, PROTO_UNSUPPORTED, "Flatten 'flat'|takes 'r1', not 'p1'|branches");
    open_small(&w, ONNX_RAW_FLOAT); /* the output is not the end */
    onnx_node(&w, "Relu", "more");
    w.flow = "g2";
    refused(&w, PROTO_UNSUPPORTED, "graph|1 outputs|'more'");
    open_small(&w, ONNX_RAW_FLOAT); /* two outputs */
    size_t len;
    onnx_bytes(&w, &len);
    w.outputs[1] = w.outputs[0];
    w.graph.n_output = 2;
    refused(&w, PROTO_UNSUPPORTED, "2 outputs");
    open_small(&w, ONNX_RAW_FLOAT); /* two inputs */
    Onnx__ValueInfoProto second = *w.inputs[0];
    second.name = onnx_copy(&w, "y");
    w.inputs[1] = &second;
    w.graph.n_input = 2;
    refused(&w, PROTO_UNSUPPORTED, "inputs 'x' and 'y'");
    open_small(&w, ONNX_RAW_FLOAT);
    onnx_find(&w, "p1")->n_input = 0;
    refused(&w, PROTO_UNSUPPORTED, "MaxPool 'p1'|takes ''");
    open_small(&w, ONNX_RAW_FLOAT);
    onnx_find(&w, "p1")->n_output = 0;
    refused(&w, PROTO_FORMAT, "MaxPool 'p1'|no output");
}

static void orders_of_nodes_that_make_no_sense_are_refused(void **state)
{
    struct onnx_writer w;
    (void)state;
    onnx_open(&w, 8, 6);
    onnx_conv(&w, "c1", 4, 3, 3, 3);
    onnx_gemm(&w, "g", 2, 96);
    refused(&w, PROTO_UNSUPPORTED, "Gemm 'g'|behind Flatten");
    open_small(&w, ONNX_RAW_FLOAT);
    onnx_conv(&w, "late", 2, 2, 1, 1);
    refused(&w, PROTO_UNSUPPORTED, "Conv 'late'|after Flatten");
    open_small(&w, ONNX_RAW_FLOAT);
    onnx_pool(&w, "late", 1);
    refused(&w, PROTO_UNSUPPORTED, "MaxPool 'late'|after Flatten");
    open_small(&w, ONNX_RAW_FLOAT);
    onnx_node(&w, "Softmax", "prob");
    onnx_gemm(&w, "g3", 2, 2);
    refused(&w, PROTO_UNSUPPORTED, "Gemm 'g3'|after Softmax");
    open_small(&w, ONNX_RAW_FLOAT);
    onnx_int(&w, onnx_node(&w, "Softmax", "prob"), "axis", 0);
    refused(&w, PROTO_UNSUPPORTED, "Softmax 'prob'|axis 0");
    open_small(&w, ONNX_RAW_FLOAT);
    onnx_int(&w, onnx_node(&w, "Cast", "cast"), "to", 7);
    refused(&w, PROTO_UNSUPPORTED, "Cast 'cast'|data type 7");
    onnx_open(&w, 8, 6);
    onnx_node(&w, "Relu", "r");
    refused(&w, PROTO_UNSUPPORTED, "Relu 'r'|behind a Conv");
    onnx_open(&w, 8, 6);
    add_normalization(&w, "bn", 3);
    refused(&w, PROTO_UNSUPPORTED, "BatchNormalization 'bn'|directly behind");
    onnx_open(&w, 3, 3);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    onnx_node(&w, "Relu", "r");
    add_normalization(&w, "bn", 2);
    refused(&w, PROTO_UNSUPPORTED, "BatchNormalization 'bn'|directly behind");
    onnx_open(&w, 0, 0);
    small_net(&w);
    refused(&w, PROTO_UNSUPPORTED, "Flatten 'flat'|fixed height");
}

static void batch_normalizations_that_do_not_fit_are_refused(void **state)
{
    struct onnx_writer w;
    (void)state;
    onnx_open(&w, 3, 3);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    add_normalization(&w, "bn", 3);
    refused(&w, PROTO_FORMAT, "BatchNormalization 'bn'|scale does not hold 2");
    onnx_open(&w, 3, 3);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    add_normalization(&w, "bn", 2);
    onnx_int(&w, onnx_find(&w, "bn"), "training_mode", 1);
    refused(&w, PROTO_UNSUPPORTED, "BatchNormalization 'bn'|training_mode");
    onnx_open(&w, 3, 3);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    add_normalization(&w, "bn", 2);
    onnx_real(&w, onnx_find(&w, "bn"), "epsilon", -2);
    refused(&w, PROTO_FORMAT, "BatchNormalization 'bn'|not positive");
    onnx_open(&w, 3, 3);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    add_normalization(&w, "bn", 2);
    onnx_find(&w, "bn")->input[3] = onnx_copy(&w, "nowhere");
    refused(&w, PROTO_UNSUPPORTED, "BatchNormalization 'bn'|mean is not a constant");
}

static void wrong_reshapes_are_refused(void **state)
{
    static const int64_t shapes[][3] = {{2, 12, 0}, {-1, -1, 0}, {1, 23, 0}, {24, 1, 0}, {1, 4, 6}};
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct onnx_writer w;
        open_small(&w, ONNX_RAW_FLOAT);
        onnx_find(&w, "flat")->op_type = onnx_copy(&w, "Reshape");
        if (i < 5) {
            onnx_take(&w, onnx_find(&w, "flat"), "shape");
            onnx_shape(&w, "shape", i < 4 ? 2 : 3, shapes[i]);
        }
        refused(&w, PROTO_UNSUPPORTED, "Reshape 'flat'|shape");
    }
}

static void inputs_that_are_no_pictures_are_refused(void **state)
{
    static const int64_t shapes[][4] = {
        {1, 1, 8, 6}, {1, 4, 8, 6}, {8, 3, 8, 6}, {1, 3, -8, 6}, {1, 3, 8, 1 << 20}};
    struct onnx_writer w;
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        open_small(&w, ONNX_RAW_FLOAT);
        for (int d = 0; d < 4; d++)
            w.inputs[0]->type->tensor_type->shape->dim[d]->dim_value = shapes[i][d];
        refused(&w, PROTO_UNSUPPORTED, "input 'x'|1 x 3 x H x W");
    }
    open_small(&w, ONNX_RAW_FLOAT);
    w.inputs[0]->type->tensor_type->shape->n_dim = 3;
    refused(&w, PROTO_UNSUPPORTED, "input 'x' has 3 dimensions");
    open_small(&w, ONNX_RAW_FLOAT);
    w.inputs[0]->type->tensor_type->elem_type = 2;
    refused(&w, PROTO_UNSUPPORTED, "input 'x'|data type 2");
    open_small(&w, ONNX_RAW_FLOAT);
    w.inputs[0]->type = NULL;
    refused(&w, PROTO_FORMAT, "no input");
    open_small(&w, ONNX_RAW_FLOAT);
    w.graph.n_input = 0;
    refused(&w, PROTO_FORMAT, "no input");
}

static void wrong_outputs_are_refused(void **state)
{
    struct onnx_writer w;
    (void)state;
    onnx_open(&w, 3, 3);
    onnx_conv(&w, "c", 3, 3, 3, 3);
    refused(&w, PROTO_UNSUPPORTED, "graph|3 x 1 x 1 of 'c'|1 output");
    onnx_open(&w, 4, 4);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    onnx_pool(&w, "p", 2);
    refused(&w, PROTO_UNSUPPORTED, "graph|end with a Conv or Gemm");
    onnx_open(&w, 4, 4);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    onnx_node(&w, "Flatten", "f");
    refused(&w, PROTO_UNSUPPORTED, "graph|2 x 2 x 2");
    onnx_open(&w, 4, 4);
    onnx_node(&w, "Identity", "i");
    refused(&w, PROTO_UNSUPPORTED, "graph|end with");
}

static void wrong_weights_are_refused(void **state)
{
    struct onnx_writer w;
    (void)state;
    open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->raw_data.len -= 4;
    refused(&w, PROTO_FORMAT, "Conv 'c1'|'c1.w'|4x3x3x3|108");
    open_small(&w, ONNX_RAW_HALF);
    w.tensors[0]->raw_data.len -= 1;
    refused(&w, PROTO_FORMAT, "Conv 'c1'|'c1.w'");
    open_small(&w, ONNX_TYPED_FLOAT);
    w.tensors[2]->n_float_data--;
    refused(&w, PROTO_FORMAT, "Gemm 'g1'|'g1.w'");
    open_small(&w, ONNX_TYPED_FLOAT);
    w.tensors[2]->float_data[17] = NAN;
    refused(&w, PROTO_FORMAT, "Gemm 'g1'|'g1.w'|number 17 is not finite");
    open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->data_type = 11;
    refused(&w, PROTO_UNSUPPORTED, "Conv 'c1'|data type 11");
    open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->n_dims = 3;
    refused(&w, PROTO_UNSUPPORTED, "Conv 'c1'|4x3x3|2-dimensional");
    open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->dims[1] = 4;
    refused(&w, PROTO_FORMAT, "Conv 'c1'|take 4 channels, but 3");
    open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->dims[0] = -4;
    refused(&w, PROTO_FORMAT, "Conv 'c1'|-4x3x3x3");
    open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[1]->dims[0] = 3;
    refused(&w, PROTO_FORMAT, "Conv 'c1'|bias|3, not 4");
    open_small(&w, ONNX_RAW_FLOAT);
    onnx_find(&w, "c1")->input[1] = onnx_copy(&w, "r2");
    refused(&w, PROTO_UNSUPPORTED, "Conv 'c1'|'r2' are not a constant");
    open_small(&w, ONNX_RAW_FLOAT);
    onnx_find(&w, "g2")->input[2] = onnx_copy(&w, "r2");
    refused(&w, PROTO_UNSUPPORTED, "Gemm 'g2'|bias 'r2' is not a constant");
    open_small(&w, ONNX_RAW_FLOAT);
    onnx_find(&w, "g2")->n_input = 1;
    refused(&w, PROTO_UNSUPPORTED, "Gemm 'g2'|matrix '' is not a constant");
    open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->dims[0] = w.tensors[0]->dims[2] = w.tensors[0]->dims[3] = 16000;
    w.inputs[0]->type->tensor_type->shape->dim[2]->dim_value = 16384;
    w.inputs[0]->type->tensor_type->shape->dim[3]->dim_value = 16384;
    onnx_find(&w, "c1")->n_attribute = 0;
    refused(&w, PROTO_LIMIT, "Conv 'c1'|more than");
    open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->name = onnx_copy(&w, "evil\nline");
    onnx_find(&w, "c1")->input[1] = onnx_copy(&w, "evil\nline");
    w.tensors[0]->raw_data.len = 0;
    refused(&w, PROTO_FORMAT, "'evil?line'");
}

static void external_data_outside_the_folder_is_refused(void **state)
{
    static const char *const places[] = {
        "/etc/passwd", "../data.bin", "sub/../../data.bin", "..", "a/..", "", "sub\\w.bin"};
    struct onnx_writer w;
    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        open_small(&w, ONNX_EXTERNAL_FLOAT);
        w.tensors[0]->external_data[0]->value = onnx_copy(&w, places[i]);
        refused(&w, PROTO_UNSUPPORTED, "Conv 'c1'|external data|folder");
    }
    open_small(&w, ONNX_EXTERNAL_FLOAT);
    w.tensors[0]->n_external_data = 0;
    refused(&w, PROTO_UNSUPPORTED, "Conv 'c1'|external data in ''");
}

static void external_data_that_does_not_fit_is_refused(void **state)
{
    static const struct {
        int entry;
        const char *value;
        int status;
        const char *message;
    } rows[] = {
        {0, "missing.bin", PROTO_IO, "Conv 'c1'|missing.bin"},
        {0, ".", PROTO_FORMAT, "Conv 'c1'|external data '.'"},
        {1, "9999999", PROTO_FORMAT, "Conv 'c1'|does not hold"},
        {1, "-4", PROTO_FORMAT, "Conv 'c1'|offset"},
        {1, "4x", PROTO_FORMAT, "Conv 'c1'|offset"},
        {1, "99999999999999999999999", PROTO_FORMAT, "Conv 'c1'|offset"},
        {1, "9223372036854775807", PROTO_FORMAT, "Conv 'c1'|does not hold"},
        {2, "16", PROTO_FORMAT, "Conv 'c1'|length"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct onnx_writer w;
        open_small(&w, ONNX_EXTERNAL_FLOAT);
        w.tensors[0]->external_data[rows[i].entry]->value = onnx_copy(&w, rows[i].value);
        refused(&w, rows[i].status, rows[i].message);
    }
}

static void write_bytes(const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static int read_bytes_status(const void *bytes, size_t len)
{
    struct partition_net net = {.name = "n"};
    write_bytes(bytes, len);
    log_capture();
    const int status = partition_onnx_read(path, &net);
    log_release();
    if (status == PROTO_OK)
        free(net.weights);
    else
        assert_non_null(strstr(log_captured(), path));
    return status;
}

static void files_that_are_no_models_are_refused(void **state)
{
    struct partition_net net = {.name = "n"};
    (void)state;
    assert_int_equal(read_bytes_status("", 0), PROTO_FORMAT);
    assert_int_equal(read_bytes_status("hello, this is text\n", 20), PROTO_FORMAT);
    log_capture();
    assert_int_equal(partition_onnx_read("/nowhere/net.onnx", &net), PROTO_IO);
    assert_non_null(strstr(log_captured(), "/nowhere/net.onnx: No such file"));
    assert_int_equal(partition_onnx_read(folder, &net), PROTO_IO);
    log_release();
}

/* Each prefix of a model, and the model with single bytes changed: never a crash, never a leak. */
static void cut_off_and_damaged_models_do_no_harm(void **state)
{
    struct random random = {.state = 14};
    struct onnx_writer w;
    size_t len;
    (void)state;
    open_small(&w, ONNX_RAW_FLOAT);
    uint8_t *bytes = onnx_bytes(&w, &len);
    for (size_t n = 0; n < len; n += 1 + n / 64)
        assert_int_not_equal(read_bytes_status(bytes, n), PROTO_OK);
    for (int i = 0; i < 1000; i++) {
        const size_t at = (size_t)random_in(&random, 0, (int32_t)len - 1);
        const uint8_t before = bytes[at];
        bytes[at] = (uint8_t)random_next(&random);
        read_bytes_status(bytes, len);
        bytes[at] = before;
    }
    assert_int_equal(read_bytes_status(bytes, len), PROTO_OK);
    onnx_close(&w);
}

/* Two bytes make a node of a hundred: protobuf-c must not be allowed to take all memory. */
static void a_file_of_empty_parts_is_refused(void **state)
{
    enum { PARTS = 1 << 21 };
    uint8_t *bytes = malloc(2 * PARTS + 6);
    (void)state;
    assert_non_null(bytes);
    bytes[0] = 7 << 3 | 2; /* graph, a length of 4 bytes of 7 bits */
    for (int i = 0; i < 4; i++)
        bytes[1 + i] = (uint8_t)((2 * PARTS >> 7 * i & 127) | (i < 3 ? 128 : 0));
    for (size_t i = 0; i < PARTS; i++) {
        bytes[5 + 2 * i] = 1 << 3 | 2; /* an empty node */
        bytes[6 + 2 * i] = 0;
    }
    assert_int_equal(read_bytes_status(bytes, 2 * PARTS + 5), PROTO_LIMIT);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_paper_net_is_read_with_the_papers_figures),
        cmocka_unit_test(weights_are_the_same_however_they_are_stored),
        cmocka_unit_test(gemm_computes_its_matrix_product),
        cmocka_unit_test(a_bias_may_be_missing_or_one_number_for_all),
        cmocka_unit_test(batch_normalization_is_folded_into_the_layer_before),
        cmocka_unit_test(a_relu_behind_a_pool_is_the_same_as_before_it),
        cmocka_unit_test(a_reshape_to_one_row_is_a_flatten),
        cmocka_unit_test(nodes_that_change_nothing_are_passed_over),
        cmocka_unit_test(softmax_over_the_channels_is_dropped),
        cmocka_unit_test(weights_may_come_through_constant_identity_and_cast),
        cmocka_unit_test(windows_may_be_written_in_several_ways),
        cmocka_unit_test(a_net_of_convolutions_needs_no_fixed_input),
        cmocka_unit_test(initializers_may_also_be_listed_as_inputs),
        cmocka_unit_test(external_data_may_lie_below_the_models_folder),
        cmocka_unit_test(each_file_is_told_once),
        cmocka_unit_test(attributes_we_can_not_do_are_refused_by_name),
        cmocka_unit_test(operators_we_do_not_know_are_refused_with_the_list_of_those_we_do),
        cmocka_unit_test(branches_are_refused),
        cmocka_unit_test(orders_of_nodes_that_make_no_sense_are_refused),
        cmocka_unit_test(batch_normalizations_that_do_not_fit_are_refused),
        cmocka_unit_test(wrong_reshapes_are_refused),
        cmocka_unit_test(inputs_that_are_no_pictures_are_refused),
        cmocka_unit_test(wrong_outputs_are_refused),
        cmocka_unit_test(wrong_weights_are_refused),
        cmocka_unit_test(external_data_outside_the_folder_is_refused),
        cmocka_unit_test(external_data_that_does_not_fit_is_refused),
        cmocka_unit_test(files_that_are_no_models_are_refused),
        cmocka_unit_test(cut_off_and_damaged_models_do_no_harm),
        cmocka_unit_test(a_file_of_empty_parts_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
