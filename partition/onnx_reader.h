/* Inside the ONNX reader: the state between the graph walk (onnx.c) and the operators (onnx_ops.c). */
#ifndef PARTITION_ONNX_READER_H
#define PARTITION_ONNX_READER_H

#include "partition/onnx_tensor.h"

enum {
    PARTITION_ONNX_SIDE_MAX = PROTO_FRAME_SIDE_MAX, /* of an input, kernel or stride */
    PARTITION_ONNX_CHANNELS_MAX = 65536,
};

struct partition_onnx_constant {
    const char *name;
    const Onnx__TensorProto *tensor;
};

struct partition_onnx_reader {
    struct partition_onnx_source source;
    const Onnx__GraphProto *graph;
    struct partition_net *net;
    int64_t opset;

    /* Initializers, Constant nodes, and what Cast and Identity make of them. */
    struct partition_onnx_constant *constants;
    size_t constant_count;

    const char *flow; /* name of the tensor the next node must take */
    int32_t c, h, w;  /* its shape; h and w are 0 where the file leaves them open */
    bool flat;        /* c x h x w are one row of numbers */
    bool ended;       /* after Softmax */
    float *weights;   /* grows; the layers point into it at the end */
    uint64_t weight_count;
    uint64_t weight_at[PROTO_LAYERS_MAX], bias_at[PROTO_LAYERS_MAX];
    char what[160]; /* "Conv 'conv1'": the node being read, for messages */
};

/* Refuse the node being read; returns the status. */
#define partition_onnx_refuse(reader, ...)                                                         \
    partition_onnx_report(&(reader)->source, PROTO_UNSUPPORTED, (reader)->what, __VA_ARGS__)
#define partition_onnx_malformed(reader, ...)                                                      \
    partition_onnx_report(&(reader)->source, PROTO_FORMAT, (reader)->what, __VA_ARGS__)

/* One operator we accept. */
struct partition_onnx_op {
    const char *name;
    int (*read)(struct partition_onnx_reader *reader, const Onnx__NodeProto *node);
    int flags;
};
enum {
    PARTITION_ONNX_SOURCE = 1, /* takes no part in the chain */
    PARTITION_ONNX_PASSES = 2, /* changes no value: also fine for constants and behind Softmax */
};

/* The operator's row of the table, or NULL. */
const struct partition_onnx_op *partition_onnx_op_find(const Onnx__NodeProto *node);
/* Names of all operators, for messages. */
const char *partition_onnx_op_names(char text[256]);

/* Input i as a constant; NULL if the node has no such input (or an empty one) or it is none. */
const Onnx__TensorProto *partition_onnx_constant(const struct partition_onnx_reader *reader,
                                                 const Onnx__NodeProto *node, size_t i);
void partition_onnx_constant_add(struct partition_onnx_reader *reader, const char *name,
                                 const Onnx__TensorProto *tensor);
/* The node's name, or its first output's where it has none. */
const char *partition_onnx_node_name(const Onnx__NodeProto *node);
bool partition_onnx_has_input(const Onnx__NodeProto *node, size_t i);
static inline const char *partition_onnx_text(const char *text)
{
    return text ? text : "";
}

#endif
