/* A pinhole camera above the floor. Positive pitch looks down, positive roll turns the camera
 * clockwise seen from behind (the picture's content then turns the other way). Pixel (i, j) covers
 * [i, i+1) x [j, j+1), so its centre is at (i + 0.5, j + 0.5).
 */
#ifndef COORDINATOR_SCENE_CAMERA_H
#define COORDINATOR_SCENE_CAMERA_H

#include <stdbool.h>

#include "coordinator/scene/vec.h"
#include "proto/types.h"

struct scene_camera {
    struct proto_size size;
    float fx, fy, cx, cy; /* pixels */
    float height_m, pitch_deg, roll_deg;
    struct scene_vec eye, right, down, forward; /* world */
};

/* A rectangle in the picture, pixels; may reach beyond the frame. */
struct scene_box {
    float x0, y0, x1, y1;
};

/* fov_deg: horizontal field of view; square pixels, principal point in the middle. */
void scene_camera_init(struct scene_camera *camera, struct proto_size size, float fov_deg,
                       float height_m, float pitch_deg, float roll_deg);
/* Unit vector from the eye through a point of the picture. */
struct scene_vec scene_camera_ray(const struct scene_camera *camera, float x, float y);
/* False, and nothing written, for a point that is not in front of the camera. */
bool scene_camera_project(const struct scene_camera *camera, struct scene_vec point, float *x,
                          float *y);
/* Exact outline rectangle of a sphere; false when the sphere is not wholly in front. */
bool scene_camera_sphere(const struct scene_camera *camera, struct scene_vec centre, float radius,
                         struct scene_box *box);

#endif
