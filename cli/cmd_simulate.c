/* muster simulate: what other boards would do, under a virtual clock. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/simulate.h"
#include "coordinator/sim/trial.h"
#include "proto/status.h"

uint64_t simulate_warm_up(const struct simulate *simulate)
{
    const uint64_t fifth = simulate->options.frames / 5;
    return fifth < 20 ? fifth : 20;
}

static void board_fill(const struct simulate *simulate, int32_t index,
                       struct sim_board_settings *board)
{
    const struct simulate_kind *kind = simulate_kind_of(&simulate->options, index);
    sim_board_defaults(board);
    board->name = kind->name;
    partition_speed_of_board(&kind->speed, &board->speed);
    board->idle_w = kind->speed.idle_w;
    board->busy_w = kind->speed.busy_w;
    board->known = true;
}

void simulate_settings(struct simulate *simulate, int32_t count, struct sim_settings *settings)
{
    const struct simulate_options *o = &simulate->options;
    double fastest = 0;
    sim_defaults(settings);
    settings->core.model = simulate->model;
    settings->core.depth = o->depth;
    settings->core.split = o->split;
    if (o->camera) {
        settings->core.camera = &simulate->camera;
        settings->core.ground_plane = COORDINATOR_GROUND_ON;
    }
    settings->board_count = count;
    settings->boards = simulate->boards;
    for (int32_t b = 0; b < count; b++) {
        board_fill(simulate, b, &simulate->boards[b]);
        fastest = fmax(fastest, simulate->boards[b].speed.bytes_per_us);
    }
    settings->port_bytes_per_us = isnan(o->port_bytes_per_us) ? fastest : o->port_bytes_per_us;
    settings->core.port_bytes_per_us = settings->port_bytes_per_us;
    settings->core.workers = count;
    settings->core.slots = coordinator_core_in_flight_max(&settings->core);
    settings->jitter_us = o->jitter_us;
    settings->frame = o->frame;
    settings->frames = o->frames;
    settings->capture_us = (uint64_t)o->capture_us;
    settings->seed = o->seed;
    settings->loud = true;
}

/* ---- points ---- */

/* One board of each kind by itself: what speed-up and efficiency are measured by. */
static int alone_run(struct simulate *simulate)
{
    const struct simulate_options *o = &simulate->options;
    int status = PROTO_OK;
    for (int32_t k = 0; k < o->kind_count && !status; k++) {
        struct sim_settings settings;
        struct sim_figures figures;
        struct simulate_options all = *o;
        simulate->options.kind_count = 1;
        simulate->options.kinds[0] = all.kinds[k];
        simulate_settings(simulate, 1, &settings);
        simulate->options = all;
        settings.frames = simulate_warm_up(simulate) + 40;
        status = sim_figures_run(&settings, simulate_warm_up(simulate), &figures);
        simulate->alone_fps[k] = figures.fps;
    }
    return status;
}

static int point_run(struct simulate *simulate, int32_t count, struct simulate_point *point)
{
    const struct simulate_options *o = &simulate->options;
    struct sim_settings settings;
    double sum = 0;
    *point = (struct simulate_point){
        .workers = count, .used = count, .budget_fps = NAN, .bound_fps = NAN};
    simulate_settings(simulate, count, &settings);
    int status = isnan(o->budget_w) ? PROTO_OK : simulate_budget(simulate, &settings, point);
    if (!status)
        status = sim_figures_run(&settings, simulate_warm_up(simulate), &point->figures);
    if (status)
        return status;
    if (!isnan(point->budget_fps)) /* the watts and not the plan set the pace */
        point->figures.model_error = point->budget_fps / point->figures.fps - 1;
    for (int32_t b = 0; b < count; b++)
        sum += simulate->alone_fps[simulate_kind_of(o, b) - o->kinds];
    point->speedup = point->figures.fps / simulate->alone_fps[0];
    point->efficiency = point->figures.fps / sum;
    return PROTO_OK;
}

/* ---- text ---- */

