#include "tests/eval/fixture.h"

#include <math.h>

#include "coordinator/eval/bootstrap.h"

enum { FRAMES = 80, MANY = 400 };

/* One person a frame, found with probability `recall`, and a false alarm with probability `alarm`. */
struct world {
    uint32_t persons[FRAMES];
    struct eval_hit hits[2 * FRAMES];
    struct eval_match match;
};

static int by_score(const void *a, const void *b)
{
    const struct eval_hit *p = a, *q = b;
    return (p->score < q->score) - (p->score > q->score);
}

static void make_world(struct world *world, double recall, double alarm, uint64_t *seed)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < FRAMES; i++) {
        world->persons[i] = 1;
        if (fixture_random(seed) < recall)
            world->hits[n++] = (struct eval_hit){1 + fixture_random(seed), 0.8, i, 0, true};
        if (fixture_random(seed) < alarm)
            world->hits[n++] = (struct eval_hit){0.5 + fixture_random(seed), 0, i, 1, false};
    }
    qsort(world->hits, n, sizeof *world->hits, by_score);
    world->match = (struct eval_match){.frame_count = FRAMES,
                                       .hits = world->hits,
                                       .hit_count = n,
                                       .person_count = FRAMES,
                                       .frame_persons = world->persons};
}

static void the_same_seed_gives_the_same_interval(void **state)
{
    (void)state;
    struct world world;
    uint64_t seed = 3;
    struct eval_interval a[EVAL_FIGURES], b[EVAL_FIGURES], c[EVAL_FIGURES];
    struct eval_bootstrap_settings settings;
    make_world(&world, 0.7, 0.3, &seed);
    eval_bootstrap_defaults(&settings);
    assert_int_equal(eval_bootstrap(&world.match, 0, &settings, a), PROTO_OK);
    assert_int_equal(eval_bootstrap(&world.match, 0, &settings, b), PROTO_OK);
    settings.seed = 2;
    assert_int_equal(eval_bootstrap(&world.match, 0, &settings, c), PROTO_OK);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
}

static void what_never_varies_has_no_width(void **state)
{
    (void)state;
    struct world world;
    uint64_t seed = 3;
    struct eval_interval interval[EVAL_FIGURES];
    struct eval_bootstrap_settings settings;
    make_world(&world, 1, 0, &seed);
    eval_bootstrap_defaults(&settings);
    assert_int_equal(eval_bootstrap(&world.match, 0, &settings, interval), PROTO_OK);
    assert_true(interval[EVAL_MISS_RATE_01].low == 0 && interval[EVAL_MISS_RATE_01].high == 0);
    assert_true(interval[EVAL_RECALL].low == 1 && interval[EVAL_RECALL].high == 1);
}

/* Recall is a share of independent frames: the interval must hold the true value in about 95 of
 * 100 worlds (240 worlds: 3 standard deviations are 4 points). */
static void the_interval_holds_the_true_recall_as_often_as_it_says(void **state)
{
    (void)state;
    enum { WORLDS = 240 };
    uint64_t seed = 11;
    int held = 0;
    struct eval_bootstrap_settings settings = {.rounds = 300, .seed = 5};
    for (int i = 0; i < WORLDS; i++) {
        struct world world;
        struct eval_interval interval[EVAL_FIGURES];
        make_world(&world, 0.7, 0.1, &seed);
        assert_int_equal(eval_bootstrap(&world.match, 0, &settings, interval), PROTO_OK);
        held += interval[EVAL_RECALL].low <= 0.7 && interval[EVAL_RECALL].high >= 0.7;
    }
    assert_in_range(held, WORLDS * 89 / 100, WORLDS * 99 / 100);
}

