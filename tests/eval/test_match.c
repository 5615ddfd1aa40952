/* Hand-computed cases. A person of 41 x 100 px keeps its box at aspect 0.41; moved by d px sideways, its IoU with the
 * old place is (41 - d) / (41 + d): 0.5185 for 13 px, 0.4909 for 14 px. */
#include "tests/eval/fixture.h"

#include <math.h>

/* Detections of one frame against its truth; the match holds indices only, so the rest may go. */
static struct eval_match *match_one(const struct eval_truth_box *truth, size_t truth_count,
                                    const struct eval_detection *found, size_t found_count,
                                    const struct eval_rules *rules)
{
    struct eval_rules defaults;
    struct eval_match *match;
    struct eval_frame frame = {.name = "f",
                               .truth = truth,
                               .truth_count = truth_count,
                               .detections = found,
                               .detection_count = found_count,
                               .size = {200, 200}};
    struct eval_set set = {.frames = &frame, .frame_count = 1};
    eval_rules_defaults(&defaults);
    assert_int_equal(eval_match_open(&set, rules ? rules : &defaults, &match), PROTO_OK);
    return match;
}

#define MATCH(truth, found, rules)                                                                 \
    match_one(truth, sizeof(truth) / sizeof *(truth), found, sizeof(found) / sizeof *(found), rules)

static void check_hits(const struct eval_match *match, uint32_t found, uint32_t alarms)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < match->hit_count; i++)
        n += match->hits[i].found;
    assert_int_equal(n, found);
    assert_int_equal(match->hit_count - n, alarms);
}

static void boxes_are_compared_at_one_aspect(void **state)
{
    (void)state;
    const struct eval_truth_box truth[] = {{{0, 0, 80, 100}, 1, false}};
    const struct eval_detection found[] = {{{30, 0, 20, 100}, 1}};
    struct eval_match *match = MATCH(truth, found, NULL);
    check_hits(match, 1, 0);
    assert_true(fabs(match->hits[0].iou - 1) < 1e-12);
    eval_match_close(match);
}

static void half_the_union_is_enough_and_less_is_not(void **state)
{
    (void)state;
    const struct eval_truth_box truth[] = {{{0, 0, 41, 100}, 1, false}};
    const struct eval_detection near[] = {{{13, 0, 41, 100}, 1}};
    const struct eval_detection far[] = {{{14, 0, 41, 100}, 1}};
    struct eval_match *match = MATCH(truth, near, NULL);
    check_hits(match, 1, 0);
    assert_true(fabs(match->hits[0].iou - 28.0 / 54) < 1e-12);
    eval_match_close(match);
    match = MATCH(truth, far, NULL);
    check_hits(match, 0, 1);
    assert_true(match->persons[0].score == -INFINITY);
    eval_match_close(match);
}

static void a_person_is_found_once_by_the_best_score(void **state)
{
    (void)state;
    const struct eval_truth_box truth[] = {{{0, 0, 41, 100}, 1, false}};
    const struct eval_detection found[] = {{{0, 0, 41, 100}, 1}, {{8, 0, 41, 100}, 2}};
    struct eval_match *match = MATCH(truth, found, NULL);
    check_hits(match, 1, 1);
    assert_true(match->hits[0].found && match->hits[0].detection == 1);
    assert_true(match->persons[0].score == 2);
    eval_match_close(match);
}

static void a_detection_takes_the_free_person_it_overlaps_most(void **state)
{
    (void)state;
    const struct eval_truth_box truth[] = {{{0, 0, 41, 100}, 1, false},
                                           {{10, 0, 41, 100}, 1, false}};
    const struct eval_detection found[] = {{{9, 0, 41, 100}, 3}, {{10, 0, 41, 100}, 2}};
    struct eval_match *match = MATCH(truth, found, NULL);
    check_hits(match, 2, 0);
    assert_true(match->persons[1].score == 3 && match->persons[0].score == 2);
    eval_match_close(match);
}

static void a_person_comes_before_an_ignore_region(void **state)
{
    (void)state;
    const struct eval_truth_box truth[] = {{{0, 0, 200, 200}, 1, true},
                                           {{0, 0, 41, 100}, 1, false}};
    const struct eval_detection found[] = {{{13, 0, 41, 100}, 1}};
    struct eval_match *match = MATCH(truth, found, NULL);
    check_hits(match, 1, 0);
    eval_match_close(match);
}

