/* The ONNX operators we accept: one handler each, and their table at the end. A handler extends the
 * net by what its node does, or refuses with the operator, the node and what would be supported.
 * Source: https://onnx.ai/onnx/operators/
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "partition/onnx_reader.h"
#include "proto/status.h"

/* ---- attributes and inputs ---- */

static const Onnx__AttributeProto *attribute(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(partition_onnx_text(node->attribute[i]->name), name) == 0)
            return node->attribute[i];
    return NULL;
}

static int64_t int_attribute(const Onnx__NodeProto *node, const char *name, int64_t otherwise)
{
    const Onnx__AttributeProto *a = attribute(node, name);
    return a ? a->i : otherwise;
}

static float float_attribute(const Onnx__NodeProto *node, const char *name, float otherwise)
{
    const Onnx__AttributeProto *a = attribute(node, name);
    return a ? a->f : otherwise;
}

/* A list of exactly two numbers within 1..PARTITION_ONNX_SIDE_MAX (rows, columns). */
static int pair_attribute(struct partition_onnx_reader *reader, const Onnx__NodeProto *node,
                          const char *name, const int32_t otherwise[2], int32_t out[2])
{
    const Onnx__AttributeProto *a = attribute(node, name);
    out[0] = otherwise[0];
    out[1] = otherwise[1];
    if (!a)
        return PROTO_OK;
    if (a->n_ints != 2)
        return partition_onnx_refuse(
            reader, "%s has %zu values; only 2-dimensional operators are supported", name,
            a->n_ints);
    for (int i = 0; i < 2; i++) {
        if (a->ints[i] < 1 || a->ints[i] > PARTITION_ONNX_SIDE_MAX)
            return partition_onnx_malformed(reader, "%s %lld %lld is out of range", name,
                                            (long long)a->ints[0], (long long)a->ints[1]);
        out[i] = (int32_t)a->ints[i];
    }
    return PROTO_OK;
}

const Onnx__TensorProto *partition_onnx_constant(const struct partition_onnx_reader *reader,
                                                 const Onnx__NodeProto *node, size_t i)
{
    if (i >= node->n_input || !*partition_onnx_text(node->input[i]))
        return NULL;
    for (size_t k = 0; k < reader->constant_count; k++)
        if (strcmp(reader->constants[k].name, node->input[i]) == 0)
            return reader->constants[k].tensor;
    return NULL;
}

const char *partition_onnx_node_name(const Onnx__NodeProto *node)
{
    if (*partition_onnx_text(node->name))
        return node->name;
    return node->n_output > 0 ? partition_onnx_text(node->output[0]) : "";
}

bool partition_onnx_has_input(const Onnx__NodeProto *node, size_t i)
{
    return i < node->n_input && *partition_onnx_text(node->input[i]);
}

void partition_onnx_constant_add(struct partition_onnx_reader *reader, const char *name,
                                 const Onnx__TensorProto *tensor)
{
    reader->constants[reader->constant_count++] =
        (struct partition_onnx_constant){.name = partition_onnx_text(name), .tensor = tensor};
}

/* ---- layers and weights ---- */

static struct proto_layer *last_layer(struct partition_onnx_reader *reader)
{
    return reader->net->layer_count ? &reader->net->layers[reader->net->layer_count - 1] : NULL;
}

static uint64_t layer_weights(const struct proto_layer *l)
{
    return (uint64_t)l->cout * (uint64_t)l->cin * (uint64_t)l->kh * (uint64_t)l->kw;
}

/* Room for a layer's weights (to be filled by the caller) and its bias (zeros). */
static int reserve(struct partition_onnx_reader *reader, int i)
{
    const struct proto_layer *layer = &reader->net->layers[i];
    const uint64_t max = PARTITION_ONNX_WEIGHTS_MAX, used = reader->weight_count;
    const uint64_t kernel = (uint64_t)layer->kh * (uint64_t)layer->kw;
    const uint64_t channels = (uint64_t)layer->cin * (uint64_t)layer->cout;
    const uint64_t bias = (uint64_t)layer->cout;
    if (kernel > max || channels > max || kernel * channels + bias > max - used)
        return partition_onnx_report(&reader->source, PROTO_LIMIT, reader->what,
                                     "the net has more than %d weights",
                                     PARTITION_ONNX_WEIGHTS_MAX);
    const uint64_t total = used + kernel * channels + bias;
    float *grown = realloc(reader->weights, (size_t)total * sizeof(float));
    if (!grown)
        return PROTO_NO_MEMORY;
    reader->weights = grown;
    reader->weight_at[i] = used;
    reader->bias_at[i] = used + kernel * channels;
    memset(grown + reader->bias_at[i], 0, (size_t)bias * sizeof(float));
    reader->weight_count = total;
    return PROTO_OK;
}

