/* Simulated workers around the core: a virtual clock, seeded delays and faults, and a scorer that
 * is a hash, so that a whole run takes a fraction of a millisecond and is the same twice.
 *
 * Everything the core says is checked on the way: who is sent what, the order of reports, coverage
 * against what was really answered, detections against one pass over whole levels without any tiles
 * or workers.
 */
#ifndef TESTS_COORDINATOR_SIM_H
#define TESTS_COORDINATOR_SIM_H

#include "coordinator/core.h"
#include "partition/model.h"

enum { SIM_WORKERS_MAX = 8, SIM_FRAMES_MAX = 24 };

struct sim_settings {
    uint64_t seed;
    int workers, frames, depth;
    struct partition_tile_settings tiles;
    uint64_t delay_us; /* answers take 1 .. this long */
    double p_broken;   /* a picture can't be read */
    double p_resize;   /* the next picture has another size */
    double p_error;    /* a worker answers with an error */
    double p_wrong;    /* a worker answers something impossible */
    double p_partial;  /* a worker leaves tiles out */
    double p_twice;    /* an answer comes twice */
    double p_lose;     /* a worker vanishes with an assignment */
    double p_return;   /* ... and is heard of again later */
    double p_hang;     /* a worker is silent for longer than is allowed, then answers after all */
    double p_absent;   /* a worker never joins */
    double p_unfit;    /* a worker can't work with a plan */
    bool other_model;  /* worker 1 has another model */
    int32_t strikes;   /* 0: never refuse */
};

struct sim_outcome {
    int frames, broken, complete, incomplete;
    uint64_t hash; /* of all reported detections, in order */
    uint64_t end_us;
    int32_t done_status;
    int rounds; /* SEND_FRAMEs beyond round 0 */
};

/* A model of two small nets over six levels; the same for every call. */
void sim_model(struct partition_model *model);
/* Run to DONE; fails the cmocka test when the core breaks a rule. */
struct sim_outcome sim_run(const struct partition_model *model,
                           const struct sim_settings *settings);

#endif
