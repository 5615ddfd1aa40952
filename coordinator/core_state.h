/* What the files of the core share; nobody else includes this. */
#ifndef COORDINATOR_CORE_STATE_H
#define COORDINATOR_CORE_STATE_H

#include "coordinator/core.h"
#include "partition/camera.h"
#include "partition/merge.h"
#include "partition/model.h"
#include "partition/bound.h"
#include "partition/plan.h"
#include "proto/status.h"

enum worker_state {
    WORKER_ABSENT,    /* no HELLO yet */
    WORKER_JOINED,    /* HELLO came; no PLAN to answer */
    WORKER_PREPARING, /* PLAN due or sent, READY awaited */
    WORKER_READY,
    WORKER_UNFIT,   /* can't work with this PLAN; the next one is another chance */
    WORKER_LOST,    /* silent, or its link broke; back as soon as it is heard of */
    WORKER_REFUSED, /* other model, or it failed too often */
};

/* An assignment a worker was sent and has not answered. */
struct core_hand {
    uint64_t seq, sent_us;
    uint32_t assignment;
    double
        predicted_us; /* computing alone; NAN: nothing was measured yet, or a shape is new to it */
    bool overtaken;   /* a later one was answered: this answer may never come */
};

struct core_slot;

struct core_worker {
    enum worker_state state;
    bool plan_due, stop_due, stopped;
    int32_t stop_status;
    uint32_t plan; /* number of the last plan it was READY for */
    char host[64], device[64], kernels[512];
    uint64_t memory_bytes;

    /* Ready, but no work for it (core_worker_able). */
    bool late;               /* an answer is overdue; its tiles are with the others */
    bool starting;           /* its device process is being started again: so said its BEAT */
    uint64_t bench_until_us; /* it failed too often; 0: not benched */
    bool mute;               /* LOST although it beats: its answers are missed, not its beats */

    /* core_watch.c: when it was heard of, what it has in hand, when that is due */
    uint64_t heard_us;
    uint64_t gap_us;      /* longest between two messages lately; it decays */
    uint32_t heard_count; /* since its HELLO */
    uint64_t beat_count;
    struct core_hand *hand; /* in order of sending; core->hand_max of them */
    int32_t hand_count;
    uint64_t base_us;                /* since when the first of them is being computed */
    double travel_us, travel_dev_us; /* what an answer takes beside computing (RFC 6298) */
    uint32_t answers;                /* learnt from */
    int32_t strikes;                 /* failed RESULTs in a row */
    int32_t benches;                 /* in a row */

    /* core_cost.c */
    uint32_t timed;    /* answers with times; the first one is not learnt from */
    uint64_t used_at;  /* frames handed out when a plan last had a share for it */
    uint32_t left_out; /* times in a row that it was tried anew and left out again */
    bool known;        /* `speed` is from a profile or a board's file */
    struct partition_speed speed;
    struct partition_cost_learner factor;   /* measured / by its MACs */
    struct partition_cost_learner frame_us; /* the fixed part of a frame */
    struct partition_cost_learner link;     /* us a byte sent to it takes */
    uint64_t gone_us;                       /* when its last FRAME had left */

    /* core_power.c */
    double idle_w, busy_w; /* busy_w 0: not known */
    uint64_t energy_uj;    /* reported by its last BEAT */
    bool own_rail;         /* it is this worker's alone, not its host's */
    bool unfed;            /* gets no work, to keep to the budget */

    /* for the run's report */
    uint64_t late_count, lost_count, back_count, lost_us, back_us;
    char why[96];
};

/* A plan with a count of the frames that still need it. */
struct core_shares {
    struct partition_plan *plan;
    int32_t users;
    double period_us; /* by the costs known at the last look; NAN: not known */
    double bound; /* T* as a share of the period, both by the costs it was made for; NAN likewise */
    double own_us; /* SPLIT_FRAME: this worker's time for a frame; period_us is the rotation's */
    bool bound_due;
    bool partial; /* not all tiles: there is no time for more before the deadline */
};

