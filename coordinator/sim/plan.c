/* Tiles from a PLAN message. */
#include "coordinator/sim/plan.h"

#include <stdlib.h>

#include "proto/status.h"

static int tile_set(const struct partition_pyramid *pyramid, const struct partition_model *model,
                    const struct proto_plan_tile *wire, struct partition_tile *tile)
{
    struct proto_sampling sampling;
    if (wire->level >= (uint32_t)pyramid->level_count)
        return PROTO_INVALID;
    const struct partition_level *level = &pyramid->levels[wire->level];
    if (wire->row0 + wire->rows > (uint32_t)level->rows ||
        wire->col0 + wire->cols > (uint32_t)level->cols)
        return PROTO_INVALID;
    tile->level = (int32_t)wire->level;
    tile->cells = (struct proto_rect){(int32_t)wire->col0, (int32_t)wire->row0, (int32_t)wire->cols,
                                      (int32_t)wire->rows};
    partition_pyramid_sampling(pyramid, model, tile->level, &tile->cells, &sampling);
    tile->input = (struct proto_size){sampling.w, sampling.h};
    tile->band = partition_pyramid_band(pyramid, model, tile->level, tile->cells.y, tile->cells.h);
    tile->macs = partition_net_macs(&model->nets[level->net], sampling.h, sampling.w);
    return PROTO_OK;
}

int sim_plan_set(struct sim_plan *plan, const struct partition_model *model,
                 const struct proto_plan *message)
{
    plan->number = 0;
    plan->tiles.count = 0;
    plan->tiles.macs = 0;
    int status = partition_pyramid_init(&plan->pyramid, model, message->frame);
    if (status)
        return status;
    if (message->tile_count > plan->cap) {
        free(plan->tiles.tile);
        plan->cap = 0;
        plan->tiles.tile = calloc(message->tile_count, sizeof *plan->tiles.tile);
        if (!plan->tiles.tile)
            return PROTO_NO_MEMORY;
        plan->cap = message->tile_count;
    }
    for (uint32_t i = 0; i < message->tile_count; i++) {
        struct partition_tile *tile = &plan->tiles.tile[i];
        status = tile_set(&plan->pyramid, model, &message->tiles[i], tile);
        if (status)
            return status;
        tile->id = i;
        plan->tiles.macs += tile->macs;
    }
    plan->tiles.count = message->tile_count;
    plan->number = message->plan;
    return PROTO_OK;
}

void sim_plan_free(struct sim_plan *plan)
{
    free(plan->tiles.tile);
    *plan = (struct sim_plan){0};
}
