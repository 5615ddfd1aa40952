/* What tests and benchmarks of worker/exec share: models that need no file, frames, and the
 * coordinator's side of a FRAME (bases, bands, packed pixels).
 */
#ifndef TESTS_WORKER_EXEC_SUPPORT_H
#define TESTS_WORKER_EXEC_SUPPORT_H

#include "partition/merge.h"
#include "partition/tile.h"
#include "proto/message.h"
#include "tests/gpu/nets.h"

/* A model whose nets have random weights. */
struct exec_model {
    struct partition_model model;
    struct test_net nets[PROTO_NETS_MAX];
};

/* Two small nets, 7 levels, windows of 22 x 14 and 18 x 12 pixels. */
void exec_model_small(struct exec_model *model);
/* Three nets of the default topology, 26 levels. */
void exec_model_default(struct exec_model *model);
/* The same levels and windows, with few channels. */
void exec_model_default_small(struct exec_model *model);
void exec_model_close(struct exec_model *model);

/* A picture with all its octave bases, as a coordinator keeps it. */
struct exec_picture {
    struct partition_pyramid pyramid;
    uint8_t *bases[PROTO_BASES_MAX];
};

/* Random blobs: smooth enough that neighbouring levels look alike. */
void exec_picture_open(struct exec_picture *picture, const struct partition_model *model,
                       struct proto_size size, uint64_t seed);
void exec_picture_close(struct exec_picture *picture);

/* A tile set as the messages say it. */
struct exec_plan {
    struct partition_tiles *tiles;
    struct proto_plan_tile *plan_tiles;
    uint32_t *ids; /* 0 .. count - 1 */
    struct proto_plan plan;
};

/* All tiles are `mine`. */
void exec_plan_open(struct exec_plan *plan, const struct exec_picture *picture,
                    const struct partition_model *model, int32_t max_rows, int32_t max_cols,
                    float threshold);
void exec_plan_open_with(struct exec_plan *plan, const struct exec_picture *picture,
                         const struct partition_model *model,
                         const struct partition_tile_settings *settings, float threshold);
void exec_plan_close(struct exec_plan *plan);

/* A FRAME for some tiles: only the bands they need. */
struct exec_frame {
    struct proto_frame frame;
    struct proto_band *bands;
    uint8_t *pixels;
};

void exec_frame_open(struct exec_frame *frame, const struct exec_picture *picture,
                     const struct exec_plan *plan, const uint32_t *ids, uint32_t count);
void exec_frame_close(struct exec_frame *frame);

#endif
