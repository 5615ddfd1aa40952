/* muster profile: what this device takes for each tile shape and, under mpirun, the links. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/models.h"
#include "cli/work.h"
#include "coordinator/bands.h"
#include "coordinator/output.h"
#include "gpu/device.h"
#include "proto/host.h"
#include "proto/launcher.h"
#include "proto/link_ping.h"
#include "proto/log.h"
#include "proto/status.h"
#include "worker/measure.h"

enum { BASES_RUNS = 11, TEXT_MAX = 4 << 20, MEASURE_S = 900 };
#define SILENCE_US (UINT64_C(60) * 1000000)
#define MEASURE_US (UINT64_C(1000000) * MEASURE_S)

struct options {
    const char *device, *out;
    struct cli_work_settings work;
    struct worker_measure_settings measure;
    struct gpu_settings gpu;
    bool threads_given;
};

static void print_help(void)
{
    puts(
        "usage: muster profile [options]\n"
        "       mpirun -n K muster profile --out FILE [options]\n"
        "\n"
        "Measures on the device it runs on what each tile shape takes (median and spread), the "
        "fixed\n"
        "part of a frame and the octave bases; under mpirun also the link to each worker: latency\n"
        "and rate, both ways. `muster plan` and `muster detect` take the profile for their plans.\n"
        "\n"
        "  --device SPEC       what computes (cpu)\n"
        "  --threads N         0: all cores (0 alone, 1 under mpirun)\n"
        "  --seconds X         measure for about so long, at least five frames (5)\n"
        "  --out FILE          where to (-: standard output). With several workers one file each:\n"
        "                      FILE-1.yaml, FILE-2.yaml, ...\n"
        "\n"
        "What is measured:");
    puts(cli_work_help);
    puts("\nDevices:");
    gpu_device_list(stdout);
    puts("\nexamples:\n"
         "  muster profile --device cpu,bf16 --out here.yaml\n"
         "  mpirun -hostfile boards muster profile --camera hall.yaml --out boards.yaml\n"
         "  muster plan --workers boards-1.yaml,boards-2.yaml --camera hall.yaml");
}

static int usage(const char *option, const char *value, const char *valid)
{
    proto_log_error("cli", "profile: %s%s%s: %s; see muster profile --help", option,
                    value ? " " : "", value ? value : "", valid);
    return CLI_USAGE;
}

/* clang-format off */
enum option_id {
    OPTION_DEVICE = 256, OPTION_THREADS, OPTION_SECONDS, OPTION_OUT, OPTION_HELP,
};
static const struct option long_options[] = {
    CLI_WORK_OPTIONS,
    {"device", required_argument, NULL, OPTION_DEVICE},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"out", required_argument, NULL, OPTION_OUT},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};
/* clang-format on */

static int set_number(int id, const char *text, double low, double high, double *out)
{
    char valid[80], option[32];
    if (proto_config_number(text, out) == PROTO_OK && *out >= low && *out <= high &&
        (id == OPTION_SECONDS || *out == floor(*out)))
        return CLI_DONE;
    snprintf(option, sizeof option, "--%s", id == OPTION_SECONDS ? "seconds" : "threads");
    snprintf(valid, sizeof valid, "expected a %snumber from %g to %g",
             id == OPTION_SECONDS ? "" : "whole ", low, high);
    return usage(option, text, valid);
}

static int set_count(int id, const char *text, double high, int32_t *out)
{
    double value = 0;
    const int code = set_number(id, text, 0, high, &value);
    if (code == CLI_DONE)
        *out = (int32_t)value;
    return code;
}

static int set_option(struct options *o, int id, const char *value)
{
    switch (id) {
    case OPTION_DEVICE:
        o->device = value;
        return CLI_DONE;
    case OPTION_THREADS:
        o->threads_given = true;
        return set_count(id, value, 1024, &o->gpu.threads);
    case OPTION_SECONDS:
        return set_number(id, value, 0, 600, &o->measure.seconds);
    default:
        o->out = value;
        return CLI_DONE;
    }
}

