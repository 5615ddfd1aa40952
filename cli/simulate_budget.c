/* Boards and power modes within a budget of watts. */
#include <math.h>
#include <stdlib.h>

#include "cli/simulate.h"
#include "partition/camera.h"
#include "proto/status.h"

struct choice {
    struct partition_pyramid pyramid;
    struct partition_camera camera;
    struct partition_rows bands[PROTO_LEVELS_MAX];
    struct partition_tiles *tiles;
    struct partition_speed speeds[SIMULATE_KINDS_MAX]; /* at speed 1 */
    struct partition_power_mode modes[SIMULATE_KINDS_MAX][PROTO_BOARD_MODES_MAX];
    struct partition_power_board boards[SIMULATE_BOARDS_MAX];
    int32_t mode[SIMULATE_BOARDS_MAX];
};

/* The tile set as the coordinator's core makes it. */
static int tiles_open(const struct simulate *simulate, const struct sim_settings *settings,
                      struct choice *choice)
{
    struct partition_tile_settings tiles = settings->core.tiles;
    int status = partition_pyramid_init(&choice->pyramid, simulate->model, settings->frame);
    if (!status && settings->core.camera) {
        status = partition_camera_init(&choice->camera, settings->core.camera, settings->frame);
        if (!status)
            status = partition_camera_bands(&choice->camera, &choice->pyramid, simulate->model,
                                            choice->bands);
        tiles.bands = choice->bands;
    }
    return status ? status
                  : partition_tiles_open(&choice->pyramid, simulate->model, &tiles, &choice->tiles);
}

static void kind_fill(const struct simulate *simulate, int32_t k, struct choice *choice)
{
    const struct simulate_kind *kind = &simulate->options.kinds[k];
    const struct proto_config_board *board = kind->board;
    const struct proto_board_rates *rates = &board->rates[simulate->options.precision];
    choice->speeds[k] = (struct partition_speed){
        .macs_per_us = rates->macs_per_us,
        .pixels_per_us = rates->pixels_per_us,
        .tile_us = rates->tile_us,
        .frame_us = rates->frame_us,
        .bytes_per_us = kind->speed.bytes_per_us,
        .latency_us = kind->speed.latency_us,
    };
    for (int32_t m = 0; m < board->mode_count; m++)
        choice->modes[k][m] = (struct partition_power_mode){
            .name = board->modes[m].name,
            .idle_w = board->modes[m].idle_w,
            .busy_w = board->modes[m].busy_w,
            .speed = board->modes[m].speed,
        };
}

static int choose(struct simulate *simulate, const struct sim_settings *settings,
                  struct choice *choice, struct partition_power_choice *best)
{
    const struct simulate_options *o = &simulate->options;
    int status = tiles_open(simulate, settings, choice);
    for (int32_t k = 0; k < o->kind_count; k++)
        kind_fill(simulate, k, choice);
    for (int32_t b = 0; b < settings->board_count; b++) {
        const struct simulate_kind *kind = simulate_kind_of(o, b);
        choice->boards[b] = (struct partition_power_board){
            .name = kind->name,
            .speed = &choice->speeds[kind - o->kinds],
            .mode_count = kind->board->mode_count,
            .modes = choice->modes[kind - o->kinds],
        };
    }
    best->mode = choice->mode;
    if (!status)
        status = partition_power_choose(&choice->pyramid, choice->tiles, choice->boards,
                                        settings->board_count, settings->port_bytes_per_us,
                                        o->budget_w, best);
    return status;
}

int simulate_budget(struct simulate *simulate, struct sim_settings *settings,
                    struct simulate_point *point)
{
    struct partition_power_choice best = {0};
    struct choice *choice = calloc(1, sizeof *choice);
    int status = choice ? choose(simulate, settings, choice, &best) : PROTO_NO_MEMORY;
    int32_t used = 0;
    for (int32_t b = 0; !status && b < settings->board_count; b++) {
        const struct simulate_kind *kind = simulate_kind_of(&simulate->options, b);
        struct sim_board_settings board = simulate->boards[b];
        struct proto_board_speed speed;
        if (choice->mode[b] < 0)
            continue;
        const struct proto_board_mode *mode = &kind->board->modes[choice->mode[b]];
        status =
            proto_config_board_speed(kind->board, simulate->options.precision, mode->name, &speed);
        const double bytes_per_us = board.speed.bytes_per_us, latency_us = board.speed.latency_us;
        partition_speed_of_board(&speed, &board.speed);
        board.speed.bytes_per_us = bytes_per_us;
        board.speed.latency_us = latency_us;
        board.idle_w = mode->idle_w;
        board.busy_w = mode->busy_w;
        simulate->boards[used++] = board;
    }
    if (!status) {
        settings->board_count = point->used = used;
        settings->source_period_us = 1e6 / best.fps;
        point->budget_fps = best.fps;
        point->bound_fps = best.bound_fps;
    }
    if (choice)
        partition_tiles_close(choice->tiles);
    free(choice);
    return status;
}
