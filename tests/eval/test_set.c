#include "tests/eval/fixture.h"

struct input {
    struct eval_truth *truth;
    struct eval_detections found;
};

static int join(struct input *input, const char *truth, const char *found,
                const struct eval_set_settings *settings, struct eval_set **set)
{
    *input = (struct input){0};
    fixture_quiet();
    assert_int_equal(eval_truth_open(fixture_write("truth.csv", truth), &input->truth), PROTO_OK);
    assert_int_equal(eval_detections_read(&input->found, fixture_write("found.jsonl", found)),
                     PROTO_OK);
    return eval_set_open(input->truth, &input->found, settings, set);
}

static void release(struct input *input, struct eval_set *set)
{
    eval_set_close(set);
    eval_detections_close(&input->found);
    eval_truth_close(input->truth);
}

#define TRUTH "frame,x,y,w,h\nb.jpg,1,2,30,80\na.jpg,1,2,30,80\n"
#define FRAME_A                                                                                    \
    "{\"frame\":0,\"source\":\"p/a.jpg\",\"detections\":[{\"box\":[1,2,3,4],\"score\":1}]}\n"
#define FRAME_B "{\"frame\":1,\"source\":\"p/b.jpg\",\"detections\":[],\"coverage\":0.5}\n"
#define FRAME_C "{\"frame\":2,\"source\":\"q/c.jpg\",\"detections\":[]}\n"

static void frames_are_joined_by_name_and_sorted(void **state)
{
    (void)state;
    struct input input;
    struct eval_set *set;
    assert_int_equal(
        join(&input, TRUTH, FRAME_C FRAME_B FRAME_A, &(struct eval_set_settings){0}, &set),
        PROTO_OK);
    assert_int_equal(set->frame_count, 3);
    assert_string_equal(set->frames[0].name, "a.jpg");
    assert_int_equal(set->frames[0].truth_count, 1);
    assert_int_equal(set->frames[0].detection_count, 1);
    assert_string_equal(set->frames[2].name, "c.jpg");
    assert_int_equal(set->frames[2].truth_count, 0);
    assert_int_equal(set->partial_count, 1);
    release(&input, set);
}

static void a_frame_of_the_truth_that_was_not_searched_is_an_error(void **state)
{
    (void)state;
    struct input input;
    struct eval_set *set = NULL;
    assert_int_equal(join(&input, TRUTH, FRAME_A FRAME_C, &(struct eval_set_settings){0}, &set),
                     PROTO_MISMATCH);
    assert_non_null(strstr(fixture_log, "b.jpg"));
    release(&input, set);
}

static void a_pattern_chooses_frames_on_both_sides(void **state)
{
    (void)state;
    static const char *const patterns[] = {"a", "a*", "[a]?jpg"};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct input input;
        struct eval_set *set;
        assert_int_equal(join(&input, TRUTH, FRAME_A FRAME_C,
                              &(struct eval_set_settings){.frames = patterns[i]}, &set),
                         PROTO_OK);
        assert_int_equal(set->frame_count, 1);
        release(&input, set);
    }
    struct input input;
    struct eval_set *set = NULL;
    assert_int_equal(
        join(&input, TRUTH, FRAME_A, &(struct eval_set_settings){.frames = "zebra"}, &set),
        PROTO_MISMATCH);
    release(&input, set);
}

static void with_a_list_of_negatives_other_strays_are_an_error(void **state)
{
    (void)state;
    struct input input;
    struct eval_set *set = NULL;
    const char *list = fixture_write("negatives.txt", "other/c.jpg\n");
    struct eval_set_settings settings = {.negatives = list};
    assert_int_equal(join(&input, TRUTH, FRAME_A FRAME_B FRAME_C, &settings, &set), PROTO_OK);
    release(&input, set);
    set = NULL;
    fixture_write("negatives.txt", "d.jpg\n");
    assert_int_equal(join(&input, TRUTH, FRAME_A FRAME_B FRAME_C, &settings, &set), PROTO_MISMATCH);
    assert_non_null(strstr(fixture_log, "c.jpg"));
    release(&input, set);
}

static void a_frame_twice_is_refused(void **state)
{
    (void)state;
    struct input input;
    struct eval_set *set = NULL;
    assert_int_equal(
        join(&input, TRUTH, FRAME_A FRAME_B FRAME_A, &(struct eval_set_settings){0}, &set),
        PROTO_MISMATCH);
    assert_non_null(strstr(fixture_log, "already in line 1"));
    release(&input, set);
    set = NULL;
    assert_int_equal(
        join(&input, TRUTH, FRAME_A FRAME_B FRAME_C FRAME_C, &(struct eval_set_settings){0}, &set),
        PROTO_MISMATCH);
    assert_non_null(strstr(fixture_log, "c.jpg appears twice"));
    release(&input, set);
}

static void detections_of_a_failed_frame_do_not_count(void **state)
{
    (void)state;
    struct input input;
    struct eval_set *set;
    assert_int_equal(join(&input, "frame,x,y,w,h\n0,1,2,30,80\n",
                          "{\"frame\":0,\"error\":\"broken\",\"detections\":[{\"box\":[1,2,3,4],"
                          "\"score\":1}]}\n",
                          &(struct eval_set_settings){0}, &set),
                     PROTO_OK);
    assert_int_equal(set->failed_count, 1);
    assert_int_equal(set->frames[0].detection_count, 0);
    assert_int_equal(set->frames[0].truth_count, 1);
    release(&input, set);
}

static void sets_of_different_frames_are_told_apart(void **state)
{
    (void)state;
    struct input one, two;
    struct eval_set *a, *b;
    struct eval_set_settings settings = {0};
    assert_int_equal(join(&one, TRUTH, FRAME_A FRAME_B, &settings, &a), PROTO_OK);
    assert_int_equal(join(&two, TRUTH, FRAME_B FRAME_A FRAME_C, &settings, &b), PROTO_OK);
    assert_int_equal(eval_set_same_frames(a, a), PROTO_OK);
    assert_int_equal(eval_set_same_frames(a, b), PROTO_MISMATCH);
    release(&one, a);
    release(&two, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_joined_by_name_and_sorted),
        cmocka_unit_test(a_frame_of_the_truth_that_was_not_searched_is_an_error),
        cmocka_unit_test(a_pattern_chooses_frames_on_both_sides),
        cmocka_unit_test(with_a_list_of_negatives_other_strays_are_an_error),
        cmocka_unit_test(a_frame_twice_is_refused),
        cmocka_unit_test(detections_of_a_failed_frame_do_not_count),
        cmocka_unit_test(sets_of_different_frames_are_told_apart),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