static int parse(int argc, char **argv, struct options *o, bool *help)
{
    int code = CLI_DONE;
    optind = 1;
    opterr = 0;
    for (int id; !code && (id = getopt_long(argc, argv, ":", long_options, NULL)) != -1;) {
        if (id == '?')
            return usage(argv[optind - 1], NULL, "there is no such option");
        if (id == ':')
            return usage(argv[optind - 1], NULL, "an argument is missing");
        if (id == OPTION_HELP) {
            *help = true;
            return CLI_DONE;
        }
        if (id < CLI_WORK_MODEL) {
            code = set_option(o, id, optarg);
            continue;
        }
        const char *valid = cli_work_option(&o->work, id, optarg);
        if (valid)
            return *valid ? usage(argv[optind - 2], optarg, valid) : CLI_USAGE;
    }
    if (!code && optind < argc)
        return usage("unexpected", argv[optind], "all arguments are options");
    return code;
}

/* ---- measuring here ---- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median time of building the octave bases here. */
static int measure_bases(const struct cli_work *work, double *us)
{
    double all[BASES_RUNS];
    struct coordinator_image image = {0};
    struct coordinator_bands *bands = NULL;
    int status = coordinator_image_init(&image, work->pyramid.frame);
    if (status == PROTO_OK)
        status = coordinator_bands_open(&work->pyramid, &bands);
    for (int i = 0; i < BASES_RUNS && status == PROTO_OK; i++) {
        struct timespec t0, t1;
        clock_gettime(CLOCK_MONOTONIC, &t0);
        status = coordinator_bands_build(bands, &image);
        clock_gettime(CLOCK_MONOTONIC, &t1);
        all[i] = (double)(t1.tv_sec - t0.tv_sec) * 1e6 + (double)(t1.tv_nsec - t0.tv_nsec) / 1e3;
    }
    if (status == PROTO_OK) {
        qsort(all, BASES_RUNS, sizeof *all, by_value);
        *us = all[BASES_RUNS / 2];
    }
    coordinator_bands_close(bands);
    coordinator_image_free(&image);
    return status;
}

static char *copy(const char *text)
{
    return *text ? strdup(text) : NULL;
}

/* After measuring, while the clocks are still what they were. */
static void describe(const struct options *o, const struct cli_work *work, struct worker_exec *exec,
                     struct proto_config_profile *profile)
{
    struct proto_host host;
    char date[32] = "";
    const time_t now = time(NULL);
    struct tm day;
    proto_host_read("", &host);
    if (gmtime_r(&now, &day))
        strftime(date, sizeof date, "%Y-%m-%d", &day);
    profile->model = copy(work->model->name);
    profile->model_hash = copy(work->model->hash);
    profile->device = copy(worker_exec_device(exec));
    profile->kernels = copy(worker_exec_kernels(exec));
    profile->threads = o->gpu.threads;
    profile->frame = work->pyramid.frame;
    profile->date = copy(date);
    profile->host = copy(host.name);
    profile->board = copy(host.board);
    profile->cpu = copy(host.cpu);
    profile->system = copy(host.system);
    profile->power_mode = copy(host.power_mode);
    profile->cpu_hz = host.cpu_hz;
    profile->gpu_hz = host.gpu_hz;
}

/* *text: the profile as YAML, from malloc. */
static int measure(const struct options *o, char **text, size_t *size)
{
    struct cli_work work;
    struct worker_exec *exec = NULL;
    struct proto_config_profile *profile = calloc(1, sizeof *profile);
    int status = profile ? cli_work_open(&o->work, &work) : PROTO_NO_MEMORY;
    if (!profile)
        return status;
    if (status == PROTO_OK)
        status = worker_exec_open(o->device, &o->gpu, work.model, &exec);
    if (status == PROTO_OK)
        status = worker_measure(exec, work.model, &work.pyramid, work.tiles, &o->measure, profile);
    if (status == PROTO_OK)
        status = measure_bases(&work, &profile->bases_us);
    if (status == PROTO_OK) {
        describe(o, &work, exec, profile);
        FILE *file = open_memstream(text, size);
        if (file)
            proto_config_profile_print(file, profile);
        if (!file || fclose(file) != 0)
            status = PROTO_NO_MEMORY;
    }
    worker_exec_close(exec);
    cli_work_close(&work);
    proto_config_profile_free(profile);
    return status;
}

