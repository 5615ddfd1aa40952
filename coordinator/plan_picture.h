/* A plan as a picture, for checking a calibration by eye: the camera's view with horizon, lines of equal
 * distance and standing persons, and beside it, row by row at the same height, what is searched on
 * each level and by whom.
 */
#ifndef COORDINATOR_PLAN_PICTURE_H
#define COORDINATOR_PLAN_PICTURE_H

#include "coordinator/image.h"
#include "partition/camera.h"
#include "partition/tile.h"

struct coordinator_plan_picture {
    const struct coordinator_image *view;  /* of the pyramid's frame size; NULL: grey */
    const struct partition_camera *camera; /* NULL: none */
    const struct partition_pyramid *pyramid;
    const struct partition_model *model;
    const struct partition_tiles *tiles;
    const int32_t *owner; /* of each tile, -1: nobody; NULL: colours tell the nets */
    int32_t worker_count;
    const char *const *names; /* of the workers */
    double macs_share;        /* of the whole pyramid */
};

/* path ends in .png. Returns PROTO_OK, PROTO_UNSUPPORTED (the ending), PROTO_IO or PROTO_NO_MEMORY; logged. */
int coordinator_plan_picture_write(const char *path,
                                   const struct coordinator_plan_picture *picture);

#endif
