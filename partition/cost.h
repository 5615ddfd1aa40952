/* What work takes: predicted times of tiles on a worker, and what RESULTs teach about them. */
#ifndef PARTITION_COST_H
#define PARTITION_COST_H

#include "partition/tile.h"
#include "proto/config_board.h"

/* A tile shape that was measured: equal net and input size are equal work. */
struct partition_shape_cost {
    int32_t net;             /* index into the model's nets */
    struct proto_size input; /* level pixels */
    double us;               /* median of one tile, sampling and local NMS included */
};

/* What is known of one worker: from a profile (measured), or a board's file (macs_per_us). */
struct partition_speed {
    double macs_per_us;   /* shapes that were not measured; 0: can't work */
    double pixels_per_us; /* level pixels of such a tile, sampled; INFINITY: costs nothing */
    double tile_us;       /* fixed part of such a tile */
    double frame_us;      /* fixed part of a frame: copy in, octave bases, answer */
    double bytes_per_us;  /* into the worker, on its own link; INFINITY: no limit */
    double latency_us;    /* of one message */
    uint32_t shape_count;
    const struct partition_shape_cost *shapes; /* borrowed; by net, then w, then h */
};
/* Nothing is known: 1 MAC per us, no fixed parts, no limits. Times are then only relative. */
void partition_speed_defaults(struct partition_speed *speed);
/* A board in one precision and mode. */
void partition_speed_of_board(const struct proto_board_speed *board, struct partition_speed *speed);

/* us: one per tile of the set, filled. factor: measured against predicted so far
 * (partition_cost_factor), 1 when nothing was measured. */
void partition_cost_tiles(const struct partition_speed *speed,
                          const struct partition_pyramid *pyramid,
                          const struct partition_tiles *tiles, double factor, double *us);

/* The robust mean of measured / predicted of one worker's last frames. Zeroed is empty. */
enum { PARTITION_COST_MEMORY = 15 };
struct partition_cost_learner {
    double ratio[PARTITION_COST_MEMORY];
    uint32_t count; /* learnt so far; the oldest is overwritten */
};
void partition_cost_learn(struct partition_cost_learner *learner, double measured_us,
                          double predicted_us);
double partition_cost_factor(const struct partition_cost_learner *learner); /* 1 when empty */

#endif
