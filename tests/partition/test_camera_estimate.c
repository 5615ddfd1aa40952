/* partition/camera_estimate.c: cameras that are known are found again, within what it says, and data that
 * cannot decide is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/camera_estimate.h"
#include "partition/simplex.h"
#include "proto/status.h"
#include "tests/partition/support.h"

#define DEGREE (3.14159265358979323846 / 180)

enum { MOST = 400 };

struct crowd {
    uint32_t tracks, each;    /* persons, and boxes of each */
    double nearest, farthest; /* metres */
    double noise;             /* of a box's ends, share of its height */
    double wrong;             /* share of boxes that show something else */
};
static const struct crowd usual = {30, 8, 2.5, 12, 0.015, 0};

static double between(struct random *random, double low, double high)
{
    return low + (high - low) * (double)(random_next(random) >> 11) / 9007199254740992.0;
}

/* Nearly normal, spread 1. */
static double normal(struct random *random)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += between(random, 0, 1);
    return sum;
}

static struct partition_camera camera_at(double height, double pitch, double roll, double k1)
{
    const struct proto_config_camera config = {.width = 640,
                                               .height = 480,
                                               .fx = 500,
                                               .fy = 500,
                                               .cx = 320,
                                               .cy = 240,
                                               .k1 = k1,
                                               .height_m = height,
                                               .pitch_deg = pitch,
                                               .roll_deg = roll};
    struct partition_camera camera;
    assert_int_equal(partition_camera_init(&camera, &config, (struct proto_size){640, 480}),
                     PROTO_OK);
    return camera;
}

/* Persons who walk between the two distances; each keeps the height of the body. */
static uint32_t show(const struct partition_camera *camera, const struct crowd *crowd,
                     uint64_t seed, struct partition_sighting list[MOST])
{
    struct random random = {seed};
    uint32_t count = 0;
    for (uint32_t t = 0; t < crowd->tracks; t++) {
        const double body = 1.7 * exp(0.055 * normal(&random));
        const double from = between(&random, crowd->nearest, crowd->farthest);
        const double to = between(&random, crowd->nearest, crowd->farthest);
        const double column = between(&random, -0.5, 0.5);
        for (uint32_t i = 0; i < crowd->each && count < MOST; i++) {
            const double distance = from + (to - from) * i / crowd->each;
            double top, bottom;
            assert_true(
                partition_camera_person(camera, distance, body, 0.2, column, &top, &bottom));
            const double noise = crowd->noise * (bottom - top);
            struct partition_sighting *s = &list[count++];
            *s = (struct partition_sighting){.x = camera->cx + camera->fx * column,
                                             .top = top + noise * normal(&random),
                                             .bottom = bottom + noise * normal(&random),
                                             .track = t};
            if (between(&random, 0, 1) < crowd->wrong) {
                s->top = between(&random, 0, 300);
                s->bottom = s->top + between(&random, 30, 180);
                s->track = crowd->tracks + count; /* nobody's */
            }
        }
    }
    return count;
}

static void assert_close(double found, double sd, double truth, double rounding)
{
    if (!(fabs(found - truth) <= 3.5 * sd + rounding))
        fail_msg("found %.3f +- %.3f, the truth is %.3f", found, sd, truth);
}

static void camera_is_found_again(void **state)
{
    (void)state;
    static const double poses[][2] = {{0.8, 8}, {1.2, 5}, {1.2, 0}, {2.5, 18}, {5, 30}, {3, -3}};
    struct partition_sighting list[MOST];
    struct partition_camera_estimate_settings settings;
    partition_camera_estimate_defaults(&settings);
    settings.bootstrap = 20; /* is enough, and quick */
    for (size_t i = 0; i < sizeof(poses) / sizeof(*poses); i++) {
        const struct partition_camera camera = camera_at(poses[i][0], poses[i][1], 0, 0);
        const struct partition_camera lens = camera_at(1, 0, 0, 0);
        struct partition_camera_estimate found;
        const uint32_t count = show(&camera, &usual, i + 1, list);
        assert_int_equal(partition_camera_estimate(&lens, list, count, &settings, &found),
                         PROTO_OK);
        assert_close(found.pitch_deg, found.pitch_sd_deg, poses[i][1], 0);
        assert_close(found.height_m, found.height_sd_m, poses[i][0], 0);
        assert_true(found.pitch_sd_deg > 0 && found.pitch_sd_deg < 2.5);
        assert_true(found.height_sd_m > 0.03 * poses[i][0] &&
                    found.height_sd_m < 0.2 * poses[i][0]);
        assert_int_equal(found.sightings, count);
        assert_int_equal(found.tracks, usual.tracks);
        assert_true(found.nearest_m > 2 && found.farthest_m < 13);
    }
}

