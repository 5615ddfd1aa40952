/* partition/onnx*.c: what is read, and that it computes what the file says. */
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

#include "partition/onnx.h"
#include "proto/status.h"
#include "tests/partition/onnx_cases.h"
#include "tests/partition/support.h"

static void read_ok(struct onnx_writer *w, struct partition_net *net)
{
    memset(net, 0, sizeof(*net));
    onnx_write(w, onnx_path);
    assert_int_equal(partition_onnx_read(onnx_path, net), PROTO_OK);
}

static void read_small(enum onnx_storage storage, struct partition_net *net)
{
    struct onnx_writer w;
    onnx_open_small(&w, storage);
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
    onnx_open_small(&w, ONNX_RAW_FLOAT);
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
        onnx_add_normalization(&w, "bn", 2);
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
        onnx_open_small(&w, ONNX_RAW_FLOAT);
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
    onnx_small_net(&w);
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
        onnx_open_small(&w, ONNX_RAW_FLOAT);
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
    onnx_open_small(&w, ONNX_RAW_HALF);
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
        onnx_open_small(&w, ONNX_RAW_FLOAT);
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
    onnx_open_small(&w, ONNX_RAW_FLOAT);
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
    snprintf(sub, sizeof(sub), "%s/sub", onnx_folder);
    mkdir(sub, 0700);
    onnx_open(&w, 8, 6);
    w.folder = onnx_folder;
    w.data_file = "sub/w.bin";
    w.storage = ONNX_EXTERNAL_FLOAT;
    onnx_small_net(&w);
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
    onnx_open_small(&w, ONNX_EXTERNAL_HALF);
    onnx_write(&w, onnx_path);
    assert_int_equal(partition_onnx_read_files(onnx_path, &net, count_file, list), PROTO_OK);
    assert_string_equal(list, "/net.onnx/data.bin");
    free(net.weights);
    assert_int_equal(partition_onnx_read_files(onnx_path, &net, stop, NULL), PROTO_BUSY);
    assert_null(net.weights);
    onnx_close(&w);
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
    };
    return cmocka_run_group_tests(tests, onnx_make_folder, onnx_remove_folder);
}
