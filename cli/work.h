/* What a plan shares out: the tile set of a model, a frame size and perhaps a camera. */
#ifndef CLI_WORK_H
#define CLI_WORK_H

#include "partition/camera.h"
#include "partition/tile.h"

struct cli_work_settings {
    const char *model;      /* folder, or name of one */
    const char *camera;     /* file; NULL: none */
    bool ground_plane;      /* search only the camera's bands */
    struct proto_size size; /* 0 x 0: the camera's, or 640 x 480 */
    struct partition_tile_settings tiles;
};
void cli_work_defaults(struct cli_work_settings *settings);

struct cli_work {
    struct partition_model *model;
    struct partition_pyramid pyramid;
    bool has_camera;
    struct partition_camera camera;
    struct partition_rows bands[PROTO_LEVELS_MAX]; /* with the ground plane, otherwise all rows */
    struct partition_tiles *tiles;
    uint64_t whole_macs; /* of the whole pyramid, cut into tiles alike */
};

/* Returns PROTO_OK, or what is wrong with model, camera or size (logged; a file that is not there is
 * PROTO_NOT_FOUND). Close in any case. */
int cli_work_open(const struct cli_work_settings *settings, struct cli_work *work);
void cli_work_close(struct cli_work *work);

#endif
