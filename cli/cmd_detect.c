/* muster detect: the main job, as coordinator, as worker, or as both in one process. */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/detect_options.h"
#include "cli/models.h"
#include "cli/version.h"
#include "coordinator/dismiss.h"
#include "coordinator/progress.h"
#include "coordinator/shell.h"
#include "coordinator/sink_json.h"
#include "coordinator/sink_picture.h"
#include "coordinator/sink_report.h"
#include "coordinator/sink_trace.h"
#include "proto/launcher.h"
#include "proto/log.h"
#include "proto/status.h"
#include "worker/guard.h"
#include "worker/rank.h"

/* What rank 0 holds besides the link. Zeroed, then filled in order; closed in any state. */
struct detect {
    const struct detect_options *options;
    char model_dir[CLI_PATH_MAX];
    struct partition_model *model;
    struct coordinator_knowledge *knowledge; /* of speeds */
    struct proto_config_camera camera;       /* if the options name one */
    struct coordinator_source *source;
    struct coordinator_sink *sinks[COORDINATOR_SINKS_MAX];
    int sink_count;
    struct coordinator_sink *report; /* one of the sinks */
    struct coordinator_shell *shell;
    bool all_left; /* every worker said goodbye */
};

static void worker_settings(const struct detect_options *options, const char *model_dir, bool alone,
                            struct worker_rank_settings *settings)
{
    const struct proto_config_detect *config = &options->config;
    worker_rank_defaults(settings);
    settings->model_dir = model_dir;
    if (config->device)
        settings->device = config->device;
    settings->gpu.threads = config->threads >= 0 ? config->threads : (alone ? 0 : 1);
    settings->gpu.softmax = options->softmax;
    settings->beat_us = (uint64_t)(config->beat_ms * 1e3);
    if (options->power)
        settings->power.spec = options->power;
    if (options->power_root)
        settings->power.root = options->power_root;
}

/* ---- coordinator ---- */

static int sink_add(struct detect *detect, int status, struct coordinator_sink *sink)
{
    if (status == PROTO_OK)
        detect->sinks[detect->sink_count++] = sink;
    return status;
}

static int sinks_open(struct detect *detect)
{
    const struct detect_options *options = detect->options;
    struct coordinator_sink *sink = NULL;
    int status = coordinator_sink_report_open(options->report, &sink);
    detect->report = sink;
    status = sink_add(detect, status, sink);
    if (!status && options->json) {
        status = coordinator_sink_json_open(options->json, &sink);
        status = sink_add(detect, status, sink);
    }
    if (!status && options->trace) {
        status = coordinator_sink_trace_open(options->trace, &sink);
        status = sink_add(detect, status, sink);
    }
    if (!status && options->out && coordinator_source_reads_from(detect->source, options->out)) {
        proto_log_error("cli", "--out %s: the input is in there and would be overwritten",
                        options->out);
        status = PROTO_INVALID;
    }
    if (!status && options->out) {
        status = coordinator_sink_picture_open(options->out, &sink);
        status = sink_add(detect, status, sink);
    }
    if (!status && !options->quiet) {
        status = coordinator_progress_open(stderr, coordinator_source_count(detect->source), &sink);
        status = sink_add(detect, status, sink);
    }
    return status;
}

static int threshold_choose(const struct detect *detect, float *threshold)
{
    const struct detect_options *options = detect->options;
    if (!isnan(options->fppi))
        return cli_model_threshold_at(detect->model, options->fppi, threshold);
    *threshold = isnan(options->config.threshold) ? detect->model->threshold
                                                  : (float)options->config.threshold;
    return PROTO_OK;
}

/* One of the words detect_options lets pass. */
static enum coordinator_ground_plane ground_plane_of(const char *word)
{
    if (strcmp(word, "on") == 0)
        return COORDINATOR_GROUND_ON;
    return strcmp(word, "measure") == 0 ? COORDINATOR_GROUND_MEASURE : COORDINATOR_GROUND_OFF;
}

static int camera_choose(struct detect *detect, struct coordinator_core_settings *core)
{
    const struct detect_options *options = detect->options;
    if (!options->camera)
        return PROTO_OK;
    core->camera = &detect->camera;
    core->ground_plane = ground_plane_of(options->ground_plane);
    const int status = proto_config_camera_load(options->camera, &detect->camera);
    return status == PROTO_IO ? PROTO_NOT_FOUND : status; /* a wrong option, not a failed run */
}

