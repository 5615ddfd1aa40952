/* The clip as files. truth.csv comes last: where it is, the clip is complete.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/output.h"
#include "coordinator/scene/scene.h"
#include "proto/log.h"
#include "proto/status.h"

enum { PATH_MAX_BYTES = 4096, ROW_MAX_BYTES = 128 };

/* Rows of truth.csv, kept until all pictures are there. */
struct rows {
    char *text;
    size_t len, cap;
};

static int rows_add(struct rows *rows, const char *row)
{
    size_t len = strlen(row);
    if (rows->len + len + 1 > rows->cap) {
        size_t cap = rows->cap ? rows->cap * 2 : 65536;
        char *text = realloc(rows->text, cap);
        if (!text)
            return PROTO_NO_MEMORY;
        rows->text = text;
        rows->cap = cap;
    }
    memcpy(rows->text + rows->len, row, len + 1);
    rows->len += len;
    return PROTO_OK;
}

static int join(char path[PATH_MAX_BYTES], const char *dir, const char *name)
{
    int n = snprintf(path, PATH_MAX_BYTES, "%s/%s", dir, name);
    if (n > 0 && n < PATH_MAX_BYTES)
        return PROTO_OK;
    proto_log_error("scene", "%s: the path is too long", dir);
    return PROTO_INVALID;
}

/* f0000.png and the like: files that a former clip left. */
static bool is_ours(const char *name)
{
    size_t digits = name[0] == 'f' ? strspn(name + 1, "0123456789") : 0;
    return (digits >= 4 && strcmp(name + 1 + digits, ".png") == 0) ||
           strcmp(name, "camera.yaml") == 0;
}