/* Size behind a window; an open size stays open. */
static int32_t behind(int32_t size, int32_t kernel, int32_t stride)
{
    return size == 0 ? 0 : (size - kernel) / stride + 1;
}

/* Append a layer, move the shape behind it, and make room for its weights. */
static int add_layer(struct partition_onnx_reader *reader, const Onnx__NodeProto *node,
                     struct proto_layer layer)
{
    struct partition_net *net = reader->net;
    if (net->layer_count == PROTO_LAYERS_MAX)
        return partition_onnx_report(&reader->source, PROTO_LIMIT, reader->what,
                                     "more than %d layers", PROTO_LAYERS_MAX);
    if ((reader->h && reader->h < layer.kh) || (reader->w && reader->w < layer.kw))
        return partition_onnx_malformed(reader, "its kernel %dx%d is larger than its input %dx%d",
                                        layer.kh, layer.kw, reader->h, reader->w);
    reader->h = behind(reader->h, layer.kh, layer.sh);
    reader->w = behind(reader->w, layer.kw, layer.sw);
    reader->c = layer.cout;
    snprintf(layer.name, sizeof(layer.name), "%s", partition_onnx_node_name(node));
    partition_onnx_printable(layer.name);
    net->layers[net->layer_count++] = layer;
    return layer.kind == PROTO_LAYER_CONV ? reserve(reader, net->layer_count - 1) : PROTO_OK;
}

/* Bias of the last layer: input i of the node (cout numbers, or one for all) or zeros. */
static int read_bias(struct partition_onnx_reader *reader, const Onnx__NodeProto *node, size_t i,
                     float factor)
{
    const int32_t cout = last_layer(reader)->cout;
    float *bias = reader->weights + reader->bias_at[reader->net->layer_count - 1];
    const Onnx__TensorProto *tensor = partition_onnx_constant(reader, node, i);
    if (!partition_onnx_has_input(node, i))
        return PROTO_OK;
    if (!tensor)
        return partition_onnx_refuse(reader, "its bias '%s' is not a constant of the file",
                                     node->input[i]);
    const int64_t count = partition_onnx_count(tensor);
    if (count != cout && count != 1) {
        char shape[64];
        return partition_onnx_malformed(reader, "its bias has shape %s, not %d",
                                        partition_onnx_shape(tensor, shape), cout);
    }
    const int status = partition_onnx_floats(&reader->source, tensor, reader->what, bias);
    if (status != PROTO_OK)
        return status;
    for (int32_t n = cout - 1; n >= 0; n--)
        bias[n] = factor * bias[count == 1 ? 0 : n];
    return PROTO_OK;
}

/* ---- operators ---- */

/* auto_pad, pads, dilations and ceil_mode must leave the window unpadded and dense. */
static int check_window(struct partition_onnx_reader *reader, const Onnx__NodeProto *node)
{
    const Onnx__AttributeProto *a = attribute(node, "auto_pad");
    const bool valid = a && a->s.len == 5 && memcmp(a->s.data, "VALID", 5) == 0;
    const bool notset =
        !a || a->s.len == 0 || (a->s.len == 6 && memcmp(a->s.data, "NOTSET", 6) == 0);
    if (!valid && !notset)
        return partition_onnx_refuse(reader, "auto_pad %.*s; only NOTSET and VALID are supported",
                                     (int)(a->s.len < 32 ? a->s.len : 32), (const char *)a->s.data);
    a = attribute(node, "pads");
    for (size_t i = 0; a && !valid && i < a->n_ints; i++)
        if (a->ints[i] != 0)
            return partition_onnx_refuse(
                reader, "pads of %lld pixels; only unpadded (valid) windows are supported",
                (long long)a->ints[i]);
    a = attribute(node, "dilations");
    for (size_t i = 0; a && i < a->n_ints; i++)
        if (a->ints[i] != 1)
            return partition_onnx_refuse(reader, "dilations of %lld; only 1 is supported",
                                         (long long)a->ints[i]);
    if (int_attribute(node, "ceil_mode", 0) != 0)
        return partition_onnx_refuse(reader,
                                     "ceil_mode 1; only 0 (sizes are rounded down) is supported");
    return PROTO_OK;
}

