/* muster bench: a scaling experiment with `muster detect`, and its report. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/bench_experiment.h"
#include "cli/bench_ladder.h"
#include "cli/bench_ops.h"
#include "cli/cli.h"
#include "coordinator/bench/report.h"
#include "coordinator/bench/run.h"
#include "coordinator/source.h"
#include "proto/host.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA "bench"

enum { RENDERED_FRAMES = 12 };

static int facts_print(void)
{
    struct proto_host host;
    proto_host_read("", &host);
    json_t *object = bench_host_json(&host);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!text)
        return CLI_FAILED;
    /* One write a rank: lines of several ranks must not mix. */
    printf("%s\n", text);
    free(text);
    return fflush(stdout) ? CLI_FAILED : CLI_DONE;
}

static int input_prepare(struct bench *bench)
{
    struct bench_options *o = &bench->options;
    struct coordinator_source_settings settings;
    struct coordinator_source *source;
    if (o->input) {
        snprintf(bench->input, sizeof bench->input, "%s", o->input);
    } else {
        struct stat st;
        char log[CLI_PATH_MAX], frames[16];
        snprintf(bench->input, sizeof bench->input, "%.4000s/input", o->out);
        snprintf(log, sizeof log, "%.4000s/input.log", o->out);
        snprintf(frames, sizeof frames, "%d", RENDERED_FRAMES);
        char *const args[] = {bench->program, "scene", "--out", bench->input,
                              "--frames",     frames,  NULL};
        const int status =
            stat(bench->input, &st) == 0 ? PROTO_OK : bench_run_command(args, log, 600);
        if (status)
            return status;
    }
    if (o->camera)
        snprintf(bench->camera, sizeof bench->camera, "%s", o->camera);
    else if (!o->input)
        snprintf(bench->camera, sizeof bench->camera, "%.4000s/camera.yaml", bench->input);
    if (o->ground_count == 0)
        o->ground[o->ground_count++] = *bench->camera != '\0';
    for (int g = 0; g < o->ground_count; g++)
        if (o->ground[g] && !*bench->camera) {
            fputs("muster bench: --ground-plane on needs --camera FILE\n", stderr);
            return PROTO_INVALID;
        }
    coordinator_source_defaults(&settings);
    const int status = coordinator_source_open(bench->input, &settings, &source);
    if (status)
        return status;
    const int64_t count = coordinator_source_count(source);
    bench->pictures = count > 0 ? (uint64_t)count : (uint64_t)o->iterations;
    coordinator_source_close(source);
    return PROTO_OK;
}

static int folder_make(const char *out)
{
    char path[CLI_PATH_MAX];
    if (strlen(out) > 3800) {
        fprintf(stderr, "muster bench: --out: the name is too long\n");
        return PROTO_INVALID;
    }
    snprintf(path, sizeof path, "%s/points", out);
    /* Parents are made as they are missing. */
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(path, 0777) && errno != EEXIST) {
            proto_log_error(AREA, "%s: %s", path, strerror(errno));
            return PROTO_IO;
        }
        if (!slash)
            return PROTO_OK;
        *slash = '/';
    }
}

static void about_fill(struct bench *bench, int argc, char **argv)
{
    const time_t now = time(NULL);
    struct tm utc;
    size_t len = (size_t)snprintf(bench->command, sizeof bench->command, "muster");
    for (int i = 0; i < argc && len < sizeof bench->command; i++)
        len += (size_t)snprintf(bench->command + len, sizeof bench->command - len, " %s", argv[i]);
    if (gmtime_r(&now, &utc))
        strftime(bench->date, sizeof bench->date, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static int ladder(const struct bench *bench)
{
    char model_dir[CLI_PATH_MAX];
    const struct bench_ladder_settings settings = {
        .device = bench->options.specs[0],
        .model_dir = model_dir,
        .input = bench->input,
        .camera = bench->camera,
        .repeats = bench->options.repeats,
        .json = bench->options.json,
    };
    const int status = cli_model_find(bench->options.model, model_dir);
    return status ? status : bench_ladder_run(&settings);
}

static int prepare(struct bench *bench, int argc, char **argv)
{
    static char bigger[BENCH_DEVICES_MAX];
    struct bench_options *o = &bench->options;
    const ssize_t len = readlink("/proc/self/exe", bench->program, sizeof bench->program - 1);
    if (len < 0) {
        proto_log_error(AREA, "/proc/self/exe can't be read: %s", strerror(errno));
        return PROTO_IO;
    }
    about_fill(bench, argc, argv);
    int status = folder_make(o->out);
    if (!status)
        status = input_prepare(bench);
    if (status)
        return status;
    if (strcmp(o->bigger, "auto") == 0)
        o->bigger = bench_bigger_choose(o, bigger) ? bigger : "none";
    bench->points = calloc(BENCH_POINTS_MAX, sizeof *bench->points);
    if (!bench->points)
        return PROTO_NO_MEMORY;
    bench->point_count = bench_points_fill(o, bench->points);
    if (bench->point_count < 0) {
        fprintf(stderr, "muster bench: more than %d points: fewer lists, please\n",
                BENCH_POINTS_MAX);
        return PROTO_INVALID;
    }
    return PROTO_OK;
}

int cli_bench(int argc, char **argv)
{
    static struct bench bench;
    int code;
    if (!bench_options_parse(argc, argv, &bench.options, &code))
        return code;
    if (bench.options.facts)
        return facts_print();
    if (bench.options.ops)
        return cli_exit_code(bench_ops_run(bench.options.specs[0], bench.options.json));
    int status = prepare(&bench, argc, argv);
    if (!status)
        status = bench.options.ladder ? ladder(&bench) : bench_experiment_run(&bench);
    bench_experiment_close(&bench);
    return cli_exit_code(status);
}
