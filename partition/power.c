/* Branch and bound over power modes.
 *
 * The bound of a partial choice lets the boards that are open run any mix of their modes, cut off at any
 * moment, and every board be used to any share: what remains is to buy speed for watts where it is
 * cheapest, on the upper hulls of (watts, speed). A choice of modes that survives gets a plan.
 */
#include "partition/power.h"

#include <math.h>
#include <stdlib.h>

#include "partition/plan_parts.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

enum { PLANS_MAX = 20000, NODES_MAX = 4000000 };

/* Watts that buy speed, the cheapest first. */
struct offer {
    double watts, speed;
    int32_t board;
};

struct power {
    const struct partition_pyramid *pyramid;
    const struct partition_tiles *tiles;
    const struct partition_power_board *boards;
    int32_t count;
    double port, budget_w;
    double work;        /* of a frame, in us of a board of speed 1 */
    double least_us;    /* the port's row: no choice has a shorter period */
    double *speed;      /* of each board, relative */
    double *tile_us;    /* boards x tiles, at speed 1 */
    double *scaled;     /* same, of the choice being planned */
    struct offer *hull; /* offers of each board while it is open, all boards', cheapest first */
    int32_t hull_count;
    struct offer *list; /* scratch: with those of decided boards */
    struct partition_plan_worker *workers;
    int32_t *mode;  /* of the choice on its way; -1: off */
    int32_t *alike; /* of each board the one before it that is the same; -1: none */
    uint64_t nodes;
    struct partition_power_choice *best;
    double open_fps; /* bound of what was not looked at */
    int status;
};

static const struct partition_power_mode *mode_of(const struct power *power, int32_t board)
{
    return &power->boards[board].modes[power->mode[board]];
}

static bool cheaper(const struct offer *a, const struct offer *b)
{
    const double left = a->watts * b->speed, right = b->watts * a->speed;
    return left != right ? left < right : a->board < b->board;
}

static void insert(struct offer *list, int32_t *count, struct offer offer)
{
    int32_t at = (*count)++;
    for (; at > 0 && cheaper(&offer, &list[at - 1]); at--)
        list[at] = list[at - 1];
    list[at] = offer;
}

/* The hull of (0, 0) and all (busy_w, speed): from a corner to the one with the best ratio. */
static void add_hull(struct power *power, int32_t board)
{
    const struct partition_power_board *b = &power->boards[board];
    double watts = 0, speed = 0;
    for (;;) {
        struct offer best = {1, 0, board};
        for (int32_t m = 0; m < b->mode_count; m++) {
            const struct offer offer = {fmax(0, b->modes[m].busy_w - watts),
                                        b->modes[m].speed * power->speed[board] - speed, board};
            if (offer.speed > 0 && (best.speed == 0 || cheaper(&offer, &best) ||
                                    (!cheaper(&best, &offer) && offer.speed > best.speed)))
                best = offer;
        }
        if (best.speed <= 0)
            return;
        insert(power->hull, &power->hull_count, best);
        watts += best.watts;
        speed += best.speed;
    }
}

/* No choice whose first `decided` boards are as in `mode` has more frames per second, and none that is
 * faster than the best so far. */
static double bound_fps(struct power *power, int32_t decided)
{
    double watts = power->budget_w, speed = 0;
    int32_t count = 0;
    for (int32_t h = 0; h < power->hull_count; h++)
        if (power->hull[h].board >= decided)
            power->list[count++] = power->hull[h]; /* still in order */
    for (int32_t b = 0; b < decided; b++) {
        if (power->mode[b] < 0)
            continue;
        const struct partition_power_mode *mode = mode_of(power, b);
        watts -= mode->idle_w;
        /* Only choices faster than the best matter: they spend the fixed part of a frame more often. */
        const double fixed = power->boards[b].speed->frame_us / mode->speed;
        const double rest = fmax(0, 1 - 1e-6 * fixed * power->best->fps);
        insert(
            power->list, &count,
            (struct offer){mode->busy_w - mode->idle_w, rest * mode->speed * power->speed[b], b});
    }
    if (watts < 0)
        return 0;
    for (int32_t o = 0; o < count && (watts > 0 || power->list[o].watts == 0); o++) {
        const double share = power->list[o].watts > watts ? watts / power->list[o].watts : 1;
        speed += share * power->list[o].speed;
        watts -= share * power->list[o].watts;
    }
    return 1e6 * (1 + 1e-12) / fmax(power->work / speed, power->least_us);
}

