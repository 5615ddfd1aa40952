/* One seed, one cluster with faults, one verdict: what tests/sim does thousands of times and
 * `muster simulate --faults` once, with a log.
 */
#ifndef COORDINATOR_SIM_TRIAL_H
#define COORDINATOR_SIM_TRIAL_H

#include "coordinator/sim/sim.h"

enum { SIM_TRIAL_BOARDS_MAX = 8, SIM_TRIAL_FAULTS_MAX = 12 };

struct sim_trial {
    uint64_t seed;
    struct sim_settings settings; /* points into this struct: don't copy it */
    struct sim_board_settings boards[SIM_TRIAL_BOARDS_MAX];
    struct sim_fault faults[SIM_TRIAL_FAULTS_MAX];
    bool speed; /* true: it must come back to full speed */
    struct sim_outcome outcome;
    double
        healthy_period_us; /* the same boards, those that are usable at the end, without faults; NAN: not run */
    char verdict[320]; /* "" when every rule held */
};

#define SIM_TRIAL_ALL UINT32_MAX
/* Draw everything from the seed, for frames of a small model. model is borrowed. kinds: bit k lets
 * faults of kind k happen. Pure: change what you like afterwards, then run. */
void sim_trial_draw(struct sim_trial *trial, const struct partition_model *model, uint64_t seed,
                    uint32_t kinds);
/* Faults for the boards of trial->settings, up to SIM_TRIAL_FAULTS_MAX that begin within [from_us, to_us]
 * and last up to long_us. Most clusters keep a board that nothing ever happens to. */
void sim_trial_draw_faults(struct sim_trial *trial, struct sim_random *random, uint32_t kinds,
                           uint64_t from_us, uint64_t to_us, uint64_t long_us);
/* Run it, and once more without faults to see whether it came back to full speed. Returns as sim_run. */
int sim_trial_run(struct sim_trial *trial);
/* The cluster and the list of faults, a line each. */
void sim_trial_print(const struct sim_trial *trial, FILE *out);

#endif
