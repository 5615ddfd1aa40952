/* What is said about one frame and about a whole run: plain structs that the core fills and the
 * sinks (coordinator/sink.h) read. Times are milliseconds; NAN means "not known" and is written as
 * null, never as zero.
 */
#ifndef COORDINATOR_REPORT_H
#define COORDINATOR_REPORT_H

#include <stdint.h>

#include "proto/types.h"

/* One worker's part of one frame. Workers' clocks are never compared with ours:
 * transfer = (RESULT complete - send begun, our clock) - (finished - received, the worker's clock). */
struct coordinator_worker_report {
    int32_t rank;
    uint32_t tiles;     /* searched by it and used */
    uint64_t macs;      /* of these tiles */
    uint64_t bytes;     /* sent to it */
    double send_ms;     /* until the send buffer was free again */
    double link_ms;     /* of that, without waiting for the frame before it */
    double transfer_ms; /* on the way, both directions */
    double queue_ms;    /* received, waiting for the device */
    double compute_ms;
    /* Of its last assignment of this frame, coordinator's clock; 0: none. All of the travel is
     * taken for the way in, so the inner three are late by what the answer took. */
    uint64_t sent_us, received_us, started_us, finished_us, answered_us;
};

/* One tile of one frame. */
struct coordinator_tile_report {
    uint32_t tile; /* index in the tile set */
    int32_t level;
    int32_t rank;      /* who searched it; 0: nobody */
    uint32_t us;       /* took so long */
    uint64_t begin_us; /* coordinator's clock, as the worker's times above */
};

/* A range of distances along the floor. */
struct coordinator_distances {
    double near_m, far_m;
};

/* One frame, told once and in input order. Everything pointed to is borrowed for the call. */
struct coordinator_frame_report {
    uint64_t seq;       /* from 0 */
    const char *source; /* file name, relative to the input */
    int64_t stamp_ns;   /* capture time, CLOCK_REALTIME */
    struct proto_size size;
    uint32_t detection_count;
    const struct proto_detection *detections; /* best score first */
    uint32_t outside;       /* of them, those the ground plane would lose (measured only) */
    double coverage;        /* share of the tile set that was searched: 0..1 */
    uint32_t missing_count; /* levels with a tile that was not searched, ascending */
    const int32_t *missing;
    /* With a camera: where persons of these levels stand, ascending and disjoint. */
    uint32_t missing_distance_count;
    const struct coordinator_distances *missing_distances;
    const char *error; /* why nothing, or not everything, was searched; NULL */
    bool broken;       /* it could not be read */
    bool cut;          /* its deadline came before the last answer */
    double capture_ms; /* reading and decoding */
    double send_ms;    /* first send begun .. last send buffer free */
    double compute_ms; /* of the worker that took longest */
    double merge_ms;
    double latency_ms; /* reading begun .. merged */
    double
        predicted_ms; /* period of the plan it was handed out by; NAN: nothing was measured yet */
    double bound_ms;  /* no plan could have a shorter one; NAN likewise */
    double
        measured_ms; /* what became of predicted_ms: the slowest worker, or the port if that is limited */
    double throttled_ms; /* it waited so long for the power budget */
    double
        watts; /* of all workers, as last heard; NAN: not known. The owner of the core fills it */
    /* Coordinator's clock: reading begun, handed out, last FRAME gone, finished. */
    uint64_t begin_us, dispatched_us, gone_us, finished_us;
    double done_ms; /* first FRAME of the run sent .. this report; the owner of the core fills it */
    uint32_t worker_count;
    const struct coordinator_worker_report *workers; /* by rank */
    uint32_t tile_count;                             /* of the tile set */
    const struct coordinator_tile_report *tiles;
};

/* What a worker drew during the run (coordinator/power.h). */
struct coordinator_worker_power {
    const char *rail; /* "ina3221 VDD_IN"; NULL: no power data */
    bool own;         /* the worker's alone; else its host's, which others there may read too */
    bool modelled;    /* not measured: a board's profile */
    double watts;     /* mean over the time with data; NAN: no data */
    double joules;    /* these watts over the run's time */
    double coverage;  /* share of the run's time with data */
    double rate_hz;   /* of sampling */
    uint64_t samples;
};

struct coordinator_run_worker {
    int32_t rank;
    const char *host;
    const char *device; /* "cpu,f32" */
    const char *kernels;
    uint64_t memory_bytes; /* resident set after preparing; 0: not known */
    bool reserve;          /* it works only while no other can */
    uint64_t late, lost,
        returned;              /* how often an answer was overdue, it was given up, it came back */
    double lost_s, returned_s; /* last time, seconds since the run began; NAN: never */
    const char *why;           /* it was last given up; "" */
    double ms_per_frame;       /* learnt: all tiles on it alone; NAN: not measured */
    struct coordinator_worker_power power;
};

/* All workers that came, a host's rail counted once. */
struct coordinator_run_power {
    double watts, joules; /* NAN: some worker has no data */
    double coverage;      /* of the worker with the least */
    uint32_t with, without,
        modelled; /* workers: with data, without, of the first those not measured */
};

/* What recovery and planning did. */
struct coordinator_run_events {
    uint64_t late, lost, returned; /* sums over the workers */
    uint64_t reassigned;           /* tiles given to another worker */
    uint64_t duplicates; /* answers ignored: another's had come first, or the frame was over */
    uint64_t replans;    /* plans after the first of a frame size */
    uint64_t cut;        /* frames reported at their deadline before the last answer */
};

/* What is known of a run beside its frames. Strings may be NULL (null in the report). */
struct coordinator_run {
    const char *input;
    const char *model_name, *model_hash;
    const char *split;        /* "tile" */
    int32_t depth;            /* frames in flight */
    double budget_w;          /* NAN: none */
    uint32_t tile_count;      /* of the last plan */
    const char *ground_plane; /* "on", "off", "measure" */
    double macs_share;        /* of the whole pyramid's MACs, within the ground plane's bands */
    double wall_ms;           /* first FRAME sent .. last frame reported */
    double
        coordinator_cpu_ms; /* CPU time of the coordinator's thread: bases, packing, sending, merging; all frames */
    double predicted_ms;   /* planned frame period; NAN: the mean of what the frames say */
    double lower_bound_ms; /* no plan can beat it; NAN: likewise */
    int status;            /* PROTO_OK, or why the run ended early */
    struct coordinator_run_events events;
    struct coordinator_run_power power;
    uint32_t worker_count;
    const struct coordinator_run_worker *workers;
    uint32_t version_count;
    const struct coordinator_version {
        const char *name, *text; /* "mpich", "4.0.2" */
    } * versions;
};

#endif
