/* coordinator/power.c: what BEATs add up to, and what is not known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/power.h"

enum { WORKERS = 3 };

struct rig {
    struct coordinator_power_account accounts[WORKERS];
    struct coordinator_run_worker workers[WORKERS];
    struct coordinator_run_power power;
    uint64_t now_us;
};

static void beat(struct rig *rig, int w, const char *rail, bool own, double seconds, double joules)
{
    const struct proto_beat message = {.power = rail,
                                       .power_own = own,
                                       .power_period_us = 50000,
                                       .power_us = (uint64_t)(seconds * 1e6),
                                       .power_mw = 7500,
                                       .power_samples = (uint64_t)(seconds * 20),
                                       .energy_uj = (uint64_t)(joules * 1e6)};
    coordinator_power_beat(rig->accounts, WORKERS, (uint32_t)w, &message, rig->now_us);
}

static struct rig rig_new(void)
{
    struct rig rig = {.now_us = 1000000};
    coordinator_power_joined(&rig.accounts[0], "a");
    coordinator_power_joined(&rig.accounts[1], "a");
    coordinator_power_joined(&rig.accounts[2], "b");
    return rig;
}

/* In the moment of the last beats; the next ones come later. */
static void begin(struct rig *rig)
{
    for (int w = 0; w < WORKERS; w++)
        coordinator_power_begin(&rig->accounts[w], rig->now_us);
    rig->now_us += 100000;
}

static void describe(struct rig *rig, double wall_ms)
{
    coordinator_power_describe(rig->accounts, rig->workers, WORKERS, wall_ms, &rig->power);
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9 * fmax(1, fabs(b));
}

static void what_was_drawn_before_the_run_does_not_count(void **state)
{
    (void)state;
    struct rig rig = rig_new();
    for (int w = 0; w < WORKERS; w++)
        beat(&rig, w, "model tx1 MAXN", true, 5, 15);
    begin(&rig);
    for (int w = 0; w < WORKERS; w++)
        beat(&rig, w, "model tx1 MAXN", true, 9, 15 + 4 * 10);
    describe(&rig, 5000);
    assert_true(near(rig.power.watts, 30)); /* three own rails */
    assert_true(near(rig.power.joules, 150));
    assert_true(near(rig.power.coverage, 0.8));
    assert_int_equal(rig.power.modelled, 3);
    assert_true(near(rig.workers[0].power.rate_hz, 20));
    assert_int_equal(rig.workers[0].power.samples, 80);
}

static void the_run_begins_between_two_beats(void **state)
{
    (void)state;
    struct rig rig = rig_new();
    beat(&rig, 0, "rapl package", false, 10, 100);
    rig.now_us += 25000;
    begin(&rig);
    rig.now_us -= 25000;                             /* a tenth of a second after the first beat */
    beat(&rig, 0, "rapl package", false, 10.1, 102); /* 0.5 J of 2 were before */
    rig.now_us += 900000;
    beat(&rig, 0, "rapl package", false, 11, 120);
    describe(&rig, 975);
    assert_true(near(rig.workers[0].power.watts, 19.5 / 0.975));
    assert_true(near(rig.workers[0].power.coverage, 1));
}

static void a_hosts_rail_is_counted_once(void **state)
{
    (void)state;
    struct rig rig = rig_new();
    for (int w = 0; w < WORKERS; w++)
        beat(&rig, w, "ina3221 VDD_IN", false, 0, 0);
    begin(&rig);
    for (int w = 0; w < WORKERS; w++)
        beat(&rig, w, "ina3221 VDD_IN", false, 2, 2 * 7);
    describe(&rig, 2000);
    assert_true(near(rig.power.watts, 14)); /* hosts a and b */
    assert_true(near(coordinator_power_now(rig.accounts, WORKERS), 2 * 7.5));
    assert_int_equal(rig.power.modelled, 0);
    beat(&rig, 1, "nvml GPU 0", false, 3, 2 * 7 + 40); /* another rail of host a */
    describe(&rig, 2000);
    assert_true(near(rig.power.watts, 14 + 54.0 / 3));
}

static void without_data_from_one_worker_the_sum_is_not_known(void **state)
{
    (void)state;
    struct rig rig = rig_new();
    beat(&rig, 0, "rapl package", false, 0, 0);
    beat(&rig, 2, "ina3221 VDD_IN", false, 0, 0);
    begin(&rig);
    beat(&rig, 0, "rapl package", false, 2, 20);
    beat(&rig, 2, "ina3221 VDD_IN", false, 0, 0); /* a rail, but nothing read so far */
    describe(&rig, 2000);
    assert_true(isnan(rig.power.watts) && isnan(rig.power.joules));
    assert_true(isnan(coordinator_power_now(rig.accounts, WORKERS)));
    assert_int_equal(rig.power.with, 1);
    assert_int_equal(rig.power.without, 2);
    assert_true(near(rig.workers[0].power.watts, 10));
    assert_null(rig.workers[1].power.rail);
    assert_true(isnan(rig.workers[2].power.watts));
    rig.accounts[1].host[0] = '\0'; /* as if it had never come */
    beat(&rig, 2, "ina3221 VDD_IN", false, 1, 5);
    describe(&rig, 2000);
    assert_true(near(rig.power.watts, 15));
    assert_true(near(rig.power.coverage, 0.5));
}

static void sums_that_begin_anew_count_from_there(void **state)
{
    (void)state;
    struct rig rig = rig_new();
    beat(&rig, 0, "rapl package", false, 100, 1000);
    begin(&rig);
    beat(&rig, 0, "rapl package", false, 1, 8);
    describe(&rig, 4000);
    assert_true(near(rig.workers[0].power.watts, 8));
    assert_true(near(rig.workers[0].power.coverage, 0.25));
}

static void no_beat_is_no_data(void **state)
{
    (void)state;
    struct rig rig = rig_new();
    beat(&rig, 0, NULL, false, 0, 0);
    begin(&rig);
    describe(&rig, 1000);
    assert_int_equal(rig.power.with, 0);
    assert_int_equal(rig.power.without, 3);
    assert_true(isnan(rig.power.watts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_drawn_before_the_run_does_not_count),
        cmocka_unit_test(the_run_begins_between_two_beats),
        cmocka_unit_test(a_hosts_rail_is_counted_once),
        cmocka_unit_test(without_data_from_one_worker_the_sum_is_not_known),
        cmocka_unit_test(sums_that_begin_anew_count_from_there),
        cmocka_unit_test(no_beat_is_no_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
