/* The ground plane: where in the picture, and how large, persons who stand on the floor can be.
 *
 * World: x to the right, y ahead along the floor, z up; the lens is at (0, 0, height). A pinhole with
 * Brown-Conrady distortion as in OpenCV; pitch down and roll clockwise (seen from behind) are
 * positive. Pure arithmetic; angles in radians here.
 */
#ifndef PARTITION_CAMERA_H
#define PARTITION_CAMERA_H

#include "partition/tile.h"
#include "proto/config.h"

/* A camera for pictures of one size. */
struct partition_camera {
    struct proto_config_camera config;
    struct proto_size frame;
    double fx, fy, cx, cy;  /* pixels of `frame` */
    double pitch, roll;     /* radians */
    double pitch_tolerance; /* radians */
    double radius; /* of the undistorted picture; beyond it distortion goes on as at the rim */
};

/* Pictures may be larger or smaller than those it was calibrated with, of the same shape.
 * Returns PROTO_OK, or PROTO_INVALID for another shape, or a distortion that folds the picture
 * (logged). */
int partition_camera_init(struct partition_camera *camera, const struct proto_config_camera *config,
                          struct proto_size frame);

/* Of each level the rows of cells on which a standing person can peak, for any body, distance and
 * pose within the config's limits: the person's level and the next ones, its row and three more up
 * and down (a local NMS window). Levels above the pyramid's count are left empty.
 * Returns PROTO_OK, or PROTO_INVALID when no level has any (logged). */
int partition_camera_bands(const struct partition_camera *camera,
                           const struct partition_pyramid *pyramid,
                           const struct partition_model *model,
                           struct partition_rows bands[PROTO_LEVELS_MAX]);

/* Metres along the floor to feet seen at (x, y), frame pixels; NAN at and above the horizon, and so
 * close below it that the pitch's tolerance reaches it. */
double partition_camera_distance(const struct partition_camera *camera, double x, double y);

/* Where a ray through (x, y), frame pixels, leaves an ideal lens: columns per unit ahead. */
double partition_camera_column(const struct partition_camera *camera, double x, double y);
/* The frame rows of head and soles of somebody who stands `distance` metres away with the middle in
 * that column, one foot `step` metres nearer (at most a third of the way); very far away: the
 * horizon. False if not all of the body is before the lens. */
bool partition_camera_person(const struct partition_camera *camera, double distance, double body,
                             double step, double column, double *top, double *bottom);

#endif
