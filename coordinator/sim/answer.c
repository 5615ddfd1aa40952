/* Random survivors. */
#include "coordinator/sim/answer.h"

#include <stdlib.h>

#include "coordinator/sim/random.h"

static bool near_cut_edge(const struct proto_tile_area *a, int32_t row, int32_t col)
{
    const int32_t row1 = a->row0 + a->rows, col1 = a->col0 + a->cols;
    return (a->row0 > 0 && row - a->row0 < PROTO_NMS_REACH_ROWS) ||
           (row1 < a->level_rows && row1 - 1 - row < PROTO_NMS_REACH_ROWS) ||
           (a->col0 > 0 && col - a->col0 < PROTO_NMS_REACH_COLS) ||
           (col1 < a->level_cols && col1 - 1 - col < PROTO_NMS_REACH_COLS);
}

static bool in_window(const struct proto_survivor *a, const struct proto_survivor *b)
{
    return abs((int)a->row - (int)b->row) <= PROTO_NMS_REACH_ROWS &&
           abs((int)a->col - (int)b->col) <= PROTO_NMS_REACH_COLS;
}

/* Of equals the earlier one wins; the list is in order of row and column. */
static bool is_peak(const struct proto_survivor *list, uint32_t count, uint32_t i)
{
    for (uint32_t j = 0; j < count; j++)
        if (j != i && in_window(&list[i], &list[j]) &&
            (list[j].score > list[i].score || (list[j].score == list[i].score && j < i)))
            return false;
    return true;
}

/* Insert where row and column belong; a cell that is there already stays as it is. */
static uint32_t insert(struct proto_survivor *list, uint32_t count, struct proto_survivor one)
{
    uint32_t at = count;
    for (; at > 0; at--) {
        const struct proto_survivor *last = &list[at - 1];
        if (last->row == one.row && last->col == one.col)
            return count;
        if (last->row < one.row || (last->row == one.row && last->col < one.col))
            break;
    }
    for (uint32_t i = count; i > at; i--)
        list[i] = list[i - 1];
    list[at] = one;
    return count + 1;
}

uint32_t sim_answer(uint64_t seed, uint64_t seq, const struct proto_tile_area *area, int32_t level,
                    float candidate_threshold, struct proto_survivor out[SIM_ANSWER_MAX])
{
    const uint64_t place =
        (uint64_t)level << 40 ^ (uint64_t)area->row0 << 20 ^ (uint64_t)area->col0;
    struct sim_random random = {sim_mix(sim_mix(seed ^ seq * 0x100000001b3u) ^ place)};
    struct proto_survivor list[SIM_ANSWER_MAX];
    uint32_t wanted = (uint32_t)sim_random_below(&random, SIM_ANSWER_MAX + 1), count = 0, kept = 0;

    for (; wanted > 0; wanted--) {
        const struct proto_survivor one = {
            .tile = area->tile,
            .row =
                (uint16_t)(area->row0 + (int32_t)sim_random_below(&random, (uint64_t)area->rows)),
            .col =
                (uint16_t)(area->col0 + (int32_t)sim_random_below(&random, (uint64_t)area->cols)),
            /* Coarse, so that ties happen. */
            .score = candidate_threshold + (float)(1 + sim_random_below(&random, 40)) / 16.0f,
        };
        count = insert(list, count, one);
    }
    for (uint32_t i = 0; i < count; i++) {
        const bool peak = is_peak(list, count, i);
        const bool edge = near_cut_edge(area, list[i].row, list[i].col);
        if (!peak && !edge)
            continue;
        out[kept] = list[i];
        out[kept++].flags = (peak ? PROTO_SURVIVOR_PEAK : 0u) | (edge ? PROTO_SURVIVOR_EDGE : 0u);
    }
    return kept;
}