static void roll_is_found_when_asked_for(void **state)
{
    (void)state;
    struct partition_sighting list[MOST];
    struct partition_camera_estimate_settings settings;
    struct partition_camera_estimate found;
    const struct partition_camera camera = camera_at(1.5, 6, 4, 0), lens = camera_at(1, 0, 0, 0);
    partition_camera_estimate_defaults(&settings);
    settings.bootstrap = 20; /* is enough, and quick */
    settings.roll_deg = NAN;
    const uint32_t count = show(&camera, &usual, 7, list);
    assert_int_equal(partition_camera_estimate(&lens, list, count, &settings, &found), PROTO_OK);
    assert_close(found.roll_deg, found.roll_sd_deg, 4, 0.3);
    assert_close(found.pitch_deg, found.pitch_sd_deg, 6, 0);
    assert_true(found.roll_sd_deg > 0 && found.roll_sd_deg < 2);
}

static void lens_with_distortion_is_allowed_for(void **state)
{
    (void)state;
    struct partition_sighting list[MOST];
    struct partition_camera_estimate_settings settings;
    struct partition_camera_estimate found;
    const struct partition_camera camera = camera_at(2, 12, 0, -0.15),
                                  lens = camera_at(1, 0, 0, -0.15);
    partition_camera_estimate_defaults(&settings);
    settings.bootstrap = 20; /* is enough, and quick */
    uint32_t count = show(&camera, &usual, 8, list);
    for (uint32_t i = 0; i < count;
         i++) { /* columns above are those of an ideal lens: keep to the middle */
        const double column = (list[i].x - 320) / 500;
        if (fabs(column) > 0.15)
            list[i--] = list[--count];
    }
    assert_true(count > 50);
    assert_int_equal(partition_camera_estimate(&lens, list, count, &settings, &found), PROTO_OK);
    assert_close(found.pitch_deg, found.pitch_sd_deg, 12, 0);
    assert_close(found.height_m, found.height_sd_m, 2, 0);
}

static void a_quarter_of_wrong_boxes_does_little(void **state)
{
    (void)state;
    struct partition_sighting list[MOST];
    struct partition_camera_estimate_settings settings;
    struct partition_camera_estimate found;
    struct crowd crowd = usual;
    const struct partition_camera camera = camera_at(1.4, 7, 0, 0), lens = camera_at(1, 0, 0, 0);
    partition_camera_estimate_defaults(&settings);
    settings.bootstrap = 20; /* is enough, and quick */
    crowd.wrong = 0.25;
    const uint32_t count = show(&camera, &crowd, 9, list);
    assert_int_equal(partition_camera_estimate(&lens, list, count, &settings, &found), PROTO_OK);
    assert_close(found.pitch_deg, found.pitch_sd_deg, 7, 0.5);
    assert_close(found.height_m, found.height_sd_m, 1.4, 0);
    assert_true(found.outliers > count / 10);
}

