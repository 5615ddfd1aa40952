#include "tests/partition/onnx_writer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Like assert, also in release builds. */
static void need(bool holds)
{
    if (!holds)
        abort();
}

void *onnx_alloc(struct onnx_writer *w, size_t count, size_t each)
{
    void *block = calloc(count ? count : 1, each);
    need(block && w->block_count < ONNX_BLOCKS_MAX);
    return w->blocks[w->block_count++] = block;
}

char *onnx_copy(struct onnx_writer *w, const char *text)
{
    char *copy = onnx_alloc(w, strlen(text) + 1, 1);
    strcpy(copy, text);
    return copy;
}

static Onnx__ValueInfoProto *value_info(struct onnx_writer *w, const char *name, int dims,
                                        const int64_t *shape)
{
    Onnx__ValueInfoProto *info = onnx_alloc(w, 1, sizeof(*info));
    onnx__value_info_proto__init(info);
    info->name = onnx_copy(w, name);
    info->type = onnx_alloc(w, 1, sizeof(*info->type));
    onnx__type_proto__init(info->type);
    info->type->tensor_type = onnx_alloc(w, 1, sizeof(*info->type->tensor_type));
    onnx__type_proto__tensor__init(info->type->tensor_type);
    info->type->tensor_type->has_elem_type = 1;
    info->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    Onnx__TensorShapeProto *s = onnx_alloc(w, 1, sizeof(*s));
    onnx__tensor_shape_proto__init(s);
    info->type->tensor_type->shape = s;
    s->n_dim = (size_t)dims;
    s->dim = onnx_alloc(w, (size_t)dims, sizeof(*s->dim));
    for (int i = 0; i < dims; i++) {
        s->dim[i] = onnx_alloc(w, 1, sizeof(*s->dim[i]));
        onnx__tensor_shape_proto__dimension__init(s->dim[i]);
        s->dim[i]->has_dim_value = shape[i] != 0;
        s->dim[i]->dim_value = shape[i];
        if (shape[i] == 0)
            s->dim[i]->dim_param = onnx_copy(w, "N");
    }
    return info;
}

void onnx_open(struct onnx_writer *w, int64_t h, int64_t width)
{
    memset(w, 0, sizeof(*w));
    onnx__model_proto__init(&w->model);
    onnx__graph_proto__init(&w->graph);
    onnx__operator_set_id_proto__init(&w->opset);
    w->model.has_ir_version = 1;
    w->model.ir_version = 8;
    w->model.graph = &w->graph;
    w->opset.has_version = 1;
    w->opset.version = 13;
    w->opsets[0] = &w->opset;
    w->model.opset_import = w->opsets;
    w->model.n_opset_import = 1;
    w->graph.node = w->nodes;
    w->graph.initializer = w->tensors;
    w->graph.input = w->inputs;
    w->graph.output = w->outputs;
    w->inputs[0] = value_info(w, "x", 4, (const int64_t[]){1, 3, h, width});
    w->graph.n_input = 1;
    w->flow = "x";
    w->folder = ".";
    w->data_file = "data.bin";
}

void onnx_close(struct onnx_writer *w)
{
    for (int i = 0; i < w->block_count; i++)
        free(w->blocks[i]);
    w->block_count = 0;
}

void onnx_take(struct onnx_writer *w, Onnx__NodeProto *node, const char *input)
{
    node->input[node->n_input++] = onnx_copy(w, input);
}

Onnx__NodeProto *onnx_node(struct onnx_writer *w, const char *op, const char *name)
{
    Onnx__NodeProto *node = onnx_alloc(w, 1, sizeof(*node));
    need(w->graph.n_node < ONNX_PARTS_MAX);
    onnx__node_proto__init(node);
    node->op_type = onnx_copy(w, op);
    node->name = onnx_copy(w, name);
    node->input = onnx_alloc(w, 8, sizeof(*node->input));
    node->output = onnx_alloc(w, 8, sizeof(*node->output));
    node->attribute = onnx_alloc(w, 16, sizeof(*node->attribute));
    onnx_take(w, node, w->flow);
    node->output[node->n_output++] = onnx_copy(w, name);
    w->flow = node->output[0];
    w->nodes[w->graph.n_node++] = node;
    return node;
}

