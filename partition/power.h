/* Boards and power modes for the best frame rate under a budget in watts.
 *
 * A frame costs energy e = sum over boards (busy_w - idle_w) * compute time; a cluster at rate r uses
 * sum idle_w + r e watts. A choice of modes reaches r = min(1 / period, (budget - sum idle_w) / e): frames are
 * admitted more slowly where the budget and not the boards is the limit. Boards that are not chosen
 * are switched off (0 W).
 */
#ifndef PARTITION_POWER_H
#define PARTITION_POWER_H

#include "partition/plan.h"

struct partition_power_mode {
    const char *name;
    double idle_w, busy_w;
    double speed; /* relative to the board's partition_speed */
};

struct partition_power_board {
    const char *name;
    const struct partition_speed *speed; /* at speed 1 */
    int32_t mode_count;
    const struct partition_power_mode *modes;
};

enum { PARTITION_POWER_MODES_MAX = 16, PARTITION_POWER_BOARDS_MAX = 256 };

struct partition_power_choice {
    int32_t *mode;    /* one per board; -1: off. Caller's array */
    double watts;     /* at `fps` */
    double fps;       /* of the plan found for the chosen boards, throttled to the budget */
    double bound_fps; /* no choice under the budget can be faster */
    double period_us, latency_us; /* of that plan, unthrottled */
    double frame_j;               /* e: joules of one frame above idling */
    uint32_t plans;               /* choices for which a plan was made */
    bool exact;                   /* all choices were considered */
};

/* Branch and bound; exact for up to 8 boards with 4 modes (equal boards are interchangeable: same
 * `speed` and `modes`), beyond that the best found, with bound_fps stating how far off it may be.
 * Returns PROTO_OK, PROTO_INVALID (figures that make no sense, or a budget below the cheapest board:
 * logged with that figure), PROTO_NO_MEMORY. */
int partition_power_choose(const struct partition_pyramid *pyramid,
                           const struct partition_tiles *tiles,
                           const struct partition_power_board *boards, int32_t board_count,
                           double port_bytes_per_us, double budget_w,
                           struct partition_power_choice *choice);

#endif
