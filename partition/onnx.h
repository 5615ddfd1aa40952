/* ONNX file -> layers. The operators we accept are one table in onnx_ops.c:
 * Conv, Relu, MaxPool, Gemm, Flatten/Reshape before Gemm, Dropout, Identity, Softmax/LogSoftmax at
 * the end (dropped: scores are linear), BatchNormalization (folded), Constant, Cast. Weights fp32 or
 * fp16, inline (raw or typed) or as external data. Source: onnx.proto3, https://github.com/onnx/onnx.
 */
#ifndef PARTITION_ONNX_H
#define PARTITION_ONNX_H

#include "partition/model.h"

/* Fill net->layers, weights, window, stride, outputs from a file (other fields stay).
 * Gemm becomes a convolution as large as its input, which is why the window must be known: it is
 * taken from the graph's input shape. On failure the net holds nothing to free.
 * Returns PROTO_OK, PROTO_IO, PROTO_FORMAT, PROTO_LIMIT, PROTO_UNSUPPORTED (logged: file, operator, node). */
int partition_onnx_read(const char *path, struct partition_net *net);

/* Called with the ONNX file and then with each external data file, once, in order of first use.
 * A result other than PROTO_OK ends the reading with that result. */
typedef int partition_onnx_file(void *arg, const char *path);
/* As partition_onnx_read, and tells `file` what it read (for the model's hash). */
int partition_onnx_read_files(const char *path, struct partition_net *net,
                              partition_onnx_file *file, void *arg);

#endif