Onnx__NodeProto *onnx_find(struct onnx_writer *w, const char *name)
{
    for (size_t i = 0; i < w->graph.n_node; i++)
        if (strcmp(w->nodes[i]->name, name) == 0)
            return w->nodes[i];
    need(false); /* no such node */
    return NULL;
}

/* A new attribute, or the one of that name again. */
static Onnx__AttributeProto *attribute(struct onnx_writer *w, Onnx__NodeProto *node,
                                       const char *name)
{
    size_t i = 0;
    while (i < node->n_attribute && strcmp(node->attribute[i]->name, name) != 0)
        i++;
    if (i == node->n_attribute)
        node->attribute[node->n_attribute++] = onnx_alloc(w, 1, sizeof(Onnx__AttributeProto));
    onnx__attribute_proto__init(node->attribute[i]);
    node->attribute[i]->name = onnx_copy(w, name);
    return node->attribute[i];
}

void onnx_int(struct onnx_writer *w, Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *a = attribute(w, node, name);
    a->has_i = 1;
    a->i = value;
}

void onnx_real(struct onnx_writer *w, Onnx__NodeProto *node, const char *name, float value)
{
    Onnx__AttributeProto *a = attribute(w, node, name);
    a->has_f = 1;
    a->f = value;
}

void onnx_text(struct onnx_writer *w, Onnx__NodeProto *node, const char *name, const char *value)
{
    Onnx__AttributeProto *a = attribute(w, node, name);
    a->has_s = 1;
    a->s.len = strlen(value);
    a->s.data = (uint8_t *)onnx_copy(w, value);
}

void onnx_ints(struct onnx_writer *w, Onnx__NodeProto *node, const char *name, int count,
               const int64_t *values)
{
    Onnx__AttributeProto *a = attribute(w, node, name);
    a->n_ints = (size_t)count;
    a->ints = onnx_alloc(w, (size_t)count, sizeof(*a->ints));
    memcpy(a->ints, values, (size_t)count * sizeof(*values));
}

float onnx_value(uint32_t seed, size_t i)
{
    return (float)((int)((i * 7919 + seed * 104729) % 65) - 32) / 64;
}

/* Half of a multiple of 1/64 of at most 1/2. */
static uint16_t half_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    if (value == 0)
        return 0;
    return (uint16_t)((bits >> 16 & 0x8000) | (((bits >> 23 & 255) - 112) << 10) |
                      (bits >> 13 & 1023));
}

/* Numbers as little-endian bytes of the storage's width. */
static uint8_t *raw_values(struct onnx_writer *w, size_t count, size_t each)
{
    uint8_t *bytes = onnx_alloc(w, count, each);
    for (size_t i = 0; i < count; i++) {
        const float value = onnx_value(w->seed, i);
        uint32_t bits = half_of(value);
        if (each == 4)
            memcpy(&bits, &value, sizeof(bits));
        for (size_t b = 0; b < each; b++)
            bytes[i * each + b] = (uint8_t)(bits >> 8 * b);
    }
    return bytes;
}

static void add_entry(struct onnx_writer *w, Onnx__TensorProto *t, const char *key,
                      const char *value)
{
    Onnx__StringStringEntryProto *e = onnx_alloc(w, 1, sizeof(*e));
    onnx__string_string_entry_proto__init(e);
    e->key = onnx_copy(w, key);
    e->value = onnx_copy(w, value);
    t->external_data[t->n_external_data++] = e;
}

static void store_external(struct onnx_writer *w, Onnx__TensorProto *t, const uint8_t *bytes,
                           size_t len)
{
    char path[4096], number[32];
    snprintf(path, sizeof(path), "%s/%s", w->folder, w->data_file);
    FILE *file = fopen(path, w->data_bytes ? "ab" : "wb");
    need(file != NULL);
    fwrite(bytes, 1, len, file);
    fclose(file);
    t->has_data_location = 1;
    t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    t->external_data = onnx_alloc(w, 4, sizeof(*t->external_data));
    add_entry(w, t, "location", w->data_file);
    snprintf(number, sizeof(number), "%zu", w->data_bytes);
    add_entry(w, t, "offset", number);
    snprintf(number, sizeof(number), "%zu", len);
    add_entry(w, t, "length", number);
    w->data_bytes += len;
}

