/* The coordinator's state machine: events in, actions out, no I/O.
 *
 * The owner (shell.c under libuv, or a test with a virtual clock) calls an event function for
 * whatever happened and then takes actions from coordinator_core_next until there is none. Every
 * event carries the time, in microseconds of any clock that does not run backwards; nothing here
 * reads a clock, blocks, or depends on anything but the events, so one list of events always gives
 * one list of actions. Memory is taken when a frame of another size comes, a worker is lost or the
 * plan changes, never per frame.
 *
 *   worker   absent -> joined -> preparing -> ready; from each of them: lost (and back), refused
 *            ready, but without work: late (an answer is overdue), starting (its device process is
 *            being started again), benched (it failed too often)
 *   frame    waiting -> running -> finished -> reported, in order of arrival
 *
 * docs/recovery.md has the rules and times of recovery as a user sees them.
 *
 * The core owns pyramid, tile set, plan and merges of the frame size in use. When a frame of
 * another size comes, those in flight are finished first, then all workers get another PLAN.
 */
#ifndef COORDINATOR_CORE_H
#define COORDINATOR_CORE_H

#include "coordinator/report.h"
#include "partition/plan.h"
#include "proto/message.h"

struct coordinator_core;

/* What the ground plane is used for, where there is a camera. Detections have distances in any case. */
enum coordinator_ground_plane {
    COORDINATOR_GROUND_OFF,
    COORDINATOR_GROUND_ON,      /* search only where standing persons can be */
    COORDINATOR_GROUND_MEASURE, /* search everything, count what ON would have lost */
};

struct coordinator_core_settings {
    const struct partition_model *model;  /* borrowed; geometry, thresholds and hash, no weights */
    struct partition_tile_settings tiles; /* partition_tile_defaults() */
    const struct proto_config_camera *camera;   /* borrowed; NULL: not known */
    enum coordinator_ground_plane ground_plane; /* OFF; the others need the camera */
    float threshold;                            /* of the score; NAN: the model's */
    int32_t workers;                            /* 1.. PROTO_WORKERS_MAX; worker i is rank i + 1 */
    int32_t reserve; /* -1: none; otherwise that worker gets work only while no other can */
    int32_t depth;   /* 2: frames in flight; with SPLIT_FRAME for each worker */
    int32_t slots; /* 2: frames held, at least as many as may be in flight; more only wait longer */

    /* Recovery. A worker is lost when it was silent for silence_us, or three times as long as it
     * lately was between two messages if that is more (at most silence_max_us). It is late when an
     * answer has taken late_factor times what was predicted and late_us longer than that. */
    uint64_t join_us;        /* 60 s: longest wait for a HELLO, and for a READY */
    uint64_t silence_us;     /* 0.5 s; 0: silence means nothing */
    uint64_t silence_max_us; /* 3 s */
    uint64_t
        starting_us; /* 3 s: silence of a worker that is not ready yet; its BEATs come while it prepares */
    double late_factor;   /* 3; 0: no worker is ever late */
    uint64_t late_us;     /* 0.2 s */
    uint64_t patience_us; /* 10 s: longest wait for a worker to come back while there is none */
    int32_t strikes;      /* 3: failed RESULTs in a row after which a worker rests for a while */
    uint64_t bench_us;    /* 1 s: how long; twice as long each further time, at most 64 times */
    uint64_t deadline_us; /* 0: none; from begin_us to the report, finished or not */

    /* Sharing out */
    enum partition_split split; /* TILE */
    double port_bytes_per_us;   /* INFINITY: the coordinator's link has no limit */
    double period_slack;        /* 0: the period may be this share longer for a shorter latency */
    double replan_gain;         /* 0.05: of the period, for another plan to be worth it */
    int32_t replan_frames;      /* 16: at most once every so many frames; 0: never for speed */
    double budget_w;            /* NAN: none; watts of all workers together, over any second */
};
void coordinator_core_defaults(struct coordinator_core_settings *settings);

int coordinator_core_open(const struct coordinator_core_settings *settings, uint64_t now_us,
                          struct coordinator_core **out);
void coordinator_core_close(struct coordinator_core *core); /* NULL is fine */

/* A picture that was read, or could not be. Strings are borrowed until the slot's RELEASE. */
struct coordinator_core_frame {
    uint64_t seq; /* rises by any amount from frame to frame */
    const char *source;
    int64_t stamp_ns; /* capture time, for the report */
    /* When reading it began, on the events' clock: latency counts from here, or from when the
     * workers were ready for frames of its size. */
    uint64_t begin_us;
    uint64_t capture_us; /* reading, decoding, octave bases */
    struct proto_size size;
    const char *error; /* why there is no picture; NULL if there is one */
};

