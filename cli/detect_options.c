/* Option list and parsing of `muster detect`. */
#include "cli/detect_options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/device.h"
#include "proto/log.h"
#include "proto/status.h"
#include "worker/power.h"

enum { TILE_CELLS_MAX = PROTO_FRAME_SIDE_MAX };

/* Letter for getopt_long, name, argument, text. */
static const struct option_row {
    int letter;
    const char *name, *argument, *text;
} rows[] = {
    {'m', "model", "DIR", "model folder, or name of one (paper)"},
    {'d', "device", "SPEC", "what computes: see below (cpu)"},
    {'t', "threads", "N", "threads of each worker; 0: all cores (0 alone, 1 under mpirun)"},
    {'w', "workers", "N", "refuse to run with another number of workers"},
    {'D', "depth", "N", "frames in flight (2)"},
    {'T', "threshold", "X", "report persons with a higher score (the model's)"},
    {'F', "fppi", "X",
     "threshold for X false positives per image, from the model's operating points"},
    {'s', "scores", "KIND",
     "linear, or softmax to see what that costs: probabilities in the device's precision (linear)"},
    {'k', "camera", "FILE",
     "the camera (YAML, see configs/cameras): distances, and the ground plane"},
    {'g', "ground-plane", "MODE",
     "search only where persons can stand: on, off, or measure what that saves and loses (on with "
     "a "
     "camera)"},
    {'S', "split", "HOW",
     "what is shared out: tile; level (whole levels); frame (whole frames in turn, the baseline)"},
    {'l', "port", "RATE", "of the coordinator's link, such as 1Gbit/s; plans keep to it"},
    {'b', "budget", "WATTS", "for all workers together: frames wait, or boards, to keep to it"},
    {'x', "deadline", "MS", "report a frame after MS with what is there, and name what is missing"},
    {'v', "reserve", "WHAT",
     "on, or a device: this host computes too while no worker can; off (off)"},
    {'y', "silence", "MS",
     "a worker not heard of for MS is lost; 0: none ever is, nor is one late (500)"},
    {'f', "profile", "FILES",
     "of muster profile, with commas between them: plans are right from the first frame on"},
    {'P', "max-workers", "N",
     "cut tiles small enough for so many workers; not for each run anew: other tiles (8)"},
    {'H', "halo-share", "X", "MACs that cutting may add, of all (0.05)"},
    {'A', "period-slack", "X",
     "let the frame period be this share longer where that shortens the latency (0)"},
    {'r', "tile-rows", "N", "instead: most rows of cells of a tile; 0: no limit"},
    {'c', "tile-cols", "N", "instead: most columns of cells of a tile; 0: no limit"},
    {'C', "config", "FILE", "options from a file (configs/detect.yaml shows all)"},
    {'j', "json", "FILE", "write detections, one line a frame; - is standard output"},
    {'o', "out", "DIR", "write the pictures with boxes drawn in"},
    {'R', "report", "FILE", "write a report of the run"},
    {'X', "trace", "FILE", "write where the time went, for ui.perfetto.dev"},
    {'p', "power", "SPEC", "where watts are read: see below (auto)"},
    {'V', "power-root", "DIR", "read below DIR instead of /, a recorded /sys for instance"},
    {'n', "frames", "N", "stop after N frames"},
    {'L', "loop", NULL, "begin again at the input's end, until --frames or --duration"},
    {'U', "duration", "S", "read no more frames S seconds after the first one was sent out"},
    {'I', "iterations", "N", "with --duration: N frames at least"},
    {'q', "quiet", NULL, "no live line, no summary"},
    {'h', "help", NULL, "this text"},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void help(void)
{
    puts("usage: muster detect [options] INPUT\n"
         "       mpirun -n K muster detect [options] INPUT\n"
         "\n"
         "Finds people in pictures. INPUT is a directory of JPEG or PNG pictures, one picture, or "
         "a\n"
         "pattern (clip/f%04d.png). Under mpirun rank 0 coordinates and the others compute; alone, "
         "one\n"
         "process does both. The detections are the same for any number of workers.\n");
    for (int i = 0; i < ROWS; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s%s%s", rows[i].name, rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        printf("  --%-17s %s\n", name, rows[i].text);
    }
    puts("\nDevices:");
    gpu_device_list(stdout);
    puts("\nPower:");
    worker_power_list(stdout);
    puts("\nExamples:\n"
         "  muster detect street.jpg --json -\n"
         "  mpirun -n 5 muster detect clip --out found --json found.jsonl --report run.json\n"
         "  mpirun -n 5 muster detect clip --camera clip/camera.yaml --out found\n"
         "  mpirun -hostfile boards muster detect clip --workers 4 --fppi 0.1 --json -\n"
         "  mpirun -hostfile boards muster detect clip --reserve cpu --deadline 200 --json -\n"
         "\n"
         "A picture that can't be read is reported in its frame's line and the run goes on.\n"
         "Exit code: 0 done; 1 the run failed, or a frame was not searched completely; 2 bad "
         "options,\n"
         "configuration or input (also when no picture at all could be read).");
}

static bool read_number(const char *text, double low, double high, double *out)
{
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    return end != text && !*end && errno == 0 && *out >= low && *out <= high;
}

static bool read_count(const char *text, int64_t low, int64_t high, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end != text && !*end && errno == 0 && *out >= low && *out <= high;
}

static bool read_count32(const char *text, int32_t low, int32_t high, int32_t *out)
{
    int64_t value;
    if (!read_count(text, low, high, &value))
        return false;
    *out = (int32_t)value;
    return true;
}

static bool read_text(const char *text, char **out)
{
    char *copy = *text ? strdup(text) : NULL;
    if (!copy)
        return false;
    free(*out);
    *out = copy;
    return true;
}

/* "1Gbit/s" to bytes a microsecond. */
static bool read_rate(const char *text, double *out)
{
    double mbit;
    if (proto_config_quantity(text, "Mbit/s", &mbit) || !(mbit > 0))
        return false;
    *out = mbit / 8;
    return true;
}

/* "40W", or "40". */
static bool read_watts(const char *text, double *out)
{
    return (proto_config_quantity(text, "W", out) == PROTO_OK ||
            read_number(text, 1e-3, 1e9, out)) &&
           *out > 0;
}

/* Take one option. Returns false when its argument makes no sense. */
static bool take(struct detect_options *options, int letter, const char *argument)
{
    struct proto_config_detect *config = &options->config;
    switch (letter) {
    case 'm':
        return read_text(argument, &config->model);
    case 'd':
        return read_text(argument, &config->device);
    case 't':
        return read_count32(argument, 0, 1024, &config->threads);
    case 'w':
        return read_count32(argument, 1, PROTO_WORKERS_MAX, &options->workers);
    case 'D':
        return read_count32(argument, 1, 64, &config->depth);
    case 'T':
        return read_number(argument, -1e6, 1e6, &config->threshold);
    case 'F':
        return read_number(argument, 1e-9, 1e9, &options->fppi);
    case 's':
        options->softmax = strcmp(argument, "softmax") == 0;
        return options->softmax || strcmp(argument, "linear") == 0;
    case 'k':
        options->camera = argument;
        return *argument;
    case 'g':
        options->ground_plane = argument;
        return strcmp(argument, "on") == 0 || strcmp(argument, "off") == 0 ||
               strcmp(argument, "measure") == 0;
    case 'f':
        options->profiles = argument;
        return *argument;
    case 'P':
        return read_count32(argument, 1, PROTO_WORKERS_MAX, &config->max_workers);
    case 'H':
        return read_number(argument, 0, 10, &config->halo_share);
    case 'A':
        return read_number(argument, 0, 10, &config->period_slack);
    case 'r':
        return read_count32(argument, 0, TILE_CELLS_MAX, &config->tile_rows);
    case 'c':
        return read_count32(argument, 0, TILE_CELLS_MAX, &config->tile_cols);
    case 'j':
        options->json = argument;
        return *argument;
    case 'o':
        options->out = argument;
        return *argument;
    case 'R':
        options->report = argument;
        return *argument;
    case 'X':
        options->trace = argument;
        return *argument;
    case 'p':
        options->power = argument;
        return worker_power_check(argument) == PROTO_OK;
    case 'V':
        options->power_root = argument;
        return *argument;
    case 'n':
        return read_count(argument, 1, INT64_MAX, &options->frames);
    case 'S':
        options->split = argument;
        return strcmp(argument, "tile") == 0 || strcmp(argument, "level") == 0 ||
               strcmp(argument, "frame") == 0;
    case 'l':
        return read_rate(argument, &options->port_bytes_per_us);
    case 'b':
        return read_watts(argument, &options->budget_w);
    case 'x':
        return read_number(argument, 1, 1e7, &options->deadline_ms);
    case 'v':
        options->reserve = argument;
        return *argument;
    case 'y':
        return read_number(argument, 0, 1e7, &options->silence_ms);
    case 'L':
        options->loop = true;
        return true;
    case 'U':
        return read_number(argument, 1e-3, 1e9, &options->duration_s);
    case 'I':
        return read_count(argument, 1, INT64_MAX, &options->iterations);
    case 'q':
        options->quiet = true;
        return true;
    default:
        return true; /* config: read before the others */
    }
}

static void defaults(struct detect_options *options)
{
    *options = (struct detect_options){
        .fppi = NAN,
        .split = "tile",
        .reserve = "off",
        .silence_ms = 500,
        .port_bytes_per_us = INFINITY,
        .budget_w = NAN,
        .config = {.threads = -1, /* not said: depends on whether there is an mpirun */
                   .depth = 2,
                   .tile_rows = -1, /* the tile set's own default */
                   .tile_cols = -1,
                   .halo_share = -1,
                   .tile_share = -1,
                   .max_workers = -1,
                   .threshold = NAN,
                   .beat_ms = 100.0},
    };
}

static const char *name_of(int letter)
{
    for (int i = 0; i < ROWS; i++)
        if (rows[i].letter == letter)
            return rows[i].name;
    return "?";
}

static void complain(bool speak, const char *what, const char *which, const char *more)
{
    if (speak)
        fprintf(stderr,
                "muster detect: %s%s%s\nmuster detect --help has the options and examples.\n", what,
                which, more);
}

/* One pass over the command line. only_config: take nothing but --config. */
static enum detect_parse pass(int argc, char **argv, bool speak, bool only_config,
                              struct detect_options *options)
{
    struct option list[ROWS + 1] = {{0}};
    for (int i = 0; i < ROWS; i++)
        list[i] = (struct option){rows[i].name, rows[i].argument != NULL, NULL, rows[i].letter};
    optind = 1;
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, ":", list, NULL)) != -1;) {
        if (letter == '?') {
            const char *bad = argv[optind - 1];
            complain(speak, "unknown option '", bad, "'");
            return DETECT_BAD;
        }
        if (letter == ':') {
            complain(speak, "an argument is missing after '", argv[optind - 1], "'");
            return DETECT_BAD;
        }
        if (letter == 'h') {
            if (speak)
                help();
            return DETECT_HELP;
        }
        if (only_config) {
            /* The log line says what is wrong and where. */
            if (letter == 'C' && proto_config_detect_load(optarg, &options->config))
                return DETECT_BAD;
        } else if (!take(options, letter, optarg)) {
            char text[256];
            snprintf(text, sizeof text, "%s: '%s'", name_of(letter), optarg);
            complain(speak, "bad argument of --", text, "");
            return DETECT_BAD;
        }
    }
    return DETECT_RUN;
}