/* For a share of many frames the interval is known: p -+ 1.96 sqrt(p (1 - p) / n). */
static void the_interval_of_many_frames_is_the_normal_one(void **state)
{
    (void)state;
    static uint32_t persons[MANY];
    static struct eval_hit hits[MANY];
    struct eval_match match = {.frame_count = MANY,
                               .hits = hits,
                               .hit_count = MANY * 7 / 10,
                               .person_count = MANY,
                               .frame_persons = persons};
    for (uint32_t i = 0; i < MANY; i++) {
        persons[i] = 1;
        hits[i] = (struct eval_hit){1 - 0.001 * i, 0.8, i, 0, true};
    }
    struct eval_bootstrap_settings settings = {.rounds = 10000, .seed = 5};
    struct eval_interval interval[EVAL_FIGURES];
    assert_int_equal(eval_bootstrap(&match, 0, &settings, interval), PROTO_OK);
    double half = 1.96 * sqrt(0.7 * 0.3 / MANY);
    /* One frame is 0.0025; a 90 % interval would be 0.007 off. */
    assert_true(fabs(interval[EVAL_RECALL].low - (0.7 - half)) < 0.003);
    assert_true(fabs(interval[EVAL_RECALL].high - (0.7 + half)) < 0.003);
}

static void a_detector_does_not_differ_from_itself(void **state)
{
    (void)state;
    struct world world;
    uint64_t seed = 3;
    struct eval_difference difference[EVAL_FIGURES];
    struct eval_bootstrap_settings settings;
    make_world(&world, 0.7, 0.3, &seed);
    eval_bootstrap_defaults(&settings);
    assert_int_equal(
        eval_bootstrap_compare(&world.match, 0, &world.match, 0, &settings, difference), PROTO_OK);
    for (int f = 0; f < EVAL_FIGURES; f++) {
        assert_true(difference[f].value == 0 && difference[f].interval.low == 0 &&
                    difference[f].interval.high == 0);
        assert_false(difference[f].significant);
    }
}

static void a_clear_difference_is_significant_and_signed(void **state)
{
    (void)state;
    struct world good, bad;
    uint64_t seed = 3;
    struct eval_difference difference[EVAL_FIGURES];
    struct eval_bootstrap_settings settings;
    make_world(&good, 0.9, 0.1, &seed);
    make_world(&bad, 0.5, 0.1, &seed);
    eval_bootstrap_defaults(&settings);
    assert_int_equal(eval_bootstrap_compare(&good.match, 0, &bad.match, 0, &settings, difference),
                     PROTO_OK);
    assert_true(difference[EVAL_RECALL].significant && difference[EVAL_RECALL].value < 0);
    assert_true(difference[EVAL_MISS_RATE_01].significant &&
                difference[EVAL_MISS_RATE_01].value > 0);
}

/* Pairing pays: a detector that is the other one without one of its hits is worse on every draw that
 * holds the frame, although both intervals overlap almost wholly. */
static void pairing_sees_small_but_constant_differences(void **state)
{
    (void)state;
    struct world a, b;
    uint64_t seed = 3;
    struct eval_difference difference[EVAL_FIGURES];
    struct eval_bootstrap_settings settings;
    make_world(&a, 0.7, 0, &seed);
    b = a;
    b.match.hits = b.hits;
    b.match.hit_count -= 8;
    eval_bootstrap_defaults(&settings);
    assert_int_equal(eval_bootstrap_compare(&a.match, 0, &b.match, 0, &settings, difference),
                     PROTO_OK);
    assert_true(difference[EVAL_RECALL].significant);
    assert_true(fabs(difference[EVAL_RECALL].value + 0.1) < 1e-12);
}

static void rounds_are_limited(void **state)
{
    (void)state;
    struct world world;
    uint64_t seed = 3;
    struct eval_interval interval[EVAL_FIGURES];
    make_world(&world, 1, 0, &seed);
    struct eval_bootstrap_settings settings = {.rounds = 0};
    assert_int_equal(eval_bootstrap(&world.match, 0, &settings, interval), PROTO_INVALID);
    settings.rounds = 1000001;
    assert_int_equal(eval_bootstrap(&world.match, 0, &settings, interval), PROTO_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_interval),
        cmocka_unit_test(what_never_varies_has_no_width),
        cmocka_unit_test(the_interval_holds_the_true_recall_as_often_as_it_says),
        cmocka_unit_test(the_interval_of_many_frames_is_the_normal_one),
        cmocka_unit_test(a_detector_does_not_differ_from_itself),
        cmocka_unit_test(a_clear_difference_is_significant_and_signed),
        cmocka_unit_test(pairing_sees_small_but_constant_differences),
        cmocka_unit_test(rounds_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
