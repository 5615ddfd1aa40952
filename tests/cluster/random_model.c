/* Nets of random weights as ONNX files, and their model.yaml. */
#include "tests/cluster/random_model.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "onnx.pb-c.h"

enum { LAYERS = 7 };

/* Everything a net is made of lies here until the next net. */
static _Alignas(16) unsigned char pool[1 << 18];
static size_t pool_used;

static void *take(size_t count, size_t each)
{
    const size_t bytes = (count * each + 15) / 16 * 16;
    if (bytes > sizeof pool - pool_used)
        abort(); /* a larger net than this file was made for */
    void *out = pool + pool_used;
    pool_used += bytes;
    return memset(out, 0, bytes);
}

static uint64_t rng;

static double uniform(void)
{
    rng = rng * 6364136223846793005u + 1442695040888963407u;
    return (double)(rng >> 40) / (double)(1 << 24) - 0.5;
}

/* A pool has no weights: cout 0. */
static const struct layer {
    const char *op;
    int cin, cout, kh, kw;
} layers[LAYERS] = {
    {"Conv", 3, 8, 3, 3},   {"MaxPool", 0, 0, 2, 2}, {"Conv", 8, 16, 3, 3}, {"MaxPool", 0, 0, 2, 2},
    {"Conv", 16, 16, 6, 2}, {"Relu", 0, 0, 0, 0},    {"Conv", 16, 2, 1, 1},
};

static Onnx__AttributeProto *ints(const char *name, int64_t a, int64_t b)
{
    Onnx__AttributeProto *attribute = take(1, sizeof *attribute);
    onnx__attribute_proto__init(attribute);
    attribute->name = (char *)name;
    attribute->n_ints = 2;
    attribute->ints = take(2, sizeof *attribute->ints);
    attribute->ints[0] = a;
    attribute->ints[1] = b;
    return attribute;
}

static char *text(const char *format, int i)
{
    char *out = take(1, 32);
    snprintf(out, 32, format, i);
    return out;
}

static Onnx__TensorProto *tensor(char *name, int rank, const int64_t *dims, double scale)
{
    Onnx__TensorProto *t = take(1, sizeof *t);
    size_t count = 1;
    onnx__tensor_proto__init(t);
    t->name = name;
    t->has_data_type = 1;
    t->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    t->n_dims = (size_t)rank;
    t->dims = take((size_t)rank, sizeof *t->dims);
    for (int i = 0; i < rank; i++)
        count *= (size_t)(t->dims[i] = dims[i]);
    t->n_float_data = count;
    t->float_data = take(count, sizeof *t->float_data);
    for (size_t i = 0; i < count; i++)
        t->float_data[i] = (float)(uniform() * scale);
    return t;
}

static Onnx__NodeProto *node(Onnx__GraphProto *graph, int i)
{
    const struct layer *layer = &layers[i];
    Onnx__NodeProto *n = take(1, sizeof *n);
    onnx__node_proto__init(n);
    n->name = text("n%d", i);
    n->op_type = (char *)layer->op;
    n->n_input = layer->cout ? 3 : 1;
    n->input = take(3, sizeof *n->input);
    n->input[0] = text("x%d", i);
    n->n_output = 1;
    n->output = take(1, sizeof *n->output);
    n->output[0] = text("x%d", i + 1);
    n->attribute = take(2, sizeof *n->attribute);
    if (layer->kh)
        n->attribute[n->n_attribute++] = ints("kernel_shape", layer->kh, layer->kw);
    if (strcmp(layer->op, "MaxPool") == 0)
        n->attribute[n->n_attribute++] = ints("strides", 2, 2);
    if (layer->cout) {
        const int64_t dims[] = {layer->cout, layer->cin, layer->kh, layer->kw};
        const double fan_in = layer->cin * layer->kh * layer->kw;
        n->input[1] = text("w%d", i);
        n->input[2] = text("b%d", i);
        graph->initializer[graph->n_initializer++] = tensor(n->input[1], 4, dims, 8.0 / fan_in);
        graph->initializer[graph->n_initializer++] = tensor(n->input[2], 1, dims, 0.1);
    }
    return n;
}

