/* Running the points of a scaling experiment. */
#include "cli/bench_experiment.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/arguments.h"
#include "cli/version.h"
#include "coordinator/bench/plots.h"
#include "coordinator/bench/report.h"
#include "coordinator/bench/run.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA "bench"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What every rank of a run gets. */
static void arg_detect(const struct bench *bench, const struct bench_point *point,
                       const char *device, const char *report, const char *lines,
                       struct cli_arguments *args)
{
    const struct bench_options *o = &bench->options;
    char text[32];
    cli_arguments_add(args, bench->program);
    cli_arguments_add(args, "detect");
    cli_arguments_add(args, bench->input);
    cli_arguments_add(args, "--quiet");
    cli_arguments_add(args, "--loop");
    cli_arguments_number(args, "--duration", o->warmup_ms / 1e3 + o->duration_s);
    /* Enough rounds of replicas, whose answers come in bursts. */
    cli_arguments_number(args, "--iterations", fmax((double)o->iterations, 8.0 * point->workers));
    cli_arguments_add(args, "--model");
    cli_arguments_add(args, o->model);
    cli_arguments_add(args, "--device");
    cli_arguments_add(args, device);
    snprintf(text, sizeof text, "%d", (int)point->workers);
    cli_arguments_add(args, "--workers");
    cli_arguments_add(args, text);
    if (strcmp(point->split, "tile") != 0) {
        cli_arguments_add(args, "--split");
        cli_arguments_add(args, point->split);
    }
    if (*bench->camera) {
        cli_arguments_add(args, "--camera");
        cli_arguments_add(args, bench->camera);
        cli_arguments_add(args, "--ground-plane");
        cli_arguments_add(args, point->ground_plane ? "on" : "off");
    }
    if (!isnan(point->budget_w)) {
        snprintf(text, sizeof text, "%gW", point->budget_w);
        cli_arguments_add(args, "--budget");
        cli_arguments_add(args, text);
    }
    cli_arguments_add(args, "--report");
    cli_arguments_add(args, report);
    cli_arguments_add(args, "--json");
    cli_arguments_add(args, lines);
    for (int i = 0; i < o->extra_count; i++)
        cli_arguments_add(args, o->extra[i]);
}

/* mpirun -n 1 detect .. : -n A detect .. --device X : .. ; one group where all devices are equal. */
static void arg_ranks(const struct bench *bench, const struct bench_point *point,
                      const char *report, const char *lines, struct cli_arguments *args)
{
    char text[32];
    int32_t coordinator = 1; /* joins the first group */
    cli_arguments_words(args, bench->options.launcher);
    for (int32_t w = 0; w < point->workers;) {
        const char *device = bench_point_device(&bench->options, point, w);
        int32_t same = 1;
        while (w + same < point->workers &&
               strcmp(bench_point_device(&bench->options, point, w + same), device) == 0)
            same++;
        if (w > 0)
            cli_arguments_add(args, ":");
        snprintf(text, sizeof text, "%d", (int)(same + coordinator));
        cli_arguments_add(args, "-n");
        cli_arguments_add(args, text);
        arg_detect(bench, point, device, report, lines, args);
        coordinator = 0;
        w += same;
    }
}

/* ---- one run ---- */

struct run_files {
    char report[CLI_PATH_MAX], lines[CLI_PATH_MAX], arguments[CLI_PATH_MAX], log[CLI_PATH_MAX];
};

static void files_name(const struct bench *bench, const struct bench_point *point, int32_t repeat,
                       struct run_files *files)
{
    char base[CLI_PATH_MAX - 16];
    snprintf(base, sizeof base, "%.3800s/points/%s-%d", bench->options.out, point->name,
             (int)repeat + 1);
    snprintf(files->report, sizeof files->report, "%s.json", base);
    snprintf(files->lines, sizeof files->lines, "%s.jsonl", base);
    snprintf(files->arguments, sizeof files->arguments, "%s.args", base);
    snprintf(files->log, sizeof files->log, "%s.log", base);
}