static const int32_t ones[2] = {1, 1};

/* The weights of a Conv: a constant of shape cout x cin x kh x kw that fits what comes in. */
static int conv_weights(struct partition_onnx_reader *reader, const Onnx__NodeProto *node,
                        const Onnx__TensorProto **out)
{
    const Onnx__TensorProto *weights = *out = partition_onnx_constant(reader, node, 1);
    char shape[64];
    if (!weights)
        return partition_onnx_refuse(reader, "its weights '%s' are not a constant of the file",
                                     node->n_input > 1 ? partition_onnx_text(node->input[1]) : "");
    partition_onnx_shape(weights, shape);
    if (weights->n_dims != 4)
        return partition_onnx_refuse(
            reader, "weights of shape %s; only 2-dimensional convolutions are supported", shape);
    for (int i = 0; i < 4; i++)
        if (weights->dims[i] < 1 ||
            weights->dims[i] > (i < 2 ? PARTITION_ONNX_CHANNELS_MAX : PARTITION_ONNX_SIDE_MAX))
            return partition_onnx_malformed(reader, "weights of shape %s", shape);
    if (weights->dims[1] != reader->c)
        return partition_onnx_malformed(reader,
                                        "weights of shape %s take %lld channels, but %d come in",
                                        shape, (long long)weights->dims[1], reader->c);
    return PROTO_OK;
}

static int read_conv(struct partition_onnx_reader *reader, const Onnx__NodeProto *node)
{
    const Onnx__TensorProto *weights;
    int32_t kernel[2], stride[2];
    const int64_t group = int_attribute(node, "group", 1);
    if (reader->flat)
        return partition_onnx_refuse(reader, "comes after Flatten; only Gemm is supported there");
    if (group != 1)
        return partition_onnx_refuse(reader, "group %lld; only 1 is supported", (long long)group);
    int status = check_window(reader, node);
    if (status == PROTO_OK)
        status = conv_weights(reader, node, &weights);
    if (status != PROTO_OK)
        return status;
    const int32_t size[2] = {(int32_t)weights->dims[2], (int32_t)weights->dims[3]};
    status = pair_attribute(reader, node, "kernel_shape", size, kernel);
    if (status == PROTO_OK)
        status = pair_attribute(reader, node, "strides", ones, stride);
    if (status != PROTO_OK)
        return status;
    if (kernel[0] != size[0] || kernel[1] != size[1])
        return partition_onnx_malformed(reader, "kernel_shape %dx%d, but its weights are %dx%d",
                                        kernel[0], kernel[1], size[0], size[1]);
    status = add_layer(reader, node,
                       (struct proto_layer){.kind = PROTO_LAYER_CONV,
                                            .cin = reader->c,
                                            .cout = (int32_t)weights->dims[0],
                                            .kh = size[0],
                                            .kw = size[1],
                                            .sh = stride[0],
                                            .sw = stride[1]});
    if (status == PROTO_OK)
        status = partition_onnx_floats(&reader->source, weights, reader->what,
                                       reader->weights +
                                           reader->weight_at[reader->net->layer_count - 1]);
    return status == PROTO_OK ? read_bias(reader, node, 2, 1) : status;
}

