/* Which worker computes which tiles, in which order, and the bands it is sent.
 *
 * Minimises the frame period for unequal workers, then the latency of one frame. Rows that can limit
 * the period, with frames in flight: each worker's compute (frame_us + its tiles), each worker's own
 * link (bytes of its bands), and the coordinator's one port (bytes of all bands, one after the
 * other; rows that several tiles of one worker need are sent to it once). With `depth` frames in
 * flight a frame also takes at least latency_us / depth.
 * Deterministic: same input, same plan, on every machine; ties go to the lower tile and worker.
 */
#ifndef PARTITION_PLAN_H
#define PARTITION_PLAN_H

#include "partition/cost.h"
#include "partition/tile.h"

enum partition_split {
    PARTITION_SPLIT_TILE,  /* ours */
    PARTITION_SPLIT_LEVEL, /* the tiles of a level stay together */
    PARTITION_SPLIT_FRAME, /* whole frames in turn: replicas, the baseline */
};

struct partition_plan_worker {
    /* Borrowed; one per tile of the set, INFINITY where it can't; NULL: lost, or not to be used. */
    const double *tile_us;
    double frame_us;
    double bytes_per_us, latency_us;
    double busy_us; /* work it has in hand already: counts like frame_us if it gets a tile */
};
/* From a speed; tile_us: caller's array of one per tile, filled and then borrowed. */
void partition_plan_worker_init(struct partition_plan_worker *worker,
                                const struct partition_speed *speed,
                                const struct partition_pyramid *pyramid,
                                const struct partition_tiles *tiles, double factor,
                                double *tile_us);

struct partition_plan_settings {
    int32_t worker_count;
    const struct partition_plan_worker *workers; /* borrowed */
    double port_bytes_per_us;                    /* of the coordinator; INFINITY: no limit */
    enum partition_split split;                  /* TILE */
    uint64_t turn;       /* FRAME: number of the frame; whose turn it is follows from it */
    const uint32_t *ids; /* tiles to share out, e.g. those of a lost worker; NULL: all */
    uint32_t id_count;
    /* How much longer than the shortest found the period may be where that brings the latency down: the port
     * serves workers one after the other, so with equal shares the last one answers a whole port's time
     * late. 0: only as a tie-break (0). */
    double period_slack;
    /* Borrowed; a plan of the same tiles and as many workers to start from: much faster than from
     * nothing, for when a worker has gone or costs have moved a little. NULL: none. */
    const struct partition_plan *from;
};
void partition_plan_defaults(struct partition_plan_settings *settings);

enum partition_left_out {
    PARTITION_USED,
    PARTITION_NO_SPEED, /* tile_us NULL, or no positive figures */
    PARTITION_NO_TILE,  /* more workers than tiles */
    PARTITION_NO_GAIN,  /* with it the period would be longer, or no shorter */
};
const char *partition_left_out_text(enum partition_left_out why);

struct partition_share {
    enum partition_left_out left_out;
    uint32_t tile_count;
    uint32_t *tiles; /* in order of computing: largest first */
    uint32_t band_count;
    struct proto_band *bands;
    uint64_t pixel_bytes;
    uint64_t macs;
    double compute_us; /* busy_us, frame_us and its tiles; 0 without a tile */
    double receive_us; /* latency and bytes over the slower of its link and the port */
    double finish_us;  /* its answer, counted from the frame's first byte leaving the coordinator */
};

struct partition_plan {
    int32_t worker_count;
    struct partition_share *shares; /* one per worker; may be empty */
    int32_t *order;                 /* worker_count entries: in which order the port serves them */
    double period_us;               /* the largest row. FRAME: of the whole rotation, per frame */
    double latency_us;              /* the last finish_us */
    double port_us;                 /* the port's row. FRAME: of this frame */
};

/* Returns PROTO_OK, PROTO_NO_MEMORY, or PROTO_INVALID when no worker can work (logged). */
int partition_plan_open(const struct partition_pyramid *pyramid,
                        const struct partition_tiles *tiles,
                        const struct partition_plan_settings *settings,
                        struct partition_plan **out);
void partition_plan_close(struct partition_plan *plan);

/* The period if the plan's tiles stay where they are but costs are `settings`' now: to see whether another
 * plan would gain enough. */
double partition_plan_period(const struct partition_plan *plan,
                             const struct partition_plan_settings *settings);

#endif