static bool file_equals(const char *path, const char *text)
{
    const size_t bytes = strlen(text);
    char *content = malloc(bytes + 2);
    FILE *file = content ? fopen(path, "r") : NULL;
    const size_t got = file ? fread(content, 1, bytes + 1, file) : 0;
    const bool same = file && got == bytes && memcmp(content, text, bytes) == 0;
    if (file)
        fclose(file);
    free(content);
    return same;
}

static int file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    const bool bad = !file || fputs(text, file) < 0;
    if ((file && fclose(file)) || bad) {
        proto_log_error(AREA, "%s: %s", path, strerror(errno));
        return PROTO_IO;
    }
    return PROTO_OK;
}

/* The arguments are written last: where they stand, the run's files are whole and of just this run. */
static int run_once(struct bench *bench, const struct bench_point *point,
                    const struct run_files *files)
{
    struct cli_arguments *args = calloc(1, sizeof *args);
    char *text = NULL;
    int status = PROTO_NO_MEMORY;
    if (!args)
        return status;
    arg_ranks(bench, point, files->report, files->lines, args);
    text = cli_arguments_joined(args);
    if (args->full) {
        proto_log_error(AREA, "%s: too many options for one command", point->name);
        status = PROTO_LIMIT;
    } else if (text && file_equals(files->arguments, text)) {
        bench->runs_kept++;
        status = PROTO_OK;
    } else if (text) {
        unlink(files->arguments);
        unlink(files->log);
        status = bench_run_command(args->list, files->log, bench->options.limit_s);
        if (!status)
            status = file_write(files->arguments, text);
    }
    free(text);
    free(args);
    return status;
}

static int compare_detections(struct bench *bench, const struct bench_point *point,
                              const char *lines, bool *same)
{
    const int ground = point->ground_plane;
    uint64_t digest;
    const int status = bench_run_digest(lines, bench->pictures, &digest);
    if (status)
        return status;
    if (!bench->digest_known[ground])
        bench->digest[ground] = digest;
    bench->digest_known[ground] = true;
    *same = digest == bench->digest[ground];
    return PROTO_OK;
}

static int by_rate(const void *pa, const void *pb)
{
    const struct bench_run *a = pa, *b = pb;
    return (a->figures.fps > b->figures.fps) - (a->figures.fps < b->figures.fps);
}

static void progress(const struct bench *bench, const struct bench_point *point, int32_t repeat)
{
    const double spent = now_s() - bench->begun_s;
    const int64_t all = (int64_t)bench->point_count * bench->options.repeats;
    const int64_t made = bench->runs_done - bench->runs_kept;
    if (bench->options.quiet)
        return;
    fprintf(stderr, "[%lld/%lld] %s (%s), run %d", (long long)bench->runs_done + 1, (long long)all,
            point->name, point->devices, (int)repeat + 1);
    if (made > 0)
        fprintf(stderr, "; about %.0f s left",
                spent / (double)made * (double)(all - bench->runs_done));
    fputc('\n', stderr);
}

static int point_run(struct bench *bench, const struct bench_point *point,
                     struct bench_result *result)
{
    const int32_t repeats = bench->options.repeats;
    struct bench_run *runs = calloc((size_t)repeats, sizeof *runs);
    int status = runs ? PROTO_OK : PROTO_NO_MEMORY;
    bool same = true;
    for (int32_t r = 0; !status && r < repeats; r++) {
        struct run_files files;
        bool one = true;
        progress(bench, point, r);
        files_name(bench, point, r, &files);
        status = run_once(bench, point, &files);
        if (!status)
            status = bench_run_read(files.report, files.lines, bench->options.warmup_ms, &runs[r]);
        if (!status)
            status = compare_detections(bench, point, files.lines, &one);
        same &= one;
        bench->runs_done++;
    }
    if (!status) {
        qsort(runs, (size_t)repeats, sizeof *runs, by_rate);
        *result = (struct bench_result){
            .point = *point,
            .repeats = repeats,
            .run = runs[(repeats - 1) / 2],
            .fps_min = runs[0].figures.fps,
            .fps_max = runs[repeats - 1].figures.fps,
        };
        result->run.figures.same_detections = same;
        runs[(repeats - 1) / 2] = (struct bench_run){0}; /* it is the result's now */
    }
    for (int32_t r = 0; runs && r < repeats; r++)
        bench_run_free(&runs[r]);
    free(runs);
    return status;
}