static void an_ignore_region_swallows_any_number_of_detections(void **state)
{
    (void)state;
    const struct eval_truth_box truth[] = {{{0, 0, 150, 120}, 1, true}};
    const struct eval_detection found[] = {
        {{0, 0, 41, 100}, 4}, {{1, 0, 41, 100}, 3}, {{100, 0, 41, 100}, 2}, {{129, 0, 41, 100}, 1}};
    struct eval_match *match = MATCH(truth, found, NULL);
    check_hits(match, 0, 0); /* the last lies in it by 21 of 41 px */
    eval_match_close(match);
    const struct eval_detection outside[] = {{{130, 0, 41, 100}, 1}}; /* 20 of 41 */
    match = MATCH(truth, outside, NULL);
    check_hits(match, 0, 1);
    assert_int_equal(match->person_count, 0);
    eval_match_close(match);
}

static void persons_outside_the_subset_are_ignored(void **state)
{
    (void)state;
    const struct eval_truth_box truth[] = {{{0, 0, 20, 49}, 1, false},
                                           {{60, 0, 41, 100}, 0.64, false},
                                           {{120, 0, 41, 100}, 0.65, false}};
    const struct eval_detection found[] = {
        {{0, 0, 20, 49}, 3}, {{60, 0, 41, 100}, 2}, {{120, 0, 41, 100}, 1}};
    struct eval_match *match = MATCH(truth, found, NULL);
    assert_int_equal(match->person_count, 1);
    check_hits(match, 1, 0);
    eval_match_close(match);
}

static void detections_far_outside_the_heights_are_dropped(void **state)
{
    (void)state;
    struct eval_rules rules;
    eval_rules_defaults(&rules);
    assert_int_equal(eval_rules_height(&rules, "75:100"), PROTO_OK);
    const struct eval_truth_box truth[] = {{{0, 0, 1, 1}, 1, true}};
    const struct eval_detection found[] = {{{50, 0, 20, 59.9}, 1},
                                           {{50, 0, 20, 60}, 2},
                                           {{50, 0, 20, 124.9}, 3},
                                           {{50, 0, 20, 125}, 4}};
    struct eval_match *match = MATCH(truth, found, &rules);
    check_hits(match, 0, 2);
    assert_true(match->hits[0].score == 3 && match->hits[1].score == 2);
    eval_match_close(match);
}

static void cut_off_persons_fit_when_boxes_are_clipped(void **state)
{
    (void)state;
    struct eval_rules rules;
    eval_rules_defaults(&rules);
    /* Only 100 of 200 px are in the picture of 200 x 200; the truth marks those, the detector sees a whole person. */
    const struct eval_truth_box truth[] = {{{60, 100, 82, 100}, 1, false}};
    const struct eval_detection found[] = {{{60, 100, 82, 200}, 1}, {{60, 300, 82, 200}, 0.5}};
    struct eval_match *match = MATCH(truth, found, &rules);
    check_hits(match, 0, 2);
    eval_match_close(match);
    rules.clip = true;
    match = MATCH(truth, found, &rules);
    check_hits(match, 1, 0); /* the second has nothing in the picture */
    assert_true(fabs(match->hits[0].iou - 1) < 1e-12);
    eval_match_close(match);
}

static void subsets_and_heights_are_parsed(void **state)
{
    (void)state;
    struct eval_rules rules;
    eval_rules_defaults(&rules);
    assert_string_equal(rules.name, "reasonable");
    assert_true(rules.min_height == 50 && isinf(rules.max_height) && rules.min_visible == 0.65);
    for (int i = 0; eval_subset_at(i); i++)
        assert_int_equal(eval_rules_subset(&rules, eval_subset_at(i)->name), PROTO_OK);
    assert_int_equal(eval_rules_subset(&rules, "nearby"), PROTO_NOT_FOUND);
    assert_int_equal(eval_rules_height(&rules, "75:927"), PROTO_OK);
    assert_true(rules.min_height == 75 && rules.max_height == 927);
    assert_int_equal(eval_rules_height(&rules, "75:"), PROTO_OK);
    assert_true(isinf(rules.max_height));
    static const char *const bad[] = {"", "75", ":", ":75", "9:8", "a:b", "1:2x", "-1:5", "nan:5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(eval_rules_height(&rules, bad[i]), PROTO_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_are_compared_at_one_aspect),
        cmocka_unit_test(half_the_union_is_enough_and_less_is_not),
        cmocka_unit_test(a_person_is_found_once_by_the_best_score),
        cmocka_unit_test(a_detection_takes_the_free_person_it_overlaps_most),
        cmocka_unit_test(a_person_comes_before_an_ignore_region),
        cmocka_unit_test(an_ignore_region_swallows_any_number_of_detections),
        cmocka_unit_test(persons_outside_the_subset_are_ignored),
        cmocka_unit_test(detections_far_outside_the_heights_are_dropped),
        cmocka_unit_test(cut_off_persons_fit_when_boxes_are_clipped),
        cmocka_unit_test(subsets_and_heights_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
