#include "tests/eval/fixture.h"

#include <sys/stat.h>

static int open_text(const char *text, struct eval_truth **truth)
{
    fixture_quiet();
    return eval_truth_open(fixture_write("truth.csv", text), truth);
}

static void csv_with_all_columns_in_any_order_is_read(void **state)
{
    (void)state;
    struct eval_truth *truth;
    assert_int_equal(open_text("note,ignore,h,w,y,x,label,frame,visible,distance_m\r\n"
                               "\"a, \"\"quoted\"\" note\",0,100,41,2,1,person,b.jpg,0.5,3.1\r\n"
                               "\n"
                               "# a comment\n"
                               ",1,10,20,-4.5,3,person,a.jpg,1,\n"
                               ",0,10,20,0,0,people,a.jpg,1,\n",
                               &truth),
                     PROTO_OK);
    assert_int_equal(truth->frame_count, 2);
    assert_int_equal(truth->naming, EVAL_NAMING_FILE);
    const struct eval_truth_frame *a = eval_truth_find(truth, "x/a.jpg", 7);
    const struct eval_truth_frame *b = eval_truth_find(truth, "b.jpg", -1);
    assert_int_equal(a->box_count, 2);
    assert_true(a->boxes[0].ignore && a->boxes[1].ignore);
    assert_true(a->boxes[0].box.y == -4.5);
    assert_int_equal(b->box_count, 1);
    assert_false(b->boxes[0].ignore);
    assert_true(b->boxes[0].box.x == 1 && b->boxes[0].box.y == 2 && b->boxes[0].box.w == 41 &&
                b->boxes[0].box.h == 100 && b->boxes[0].visible == 0.5);
    assert_null(eval_truth_find(truth, "ab.jpg", -1));
    eval_truth_close(truth);
}

static void bad_csv_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "line 1"},
        {"frame,x,y,w\na,1,2,3\n", "no column 'h'"},
        {"frame,x,y,w,h,w\n", "twice"},
        {"frame,x,y,w,h\na,1,2,3,4\na,1,2,3\n", "line 3"},
        {"frame,x,y,w,h\na,1,2,3,4,5\n", "line 2"},
        {"frame,x,y,w,h\na,1,2,3,nan\n", "line 2"},
        {"frame,x,y,w,h\na,1,2,inf,4\n", "line 2"},
        {"frame,x,y,w,h\na,1,2,3,-4\n", "positive"},
        {"frame,x,y,w,h\na,1,2,0,4\n", "positive"},
        {"frame,x,y,w,h\na,1e9,2,3,4\n", "1000000"},
        {"frame,x,y,w,h\na,1,2,3 px,4\n", "numbers"},
        {"frame,x,y,w,h\n,1,2,3,4\n", "no name"},
        {"frame,x,y,w,h,label\na,1,2,3,4,dog\n", "label"},
        {"frame,x,y,w,h,ignore\na,1,2,3,4,2\n", "ignore"},
        {"frame,x,y,w,h,visible\na,1,2,3,4,1.5\n", "visible"},
        {"frame,x,y,w,h\n\"a,1,2,3,4\n", "line 2"},
        {"frame,x,y,w,h\na,1,2,3,4\nb,1,2,3,4\na,1,2,3,4\n",
         "line 4: repeats the person of line 2"},
        {"frame,x,y,w,h\n1,1,2,3,4\n01,1,2,3,4\n", "same number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct eval_truth *truth;
        assert_int_equal(open_text(cases[i].text, &truth), PROTO_FORMAT);
        if (!strstr(fixture_log, cases[i].says))
            fail_msg("case %zu: '%s' lacks '%s'", i, fixture_log, cases[i].says);
    }
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct eval_truth *truth;
    fixture_quiet();
    assert_int_equal(eval_truth_open(fixture_path("nothing.csv"), &truth), PROTO_NOT_FOUND);
    assert_non_null(strstr(fixture_log, "nothing.csv"));
}

static void numbered_frames_are_found_by_number(void **state)
{
    (void)state;
    struct eval_truth *truth;
    assert_int_equal(open_text("frame,x,y,w,h\n10,1,2,3,4\n002,1,2,3,4\n0,1,2,3,4\n", &truth),
                     PROTO_OK);
    assert_int_equal(truth->naming, EVAL_NAMING_NUMBER);
    assert_string_equal(eval_truth_find(truth, "whatever.png", 2)->name, "002");
    assert_string_equal(eval_truth_find(truth, NULL, 10)->name, "10");
    assert_null(eval_truth_find(truth, "2", 1));
    eval_truth_close(truth);
}

