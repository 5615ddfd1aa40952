#include "tests/scene/support.h"

static void sine_agrees_with_the_library(void **state)
{
    (void)state;
    for (int i = -4000; i <= 4000; i++) {
        float turns = (float)i / 1000;
        assert_true(fabs((double)scene_sin(turns) - sin((double)turns * 6.283185307179586)) < 3e-7);
        assert_true(fabs((double)scene_cos(turns) - cos((double)turns * 6.283185307179586)) < 2e-6);
    }
}

static void random_camera(struct scene_random *r, struct scene_camera *camera)
{
    float fov = scene_random_range(r, 30, 110), height = scene_random_range(r, 0.4f, 3);
    float pitch = scene_random_range(r, -10, 40), roll = scene_random_range(r, -20, 20);
    scene_camera_init(camera, (struct proto_size){640, 480}, fov, height, pitch, roll);
}

static void rays_and_projection_are_inverse(void **state)
{
    (void)state;
    struct scene_random r;
    scene_random_init(&r, 3, 0);
    for (int i = 0; i < 1000; i++) {
        struct scene_camera camera;
        random_camera(&r, &camera);
        float x = scene_random_range(&r, -100, 740), y = scene_random_range(&r, -100, 580);
        float far = scene_random_range(&r, 0.5f, 50), bx, by;
        struct scene_vec p = scene_along(camera.eye, scene_camera_ray(&camera, x, y), far);
        assert_true(scene_camera_project(&camera, p, &bx, &by));
        assert_true(fabsf(bx - x) < 0.02f && fabsf(by - y) < 0.02f);
    }
}

static void level_camera_has_its_horizon_where_trigonometry_says(void **state)
{
    (void)state;
    struct scene_camera camera;
    scene_camera_init(&camera, (struct proto_size){640, 480}, 90, 1.2f, 10, 0);
    assert_true(fabsf(camera.fx - 320) < 0.01f);
    float x, y;
    assert_true(scene_camera_project(&camera, scene_vec(0, 1000, 1.2f), &x, &y));
    /* Looking down moves the horizon up by f * tan(pitch). */
    assert_true(fabs((double)y - (240 - 320 * tan(10 * 3.14159265358979 / 180))) < 0.05);
    assert_true(scene_camera_project(&camera, scene_vec(2, 1000, 0), &x, &y));
    assert_true(x > 320 && y > 183);
    assert_false(scene_camera_project(&camera, scene_vec(0, -1, 0), &x, &y));
}

static void sphere_box_touches_the_sphere_on_all_sides(void **state)
{
    (void)state;
    struct scene_random r;
    scene_random_init(&r, 5, 0);
    for (int i = 0; i < 300; i++) {
        struct scene_camera camera;
        random_camera(&r, &camera);
        float far = scene_random_range(&r, 1, 10), radius = scene_random_range(&r, 0.02f, 0.4f);
        float px = scene_random_range(&r, 0, 640), py = scene_random_range(&r, 0, 480);
        struct scene_vec c = scene_along(camera.eye, scene_camera_ray(&camera, px, py), far);
        struct scene_box box, seen = {1e9f, 1e9f, -1e9f, -1e9f};
        if (!scene_camera_sphere(&camera, c, radius, &box))
            continue;
        for (int k = 0; k < 4000; k++) {
            float z = scene_random_range(&r, -1, 1), turn = scene_random_range(&r, 0, 1), x, y;
            float ring = sqrtf(1 - z * z) * radius;
            struct scene_vec p =
                scene_add(c, scene_vec(ring * scene_cos(turn), ring * scene_sin(turn), z * radius));
            if (!scene_camera_project(&camera, p, &x, &y))
                continue;
            seen = (struct scene_box){scene_min(seen.x0, x), scene_min(seen.y0, y),
                                      scene_max(seen.x1, x), scene_max(seen.y1, y)};
        }
        float slack = 0.03f * (box.x1 - box.x0) + 0.05f;
        assert_true(seen.x0 >= box.x0 - 0.05f && seen.x0 <= box.x0 + slack);
        assert_true(seen.y0 >= box.y0 - 0.05f && seen.y0 <= box.y0 + slack);
        assert_true(seen.x1 <= box.x1 + 0.05f && seen.x1 >= box.x1 - slack);
        assert_true(seen.y1 <= box.y1 + 0.05f && seen.y1 >= box.y1 - slack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sine_agrees_with_the_library),
        cmocka_unit_test(rays_and_projection_are_inverse),
        cmocka_unit_test(level_camera_has_its_horizon_where_trigonometry_says),
        cmocka_unit_test(sphere_box_touches_the_sphere_on_all_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
