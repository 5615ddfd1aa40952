/* The simulation against real processes: `muster detect` on sim: devices, which take the boards' time on
 * the clock of the wall and send real bytes over real links.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/simulate.h"
#include "coordinator/bench/run.h"
#include "proto/log.h"
#include "proto/status.h"

enum { LIMIT_S = 600, INPUT_FRAMES = 8 };
static const double tolerance = 0.05; /* of frame rate and latency */

struct place {
    char dir[64], input[CLI_PATH_MAX], report[96], lines[96], log[96];
};

static int place_open(const struct simulate *simulate, const char *program, struct place *place)
{
    const struct simulate_options *o = &simulate->options;
    char frames[16], size[32];
    const char *tmp = getenv("TMPDIR");
    snprintf(place->dir, sizeof place->dir, "%.40s/muster-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(place->dir)) {
        proto_log_error("cli", "%s: no folder can be made there", place->dir);
        return PROTO_IO;
    }
    snprintf(place->report, sizeof place->report, "%s/report.json", place->dir);
    snprintf(place->lines, sizeof place->lines, "%s/lines.jsonl", place->dir);
    snprintf(place->log, sizeof place->log, "%s/log", place->dir);
    if (o->input) {
        snprintf(place->input, sizeof place->input, "%s", o->input);
        return PROTO_OK;
    }
    snprintf(place->input, sizeof place->input, "%s/input", place->dir);
    snprintf(frames, sizeof frames, "%d", INPUT_FRAMES);
    snprintf(size, sizeof size, "%dx%d", (int)o->frame.w, (int)o->frame.h);
    char *const args[] = {(char *)program, "scene",  "--out", place->input, "--frames",
                          frames,          "--size", size,    NULL};
    return bench_run_command(args, place->log, LIMIT_S);
}

static void place_close(const struct place *place)
{
    char *const args[] = {"rm", "-rf", (char *)place->dir, NULL};
    bench_run_command(args, "/dev/null", LIMIT_S);
}

/* mpirun -n 1 detect ..: rank 0 belongs to the first group; a group for each kind. */
static void command(const struct simulate *simulate, const struct place *place, const char *program,
                    int32_t count, struct cli_arguments *args)
{
    const struct simulate_options *o = &simulate->options;
    char text[160];
    cli_arguments_words(args, o->launcher);
    for (int32_t b = 0; b < count;) {
        const struct simulate_kind *kind = simulate_kind_of(o, b);
        int32_t same = 1;
        while (b + same < count && simulate_kind_of(o, b + same) == kind)
            same++;
        if (b > 0)
            cli_arguments_add(args, ":");
        cli_arguments_number(args, "-n", same + (b == 0));
        cli_arguments_add(args, program);
        cli_arguments_add(args, "detect");
        cli_arguments_add(args, place->input);
        cli_arguments_add(args, "--quiet");
        cli_arguments_add(args, "--loop");
        cli_arguments_number(args, "--frames", (double)o->frames);
        cli_arguments_add(args, "--model");
        cli_arguments_add(args, simulate->model_dir);
        snprintf(text, sizeof text, "sim:%s,%s,empty%s%s", kind->name,
                 proto_board_precision_name(o->precision), o->mode ? ",mode=" : "",
                 o->mode ? o->mode : "");
        cli_arguments_add(args, "--device");
        cli_arguments_add(args, text);
        cli_arguments_number(args, "--depth", o->depth);
        if (o->split != PARTITION_SPLIT_TILE) {
            cli_arguments_add(args, "--split");
            cli_arguments_add(args, simulate_split_name(o->split));
        }
        if (o->camera) {
            cli_arguments_add(args, "--camera");
            cli_arguments_add(args, o->camera);
        }
        cli_arguments_add(args, "--report");
        cli_arguments_add(args, place->report);
        cli_arguments_add(args, "--json");
        cli_arguments_add(args, place->lines);
        b += same;
    }
}

/* warm_up: the same frames as in the simulation don't count. */
static int real_run(const struct simulate *simulate, const struct place *place, const char *program,
                    int32_t count, double warm_up_ms, struct bench_figures *figures)
{
    struct bench_run run = {0};
    struct cli_arguments *args = calloc(1, sizeof *args);
    if (!args)
        return PROTO_NO_MEMORY;
    command(simulate, place, program, count, args);
    unlink(place->report);
    unlink(place->lines);
    int status = bench_run_command(args->list, place->log, LIMIT_S);
    if (!status)
        status = bench_run_read(place->report, place->lines, warm_up_ms, &run);
    *figures = run.figures;
    bench_run_free(&run);
    free(args);
    return status;
}

static double apart(double simulated, double real)
{
    return simulated / real - 1;
}

static int row(struct simulate *simulate, const struct place *place, const char *program,
               int32_t count, bool *agree)
{
    struct sim_settings settings;
    struct sim_figures figures;
    struct bench_figures real;
    simulate_settings(simulate, count, &settings);
    if (isnan(simulate->options.link_bytes_per_us)) { /* within one machine links are no limit */
        settings.port_bytes_per_us = settings.core.port_bytes_per_us = INFINITY;
        for (int32_t b = 0; b < count; b++)
            simulate->boards[b].speed.bytes_per_us = INFINITY;
    }
    for (int32_t b = 0; b < count; b++)
        simulate->boards[b].known = false; /* nor is the real coordinator told anything */
    int status = sim_figures_run(&settings, simulate_warm_up(simulate), &figures);
    if (!status)
        status = real_run(simulate, place, program, count,
                          figures.period_ms * (double)simulate_warm_up(simulate), &real);
    if (status)
        return status;
    const double fps = apart(figures.fps, real.fps);
    const double latency = apart(figures.latency_p50_ms, real.latency.p50);
    printf("%7d %10.3f %10.3f %7.1f%% %10.1f %10.1f %7.1f%%\n", (int)count, real.fps, figures.fps,
           100 * fps, real.latency.p50, figures.latency_p50_ms, 100 * latency);
    fflush(stdout);
    *agree &= fabs(fps) <= tolerance && fabs(latency) <= tolerance;
    return PROTO_OK;
}

int simulate_compare(struct simulate *simulate, const char *program)
{
    const struct simulate_options *o = &simulate->options;
    struct place place = {0};
    bool agree = true;
    int status = place_open(simulate, program, &place);
    if (!status)
        printf("%7s %10s %10s %8s %10s %10s %8s\n%7s %10s %10s %8s %10s %10s\n", "boards",
               "real fps", "simulated", "", "real p50", "simulated", "", "", "", "", "", "ms",
               "ms");
    for (int32_t i = 0; i < o->count_count && !status; i++)
        status = row(simulate, &place, program, o->counts[i], &agree);
    if (!status)
        printf("%s\n", agree ? "they agree within 5 %" : "they are more than 5 % apart");
    if (*place.dir && !status)
        place_close(&place);
    return status ? cli_exit_code(status) : agree ? CLI_DONE : CLI_FAILED;
}