static float probability(float score)
{
    return 1 / (1 + expf(-score));
}

static void recovery_choose(const struct detect_options *options,
                            struct coordinator_core_settings *core)
{
    core->split = strcmp(options->split, "level") == 0   ? PARTITION_SPLIT_LEVEL
                  : strcmp(options->split, "frame") == 0 ? PARTITION_SPLIT_FRAME
                                                         : PARTITION_SPLIT_TILE;
    core->port_bytes_per_us = options->port_bytes_per_us;
    core->budget_w = options->budget_w;
    core->deadline_us = (uint64_t)(options->deadline_ms * 1e3);
    core->silence_us = (uint64_t)(options->silence_ms * 1e3);
    if (core->silence_us == 0)
        core->late_factor = 0.0;
    else if (core->silence_max_us < core->silence_us)
        core->silence_max_us = core->silence_us;
}

/* reserve: rank 0's end of a link to a thread of this process, or NULL. */
static int detect_open(struct detect *detect, const struct detect_options *options,
                       struct proto_link *link, struct proto_link *reserve)
{
    const struct proto_config_detect *config = &options->config;
    struct coordinator_source_settings source;
    struct coordinator_shell_settings shell = {
        .link = link, .reserve = reserve, .launcher = proto_launcher_output()};

    *detect = (struct detect){.options = options};
    int status = cli_model_find(config->model ? config->model : "paper", detect->model_dir);
    if (!status)
        status = partition_model_open(detect->model_dir, &detect->model);
    if (status)
        return status;
    coordinator_core_defaults(&shell.core);
    shell.core.model = detect->model;
    shell.core.depth = config->depth;
    recovery_choose(options, &shell.core);
    partition_tile_configure(&shell.core.tiles, config);
    shell.core.period_slack = config->period_slack;
    status = camera_choose(detect, &shell.core);
    if (!status)
        status = coordinator_knowledge_open(options->profiles, detect->model, &detect->knowledge);
    if (!status)
        status = threshold_choose(detect, &shell.core.threshold);
    if (status)
        return status;
    if (options->softmax) { /* thresholds are given for linear scores */
        detect->model->candidate_threshold = probability(detect->model->candidate_threshold);
        shell.core.threshold = probability(shell.core.threshold);
    }
    coordinator_source_defaults(&source);
    source.frames_max = options->frames;
    source.loop = options->loop;
    status = coordinator_source_open(options->input, &source, &detect->source);
    if (!status)
        status = sinks_open(detect);
    if (status)
        return status;
    shell.source = detect->source;
    shell.knowledge = detect->knowledge;
    shell.duration_us = (uint64_t)(options->duration_s * 1e6);
    shell.iterations = (uint64_t)options->iterations;
    shell.sink_count = detect->sink_count;
    for (int i = 0; i < detect->sink_count; i++)
        shell.sinks[i] = detect->sinks[i];
    return coordinator_shell_open(&shell, &detect->shell);
}

static void detect_close(struct detect *detect)
{
    coordinator_shell_close(detect->shell);
    for (int i = 0; i < detect->sink_count; i++)
        coordinator_sink_close(detect->sinks[i]);
    coordinator_source_close(detect->source);
    coordinator_knowledge_close(detect->knowledge);
    partition_model_close(detect->model);
}

static int sinks_finish(struct detect *detect, const struct coordinator_run *run)
{
    int status = PROTO_OK;
    for (int i = 0; i < detect->sink_count; i++) {
        const int one = coordinator_sink_finish(detect->sinks[i], run);
        if (one && one != PROTO_END && !status)
            status = one;
    }
    return status;
}

/* 1 if a frame was not searched completely; 2 if no picture at all could be read. */
static int exit_code(const struct detect *detect, int status)
{
    const struct coordinator_sink_report_totals totals =
        coordinator_sink_report_totals(detect->report);
    if (status)
        return cli_exit_code(status);
    if (totals.incomplete > totals.cut) /* those cut by --deadline are as was asked for */
        return CLI_FAILED;
    return totals.frames > 0 && totals.broken == totals.frames ? CLI_USAGE : CLI_DONE;
}

