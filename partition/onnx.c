/* ONNX file -> net. The graph must be one chain from the picture to the scores; onnx_ops.c reads
 * its nodes.
 */
#include "partition/onnx.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "partition/onnx_reader.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

enum {
    FILE_BYTES_MAX = 256 << 20,
    NODES_MAX = 4096,
    TENSORS_MAX = 4096,
};

/* ---- the graph ---- */

static int read_node(struct partition_onnx_reader *reader, const Onnx__NodeProto *node)
{
    const struct partition_onnx_op *op = partition_onnx_op_find(node);
    char names[256];
    snprintf(reader->what, sizeof(reader->what), "%.60s '%.60s'",
             partition_onnx_text(node->op_type), partition_onnx_node_name(node));
    if (!op)
        return partition_onnx_refuse(reader, "this operator is not supported; supported are %s",
                                     partition_onnx_op_names(names));
    if (op->flags & PARTITION_ONNX_SOURCE)
        return op->read(reader, node);
    if (node->n_output < 1)
        return partition_onnx_malformed(reader, "it has no output");
    const Onnx__TensorProto *constant = partition_onnx_constant(reader, node, 0);
    if (constant && op->flags & PARTITION_ONNX_PASSES) {
        partition_onnx_constant_add(reader, node->output[0], constant);
        return op->read(reader, node);
    }
    if (!partition_onnx_has_input(node, 0) || strcmp(node->input[0], reader->flow) != 0)
        return partition_onnx_refuse(
            reader,
            "it takes '%s', not '%s' from the node before; only nets without branches "
            "are supported",
            partition_onnx_has_input(node, 0) ? node->input[0] : "", reader->flow);
    if (reader->ended && !(op->flags & PARTITION_ONNX_PASSES))
        return partition_onnx_refuse(reader,
                                     "comes after Softmax, which must be the end of the net");
    const int status = op->read(reader, node);
    reader->flow = partition_onnx_text(node->output[0]);
    return status;
}

static int64_t dimension(const Onnx__TensorShapeProto__Dimension *dim)
{
    return dim->has_dim_value ? dim->dim_value : 0;
}

/* The one input that is no initializer: N x 3 x H x W, N open or 1; H and W may be open. */
static int read_input(struct partition_onnx_reader *reader)
{
    const Onnx__ValueInfoProto *input = NULL;
    int64_t dims[4];
    for (size_t i = 0; i < reader->graph->n_input; i++) {
        const Onnx__ValueInfoProto *info = reader->graph->input[i];
        bool constant = false;
        for (size_t k = 0; k < reader->constant_count; k++)
            constant |= strcmp(reader->constants[k].name, partition_onnx_text(info->name)) == 0;
        if (constant)
            continue;
        if (input)
            return partition_onnx_refuse(reader, "inputs '%s' and '%s'; only one is supported",
                                         partition_onnx_text(input->name),
                                         partition_onnx_text(info->name));
        input = info;
    }
    if (!input || !input->type || !input->type->tensor_type || !input->type->tensor_type->shape)
        return partition_onnx_malformed(reader, "no input with a shape");
    const Onnx__TypeProto__Tensor *type = input->type->tensor_type;
    if (type->elem_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT &&
        type->elem_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16)
        return partition_onnx_refuse(
            reader,
            "input '%s' has ONNX data type %d; only 1 (float) and 10 (float16) are "
            "supported",
            partition_onnx_text(input->name), type->elem_type);
    if (type->shape->n_dim != 4)
        return partition_onnx_refuse(
            reader, "input '%s' has %zu dimensions; only 4 (1 x 3 x H x W) are supported",
            partition_onnx_text(input->name), type->shape->n_dim);
    for (int i = 0; i < 4; i++)
        dims[i] = dimension(type->shape->dim[i]);
    if (dims[0] < 0 || dims[0] > 1 || dims[1] != PROTO_CHANNELS || dims[2] < 0 ||
        dims[2] > PARTITION_ONNX_SIDE_MAX || dims[3] < 0 || dims[3] > PARTITION_ONNX_SIDE_MAX)
        return partition_onnx_refuse(
            reader, "input '%s' is %lld x %lld x %lld x %lld; only 1 x 3 x H x W is supported",
            partition_onnx_text(input->name), (long long)dims[0], (long long)dims[1],
            (long long)dims[2], (long long)dims[3]);
    reader->flow = partition_onnx_text(input->name);
    reader->c = PROTO_CHANNELS;
    reader->h = (int32_t)dims[2];
    reader->w = (int32_t)dims[3];
    return PROTO_OK;
}