/* Everything that follows from the size of the frames. */
struct core_geometry {
    uint32_t number; /* of the PLAN */
    struct partition_pyramid pyramid;
    struct partition_camera camera;                /* if there is one in the settings */
    struct partition_rows bands[PROTO_LEVELS_MAX]; /* of the ground plane, unless it is off */
    double macs_share;                             /* coordinator_core_macs_share */
    struct partition_tiles *tiles;
    struct core_shares *shares; /* for the next frame; NULL when no worker is left */
    struct core_shares *brief;  /* the last partial one, of brief_count tiles */
    uint32_t brief_count;
    struct core_shares **whole; /* SPLIT_FRAME: one per worker, made when first needed */
    bool planned;               /* there was one before */
    bool replan_due;            /* workers came or went since `shares` was made */
    struct coordinator_distances reach[PROTO_LEVELS_MAX]; /* where persons of a level stand */
    /* Shapes: tiles of equal net and input take equal time. */
    uint32_t shape_count;
    struct partition_shape_cost *shapes;   /* sorted; us not used */
    uint32_t *shape_of;                    /* one per tile */
    struct partition_cost_learner *learnt; /* workers x shapes: us */
    uint8_t *prepared;                     /* workers x shapes: it has computed such a tile */
    double *shape_us;                      /* scratch, one per shape */
    double *base_us;                       /* workers x tiles: as known, otherwise the MACs */
    double *tile_us;                       /* workers x tiles: costs now */
    struct partition_plan_worker *costs;   /* one per worker, on tile_us */
    struct proto_plan_tile *wire;          /* the tile set as PLAN carries it */
    uint64_t frame_bytes_max;              /* of any FRAME, whichever tiles it names */
    struct proto_survivor *scratch;        /* survivors of new tiles among repeated ones */
    uint32_t survivors_max;
    uint8_t *mark;     /* one per tile; zero between uses */
    uint32_t *orphans; /* scratch, one per tile */
    uint32_t *all;     /* ids of all tiles */
};

enum assignment_state {
    ASSIGNMENT_NONE,
    ASSIGNMENT_DUE,      /* FRAME to be sent */
    ASSIGNMENT_OUT,      /* sent, RESULT awaited */
    ASSIGNMENT_LATE,     /* sent; its tiles may go to others, but the RESULT is still welcome */
    ASSIGNMENT_ANSWERED, /* RESULT came */
    ASSIGNMENT_LOST,     /* its worker is gone */
};

struct core_assignment {
    enum assignment_state state;
    uint64_t sent_us;
};

/* One sharing-out of (some of) a frame's tiles. Its index in the slot is the wire's
 * `assignment`. */
struct core_round {
    struct core_shares *shares;
    struct core_assignment *of; /* one per worker */
    struct core_round *next;
};

enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_RUNNING, SLOT_FINISHED, SLOT_REPORTED };
enum tile_state { TILE_OPEN, TILE_DONE, TILE_GIVEN_UP };

struct core_slot {
    enum slot_state state;
    struct coordinator_core_frame in;
    struct core_round first; /* the plan's; more rounds only when tiles had to be given to others */
    uint32_t rounds;
    uint8_t *tries; /* one per worker: how often it failed on this frame */
    uint8_t *tiles; /* enum tile_state, one per tile of the geometry */
    uint32_t done;
    struct partition_merge *merge;
    bool searched;                   /* it was handed to workers: tiles and merge count */
    bool cut;                        /* its deadline came first */
    uint64_t orphaned_us;            /* since when some tiles are with nobody who could answer; 0 */
    uint64_t held_us, held_until_us; /* since when it waits for the power budget only; 0 */
    uint64_t dispatched_us, gone_us, finished_us;
    const char *error;
    struct coordinator_frame_report report;
    int32_t missing[PROTO_LEVELS_MAX];
    struct coordinator_distances distances[PROTO_LEVELS_MAX];
    struct coordinator_tile_report *tile_reports; /* one per tile of the geometry */
    struct coordinator_worker_report *parts;      /* one per worker */
};

/* The budget's state. */
struct core_power {
    double spacing_us;  /* between two frames */
    uint64_t last_us;   /* when one was last handed out; 0: never */
    uint64_t window_us; /* since when energy is summed up */
    uint64_t window_uj, window_frames;
    bool said;
};

