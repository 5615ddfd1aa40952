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
#include "tests/sanitized.h"
#include "tests/sim/small_model.h"

enum { SEEDS = 2000 / TESTS_SHARE };
/* For fewer seeds than it should be: faults after which the core does not always come back to full speed: a worker that was slow is not tried
 * again. */
#define SLOWING                                                                                    \
    (1u << SIM_FAULT_CORRUPT | 1u << SIM_FAULT_TRUNCATE | 1u << SIM_FAULT_SLOW |                   \
     1u << SIM_FAULT_STUCK | 1u << SIM_FAULT_CLOCK)

static struct partition_model model;
static struct sim_trial trial;

static int setup(void **state)
{
    (void)state;
    return small_model_init(&model);
}

static void run(uint64_t seed, uint32_t kinds, bool speed)
{
    sim_trial_draw(&trial, &model, seed, kinds);
    trial.speed = speed;
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
        run(seed, SIM_TRIAL_ALL, false);
        rounds += trial.outcome.rounds;
        incomplete += trial.outcome.incomplete;
    }
    assert_true(rounds > SEEDS); /* the faults did happen: tiles went to others, */
    assert_true(incomplete > 0); /* and there was not always anybody left */
}

static void seeds_that_once_broke_a_rule_stay_mended(void **state)
{
    /* A FRAME lost and overtaken twice; a RESULT of no plan; a device that says for ever that it is starting. */
    static const uint64_t seeds[] = {3, 15, 1348, 18450, 101339};
    (void)state;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        run(seeds[i], SIM_TRIAL_ALL, false);
}

static void full_speed_returns_after_the_last_fault(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS / 10; seed++)
        run(seed, SIM_TRIAL_ALL & ~SLOWING, true);
}

static void same_seed_gives_the_same_run(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        run(seed, SIM_TRIAL_ALL, false);
        const struct sim_outcome first = trial.outcome;
        run(seed, SIM_TRIAL_ALL, false);
        assert_true(first.hash == trial.outcome.hash);
        assert_true(first.events == trial.outcome.events);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_holds_whatever_goes_wrong),
        cmocka_unit_test(seeds_that_once_broke_a_rule_stay_mended),
        cmocka_unit_test(full_speed_returns_after_the_last_fault),
        cmocka_unit_test(same_seed_gives_the_same_run),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
