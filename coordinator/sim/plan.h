/* The tile set as a PLAN message describes it, with what follows from it: boards and the checks each
 * make their own from what they were sent, never from the core's tables.
 */
#ifndef COORDINATOR_SIM_PLAN_H
#define COORDINATOR_SIM_PLAN_H

#include "partition/tile.h"
#include "proto/message.h"

struct sim_plan {
    uint32_t number; /* 0: none yet */
    struct partition_pyramid pyramid;
    struct partition_tiles tiles;
    uint32_t cap;
};

/* Take a PLAN over; what was there before goes. Returns PROTO_OK, PROTO_INVALID (a tile that is not in its
 * level) or PROTO_NO_MEMORY: then there is no plan. */
int sim_plan_set(struct sim_plan *plan, const struct partition_model *model,
                 const struct proto_plan *message);
void sim_plan_free(struct sim_plan *plan);

#endif
