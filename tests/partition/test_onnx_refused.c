/* partition/onnx*.c: what is refused, and that the message says what and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "partition/onnx.h"
#include "proto/status.h"
#include "tests/partition/onnx_cases.h"
#include "tests/partition/support.h"

/* Read what w holds: it must fail with this status, and the message must name the file and hold all
 * of the '|'-separated parts. */
static void refused(struct onnx_writer *w, int status, const char *parts)
{
    struct partition_net net = {.name = "n"};
    char copy[256];
    onnx_write(w, onnx_path);
    log_capture();
    const int got = partition_onnx_read(onnx_path, &net);
    log_release();
    if (got != status)
        print_error("%s: expected %s, got %s\n", parts, proto_status_name(status),
                    proto_status_name(got));
    assert_int_equal(got, status);
    assert_null(net.weights);
    assert_non_null(strstr(log_captured(), onnx_path));
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
        onnx_open_small(&w, ONNX_RAW_FLOAT);
        if (rows[i].count)
            onnx_ints(&w, onnx_find(&w, rows[i].node), rows[i].attribute, rows[i].count,
                      rows[i].values);
        else
            onnx_int(&w, onnx_find(&w, rows[i].node), rows[i].attribute, rows[i].values[0]);
        refused(&w, rows[i].status, rows[i].message);
    }
}

static void automatic_padding_is_refused(void **state)
{
    static const char *const pads[] = {"SAME_UPPER", "SAME_LOWER", "WHATEVER"};
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct onnx_writer w;
        char expected[64];
        onnx_open_small(&w, ONNX_RAW_FLOAT);
        onnx_text(&w, onnx_find(&w, i & 1 ? "p1" : "c1"), "auto_pad", pads[i / 2]);
        snprintf(expected, sizeof(expected), "%s|auto_pad %s|VALID",
                 i & 1 ? "MaxPool 'p1'" : "Conv 'c1'", pads[i / 2]);
        refused(&w, PROTO_UNSUPPORTED, expected);
    }
}

static void operators_we_do_not_know_are_refused_with_the_list_of_those_we_do(void **state)
{
    static const char *const names[] = {"Sigmoid", "AveragePool", "Add", "MatMul", "Concat", ""};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct onnx_writer w;
        char expected[64];
        onnx_open_small(&w, ONNX_RAW_FLOAT);
        onnx_node(&w, names[i], "strange");
        snprintf(expected, sizeof(expected), "%s 'strange'|BatchNormalization, Cast|Softmax",
                 names[i]);
        refused(&w, PROTO_UNSUPPORTED, expected);
    }
    struct onnx_writer w;
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    onnx_find(&w, "c1")->domain = onnx_copy(&w, "com.example");
    refused(&w, PROTO_UNSUPPORTED, "Conv 'c1'|not supported");
}

static void branches_are_refused(void **state)
{
    struct onnx_writer w;
    (void)state;
    onnx_open_small(&w, ONNX_RAW_FLOAT); /* two nodes take r1 */
    onnx_find(&w, "flat")->input[0] = onnx_copy(&w, "r1");
    refused(&w, PROTO_UNSUPPORTED, "Flatten 'flat'|takes 'r1', not 'p1'|branches");
    onnx_open_small(&w, ONNX_RAW_FLOAT); /* the output is not the end */
    onnx_node(&w, "Relu", "more");
    w.flow = "g2";
    refused(&w, PROTO_UNSUPPORTED, "graph|1 outputs|'more'");
    onnx_open_small(&w, ONNX_RAW_FLOAT); /* two outputs */
    size_t len;
    onnx_bytes(&w, &len);
    w.outputs[1] = w.outputs[0];
    w.graph.n_output = 2;
    refused(&w, PROTO_UNSUPPORTED, "2 outputs");
    onnx_open_small(&w, ONNX_RAW_FLOAT); /* two inputs */
    Onnx__ValueInfoProto second = *w.inputs[0];
    second.name = onnx_copy(&w, "y");
    w.inputs[1] = &second;
    w.graph.n_input = 2;
    refused(&w, PROTO_UNSUPPORTED, "inputs 'x' and 'y'");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    onnx_find(&w, "p1")->n_input = 0;
    refused(&w, PROTO_UNSUPPORTED, "MaxPool 'p1'|takes ''");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
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
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    onnx_conv(&w, "late", 2, 2, 1, 1);
    refused(&w, PROTO_UNSUPPORTED, "Conv 'late'|after Flatten");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    onnx_pool(&w, "late", 1);
    refused(&w, PROTO_UNSUPPORTED, "MaxPool 'late'|after Flatten");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    onnx_node(&w, "Softmax", "prob");
    onnx_gemm(&w, "g3", 2, 2);
    refused(&w, PROTO_UNSUPPORTED, "Gemm 'g3'|after Softmax");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    onnx_int(&w, onnx_node(&w, "Softmax", "prob"), "axis", 0);
    refused(&w, PROTO_UNSUPPORTED, "Softmax 'prob'|axis 0");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    onnx_int(&w, onnx_node(&w, "Cast", "cast"), "to", 7);
    refused(&w, PROTO_UNSUPPORTED, "Cast 'cast'|data type 7");
    onnx_open(&w, 8, 6);
    onnx_node(&w, "Relu", "r");
    refused(&w, PROTO_UNSUPPORTED, "Relu 'r'|behind a Conv");
    onnx_open(&w, 8, 6);
    onnx_add_normalization(&w, "bn", 3);
    refused(&w, PROTO_UNSUPPORTED, "BatchNormalization 'bn'|directly behind");
    onnx_open(&w, 3, 3);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    onnx_node(&w, "Relu", "r");
    onnx_add_normalization(&w, "bn", 2);
    refused(&w, PROTO_UNSUPPORTED, "BatchNormalization 'bn'|directly behind");
    onnx_open(&w, 0, 0);
    onnx_small_net(&w);
    refused(&w, PROTO_UNSUPPORTED, "Flatten 'flat'|fixed height");
}

