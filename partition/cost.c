/* Predicted times of tiles: measured shapes first, otherwise from the MACs. */
#include "partition/cost.h"

#include <math.h>
#include <stdlib.h>

void partition_speed_defaults(struct partition_speed *speed)
{
    *speed = (struct partition_speed){
        .macs_per_us = 1, .pixels_per_us = INFINITY, .bytes_per_us = INFINITY};
}

void partition_speed_of_board(const struct proto_board_speed *board, struct partition_speed *speed)
{
    *speed = (struct partition_speed){
        .macs_per_us = board->macs_per_us,
        .pixels_per_us = board->pixels_per_us,
        .tile_us = board->tile_us,
        .frame_us = board->frame_us,
        .bytes_per_us = board->bytes_per_us,
        .latency_us = board->latency_us,
    };
}

static int compare_shapes(const void *pa, const void *pb)
{
    const struct partition_shape_cost *a = pa, *b = pb;
    if (a->net != b->net)
        return a->net < b->net ? -1 : 1;
    if (a->input.w != b->input.w)
        return a->input.w < b->input.w ? -1 : 1;
    return (a->input.h > b->input.h) - (a->input.h < b->input.h);
}

static double tile_us(const struct partition_speed *speed, int32_t net,
                      const struct partition_tile *tile)
{
    const struct partition_shape_cost key = {.net = net, .input = tile->input};
    const struct partition_shape_cost *shape =
        speed->shape_count
            ? bsearch(&key, speed->shapes, speed->shape_count, sizeof key, compare_shapes)
            : NULL;
    if (shape)
        return shape->us;
    if (!(speed->macs_per_us > 0))
        return INFINITY;
    /* Zeroed is no rate: a caller without a figure leaves it out. */
    const double pixels = (double)tile->input.w * (double)tile->input.h;
    return speed->tile_us + (double)tile->macs / speed->macs_per_us +
           (speed->pixels_per_us > 0 ? pixels / speed->pixels_per_us : 0);
}

void partition_cost_tiles(const struct partition_speed *speed,
                          const struct partition_pyramid *pyramid,
                          const struct partition_tiles *tiles, double factor, double *us)
{
    for (uint32_t i = 0; i < tiles->count; i++) {
        const struct partition_tile *tile = &tiles->tile[i];
        us[i] = factor * tile_us(speed, pyramid->levels[tile->level].net, tile);
    }
}

void partition_cost_learn(struct partition_cost_learner *learner, double measured_us,
                          double predicted_us)
{
    const double ratio = measured_us / predicted_us;
    if (!(measured_us > 0) || !(predicted_us > 0) || !isfinite(ratio) || !(ratio > 0))
        return;
    learner->ratio[learner->count % PARTITION_COST_MEMORY] = ratio;
    /* Wraps within a multiple of the memory, so that the oldest stays the one overwritten. */
    if (++learner->count == 2 * PARTITION_COST_MEMORY)
        learner->count = PARTITION_COST_MEMORY;
}

static int compare_ratios(const void *pa, const void *pb)
{
    const double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

/* The mean of the middle: a third at each end is left out, so a page fault or a clock that steps in
 * a few frames moves nothing. */
double partition_cost_factor(const struct partition_cost_learner *learner)
{
    double sorted[PARTITION_COST_MEMORY], sum = 0;
    const uint32_t n =
        learner->count < PARTITION_COST_MEMORY ? learner->count : PARTITION_COST_MEMORY;
    if (n == 0)
        return 1;
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = learner->ratio[i];
    qsort(sorted, n, sizeof *sorted, compare_ratios);
    const uint32_t cut = n / 3;
    for (uint32_t i = cut; i < n - cut; i++)
        sum += sorted[i];
    return sum / (n - 2 * cut);
}
