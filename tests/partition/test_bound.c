/* partition/bound.c and how far plans are from it: made-up clusters, and all assignments of small ones.
 *
 * test_bound [SEEDS]: 60 by default; bench_plan takes thousands and prints the figures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/bound.h"
#include "proto/status.h"
#include "tests/partition/plan_cases.h"
#include "tests/sanitized.h"

static uint64_t seeds = 60 / TESTS_SHARE;

static int compare(const void *pa, const void *pb)
{
    const double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

/* gap and whether the largest tile is under a quarter of the bound. */
static double gap_of(const struct plan_case_limits *limits, uint64_t seed, bool *small)
{
    struct plan_case c;
    struct partition_plan *plan, *again;
    double bound;
    assert_int_equal(plan_case_open(&c, limits, seed), PROTO_OK);
    assert_int_equal(partition_plan_open(&c.pyramid, c.tiles, &c.settings, &plan), PROTO_OK);
    assert_int_equal(partition_bound_period(&c.pyramid, c.tiles, &c.settings, &bound), PROTO_OK);
    assert_int_equal(partition_plan_open(&c.pyramid, c.tiles, &c.settings, &again), PROTO_OK);
    assert_true(bound > 0);
    assert_memory_equal(plan->order, again->order,
                        (size_t)plan->worker_count * sizeof *plan->order);
    for (int32_t w = 0; w < plan->worker_count; w++) {
        assert_int_equal(plan->shares[w].tile_count, again->shares[w].tile_count);
        assert_memory_equal(plan->shares[w].tiles, again->shares[w].tiles,
                            plan->shares[w].tile_count * sizeof(uint32_t));
    }
    *small = plan_case_largest_us(&c) < bound / 4;
    const double gap = plan->period_us / bound - 1;
    partition_plan_close(plan);
    partition_plan_close(again);
    plan_case_close(&c);
    return gap;
}

/* 1e-9: sums of up to 500 times, each rounded to 1e-16. */
static void no_plan_is_faster_than_the_bound(void **state)
{
    struct plan_case_limits limits;
    bool small;
    (void)state;
    plan_case_limits_defaults(&limits);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        limits.alike = seed % 4 != 0;
        assert_true(gap_of(&limits, seed, &small) >= -1e-9);
    }
}

static void plans_limited_by_compute_are_within_a_percent(void **state)
{
    struct plan_case_limits limits;
    double *gaps = calloc(seeds + 1, sizeof *gaps);
    uint32_t count = 0;
    (void)state;
    assert_non_null(gaps);
    plan_case_limits_defaults(&limits);
    limits.port_max = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        bool small;
        const double gap = gap_of(&limits, seed, &small);
        assert_true(gap >= -1e-9);
        if (small)
            gaps[count++] = gap;
    }
    assert_true(count > seeds / 3);
    qsort(gaps, count, sizeof *gaps, compare);
    print_message("%u plans: median %.3f %%, 95 %% within %.3f %%\n", count, 100 * gaps[count / 2],
                  100 * gaps[count * 95 / 100]);
    assert_true(gaps[count / 2] <= 0.01);
    assert_true(gaps[count * 95 / 100] <= 0.03);
    free(gaps);
}

/* ---- all assignments ---- */

struct brute {
    const struct plan_case *c;
    int32_t workers;
    uint32_t tiles;
    double load[4];
    uint32_t list[4][12], held[4];
    double best;
};

static double bytes_of(const struct brute *brute, int32_t w)
{
    struct proto_band bands[12];
    return (double)partition_band_bytes(
        &brute->c->pyramid, bands,
        partition_tile_bands(brute->c->tiles, brute->list[w], brute->held[w], bands));
}

static void assign(struct brute *brute, uint32_t tile)
{
    const struct partition_plan_settings *settings = &brute->c->settings;
    if (tile == brute->tiles) {
        double period = 0, sent = 0;
        for (int32_t w = 0; w < brute->workers; w++) {
            const double bytes = bytes_of(brute, w);
            sent += bytes;
            period = fmax(period, fmax(brute->load[w], bytes / settings->workers[w].bytes_per_us));
        }
        brute->best = fmin(brute->best, fmax(period, sent / settings->port_bytes_per_us));
        return;
    }
    for (int32_t w = 0; w < brute->workers; w++) {
        const double before = brute->load[w];
        const double us = settings->workers[w].tile_us[tile] +
                          (brute->held[w] ? 0 : settings->workers[w].frame_us);
        if (before + us >= brute->best)
            continue;
        brute->load[w] += us;
        brute->list[w][brute->held[w]++] = tile;
        assign(brute, tile + 1);
        brute->held[w]--;
        brute->load[w] = before;
    }
}

static void small_plans_are_as_good_as_the_best_of_all(void **state)
{
    struct plan_case_limits limits;
    uint32_t cases = 0, optimal = 0;
    (void)state;
    plan_case_limits_defaults(&limits);
    limits.workers_max = 4;
    limits.tiles_min = 4;
    limits.tiles_max = 12;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct plan_case c;
        struct partition_plan *plan;
        double bound;
        limits.alike = seed % 2 == 0;
        assert_int_equal(plan_case_open(&c, &limits, seed), PROTO_OK);
        if (c.tiles->count > 12) { /* the cut went beyond what was asked for */
            plan_case_close(&c);
            continue;
        }
        assert_int_equal(partition_plan_open(&c.pyramid, c.tiles, &c.settings, &plan), PROTO_OK);
        assert_int_equal(partition_bound_period(&c.pyramid, c.tiles, &c.settings, &bound),
                         PROTO_OK);
        struct brute brute = {
            .c = &c, .workers = c.settings.worker_count, .tiles = c.tiles->count, .best = INFINITY};
        assign(&brute, 0);
        assert_true(bound <= brute.best * (1 + 1e-9));
        assert_true(plan->period_us >= brute.best * (1 - 1e-9));
        assert_true(plan->period_us <= 1.05 * brute.best);
        cases++;
        optimal += plan->period_us <= brute.best * (1 + 1e-9);
        partition_plan_close(plan);
        plan_case_close(&c);
    }
    print_message("%u of %u are optimal\n", optimal, cases);
    assert_true(cases > seeds / 2);
    assert_true(optimal >= 0.95 * cases);
}

static void replicas_are_no_faster_than_their_bound(void **state)
{
    struct plan_case_limits limits;
    (void)state;
    plan_case_limits_defaults(&limits);
    limits.workers_max = 16;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct plan_case c;
        struct partition_plan *plan;
        double bound;
        assert_int_equal(plan_case_open(&c, &limits, seed), PROTO_OK);
        c.settings.split = PARTITION_SPLIT_FRAME;
        assert_int_equal(partition_plan_open(&c.pyramid, c.tiles, &c.settings, &plan), PROTO_OK);
        assert_int_equal(partition_bound_period(&c.pyramid, c.tiles, &c.settings, &bound),
                         PROTO_OK);
        assert_true(plan->period_us >= bound * (1 - 1e-9));
        assert_true(plan->period_us <= bound * 1.05);
        partition_plan_close(plan);
        plan_case_close(&c);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_plan_is_faster_than_the_bound),
        cmocka_unit_test(plans_limited_by_compute_are_within_a_percent),
        cmocka_unit_test(small_plans_are_as_good_as_the_best_of_all),
        cmocka_unit_test(replicas_are_no_faster_than_their_bound),
    };
    if (argc > 1)
        seeds = strtoull(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