static int read_max_pool(struct partition_onnx_reader *reader, const Onnx__NodeProto *node)
{
    int32_t kernel[2], stride[2];
    if (reader->flat)
        return partition_onnx_refuse(reader, "comes after Flatten; only Gemm is supported there");
    int status = check_window(reader, node);
    if (status != PROTO_OK)
        return status;
    if (!attribute(node, "kernel_shape"))
        return partition_onnx_malformed(reader, "it has no kernel_shape");
    status = pair_attribute(reader, node, "kernel_shape", ones, kernel);
    if (status == PROTO_OK)
        status = pair_attribute(reader, node, "strides", ones, stride);
    if (status != PROTO_OK)
        return status;
    return add_layer(reader, node,
                     (struct proto_layer){.kind = PROTO_LAYER_POOL,
                                          .cin = reader->c,
                                          .cout = reader->c,
                                          .kh = kernel[0],
                                          .kw = kernel[1],
                                          .sh = stride[0],
                                          .sw = stride[1]});
}

/* A maximum of clamped values is the clamped maximum: a Relu behind pools moves before them. */
static int read_relu(struct partition_onnx_reader *reader, const Onnx__NodeProto *node)
{
    (void)node;
    for (int i = reader->net->layer_count - 1; i >= 0; i--)
        if (reader->net->layers[i].kind == PROTO_LAYER_CONV) {
            reader->net->layers[i].relu = true;
            return PROTO_OK;
        }
    return partition_onnx_refuse(reader, "is supported only behind a Conv or Gemm");
}

/* Gemm's matrix (features x cout, or cout x features when transposed) into convolution weights:
 * a feature's index is its place in c x h x w, which is a convolution's order of weights, too. */
static int gemm_weights(struct partition_onnx_reader *reader, const Onnx__TensorProto *matrix,
                        bool transposed, float alpha)
{
    const struct proto_layer *layer = last_layer(reader);
    const size_t cout = (size_t)layer->cout, count = layer_weights(layer), features = count / cout;
    float *weights = reader->weights + reader->weight_at[reader->net->layer_count - 1];
    float *read = malloc(count * sizeof(float));
    if (!read)
        return PROTO_NO_MEMORY;
    const int status = partition_onnx_floats(&reader->source, matrix, reader->what, read);
    for (size_t n = 0; n < cout && status == PROTO_OK; n++)
        for (size_t k = 0; k < features; k++)
            weights[n * features + k] = alpha * read[transposed ? n * features + k : k * cout + n];
    free(read);
    return status;
}

static int read_gemm(struct partition_onnx_reader *reader, const Onnx__NodeProto *node)
{
    const Onnx__TensorProto *matrix = partition_onnx_constant(reader, node, 1);
    const bool transposed = int_attribute(node, "transB", 0) != 0;
    const float alpha = float_attribute(node, "alpha", 1), beta = float_attribute(node, "beta", 1);
    const int64_t features = (int64_t)reader->c * reader->h * reader->w;
    char shape[64];
    if (!reader->flat)
        return partition_onnx_refuse(reader, "is supported only behind Flatten or Reshape");
    if (int_attribute(node, "transA", 0) != 0)
        return partition_onnx_refuse(reader, "transA 1; only 0 is supported");
    if (!matrix)
        return partition_onnx_refuse(reader, "its matrix '%s' is not a constant of the file",
                                     node->n_input > 1 ? partition_onnx_text(node->input[1]) : "");
    partition_onnx_shape(matrix, shape);
    if (matrix->n_dims != 2 || !isfinite(alpha) || !isfinite(beta))
        return partition_onnx_malformed(reader, "matrix of shape %s, alpha %g, beta %g", shape,
                                        (double)alpha, (double)beta);
    const int64_t cout = matrix->dims[transposed ? 0 : 1];
    if (matrix->dims[transposed ? 1 : 0] != features || cout < 1 ||
        cout > PARTITION_ONNX_CHANNELS_MAX)
        return partition_onnx_malformed(
            reader, "matrix of shape %s%s, but %lld values (%d x %d x %d) come in", shape,
            transposed ? " transposed" : "", (long long)features, reader->c, reader->h, reader->w);
    int status = add_layer(reader, node,
                           (struct proto_layer){.kind = PROTO_LAYER_CONV,
                                                .cin = reader->c,
                                                .cout = (int32_t)cout,
                                                .kh = reader->h,
                                                .kw = reader->w,
                                                .sh = 1,
                                                .sw = 1});
    if (status == PROTO_OK)
        status = gemm_weights(reader, matrix, transposed, alpha);
    return status == PROTO_OK ? read_bias(reader, node, 2, beta) : status;
}

