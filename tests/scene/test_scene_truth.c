#include "coordinator/scene/render.h"
#include "coordinator/scene/truth.h"
#include "tests/scene/support.h"

struct stage {
    struct scene_camera camera;
    struct scene_place *place;
    struct scene_look looks[2];
    struct scene_body bodies[2];
    struct scene_world world;
};

static int set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof(*stage));
    assert_non_null(stage);
    stage->place = empty_place();
    scene_camera_init(&stage->camera, (struct proto_size){640, 480}, 60, 1.2f, 5, 0);
    struct scene_random r;
    scene_random_init(&r, 21, 0);
    for (int i = 0; i < 2; i++) {
        scene_look_choose(&r, &stage->looks[i]);
        stage->looks[i].height_m = 1.75f;
        stage->looks[i].bag = SCENE_BAG_NONE;
    }
    stage->world = (struct scene_world){&stage->camera, stage->place, stage->bodies, 1};
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    free(stage->place);
    free(stage);
    return 0;
}

static void put(struct stage *stage, int person, float x, float y)
{
    struct scene_pose pose = {.at = {x, y, 0}, .heading = 0.5f};
    scene_body_init(&stage->bodies[person], &stage->looks[person], &pose);
}

static struct scene_truth truth_of(struct stage *stage, int person)
{
    struct scene_truth truth;
    assert_true(scene_truth_of(&stage->world, person, &truth));
    return truth;
}

/* Rows and mean column of the pixels whose centre shows the person. */
static void outline(const struct scene_render *render, float *top, float *bottom, float *middle)
{
    int w = render->size.w, first = render->size.h, last = -1, count = 0;
    double sum = 0;
    for (int y = 0; y < render->size.h; y++)
        for (int x = 0; x < w; x++) {
            if (render->objects[y * w + x] != SCENE_PERSON)
                continue;
            first = y < first ? y : first;
            last = y;
            sum += x + 0.5;
            count++;
        }
    assert_true(count > 0);
    *top = (float)first;
    *bottom = (float)last + 1;
    *middle = (float)(sum / count);
}

static void box_fits_the_rendered_outline_within_2_px(void **state)
{
    struct stage *stage = *state;
    struct scene_random r;
    struct scene_render render;
    scene_random_init(&r, 4, 0);
    assert_int_equal(scene_render_open(&render, stage->camera.size), 0);
    for (int i = 0; i < 40; i++) {
        scene_look_choose(&r, &stage->looks[0]);
        stage->looks[0].bag = SCENE_BAG_NONE;
        float roll = i % 4 == 3 ? 4.0f : 0.0f, y = scene_random_range(&r, 3.6f, 11);
        scene_camera_init(&stage->camera, stage->camera.size, 60, 1.2f,
                          scene_random_range(&r, 0, 8), roll);
        struct scene_pose pose = {.at = {scene_random_range(&r, -0.3f, 0.3f) * y, y, 0},
                                  .swing = i % 3 ? 1.0f : 0.0f};
        pose.heading = scene_random_range(&r, 0, 1);
        pose.phase = scene_random_range(&r, 0, 1);
        scene_body_init(&stage->bodies[0], &stage->looks[0], &pose);
        struct scene_truth truth = truth_of(stage, 0);
        scene_render_draw(&render, &stage->world);
        float top, bottom, middle;
        outline(&render, &top, &bottom, &middle);
        assert_true(fabsf(top - truth.y) <= 2 && fabsf(bottom - (truth.y + truth.h)) <= 2);
        assert_true(fabsf(middle - (truth.x + truth.w / 2)) < 0.06f * truth.h);
        assert_true(fabsf(truth.w - 0.41f * truth.h) < 1e-3f);
        assert_true(truth.visible > 0.99f);
    }
    scene_render_close(&render);
}

static void distance_is_that_of_the_floor_seen_below_the_hips(void **state)
{
    struct stage *stage = *state;
    struct scene_random r;
    scene_random_init(&r, 8, 0);
    for (int i = 0; i < 200; i++) {
        float y = scene_random_range(&r, 3, 13), x = scene_random_range(&r, -0.4f, 0.4f) * y, px,
              py;
        put(stage, 0, x, y);
        struct scene_truth truth = truth_of(stage, 0);
        assert_true(scene_camera_project(&stage->camera, scene_vec(x, y, 0), &px, &py));
        struct scene_vec ray = scene_camera_ray(&stage->camera, px, py);
        float t = -stage->camera.height_m / ray.z;
        assert_true(fabsf(t * sqrtf(ray.x * ray.x + ray.y * ray.y) - truth.distance_m) < 0.01f);
        /* The lower edge of the box lies on the floor at the toes, 10 to 35 cm nearer. */
        ray = scene_camera_ray(&stage->camera, truth.x + truth.w / 2, truth.y + truth.h);
        t = -stage->camera.height_m / ray.z * sqrtf(ray.x * ray.x + ray.y * ray.y);
        assert_true(t < truth.distance_m && t > truth.distance_m - 0.4f);
    }
}

