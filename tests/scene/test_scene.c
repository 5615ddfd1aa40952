#include "coordinator/scene/scene.h"
#include "tests/scene/support.h"

/* FNV-1a */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

/* Pixels and truth of two frames. */
static uint64_t hash_clip(enum scene_place_kind place, uint64_t seed)
{
    struct scene_settings settings;
    scene_settings_defaults(&settings);
    settings.size = (struct proto_size){192, 144};
    settings.seed = seed;
    settings.place = place;
    struct scene *scene;
    struct coordinator_image image = {0};
    assert_int_equal(scene_open(&settings, &scene), 0);
    assert_int_equal(coordinator_image_init(&image, settings.size), 0);
    uint64_t hash = 14695981039346656037u;
    for (int n = 0; n < 20; n += 13) {
        struct scene_truth truths[SCENE_PERSONS_MAX];
        int count;
        scene_draw(scene, n, &image, truths, &count);
        hash = hash_bytes(hash, image.data, 192 * 144 * 3);
        for (int i = 0; i < count; i++)
            hash = hash_bytes(hash, &truths[i].x, 4 * sizeof(float));
    }
    coordinator_image_free(&image);
    scene_close(scene);
    return hash;
}

static void same_settings_give_the_same_bytes(void **state)
{
    (void)state;
    for (int kind = 0; kind < SCENE_PLACE_KINDS; kind++) {
        uint64_t first = hash_clip((enum scene_place_kind)kind, 5);
        uint64_t other = hash_clip((enum scene_place_kind)kind, 6);
        assert_true(first != other);
        assert_true(hash_clip((enum scene_place_kind)kind, 5) == first);
    }
}

/* Changes with every change to the renderer: then look at the pictures and put the new values here.
 */
static void known_seed_gives_known_bytes(void **state)
{
    (void)state;
    static const uint64_t golden[SCENE_PLACE_KINDS] = {0xf18fcdd85725ff6a, 0xe5fa45b2d2ed46be,
                                                       0xac2f6db9e74a809a};
    for (int kind = 0; kind < SCENE_PLACE_KINDS; kind++) {
        uint64_t hash = hash_clip((enum scene_place_kind)kind, 1);
        if (hash != golden[kind])
            print_error("%s: 0x%016llx\n", scene_place_name(kind), (unsigned long long)hash);
        assert_true(hash == golden[kind]);
    }
}

static void frame_does_not_depend_on_those_drawn_before(void **state)
{
    (void)state;
    struct scene_settings settings;
    scene_settings_defaults(&settings);
    settings.size = (struct proto_size){160, 120};
    struct scene *scene;
    struct coordinator_image first = {0}, second = {0};
    struct scene_truth truths[SCENE_PERSONS_MAX];
    int count;
    assert_int_equal(scene_open(&settings, &scene), 0);
    assert_int_equal(coordinator_image_init(&first, settings.size), 0);
    assert_int_equal(coordinator_image_init(&second, settings.size), 0);
    scene_draw(scene, 9, &first, truths, &count);
    scene_draw(scene, 30, &second, truths, &count);
    assert_true(memcmp(first.data, second.data, 160 * 120 * 3) != 0);
    scene_draw(scene, 9, &second, truths, &count);
    assert_memory_equal(first.data, second.data, 160 * 120 * 3);
    coordinator_image_free(&first);
    coordinator_image_free(&second);
    scene_close(scene);
}

static void odd_sizes_and_empty_places_are_drawn(void **state)
{
    (void)state;
    static const struct proto_size sizes[] = {{64, 64}, {65, 97}, {257, 64}, {81, 203}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct scene_settings settings;
        scene_settings_defaults(&settings);
        settings.size = sizes[i];
        settings.persons = i % 2 ? 20 : 0;
        settings.roll_deg = i == 3 ? 30 : 0;
        struct scene *scene;
        struct coordinator_image image = {0};
        struct scene_truth truths[SCENE_PERSONS_MAX];
        int count, dark = 0, bytes = sizes[i].w * sizes[i].h * 3;
        assert_int_equal(scene_open(&settings, &scene), 0);
        assert_int_equal(coordinator_image_init(&image, settings.size), 0);
        scene_draw(scene, 3, &image, truths, &count);
        assert_in_range(count, 0, settings.persons);
        for (int k = 0; k < bytes; k++)
            dark += image.data[k] < 4;
        assert_true(dark < bytes / 2);
        coordinator_image_free(&image);
        scene_close(scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_settings_give_the_same_bytes),
        cmocka_unit_test(known_seed_gives_known_bytes),
        cmocka_unit_test(frame_does_not_depend_on_those_drawn_before),
        cmocka_unit_test(odd_sizes_and_empty_places_are_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
