#include "tests/eval/fixture.h"

static int read_text(const char *text, struct eval_detections *detections)
{
    fixture_quiet();
    return eval_detections_read(detections, fixture_write("found.jsonl", text));
}

static void lines_of_the_detector_are_read(void **state)
{
    (void)state;
    struct eval_detections found = {0};
    assert_int_equal(
        read_text(
            "{\"frame\":0,\"source\":\"a.jpg\",\"stamp_ns\":5,\"detections\":[{\"box\":[1,2.5,"
            "3,4],\"score\":-1.5,\"level\":3,\"distance_m\":null}],\"coverage\":0.5,"
            "\"missing\":[],\"timing\":{}}\n"
            "{\"frame\":1,\"source\":\"b.jpg\",\"detections\":[],\"coverage\":0,\"error\":"
            "\"broken\"}\n"
            "{\"frame\":\"c.jpg\",\"detections\":[]}\n",
            &found),
        PROTO_OK);
    assert_int_equal(found.frame_count, 3);
    const struct eval_detection_frame *frames = found.frames;
    assert_string_equal(frames[0].source, "a.jpg");
    assert_int_equal(frames[0].count, 1);
    assert_true(frames[0].list[0].box.y == 2.5 && frames[0].list[0].score == -1.5);
    assert_true(frames[0].coverage == 0.5 && !frames[0].failed);
    assert_true(frames[1].failed && frames[1].number == 1);
    assert_string_equal(frames[2].source, "c.jpg");
    assert_int_equal(frames[2].number, -1);
    eval_detections_close(&found);
}

static void files_are_joined(void **state)
{
    (void)state;
    struct eval_detections found = {0};
    for (int i = 0; i < 50; i++)
        assert_int_equal(read_text("{\"frame\":1,\"detections\":[]}\n", &found), PROTO_OK);
    assert_int_equal(found.frame_count, 50);
    eval_detections_close(&found);
}

static void bad_lines_are_refused_with_their_number(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "[]",
        "{",
        "{\"frame\":0}",
        "{\"detections\":[]}",
        "{\"frame\":-1,\"detections\":[]}",
        "{\"frame\":1.5,\"detections\":[]}",
        "{\"frame\":0,\"frame\":1,\"detections\":[]}",
        "{\"frame\":0,\"detections\":{}}",
        "{\"frame\":0,\"detections\":[3]}",
        "{\"frame\":0,\"detections\":[{\"box\":[1,2,3],\"score\":1}]}",
        "{\"frame\":0,\"detections\":[{\"box\":[1,2,3,4]}]}",
        "{\"frame\":0,\"detections\":[{\"box\":[1,2,3,\"4\"],\"score\":1}]}",
        "{\"frame\":0,\"detections\":[{\"box\":[1,2,3,4],\"score\":null}]}",
        "{\"frame\":0,\"detections\":[{\"box\":[1,2,3,4],\"score\":NaN}]}",
        "{\"frame\":0,\"detections\":[{\"box\":[1,2,3,4],\"score\":1e999}]}",
        "{\"frame\":0,\"detections\":[{\"box\":[1,2,-3,4],\"score\":1}]}",
        "{\"frame\":0,\"detections\":[{\"box\":[1,2,0,4],\"score\":1}]}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct eval_detections found = {0};
        char text[256];
        snprintf(text, sizeof text, "{\"frame\":9,\"detections\":[]}\n%s\n", lines[i]);
        assert_int_equal(read_text(text, &found), PROTO_FORMAT);
        if (!strstr(fixture_log, "found.jsonl line 2: "))
            fail_msg("%s: %s", lines[i], fixture_log);
        eval_detections_close(&found);
    }
}

static void an_empty_file_is_refused(void **state)
{
    (void)state;
    struct eval_detections found = {0};
    assert_int_equal(read_text("\n\n", &found), PROTO_FORMAT);
    assert_int_equal(eval_detections_read(&found, fixture_path("nothing")), PROTO_NOT_FOUND);
    eval_detections_close(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_the_detector_are_read),
        cmocka_unit_test(files_are_joined),
        cmocka_unit_test(bad_lines_are_refused_with_their_number),
        cmocka_unit_test(an_empty_file_is_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
