/* A whole cluster under a virtual clock: the real core, planner, merge and codec; modelled boards, a
 * modelled network, and faults. One list of settings always gives one run, to the last event.
 *
 *   boards    FIFO of FRAMEs, time per tile, beats, PLANs to make ready for: worker/rank.c as seen
 *             from outside (docs/simulation.md says where it differs)
 *   network   one port per host, a store-and-forward switch, bandwidth and latency per link, jitter;
 *             messages of two peers stay in order unless a fault says otherwise
 *   answers   a pure function of frame and tile
 *
 * Rules are checked on the way (coordinator/sim/check.h); a broken one ends the run and is told in
 * the outcome. Nothing but the log file is touched outside; log lines of the core go to `log`.
 */
#ifndef COORDINATOR_SIM_SIM_H
#define COORDINATOR_SIM_SIM_H

#include <stdio.h>

#include "coordinator/core.h"
#include "coordinator/sim/fault.h"
#include "partition/cost.h"

/* A board as it is modelled. */
struct sim_board_settings {
    const char *name;             /* of its kind: "nano" */
    struct partition_speed speed; /* computing, and its link: the same rate each way */
    double noise;                 /* a FRAME's time varies by this share, evenly, up and down; 0 */
    uint64_t open_us;             /* from start to HELLO */
    uint64_t prepare_us;          /* from PLAN to READY */
    uint64_t beat_us;             /* 100 ms */
    double idle_w, busy_w;        /* NAN: not known */
    bool known; /* the core is told its speed when it joins, as from a board's file */
};
void sim_board_defaults(struct sim_board_settings *board);

enum sim_answers {
    SIM_ANSWERS_NONE,   /* no survivors: what counts is time */
    SIM_ANSWERS_RANDOM, /* by seed; detections are compared */
};

struct sim_settings {
    struct coordinator_core_settings core; /* model, tiles, depth ...; workers is filled in */
    int32_t board_count;
    const struct sim_board_settings *boards; /* borrowed */
    double port_bytes_per_us;                /* of the coordinator's host; 125: 1 Gbit/s */
    double jitter_us;                        /* added to each message's latency: 0 .. this */
    struct proto_size frame;                 /* 640 x 480 */
    struct proto_size other_frame; /* {0, 0}; else frames change to it and back at times */
    uint64_t frames;               /* at least so many */
    double unreadable;             /* share of frames that can't be read; 0 */
    uint64_t capture_us;           /* reading one */
    double source_period_us;       /* 0: as fast as they are taken; else at most so often */
    enum sim_answers answers;      /* NONE */
    uint64_t seed;
    int32_t fault_count;
    const struct sim_fault *faults; /* borrowed */
    /* With faults: so long, and so many frames, after the last one full speed is expected, and measured over so many frames:
     * more are read until then. 0 frames: the run ends when `frames` are read. */
    uint64_t recovery_us, recovery_frames;
    uint64_t tail_frames;
    FILE *log; /* NULL; every event, a line each */
    bool loud; /* false; the core's own log lines go to stderr as ever, not to `log` */
    /* Called with each report; NULL. */
    void (*on_report)(void *arg, const struct coordinator_frame_report *report, uint64_t now_us);
    void *on_report_arg;
};
void sim_defaults(struct sim_settings *settings);

struct sim_outcome {
    uint64_t frames, complete, incomplete;
    uint64_t events, messages;
    uint64_t rounds;       /* FRAMEs beyond the plan's */
    uint64_t hash;         /* of everything that happened */
    uint64_t first_us;     /* first FRAME sent */
    uint64_t last_us;      /* last report */
    double joules;         /* of all boards, from first_us on; NAN: some board has no watts */
    double tail_period_us; /* of frames at the end; NAN: too few */
    int32_t done_status;
    bool ran_out; /* DONE came */
    uint32_t tile_count;
    struct proto_size frame;        /* of the last ones */
    char broken[256];               /* the rule that was broken, "" if all held */
    bool usable[PROTO_WORKERS_MAX]; /* boards that could work when the run ended */
};

/* Returns PROTO_OK also when a rule was broken, PROTO_NO_MEMORY or what coordinator_core_open says. */
int sim_run(const struct sim_settings *settings, struct sim_outcome *outcome);

#endif