static void text_head(const struct simulate *simulate)
{
    const struct simulate_options *o = &simulate->options;
    printf("%s, frames of %dx%d, %s, split by %s, %" PRIu64 " frames a row, seed %" PRIu64 "\n\n",
           simulate->model->name, o->frame.w, o->frame.h,
           o->camera ? "ground plane" : "whole pyramid", simulate_split_name(o->split), o->frames,
           o->seed);
    printf("%7s %8s %9s %9s %9s %9s %10s %7s %7s %8s %8s\n", "boards", "fps", "p50 ms", "p95 ms",
           "p99 ms", "speed-up", "efficiency", "gap", "model", "W", "J/frame");
}

/* A figure, or a dash where it is not known. */
static void text_figure(int width, int digits, double value, const char *unit)
{
    if (isnan(value))
        printf(" %*s", width, "-");
    else
        printf(" %*.*f%s", width - (int)(*unit != '\0'), digits, value, unit);
}

static void text_point(const struct simulate_point *point)
{
    const struct sim_figures *f = &point->figures;
    printf("%7d", (int)point->used);
    text_figure(8, 2, f->fps, "");
    text_figure(9, 1, f->latency_p50_ms, "");
    text_figure(9, 1, f->latency_p95_ms, "");
    text_figure(9, 1, f->latency_p99_ms, "");
    text_figure(9, 2, point->speedup, "");
    text_figure(10, 1, 100 * point->efficiency, "%");
    text_figure(7, 1, 100 * f->gap, "%");
    text_figure(7, 1, 100 * f->model_error, "%");
    text_figure(8, 2, f->watts, "");
    text_figure(8, 2, f->joules_per_frame, "");
    putchar('\n');
    fflush(stdout);
}

/* ---- JSON ---- */

