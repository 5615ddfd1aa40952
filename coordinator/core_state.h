/* What the files of the core share; nobody else includes this. */
#ifndef COORDINATOR_CORE_STATE_H
#define COORDINATOR_CORE_STATE_H

#include "coordinator/core.h"
#include "partition/camera.h"
#include "partition/merge.h"
#include "partition/model.h"
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

struct core_worker {
    enum worker_state state;
    bool plan_due, stop_due, stopped;
    int32_t stop_status;
    uint32_t plan; /* number of the last plan it was READY for */
    uint64_t heard_us;
    int32_t strikes;    /* failed RESULTs in a row */
    double macs_per_us; /* measured, smoothed; 0: not yet */
    uint64_t memory_bytes;
    char host[64], device[64], kernels[512];
};

/* A plan with a count of the frames that still need it. */
struct core_shares {
    struct partition_plan *plan;
    int32_t users;
};

/* Everything that follows from the size of the frames. */
struct core_geometry {
    uint32_t number; /* of the PLAN */
    struct partition_pyramid pyramid;
    struct partition_camera camera;                /* if there is one in the settings */
    struct partition_rows bands[PROTO_LEVELS_MAX]; /* of the ground plane, unless it is off */
    double macs_share;                             /* coordinator_core_macs_share */
    struct partition_tiles *tiles;
    struct core_shares *shares;     /* for the next frame; NULL when no worker is left */
    struct proto_plan_tile *wire;   /* the tile set as PLAN carries it */
    uint64_t frame_bytes_max;       /* of any FRAME, whichever tiles it names */
    struct proto_survivor *scratch; /* survivors of new tiles among repeated ones */
    uint32_t survivors_max;
    uint8_t *mark; /* one per tile; zero between uses */
};

enum assignment_state {
    ASSIGNMENT_NONE,
    ASSIGNMENT_DUE,      /* FRAME to be sent */
    ASSIGNMENT_OUT,      /* sent, RESULT awaited */
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
    bool *failed;   /* one per worker: it gets no more of this frame's tiles */
    uint8_t *tiles; /* enum tile_state, one per tile of the geometry */
    uint32_t done;
    struct partition_merge *merge;
    bool searched; /* it was handed to workers: tiles and merge count */
    uint64_t dispatched_us, gone_us, finished_us;
    const char *error;
    struct coordinator_frame_report report;
    int32_t missing[PROTO_LEVELS_MAX];
    struct coordinator_worker_report *parts; /* one per worker */
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
    int32_t running;
    bool ever_joined; /* some worker */
    bool ended, stops_said, done_said;
    int32_t status;                 /* of the whole run, for DONE */
    struct proto_plan plan_message; /* of the last action */
    struct proto_frame frame_message;
};

/* core.c */
void core_time_passes(struct coordinator_core *core, uint64_t now_us);
struct core_slot *core_slot_in_order(struct coordinator_core *core, int32_t i);
/* After any change: frames that can be finished, tiles that others must take, frames that can
 * start. */
void core_settle(struct coordinator_core *core);

/* core_worker.c */
bool core_worker_in_use(const struct core_worker *worker); /* joined, and not given up since */
/* Ask for READY, unless this worker has given it for this very PLAN. */
void core_worker_ask(struct coordinator_core *core, struct core_worker *worker);

/* core_geometry.c: pyramid, tiles, merges and plan for frames of one size. */
int core_geometry_open(struct coordinator_core *core, struct proto_size size);
void core_geometry_close(struct coordinator_core *core);
/* Share out all tiles anew among the workers that are ready. */
void core_geometry_replan(struct coordinator_core *core);
void core_geometry_plan_message(const struct coordinator_core *core, int worker,
                                struct proto_plan *plan);
/* Share out the tiles `ids` (NULL: all) among the workers that are able. busy_us: one per worker, in
 * MACs, or NULL. Returns as partition_plan_open. */
int core_plan_open(const struct core_geometry *g, const bool *able, const double *busy_us,
                   int32_t workers, const uint32_t *ids, uint32_t id_count,
                   struct partition_plan **out);
/* plan is taken, also on error (NULL is returned then). */
struct core_shares *core_shares_new(struct partition_plan *plan);
void core_shares_drop(struct core_shares *shares);

/* core_slot.c: one frame on its way. */
int core_slot_init(struct coordinator_core *core, struct core_slot *slot);
void core_slot_free(struct core_slot *slot);
/* Hand the frame to the workers. */
void core_slot_dispatch(struct coordinator_core *core, struct core_slot *slot);
/* The frame ends without having been searched. */
void core_slot_fail(struct coordinator_core *core, struct core_slot *slot, const char *error);
/* Take a RESULT. Returns PROTO_OK, PROTO_INVALID (its content is wrong) or the status it
 * carries. */
int core_slot_result(struct coordinator_core *core, struct core_slot *slot, int worker,
                     const struct proto_result *result);
/* The worker won't answer for this frame. */
void core_slot_worker_lost(struct core_slot *slot, int worker);
/* After any change: give tiles that nobody works on to others, see whether the frame is
 * finished. */
void core_slot_settle(struct coordinator_core *core, struct core_slot *slot);
/* Next FRAME to send, or false. */
bool core_slot_next(struct coordinator_core *core, int slot, struct coordinator_action *action);
void core_slot_report(struct coordinator_core *core, struct core_slot *slot);
void core_slot_release(struct core_slot *slot);

#endif