/* ---- one process ---- */

static int write_text(const char *path, const char *text, size_t size,
                      const struct proto_profile_way *to, const struct proto_profile_way *from)
{
    struct coordinator_output output = {0};
    int status = coordinator_output_open(&output, path);
    if (status == PROTO_OK) {
        fwrite(text, 1, size, output.file);
        if (to)
            proto_config_profile_print_link(output.file, to, from);
        status = coordinator_output_finish(&output);
    }
    coordinator_output_close(&output);
    return status;
}

static int run_alone(const struct options *o)
{
    char *text = NULL;
    size_t size = 0;
    int status = measure(o, &text, &size);
    if (status == PROTO_OK)
        status = write_text(o->out, text, size, NULL, NULL);
    free(text);
    return cli_exit_code(status);
}

/* ---- under mpirun ----
 *
 * No HELLO here: both sides know what comes. First rank 0 pings the workers one after the other, while nobody
 * computes; then all measure, each on its own device; then each sends its status and its profile's text,
 * behind which rank 0 puts the link. */

struct answer {
    char mark[8];
    int32_t status;
    uint32_t text_bytes;
};
static const char answer_mark[8] = "mu-prof";

/* FILE.yaml -> FILE-2.yaml for worker 2 of several. */
static void path_of(const char *out, int worker, int workers, char path[CLI_PATH_MAX])
{
    const size_t len = strlen(out);
    const bool yaml = len > 5 && strcmp(out + len - 5, ".yaml") == 0;
    if (workers == 1)
        snprintf(path, CLI_PATH_MAX, "%s", out);
    else
        snprintf(path, CLI_PATH_MAX, "%.*s-%d%s", (int)(yaml ? len - 5 : len), out, worker,
                 yaml ? ".yaml" : "");
}

static int run_worker(const struct options *o, struct proto_link *link, int code)
{
    char *text = NULL;
    size_t size = 0;
    int status = proto_link_pong(link, MEASURE_US);
    if (status != PROTO_OK)
        return status == PROTO_END ? CLI_USAGE : CLI_FAILED;
    status = code ? PROTO_INVALID : measure(o, &text, &size);
    if (status != PROTO_OK || size > TEXT_MAX)
        size = 0;
    unsigned char *message = malloc(sizeof(struct answer) + size);
    if (!message) {
        free(text);
        return CLI_FAILED;
    }
    struct answer answer = {.status = status, .text_bytes = (uint32_t)size};
    memcpy(answer.mark, answer_mark, sizeof answer_mark);
    memcpy(message, &answer, sizeof answer);
    if (size)
        memcpy(message + sizeof answer, text, size);
    struct proto_link_event
        event; /* what was sent may not have arrived: stay until rank 0 says so */
    if (proto_link_put(link, 0, message, sizeof answer + size, SILENCE_US) == PROTO_OK &&
        proto_link_get(link, 0, MEASURE_US, &event) == PROTO_OK)
        proto_link_release(link, &event);
    free(message);
    free(text);
    return cli_exit_code(status);
}

/* What a worker measured, as a file. Returns its status. */
static int take(const struct options *o, const struct proto_link *link,
                const struct proto_link_event *event, const struct proto_profile_way ways[2])
{
    const int w = event->peer;
    struct answer answer = {.status = PROTO_FORMAT};
    char path[CLI_PATH_MAX];
    if (event->len_bytes >= sizeof answer)
        memcpy(&answer, event->data, sizeof answer);
    if (memcmp(answer.mark, answer_mark, sizeof answer_mark) != 0 ||
        answer.text_bytes != event->len_bytes - sizeof answer)
        answer.status = PROTO_FORMAT;
    if (answer.status != PROTO_OK) {
        proto_log_error("cli", "worker %d (rank %d) could not measure: %s", w, w,
                        proto_status_text(answer.status));
        return answer.status;
    }
    path_of(o->out, w, link->size - 1, path);
    fprintf(stderr, "%s: worker %d: to it %.0f us and %.1f MB/s, from it %.0f us and %.1f MB/s\n",
            path, w, ways[0].latency_us, ways[0].bytes_per_us, ways[1].latency_us,
            ways[1].bytes_per_us);
    return write_text(path, (const char *)event->data + sizeof answer, answer.text_bytes, &ways[0],
                      &ways[1]);
}