/* Share of the person's pixels that lie above a row. */
static float share_above(struct stage *stage, float row)
{
    struct scene_render render;
    int above = 0, all = 0;
    assert_int_equal(scene_render_open(&render, stage->camera.size), 0);
    scene_render_draw(&render, &stage->world);
    for (int i = 0; i < 640 * 480; i++) {
        all += render.objects[i] == SCENE_PERSON;
        above += render.objects[i] == SCENE_PERSON && (float)(i / 640) + 0.5f < row;
    }
    scene_render_close(&render);
    assert_true(all > 0);
    return (float)above / (float)all;
}

static void what_stands_in_front_hides_its_share(void **state)
{
    struct stage *stage = *state;
    put(stage, 0, 0, 6);
    struct scene_truth alone = truth_of(stage, 0);
    assert_false(alone.ignore);
    /* A wall as high as the lens hides all below the horizon, wherever it stands. */
    float x, horizon;
    assert_true(scene_camera_project(&stage->camera, scene_vec(0, 1e4f, 1.2f), &x, &horizon));
    float share = share_above(stage, horizon);
    add_wall(stage->place, scene_vec(0, 3, 0.6f), scene_vec(3, 0.01f, 0.6f));
    struct scene_truth most = truth_of(stage, 0);
    assert_true(fabsf(most.visible - share) < 0.03f);
    assert_int_equal(most.ignore, most.visible < SCENE_VISIBLE_MIN);
    assert_true(most.y == alone.y && most.h == alone.h);
    /* A lower one hides only the legs: that person counts. */
    stage->place->things[0].half.z = stage->place->things[0].centre.z =
        0.45f; /* 0.9 m: below 0.6 m there */
    struct scene_truth some = truth_of(stage, 0);
    assert_true(some.visible > 0.6f && some.visible < 0.9f && !some.ignore);
    stage->place->things[0].half.z = stage->place->things[0].centre.z = 1; /* 2 m: all */
    assert_true(truth_of(stage, 0).visible == 0 && truth_of(stage, 0).ignore);
    stage->place->things[0].centre.y = 8; /* behind */
    assert_true(truth_of(stage, 0).visible > 0.99f);
}

static void nearer_person_hides_the_farther_one(void **state)
{
    struct stage *stage = *state;
    stage->world.count = 2;
    put(stage, 0, 0, 8);
    put(stage, 1, 0, 3);
    assert_true(truth_of(stage, 0).visible < 0.2f && truth_of(stage, 0).ignore);
    assert_true(truth_of(stage, 1).visible > 0.99f && !truth_of(stage, 1).ignore);
    put(stage, 1, 1.5f, 3);
    assert_true(truth_of(stage, 0).visible > 0.99f && !truth_of(stage, 0).ignore);
}

static void who_can_not_be_found_is_ignored(void **state)
{
    struct stage *stage = *state;
    put(stage, 0, 0, 30); /* about 32 px */
    assert_true(truth_of(stage, 0).ignore && truth_of(stage, 0).h < 75);
    put(stage, 0, 0, 2.2f); /* feet below the frame: found thanks to the padding */
    struct scene_truth cut = truth_of(stage, 0);
    assert_true(cut.y + cut.h > 480 && !cut.ignore);
    put(stage, 0, 2.9f, 5); /* axis on the right side of the frame */
    assert_true(truth_of(stage, 0).ignore);
    put(stage, 0, 2.2f, 5);
    assert_false(truth_of(stage, 0).ignore);
    struct scene_truth none;
    put(stage, 0, 9, 5);
    assert_false(scene_truth_of(&stage->world, 0, &none));
    put(stage, 0, 0, -3);
    assert_false(scene_truth_of(&stage->world, 0, &none));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(box_fits_the_rendered_outline_within_2_px),
        TEST(distance_is_that_of_the_floor_seen_below_the_hips),
        TEST(what_stands_in_front_hides_its_share),
        TEST(nearer_person_hides_the_farther_one),
        TEST(who_can_not_be_found_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
