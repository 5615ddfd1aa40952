#include "cli/bench_options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "proto/config.h"
#include "proto/types.h"

/* Letter for getopt_long, name, argument, text. */
static const struct option_row {
    int letter;
    const char *name, *argument, *text;
} rows[] = {
    {'o', "out", "DIR", "report folder (bench)"},
    {'w', "workers", "LIST", "numbers of workers: 1,2,4 or 1..6 (1..4)"},
    {'d', "device", "SPEC",
     "what a worker computes with; given more than once: of the first, second, .. worker, the last "
     "one's for all further (cpu)"},
    {'m', "model", "DIR", "model folder, or name of one (paper)"},
    {'k', "camera", "FILE", "the camera, for the ground plane (that of a rendered clip)"},
    {'g', "ground-plane", "LIST", "on, off or on,off (on with a camera)"},
    {'s', "split", "LIST",
     "tile, level, frame: how a frame is shared; whole frames are the replicas everybody is "
     "compared with (tile,frame)"},
    {'b', "budget", "LIST", "watts for the whole cluster: 20W,40W (none)"},
    {'B', "bigger", "SPEC",
     "device of one bigger board to compare with; auto: the fastest profile that draws no more "
     "than the largest cluster of sim: boards; none (auto)"},
    {'r', "repeats", "N", "runs of each point; the one with the median frame rate counts (5)"},
    {'U', "warmUp", "MS", "frames done earlier do not count (200)"},
    {'D', "duration", "S", "of a run, at least (3)"},
    {'I', "iterations", "N", "frames of a run, at least (10)"},
    {'e', "exportTimes", "FILE", "every frame's times of every point (JSON)"},
    {'L', "launcher", "CMD", "how ranks are started: \"mpirun -hostfile boards\" (mpirun)"},
    {'T', "time-limit", "S", "a run that takes longer is ended (600)"},
    {'l', "ladder", NULL,
     "instead: the steps of the paper's speed-up, one after the other, on --device (cpu, cuda:0)"},
    {'O', "ops", NULL,
     "instead: the paper's twelve single operations, f32 and f16, on --device (cpu, cuda:0)"},
    {'j', "json", NULL, "the report as one line on standard output, too"},
    {'q', "quiet", NULL, "no progress"},
    {'F', "facts", NULL, "only print what machine this is (bench asks all hosts with it)"},
    {'h', "help", NULL, "this text"},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void help(void)
{
    puts("usage: muster bench [options] [INPUT] [-- options for muster detect]\n"
         "\n"
         "Runs `muster detect` with 1, 2, .. workers, by tiles and by whole frames, and writes a "
         "report folder:\n"
         "report.json, report.md and drawings of frame rate, efficiency, latency, power, and where "
         "the time goes. INPUT:\n"
         "pictures of one size, shown again and again; without it a clip is rendered. A bench that "
         "was\n"
         "stopped goes on where it was when it is started again with the same folder and "
         "options.\n");
    for (int i = 0; i < ROWS; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s%s%s", rows[i].name, rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        printf("  --%-18s %s\n", name, rows[i].text);
    }
    puts("\nExamples:\n"
         "  muster bench --workers 1..6 --device sim:tx1,empty --out tx1\n"
         "  muster bench --workers 4 --device sim:agx-orin,empty --device sim:nano,empty\n"
         "  muster bench clip --camera clip/camera.yaml --ground-plane on,off --launcher \"mpirun "
         "-hostfile boards\" --device cuda:0\n"
         "  muster bench --ladder --device cpu\n");
}

static bool bad(const char *option, const char *argument, const char *valid)
{
    fprintf(stderr,
            "muster bench: --%s '%s': %s\nmuster bench --help has the options and examples.\n",
            option, argument, valid);
    return false;
}

static bool read_number(const char *text, double low, double high, double *out)
{
    return proto_config_number(text, out) == 0 && *out >= low && *out <= high;
}

/* "1,2,4" and "1..6", mixed; the counts come out in the order given. */
static bool read_counts(struct bench_options *options, const char *text)
{
    options->count_count = 0;
    for (;;) {
        char *end;
        errno = 0;
        long first = strtol(text, &end, 10), last = first;
        if (end == text)
            return false;
        if (strncmp(end, "..", 2) == 0) {
            text = end + 2;
            last = strtol(text, &end, 10);
            if (end == text)
                return false;
        }
        if (errno || first < 1 || last < first || last > PROTO_WORKERS_MAX ||
            last - first >= BENCH_COUNTS_MAX - options->count_count)
            return false;
        for (long n = first; n <= last; n++)
            options->counts[options->count_count++] = (int32_t)n;
        if (*end == '\0')
            return true;
        if (*end != ',')
            return false;
        text = end + 1;
    }
}

/* Words of a comma list that all stand in `valid`; out: their indices, each once. */
static int read_words(const char *text, const char *const *valid, int valid_count, int *out)
{
    int count = 0;
    while (*text) {
        const size_t len = strcspn(text, ",");
        int which = -1;
        for (int i = 0; i < valid_count; i++)
            if (strlen(valid[i]) == len && strncmp(valid[i], text, len) == 0)
                which = i;
        for (int i = 0; which >= 0 && i < count; i++)
            if (out[i] == which)
                which = -1;
        if (which < 0)
            return 0;
        out[count++] = which;
        text += len;
        if (*text == ',' && *++text == '\0')
            return 0;
    }
    return count;
}

static const char *const split_names[] = {"tile", "level", "frame"};
static const char *const ground_names[] = {"off", "on"};

static bool read_splits(struct bench_options *options, const char *text)
{
    int which[3];
    options->split_count = read_words(text, split_names, 3, which);
    for (int i = 0; i < options->split_count; i++)
        options->splits[i] = split_names[which[i]];
    return options->split_count > 0;
}

static bool read_ground(struct bench_options *options, const char *text)
{
    int which[2];
    options->ground_count = read_words(text, ground_names, 2, which);
    for (int i = 0; i < options->ground_count; i++)
        options->ground[i] = which[i] == 1;
    return options->ground_count > 0;
}

static bool read_budgets(struct bench_options *options, const char *text)
{
    options->budget_count = 0;
    while (*text && options->budget_count < BENCH_BUDGETS_MAX) {
        char word[32];
        const size_t len = strcspn(text, ",");
        double watts;
        if (len == 0 || len >= sizeof word)
            return false;
        memcpy(word, text, len);
        word[len] = '\0';
        if (proto_config_quantity(word, "W", &watts) || !(watts > 0))
            return false;
        options->budgets_w[options->budget_count++] = watts;
        text += len;
        if (*text == ',' && *++text == '\0')
            return false;
    }
    return *text == '\0' && options->budget_count > 0;
}

/* Take one option; says what is wrong. */
static bool take(struct bench_options *options, int letter, const char *argument)
{
    double value;
    switch (letter) {
    case 'o':
        options->out = argument;
        return *argument || bad("out", argument, "no folder's name");
    case 'w':
        return read_counts(options, argument) ||
               bad("workers", argument, "numbers of at least 1, as 1,2,4 or 1..6");
    case 'd':
        if (options->spec_count == BENCH_SPECS_MAX || !*argument)
            return bad("device", argument, "a device, at most 64 of them");
        options->specs[options->spec_count++] = argument;
        return true;
    case 'm':
        options->model = argument;
        return true;
    case 'k':
        options->camera = argument;
        return *argument || bad("camera", argument, "no file's name");
    case 'g':
        return read_ground(options, argument) || bad("ground-plane", argument, "on, off or on,off");
    case 's':
        return read_splits(options, argument) ||
               bad("split", argument, "a list of tile, level, frame");
    case 'b':
        return read_budgets(options, argument) ||
               bad("budget", argument, "a list of watts above 0, as 20W,40W");
    case 'B':
        options->bigger = argument;
        return *argument || bad("bigger", argument, "a device, auto or none");
    case 'r':
        if (!read_number(argument, 1, 1000, &value) || value != floor(value))
            return bad("repeats", argument, "a whole number from 1 to 1000");
        options->repeats = (int32_t)value;
        return true;
    case 'U':
        return read_number(argument, 0, 1e9, &options->warmup_ms) ||
               bad("warmUp", argument, "milliseconds, at least 0");
    case 'D':
        return read_number(argument, 1e-3, 1e6, &options->duration_s) ||
               bad("duration", argument, "seconds above 0");
    case 'I':
        if (!read_number(argument, 2, 1e12, &value) || value != floor(value))
            return bad("iterations", argument, "a whole number of at least 2");
        options->iterations = (int64_t)value;
        return true;
    case 'e':
        options->times = argument;
        return *argument || bad("exportTimes", argument, "no file's name");
    case 'L':
        options->launcher = argument;
        return *argument || bad("launcher", argument, "no command");
    case 'T':
        return read_number(argument, 1, 1e7, &options->limit_s) ||
               bad("time-limit", argument, "seconds of at least 1");
    case 'l':
        return options->ladder = true;
    case 'O':
        return options->ops = true;
    case 'j':
        return options->json = true;
    case 'q':
        return options->quiet = true;
    case 'F':
        return options->facts = true;
    default:
        return true;
    }
}

bool bench_options_parse(int argc, char **argv, struct bench_options *options, int *code)
{
    struct option list[ROWS + 1] = {{0}};
    *options = (struct bench_options){
        .out = "bench",
        .model = "paper",
        .counts = {1, 2, 3, 4},
        .count_count = 4,
        .splits = {"tile", "frame"},
        .split_count = 2,
        .bigger = "auto",
        .launcher = "mpirun",
        .warmup_ms = 200,
        .duration_s = 3,
        .limit_s = 600,
        .iterations = 10,
        .repeats = 5,
    };
    *code = CLI_USAGE;
    /* Behind "--" everything is for detect; getopt would mix it with INPUT. */
    for (int i = 1; i < argc && !options->extra; i++)
        if (strcmp(argv[i], "--") == 0) {
            options->extra = argv + i + 1;
            options->extra_count = argc - i - 1;
            argc = i;
        }
    for (int i = 0; i < ROWS; i++)
        list[i] = (struct option){rows[i].name, rows[i].argument != NULL, NULL, rows[i].letter};
    optind = 1;
    for (int letter; (letter = getopt_long(argc, argv, "", list, NULL)) != -1;) {
        if (letter == '?') { /* getopt has said what is wrong */
            fputs("muster bench --help has the options and examples.\n", stderr);
            return false;
        }
        if (letter == 'h') {
            help();
            *code = CLI_DONE;
            return false;
        }
        if (!take(options, letter, optarg))
            return false;
    }
    if (optind < argc)
        options->input = argv[optind++];
    if (optind < argc) {
        fprintf(stderr,
                "muster bench: one INPUT, please; unexpected '%s' (options for detect stand behind "
                "--)\n",
                argv[optind]);
        return false;
    }
    if (options->spec_count == 0)
        options->specs[options->spec_count++] = "cpu";
    return true;
}

/* ---- points ---- */

const char *bench_point_device(const struct bench_options *options, const struct bench_point *point,
                               int32_t worker)
{
    if (point->role == BENCH_BIGGER)
        return point->devices;
    return options->specs[worker < options->spec_count ? worker : options->spec_count - 1];
}

/* "1 x sim:agx-orin + 3 x sim:nano" */
static void devices_name(const struct bench_options *options, struct bench_point *point)
{
    size_t len = 0;
    for (int32_t w = 0; w < point->workers;) {
        const char *spec = bench_point_device(options, point, w);
        int32_t same = 1;
        while (w + same < point->workers && bench_point_device(options, point, w + same) == spec)
            same++;
        const int wrote = snprintf(point->devices + len, sizeof point->devices - len, "%s%d x %s",
                                   w ? " + " : "", (int)same, spec);
        len += wrote > 0 ? (size_t)wrote : 0;
        if (len >= sizeof point->devices)
            return; /* cut off: only a name */
        w += same;
    }
}

static void point_name(struct bench_point *point)
{
    char budget[32] = "";
    if (!isnan(point->budget_w))
        snprintf(budget, sizeof budget, "-%gW", point->budget_w);
    snprintf(point->name, sizeof point->name, "%s%03d-%s%s%s",
             point->role == BENCH_BIGGER ? "bigger" : "w", (int)point->workers, point->split,
             point->ground_plane ? "-ground" : "", budget);
}

static bool listed(const struct bench_point *list, int count, const struct bench_point *point)
{
    for (int i = 0; i < count; i++)
        if (strcmp(list[i].name, point->name) == 0)
            return true;
    return false;
}

static int add(const struct bench_options *options, struct bench_point *list, int count,
               struct bench_point point)
{
    if (count < 0 || count == BENCH_POINTS_MAX)
        return -1;
    point_name(&point);
    if (listed(list, count, &point))
        return count;
    if (point.role == BENCH_CLUSTER)
        devices_name(options, &point);
    list[count] = point;
    return count + 1;
}

int bench_points_fill(const struct bench_options *options, struct bench_point *list)
{
    const int budgets = options->budget_count ? options->budget_count : 1;
    int count = 0;
    for (int g = 0; g < options->ground_count; g++)
        for (int b = 0; b < budgets; b++) {
            struct bench_point point = {
                .role = BENCH_CLUSTER,
                .workers = 1,
                .split = "tile",
                .ground_plane = options->ground[g],
                .budget_w = options->budget_count ? options->budgets_w[b] : NAN,
            };
            count = add(options, list, count, point); /* one board: what all is compared with */
            for (int n = 0; n < options->count_count; n++)
                for (int s = 0; s < options->split_count; s++) {
                    point.workers = options->counts[n];
                    point.split = options->splits[s];
                    if (point.workers > 1 || s == 0)
                        count = add(options, list, count, point);
                }
            if (strcmp(options->bigger, "none") != 0) {
                point.role = BENCH_BIGGER;
                point.workers = 1;
                point.split = "tile";
                snprintf(point.devices, sizeof point.devices, "%s", options->bigger);
                count = add(options, list, count, point);
            }
        }
    return count;
}
