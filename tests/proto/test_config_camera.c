/* proto/config_camera.c: what is read, what is refused, and how that is said. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/config.h"
#include "proto/status.h"
#include "tests/proto/support.h"

static char last_line[512];
static char path[] = "/tmp/muster-camera-XXXXXX";
static FILE *file;

static int set_up(void **state)
{
    (void)state;
    proto_log_set_sink(keep_line, last_line);
    int fd = mkstemp(path);
    file = fd < 0 ? NULL : fdopen(fd, "wb");
    return file ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    proto_log_set_sink(NULL, NULL);
    return fclose(file) | unlink(path);
}

static int load(const char *text, struct proto_config_camera *camera)
{
    const size_t len = strlen(text);
    rewind(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fflush(file), 0);
    assert_int_equal(ftruncate(fileno(file), (off_t)len), 0);
    last_line[0] = '\0';
    return proto_config_camera_load(path, camera);
}

static void every_key_is_read(void **state)
{
    (void)state;
    struct proto_config_camera c;
    assert_int_equal(
        load("width: 1280\nheight: 720\nfx: 900\nfy: 910\ncx: 630\ncy: 350\n"
             "k1: -0.1\nk2: 0.01\np1: 0.001\np2: -0.002\n"
             "height_m: 1.5\nheight_tolerance_m: 0.1\npitch_deg: 8\npitch_tolerance_deg: 3\n"
             "roll_deg: -2\nroll_tolerance_deg: 4\nbody_min_m: 1\nbody_max_m: 2.1\n"
             "distance_min_m: 0.8\ndistance_max_m: 30\ncut_below: 0.5\n",
             &c),
        PROTO_OK);
    assert_true(c.width == 1280 && c.height == 720);
    assert_true(c.fx == 900 && c.fy == 910 && c.cx == 630 && c.cy == 350);
    assert_true(c.k1 == -0.1 && c.k2 == 0.01 && c.p1 == 0.001 && c.p2 == -0.002);
    assert_true(c.height_m == 1.5 && c.height_tolerance_m == 0.1);
    assert_true(c.pitch_deg == 8 && c.pitch_tolerance_deg == 3);
    assert_true(c.roll_deg == -2 && c.roll_tolerance_deg == 4);
    assert_true(c.body_min_m == 1 && c.body_max_m == 2.1);
    assert_true(c.distance_min_m == 0.8 && c.distance_max_m == 30 && c.cut_below == 0.5);
}

static void five_keys_are_enough(void **state)
{
    (void)state;
    struct proto_config_camera c;
    assert_int_equal(
        load("width: 640\nheight: 480\nfov_deg: 60\nheight_m: 1.2\npitch_deg: 5\n", &c), PROTO_OK);
    assert_true(fabs(c.fx - 554.256) < 1e-3 && c.fy == c.fx && c.cx == 320 && c.cy == 240);
    assert_true(c.k1 == 0 && c.k2 == 0 && c.p1 == 0 && c.p2 == 0);
    assert_true(c.height_tolerance_m == 0.02 && c.pitch_tolerance_deg == 1);
    assert_true(c.roll_deg == 0 && c.roll_tolerance_deg == 1);
    assert_true(c.body_min_m == 1.2 && c.body_max_m == 2.05);
    assert_true(c.distance_min_m == 1 && c.distance_max_m == 20 && c.cut_below == 1);
}

static void the_example_file_is_valid(void **state)
{
    (void)state;
    struct proto_config_camera c;
    assert_int_equal(proto_config_camera_load(MUSTER_SOURCE "/configs/cameras/scene.yaml", &c),
                     PROTO_OK);
    assert_true(c.width == 640 && c.height_m == 1.2 && c.distance_max_m == 13.1);
}

/* A good file with one line in place of another. */
static void errors_name_file_line_and_key(void **state)
{
    (void)state;
    static const char *const good[] = {
        "width: 640\n",    "height: 480\n",       "fx: 554\n",
        "height_m: 1.2\n", "pitch_deg: 5\n",      "body_min_m: 1.4\n",
        "body_max_m: 2\n", "distance_min_m: 2\n", "distance_max_m: 20\n"};
    enum { LINES = sizeof(good) / sizeof(good[0]) };
    static const struct {
        int replaced; /* line, from 1 */
        const char *line;
        int status, where;
        const char *key, *also;
    } cases[] = {
        {4, "", PROTO_FORMAT, 0, "'height_m' is missing", ""},
        {3, "", PROTO_INVALID, 0, "fx is missing", "fov_deg"},
        {3, "fx: 554\nfov_deg: 60\n", PROTO_INVALID, 4, "fov_deg", "either"},
        {3, "fov_deg: 200\n", PROTO_INVALID, 3, "fov_deg", "1 to 170"},
        {3, "focal: 554\n", PROTO_FORMAT, 3, "unknown key 'focal'", "fx"},
        {3, "fx: -554\n", PROTO_INVALID, 3, "fx", "1 to"},
        {3, "fx: 554\ncy: 500\n", PROTO_INVALID, 4, "cy", "480"},
        {1, "width: 640.5\n", PROTO_INVALID, 1, "width", "whole"},
        {4, "height_m: nan\n", PROTO_INVALID, 4, "height_m", "not a number"},
        {4, "height_m: 1.2m\n", PROTO_INVALID, 4, "height_m", "'1.2m'"},
        {4, "height_m: -1\n", PROTO_INVALID, 4, "height_m", "0.05 to 100"},
        {4, "height_m: 1.2\nheight_tolerance_m: 1.5\n", PROTO_INVALID, 5, "height_tolerance_m",
         "less than height_m"},
        {5, "pitch_deg: 5\npitch_tolerance_deg: -1\n", PROTO_INVALID, 6, "pitch_tolerance_deg",
         "0 to 30"},
        {5, "pitch_deg: 5\nroll_deg: 90\n", PROTO_INVALID, 6, "roll_deg", "-45 to 45"},
        {5, "pitch_deg: -55\n", PROTO_INVALID, 5, "pitch_deg", "sky"},
        {5, "pitch_deg: 88\n", PROTO_INVALID, 8, "distance_min_m", "no person"},
        {6, "body_min_m: 2.5\n", PROTO_INVALID, 6, "body_min_m", "body_max_m"},
        {8, "distance_min_m: 20\n", PROTO_INVALID, 8, "distance_min_m", "less than"},
        {9, "distance_max_m: inf\n", PROTO_INVALID, 9, "distance_max_m", "not a number"},
        {9, "distance_max_m: [1, 2]\n", PROTO_FORMAT, 9, "distance_max_m", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024], where[64];
        size_t used = 0;
        struct proto_config_camera camera = {.width = 7}, before = camera;
        for (int j = 0; j < LINES; j++)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
                                     j + 1 == cases[i].replaced ? cases[i].line : good[j]);
        const int status = load(text, &camera);
        if (cases[i].where)
            snprintf(where, sizeof(where), "%s:%d: ", path, cases[i].where);
        else
            snprintf(where, sizeof(where), "%s", path);
        if (status != cases[i].status || !strstr(last_line, where) ||
            !strstr(last_line, cases[i].key) || !strstr(last_line, cases[i].also))
            fail_msg("case %zu (%s): %s: \"%s\"", i, cases[i].line, proto_status_name(status),
                     last_line);
        assert_memory_equal(&camera, &before, sizeof(camera));
    }
}

static void a_file_without_content_is_refused(void **state)
{
    (void)state;
    struct proto_config_camera c;
    assert_int_equal(load("# nothing\n", &c), PROTO_INVALID);
    assert_int_equal(proto_config_camera_load("/nowhere/camera.yaml", &c), PROTO_IO);
    assert_non_null(strstr(last_line, "/nowhere/camera.yaml"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(five_keys_are_enough),
        cmocka_unit_test(the_example_file_is_valid),
        cmocka_unit_test(errors_name_file_line_and_key),
        cmocka_unit_test(a_file_without_content_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
