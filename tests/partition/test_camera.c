/* partition/camera.c: no person within the limits stands outside the bands, distances are those the
 * person was placed at, and the bands are as thin as they are meant to be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "partition/camera.h"
#include "partition/nms.h"
#include "proto/status.h"
#include "tests/partition/support.h"

#define DEGREE (3.14159265358979323846 / 180)

static double between(struct random *random, double low, double high)
{
    return low + (high - low) * (double)(random_next(random) >> 11) / 9007199254740992.0;
}

/* The ends of a range are where a band is too narrow first: as often each end as all between. */
static double extreme(struct random *random, double low, double high)
{
    const int32_t where = random_in(random, 0, 2);
    return where == 0 ? low : where == 1 ? high : between(random, low, high);
}

/* As a file without the optional keys gives it. */
static struct proto_config_camera usual_camera(void)
{
    return (struct proto_config_camera){.width = 640,
                                        .height = 480,
                                        .fx = 554.256,
                                        .fy = 554.256,
                                        .cx = 320,
                                        .cy = 240,
                                        .height_m = 1.2,
                                        .height_tolerance_m = 0.02,
                                        .pitch_deg = 5,
                                        .pitch_tolerance_deg = 1,
                                        .roll_tolerance_deg = 1,
                                        .body_min_m = 1.2,
                                        .body_max_m = 2.05,
                                        .distance_min_m = 1,
                                        .distance_max_m = 20,
                                        .cut_below = 1};
}

static struct proto_config_camera random_camera(struct random *random)
{
    struct proto_config_camera c = usual_camera();
    c.width = random_in(random, 300, 900);
    c.height = random_in(random, 200, 700);
    c.fx = c.width / 2.0 / tan(between(random, 35, 95) / 2 * DEGREE);
    c.fy = c.fx * between(random, 0.9, 1.1);
    c.cx = c.width * between(random, 0.4, 0.6);
    c.cy = c.height * between(random, 0.4, 0.6);
    if (random_in(random, 0, 1)) {
        c.k1 = between(random, -0.15, 0.15);
        c.k2 = between(random, 0, 0.03);
        c.p1 = between(random, -0.005, 0.005);
        c.p2 = between(random, -0.005, 0.005);
    }
    c.height_m = between(random, 0.5, 3);
    c.height_tolerance_m = between(random, 0, 0.3);
    c.pitch_deg = between(random, -10, 35);
    c.pitch_tolerance_deg = between(random, 0, 6);
    c.roll_deg = between(random, -25, 25);
    c.roll_tolerance_deg = between(random, 0, 6);
    c.body_min_m = between(random, 0.9, 1.6);
    c.body_max_m = c.body_min_m + between(random, 0, 0.6);
    c.distance_min_m = between(random, 0.8, 6);
    c.distance_max_m = c.distance_min_m + between(random, 1, 30);
    c.cut_below = between(random, 0, 1);
    return c;
}

/* How the camera really sits: within the tolerances. */
struct mount {
    double height, pitch, roll;
};

static struct mount mount_within(const struct proto_config_camera *c, struct random *random)
{
    const double a = extreme(random, -1, 1), b = extreme(random, -1, 1), d = extreme(random, -1, 1);
    return (struct mount){c->height_m + a * c->height_tolerance_m,
                          (c->pitch_deg + b * c->pitch_tolerance_deg) * DEGREE,
                          (c->roll_deg + d * c->roll_tolerance_deg) * DEGREE};
}

/* A point of the world in the picture, by rotations one after the other and OpenCV's formula. */
static bool project(const struct proto_config_camera *c, const struct mount *m, double x, double y,
                    double z, double *px, double *py)
{
    const double right = x, down = m->height - z, ahead = y;
    const double d1 = cos(m->pitch) * down - sin(m->pitch) * ahead;
    const double a1 = sin(m->pitch) * down + cos(m->pitch) * ahead;
    const double r2 = cos(m->roll) * right + sin(m->roll) * d1;
    const double d2 = -sin(m->roll) * right + cos(m->roll) * d1;
    if (a1 < 0.05)
        return false;
    const double u = r2 / a1, v = d2 / a1, q = u * u + v * v;
    const double radial = 1 + c->k1 * q + c->k2 * q * q;
    *px = c->cx + c->fx * (u * radial + 2 * c->p1 * u * v + c->p2 * (q + 2 * u * u));
    *py = c->cy + c->fy * (v * radial + c->p1 * (q + 2 * v * v) + 2 * c->p2 * u * v);
    return true;
}

