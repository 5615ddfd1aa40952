/* Builds ONNX files for tests: a chain of nodes, each taking the output of the one before. */
#ifndef TESTS_PARTITION_ONNX_WRITER_H
#define TESTS_PARTITION_ONNX_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "onnx.pb-c.h"

enum onnx_storage {
    ONNX_RAW_FLOAT,
    ONNX_TYPED_FLOAT,
    ONNX_RAW_HALF,
    ONNX_TYPED_HALF,
    ONNX_EXTERNAL_FLOAT, /* appended to the writer's data file */
    ONNX_EXTERNAL_HALF,
    ONNX_STORAGES,
};

enum { ONNX_PARTS_MAX = 64, ONNX_BLOCKS_MAX = 4096 };

struct onnx_writer {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset;
    Onnx__OperatorSetIdProto *opsets[1];
    Onnx__NodeProto *nodes[ONNX_PARTS_MAX];
    Onnx__TensorProto *tensors[ONNX_PARTS_MAX];
    Onnx__ValueInfoProto *inputs[ONNX_PARTS_MAX], *outputs[2];
    const char *flow;               /* last node's output */
    enum onnx_storage storage;      /* of tensors from now on */
    const char *folder, *data_file; /* for external data */
    size_t data_bytes;
    uint32_t seed;
    void *blocks[ONNX_BLOCKS_MAX];
    int block_count;
};

/* Start with a float input "x" of 1 x 3 x h x w (h, w 0: symbolic). */
void onnx_open(struct onnx_writer *w, int64_t h, int64_t width);
void onnx_close(struct onnx_writer *w);
/* A node behind the last one; its output is named as the node. */
Onnx__NodeProto *onnx_node(struct onnx_writer *w, const char *op, const char *name);
Onnx__NodeProto *onnx_find(struct onnx_writer *w, const char *name);
void onnx_take(struct onnx_writer *w, Onnx__NodeProto *node, const char *input);
void onnx_int(struct onnx_writer *w, Onnx__NodeProto *node, const char *name, int64_t value);
void onnx_real(struct onnx_writer *w, Onnx__NodeProto *node, const char *name, float value);
void onnx_text(struct onnx_writer *w, Onnx__NodeProto *node, const char *name, const char *value);
void onnx_ints(struct onnx_writer *w, Onnx__NodeProto *node, const char *name, int count,
               const int64_t *values);
/* Constants: values that are exact as halves; an initializer of the graph. */
Onnx__TensorProto *onnx_tensor(struct onnx_writer *w, const char *name, int dims,
                               const int64_t *shape);
Onnx__TensorProto *onnx_shape(struct onnx_writer *w, const char *name, int count,
                              const int64_t *values);
/* A Constant node that holds `tensor`, which stops being an initializer. */
void onnx_constant(struct onnx_writer *w, Onnx__TensorProto *tensor);
float onnx_value(uint32_t seed, size_t i); /* number i of a tensor made with w->seed == seed */
void *onnx_alloc(struct onnx_writer *w, size_t count, size_t each);
char *onnx_copy(struct onnx_writer *w, const char *text);

/* Shorthands; weights are NAME.w and NAME.b. */
Onnx__NodeProto *onnx_conv(struct onnx_writer *w, const char *name, int64_t cout, int64_t cin,
                           int64_t kh, int64_t kw);
Onnx__NodeProto *onnx_pool(struct onnx_writer *w, const char *name, int64_t size);
Onnx__NodeProto *onnx_gemm(struct onnx_writer *w, const char *name, int64_t cout, int64_t features);
/* The paper's topology (DESIGN.md section 3), as an exporter writes it. */
void onnx_paper(struct onnx_writer *w);

/* The last node's output becomes the graph's. Returns the bytes; the writer owns them. */
uint8_t *onnx_bytes(struct onnx_writer *w, size_t *len);
void onnx_write(struct onnx_writer *w, const char *path);

#endif
