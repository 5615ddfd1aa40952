/* Which worker computes which tiles, in which order, and the bands it is sent.
 * Longest processing time first, by predicted time, onto the worker that would finish first.
 * Deterministic: ties go to the lower tile id and the lower worker.
 */
#ifndef PARTITION_PLAN_H
#define PARTITION_PLAN_H

#include "partition/tile.h"

struct partition_share {
    uint32_t tile_count;
    uint32_t *tiles; /* largest first */
    uint32_t band_count;
    struct proto_band *bands;
    uint64_t pixel_bytes;
    uint64_t macs;
    double predicted_us;
};

struct partition_plan {
    int32_t worker_count;
    struct partition_share *shares; /* one per worker; may be empty */
    double period_us;               /* largest predicted_us */
};

/* macs_per_us: one positive figure per worker; a worker with 0 gets nothing (lost or left out).
 * tiles/tile_count: the tiles to share out (all of the set, or those of a lost worker); ids NULL: all.
 * busy_us: work each worker already has, or NULL.
 * Returns PROTO_OK, PROTO_NO_MEMORY, or PROTO_INVALID when no worker has a positive speed. */
int partition_plan_open(const struct partition_pyramid *pyramid,
                        const struct partition_tiles *tiles, const uint32_t *ids, uint32_t id_count,
                        const double *macs_per_us, const double *busy_us, int32_t worker_count,
                        struct partition_plan **out);
void partition_plan_close(struct partition_plan *plan);

#endif
