/* The command as a user has it: exit codes, JSON keys, and the files it writes. */
#include "tests/eval/fixture.h"

#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

#include "cli/cli.h"
#include "coordinator/image.h"

enum { ARGUMENTS_MAX = 32 };

/* Run with standard output in a file; arguments are split at spaces, "@" stands for the test's folder. */
static int run(const char *arguments)
{
    static char text[2048];
    char *argv[ARGUMENTS_MAX] = {"eval"};
    int argc = 1;
    size_t used = 0;
    for (const char *p = arguments; *p && used < sizeof text - 300; p++) {
        if (*p == '@')
            used += (size_t)snprintf(text + used, sizeof text - used, "%s", fixture_dir);
        else
            text[used++] = *p;
    }
    text[used] = 0;
    for (char *save, *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    fixture_quiet();
    fflush(stdout);
    int screen = dup(1), file = open(fixture_path("out"), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(file, 1);
    int code = cli_eval(argc, argv);
    fflush(stdout);
    dup2(screen, 1);
    close(screen);
    close(file);
    return code;
}

static char *output(const char *name)
{
    static char text[65536];
    FILE *file = fopen(fixture_path(name), "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static int open_folder(void **state)
{
    if (fixture_open(state))
        return -1;
    fixture_write("truth.csv", "frame,x,y,w,h,label,ignore\n"
                               "a.png,10,10,41,100,person,0\n"
                               "b.png,10,10,41,100,person,0\n");
    fixture_write("found.jsonl",
                  "{\"frame\":0,\"source\":\"a.png\",\"detections\":[{\"box\":[10,10,41,100],"
                  "\"score\":2.5},{\"box\":[80,10,41,100],\"score\":1.5}]}\n"
                  "{\"frame\":1,\"source\":\"b.png\",\"detections\":[]}\n"
                  "{\"frame\":2,\"source\":\"c.png\",\"detections\":[]}\n");
    fixture_write("other.jsonl",
                  "{\"frame\":0,\"source\":\"b.png\",\"detections\":[{\"box\":[12,10,41,100],"
                  "\"score\":2.5}]}\n"
                  "{\"frame\":1,\"source\":\"a.png\",\"detections\":[]}\n"
                  "{\"frame\":2,\"source\":\"c.png\",\"detections\":[]}\n");
    fixture_write("fewer.jsonl", "{\"frame\":0,\"source\":\"a.png\",\"detections\":[]}\n"
                                 "{\"frame\":1,\"source\":\"b.png\",\"detections\":[]}\n");
    struct coordinator_image image = {0};
    int status = coordinator_image_init(&image, (struct proto_size){160, 120});
    static const char *const names[] = {"a.png", "b.png", "c.png"};
    for (int i = 0; !status && i < 3; i++)
        status = coordinator_image_write(fixture_path(names[i]), &image);
    coordinator_image_free(&image);
    return status;
}

#define INPUT "--truth @/truth.csv --detections @/found.jsonl "

static void the_json_report_has_the_promised_keys(void **state)
{
    (void)state;
    assert_int_equal(run(INPUT "--json"), CLI_DONE);
    json_t *json = json_loads(output("out"), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    static const char *const keys[] = {"miss_rate_0.1", "miss_rate_0.01", "log_average_miss_rate",
                                       "precision",     "recall",         "mean_iou"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_true(json_is_number(json_object_get(json, keys[i])));
        assert_int_equal(
            json_array_size(json_object_get(json_object_get(json, "interval"), keys[i])), 2);
    }
    assert_int_equal(json_integer_value(json_object_get(json, "frames")), 3);
    assert_int_equal(json_integer_value(json_object_get(json, "persons")), 2);
    assert_true(json_number_value(json_object_get(json, "miss_rate_0.1")) == 0.5);
    assert_true(json_number_value(json_object_get(json, "threshold")) == 2.5);
    json_decref(json);
}

static void the_threshold_can_be_given_or_asked_for(void **state)
{
    (void)state;
    assert_int_equal(run(INPUT "--threshold-at 0.4"), CLI_DONE);
    assert_non_null(strstr(output("out"), "threshold               1.5 (from the FPPI"));
    assert_int_equal(run(INPUT "--threshold 1"), CLI_DONE);
    assert_non_null(strstr(output("out"), "precision               0.5000"));
}

static void two_detectors_are_compared(void **state)
{
    (void)state;
    assert_int_equal(run(INPUT "--compare @/other.jsonl"), CLI_DONE);
    assert_non_null(strstr(output("out"), "not significant"));
    assert_int_equal(run(INPUT "--compare @/other.jsonl --json"), CLI_DONE);
    json_t *json = json_loads(output("out"), JSON_REJECT_DUPLICATES, NULL);
    json_t *difference = json_object_get(json_object_get(json, "difference"), "miss_rate_0.1");
    assert_true(json_number_value(json_object_get(difference, "value")) == 0);
    assert_true(json_is_false(json_object_get(difference, "significant")));
    json_decref(json);
    assert_int_equal(run(INPUT "--compare @/fewer.jsonl"), CLI_USAGE);
}

static void plots_are_drawn_as_svg_and_png(void **state)
{
    (void)state;
    assert_int_equal(run(INPUT "--compare @/other.jsonl --plot @/curve.svg"), CLI_DONE);
    assert_non_null(strstr(output("curve.svg"), "</svg>"));
    assert_int_equal(run(INPUT "--plot @/curve.png"), CLI_DONE);
    struct coordinator_image image = {0};
    assert_int_equal(coordinator_image_read(fixture_path("curve.png"), &image, NULL), PROTO_OK);
    assert_true(image.size.w > 300 && image.size.h > 200);
    coordinator_image_free(&image);
    assert_int_equal(run(INPUT "--plot @/curve.gif"), CLI_USAGE);
    assert_int_equal(run(INPUT "--plot @/no/such/folder/curve.svg"), CLI_FAILED);
}

static void mistakes_are_written_as_pictures(void **state)
{
    (void)state;
    assert_int_equal(run(INPUT "--threshold 1 --images @ --errors @/worst"), CLI_DONE);
    const char *list = output("worst/errors.csv");
    assert_non_null(strstr(list, "false_alarm_01.jpg,a.png,80.0,10.0,41.0,100.0,1.5\n"));
    assert_non_null(strstr(list, "miss_01.jpg,b.png,10.0,10.0,41.0,100.0,\n"));
    struct coordinator_image image = {0};
    assert_int_equal(coordinator_image_read(fixture_path("worst/miss_01.jpg"), &image, NULL),
                     PROTO_OK);
    assert_int_equal(image.size.w, 160);
    const uint8_t *edge = image.data + 3 * (50 * 160 + 10); /* on the red outline */
    assert_true(edge[0] > 120 && edge[1] < 100 && edge[2] < 100);
    coordinator_image_free(&image);
    assert_int_equal(run(INPUT "--threshold 1 --images @/worst --errors @/worst2"), CLI_USAGE);
    assert_non_null(strstr(fixture_log, "a.png"));
}

static void boxes_are_clipped_to_the_pictures(void **state)
{
    (void)state;
    assert_int_equal(run(INPUT "--clip --images @"), CLI_DONE);
    assert_non_null(strstr(output("out"), "cut at the picture's edges"));
    assert_int_equal(run(INPUT "--clip --images @/nowhere"), CLI_USAGE);
}

static void wrong_use_and_wrong_input_exit_with_2(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "--truth @/truth.csv",
        INPUT "extra",
        INPUT "--subset nearby",
        INPUT "--height 9",
        INPUT "--threshold x",
        INPUT "--threshold-at -1",
        INPUT "--rounds 0",
        INPUT "--seed 1.5",
        INPUT "--errors-most 0",
        INPUT "--negatives @/nothing",
        INPUT "--frames zebra",
        INPUT "--nonsense",
        "--truth @/nothing.csv --detections @/found.jsonl",
        "--truth @/truth.csv --detections @/nothing.jsonl",
        "--truth @/truth.csv --detections @/truth.csv",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (run(cases[i]) != CLI_USAGE)
            fail_msg("'%s' does not exit with 2", cases[i]);
}

static void help_has_the_subsets_and_examples(void **state)
{
    (void)state;
    assert_int_equal(run("--help"), CLI_DONE);
    assert_non_null(strstr(output("out"), "75 to 143 px"));
    assert_non_null(strstr(output("out"), "examples:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_json_report_has_the_promised_keys),
        cmocka_unit_test(the_threshold_can_be_given_or_asked_for),
        cmocka_unit_test(two_detectors_are_compared),
        cmocka_unit_test(plots_are_drawn_as_svg_and_png),
        cmocka_unit_test(mistakes_are_written_as_pictures),
        cmocka_unit_test(boxes_are_clipped_to_the_pictures),
        cmocka_unit_test(wrong_use_and_wrong_input_exit_with_2),
        cmocka_unit_test(help_has_the_subsets_and_examples),
    };
    return cmocka_run_group_tests(tests, open_folder, fixture_close);
}