/* All boards are decided: what does a plan make of them? */
static void try_choice(struct power *power)
{
    struct partition_plan_settings settings;
    struct partition_plan *plan;
    const size_t tiles = power->tiles->count;
    double idle_w = 0, busy_j = 0;
    bool any = false;
    for (int32_t b = 0; b < power->count; b++) {
        power->workers[b].tile_us = NULL;
        if (power->mode[b] < 0)
            continue;
        const double speed = mode_of(power, b)->speed;
        const struct partition_speed *at_1 = power->boards[b].speed;
        any = true;
        idle_w += mode_of(power, b)->idle_w;
        for (size_t i = 0; i < tiles; i++)
            power->scaled[(size_t)b * tiles + i] = power->tile_us[(size_t)b * tiles + i] / speed;
        power->workers[b] = (struct partition_plan_worker){
            .tile_us = power->scaled + (size_t)b * tiles,
            .frame_us = at_1->frame_us / speed,
            .bytes_per_us = at_1->bytes_per_us,
            .latency_us = at_1->latency_us,
        };
    }
    if (!any)
        return;
    partition_plan_defaults(&settings);
    settings.workers = power->workers;
    settings.worker_count = power->count;
    settings.port_bytes_per_us = power->port;
    const int status = partition_plan_open(power->pyramid, power->tiles, &settings, &plan);
    power->best->plans++;
    if (status == PROTO_NO_MEMORY)
        power->status = status;
    if (status != PROTO_OK)
        return;
    for (int32_t b = 0; b < power->count; b++)
        if (power->mode[b] >= 0)
            busy_j += 1e-6 * (mode_of(power, b)->busy_w - mode_of(power, b)->idle_w) *
                      plan->shares[b].compute_us;
    double fps = 1e6 / plan->period_us;
    if (fps * busy_j > power->budget_w - idle_w)
        fps = (power->budget_w - idle_w) / busy_j;
    if (fps > power->best->fps * (1 + 1e-9)) {
        power->best->fps = fps;
        power->best->watts = idle_w + fps * busy_j;
        power->best->frame_j = busy_j;
        power->best->period_us = plan->period_us;
        power->best->latency_us = plan->latency_us;
        for (int32_t b = 0; b < power->count; b++)
            power->best->mode[b] = power->mode[b];
    }
    partition_plan_close(plan);
}

struct child {
    int32_t mode;
    double bound;
};

/* Depth first, the most promising mode first. Boards that are the same take modes in order, so that
 * of choices that differ by their exchange one is looked at. */
static void branch(struct power *power, int32_t board)
{
    struct child children[PARTITION_POWER_MODES_MAX + 1];
    int32_t count = 0;
    if (power->status != PROTO_OK)
        return;
    if (board == power->count) {
        try_choice(power);
        return;
    }
    const int32_t most = power->alike[board] < 0 ? power->boards[board].mode_count - 1
                                                 : power->mode[power->alike[board]];
    for (int32_t m = most; m >= -1; m--) {
        power->mode[board] = m;
        const struct child child = {m, bound_fps(power, board + 1)};
        int32_t at = count++;
        for (; at > 0 && children[at - 1].bound < child.bound; at--)
            children[at] = children[at - 1];
        children[at] = child;
    }
    power->nodes += (uint64_t)count;
    for (int32_t c = 0; c < count; c++) {
        if (children[c].bound <= power->best->fps * (1 + 1e-9))
            break;
        if (power->nodes > NODES_MAX || power->best->plans > PLANS_MAX) {
            power->best->exact = false;
            power->open_fps = fmax(power->open_fps, children[c].bound);
            break;
        }
        power->mode[board] = children[c].mode;
        branch(power, board + 1);
    }
}

static int refuse(const char *board, const char *mode, const char *what)
{
    proto_log_error(AREA, "board %s, mode %s: %s", board, mode, what);
    return PROTO_INVALID;
}

static int check(const struct partition_power_board *boards, int32_t count, double budget_w)
{
    const struct partition_power_mode *cheapest = NULL;
    const char *name = "";
    if (count < 1 || count > PARTITION_POWER_BOARDS_MAX) {
        proto_log_error(AREA, "%d boards; 1 to %d can be chosen from", count,
                        PARTITION_POWER_BOARDS_MAX);
        return PROTO_INVALID;
    }
    for (int32_t b = 0; b < count; b++) {
        if (boards[b].mode_count < 1 || boards[b].mode_count > PARTITION_POWER_MODES_MAX) {
            proto_log_error(AREA, "board %s: %d power modes; 1 to %d are possible", boards[b].name,
                            boards[b].mode_count, PARTITION_POWER_MODES_MAX);
            return PROTO_INVALID;
        }
        for (int32_t m = 0; m < boards[b].mode_count; m++) {
            const struct partition_power_mode *mode = &boards[b].modes[m];
            if (!(mode->idle_w >= 0) || !isfinite(mode->idle_w))
                return refuse(boards[b].name, mode->name, "idle watts must be 0 or more");
            if (!(mode->busy_w >= mode->idle_w) || !isfinite(mode->busy_w))
                return refuse(boards[b].name, mode->name,
                              "busy watts must be at least the idle ones");
            if (!(mode->speed > 0) || !isfinite(mode->speed))
                return refuse(boards[b].name, mode->name, "the speed must be positive");
            if (!cheapest || mode->idle_w < cheapest->idle_w) {
                cheapest = mode;
                name = boards[b].name;
            }
        }
    }
    if (!(budget_w > cheapest->idle_w)) {
        proto_log_error(
            AREA,
            "a budget of %g W: the cheapest board, %s in mode %s, takes %g W idle and %g "
            "W busy; give more than %g W",
            budget_w, name, cheapest->name, cheapest->idle_w, cheapest->busy_w, cheapest->idle_w);
        return PROTO_INVALID;
    }
    return PROTO_OK;
}

