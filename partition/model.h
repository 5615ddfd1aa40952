/* A model: the nets of one models/NAME folder, which levels each serves, and its thresholds.
 *
 * A window net slides a window of fixed size over a level with a fixed stride; each position is a
 * cell with one score. The geometry (window, stride, MACs) is worked out from the layers.
 */
#ifndef PARTITION_MODEL_H
#define PARTITION_MODEL_H

#include "proto/config.h"
#include "proto/types.h"

struct partition_net {
    char name[64];
    int32_t first_level, last_level;
    double person_px;                 /* height of the person in the window, level pixels */
    int32_t border_rows, border_cols; /* level pixels added on each side */
    float scale, offset;              /* net input = pixel * scale + offset */
    struct proto_size window, stride; /* level pixels */
    int32_t outputs;                  /* 1: the score; 2: background, person */
    int32_t layer_count;
    struct proto_layer layers[PROTO_LAYERS_MAX]; /* weights point into `weights` */
    float *weights;
    uint64_t weight_count;
};

struct partition_operating_point {
    double fppi, threshold;
};

struct partition_model {
    char name[64];
    /* SHA-256, hex, over model.yaml and then each net's file (and external data) in order. */
    char hash[65];
    double first_person_px, per_octave;
    int32_t levels;
    double pad_below, aspect;
    float candidate_threshold, threshold;
    float overlap;
    enum proto_overlap_measure overlap_measure;
    int32_t operating_point_count;
    struct partition_operating_point operating_points[16];
    int32_t net_count;
    struct partition_net nets[PROTO_NETS_MAX];
};

/* Read dir/model.yaml and its ONNX files. Close with partition_model_close.
 * Returns PROTO_OK, PROTO_IO, PROTO_FORMAT, PROTO_UNSUPPORTED (logged with file, operator and
 * node) or PROTO_INVALID (window in the YAML and in the net differ, levels overlap or miss one). */
int partition_model_open(const char *dir, struct partition_model **out);
void partition_model_close(struct partition_model *model);

/* Net that serves a level; every level below model->levels has one. */
const struct partition_net *partition_model_net(const struct partition_model *model, int level);

/* Work out window, stride and outputs from the layers (called by the ONNX reader).
 * Returns PROTO_OK or PROTO_INVALID (channels do not fit, output is neither 1 nor 2 wide). */
int partition_net_analyse(struct partition_net *net);
/* Cells along one axis for `pixels` level pixels of that axis; 0 if the window does not fit. */
int32_t partition_net_rows(const struct partition_net *net, int32_t pixels);
int32_t partition_net_cols(const struct partition_net *net, int32_t pixels);
/* Multiply-accumulates for an input of h x w level pixels (convolutions only). */
uint64_t partition_net_macs(const struct partition_net *net, int32_t h, int32_t w);

#endif