static void batch_normalizations_that_do_not_fit_are_refused(void **state)
{
    struct onnx_writer w;
    (void)state;
    onnx_open(&w, 3, 3);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    onnx_add_normalization(&w, "bn", 3);
    refused(&w, PROTO_FORMAT, "BatchNormalization 'bn'|scale does not hold 2");
    onnx_open(&w, 3, 3);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    onnx_add_normalization(&w, "bn", 2);
    onnx_int(&w, onnx_find(&w, "bn"), "training_mode", 1);
    refused(&w, PROTO_UNSUPPORTED, "BatchNormalization 'bn'|training_mode");
    onnx_open(&w, 3, 3);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    onnx_add_normalization(&w, "bn", 2);
    onnx_real(&w, onnx_find(&w, "bn"), "epsilon", -2);
    refused(&w, PROTO_FORMAT, "BatchNormalization 'bn'|not positive");
    onnx_open(&w, 3, 3);
    onnx_conv(&w, "c", 2, 3, 3, 3);
    onnx_add_normalization(&w, "bn", 2);
    onnx_find(&w, "bn")->input[3] = onnx_copy(&w, "nowhere");
    refused(&w, PROTO_UNSUPPORTED, "BatchNormalization 'bn'|mean is not a constant");
}

static void wrong_reshapes_are_refused(void **state)
{
    static const int64_t shapes[][3] = {{2, 12, 0}, {-1, -1, 0}, {1, 23, 0}, {24, 1, 0}, {1, 4, 6}};
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct onnx_writer w;
        onnx_open_small(&w, ONNX_RAW_FLOAT);
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
        onnx_open_small(&w, ONNX_RAW_FLOAT);
        for (int d = 0; d < 4; d++)
            w.inputs[0]->type->tensor_type->shape->dim[d]->dim_value = shapes[i][d];
        refused(&w, PROTO_UNSUPPORTED, "input 'x'|1 x 3 x H x W");
    }
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    w.inputs[0]->type->tensor_type->shape->n_dim = 3;
    refused(&w, PROTO_UNSUPPORTED, "input 'x' has 3 dimensions");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    w.inputs[0]->type->tensor_type->elem_type = 2;
    refused(&w, PROTO_UNSUPPORTED, "input 'x'|data type 2");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    w.inputs[0]->type = NULL;
    refused(&w, PROTO_FORMAT, "no input");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
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
    onnx_open(&w, 3, 3);
    onnx_conv(&w, "c", 1, 3, 3, 3);
    onnx_int(&w, onnx_node(&w, "Softmax", "s"), "axis", 1);
    refused(&w, PROTO_UNSUPPORTED, "graph|Softmax of one output");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    onnx_real(&w, onnx_find(&w, "g1"), "alpha", 3e38f);
    onnx_real(&w, onnx_find(&w, "g1"), "beta", 3e38f);
    onnx_add_normalization(&w, "bn", 2);
    memcpy(w.tensors[6]->raw_data.data, (const uint8_t[]){0xff, 0xff, 0x7f, 0x7f}, 4);
    memcpy(w.tensors[5]->raw_data.data, (const uint8_t[]){0xff, 0xff, 0x7f, 0x7f}, 4);
    refused(&w, PROTO_FORMAT, "graph|too large");
    onnx_open(&w, 4, 4);
    onnx_node(&w, "Identity", "i");
    refused(&w, PROTO_UNSUPPORTED, "graph|end with");
}