static void store(struct onnx_writer *w, Onnx__TensorProto *t, size_t count)
{
    const enum onnx_storage s = w->storage;
    const bool half = s == ONNX_RAW_HALF || s == ONNX_TYPED_HALF || s == ONNX_EXTERNAL_HALF;
    t->data_type =
        half ? ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16 : ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    if (s == ONNX_TYPED_FLOAT) {
        t->n_float_data = count;
        t->float_data = onnx_alloc(w, count, sizeof(float));
        for (size_t i = 0; i < count; i++)
            t->float_data[i] = onnx_value(w->seed, i);
    } else if (s == ONNX_TYPED_HALF) {
        t->n_int32_data = count;
        t->int32_data = onnx_alloc(w, count, sizeof(int32_t));
        for (size_t i = 0; i < count; i++)
            t->int32_data[i] = half_of(onnx_value(w->seed, i));
    } else {
        const size_t each = half ? 2 : 4;
        uint8_t *bytes = raw_values(w, count, each);
        if (s == ONNX_EXTERNAL_FLOAT || s == ONNX_EXTERNAL_HALF) {
            store_external(w, t, bytes, count * each);
        } else {
            t->has_raw_data = 1;
            t->raw_data.data = bytes;
            t->raw_data.len = count * each;
        }
    }
}

static Onnx__TensorProto *new_tensor(struct onnx_writer *w, const char *name, int dims,
                                     const int64_t *shape)
{
    Onnx__TensorProto *t = onnx_alloc(w, 1, sizeof(*t));
    need(w->graph.n_initializer < ONNX_PARTS_MAX);
    onnx__tensor_proto__init(t);
    t->name = onnx_copy(w, name);
    t->n_dims = (size_t)dims;
    t->dims = onnx_alloc(w, (size_t)dims, sizeof(*t->dims));
    memcpy(t->dims, shape, (size_t)dims * sizeof(*shape));
    t->has_data_type = 1;
    w->tensors[w->graph.n_initializer++] = t;
    return t;
}

Onnx__TensorProto *onnx_tensor(struct onnx_writer *w, const char *name, int dims,
                               const int64_t *shape)
{
    Onnx__TensorProto *t = new_tensor(w, name, dims, shape);
    size_t count = 1;
    for (int i = 0; i < dims; i++)
        count *= (size_t)shape[i];
    store(w, t, count);
    w->seed++;
    return t;
}

Onnx__TensorProto *onnx_shape(struct onnx_writer *w, const char *name, int count,
                              const int64_t *values)
{
    Onnx__TensorProto *t = new_tensor(w, name, 1, (const int64_t[]){count});
    t->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    if (w->storage == ONNX_TYPED_FLOAT) {
        t->n_int64_data = (size_t)count;
        t->int64_data = onnx_alloc(w, (size_t)count, sizeof(*t->int64_data));
        memcpy(t->int64_data, values, (size_t)count * sizeof(*values));
        return t;
    }
    t->has_raw_data = 1;
    t->raw_data.len = 8 * (size_t)count;
    t->raw_data.data = onnx_alloc(w, (size_t)count, 8);
    for (int i = 0; i < 8 * count; i++)
        t->raw_data.data[i] = (uint8_t)((uint64_t)values[i / 8] >> 8 * (i % 8));
    return t;
}

void onnx_constant(struct onnx_writer *w, Onnx__TensorProto *tensor)
{
    const char *flow = w->flow;
    Onnx__NodeProto *node = onnx_node(w, "Constant", tensor->name);
    node->n_input = 0;
    Onnx__AttributeProto *a = attribute(w, node, "value");
    a->t = tensor;
    w->flow = flow;
    size_t n = 0;
    for (size_t i = 0; i < w->graph.n_initializer; i++)
        if (w->tensors[i] != tensor)
            w->tensors[n++] = w->tensors[i];
    w->graph.n_initializer = n;
    /* nodes are in order of use: the constant goes first */
    memmove(w->nodes + 1, w->nodes, (w->graph.n_node - 1) * sizeof(*w->nodes));
    w->nodes[0] = node;
}