static int coordinate(struct detect *detect)
{
    const struct coordinator_version versions[] = {{"muster", CLI_VERSION},
                                                   {"mpi", proto_link_mpi_version()}};
    struct coordinator_run run = {
        .input = detect->options->input,
        .model_name = detect->model->name,
        .model_hash = detect->model->hash,
        .split = detect->options->split,
        .ground_plane = detect->options->ground_plane,
        .macs_share = NAN,
        .predicted_ms = NAN,
        .lower_bound_ms = NAN,
        .version_count = sizeof versions / sizeof *versions,
        .versions = versions,
    };
    int status = coordinator_shell_run(detect->shell);
    coordinator_shell_describe(detect->shell, &run);
    detect->all_left = coordinator_shell_all_left(detect->shell);
    const int finished = sinks_finish(detect, &run);
    if (!status)
        status = finished;
    const bool any = coordinator_sink_report_totals(detect->report).frames > 0;
    if (!detect->options->quiet && any)
        coordinator_sink_report_print(detect->report, &run, stderr);
    return exit_code(detect, status);
}

/* ---- one process: a worker's thread on the in-process link ---- */

struct worker_thread {
    struct proto_link *ends[2];
    struct worker_rank_settings settings;
    pthread_t thread;
    bool running;
};

static void *worker_main(void *arg)
{
    struct worker_thread *worker = arg;
    worker_rank_run(worker->ends[1], &worker->settings);
    return NULL;
}

static bool worker_start(struct worker_thread *worker)
{
    worker->running = pthread_create(&worker->thread, NULL, worker_main, worker) == 0;
    if (!worker->running)
        proto_log_error("cli", "can't start the worker's thread");
    return worker->running;
}

static void worker_close(struct worker_thread *worker)
{
    proto_link_close(worker->ends[0]);
    proto_link_close(worker->ends[1]);
}

static int run_alone(const struct detect_options *options)
{
    struct detect detect;
    struct worker_thread worker = {0};
    int code = CLI_FAILED;

    int status = proto_link_local_open(2, worker.ends);
    if (status)
        return cli_exit_code(status);
    status = detect_open(&detect, options, worker.ends[0], NULL);
    if (status) {
        code = cli_exit_code(status);
    } else {
        worker_settings(options, detect.model_dir, true, &worker.settings);
        if (worker_start(&worker)) {
            code = coordinate(&detect);
            pthread_join(worker.thread, NULL);
        }
    }
    detect_close(&detect);
    worker_close(&worker);
    return code;
}

/* ---- under mpirun ---- */

/* With --reserve a worker's thread here waits for the case that no other is left. */
static int run_rank0(const struct detect_options *options, struct proto_link *link, bool *all_left)
{
    struct detect detect = {0};
    struct worker_thread reserve = {0};
    int code, status = PROTO_OK;

    if (strcmp(options->reserve, "off") != 0)
        status = proto_link_local_open(2, reserve.ends);
    if (!status)
        status = detect_open(&detect, options, link, reserve.ends[0]);
    if (!status && reserve.ends[0]) {
        worker_settings(options, detect.model_dir, true, &reserve.settings);
        if (strcmp(options->reserve, "on") != 0)
            reserve.settings.device = options->reserve;
        if (!worker_start(&reserve))
            status = PROTO_NO_MEMORY;
    }
    if (status) {
        code = cli_exit_code(status);
        *all_left = coordinator_dismiss(link);
    } else {
        code = coordinate(&detect);
        *all_left = detect.all_left;
    }
    if (reserve.running)
        pthread_join(reserve.thread, NULL);
    detect_close(&detect);
    worker_close(&reserve);
    return code;
}

/* What a worker works with. unable: NULL, or what is wrong with the options here, perhaps only on this
 * host; then it still tells the coordinator so. model_dir: room for the settings to point to. */
static void worker_prepare(const struct detect_options *options, const char *unable,
                           char model_dir[CLI_PATH_MAX], struct worker_rank_settings *settings)
{
    const char *name = options->config.model ? options->config.model : "paper";

    /* Without a model it still has to tell the coordinator so: the name will do for that. */
    if (!cli_model_search(name, model_dir))
        snprintf(model_dir, CLI_PATH_MAX, "%s", name);
    worker_settings(options, model_dir, false, settings);
    settings->unable = unable;
}

