/* What the files of the planner share; nobody else includes this. */
#ifndef PARTITION_PLAN_PARTS_H
#define PARTITION_PLAN_PARTS_H

#include "partition/plan.h"

/* Longer is "can't": sums of such times stay finite. */
#define PARTITION_US_MAX 1e30

/* Has usable figures, and can compute one of the tiles. */
bool partition_plan_able(const struct partition_plan_worker *worker,
                         const struct partition_plan_settings *settings, uint32_t count);
double partition_plan_link_us(const struct partition_plan_worker *worker, uint64_t bytes);

/* Each fills worker_of: of each tile (of settings->ids) the worker. able: at least one is, and each
 * tile can be computed by one of them. Return PROTO_OK, PROTO_NO_MEMORY or PROTO_INVALID (logged). */
int partition_plan_by_tile(const struct partition_tiles *tiles,
                           const struct partition_plan_settings *settings, const bool *able,
                           int32_t *worker_of);
int partition_plan_by_level(const struct partition_tiles *tiles,
                            const struct partition_plan_settings *settings, const bool *able,
                            int32_t *worker_of);
/* rotation_us: of the whole rotation, per frame. */
int partition_plan_by_frame(const struct partition_pyramid *pyramid,
                            const struct partition_tiles *tiles,
                            const struct partition_plan_settings *settings, const bool *able,
                            int32_t *worker_of, double *rotation_us);

#endif