static int flatten(struct partition_onnx_reader *reader)
{
    if (!reader->flat && (reader->h == 0 || reader->w == 0))
        return partition_onnx_refuse(reader, "needs a fixed height and width of the file's input");
    reader->flat = true;
    return PROTO_OK;
}

static int read_flatten(struct partition_onnx_reader *reader, const Onnx__NodeProto *node)
{
    const int64_t axis = int_attribute(node, "axis", 1);
    if (axis != 1 && axis != (reader->flat ? -1 : -3))
        return partition_onnx_refuse(reader, "axis %lld; only 1 is supported", (long long)axis);
    return flatten(reader);
}

static int read_reshape(struct partition_onnx_reader *reader, const Onnx__NodeProto *node)
{
    int64_t shape[2];
    const Onnx__TensorProto *tensor = partition_onnx_constant(reader, node, 1);
    const int64_t features = (int64_t)reader->c * reader->h * reader->w;
    if (!tensor)
        return partition_onnx_refuse(reader, "its shape is not a constant of the file");
    if (partition_onnx_ints(tensor, shape, 2) != 2)
        return partition_onnx_refuse(
            reader, "only a shape of two numbers (one row per picture) is supported");
    const bool copies_batch = shape[0] == 0 && int_attribute(node, "allowzero", 0) == 0;
    const bool batch = copies_batch || shape[0] == 1 || shape[0] == -1;
    const bool rest = shape[1] == features || (shape[1] == -1 && shape[0] != -1);
    const int status = flatten(reader);
    if (status != PROTO_OK)
        return status;
    if (!batch || !rest)
        return partition_onnx_refuse(
            reader, "shape %lld x %lld; only 1 x %lld (one row per picture) is supported",
            (long long)shape[0], (long long)shape[1], (long long)features);
    return PROTO_OK;
}

/* Fold y = (x - mean) / sqrt(variance + epsilon) * scale + shift into the last convolution. */
static void fold(struct partition_onnx_reader *reader, const float *scale, const float *shift,
                 const float *mean, const float *variance, double epsilon)
{
    const int i = reader->net->layer_count - 1;
    const struct proto_layer *layer = &reader->net->layers[i];
    const uint64_t each = layer_weights(layer) / (uint64_t)layer->cout;
    float *weights = reader->weights + reader->weight_at[i];
    float *bias = reader->weights + reader->bias_at[i];
    for (int32_t n = 0; n < layer->cout; n++) {
        const double factor = scale[n] / sqrt(variance[n] + epsilon);
        for (uint64_t k = 0; k < each; k++)
            weights[(uint64_t)n * each + k] = (float)(weights[(uint64_t)n * each + k] * factor);
        bias[n] = (float)((bias[n] - (double)mean[n]) * factor + shift[n]);
    }
}

static int read_batch_normalization(struct partition_onnx_reader *reader,
                                    const Onnx__NodeProto *node)
{
    static const char *const names[] = {"scale", "shift", "mean", "variance"};
    const struct proto_layer *layer = last_layer(reader);
    const float epsilon = float_attribute(node, "epsilon", 1e-5f);
    float *numbers, *input[4];
    int status = PROTO_OK;
    if (!layer || layer->kind != PROTO_LAYER_CONV || layer->relu ||
        (reader->flat && reader->h * reader->w != 1))
        return partition_onnx_refuse(reader, "is supported only directly behind a Conv or Gemm");
    if (int_attribute(node, "training_mode", 0) != 0 || int_attribute(node, "spatial", 1) != 1)
        return partition_onnx_refuse(reader, "only training_mode 0 and spatial 1 are supported");
    numbers = malloc(4 * (size_t)layer->cout * sizeof(float));
    if (!numbers)
        return PROTO_NO_MEMORY;
    for (size_t i = 0; i < 4 && status == PROTO_OK; i++) {
        const Onnx__TensorProto *tensor = partition_onnx_constant(reader, node, i + 1);
        input[i] = numbers + i * (size_t)layer->cout;
        if (!tensor)
            status =
                partition_onnx_refuse(reader, "its %s is not a constant of the file", names[i]);
        else if (partition_onnx_count(tensor) != layer->cout)
            status = partition_onnx_malformed(reader, "its %s does not hold %d numbers", names[i],
                                              layer->cout);
        else
            status = partition_onnx_floats(&reader->source, tensor, reader->what, input[i]);
    }
    for (int32_t n = 0; n < layer->cout && status == PROTO_OK; n++)
        if (!(input[3][n] + (double)epsilon > 0))
            status = partition_onnx_malformed(reader, "variance %g + epsilon %g is not positive",
                                              (double)input[3][n], (double)epsilon);
    if (status == PROTO_OK)
        fold(reader, input[0], input[1], input[2], input[3], epsilon);
    free(numbers);
    return status;
}