static void names_without_extension_fit_pictures(void **state)
{
    (void)state;
    struct eval_truth *truth;
    assert_int_equal(open_text("frame,x,y,w,h\ncam1/f1,1,2,3,4\ncam2/f1,1,2,3,4\n", &truth),
                     PROTO_OK);
    assert_int_equal(truth->naming, EVAL_NAMING_STEM);
    assert_string_equal(eval_truth_find(truth, "/data/cam2/f1.png", 0)->name, "cam2/f1");
    assert_null(eval_truth_find(truth, "f1.png", 0));
    eval_truth_close(truth);
}

/* Lines as the Caltech files have them: occluded with and without a visible part, ignore flag, groups. */
static void caltech_directory_is_read(void **state)
{
    (void)state;
    struct eval_truth *truth;
    assert_int_equal(mkdir(fixture_path("gt"), 0700), 0);
    fixture_write("gt/I00001.txt", "% bbGt version=3\n"
                                   "person 10 20 30 100 1 10 20 30 40 0 0\n"
                                   "person 50 20 30 100 0 0 0 0 0 0 0\n"
                                   "people 90 20 90 100 0 0 0 0 0 0 0\n"
                                   "person 150 20 30 100 0 0 0 0 0 1 0\n"
                                   "person 250 20 30 100 1 250 20 30 100 0 0\n");
    fixture_write("gt/I00002.txt", "% bbGt version=3\n");
    assert_int_equal(eval_truth_open(fixture_path("gt"), &truth), PROTO_OK);
    const struct eval_truth_frame *frame = eval_truth_find(truth, "set00/I00001.jpg", 0);
    assert_int_equal(frame->box_count, 5);
    assert_true(frame->boxes[0].visible == 0.4 && frame->boxes[1].visible == 1);
    assert_true(!frame->boxes[1].ignore && frame->boxes[2].ignore && frame->boxes[3].ignore);
    assert_true(frame->boxes[4].visible == 0);
    assert_int_equal(eval_truth_find(truth, "I00002.png", 0)->box_count, 0);
    eval_truth_close(truth);
}

static void bad_caltech_files_are_refused_with_their_line(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "% bbGt version=3\nperson 1 2 3 4 0 0 0 0 0 0\n",
        "% bbGt version=3\nperson 1 2 3 4 0 0 0 0 0 0 0 7\n",
        "% bbGt version=3\nperson 1 2 -3 4 0 0 0 0 0 0 0\n",
        "% bbGt version=3\ncar 1 2 3 4 0 0 0 0 0 0 0\n",
        "% bbGt version=3\nperson 1 2 3 4 0 0 0 0 0 0 45\n",
        "% bbGt version=3\nperson 1 2 3 4 1 1 2 9 9 0 0\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct eval_truth *truth;
        assert_int_equal(open_text(texts[i], &truth), PROTO_FORMAT);
        assert_non_null(strstr(fixture_log, "line 2"));
    }
    struct eval_truth *truth;
    assert_int_equal(open_text("% bbGt version=2\n", &truth), PROTO_FORMAT);
    assert_non_null(strstr(fixture_log, "version=3"));
}

/* Broken bytes anywhere must end in a status, never in a crash (run with sanitizers). */
static void random_damage_never_crashes(void **state)
{
    (void)state;
    static const char good[] = "frame,x,y,w,h,label,ignore,note\n"
                               "a.jpg,1,2,3,4,person,0,\"x\"\nb.jpg,5,6,7,8,person,1,\n";
    uint64_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        for (int i = 0; i < 3; i++)
            text[(size_t)(fixture_random(&seed) * (sizeof good - 1))] =
                "\",\n0-.en%\xff"[(int)(fixture_random(&seed) * 10)];
        struct eval_truth *truth;
        if (open_text(text, &truth) == PROTO_OK)
            eval_truth_close(truth);
        else
            assert_true(fixture_log[0] != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_with_all_columns_in_any_order_is_read),
        cmocka_unit_test(bad_csv_is_refused_with_its_line),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(numbered_frames_are_found_by_number),
        cmocka_unit_test(names_without_extension_fit_pictures),
        cmocka_unit_test(caltech_directory_is_read),
        cmocka_unit_test(bad_caltech_files_are_refused_with_their_line),
        cmocka_unit_test(random_damage_never_crashes),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
