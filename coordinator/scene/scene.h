/* A synthetic walk-through: people walking through a furnished place, seen by a known camera, with
 * exact truth. The same settings give the same bytes, on any machine with IEEE 754 floats.
 *
 *   settings -> place (floor, walls, things, light) -> looks and walks of the persons
 *   frame n  -> poses -> bodies -> rays -> light -> film -> picture
 *                            \-> truth
 */
#ifndef COORDINATOR_SCENE_SCENE_H
#define COORDINATOR_SCENE_SCENE_H

#include "coordinator/image.h"
#include "coordinator/scene/place.h"
#include "coordinator/scene/truth.h"

struct scene_settings {
    struct proto_size size;                /* 640x480 pixels */
    int frames;                            /* 40 */
    int persons;                           /* 5; fewer when the place has no room for so many */
    double fps;                            /* 10 */
    uint64_t seed;                         /* 1 */
    enum scene_place_kind place;           /* SCENE_PLACE_KINDS: the seed chooses */
    double camera_height_m;                /* 1.2 */
    double pitch_deg, roll_deg;            /* 5 (down), 0 */
    double fov_deg;                        /* 60, horizontal */
    double min_distance_m, max_distance_m; /* of persons: 2, 13 */
};

struct scene;

void scene_settings_defaults(struct scene_settings *settings);
/* Name of a kind of place ("corridor"), or NULL past the last. */
const char *scene_place_name(int kind);

/* The caller has checked the settings (cli/cmd_scene.c has their ranges).
 * Returns PROTO_OK or PROTO_NO_MEMORY. */
int scene_open(const struct scene_settings *settings, struct scene **out);
void scene_close(struct scene *scene);
const struct scene_camera *scene_camera_of(const struct scene *scene);
const char *scene_place_of(const struct scene *scene);
/* Draw frame n into image (of settings.size); truths: room for SCENE_PERSONS_MAX. */
void scene_draw(struct scene *scene, int n, struct coordinator_image *image,
                struct scene_truth *truths, int *count);

/* Render the clip into a folder: f0000.png .. , camera.yaml and, last, truth.csv. The folder is
 * made if need be; one that is not empty is refused (PROTO_INVALID) unless force, which replaces a
 * former clip. progress (may be NULL) is called after each frame. Returns PROTO_OK, PROTO_INVALID,
 * PROTO_IO, PROTO_NO_MEMORY (logged). */
int scene_write(const struct scene_settings *settings, const char *dir, bool force,
                void (*progress)(void *arg, int done, int total), void *arg);

#endif