/* The difference of two outputs before Softmax is the score; after it would tie near 1. */
static int read_softmax(struct partition_onnx_reader *reader, const Onnx__NodeProto *node)
{
    const int64_t rank = reader->flat ? 2 : 4;
    int64_t axis = int_attribute(node, "axis", reader->opset >= 13 ? -1 : 1);
    axis = axis < 0 ? axis + rank : axis;
    if (axis != 1)
        return partition_onnx_refuse(reader, "axis %lld; only the channels (1) are supported",
                                     (long long)axis);
    reader->ended = true;
    return PROTO_OK;
}

static int read_nothing(struct partition_onnx_reader *reader, const Onnx__NodeProto *node)
{
    (void)reader;
    (void)node;
    return PROTO_OK;
}

static int read_cast(struct partition_onnx_reader *reader, const Onnx__NodeProto *node)
{
    switch (int_attribute(node, "to", 0)) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16:
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
    case ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16:
        return PROTO_OK;
    }
    return partition_onnx_refuse(reader, "to ONNX data type %lld; only float types are supported",
                                 (long long)int_attribute(node, "to", 0));
}

static int read_constant(struct partition_onnx_reader *reader, const Onnx__NodeProto *node)
{
    const Onnx__AttributeProto *value = attribute(node, "value");
    if (!value || !value->t)
        return partition_onnx_refuse(reader, "only a tensor 'value' is supported");
    if (node->n_output > 0)
        partition_onnx_constant_add(reader, node->output[0], value->t);
    return PROTO_OK;
}

/* clang-format off */
static const struct partition_onnx_op ops[] = {
    {"BatchNormalization", read_batch_normalization, 0},
    {"Cast",               read_cast,                PARTITION_ONNX_PASSES},
    {"Constant",           read_constant,            PARTITION_ONNX_SOURCE},
    {"Conv",               read_conv,                0},
    {"Dropout",            read_nothing,             PARTITION_ONNX_PASSES},
    {"Flatten",            read_flatten,             0},
    {"Gemm",               read_gemm,                0},
    {"Identity",           read_nothing,             PARTITION_ONNX_PASSES},
    {"LogSoftmax",         read_softmax,             0},
    {"MaxPool",            read_max_pool,            0},
    {"Relu",               read_relu,                0},
    {"Reshape",            read_reshape,             0},
    {"Softmax",            read_softmax,             0},
};
/* clang-format on */

enum { OP_COUNT = sizeof(ops) / sizeof(ops[0]) };

const struct partition_onnx_op *partition_onnx_op_find(const Onnx__NodeProto *node)
{
    const char *domain = partition_onnx_text(node->domain);
    if (*domain && strcmp(domain, "ai.onnx") != 0)
        return NULL;
    for (int i = 0; i < OP_COUNT; i++)
        if (strcmp(ops[i].name, partition_onnx_text(node->op_type)) == 0)
            return &ops[i];
    return NULL;
}

const char *partition_onnx_op_names(char text[256])
{
    int at = 0;
    for (int i = 0; i < OP_COUNT && at < 256; i++)
        at += snprintf(text + at, 256 - (size_t)at, "%s%s", i ? ", " : "", ops[i].name);
    return text;
}
