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
    double transfer_ms; /* on the way, both directions */
    double queue_ms;    /* received, waiting for the device */
    double compute_ms;
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
    const char *error; /* why nothing was searched, or NULL */
    double capture_ms; /* reading and decoding */
    double send_ms;    /* first send begun .. last send buffer free */
    double compute_ms; /* of the worker that took longest */
    double merge_ms;
    double latency_ms; /* reading begun .. merged */
    double done_ms; /* first FRAME of the run sent .. this report; the owner of the core fills it */
    uint32_t worker_count;
    const struct coordinator_worker_report *workers; /* by rank */
};

struct coordinator_run_worker {
    int32_t rank;
    const char *host;
    const char *device; /* "cpu,f32" */
    const char *kernels;
    uint64_t memory_bytes; /* resident set after preparing; 0: not known */
};

/* What is known of a run beside its frames. Strings may be NULL (null in the report). */
struct coordinator_run {
    const char *input;
    const char *model_name, *model_hash;
    const char *split;        /* "tile" */
    int32_t depth;            /* frames in flight */
    uint32_t tile_count;      /* of the last plan */
    const char *ground_plane; /* "on", "off", "measure" */
    double macs_share;        /* of the whole pyramid's MACs, within the ground plane's bands */
    double wall_ms;           /* first FRAME sent .. last frame reported */
    double
        coordinator_cpu_ms; /* CPU time of the coordinator's thread: bases, packing, sending, merging; all frames */
    double predicted_ms;   /* planned frame period; NAN: from MACs at the run's mean speed */
    double lower_bound_ms; /* no plan can beat it; NAN: from MACs likewise */
    int status;            /* PROTO_OK, or why the run ended early */
    uint32_t worker_count;
    const struct coordinator_run_worker *workers;
    uint32_t version_count;
    const struct coordinator_version {
        const char *name, *text; /* "mpich", "4.0.2" */
    } * versions;
};

#endif