struct coordinator_core {
    struct coordinator_core_settings settings;
    uint64_t now_us, start_us;
    struct core_worker *workers;
    bool kernels_warned;
    struct core_geometry *geometry;
    uint32_t plans;         /* made so far */
    bool assembling;        /* a new geometry's READYs are awaited */
    uint64_t assembling_us; /* since when */
    struct core_slot *slots;
    int32_t *order; /* ring: slots in order of arrival */
    int32_t order_first, order_count;
    int32_t running, in_flight_max, hand_max;
    uint64_t moved_us; /* when limits were last moved because the coordinator itself was away */
    uint64_t alone_us; /* since when no worker can work; 0: some can */
    uint64_t handed_out, reviewed,
        review_after; /* frames; at `reviewed` the plan was last checked */
    struct core_power power;
    bool *able;                          /* one per worker, scratch */
    struct partition_plan_worker *costs; /* likewise */
    struct coordinator_run_events events;
    bool ever_joined; /* some worker */
    bool ended, stops_said, done_said;
    int32_t status;                 /* of the whole run, for DONE */
    struct proto_plan plan_message; /* of the last action */
    struct proto_frame frame_message;
};

/* core.c */
void core_time_passes(struct coordinator_core *core, uint64_t now_us);
struct core_slot *core_slot_in_order(const struct coordinator_core *core, int32_t i);
/* After any change: frames that can be finished, tiles that others must take, frames that can
 * start. */
void core_settle(struct coordinator_core *core);

/* core_worker.c */
bool core_worker_in_use(const struct core_worker *worker); /* joined, and not given up since */
/* May be given work: ready, and in no trouble but perhaps late. */
bool core_worker_able(const struct core_worker *worker);
/* Ask for READY, unless this worker has given it for this very PLAN. */
void core_worker_ask(struct coordinator_core *core, struct core_worker *worker);
/* An answer is overdue: no more work, and what it has in hand goes to others too. */
void core_worker_suspect(struct coordinator_core *core, int w, const struct core_hand *hand);
/* Its open tiles, or those of one assignment, may go to others; answers are still welcome. */
void core_worker_withdraw(struct coordinator_core *core, int w, const struct core_hand *only);
/* How long to wait for a worker while none can work: 0 when nobody can come any more. */
uint64_t core_worker_hope_us(const struct coordinator_core *core);
void core_worker_give_up(struct coordinator_core *core, int w, bool mute, const char *why);

/* core_watch.c: silence and overdue answers. */
void core_watch_heard(struct coordinator_core *core, int w);
void core_watch_sent(struct coordinator_core *core, int w, uint64_t seq, uint32_t assignment,
                     double predicted_us);
/* Strike an answer off the list. Returns false if it is not on it (any more). */
bool core_watch_answered(struct coordinator_core *core, int w, const struct proto_result *result);
/* It knows nothing any more of what it was sent. */
void core_watch_forget(struct core_worker *worker);
uint64_t core_watch_due_us(const struct coordinator_core *core, int w); /* UINT64_MAX: never */
/* Act on what is due. */
void core_watch_check(struct coordinator_core *core, int w);
/* The coordinator itself was away for so long: limits move. */
void core_watch_move(struct coordinator_core *core, uint64_t by_us);
/* Work in hand that is not done yet, us. */
double core_watch_busy_us(const struct coordinator_core *core, int w);

/* core_geometry.c: pyramid, tiles, merges and the PLAN message for frames of one size. */
int core_geometry_open(struct coordinator_core *core, struct proto_size size);
void core_geometry_close(struct coordinator_core *core);
void core_geometry_plan_message(struct coordinator_core *core, int worker, struct proto_plan *plan);

/* core_cost.c: what is known of speeds. */
int core_cost_open(struct coordinator_core *core, struct core_geometry *g);
void core_cost_close(struct core_geometry *g);
/* So many bytes have left for it, begun at begun_us. Returns how long that took on its link alone. */
uint64_t core_cost_sent(struct coordinator_core *core, int w, uint64_t bytes, uint64_t begun_us,
                        uint64_t now_us);
