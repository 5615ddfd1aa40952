/* Inside the ONNX reader: constants of a file as plain numbers. Foreign header: protobuf-c's
 * generated onnx.pb-c.h, which only the reader's own files include.
 */
#ifndef PARTITION_ONNX_TENSOR_H
#define PARTITION_ONNX_TENSOR_H

#include "onnx.pb-c.h"
#include "partition/onnx.h"

enum {
    PARTITION_ONNX_WEIGHTS_MAX = 1 << 27, /* numbers in one net */
    PARTITION_ONNX_EXTERNAL_MAX = 512,    /* external data files of one net */
};

/* One ONNX file being read. Start with path, file and arg set and the rest zero. */
struct partition_onnx_source {
    const char *path;
    partition_onnx_file *file; /* told of each file once; may be NULL */
    void *arg;
    int external_count;
    const char *external[PARTITION_ONNX_EXTERNAL_MAX]; /* borrowed from the tensors */
};

/* Log "path: what: text" with unprintable characters replaced (names come from the file).
 * Returns status. */
int partition_onnx_report(const struct partition_onnx_source *source, int status, const char *what,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Replace unprintable characters. */
void partition_onnx_printable(char *text);

/* Product of the dimensions; -1 if one is negative or the product exceeds the limit. */
int64_t partition_onnx_count(const Onnx__TensorProto *tensor);
/* Dimensions as text ("32x3x5x5") for messages. */
const char *partition_onnx_shape(const Onnx__TensorProto *tensor, char text[64]);

/* All numbers of an fp32 or fp16 tensor into out (partition_onnx_count of them). what: who asks, for
 * messages. Returns PROTO_OK, PROTO_FORMAT, PROTO_UNSUPPORTED, PROTO_IO, PROTO_LIMIT, PROTO_NO_MEMORY. */
int partition_onnx_floats(struct partition_onnx_source *source, const Onnx__TensorProto *tensor,
                          const char *what, float *out);
/* The numbers of an int64 tensor that is inline (shapes). Returns how many, or -1 when it is
 * something else or longer than max. */
int partition_onnx_ints(const Onnx__TensorProto *tensor, int64_t *out, int max);

#endif