/* What bounds need to know of boards: relative speeds and a frame's work, all at speed 1. */
static int compare_boards(struct power *power)
{
    struct partition_plan_settings settings;
    struct plan_problem *problem = NULL;
    bool *able = NULL;
    for (int32_t b = 0; b < power->count; b++)
        partition_plan_worker_init(&power->workers[b], power->boards[b].speed, power->pyramid,
                                   power->tiles, 1,
                                   power->tile_us + (size_t)b * power->tiles->count);
    partition_plan_defaults(&settings);
    settings.workers = power->workers;
    settings.worker_count = power->count;
    settings.port_bytes_per_us = power->port;
    int status = partition_plan_check(&settings, power->tiles->count, &able);
    if (status == PROTO_OK)
        status = plan_problem_open(power->pyramid, power->tiles, &settings, able, false, &problem);
    if (status == PROTO_OK) {
        for (int32_t j = 0; j < problem->workers; j++)
            power->speed[problem->worker[j]] = problem->speed[j];
        for (uint32_t i = 0; i < problem->items; i++)
            power->work += plan_problem_work(problem, i);
        power->least_us = problem->all_bytes / power->port;
    }
    plan_problem_close(problem);
    free(able);
    return status;
}

static void power_free(struct power *power)
{
    free(power->speed);
    free(power->tile_us);
    free(power->scaled);
    free(power->hull);
    free(power->list);
    free(power->workers);
    free(power->mode);
    free(power->alike);
}

static int power_init(struct power *power)
{
    const size_t n = (size_t)power->count, tiles = (size_t)power->tiles->count + 1;
    power->speed = calloc(n, sizeof *power->speed);
    power->tile_us = calloc(n * tiles, sizeof *power->tile_us);
    power->scaled = calloc(n * tiles, sizeof *power->scaled);
    power->hull = calloc(n * (PARTITION_POWER_MODES_MAX + 1), sizeof *power->hull);
    power->list = calloc(n * (PARTITION_POWER_MODES_MAX + 2), sizeof *power->list);
    power->workers = calloc(n, sizeof *power->workers);
    power->mode = calloc(n, sizeof *power->mode);
    power->alike = calloc(n, sizeof *power->alike);
    if (!power->speed || !power->tile_us || !power->scaled || !power->hull || !power->list ||
        !power->workers || !power->mode || !power->alike)
        return PROTO_NO_MEMORY;
    for (int32_t b = 0; b < power->count; b++) {
        power->alike[b] = -1;
        for (int32_t a = 0; a < b; a++)
            if (power->boards[a].speed == power->boards[b].speed &&
                power->boards[a].modes == power->boards[b].modes &&
                power->boards[a].mode_count == power->boards[b].mode_count)
                power->alike[b] = a;
        power->best->mode[b] = -1;
    }
    const int status = compare_boards(power);
    for (int32_t b = 0; status == PROTO_OK && b < power->count; b++)
        if (power->speed[b] > 0)
            add_hull(power, b);
    return status;
}

int partition_power_choose(const struct partition_pyramid *pyramid,
                           const struct partition_tiles *tiles,
                           const struct partition_power_board *boards, int32_t board_count,
                           double port_bytes_per_us, double budget_w,
                           struct partition_power_choice *choice)
{
    struct power power = {
        .pyramid = pyramid,
        .tiles = tiles,
        .boards = boards,
        .count = board_count,
        .port = port_bytes_per_us,
        .budget_w = budget_w,
        .best = choice,
    };
    int status = check(boards, board_count, budget_w);
    if (status == PROTO_OK && tiles->count == 0) {
        proto_log_error(AREA, "no tiles to search: a frame costs nothing");
        status = PROTO_INVALID;
    }
    if (status != PROTO_OK)
        return status;
    *choice = (struct partition_power_choice){.mode = choice->mode, .exact = true};
    status = power_init(&power);
    if (status == PROTO_OK) {
        branch(&power, 0);
        status = power.status;
    }
    choice->bound_fps = fmax(choice->fps, power.open_fps);
    power_free(&power);
    if (status == PROTO_OK && !(choice->fps > 0)) {
        proto_log_error(AREA, "no boards within %g W can search a frame", budget_w);
        status = PROTO_INVALID;
    }
    return status;
}
