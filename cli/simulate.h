/* What the files of `muster simulate` share. */
#ifndef CLI_SIMULATE_H
#define CLI_SIMULATE_H

#include "cli/models.h"
#include "cli/simulate_options.h"
#include "coordinator/sim/figures.h"
#include "partition/model.h"
#include "proto/config.h"

struct simulate {
    struct simulate_options options;
    char model_dir[CLI_PATH_MAX];
    struct partition_model *model;
    struct proto_config_camera camera;
    struct sim_board_settings boards[SIMULATE_BOARDS_MAX];
    double alone_fps[SIMULATE_KINDS_MAX]; /* of one board of the kind */
};

struct simulate_point {
    int32_t workers;
    int32_t used; /* boards that are switched on, under a budget */
    struct sim_figures figures;
    double speedup, efficiency;
    double budget_fps, bound_fps; /* under a budget: planned, and what no choice beats; NAN: none */
};

/* Settings for the first `count` boards; simulate->boards is filled. */
void simulate_settings(struct simulate *simulate, int32_t count, struct sim_settings *settings);
uint64_t simulate_warm_up(const struct simulate *simulate); /* frames that don't count */

/* Boards and modes within the budget: replaces those in *settings by the chosen ones. */
int simulate_budget(struct simulate *simulate, struct sim_settings *settings,
                    struct simulate_point *point);
/* --compare: against real processes. Returns the exit code. */
int simulate_compare(struct simulate *simulate, const char *program);

#endif
