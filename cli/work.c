/* See work.h. */
#include "cli/work.h"

#include "cli/models.h"
#include "proto/log.h"
#include "proto/status.h"

void cli_work_defaults(struct cli_work_settings *settings)
{
    *settings = (struct cli_work_settings){.model = "paper", .ground_plane = true};
    partition_tile_defaults(&settings->tiles);
}

static struct proto_size size_of(const struct cli_work_settings *settings,
                                 const struct proto_config_camera *camera)
{
    if (settings->size.w > 0)
        return settings->size;
    return settings->camera ? (struct proto_size){camera->width, camera->height}
                            : (struct proto_size){640, 480};
}

static int find_bands(const struct cli_work_settings *settings, struct cli_work *work)
{
    for (int32_t k = 0; k < work->pyramid.level_count; k++)
        work->bands[k] = (struct partition_rows){0, work->pyramid.levels[k].rows};
    if (!work->has_camera || !settings->ground_plane)
        return PROTO_OK;
    return partition_camera_bands(&work->camera, &work->pyramid, work->model, work->bands);
}

static int cut(const struct cli_work_settings *settings, struct cli_work *work)
{
    struct partition_tile_settings tiles = settings->tiles;
    struct partition_tiles *whole = NULL;
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
    *work = (struct cli_work){0};
    int status = cli_model_find(settings->model, dir);
    if (status == PROTO_OK)
        status = partition_model_open(dir, &work->model);
    if (status == PROTO_OK && settings->camera) {
        status = proto_config_camera_load(settings->camera, &config);
        if (status == PROTO_IO)
            status = PROTO_NOT_FOUND; /* a wrong option, not a failed run */
    }
    const struct proto_size size = size_of(settings, &config);
    if (status == PROTO_OK)
        status = partition_pyramid_init(&work->pyramid, work->model, size);
    if (status == PROTO_OK && settings->camera) {
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