static void measured_height_makes_the_pitch_surer_and_tells_the_bodies(void **state)
{
    (void)state;
    struct partition_sighting list[MOST];
    struct partition_camera_estimate_settings settings;
    struct partition_camera_estimate guessed, measured;
    const struct partition_camera camera = camera_at(1.5, 5, 0, 0), lens = camera_at(1, 0, 0, 0);
    partition_camera_estimate_defaults(&settings);
    settings.bootstrap = 20; /* is enough, and quick */
    const uint32_t count = show(&camera, &usual, 10, list);
    assert_int_equal(partition_camera_estimate(&lens, list, count, &settings, &guessed), PROTO_OK);
    settings.height_m = 1.5;
    assert_int_equal(partition_camera_estimate(&lens, list, count, &settings, &measured), PROTO_OK);
    assert_true(measured.height_m == 1.5 && measured.height_sd_m == 0);
    assert_true(measured.pitch_sd_deg <= guessed.pitch_sd_deg * 1.05);
    assert_close(measured.pitch_deg, measured.pitch_sd_deg, 5, 0);
    assert_close(measured.body_m, 0.03, 1.7, 0);
    assert_true(guessed.body_m == 1.7);
}

static void what_cannot_decide_is_refused_with_what_is_needed(void **state)
{
    (void)state;
    struct partition_sighting list[MOST];
    struct partition_camera_estimate_settings settings;
    struct partition_camera_estimate found;
    const struct partition_camera camera = camera_at(1.5, 5, 0, 0), lens = camera_at(1, 0, 0, 0);
    partition_camera_estimate_defaults(&settings);
    settings.bootstrap = 20; /* is enough, and quick */
    struct crowd same = {6, 8, 6, 6.1, 0.015, 0};
    uint32_t count = show(&camera, &same, 11, list);
    log_capture();
    assert_int_equal(partition_camera_estimate(&lens, list, count, &settings, &found),
                     PROTO_INVALID);
    assert_non_null(strstr(log_captured(), "different distances"));
    assert_int_equal(
        partition_camera_estimate(&lens, list, PARTITION_SIGHTINGS_MIN - 1, &settings, &found),
        PROTO_INVALID);
    assert_non_null(strstr(log_captured(), "are needed"));
    struct crowd nonsense = {40, 5, 3, 9, 0.015, 1};
    count = show(&camera, &nonsense, 12, list);
    assert_int_equal(partition_camera_estimate(&lens, list, count, &settings, &found),
                     PROTO_INVALID);
    log_release();
}

static void same_boxes_give_the_same_camera(void **state)
{
    (void)state;
    struct partition_sighting list[MOST], turned[MOST];
    struct partition_camera_estimate_settings settings;
    struct partition_camera_estimate one, two;
    const struct partition_camera camera = camera_at(1.1, 3, 0, 0), lens = camera_at(1, 0, 0, 0);
    partition_camera_estimate_defaults(&settings);
    settings.bootstrap = 20; /* is enough, and quick */
    const uint32_t count = show(&camera, &usual, 13, list);
    for (uint32_t i = 0; i < count; i++)
        turned[i] = list[count - 1 - i]; /* their order says nothing */
    assert_int_equal(partition_camera_estimate(&lens, list, count, &settings, &one), PROTO_OK);
    assert_int_equal(partition_camera_estimate(&lens, turned, count, &settings, &two), PROTO_OK);
    assert_memory_equal(&one, &two, sizeof(one));
}

/* Rosenbrock's valley. */
static double valley(void *arg, const double *x)
{
    ++*(int *)arg;
    return 100 * pow(x[1] - x[0] * x[0], 2) + pow(1 - x[0], 2);
}

static void simplex_walks_to_the_end_of_a_valley(void **state)
{
    (void)state;
    double x[2] = {-1.2, 1};
    int calls = 0;
    assert_true(partition_simplex(valley, &calls, x, 2, 0.5, 1e-9, 1000) < 1e-12);
    assert_true(fabs(x[0] - 1) < 1e-5 && fabs(x[1] - 1) < 1e-5);
    assert_true(calls > 20 && calls < 2100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(camera_is_found_again),
        cmocka_unit_test(roll_is_found_when_asked_for),
        cmocka_unit_test(lens_with_distortion_is_allowed_for),
        cmocka_unit_test(a_quarter_of_wrong_boxes_does_little),
        cmocka_unit_test(measured_height_makes_the_pitch_surer_and_tells_the_bodies),
        cmocka_unit_test(what_cannot_decide_is_refused_with_what_is_needed),
        cmocka_unit_test(same_boxes_give_the_same_camera),
        cmocka_unit_test(simplex_walks_to_the_end_of_a_valley),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
