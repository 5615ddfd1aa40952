/* The rules of every run, seen from outside the core:
 *
 *   1  each frame is reported exactly once, in order, and its slot is free only afterwards
 *   2  coverage and missing levels are those of the tiles whose answers the core was given
 *   3  detections are the merge of exactly these tiles' answers; with all of them: of a run without faults
 *   4  no tile is counted twice: the workers' parts add up to the tiles searched
 *   5  a frame is complete if a board was sound all the time
 *   6  a worker is sent only what it can take: FRAMEs of a PLAN it is READY for, whose bands hold what the
 *      tiles need, never after STOP, and never more at a time than is bounded
 *   7  only a worker that misbehaved is told to stop before the end
 *   8  the run ends: there is always an event or a deadline ahead, and time passes
 */
#ifndef COORDINATOR_SIM_CHECK_H
#define COORDINATOR_SIM_CHECK_H

#include "coordinator/core.h"
#include "coordinator/sim/plan.h"
#include "partition/merge.h"

struct sim;
struct sim_packet;

/* MAYBE: from a worker the core may refuse to believe, say because its clock ran backwards. */
enum sim_certainty { SIM_OPEN, SIM_MAYBE, SIM_ANSWERED };

/* What was answered for the frame in a slot. */
struct sim_answered {
    uint64_t seq;
    bool tainted;   /* the network changed an answer, unnoticed by the codec: 2 to 4 don't hold */
    uint8_t *tiles; /* enum sim_certainty, one per tile of the plan in use */
};

/* What the coordinator has heard from and said to a worker. */
struct sim_peer {
    bool joined, stopped;
    bool refused; /* told to stop before the end */
    bool wronged; /* ... and it had done nothing */
    uint64_t stopped_us;
    uint32_t life;  /* of the process whose HELLO was heard last, unspoiled */
    uint32_t ready; /* PLAN it answered last, as heard */
};

struct sim_check {
    struct sim_plan plan; /* the one in use, as PLAN messages said */
    struct partition_merge *merge;
    struct sim_answered *answered; /* one per slot */
    uint32_t tiles_cap;
    struct sim_peer *peers;
    uint64_t next_report;
    bool sound; /* some board has no fault at all */
};

int sim_check_open(struct sim *sim);
void sim_check_close(struct sim *sim);

void sim_check_frame_read(struct sim *sim, int slot);
void sim_check_plan(struct sim *sim, int worker, const struct proto_plan *plan);
void sim_check_frame(struct sim *sim, const struct coordinator_action *action);
void sim_check_stop(struct sim *sim, int worker);
/* Just before the core is given it. */
void sim_check_joined(struct sim *sim, int worker, const struct sim_packet *packet);
void sim_check_ready(struct sim *sim, int worker, const struct proto_ready *ready);
void sim_check_result(struct sim *sim, int worker, const struct proto_result *result,
                      const struct sim_packet *packet);
void sim_check_malformed(struct sim *sim, int worker, const struct sim_packet *packet);
void sim_check_report(struct sim *sim, int slot, const struct coordinator_frame_report *report);
void sim_check_release(struct sim *sim, int slot);
void sim_check_done(struct sim *sim);
/* The boards that are there and that the core had no reason to give up. */
void sim_check_usable(const struct sim *sim, bool *usable);

#endif