/* The chain must end in what the graph gives out: one or two scores. */
static int check_end(struct partition_onnx_reader *reader)
{
    const struct partition_net *net = reader->net;
    const struct proto_layer *last = net->layer_count ? &net->layers[net->layer_count - 1] : NULL;
    if (reader->graph->n_output != 1 ||
        strcmp(partition_onnx_text(reader->graph->output[0]->name), reader->flow) != 0)
        return partition_onnx_refuse(
            reader, "%zu outputs; the one supported is that of the last node, '%s'",
            reader->graph->n_output, reader->flow);
    if (!last || last->kind != PROTO_LAYER_CONV || last->cout > 2 ||
        (reader->flat && reader->h * reader->w != 1))
        return partition_onnx_refuse(reader,
                                     "it must end with a Conv or Gemm of 1 output (score) or 2 "
                                     "(background, person), not with %d x %d x %d of '%s'",
                                     reader->c, reader->h, reader->w,
                                     last ? last->name : reader->flow);
    if (reader->ended && last->cout == 1)
        return partition_onnx_refuse(reader, "Softmax of one output is always 1; leave it out");
    return PROTO_OK;
}

static int finish(struct partition_onnx_reader *reader)
{
    struct partition_net *net = reader->net;
    snprintf(reader->what, sizeof(reader->what), "graph");
    const int status = check_end(reader);
    if (status != PROTO_OK)
        return status;
    for (uint64_t i = 0; i < reader->weight_count; i++)
        if (!isfinite(reader->weights[i]))
            return partition_onnx_malformed(
                reader, "a weight is too large after folding in a factor or normalization");
    for (int i = 0; i < net->layer_count; i++)
        if (net->layers[i].kind == PROTO_LAYER_CONV) {
            net->layers[i].weights = reader->weights + reader->weight_at[i];
            net->layers[i].bias = reader->weights + reader->bias_at[i];
        }
    return partition_net_analyse(net);
}

static int read_graph(struct partition_onnx_reader *reader, const Onnx__ModelProto *model)
{
    snprintf(reader->what, sizeof(reader->what), "graph");
    reader->graph = model->graph;
    if (!model->graph || model->graph->n_node == 0)
        return partition_onnx_malformed(reader, "no nodes; this is not an ONNX model");
    if (model->graph->n_node > NODES_MAX || model->graph->n_initializer > TENSORS_MAX)
        return partition_onnx_report(&reader->source, PROTO_LIMIT, reader->what,
                                     "%zu nodes, %zu tensors; at most %d and %d are supported",
                                     model->graph->n_node, model->graph->n_initializer, NODES_MAX,
                                     TENSORS_MAX);
    for (size_t i = 0; i < model->n_opset_import; i++)
        if (!*partition_onnx_text(model->opset_import[i]->domain))
            reader->opset = model->opset_import[i]->version;
    reader->constants =
        calloc(model->graph->n_initializer + model->graph->n_node, sizeof(*reader->constants));
    if (!reader->constants)
        return PROTO_NO_MEMORY;
    for (size_t i = 0; i < model->graph->n_initializer; i++)
        partition_onnx_constant_add(reader, model->graph->initializer[i]->name,
                                    model->graph->initializer[i]);
    int status = read_input(reader);
    for (size_t i = 0; i < model->graph->n_node && status == PROTO_OK; i++)
        status = read_node(reader, model->graph->node[i]);
    return status == PROTO_OK ? finish(reader) : status;
}

