/* Two thousand random clusters with random faults, each checked rule by rule
 * (coordinator/sim/check.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "coordinator/sim/trial.h"
#include "proto/status.h"
#include "tests/sim/small_model.h"

enum { SEEDS = 2000 };
/* Not yet: messages that are spoiled and never answered, a coordinator that stood still, a restart while FRAMEs are
 * on their way. */
#define KINDS                                                                                      \
    (SIM_TRIAL_ALL & ~(1u << SIM_FAULT_CORRUPT | 1u << SIM_FAULT_TRUNCATE |                        \
                       1u << SIM_FAULT_STALL | 1u << SIM_FAULT_CRASH))

static struct partition_model model;
static struct sim_trial trial;

static int setup(void **state)
{
    (void)state;
    return small_model_init(&model);
}

static void run(uint64_t seed)
{
    sim_trial_draw(&trial, &model, seed, KINDS);
    assert_int_equal(sim_trial_run(&trial), PROTO_OK);
    if (trial.verdict[0])
        fail_msg("seed %llu: %s (soak --seed %llu --log)", (unsigned long long)seed, trial.verdict,
                 (unsigned long long)seed);
}

static void every_rule_holds_whatever_goes_wrong(void **state)
{
    uint64_t rounds = 0, incomplete = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(seed);
        rounds += trial.outcome.rounds;
        incomplete += trial.outcome.incomplete;
    }
    assert_true(rounds > SEEDS); /* the faults did happen: tiles went to others, */
    assert_true(incomplete > 0); /* and there was not always anybody left */
}

static void same_seed_gives_the_same_run(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        run(seed);
        const struct sim_outcome first = trial.outcome;
        run(seed);
        assert_true(first.hash == trial.outcome.hash);
        assert_true(first.events == trial.outcome.events);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_holds_whatever_goes_wrong),
        cmocka_unit_test(same_seed_gives_the_same_run),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
