/* What the two tests of the ONNX reader share: a scratch folder and a small net to change. */
#ifndef TESTS_PARTITION_ONNX_CASES_H
#define TESTS_PARTITION_ONNX_CASES_H

#include "tests/partition/onnx_writer.h"

extern char onnx_folder[];
extern char onnx_path[64]; /* the ONNX file in it */

/* Group set-up and tear-down. */
int onnx_make_folder(void **state);
int onnx_remove_folder(void **state);

/* 8x6 -> conv 3x3 "c1" -> relu -> pool 2 "p1" -> "flat" (4 x 3 x 2) -> 5 "g1" -> relu -> 2 "g2" */
void onnx_small_net(struct onnx_writer *w);
/* A writer that holds it. */
void onnx_open_small(struct onnx_writer *w, enum onnx_storage storage);
/* A BatchNormalization node of `count` channels with epsilon 1/4 and a positive variance (values + 1). */
void onnx_add_normalization(struct onnx_writer *w, const char *name, int64_t count);

#endif