/* Events. Messages are as decoded, that is checked for form only: what they say is checked here.
 * A slot (0 .. slots - 1) holds a frame from coordinator_core_frame until its RELEASE.
 * A BEAT's state counts: work goes only to workers that say PROTO_WORKER_READY. */
void coordinator_core_joined(struct coordinator_core *core, int worker,
                             const struct proto_hello *hello, uint64_t now_us);
void coordinator_core_ready(struct coordinator_core *core, int worker,
                            const struct proto_ready *ready, uint64_t now_us);
void coordinator_core_result(struct coordinator_core *core, int worker,
                             const struct proto_result *result, uint64_t now_us);
void coordinator_core_beat(struct coordinator_core *core, int worker, const struct proto_beat *beat,
                           uint64_t now_us);
/* What is known of a worker before it has answered, from a profile or a board's file; just before its
 * HELLO. Without it workers count equal until their answers taught better. The shapes are borrowed. */
void coordinator_core_know(struct coordinator_core *core, int worker,
                           const struct partition_speed *speed);
/* Likewise its watts, for the budget. */
void coordinator_core_know_watts(struct coordinator_core *core, int worker, double idle_w,
                                 double busy_w);
/* A FRAME has left (the link's SENT); only timing hangs on it. */
void coordinator_core_sent(struct coordinator_core *core, int worker, uint64_t seq,
                           uint32_t assignment, uint64_t now_us);
void coordinator_core_lost(struct coordinator_core *core, int worker, const char *why,
                           uint64_t now_us);
void coordinator_core_frame(struct coordinator_core *core, int slot,
                            const struct coordinator_core_frame *frame, uint64_t now_us);
/* No more frames; those held are finished. */
void coordinator_core_end(struct coordinator_core *core, uint64_t now_us);
/* Stop now: frames held are not reported. */
void coordinator_core_abort(struct coordinator_core *core, uint64_t now_us);
/* Time has passed: call it at coordinator_core_deadline_us, later is fine, earlier harmless. When it
 * comes much later (the coordinator was stopped, or the machine slept) what the workers said meanwhile
 * still lies in the link: the core then gives them a moment more. */
void coordinator_core_timer(struct coordinator_core *core, uint64_t now_us);
uint64_t coordinator_core_deadline_us(const struct coordinator_core *core); /* UINT64_MAX: none */

enum coordinator_action_kind {
    COORDINATOR_SEND_PLAN,  /* worker, plan */
    COORDINATOR_SEND_FRAME, /* worker, slot, frame: header to encode, bands to pack behind it */
    COORDINATOR_REPORT,     /* slot, report */
    COORDINATOR_RELEASE,    /* slot: free for the next frame */
    COORDINATOR_SEND_STOP,  /* worker, status */
    COORDINATOR_DONE,       /* comes once, last; status: why no frame could be searched */
};

/* Pointers are valid until the next call of coordinator_core_next or of an event. */
struct coordinator_action {
    enum coordinator_action_kind kind;
    int worker, slot;
    int32_t status;
    const struct proto_plan *plan;
    const struct proto_frame *frame;
    const struct coordinator_frame_report *report; /* merge_ms is left to the owner's clock */
};
/* Take the next action; false when there is nothing to do until the next event. */
bool coordinator_core_next(struct coordinator_core *core, struct coordinator_action *action);

/* Frames that may be in flight at once, and so the least number of slots. */
int32_t coordinator_core_in_flight_max(const struct coordinator_core_settings *settings);
/* What the run's report says of recovery and planning. */
void coordinator_core_events(const struct coordinator_core *core,
                             struct coordinator_run_events *out);
/* What is known of a worker, for the run's report. Strings are empty before its HELLO; valid until
 * close. */
void coordinator_core_worker(const struct coordinator_core *core, int worker,
                             struct coordinator_run_worker *out);
/* Tiles of the last plan; 0 before it. */
uint32_t coordinator_core_tiles(const struct coordinator_core *core);
/* What searching only the ground plane's bands costs, as a share of the whole pyramid's MACs; 1 with
 * COORDINATOR_GROUND_OFF, NAN before the first plan. */
double coordinator_core_macs_share(const struct coordinator_core *core);

#endif