static json_t *real(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *json_point(const struct simulate *simulate, const struct simulate_point *point)
{
    const struct sim_figures *f = &point->figures;
    const struct simulate_options *o = &simulate->options;
    return json_pack(
        "{s:i, s:i, s:s, s:b, s:o, s:{s:o, s:o, s:o, s:o}, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:I}",
        "workers", (int)point->workers, "used", (int)point->used, "split",
        simulate_split_name(o->split), "ground_plane", o->camera ? 1 : 0, "fps", real(f->fps),
        "latency_ms", "mean", real(f->latency_mean_ms), "p50", real(f->latency_p50_ms), "p95",
        real(f->latency_p95_ms), "p99", real(f->latency_p99_ms), "efficiency",
        real(point->efficiency), "speedup", real(point->speedup), "watts", real(f->watts),
        "joules_per_frame", real(f->joules_per_frame), "gap", real(f->gap), "model_error",
        real(f->model_error), "period_ms", real(f->period_ms), "predicted_ms",
        real(f->predicted_ms), "lower_bound_ms", real(f->lower_bound_ms), "budget_w",
        real(o->budget_w), "budget_fps", real(point->budget_fps), "budget_bound_fps",
        real(point->bound_fps), "tiles", (int)f->tile_count, "events", (json_int_t)f->events);
}

static json_t *json_system(const struct simulate *simulate)
{
    const struct simulate_options *o = &simulate->options;
    json_t *boards = json_array();
    for (int32_t k = 0; k < o->kind_count; k++) {
        const struct simulate_kind *kind = &o->kinds[k];
        json_array_append_new(boards,
                              json_pack("{s:s, s:s?, s:s, s:o, s:o, s:o}", "name", kind->name,
                                        "mode", o->mode ? o->mode : kind->board->modes[0].name,
                                        "precision", proto_board_precision_name(o->precision),
                                        "alone_fps", real(simulate->alone_fps[k]), "link_mbit",
                                        real(8 * kind->speed.bytes_per_us), "latency_us",
                                        real(kind->speed.latency_us)));
    }
    return json_pack("{s:b, s:s, s:s, s:[i,i], s:I, s:i, s:I, s:o, s:o}", "simulated", 1, "model",
                     simulate->model->name, "model_hash", simulate->model->hash, "frame",
                     (int)o->frame.w, (int)o->frame.h, "frames", (json_int_t)o->frames, "depth",
                     (int)o->depth, "seed", (json_int_t)o->seed, "jitter_us", real(o->jitter_us),
                     "boards", boards);
}

static int points_run(struct simulate *simulate)
{
    const struct simulate_options *o = &simulate->options;
    json_t *points = json_array();
    int status = alone_run(simulate);
    if (!status && !o->json)
        text_head(simulate);
    for (int32_t i = 0; i < o->count_count && !status; i++) {
        struct simulate_point point;
        status = point_run(simulate, o->counts[i], &point);
        if (!status && o->json)
            json_array_append_new(points, json_point(simulate, &point));
        else if (!status)
            text_point(&point);
    }
    if (!status && o->json) {
        json_t *all = json_pack("{s:O, s:o}", "points", points, "system", json_system(simulate));
        json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
        putchar('\n');
        json_decref(all);
    }
    json_decref(points);
    return cli_exit_code(status);
}

/* ---- faults ---- */

static int faults_run(struct simulate *simulate)
{
    enum {
        FROM_US = 1000000,
        TO_US = 10000000,
        LONG_US = 5000000,
        RECOVERY_US = 15000000,
        RECOVERY_FRAMES = 200
    };
    const struct simulate_options *o = &simulate->options;
    struct sim_random random = {sim_mix(o->seed)};
    struct sim_trial *trial = calloc(1, sizeof *trial);
    if (!trial)
        return CLI_FAILED;
    trial->seed = o->seed;
    trial->speed = true;
    trial->healthy_period_us = NAN;
    simulate_settings(simulate, o->counts[o->count_count - 1], &trial->settings);
    trial->settings.answers = SIM_ANSWERS_RANDOM;
    trial->settings.recovery_us = RECOVERY_US;
    trial->settings.recovery_frames = RECOVERY_FRAMES;
    trial->settings.loud = false;
    trial->settings.log = stdout;
    sim_trial_draw_faults(trial, &random, SIM_TRIAL_ALL, FROM_US, TO_US, LONG_US);
    sim_trial_print(trial, stdout);
    int code = cli_exit_code(sim_trial_run(trial));
    if (code == CLI_DONE) {
        printf("\n%" PRIu64 " frames, %" PRIu64 " complete, %" PRIu64 " not\n",
               trial->outcome.frames, trial->outcome.complete, trial->outcome.incomplete);
        if (!isnan(trial->healthy_period_us) && !isnan(trial->outcome.tail_period_us))
            printf("after the last fault %.1f ms a frame, without faults %.1f ms\n",
                   trial->outcome.tail_period_us / 1e3, trial->healthy_period_us / 1e3);
        printf("verdict: %s\n", trial->verdict[0] ? trial->verdict : "every rule held");
        code = trial->verdict[0] ? CLI_FAILED : CLI_DONE;
    }
    free(trial);
    return code;
}

static int compare_run(struct simulate *simulate)
{
    char program[CLI_PATH_MAX];
    const ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len <= 0) {
        fputs("muster simulate: this program does not know its own path\n", stderr);
        return CLI_FAILED;
    }
    program[len] = '\0';
    return simulate_compare(simulate, program);
}

static int inputs_open(struct simulate *simulate)
{
    const struct simulate_options *o = &simulate->options;
    int status = cli_model_find(o->model, simulate->model_dir);
    if (!status)
        status = partition_model_open(simulate->model_dir, &simulate->model);
    if (!status && o->camera)
        status = proto_config_camera_load(o->camera, &simulate->camera);
    return status;
}

int cli_simulate(int argc, char **argv)
{
    struct simulate *simulate = calloc(1, sizeof *simulate);
    if (!simulate)
        return CLI_FAILED;
    int code = CLI_DONE, status = simulate_options_parse(argc, argv, &simulate->options);
    if (!status && !simulate->options.help) {
        status = inputs_open(simulate);
        if (!status)
            code = simulate->options.compare  ? compare_run(simulate)
                   : simulate->options.faults ? faults_run(simulate)
                                              : points_run(simulate);
    }
    if (status)
        code = cli_exit_code(status);
    simulate_options_close(&simulate->options);
    partition_model_close(simulate->model);
    free(simulate);
    return code;
}
