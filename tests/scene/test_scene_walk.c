#include "coordinator/scene/walk.h"
#include "tests/scene/support.h"

enum { PERSONS = 6 };

struct crowd {
    struct scene_camera camera;
    struct scene_place *place;
    struct scene_walk_limits limits;
    struct scene_look looks[PERSONS];
    struct scene_walk walks[PERSONS];
    int count;
};

static void gather(struct crowd *crowd, uint64_t seed)
{
    scene_camera_init(&crowd->camera, (struct proto_size){640, 480}, 60, 1.2f, 5, 0);
    scene_place_build(crowd->place, SCENE_PLACE_KINDS, seed, 13);
    crowd->limits = (struct scene_walk_limits){&crowd->camera, crowd->place, 2, 13, 8};
    crowd->count = 0;
    for (int i = 0; i < PERSONS; i++) {
        struct scene_random r;
        scene_random_init(&r, seed, 100 + (uint64_t)i);
        scene_look_choose(&r, &crowd->looks[crowd->count]);
        struct scene_walk *walk = &crowd->walks[crowd->count];
        scene_walk_choose(&r, &crowd->limits, crowd->looks[crowd->count].height_m, crowd->walks,
                          crowd->count, walk);
        crowd->count += walk->count > 0;
    }
}

static float apart(struct scene_vec a, struct scene_vec b)
{
    struct scene_vec d = scene_sub(a, b);
    return scene_length(scene_vec(d.x, d.y, 0));
}

static void nobody_walks_through_walls_furniture_or_others(void **state)
{
    (void)state;
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    assert_non_null(crowd);
    crowd->place = malloc(sizeof(*crowd->place));
    assert_non_null(crowd->place);
    int met = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        gather(crowd, seed);
        met += crowd->count;
        for (float t = 0; t <= 8; t += 0.25f)
            for (int i = 0; i < crowd->count; i++) {
                struct scene_pose pose, other;
                scene_walk_pose(&crowd->walks[i], t, &pose);
                /* Rounded corners may cut a little into the room kept around things. */
                assert_true(scene_place_is_free(crowd->place, pose.at.x, pose.at.y, 0.1f));
                assert_true(apart(pose.at, scene_vec(0, 0, 0)) > 1.8f &&
                            apart(pose.at, scene_vec(0, 0, 0)) < 13.01f);
                for (int k = 0; k < i; k++) {
                    scene_walk_pose(&crowd->walks[k], t, &other);
                    assert_true(apart(pose.at, other.at) > 0.5f);
                }
            }
    }
    assert_true(met > 30 * PERSONS * 9 / 10); /* places have room for nearly all */
    free(crowd->place);
    free(crowd);
}

static void walkers_face_where_they_go(void **state)
{
    (void)state;
    static const float to[4][2] = {{0, 9}, {9, 0}, {-9, 0}, {6.3f, -6.3f}};
    for (int i = 0; i < 4; i++) {
        struct scene_walk walk = {.count = 2, .speed = 1, .stride_m = 1.3f};
        walk.x[1] = to[i][0];
        walk.y[1] = to[i][1];
        walk.start_s[0] = -1;
        walk.start_s[1] = 8;
        struct scene_pose pose;
        scene_walk_pose(&walk, 3, &pose);
        float length = sqrtf(to[i][0] * to[i][0] + to[i][1] * to[i][1]);
        assert_true(fabsf(-scene_sin(pose.heading) - to[i][0] / length) < 0.01f);
        assert_true(fabsf(scene_cos(pose.heading) - to[i][1] / length) < 0.01f);
        assert_true(pose.swing == 1);
    }
}

static void lowest_sole_always_touches_the_floor(void **state)
{
    (void)state;
    struct scene_random r;
    scene_random_init(&r, 11, 0);
    for (int i = 0; i < 400; i++) {
        struct scene_look look;
        struct scene_body body;
        scene_look_choose(&r, &look);
        struct scene_pose pose = {.at = {1, 5, 0}, .swing = (float)(i & 1)};
        pose.heading = scene_random_range(&r, 0, 1);
        pose.phase = scene_random_range(&r, 0, 1);
        scene_body_init(&body, &look, &pose);
        assert_in_range(body.count, 10, SCENE_PARTS_MAX);
        float lowest = 10, highest = 0;
        for (int k = 0; k < body.count; k++) {
            const struct scene_part *part = &body.parts[k];
            if (part->kind == SCENE_PART_FOOT)
                lowest = scene_min(lowest, scene_min(part->a.z - part->ra, part->b.z - part->rb));
            highest = scene_max(highest, scene_max(part->a.z + part->ra, part->b.z + part->rb));
        }
        assert_true(fabsf(lowest) < 1e-5f);
        /* Standing upright is within 1 % of the height asked for; walking lowers the head. */
        assert_true(highest < 1.01f * look.height_m &&
                    highest > (pose.swing > 0 ? 0.93f : 0.985f) * look.height_m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_walks_through_walls_furniture_or_others),
        cmocka_unit_test(walkers_face_where_they_go),
        cmocka_unit_test(lowest_sole_always_touches_the_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
