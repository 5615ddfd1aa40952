#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/scene/scene.h"
#include "proto/config.h"
#include "proto/log.h"
#include "proto/status.h"
#include "tests/scene/support.h"

static char folder[64], clip[96];

static void keep_quiet(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg;
    (void)level;
    (void)area;
    (void)text;
}

static const char *in_clip(const char *name)
{
    static char path[160];
    snprintf(path, sizeof(path), "%s/%s", clip, name);
    return path;
}

static bool exists(const char *name)
{
    return access(in_clip(name), F_OK) == 0;
}

static int set_up(void **state)
{
    (void)state;
    proto_log_set_sink(keep_quiet, NULL);
    strcpy(folder, "/tmp/muster_clip_XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(clip, sizeof(clip), "%s/clip", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"f0000.png",   "f0001.png", "f0002.png",
                                        "camera.yaml", "truth.csv", "notes"};
    proto_log_set_sink(NULL, NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(in_clip(names[i]));
    unlink(clip);
    rmdir(clip);
    return rmdir(folder);
}

static struct scene_settings small(int frames)
{
    struct scene_settings settings;
    scene_settings_defaults(&settings);
    settings.size = (struct proto_size){96, 96};
    settings.frames = frames;
    settings.fps = 2;
    return settings;
}

static void read_text(const char *name, char *text, size_t cap)
{
    FILE *file = fopen(in_clip(name), "rb");
    assert_non_null(file);
    size_t len = fread(text, 1, cap - 1, file);
    text[len] = '\0';
    fclose(file);
}

static void clip_has_frames_camera_and_truth(void **state)
{
    (void)state;
    struct scene_settings settings = small(3);
    assert_int_equal(scene_write(&settings, clip, false, NULL, NULL), PROTO_OK);
    struct coordinator_image image = {0};
    char reason[256], text[8192];
    assert_int_equal(coordinator_image_read(in_clip("f0002.png"), &image, reason), PROTO_OK);
    assert_int_equal(image.size.w, 96);
    coordinator_image_free(&image);
    assert_false(exists("f0003.png"));
    read_text("camera.yaml", text, sizeof(text));
    assert_non_null(strstr(text, "\nfx: 83.138"));
    assert_non_null(strstr(text, "\nheight_m: 1.200"));
    struct proto_config_camera camera;
    assert_int_equal(proto_config_camera_load(in_clip("camera.yaml"), &camera), PROTO_OK);
    assert_true(camera.width == 96 && camera.height_m == settings.camera_height_m &&
                camera.pitch_deg == settings.pitch_deg && camera.distance_max_m == 13.1);
    read_text("truth.csv", text, sizeof(text));
    assert_int_equal(strncmp(text, "frame,x,y,w,h,label,ignore,distance_m\n", 38), 0);
    int rows = 0;
    for (char *line = strchr(text, '\n') + 1; *line; line = strchr(line, '\n') + 1, rows++) {
        unsigned frame;
        float x, y, w, h, distance;
        int ignore;
        assert_int_equal(sscanf(line, "f%4u.png,%f,%f,%f,%f,person,%d,%f", &frame, &x, &y, &w, &h,
                                &ignore, &distance),
                         7);
        assert_true(frame < 3 && h > 0 && distance > 1.8f && distance < 13.1f &&
                    (ignore == 0 || ignore == 1));
    }
    assert_true(rows > 3);
}

static void folder_that_is_not_empty_is_refused_without_force(void **state)
{
    (void)state;
    struct scene_settings settings = small(3);
    assert_int_equal(scene_write(&settings, clip, false, NULL, NULL), PROTO_OK);
    FILE *notes = fopen(in_clip("notes"), "w");
    assert_non_null(notes);
    fclose(notes);
    settings.frames = 1;
    assert_int_equal(scene_write(&settings, clip, false, NULL, NULL), PROTO_INVALID);
    assert_true(exists("f0002.png") && exists("truth.csv"));
    assert_int_equal(scene_write(&settings, clip, true, NULL, NULL), PROTO_OK);
    /* The longer clip's frames are gone, what is not ours stays. */
    assert_true(exists("f0000.png") && !exists("f0001.png") && !exists("f0002.png"));
    assert_true(exists("notes") && exists("truth.csv"));
}

static void unusable_folder_leaves_no_truth(void **state)
{
    (void)state;
    struct scene_settings settings = small(1);
    FILE *file = fopen(clip, "w"); /* a file where the folder should be */
    assert_non_null(file);
    fclose(file);
    assert_int_equal(scene_write(&settings, clip, true, NULL, NULL), PROTO_IO);
    assert_int_equal(unlink(clip), 0);
    /* A folder in the way of the second frame. */
    settings.frames = 3;
    assert_int_equal(mkdir(clip, 0777), 0);
    assert_int_equal(mkdir(in_clip("f0001.png"), 0777), 0);
    assert_int_equal(mkdir(in_clip("f0001.png/x"), 0777), 0);
    assert_true(scene_write(&settings, clip, true, NULL, NULL) != PROTO_OK);
    assert_false(exists("truth.csv"));
    rmdir(in_clip("f0001.png/x"));
    rmdir(in_clip("f0001.png"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(clip_has_frames_camera_and_truth),
        TEST(folder_that_is_not_empty_is_refused_without_force),
        TEST(unusable_folder_leaves_no_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