static void wrong_weights_are_refused(void **state)
{
    struct onnx_writer w;
    (void)state;
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->raw_data.len -= 4;
    refused(&w, PROTO_FORMAT, "Conv 'c1'|'c1.w'|4x3x3x3|108");
    onnx_open_small(&w, ONNX_RAW_HALF);
    w.tensors[0]->raw_data.len -= 1;
    refused(&w, PROTO_FORMAT, "Conv 'c1'|'c1.w'");
    onnx_open_small(&w, ONNX_TYPED_FLOAT);
    w.tensors[2]->n_float_data--;
    refused(&w, PROTO_FORMAT, "Gemm 'g1'|'g1.w'");
    onnx_open_small(&w, ONNX_TYPED_FLOAT);
    w.tensors[2]->float_data[17] = NAN;
    refused(&w, PROTO_FORMAT, "Gemm 'g1'|'g1.w'|number 17 is not finite");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->data_type = 11;
    refused(&w, PROTO_UNSUPPORTED, "Conv 'c1'|data type 11");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->n_dims = 3;
    refused(&w, PROTO_UNSUPPORTED, "Conv 'c1'|4x3x3|2-dimensional");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->dims[1] = 4;
    refused(&w, PROTO_FORMAT, "Conv 'c1'|take 4 channels, but 3");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->dims[0] = -4;
    refused(&w, PROTO_FORMAT, "Conv 'c1'|-4x3x3x3");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[1]->dims[0] = 3;
    refused(&w, PROTO_FORMAT, "Conv 'c1'|bias|3, not 4");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    onnx_find(&w, "c1")->input[1] = onnx_copy(&w, "r2");
    refused(&w, PROTO_UNSUPPORTED, "Conv 'c1'|'r2' are not a constant");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    onnx_find(&w, "g2")->input[2] = onnx_copy(&w, "r2");
    refused(&w, PROTO_UNSUPPORTED, "Gemm 'g2'|bias 'r2' is not a constant");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    onnx_find(&w, "g2")->n_input = 1;
    refused(&w, PROTO_UNSUPPORTED, "Gemm 'g2'|matrix '' is not a constant");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
    w.tensors[0]->dims[0] = w.tensors[0]->dims[2] = w.tensors[0]->dims[3] = 16000;
    w.inputs[0]->type->tensor_type->shape->dim[2]->dim_value = 16384;
    w.inputs[0]->type->tensor_type->shape->dim[3]->dim_value = 16384;
    onnx_find(&w, "c1")->n_attribute = 0;
    refused(&w, PROTO_LIMIT, "Conv 'c1'|more than");
    onnx_open_small(&w, ONNX_RAW_FLOAT);
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
        onnx_open_small(&w, ONNX_EXTERNAL_FLOAT);
        w.tensors[0]->external_data[0]->value = onnx_copy(&w, places[i]);
        refused(&w, PROTO_UNSUPPORTED, "Conv 'c1'|external data|folder");
    }
    onnx_open_small(&w, ONNX_EXTERNAL_FLOAT);
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
        onnx_open_small(&w, ONNX_EXTERNAL_FLOAT);
        w.tensors[0]->external_data[rows[i].entry]->value = onnx_copy(&w, rows[i].value);
        refused(&w, rows[i].status, rows[i].message);
    }
}

static void write_bytes(const void *bytes, size_t len)
{
    remove(onnx_path); /* a file that is cut to nothing first is flushed to the disk by ext4 */
    FILE *file = fopen(onnx_path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static int read_bytes_status(const void *bytes, size_t len)
{
    struct partition_net net = {.name = "n"};
    write_bytes(bytes, len);
    log_capture();
    const int status = partition_onnx_read(onnx_path, &net);
    log_release();
    if (status == PROTO_OK)
        free(net.weights);
    else
        assert_non_null(strstr(log_captured(), onnx_path));
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
    assert_int_equal(partition_onnx_read(onnx_folder, &net), PROTO_IO);
    log_release();
}

/* Each prefix of a model, and the model with single bytes changed: never a crash, never a leak. */
static void cut_off_and_damaged_models_do_no_harm(void **state)
{
    struct random random = {.state = 14};
    struct onnx_writer w;
    size_t len;
    (void)state;
    onnx_open_small(&w, ONNX_RAW_FLOAT);
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
        cmocka_unit_test(attributes_we_can_not_do_are_refused_by_name),
        cmocka_unit_test(automatic_padding_is_refused),
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
    return cmocka_run_group_tests(tests, onnx_make_folder, onnx_remove_folder);
}
