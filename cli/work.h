/* What a plan shares out: the tile set of a model, a frame size and perhaps a camera. */
#ifndef CLI_WORK_H
#define CLI_WORK_H

#include "partition/camera.h"
#include "partition/tile.h"

struct cli_work_settings {
    const char *model;                 /* folder, or name of one */
    const char *camera;                /* file; NULL: none */
    bool ground_plane;                 /* search only the camera's bands */
    bool ground_plane_said;            /* whatever the config says */
    struct proto_size size;            /* 0 x 0: the camera's, or 640 x 480 */
    struct proto_config_detect config; /* tile settings; --config FILE */
};
void cli_work_defaults(struct cli_work_settings *settings);
void cli_work_settings_free(struct cli_work_settings *settings);

/* The options that `muster plan` and `muster profile` share with detect, as tables for getopt. */
enum cli_work_option {
    CLI_WORK_MODEL = 1000,
    CLI_WORK_CONFIG,
    CLI_WORK_SIZE,
    CLI_WORK_CAMERA,
    CLI_WORK_MAX_WORKERS,
    CLI_WORK_HALO_SHARE,
    CLI_WORK_TILE_ROWS,
    CLI_WORK_TILE_COLS,
};
/* clang-format off */
#define CLI_WORK_OPTIONS                                           \
    {"model", required_argument, NULL, CLI_WORK_MODEL},            \
    {"config", required_argument, NULL, CLI_WORK_CONFIG},          \
    {"size", required_argument, NULL, CLI_WORK_SIZE},              \
    {"camera", required_argument, NULL, CLI_WORK_CAMERA},          \
    {"max-workers", required_argument, NULL, CLI_WORK_MAX_WORKERS}, \
    {"halo-share", required_argument, NULL, CLI_WORK_HALO_SHARE},  \
    {"tile-rows", required_argument, NULL, CLI_WORK_TILE_ROWS},    \
    {"tile-cols", required_argument, NULL, CLI_WORK_TILE_COLS}
/* clang-format on */
extern const char cli_work_help[];
/* NULL; or what would be valid, "" when that was logged already. */
const char *cli_work_option(struct cli_work_settings *settings, int id, const char *value);

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