static Onnx__ValueInfoProto *picture(void)
{
    static const int64_t dims[] = {1, 3, 30, 14};
    Onnx__ValueInfoProto *info = take(1, sizeof *info);
    Onnx__TypeProto *type = take(1, sizeof *type);
    Onnx__TypeProto__Tensor *t = take(1, sizeof *t);
    Onnx__TensorShapeProto *shape = take(1, sizeof *shape);
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(t);
    onnx__tensor_shape_proto__init(shape);
    shape->n_dim = 4;
    shape->dim = take(4, sizeof(*shape->dim));
    for (int i = 0; i < 4; i++) {
        shape->dim[i] = take(1, sizeof **shape->dim);
        onnx__tensor_shape_proto__dimension__init(shape->dim[i]);
        shape->dim[i]->has_dim_value = 1;
        shape->dim[i]->dim_value = dims[i];
    }
    t->has_elem_type = 1;
    t->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    t->shape = shape;
    type->tensor_type = t;
    info->name = text("x%d", 0);
    info->type = type;
    return info;
}

static int write_net(const char *path)
{
    pool_used = 0;
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT;
    Onnx__OperatorSetIdProto *opsets[] = {&opset};
    Onnx__ValueInfoProto out = ONNX__VALUE_INFO_PROTO__INIT;
    Onnx__ValueInfoProto *inputs[] = {picture()}, *outputs[] = {&out};
    Onnx__NodeProto *nodes[LAYERS];
    Onnx__TensorProto *tensors[2 * LAYERS];

    graph.initializer = tensors;
    for (int i = 0; i < LAYERS; i++)
        nodes[i] = node(&graph, i);
    graph.n_node = LAYERS;
    graph.node = nodes;
    graph.n_input = graph.n_output = 1;
    graph.input = inputs;
    out.name = text("x%d", LAYERS);
    graph.output = outputs;
    opset.has_version = 1;
    opset.version = 13;
    model.has_ir_version = 1;
    model.ir_version = 8;
    model.graph = &graph;
    model.n_opset_import = 1;
    model.opset_import = opsets;

    const size_t bytes = onnx__model_proto__get_packed_size(&model);
    uint8_t *data = malloc(bytes);
    FILE *file = fopen(path, "wb");
    if (!data || !file)
        return 1;
    onnx__model_proto__pack(&model, data);
    const int bad = fwrite(data, 1, bytes, file) != bytes;
    free(data);
    return fclose(file) != 0 || bad;
}

int random_model_write(const char *dir, uint64_t seed, int levels)
{
    char path[4096];
    rng = seed;
    if (mkdir(dir, 0777) && errno != EEXIST)
        return 1;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/net%d.onnx", dir, i);
        if (write_net(path))
            return 1;
    }
    snprintf(path, sizeof path, "%s/model.yaml", dir);
    FILE *file = fopen(path, "w");
    if (!file)
        return 1;
    fprintf(file,
            "name: random\n"
            "levels: {first_person_px: 24, per_octave: 4, count: %d}\n"
            "pad_below: 1\naspect: 0.41\ncandidate_threshold: -0.05\nthreshold: 0.0\n"
            "overlap: 0.5\noverlap_measure: iou\n"
            "operating_points: [{fppi: 0.1, threshold: 0.2}, {fppi: 10, threshold: 0.0}]\n"
            "nets:\n",
            levels);
    for (int i = 0; i < 2; i++)
        fprintf(file,
                "  - {name: net%d, file: net%d.onnx, levels: [%d, %d], window: [30, 14], "
                "person_px: 24, "
                "border: [4, 2]}\n",
                i, i, i * levels / 2, (i + 1) * levels / 2 - 1);
    return fclose(file) != 0;
}
