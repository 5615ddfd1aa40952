/* The sharing-out of one frame: round 0 is the plan; whenever tiles are left that nobody works on, they
 * become a further round among those who can take them. The first answer for a tile counts.
 *
 * Who takes them, in this order: workers that have not failed on this frame, the reserve likewise, then those
 * who failed on it, at most TRIES_MAX times each, and last a worker that is late, unless it has the tile
 * already. So a frame has at most as many rounds as workers can be lost, be late or fail while it
 * is under way.
 */
#include "coordinator/core_state.h"

#include <stdlib.h>
#include <string.h>

enum { TRIES_MAX = 3, KINDS = 5 };
enum { MARK_NONE, MARK_PENDING, MARK_LATE };

void core_rounds_drop(struct core_slot *slot)
{
    core_shares_drop(slot->first.shares);
    slot->first.shares = NULL;
    while (slot->first.next) {
        struct core_round *round = slot->first.next;
        slot->first.next = round->next;
        core_shares_drop(round->shares);
        free(round->of);
        free(round);
    }
    slot->rounds = 0;
}

/* Every worker with tiles in this round's plan owes a RESULT. */
static void round_begin(struct coordinator_core *core, struct core_slot *slot,
                        struct core_round *round)
{
    for (int w = 0; w < core->settings.workers; w++) {
        const bool work = round->shares->plan->shares[w].tile_count > 0;
        round->of[w] = (struct core_assignment){
            .state = work ? ASSIGNMENT_DUE : ASSIGNMENT_NONE,
        };
    }
    slot->rounds++;
}

void core_rounds_begin(struct coordinator_core *core, struct core_slot *slot,
                       struct core_shares *shares)
{
    slot->first.shares = shares;
    round_begin(core, slot, &slot->first);
}

struct core_round *core_round_at(struct core_slot *slot, uint32_t index)
{
    struct core_round *round = &slot->first;
    if (index >= slot->rounds)
        return NULL;
    while (index-- > 0)
        round = round->next;
    return round;
}

bool core_round_pending(const struct core_assignment *assignment)
{
    return assignment->state == ASSIGNMENT_DUE || assignment->state == ASSIGNMENT_OUT;
}

/* Mark the tiles that are on somebody's list; returns the number of lists that will be answered soon. */
static int mark_lists(const struct coordinator_core *core, struct core_slot *slot, uint8_t *mark)
{
    int pending = 0;
    struct core_round *round = &slot->first;
    for (uint32_t r = 0; r < slot->rounds; r++, round = round->next) {
        for (int w = 0; w < core->settings.workers; w++) {
            const struct partition_share *share = &round->shares->plan->shares[w];
            const bool soon = core_round_pending(&round->of[w]);
            if (!soon && round->of[w].state != ASSIGNMENT_LATE)
                continue;
            pending += soon;
            for (uint32_t i = 0; i < share->tile_count; i++)
                if (mark[share->tiles[i]] != MARK_PENDING)
                    mark[share->tiles[i]] = soon ? MARK_PENDING : MARK_LATE;
        }
    }
    return pending;
}

/* Lower is better; -1: it takes nothing of this frame. */
static int kind_of(const struct coordinator_core *core, const struct core_slot *slot, int32_t w)
{
    const struct core_worker *worker = &core->workers[w];
    if (!core_worker_able(worker) || slot->tries[w] >= TRIES_MAX ||
        worker->hand_count >= core->hand_max)
        return -1;
    if (worker->late)
        return 4;
    return (slot->tries[w] > 0 ? 2 : 0) + (w == core->settings.reserve || worker->unfed);
}

/* Can somebody take tiles of this frame later? */
static bool hope(const struct coordinator_core *core, const struct core_slot *slot)
{
    for (int32_t w = 0; w < core->settings.workers; w++) {
        const struct core_worker *worker = &core->workers[w];
        const bool may = worker->state == WORKER_READY || worker->state == WORKER_PREPARING ||
                         (worker->state == WORKER_LOST && worker->host[0]);
        if (may && slot->tries[w] < TRIES_MAX)
            return true;
    }
    return false;
}