/* All workers' profiles, in whichever order they come. */
static int collect(const struct options *o, struct proto_link *link,
                   const struct proto_profile_way *ways)
{
    int first = PROTO_OK;
    for (int left = link->size - 1; left > 0; left--) {
        struct proto_link_event event;
        int status = proto_link_get(link, -1, MEASURE_US, &event);
        if (status != PROTO_OK) {
            proto_log_error("cli", "%d of %d workers sent no profile within %d s", left,
                            link->size - 1, MEASURE_S);
            return status;
        }
        status = take(o, link, &event, &ways[2 * event.peer - 2]);
        first = first ? first : status;
        proto_link_release(link, &event);
        proto_link_send(link, event.peer, answer_mark, sizeof answer_mark, NULL);
    }
    return first;
}

static int run_rank0(const struct options *o, struct proto_link *link)
{
    const int workers = link->size - 1;
    struct proto_profile_way *ways = calloc((size_t)workers * 2, sizeof *ways);
    int status = ways ? PROTO_OK : PROTO_NO_MEMORY;
    for (int w = 1; w <= workers && status == PROTO_OK; w++)
        status = proto_link_ping(link, w, SILENCE_US, &ways[2 * w - 2], &ways[2 * w - 1]);
    for (int w = 1; w <= workers && status == PROTO_OK; w++)
        status = proto_link_listen(link, w, 2, TEXT_MAX + sizeof(struct answer));
    for (int w = 1; w <= workers; w++) /* only now may they compute: pings want the cores idle */
        proto_link_ping_end(link, w, status != PROTO_OK);
    if (status == PROTO_OK)
        status = collect(o, link, ways);
    free(ways);
    return cli_exit_code(status);
}

/* Rank 0 looks before anybody works. */
static int check(const struct options *o, int size)
{
    struct cli_work work;
    if (size > 2 && strcmp(o->out, "-") == 0)
        return usage("--out", NULL, "is needed with several workers: each gets a file of its own");
    const int status = cli_work_open(&o->work, &work);
    cli_work_close(&work);
    return cli_exit_code(status);
}

static int run(const struct options *o, struct proto_link *link, int code)
{
    if (!link || link->size == 1)
        return code ? code : run_alone(o);
    if (link->rank != 0)
        return run_worker(o, link, code);
    if (!code)
        code = check(o, link->size);
    for (int w = 1; code && w < link->size; w++)
        proto_link_ping_end(link, w, true);
    return code ? code : run_rank0(o, link);
}

static void swallow(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)level, (void)area, (void)text;
}

int cli_profile(int argc, char **argv)
{
    struct options options = {.out = "-"};
    struct proto_link *link = NULL;
    bool help = false;
    cli_work_defaults(&options.work);
    worker_measure_defaults(&options.measure);
    const bool launched = proto_launcher_present();
    if (launched) {
        const int status = proto_link_mpi_open(&link);
        if (status)
            proto_link_mpi_exit(NULL, cli_exit_code(status));
    }
    const bool first = !link || link->rank == 0;
    if (!first) /* all ranks parse the same line: what is wrong with it is said once */
        proto_log_set_sink(swallow, NULL);
    int code = parse(argc, argv, &options, &help);
    proto_log_set_sink(NULL, NULL);
    if (help && first)
        print_help();
    if (!options.device)
        options.device = options.work.config.device ? options.work.config.device : "cpu";
    if (!options.threads_given && options.work.config.threads >= 0)
        options.gpu.threads = options.work.config.threads;
    else if (!options.threads_given)
        options.gpu.threads = link && link->size > 1 ? 1 : 0;
    if (!help)
        code = run(&options, link, code);
    if (launched)
        proto_link_mpi_exit(link, code);
    cli_work_settings_free(&options.work);
    return code;
}