/* Remove a former clip, or find that there is something; *empty tells. */
static int clear_folder(const char *dir, bool remove_ours, bool *empty)
{
    char path[PATH_MAX_BYTES];
    DIR *folder = opendir(dir);
    if (!folder) {
        proto_log_error("scene", "%s: %s", dir, strerror(errno));
        return PROTO_IO;
    }
    *empty = true;
    int status = PROTO_OK;
    for (struct dirent *entry; !status && (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        *empty = false;
        if (!remove_ours || !is_ours(entry->d_name))
            continue;
        status = join(path, dir, entry->d_name);
        if (!status && unlink(path) != 0) {
            proto_log_error("scene", "%s: %s", path, strerror(errno));
            status = PROTO_IO;
        }
    }
    closedir(folder);
    return status;
}

static int prepare_folder(const char *dir, bool force)
{
    char path[PATH_MAX_BYTES];
    bool empty;
    if (mkdir(dir, 0777) == 0)
        return PROTO_OK;
    if (errno != EEXIST) {
        proto_log_error("scene", "%s: %s", dir, strerror(errno));
        return PROTO_IO;
    }
    if (force) { /* truth.csv first: without it no half-removed clip looks complete */
        int status = join(path, dir, "truth.csv");
        if (status)
            return status;
        if (unlink(path) != 0 && errno != ENOENT) {
            proto_log_error("scene", "%s: %s", path, strerror(errno));
            return PROTO_IO;
        }
    }
    int status = clear_folder(dir, force, &empty);
    if (!status && !force && !empty) {
        proto_log_error("scene", "%s: the folder is not empty (--force replaces a former clip)",
                        dir);
        return PROTO_INVALID;
    }
    return status;
}

/* "key: value", padded so that the comments stand below each other. */
static void put_key(FILE *file, const char *key, int decimals, double value, const char *comment)
{
    char text[64];
    snprintf(text, sizeof(text), "%s: %.*f", key, decimals, value);
    if (comment)
        fprintf(file, "%-22s# %s\n", text, comment);
    else
        fprintf(file, "%s\n", text);
}

static void print_camera(FILE *file, const struct scene *scene, const struct scene_settings *s)
{
    const struct scene_camera *camera = scene_camera_of(scene);
    fprintf(file, "# Camera of a rendered clip: %s, seed %llu.\n", scene_place_of(scene),
            (unsigned long long)s->seed);
    put_key(file, "width", 0, camera->size.w, "pixels");
    put_key(file, "height", 0, camera->size.h, NULL);
    put_key(file, "fx", 3, (double)camera->fx, "focal length, pixels");
    put_key(file, "fy", 3, (double)camera->fy, NULL);
    put_key(file, "cx", 1, (double)camera->cx, "principal point, pixels from the top-left corner");
    put_key(file, "cy", 1, (double)camera->cy, NULL);
    put_key(file, "height_m", 3, s->camera_height_m, "of the lens above the floor");
    put_key(file, "pitch_deg", 3, s->pitch_deg, "down is positive");
    put_key(file, "roll_deg", 3, s->roll_deg,
            "clockwise, seen from behind the camera, is positive");
    put_key(file, "body_min_m", 2, 1.40, "shortest and tallest person, soles to top of head,");
    put_key(file, "body_max_m", 2, 2.00, "in any pose");
    put_key(file, "distance_min_m", 2, s->min_distance_m - 0.1, "of persons, along the floor");
    put_key(file, "distance_max_m", 2, s->max_distance_m + 0.1, NULL);
}

static int write_camera(const struct scene *scene, const struct scene_settings *s, const char *dir)
{
    char path[PATH_MAX_BYTES];
    int status = join(path, dir, "camera.yaml");
    if (status)
        return status;
    struct coordinator_output output = {0};
    status = coordinator_output_open(&output, path);
    if (!status) {
        print_camera(output.file, scene, s);
        status = coordinator_output_finish(&output);
    }
    coordinator_output_close(&output);
    return status;
}

static int write_truth(const struct rows *rows, const char *dir)
{
    char path[PATH_MAX_BYTES];
    int status = join(path, dir, "truth.csv");
    if (status)
        return status;
    struct coordinator_output output = {0};
    status = coordinator_output_open(&output, path);
    if (!status) {
        fputs("frame,x,y,w,h,label,ignore,distance_m\n", output.file);
        if (rows->len > 0)
            fputs(rows->text, output.file);
        status = coordinator_output_finish(&output);
    }
    coordinator_output_close(&output);
    return status;
}

static int write_frame(struct scene *scene, int n, const char *dir, struct coordinator_image *image,
                       struct rows *rows)
{
    char path[PATH_MAX_BYTES], name[32], row[ROW_MAX_BYTES];
    struct scene_truth truths[SCENE_PERSONS_MAX];
    int count;
    scene_draw(scene, n, image, truths, &count);
    snprintf(name, sizeof(name), "f%04d.png", n);
    int status = join(path, dir, name);
    if (!status)
        status = coordinator_image_write(path, image);
    for (int i = 0; !status && i < count; i++) {
        const struct scene_truth *t = &truths[i];
        snprintf(row, sizeof(row), "%s,%.1f,%.1f,%.1f,%.1f,person,%d,%.2f\n", name, (double)t->x,
                 (double)t->y, (double)t->w, (double)t->h, t->ignore, (double)t->distance_m);
        status = rows_add(rows, row);
    }
    return status;
}

int scene_write(const struct scene_settings *settings, const char *dir, bool force,
                void (*progress)(void *arg, int done, int total), void *arg)
{
    struct scene *scene = NULL;
    struct coordinator_image image = {0};
    struct rows rows = {0};
    int status = prepare_folder(dir, force);
    if (!status)
        status = scene_open(settings, &scene);
    if (!status)
        status = coordinator_image_init(&image, settings->size);
    if (!status)
        status = write_camera(scene, settings, dir);
    for (int n = 0; !status && n < settings->frames; n++) {
        status = write_frame(scene, n, dir, &image, &rows);
        if (!status && progress)
            progress(arg, n + 1, settings->frames);
    }
    if (!status)
        status = write_truth(&rows, dir);
    if (status == PROTO_NO_MEMORY)
        proto_log_error("scene", "out of memory for frames of %d x %d", settings->size.w,
                        settings->size.h);
    free(rows.text);
    coordinator_image_free(&image);
    scene_close(scene);
    return status;
}