/* A worker's code is 0 once it was told to stop: what became of the run is rank 0's to say. */
static int run_worker(struct proto_link *link, const struct worker_rank_settings *settings)
{
    const int status = worker_rank_run(link, settings);
    if (settings->guard)
        worker_guard_leave(settings->guard);
    if (settings->unable)
        return CLI_USAGE;
    return status == PROTO_LOST ? CLI_FAILED : CLI_DONE;
}

/* Guard, rank and device process, where the launcher says who is who before MPI starts. */
static struct worker_guard *guard_start(const struct worker_rank_settings *settings)
{
    struct worker_guard_settings guard;
    struct worker_guard *self = NULL;
    const char *wanted =
        getenv("MUSTER_GUARD"); /* 0: one process a rank, for measuring and debugging */
    if (proto_launcher_rank() < 0 || proto_launcher_size() < 2 ||
        (wanted && strcmp(wanted, "0") == 0))
        return NULL;
    worker_guard_defaults(&guard);
    guard.coordinator = proto_launcher_rank() == 0;
    guard.rank = settings;
    if (worker_guard_start(&guard, &self))
        proto_log_warn("cli", "no guard: a crash of this process ends the job");
    return self;
}

/* Under mpirun all ranks parse the same line: rank 0 prints what is wrong, the others keep it. */
static char heard[256] = "bad options";

static void hear(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)level, (void)area;
    snprintf(heard, sizeof heard, "%s", text);
}

static enum detect_parse parse(int argc, char **argv, bool speak, struct detect_options *options)
{
    if (!speak)
        proto_log_set_sink(hear, NULL);
    const enum detect_parse parsed = detect_options_parse(argc, argv, speak, options);
    proto_log_set_sink(NULL, NULL);
    return parsed;
}

static bool workers_fit(const struct detect_options *options, int size, bool speak)
{
    const int workers = size > 1 ? size - 1 : 1;
    if (options->workers == 0 || options->workers == workers)
        return true;
    if (speak)
        fprintf(
            stderr,
            "muster detect: --workers %d needs %d processes (one coordinates), but there %s %d; "
            "start it with: mpirun -n %d muster detect ...\n",
            options->workers, options->workers + 1, size == 1 ? "is" : "are", size,
            options->workers + 1);
    return false;
}

static int run_launched(const struct detect_options *options, enum detect_parse parsed)
{
    char model_dir[CLI_PATH_MAX];
    struct worker_rank_settings settings;
    struct proto_link *link = NULL;
    bool all_left = true;
    int code = parsed == DETECT_HELP ? CLI_DONE : CLI_USAGE;

    worker_prepare(options, parsed == DETECT_RUN ? NULL : heard, model_dir, &settings);
    settings.guard = guard_start(&settings);
    const int status = proto_link_mpi_open(&link);
    if (status)
        proto_link_mpi_exit(NULL, cli_exit_code(status));
    const bool speak = link->rank == 0;
    if (settings.guard)
        worker_guard_started(settings.guard, !speak && proto_link_mpi_detach(link));
    if (parsed == DETECT_HELP || (parsed == DETECT_RUN && !workers_fit(options, link->size, speak)))
        ; /* so say all ranks */
    else if (!speak)
        code = run_worker(link, &settings);
    else if (parsed == DETECT_RUN)
        code = link->size == 1 ? run_alone(options) : run_rank0(options, link, &all_left);
    else if (link->size > 1)
        all_left = coordinator_dismiss(link);
    if (speak && settings.guard && (!all_left || worker_guard_gone(settings.guard))) {
        fflush(NULL);
        proto_link_mpi_abandon(link);
        worker_guard_end_job(settings.guard, code);
    }
    proto_link_mpi_exit(link, code);
}

int cli_detect(int argc, char **argv)
{
    struct detect_options options;
    const bool launched = proto_launcher_present();
    int code = CLI_USAGE;

    signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error of write */
    proto_launcher_close_inherited(argc, argv);
    const enum detect_parse parsed = parse(argc, argv, proto_launcher_rank() <= 0, &options);
    if (launched)
        code = run_launched(&options, parsed);
    else if (parsed == DETECT_HELP)
        code = CLI_DONE;
    else if (parsed == DETECT_RUN && workers_fit(&options, 1, true))
        code = run_alone(&options);
    detect_options_free(&options);
    return code;
}