/* Until when this frame's orphans wait for somebody. */
static uint64_t wait_until_us(const struct coordinator_core *core, const struct core_slot *slot)
{
    const uint64_t wait_us = core_worker_hope_us(core);
    uint64_t until_us = slot->orphaned_us + wait_us;
    if (core->alone_us > 0 && core->alone_us + wait_us < until_us)
        until_us = core->alone_us + wait_us;
    return until_us;
}

uint64_t core_round_due_us(const struct coordinator_core *core, const struct core_slot *slot)
{
    return slot->orphaned_us > 0 ? wait_until_us(core, slot) : UINT64_MAX;
}

static bool round_add(struct coordinator_core *core, struct core_slot *slot, const uint32_t *ids,
                      uint32_t count)
{
    struct core_round *round = calloc(1, sizeof *round), *last = &slot->first;
    struct core_assignment *of = calloc((size_t)core->settings.workers, sizeof *of);
    struct core_shares *shares = NULL;

    core_cost_refresh(core);
    if (round && of)
        shares = core_plan_share(core, core->able, true, ids, count);
    if (!shares) {
        free(round);
        free(of);
        return false;
    }
    round->shares = shares;
    round->of = of;
    while (last->next)
        last = last->next;
    last->next = round;
    core->events.reassigned += count;
    round_begin(core, slot, round);
    return true;
}

/* Open tiles with a mark of at most `mark`; ids may be NULL. */
static uint32_t open_tiles(const struct core_geometry *g, const struct core_slot *slot, int mark,
                           uint32_t *ids)
{
    uint32_t count = 0;
    for (uint32_t t = 0; t < g->tiles->count; t++) {
        if (slot->tiles[t] != TILE_OPEN ||
            (g->mark[t] != MARK_NONE && (mark == MARK_NONE || g->mark[t] != MARK_LATE)))
            continue;
        if (ids)
            ids[count] = t;
        count++;
    }
    return count;
}

/* Give the tiles that nobody works on to the best kind of workers there is. */
static bool orphans_place(struct coordinator_core *core, struct core_slot *slot)
{
    for (int kind = 0; kind < KINDS; kind++) {
        const int mark = kind == KINDS - 1 ? MARK_NONE : MARK_LATE;
        bool any = false;
        for (int32_t w = 0; w < core->settings.workers; w++) {
            core->able[w] = kind_of(core, slot, w) == kind;
            any |= core->able[w];
        }
        if (!any)
            continue;
        const uint32_t count = open_tiles(core->geometry, slot, mark, core->geometry->orphans);
        return count > 0 && round_add(core, slot, core->geometry->orphans, count);
    }
    return false;
}

static void give_up(struct coordinator_core *core, struct core_slot *slot)
{
    struct core_geometry *g = core->geometry;
    for (uint32_t t = 0; t < g->tiles->count; t++)
        if (slot->tiles[t] == TILE_OPEN && g->mark[t] == MARK_NONE)
            slot->tiles[t] = TILE_GIVEN_UP;
    slot->error = "no worker left for some of its tiles";
}

bool core_rounds_settle(struct coordinator_core *core, struct core_slot *slot)
{
    struct core_geometry *g = core->geometry;
    int pending = mark_lists(core, slot, g->mark);

    if (slot->first.shares && open_tiles(g, slot, MARK_LATE, NULL) > 0 &&
        orphans_place(core, slot)) {
        memset(g->mark, MARK_NONE, g->tiles->count);
        pending = mark_lists(core, slot, g->mark);
    }
    const uint32_t orphans = open_tiles(g, slot, MARK_NONE, NULL);
    bool awaited = pending > 0 || open_tiles(g, slot, MARK_LATE, NULL) > orphans;
    if (orphans == 0) {
        slot->orphaned_us = 0;
    } else {
        if (slot->orphaned_us == 0)
            slot->orphaned_us = core->now_us;
        if (hope(core, slot) && core->now_us < wait_until_us(core, slot)) {
            awaited = true;
        } else {
            give_up(core, slot);
            slot->orphaned_us = 0;
        }
    }
    memset(g->mark, MARK_NONE, g->tiles->count);
    return awaited;
}