/* ---- the file ---- */

/* protobuf-c takes memory as a file tells it to: this allocator stops at a budget. */
struct budget {
    size_t left_bytes;
    bool exceeded;
};

static void *budget_alloc(void *data, size_t bytes)
{
    struct budget *budget = data;
    if (bytes > budget->left_bytes) {
        budget->exceeded = true;
        return NULL;
    }
    budget->left_bytes -= bytes;
    return malloc(bytes ? bytes : 1);
}

static void budget_free(void *data, void *block)
{
    (void)data;
    free(block);
}

static int parse(struct partition_onnx_reader *reader, const uint8_t *bytes, size_t len)
{
    /* Weights are copied once; nodes and names take some more than their bytes in the file. */
    struct budget budget = {.left_bytes = 4 * len + ((size_t)1 << 24)};
    ProtobufCAllocator allocator = {
        .alloc = budget_alloc, .free = budget_free, .allocator_data = &budget};
    snprintf(reader->what, sizeof(reader->what), "file");
    Onnx__ModelProto *model = onnx__model_proto__unpack(&allocator, len, bytes);
    if (!model && budget.exceeded)
        return partition_onnx_report(&reader->source, PROTO_LIMIT, reader->what,
                                     "more parts than a file of %zu bytes should have", len);
    if (!model)
        return partition_onnx_malformed(reader,
                                        "this is not an ONNX model (protobuf), or it is cut off");
    const int status = read_graph(reader, model);
    onnx__model_proto__free_unpacked(model, &allocator);
    return status;
}

static int read_bytes(const char *path, uint8_t **bytes, size_t *len)
{
    struct stat info;
    *bytes = NULL;
    if (stat(path, &info) != 0) {
        proto_log_error(AREA, "%s: %s", path, strerror(errno));
        return PROTO_IO;
    }
    if (!S_ISREG(info.st_mode) || info.st_size > FILE_BYTES_MAX) {
        proto_log_error(AREA, "%s: %s", path,
                        S_ISREG(info.st_mode) ? "larger than 256 MB" : "not a regular file");
        return S_ISREG(info.st_mode) ? PROTO_LIMIT : PROTO_IO;
    }
    *len = (size_t)info.st_size;
    *bytes = malloc(*len + 1);
    if (!*bytes)
        return PROTO_NO_MEMORY;
    FILE *file = fopen(path, "rb");
    const size_t got = file ? fread(*bytes, 1, *len, file) : 0;
    const int status = file && got == *len ? PROTO_OK : PROTO_IO;
    if (status != PROTO_OK)
        proto_log_error(AREA, "%s: %s", path, file ? "can't be read in full" : strerror(errno));
    if (file)
        fclose(file);
    return status;
}

int partition_onnx_read_files(const char *path, struct partition_net *net,
                              partition_onnx_file *file, void *arg)
{
    struct partition_onnx_reader *reader = calloc(1, sizeof(*reader));
    uint8_t *bytes = NULL;
    size_t len = 0;
    net->layer_count = 0;
    net->weights = NULL;
    net->weight_count = 0;
    if (!reader)
        return PROTO_NO_MEMORY;
    reader->source = (struct partition_onnx_source){.path = path, .file = file, .arg = arg};
    reader->net = net;
    int status = read_bytes(path, &bytes, &len);
    if (status == PROTO_OK && file)
        status = file(arg, path);
    if (status == PROTO_OK)
        status = parse(reader, bytes, len);
    if (status == PROTO_OK) {
        net->weights = reader->weights;
        net->weight_count = reader->weight_count;
    } else {
        free(reader->weights);
        net->layer_count = 0;
    }
    free(bytes);
    free(reader->constants);
    free(reader);
    return status;
}

int partition_onnx_read(const char *path, struct partition_net *net)
{
    return partition_onnx_read_files(path, net, NULL, NULL);
}