static void weights_of(struct onnx_writer *w, Onnx__NodeProto *node, int dims, const int64_t *shape,
                       int64_t cout)
{
    char name[64];
    snprintf(name, sizeof(name), "%s.w", node->name);
    onnx_tensor(w, name, dims, shape);
    onnx_take(w, node, name);
    snprintf(name, sizeof(name), "%s.b", node->name);
    onnx_tensor(w, name, 1, &cout);
    onnx_take(w, node, name);
}

Onnx__NodeProto *onnx_conv(struct onnx_writer *w, const char *name, int64_t cout, int64_t cin,
                           int64_t kh, int64_t kw)
{
    Onnx__NodeProto *node = onnx_node(w, "Conv", name);
    weights_of(w, node, 4, (const int64_t[]){cout, cin, kh, kw}, cout);
    onnx_ints(w, node, "kernel_shape", 2, (const int64_t[]){kh, kw});
    onnx_ints(w, node, "strides", 2, (const int64_t[]){1, 1});
    onnx_ints(w, node, "pads", 4, (const int64_t[]){0, 0, 0, 0});
    onnx_ints(w, node, "dilations", 2, (const int64_t[]){1, 1});
    onnx_int(w, node, "group", 1);
    return node;
}

Onnx__NodeProto *onnx_pool(struct onnx_writer *w, const char *name, int64_t size)
{
    Onnx__NodeProto *node = onnx_node(w, "MaxPool", name);
    onnx_ints(w, node, "kernel_shape", 2, (const int64_t[]){size, size});
    onnx_ints(w, node, "strides", 2, (const int64_t[]){size, size});
    return node;
}

Onnx__NodeProto *onnx_gemm(struct onnx_writer *w, const char *name, int64_t cout, int64_t features)
{
    Onnx__NodeProto *node = onnx_node(w, "Gemm", name);
    weights_of(w, node, 2, (const int64_t[]){cout, features}, cout);
    onnx_int(w, node, "transB", 1);
    return node;
}

void onnx_paper(struct onnx_writer *w)
{
    onnx_conv(w, "conv1", 32, 3, 5, 5);
    onnx_node(w, "Relu", "relu1");
    onnx_pool(w, "pool1", 2);
    onnx_conv(w, "conv2", 64, 32, 3, 3);
    onnx_node(w, "Relu", "relu2");
    onnx_pool(w, "pool2", 2);
    onnx_conv(w, "conv3", 128, 64, 3, 3);
    onnx_node(w, "Relu", "relu3");
    onnx_pool(w, "pool3", 2);
    onnx_conv(w, "conv4", 192, 128, 3, 3);
    onnx_node(w, "Relu", "relu4");
    onnx_conv(w, "conv5", 256, 192, 2, 2);
    onnx_node(w, "Relu", "relu5");
    onnx_node(w, "Flatten", "flatten");
    onnx_gemm(w, "fc1", 1024, 256 * 11);
    onnx_node(w, "Relu", "relu6");
    onnx_node(w, "Dropout", "drop");
    onnx_gemm(w, "fc2", 512, 1024);
    onnx_node(w, "Relu", "relu7");
    onnx_gemm(w, "fc3", 2, 512);
    onnx_node(w, "Softmax", "prob");
}

uint8_t *onnx_bytes(struct onnx_writer *w, size_t *len)
{
    if (w->graph.n_output == 0) {
        w->outputs[0] = value_info(w, w->flow, 2, (const int64_t[]){1, 2});
        w->graph.n_output = 1;
    }
    *len = onnx__model_proto__get_packed_size(&w->model);
    uint8_t *bytes = onnx_alloc(w, *len, 1);
    onnx__model_proto__pack(&w->model, bytes);
    return bytes;
}

void onnx_write(struct onnx_writer *w, const char *path)
{
    size_t len;
    const uint8_t *bytes = onnx_bytes(w, &len);
    remove(path); /* a file that is cut to nothing first is flushed to the disk by ext4 */
    FILE *file = fopen(path, "wb");
    need(file != NULL);
    need(fwrite(bytes, 1, len, file) == len);
    need(fclose(file) == 0);
}
