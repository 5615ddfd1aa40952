/* The core with workers moved by hand: a test says who is sent what, who answers, beats, is silent, and
 * how time passes. Scores do not matter here, so answers have no survivors; sim.c is for those.
 */
#ifndef TESTS_COORDINATOR_PUPPET_H
#define TESTS_COORDINATOR_PUPPET_H

#include "coordinator/core.h"
#include "partition/model.h"

enum { PUPPET_WORKERS = 6, PUPPET_SENDS = 512, PUPPET_REPORTS = 256, PUPPET_TILES = 256 };

/* A FRAME the core has sent. */
struct puppet_send {
    int worker;
    uint64_t seq, at_us;
    uint64_t gone_us; /* when it has left */
    bool gone;        /* the core knows */
    uint32_t plan, assignment, tile_count;
    uint32_t tiles[PUPPET_TILES];
    bool answered;
};

struct puppet_report {
    uint64_t seq, at_us;
    double coverage, predicted_ms, bound_ms, measured_ms;
    uint32_t missing_count, distance_count;
    struct coordinator_distances distances[8];
    bool cut, error;
    int32_t ranks[PUPPET_TILES]; /* who searched each tile */
};

struct puppet {
    struct partition_model model;
    struct proto_config_camera camera;
    struct coordinator_core_settings settings;
    struct coordinator_core *core;
    uint64_t now_us;
    uint64_t frames; /* given to the core so far */
    uint64_t free_slots;
    double us_per_byte[PUPPET_WORKERS]; /* of its link; FRAMEs leave one after the other */
    uint64_t link_us[PUPPET_WORKERS];   /* when the last one has left */
    uint64_t energy_uj[PUPPET_WORKERS]; /* in its beats; 0: no power data */
    struct proto_size size;             /* of the next frames */
    bool silent[PUPPET_WORKERS];        /* does not beat */
    enum proto_worker_state says[PUPPET_WORKERS]; /* in its beats */
    uint64_t beats;
    double macs_per_us[PUPPET_WORKERS], idle_w[PUPPET_WORKERS],
        busy_w[PUPPET_WORKERS];                           /* 0: not known beforehand */
    uint32_t plans[PUPPET_WORKERS], plan[PUPPET_WORKERS]; /* PLANs sent, the last one's number */
    int send_count, report_count;
    struct puppet_send sends[PUPPET_SENDS];
    struct puppet_report reports[PUPPET_REPORTS];
    uint32_t tile_count;
    bool done;
};

/* Defaults with so many workers, none of which has joined; the test may change p->settings, then
 * starts. */
struct puppet *puppet_new(int workers);
/* Opens the core; all workers say HELLO, answer the PLAN of the first frame, and the frame is out. */
void puppet_start(struct puppet *p);
void puppet_free(struct puppet *p);

void puppet_hello(struct puppet *p, int worker);
void puppet_ready(struct puppet *p, int worker);
/* Read one more frame; it must have a free slot. */
void puppet_frame(struct puppet *p);
/* Time passes; those who are not silent beat every 100 ms, and the core's timer is called when due. */
void puppet_wait(struct puppet *p, double ms);
/* The last FRAME sent to this worker for this frame; fails if there is none. */
struct puppet_send *puppet_sent(struct puppet *p, int worker, uint64_t seq);
/* How many FRAMEs it was sent of this frame. */
int puppet_count(const struct puppet *p, int worker, uint64_t seq);
/* Its worker answers that it searched all of it, having computed for `compute_ms`. */
void puppet_answer(struct puppet *p, struct puppet_send *send, double compute_ms);
void puppet_fail(struct puppet *p, struct puppet_send *send);
/* Everybody who is not silent answers everything, compute_ms after the FRAME was sent, in rounds, until so many
 * frames are reported. Frames are read as slots become free. */
void puppet_run(struct puppet *p, int reports, double compute_ms);
struct coordinator_run_events puppet_events(const struct puppet *p);
struct coordinator_run_worker puppet_worker(const struct puppet *p, int worker);

#endif
