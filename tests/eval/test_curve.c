/* Figures computed by hand: 10 frames, 4 persons in the first two. */
#include "tests/eval/fixture.h"

#include <math.h>

#include "coordinator/eval/curve.h"

static uint32_t persons[10] = {2, 2};
static struct eval_hit hits[] = {
    {9, 0.9, 0, 0, true}, {8, 0, 5, 0, false},  {7, 0.7, 1, 0, true},
    {6, 0, 6, 0, false},  {5, 0.5, 1, 1, true},
};

static struct eval_match plain(void)
{
    return (struct eval_match){.frame_count = 10,
                               .hits = hits,
                               .hit_count = 5,
                               .person_count = 4,
                               .frame_persons = persons};
}

static void check(double value, double expected)
{
    if (!(fabs(value - expected) < 1e-12))
        fail_msg("%.15g is not %.15g", value, expected);
}

static void miss_rates_are_read_off_the_curve(void **state)
{
    (void)state;
    struct eval_match match = plain();
    struct eval_figures figures;
    eval_figures_compute(&match, NULL, 7, &figures);
    static const double miss[] = {0.75, 0.75, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25, 0.25};
    for (int i = 0; i < EVAL_REFERENCES; i++)
        check(figures.miss[i], miss[i]);
    check(figures.value[EVAL_MISS_RATE_001], 0.75);
    check(figures.value[EVAL_MISS_RATE_01], 0.5);
    check(figures.value[EVAL_LOG_AVERAGE], exp((4 * log(0.75) + 2 * log(0.5) + 3 * log(0.25)) / 9));
}

static void figures_at_a_threshold_count_what_is_not_below_it(void **state)
{
    (void)state;
    struct eval_match match = plain();
    struct eval_figures figures;
    eval_figures_compute(&match, NULL, 7, &figures);
    check(figures.value[EVAL_PRECISION], 2.0 / 3);
    check(figures.value[EVAL_RECALL], 0.5);
    check(figures.value[EVAL_MEAN_IOU], 0.8);
    check(figures.fppi, 0.1);
    eval_figures_compute(&match, NULL, -1, &figures);
    check(figures.value[EVAL_RECALL], 0.75);
    check(figures.fppi, 0.2);
    eval_figures_compute(&match, NULL, 10, &figures);
    assert_true(isnan(figures.value[EVAL_PRECISION]) && isnan(figures.value[EVAL_MEAN_IOU]));
    check(figures.value[EVAL_RECALL], 0);
}

static void weights_count_frames_several_times(void **state)
{
    (void)state;
    struct eval_match match = plain();
    struct eval_figures figures;
    /* Frame 1 three times, frame 5 not, frame 6 four times: 8 persons, alarms at 6 only. */
    const uint32_t weights[10] = {1, 3, 1, 1, 0, 0, 4, 0, 0, 0};
    eval_figures_compute(&match, weights, 6, &figures);
    check(figures.value[EVAL_MISS_RATE_001], 0.5); /* 9 and 7: 1 + 3 of 8 */
    check(figures.miss[6], 0.5);                   /* 4 alarms in 10 frames */
    check(figures.miss[7], 0.125);
    check(figures.value[EVAL_PRECISION], 0.5);
    check(figures.fppi, 0.4);
}

static void equal_scores_count_together(void **state)
{
    (void)state;
    struct eval_hit tied[] = {{9, 0.9, 0, 0, true}, {8, 0.8, 1, 0, true}, {8, 0, 5, 0, false}};
    struct eval_match match = plain();
    struct eval_figures figures;
    match.hits = tied;
    match.hit_count = 3;
    eval_figures_compute(&match, NULL, 8, &figures);
    check(figures.value[EVAL_MISS_RATE_001], 0.75);
    check(figures.value[EVAL_MISS_RATE_01], 0.5);
    check(eval_threshold_at(&match, 0.05), 9);
}

static void the_threshold_for_an_fppi_is_the_last_score_that_counts(void **state)
{
    (void)state;
    struct eval_match match = plain();
    check(eval_threshold_at(&match, 0.1), 7);
    check(eval_threshold_at(&match, 0.05), 9);
    check(eval_threshold_at(&match, 5), 5);
    check(eval_fppi_reached(&match), 0.2);
    match.hits = hits + 1; /* the best score is a false alarm */
    match.hit_count = 1;
    assert_true(eval_threshold_at(&match, 0) == nextafter(8, 9));
    match.hit_count = 0;
    assert_true(isinf(eval_threshold_at(&match, 0.1)));
}

static void nothing_found_misses_all(void **state)
{
    (void)state;
    struct eval_match match = plain();
    struct eval_figures figures;
    match.hit_count = 0;
    eval_figures_compute(&match, NULL, 0, &figures);
    check(figures.value[EVAL_MISS_RATE_01], 1);
    check(figures.value[EVAL_LOG_AVERAGE], 1);
    check(figures.value[EVAL_RECALL], 0);
    check(figures.fppi, 0);
}

static void without_persons_there_is_no_miss_rate(void **state)
{
    (void)state;
    struct eval_match match = plain();
    struct eval_figures figures;
    static uint32_t nobody[10];
    match.frame_persons = nobody;
    match.person_count = 0;
    match.hits = hits + 1;
    match.hit_count = 1;
    eval_figures_compute(&match, NULL, 0, &figures);
    assert_true(isnan(figures.value[EVAL_MISS_RATE_01]));
    assert_true(isnan(figures.value[EVAL_LOG_AVERAGE]));
    check(figures.value[EVAL_PRECISION], 0);
    check(figures.fppi, 0.1);
}

static void a_perfect_detector_has_the_least_log_average(void **state)
{
    (void)state;
    struct eval_match match = plain();
    struct eval_figures figures;
    struct eval_hit all[] = {
        {4, 1, 0, 0, true}, {3, 1, 0, 1, true}, {2, 1, 1, 0, true}, {1, 1, 1, 1, true}};
    match.hits = all;
    match.hit_count = 4;
    eval_figures_compute(&match, NULL, 1, &figures);
    check(figures.value[EVAL_MISS_RATE_001], 0);
    assert_true(fabs(figures.value[EVAL_LOG_AVERAGE] / 1e-10 - 1) < 1e-9);
}

static void points_are_one_for_each_score(void **state)
{
    (void)state;
    struct eval_match match = plain();
    struct eval_point *points;
    uint32_t count;
    assert_int_equal(eval_curve_points(&match, &points, &count), PROTO_OK);
    assert_int_equal(count, 5);
    static const double fppi[] = {0, 0.1, 0.1, 0.2, 0.2}, miss[] = {0.75, 0.75, 0.5, 0.5, 0.25};
    for (uint32_t i = 0; i < count; i++) {
        check(points[i].fppi, fppi[i]);
        check(points[i].miss, miss[i]);
        check(points[i].threshold, hits[i].score);
    }
    free(points);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(miss_rates_are_read_off_the_curve),
        cmocka_unit_test(figures_at_a_threshold_count_what_is_not_below_it),
        cmocka_unit_test(weights_count_frames_several_times),
        cmocka_unit_test(equal_scores_count_together),
        cmocka_unit_test(the_threshold_for_an_fppi_is_the_last_score_that_counts),
        cmocka_unit_test(nothing_found_misses_all),
        cmocka_unit_test(without_persons_there_is_no_miss_rate),
        cmocka_unit_test(a_perfect_detector_has_the_least_log_average),
        cmocka_unit_test(points_are_one_for_each_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