static int nearest_level(const struct partition_pyramid *pyramid,
                         const struct partition_model *model, double height, double *off)
{
    int best = 0;
    *off = INFINITY;
    for (int k = 0; k < pyramid->level_count; k++) {
        struct partition_nms_level level;
        partition_nms_level_init(&level, pyramid, model, k);
        if (fabs(log(height) - level.log_height) < *off) {
            *off = fabs(log(height) - level.log_height);
            best = k;
        }
    }
    return best;
}

/* Rows near the person's, on its level and the next ones, are in the bands. Returns their number. */
static int check_person(const struct partition_pyramid *pyramid,
                        const struct partition_model *model, const struct partition_rows *bands,
                        double middle, double height)
{
    double off;
    int checked = 0;
    const int best = nearest_level(pyramid, model, height, &off);
    if (off > 0.5 * log(2) / model->per_octave)
        return 0; /* smaller or larger than the pyramid's persons */
    for (int k = best - 1; k <= best + 1; k++) {
        struct partition_nms_level level;
        if (k < 0 || k >= pyramid->level_count)
            continue;
        partition_nms_level_init(&level, pyramid, model, k);
        const double at = floor((middle - level.y0) / level.step_y + 0.5);
        for (double row = at - 2; row <= at + 2; row++) {
            if (row < 0 || row >= pyramid->levels[k].rows)
                continue;
            assert_true(row >= bands[k].row0);
            assert_true(row < bands[k].row0 + bands[k].rows);
            checked++;
        }
    }
    return checked;
}

static void every_person_within_the_limits_is_inside_the_bands(void **state)
{
    struct random random = {.state = 31};
    struct partition_model model;
    int cameras = 0, checked = 0;
    (void)state;
    paper_model_init(&model);
    while (cameras < 40) {
        const struct proto_config_camera c = random_camera(&random);
        struct partition_camera camera;
        struct partition_pyramid pyramid;
        struct partition_rows bands[PROTO_LEVELS_MAX];
        const struct proto_size frame = {c.width, c.height};
        log_capture();
        const bool sees = partition_camera_init(&camera, &c, frame) == PROTO_OK &&
                          partition_pyramid_init(&pyramid, &model, frame) == PROTO_OK &&
                          partition_camera_bands(&camera, &pyramid, &model, bands) == PROTO_OK;
        log_release();
        if (!sees)
            continue;
        cameras++;
        for (int i = 0; i < 4000; i++) {
            const struct mount m = mount_within(&c, &random);
            const double body = extreme(&random, c.body_min_m, c.body_max_m);
            const double distance =
                exp(extreme(&random, log(c.distance_min_m), log(c.distance_max_m)));
            const double side = 0.95 * atan(c.width / 2.0 / c.fx);
            const double azimuth = extreme(&random, -side, side);
            const double x = distance * sin(azimuth), y = distance * cos(azimuth);
            double top, bottom, left, ignored;
            if (!project(&c, &m, x, y, body, &ignored, &top) ||
                !project(&c, &m, x, y, 0, &ignored, &bottom) ||
                !project(&c, &m, x, y, body / 2, &left, &ignored))
                continue;
            if (left < 0 || left > c.width || bottom > c.height * (1 + c.cut_below) ||
                bottom < top + 10)
                continue;
            checked += check_person(&pyramid, &model, bands, (top + bottom) / 2, bottom - top);
        }
    }
    print_message("%d cells of persons before %d cameras\n", checked, cameras);
    assert_true(checked > 100000);
}

static double macs_share(const struct proto_config_camera *c)
{
    struct partition_model model;
    struct partition_pyramid pyramid;
    struct partition_camera camera;
    struct partition_rows bands[PROTO_LEVELS_MAX];
    struct partition_tile_settings settings;
    struct partition_tiles *all, *banded;
    const struct proto_size frame = {c->width, c->height};
    paper_model_init(&model);
    settings = (struct partition_tile_settings){.max_rows = 74};
    assert_int_equal(partition_pyramid_init(&pyramid, &model, frame), PROTO_OK);
    assert_int_equal(partition_camera_init(&camera, c, frame), PROTO_OK);
    assert_int_equal(partition_camera_bands(&camera, &pyramid, &model, bands), PROTO_OK);
    assert_int_equal(partition_tiles_open(&pyramid, &model, &settings, &all), PROTO_OK);
    settings.bands = bands;
    assert_int_equal(partition_tiles_open(&pyramid, &model, &settings, &banded), PROTO_OK);
    const double share = (double)banded->macs / (double)all->macs;
    partition_tiles_close(all);
    partition_tiles_close(banded);
    return share;
}

static void the_papers_camera_saves_three_quarters_of_the_work(void **state)
{
    struct proto_config_camera c = usual_camera();
    (void)state;
    for (int pitch = 0; pitch <= 10; pitch++) {
        c.pitch_deg = pitch;
        const double share = macs_share(&c);
        print_message("pitch %2d degrees: %.1f %% of the MACs\n", pitch, 100 * share);
        assert_true(share <= 0.25);
    }
}