/* ---- the whole ---- */

static bool equal_boards(const struct bench_options *options)
{
    for (int i = 1; i < options->spec_count; i++)
        if (strcmp(options->specs[i], options->specs[0]) != 0)
            return false;
    return true;
}

static int report_write(const struct bench *bench)
{
    const struct bench_options *o = &bench->options;
    const struct bench_about about = {
        .command = bench->command,
        .input = bench->input,
        .model = o->model,
        .date = bench->date,
        .version = CLI_VERSION,
        .warmup_ms = o->warmup_ms,
        .duration_s = o->duration_s,
        .iterations = o->iterations,
        .repeats = o->repeats,
        .points_planned = bench->point_count,
        .system = bench->system,
    };
    char path[CLI_PATH_MAX];
    snprintf(path, sizeof path, "%.4000s/report.json", o->out);
    int status = bench_report_json_write(path, &about, &bench->results);
    snprintf(path, sizeof path, "%.4000s/report.md", o->out);
    if (!status)
        status = bench_report_text_write(path, &about, &bench->results);
    if (!status)
        status = bench_plots_write(o->out, &bench->results);
    if (!status && o->times)
        status = bench_report_times_write(o->times, &bench->results);
    const bool complete = (int)bench->results.count == bench->point_count;
    if (!status && o->json && complete)
        status = bench_report_json_print(&about, &bench->results);
    return status;
}

static int points_run(struct bench *bench)
{
    struct bench_results *results = &bench->results;
    int status = PROTO_OK;
    results->list = calloc((size_t)bench->point_count, sizeof *results->list);
    if (!results->list)
        return PROTO_NO_MEMORY;
    for (int i = 0; !status && i < bench->point_count; i++) {
        status = point_run(bench, &bench->points[i], &results->list[results->count]);
        if (status)
            break;
        results->count++;
        bench_results_relate(results, equal_boards(&bench->options));
        status =
            report_write(bench); /* after each point: a bench that is stopped leaves what it has */
    }
    return status;
}

/* The hosts tell what they are: every rank prints a line; each host counts once. */
static void system_ask(struct bench *bench)
{
    struct cli_arguments *args = calloc(1, sizeof *args);
    char path[CLI_PATH_MAX], text[32], line[8192];
    int32_t most = 1;
    for (int i = 0; i < bench->point_count; i++)
        most = bench->points[i].workers > most ? bench->points[i].workers : most;
    if (!args)
        return;
    snprintf(path, sizeof path, "%.4000s/hosts.jsonl", bench->options.out);
    unlink(path);
    snprintf(text, sizeof text, "%d", (int)most + 1);
    cli_arguments_words(args, bench->options.launcher);
    cli_arguments_add(args, "-n");
    cli_arguments_add(args, text);
    cli_arguments_add(args, bench->program);
    cli_arguments_add(args, "bench");
    cli_arguments_add(args, "--facts");
    const int status = args->full ? PROTO_LIMIT : bench_run_command(args->list, path, 60);
    free(args);
    FILE *file = status ? NULL : fopen(path, "r");
    if (!file)
        return;
    bench->system = json_array();
    while (bench->system && fgets(line, sizeof line, file)) {
        json_t *host = json_loads(line, 0, NULL);
        size_t index;
        json_t *known;
        bool again = !host;
        json_array_foreach(bench->system, index, known)
        {
            again |= json_equal(json_object_get(known, "host"), json_object_get(host, "host"));
        }
        if (again)
            json_decref(host);
        else
            json_array_append_new(bench->system, host);
    }
    fclose(file);
}

int bench_experiment_run(struct bench *bench)
{
    bench->begun_s = now_s();
    system_ask(bench);
    const int status = points_run(bench);
    if (!bench->options.quiet && bench->results.count > 0)
        fprintf(stderr, "%u of %d points in %s/report.md\n", bench->results.count,
                bench->point_count, bench->options.out);
    return status;
}

void bench_experiment_close(struct bench *bench)
{
    bench_results_free(&bench->results);
    json_decref(bench->system);
    free(bench->points);
}
