/* See work.h. */
#include "cli/work.h"

#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/models.h"
#include "proto/log.h"
#include "proto/status.h"

const char cli_work_help[] =
    "  --model DIR         model folder, or name of one (paper)\n"
    "  --config FILE       model, camera and tiles as `muster detect --config` takes them\n"
    "  --size WxH          of the pictures (the camera's, or 640x480)\n"
    "  --camera FILE       the camera (YAML): only where persons can stand is searched\n"
    "  --max-workers N, --halo-share X, --tile-rows N, --tile-cols N\n"
    "                      how frames are cut into tiles, as for muster detect";

void cli_work_defaults(struct cli_work_settings *settings)
{
    *settings = (struct cli_work_settings){
        .ground_plane = true,
        .config = {.threads = -1,
                   .tile_rows = -1,
                   .tile_cols = -1,
                   .halo_share = -1,
                   .tile_share = -1,
                   .max_workers = -1,
                   .depth = 2,
                   .threshold = NAN,
                   .beat_ms = 100},
    };
}

void cli_work_settings_free(struct cli_work_settings *settings)
{
    proto_config_detect_free(&settings->config);
}

static bool read_count(const char *text, int32_t low, int32_t high, int32_t *out)
{
    double value;
    if (proto_config_number(text, &value) != PROTO_OK || value != floor(value) || value < low ||
        value > high)
        return false;
    *out = (int32_t)value;
    return true;
}

const char *cli_work_option(struct cli_work_settings *settings, int id, const char *value)
{
    struct proto_config_detect *config = &settings->config;
    static const char cells[] = "expected a whole number of cells, 0 for no limit";
    switch (id) {
    case CLI_WORK_MODEL:
        settings->model = value;
        return NULL;
    case CLI_WORK_CONFIG:
        return proto_config_detect_load(value, config) == PROTO_OK ? NULL : "";
    case CLI_WORK_SIZE:
        return cli_parse_size(value, &settings->size)
                   ? NULL
                   : "expected WxH in pixels, for example 640x480";
    case CLI_WORK_CAMERA:
        settings->camera = value;
        return NULL;
    case CLI_WORK_MAX_WORKERS:
        return read_count(value, 1, PROTO_WORKERS_MAX, &config->max_workers)
                   ? NULL
                   : "expected a number of workers, 1 to 1024";
    case CLI_WORK_HALO_SHARE:
        return proto_config_number(value, &config->halo_share) == PROTO_OK &&
                       config->halo_share >= 0 && config->halo_share <= 10
                   ? NULL
                   : "expected a share such as 0.05";
    case CLI_WORK_TILE_ROWS:
        return read_count(value, 0, PROTO_FRAME_SIDE_MAX, &config->tile_rows) ? NULL : cells;
    default:
        return read_count(value, 0, PROTO_FRAME_SIDE_MAX, &config->tile_cols) ? NULL : cells;
    }
}

/* The command line wins over --config, wherever they stood: only for what a file can't leave unsaid. */
static const char *model_of(const struct cli_work_settings *settings)
{
    if (settings->model)
        return settings->model;
    return settings->config.model ? settings->config.model : "paper";
}

static const char *camera_of(const struct cli_work_settings *settings)
{
    return settings->camera ? settings->camera : settings->config.camera;
}

static struct proto_size size_of(const struct cli_work_settings *settings,
                                 const struct proto_config_camera *camera)
{
    if (settings->size.w > 0)
        return settings->size;
    return camera_of(settings) ? (struct proto_size){camera->width, camera->height}
                               : (struct proto_size){640, 480};
}

static int find_bands(const struct cli_work_settings *settings, struct cli_work *work)
{
    for (int32_t k = 0; k < work->pyramid.level_count; k++)
        work->bands[k] = (struct partition_rows){0, work->pyramid.levels[k].rows};
    const char *word = settings->ground_plane_said ? NULL : settings->config.ground_plane;
    if (!work->has_camera || !settings->ground_plane || (word && strcmp(word, "on") != 0))
        return PROTO_OK;
    return partition_camera_bands(&work->camera, &work->pyramid, work->model, work->bands);
}

static int cut(const struct cli_work_settings *settings, struct cli_work *work)
{
    struct partition_tile_settings tiles;
    struct partition_tiles *whole = NULL;
    partition_tile_defaults(&tiles);
    partition_tile_configure(&tiles, &settings->config);
    int status = partition_tiles_open(&work->pyramid, work->model, &tiles, &whole);
    if (status == PROTO_OK) {
        work->whole_macs = whole->macs;
        tiles.bands = work->bands;
        status = partition_tiles_open(&work->pyramid, work->model, &tiles, &work->tiles);
    }
    partition_tiles_close(whole);
    if (status == PROTO_OK && work->tiles->count == 0) {
        const struct partition_net *net = &work->model->nets[0];
        proto_log_error(
            "cli",
            "pictures of %d x %d are too small: no level of model %s has room for a window "
            "of %d x %d",
            work->pyramid.frame.w, work->pyramid.frame.h, work->model->name, net->window.w,
            net->window.h);
        status = PROTO_INVALID;
    }
    return status;
}

int cli_work_open(const struct cli_work_settings *settings, struct cli_work *work)
{
    char dir[CLI_PATH_MAX];
    struct proto_config_camera config = {0};
    const char *camera = camera_of(settings);
    *work = (struct cli_work){0};
    int status = cli_model_find(model_of(settings), dir);
    if (status == PROTO_OK)
        status = partition_model_open(dir, &work->model);
    if (status == PROTO_OK && camera) {
        status = proto_config_camera_load(camera, &config);
        if (status == PROTO_IO)
            status = PROTO_NOT_FOUND; /* a wrong option, not a failed run */
    }
    const struct proto_size size = size_of(settings, &config);
    if (status == PROTO_OK)
        status = partition_pyramid_init(&work->pyramid, work->model, size);
    if (status == PROTO_OK && camera) {
        work->has_camera = true;
        status = partition_camera_init(&work->camera, &config, size);
    }
    if (status == PROTO_OK)
        status = find_bands(settings, work);
    if (status == PROTO_OK)
        status = cut(settings, work);
    return status;
}

void cli_work_close(struct cli_work *work)
{
    partition_tiles_close(work->tiles);
    partition_model_close(work->model);
    *work = (struct cli_work){0};
}