/* What was learnt of its speed is old. */
void core_cost_forget(struct coordinator_core *core, int w);
/* Enough was measured of all these workers to judge a plan. */
bool core_cost_settled(const struct coordinator_core *core, const struct partition_plan *plan);
/* Bring g->costs up to date with what was learnt. */
void core_cost_refresh(struct coordinator_core *core);
void core_cost_learn(struct coordinator_core *core, int w, const struct proto_result *result);
/* Its times are times, not only relative. */
bool core_cost_absolute(const struct core_worker *worker);
/* Computing these tiles; NAN: not known, or it has to prepare for one of them first. */
double core_cost_share_us(const struct coordinator_core *core, int w,
                          const struct partition_share *share);
/* It is ready for the shapes of these tiles; NULL: of none any more. */
void core_cost_prepared(struct coordinator_core *core, int w, const uint32_t *tiles,
                        uint32_t count);

/* core_plan.c: who computes what. */
/* Share out all tiles anew among the workers that can work. */
void core_plan_renew(struct coordinator_core *core);
/* Share out the tiles `ids` (NULL: all) among the workers that are able, by predicted finish if `busy`.
 * NULL: nobody, or no memory. */
struct core_shares *core_plan_share(struct coordinator_core *core, const bool *able, bool busy,
                                    const uint32_t *ids, uint32_t count);
/* May the next frame be handed out? *shares: by which plan, a reference of the caller's; NULL: there
 * is nobody, nor will be. The plan is made anew if workers came or went, or if enough would be gained. */
bool core_plan_next(struct coordinator_core *core, const struct core_slot *slot,
                    struct core_shares **shares);
void core_shares_drop(struct core_shares *shares);
/* Something that takes long and that nothing waits for: a lower bound. */
void core_plan_idle(struct coordinator_core *core);

/* core_power.c */
void core_power_beat(struct coordinator_core *core, int w, const struct proto_beat *beat);
/* When the next frame may be handed out by this plan, to keep to the budget. */
uint64_t core_power_next_us(struct coordinator_core *core, const struct core_shares *shares);

/* core_round.c: the sharing-out of one frame. */
void core_rounds_begin(struct coordinator_core *core, struct core_slot *slot,
                       struct core_shares *shares); /* takes the reference */
void core_rounds_drop(struct core_slot *slot);
struct core_round *core_round_at(struct core_slot *slot, uint32_t index);
bool core_round_pending(const struct core_assignment *assignment);
/* Tiles that nobody works on go to others, or are given up. Returns whether a RESULT is still
 * awaited, or a worker. */
bool core_rounds_settle(struct coordinator_core *core, struct core_slot *slot);
/* When tiles that wait for a worker are given up; UINT64_MAX: none do. */
uint64_t core_round_due_us(const struct coordinator_core *core, const struct core_slot *slot);

/* core_slot.c: one frame on its way. */
int core_slot_init(struct coordinator_core *core, struct core_slot *slot);
void core_slot_free(struct core_slot *slot);
/* Hand the frame to the workers. */
void core_slot_dispatch(struct coordinator_core *core, struct core_slot *slot,
                        struct core_shares *shares); /* takes the reference */
uint64_t core_slot_deadline_us(const struct coordinator_core *core, const struct core_slot *slot);
/* The frame ends without having been searched. */
void core_slot_fail(struct coordinator_core *core, struct core_slot *slot, const char *error);
/* The same, when it is its deadline that came before any worker had time for it. */
void core_slot_cut(struct coordinator_core *core, struct core_slot *slot);
/* Take a RESULT. Returns PROTO_OK, PROTO_INVALID (its content is wrong) or the status it
 * carries. */
int core_slot_result(struct coordinator_core *core, struct core_slot *slot, int worker,
                     const struct proto_result *result);
/* The worker won't answer for this frame (LOST), or not soon (LATE). */
void core_slot_withdraw(struct core_slot *slot, int worker, const struct core_hand *only,
                        enum assignment_state state);
/* After any change: give tiles that nobody works on to others, see whether the frame is
 * finished. */
void core_slot_settle(struct coordinator_core *core, struct core_slot *slot);
/* UINT64_MAX: nothing is due. */
uint64_t core_slot_due_us(const struct coordinator_core *core, const struct core_slot *slot);
/* Next FRAME to send, or false. */
bool core_slot_next(struct coordinator_core *core, int slot, struct coordinator_action *action);
void core_slot_release(struct core_slot *slot);

/* core_report.c */
void core_slot_report(struct coordinator_core *core, struct core_slot *slot);

#endif