static void wider_limits_never_make_a_band_smaller(void **state)
{
    struct proto_config_camera c = usual_camera();
    (void)state;
    const double usual = macs_share(&c);
    c.pitch_tolerance_deg = 3;
    const double rocking = macs_share(&c);
    c.roll_tolerance_deg = 5;
    const double rolling = macs_share(&c);
    c.body_min_m = 0.8;
    assert_true(usual < rocking && rocking < rolling && rolling < macs_share(&c));
}

static void distance_is_where_the_person_was_placed(void **state)
{
    struct random random = {.state = 32};
    int checked = 0;
    (void)state;
    while (checked < 3000) {
        const struct proto_config_camera c = random_camera(&random);
        const struct mount m = {c.height_m, c.pitch_deg * DEGREE, c.roll_deg * DEGREE};
        struct partition_camera camera;
        log_capture();
        const int status =
            partition_camera_init(&camera, &c, (struct proto_size){c.width, c.height});
        log_release();
        for (int i = 0; status == PROTO_OK && i < 100; i++) {
            const double x = between(&random, -8, 8), y = between(&random, 0.5, 25);
            double px, py;
            if (!project(&c, &m, x, y, 0, &px, &py) || px < 0 || px > c.width || py < 0 ||
                py > c.height)
                continue;
            const double distance = partition_camera_distance(&camera, px, py);
            if (atan(c.height_m / hypot(x, y)) <= c.pitch_tolerance_deg * DEGREE) {
                assert_true(isnan(distance));
                continue;
            }
            assert_true(fabs(distance / hypot(x, y) - 1) < 1e-4);
            checked++;
        }
    }
}

static void nothing_is_known_of_the_distance_above_the_horizon(void **state)
{
    const struct proto_config_camera c = usual_camera();
    struct partition_camera camera;
    (void)state;
    assert_int_equal(partition_camera_init(&camera, &c, (struct proto_size){640, 480}), PROTO_OK);
    const double horizon = 240 - 554.256 * tan(5 * DEGREE);
    assert_true(isnan(partition_camera_distance(&camera, 320, horizon - 1)));
    assert_true(isnan(partition_camera_distance(&camera, 320, horizon + 5)));
    assert_true(partition_camera_distance(&camera, 320, horizon + 20) < 40);
}

static void pictures_of_the_same_shape_are_scaled(void **state)
{
    const struct proto_config_camera c = usual_camera();
    struct partition_camera small, large;
    (void)state;
    assert_int_equal(partition_camera_init(&small, &c, (struct proto_size){640, 480}), PROTO_OK);
    assert_int_equal(partition_camera_init(&large, &c, (struct proto_size){1280, 960}), PROTO_OK);
    assert_true(fabs(partition_camera_distance(&small, 100, 400) -
                     partition_camera_distance(&large, 200, 800)) < 1e-9);
}

static void what_can_not_be_is_refused(void **state)
{
    struct proto_config_camera c = usual_camera();
    struct partition_camera camera;
    struct partition_pyramid pyramid;
    struct partition_model model;
    struct partition_rows bands[PROTO_LEVELS_MAX];
    (void)state;
    log_capture();
    assert_int_equal(partition_camera_init(&camera, &c, (struct proto_size){640, 360}),
                     PROTO_INVALID);
    assert_non_null(strstr(log_captured(), "640 x 480"));
    c.k1 = -2;
    assert_int_equal(partition_camera_init(&camera, &c, (struct proto_size){640, 480}),
                     PROTO_INVALID);
    assert_non_null(strstr(log_captured(), "k1 -2"));
    c = usual_camera();
    c.distance_min_m = 60; /* some 15 pixels tall */
    c.distance_max_m = 70;
    paper_model_init(&model);
    assert_int_equal(partition_pyramid_init(&pyramid, &model, (struct proto_size){640, 480}),
                     PROTO_OK);
    assert_int_equal(partition_camera_init(&camera, &c, (struct proto_size){640, 480}), PROTO_OK);
    assert_int_equal(partition_camera_bands(&camera, &pyramid, &model, bands), PROTO_INVALID);
    assert_non_null(strstr(log_captured(), "no person"));
    log_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_person_within_the_limits_is_inside_the_bands),
        cmocka_unit_test(the_papers_camera_saves_three_quarters_of_the_work),
        cmocka_unit_test(wider_limits_never_make_a_band_smaller),
        cmocka_unit_test(distance_is_where_the_person_was_placed),
        cmocka_unit_test(nothing_is_known_of_the_distance_above_the_horizon),
        cmocka_unit_test(pictures_of_the_same_shape_are_scaled),
        cmocka_unit_test(what_can_not_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