enum detect_parse detect_options_parse(int argc, char **argv, bool speak,
                                       struct detect_options *options)
{
    defaults(options);
    enum detect_parse parsed = pass(argc, argv, speak, true, options);
    if (parsed == DETECT_RUN)
        parsed = pass(argc, argv, speak, false, options);
    if (parsed != DETECT_RUN)
        return parsed;
    if (optind != argc - 1) {
        complain(speak, optind < argc ? "one INPUT, please; unexpected '" : "no INPUT given",
                 optind < argc ? argv[optind + 1] : "", optind < argc ? "'" : "");
        return DETECT_BAD;
    }
    options->input = argv[optind];
    if (!isnan(options->fppi) && !isnan(options->config.threshold)) {
        complain(speak, "--threshold and --fppi exclude each other", "", "");
        return DETECT_BAD;
    }
    if (options->loop && options->frames == 0 && options->duration_s == 0) {
        complain(speak, "--loop", " needs --frames N or --duration S", ": it would never end");
        return DETECT_BAD;
    }
    if (!options->camera)
        options->camera = options->config.camera;
    if (!options->ground_plane)
        options->ground_plane = options->config.ground_plane;
    if (!options->ground_plane)
        options->ground_plane = options->camera ? "on" : "off";
    if (!options->camera && strcmp(options->ground_plane, "off") != 0) {
        complain(speak, "--ground-plane ", options->ground_plane, " needs --camera FILE");
        return DETECT_BAD;
    }
    return DETECT_RUN;
}

void detect_options_free(struct detect_options *options)
{
    proto_config_detect_free(&options->config);
}
