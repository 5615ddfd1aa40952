#include "cli/simulate_options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "proto/config.h"
#include "proto/status.h"

/* Letter for getopt_long, name, argument, text. */
static const struct option_row {
    int letter;
    const char *name, *argument, *text;
} rows[] = {
    {'b', "board", "LIST",
     "boards by the names of their profiles, as many as --workers says (tx1), or with counts: "
     "agx-orin:1,nano:3"},
    {'w', "workers", "LIST",
     "numbers of boards, a row each: 1,2,4 or 1..8 (1..4, or all of --board)"},
    {'n', "frames", "N", "of each run (200)"},
    {'m', "model", "DIR", "model folder, or name of one (paper)"},
    {'f', "frame", "WxH", "size of the frames (640x480)"},
    {'k', "camera", "FILE", "the camera: only the ground plane's bands are searched"},
    {'p', "precision", "NAME", "f16, f32 or bf16: which of the profiles' figures count (f16)"},
    {'M', "mode", "NAME", "power mode of all boards (each profile's usual one)"},
    {'s', "split", "KIND", "tile, level or frame: how a frame is shared (tile)"},
    {'D', "depth", "N", "frames in flight (2)"},
    {'B', "budget", "WATTS",
     "the best boards and modes within it, frames admitted as it allows: 40W"},
    {'L', "link", "RATE", "of every host: 1Gbit/s (that of each profile)"},
    {'P', "port", "RATE", "of the coordinator's host (that of the fastest link)"},
    {'y', "latency", "TIME", "of a message, one way: 100us (that of each profile)"},
    {'J', "jitter", "TIME", "added to a message's latency, 0 to so much: 1ms (none)"},
    {'c', "capture", "TIME", "reading and decoding a frame (5ms)"},
    {'S', "seed", "N", "of all chance (1)"},
    {'F', "faults", NULL, "one run with random faults by seed: every event, and the verdict"},
    {'C', "compare", NULL,
     "run `muster detect` on sim: devices as well, and say how far the two are apart"},
    {'x', "launcher", "CMD", "of --compare (mpirun)"},
    {'i', "input", "DIR", "pictures of --compare, of one size (a clip is rendered)"},
    {'j', "json", NULL, "for programs"},
    {'h', "help", NULL, "this text"},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void help(void)
{
    puts("usage: muster simulate [options]\n"
         "\n"
         "The coordinator's own code with modelled boards and a modelled network under a virtual "
         "clock:\n"
         "what 1 to 256 boards would do, in seconds, and twice the same.\n");
    for (int i = 0; i < ROWS; i++) {
        char name[32];
        snprintf(name, sizeof name, "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        printf("  %-18s %s\n", name, rows[i].text);
    }
    puts("\n"
         "  muster simulate --board tx1 --workers 1,2,4,6\n"
         "  muster simulate --board agx-orin:1,nano:3 --link 1Gbit/s --json\n"
         "  muster simulate --board nano --workers 4 --faults --seed 7\n"
         "  muster simulate --compare --board tx1 --workers 1,2,4,8\n"
         "\n"
         "docs/simulation.md says what is modelled and how.");
}

static int complain(const char *option, const char *value, const char *wanted)
{
    fprintf(stderr, "muster simulate: --%s %s: %s\n", option, value, wanted);
    return PROTO_INVALID;
}

/* A whole decimal number within low .. high that ends at *end. */
static bool number(const char *text, char **end, int64_t low, int64_t high, int64_t *out)
{
    errno = 0;
    *out = strtoll(text, end, 10);
    return !errno && *end != text && *out >= low && *out <= high;
}

static int parse_count(const char *option, const char *text, int64_t low, int64_t high,
                       int64_t *out)
{
    char *end, wanted[96];
    if (number(text, &end, low, high, out) && *end == '\0')
        return PROTO_OK;
    snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld is wanted", (long long)low,
             (long long)high);
    return complain(option, text, wanted);
}

/* "1,2,4..8" */
static int parse_counts(const char *text, struct simulate_options *o)
{
    static const char wanted[] = "numbers of boards are wanted, 1 to 256: 1,2,4 or 1..8";
    const char *at = text;
    o->count_count = 0;
    for (;;) {
        int64_t from, to;
        char *end;
        if (!number(at, &end, 1, SIMULATE_BOARDS_MAX, &from))
            return complain("workers", text, wanted);
        to = from;
        if (strncmp(end, "..", 2) == 0 && (!number(end + 2, &end, from, SIMULATE_BOARDS_MAX, &to)))
            return complain("workers", text, wanted);
        for (; from <= to; from++) {
            if (o->count_count == SIMULATE_COUNTS_MAX)
                return complain("workers", text, "at most 64 numbers");
            o->counts[o->count_count++] = (int32_t)from;
        }
        if (*end == '\0')
            return PROTO_OK;
        if (*end != ',')
            return complain("workers", text, wanted);
        at = end + 1;
    }
}

/* "agx-orin:1,nano:3" or "tx1" */
static int parse_boards(const char *text, struct simulate_options *o)
{
    const char *at = text;
    while (*at) {
        const size_t len = strcspn(at, ",");
        struct simulate_kind *kind = &o->kinds[o->kind_count];
        if (o->kind_count == SIMULATE_KINDS_MAX)
            return complain("board", text, "at most 16 kinds of boards");
        if (len == 0 || len >= sizeof kind->name)
            return complain("board", text, "names of boards are wanted, as in agx-orin:1,nano:3");
        memcpy(kind->name, at, len);
        kind->name[len] = '\0';
        char *colon = strrchr(kind->name, ':');
        if (colon) {
            int64_t count;
            const int status = parse_count("board", colon + 1, 1, SIMULATE_BOARDS_MAX, &count);
            if (status)
                return status;
            kind->count = (int32_t)count;
            *colon = '\0';
        }
        o->kind_count++;
        at += len + (at[len] == ',');
    }
    return o->kind_count ? PROTO_OK : complain("board", text, "no board is named");
}

static int parse_quantity(const char *option, const char *text, const char *unit, double scale,
                          const char *example, double *out)
{
    char wanted[64];
    if (proto_config_quantity(text, unit, out) == PROTO_OK && *out >= 0) {
        *out *= scale;
        return PROTO_OK;
    }
    snprintf(wanted, sizeof wanted, "a value like %s is wanted", example);
    return complain(option, text, wanted);
}

static int parse_rate(const char *option, const char *text, double *bytes_per_us)
{
    const int status = parse_quantity(option, text, "Mbit/s", 1.0 / 8, "1Gbit/s", bytes_per_us);
    return !status && *bytes_per_us <= 0 ? complain(option, text, "more than nothing is wanted")
                                         : status;
}

static int parse_word(const char *option, const char *text, const char *const *words, int count,
                      const char *wanted, int *out)
{
    for (*out = 0; *out < count; (*out)++)
        if (strcmp(text, words[*out]) == 0)
            return PROTO_OK;
    return complain(option, text, wanted);
}

static const char *const splits[] = {"tile", "level", "frame"};
static const char *const precisions[] = {"f32", "f16", "bf16"};

const char *simulate_split_name(enum partition_split split)
{
    return splits[split];
}

/* Options with numbers. Returns PROTO_NOT_FOUND for another one. */
static int option_number(int letter, const char *text, struct simulate_options *o)
{
    int64_t n = 0;
    int status;
    switch (letter) {
    case 'n':
        status = parse_count("frames", text, 10, 100000000, &n);
        o->frames = (uint64_t)n;
        return status;
    case 'D':
        status = parse_count("depth", text, 1, 64, &n);
        o->depth = (int32_t)n;
        return status;
    case 'S':
        status = parse_count("seed", text, 0, INT64_MAX, &n);
        o->seed = (uint64_t)n;
        return status;
    case 'B':
        return parse_quantity("budget", text, "W", 1, "40W", &o->budget_w);
    case 'L':
        return parse_rate("link", text, &o->link_bytes_per_us);
    case 'P':
        return parse_rate("port", text, &o->port_bytes_per_us);
    case 'y':
        return parse_quantity("latency", text, "ms", 1e3, "100us", &o->latency_us);
    case 'J':
        return parse_quantity("jitter", text, "ms", 1e3, "1ms", &o->jitter_us);
    case 'c':
        return parse_quantity("capture", text, "ms", 1e3, "5ms", &o->capture_us);
    default:
        return PROTO_NOT_FOUND;
    }
}

static int option_word(int letter, char *text, struct simulate_options *o)
{
    int choice = 0, status = PROTO_OK;
    switch (letter) {
    case 'b':
        return parse_boards(text, o);
    case 'w':
        return parse_counts(text, o);
    case 'm':
        o->model = text;
        return PROTO_OK;
    case 'k':
        o->camera = text;
        return PROTO_OK;
    case 'M':
        o->mode = text;
        return PROTO_OK;
    case 'x':
        o->launcher = text;
        return PROTO_OK;
    case 'i':
        o->input = text;
        return PROTO_OK;
    case 'f':
        return cli_parse_size(text, &o->frame)
                   ? PROTO_OK
                   : complain("frame", text, "a size like 640x480 is wanted");
    case 's':
        status = parse_word("split", text, splits, 3, "tile, level or frame is wanted", &choice);
        o->split = (enum partition_split)choice;
        return status;
    case 'p':
        status =
            parse_word("precision", text, precisions, 3, "f16, f32 or bf16 is wanted", &choice);
        o->precision = (enum proto_board_precision)choice;
        return status;
    default:
        return PROTO_NOT_FOUND;
    }
}

static int option_take(int letter, char *text, struct simulate_options *o)
{
    switch (letter) {
    case 'F':
        o->faults = true;
        return PROTO_OK;
    case 'C':
        o->compare = true;
        return PROTO_OK;
    case 'j':
        o->json = true;
        return PROTO_OK;
    case 'h':
        o->help = true;
        help();
        return PROTO_OK;
    case '?':
        fputs("muster simulate --help has the options\n", stderr);
        return PROTO_INVALID;
    default: {
        const int status = option_number(letter, text, o);
        return status == PROTO_NOT_FOUND ? option_word(letter, text, o) : status;
    }
    }
}

static void defaults(struct simulate_options *options)
{
    *options = (struct simulate_options){
        .model = "paper",
        .precision = PROTO_BOARD_F16,
        .frame = {640, 480},
        .frames = 200,
        .depth = 2,
        .budget_w = NAN,
        .link_bytes_per_us = NAN,
        .port_bytes_per_us = NAN,
        .latency_us = NAN,
        .capture_us = 5000,
        .seed = 1,
        .launcher = "mpirun",
    };
}

static int boards_load(struct simulate_options *o)
{
    for (int32_t i = 0; i < o->kind_count; i++) {
        struct simulate_kind *kind = &o->kinds[i];
        int status = proto_config_board_find(kind->name, &kind->board);
        if (!status)
            status = proto_config_board_speed(kind->board, o->precision, o->mode, &kind->speed);
        if (status)
            return status;
        if (!isnan(o->link_bytes_per_us))
            kind->speed.bytes_per_us = o->link_bytes_per_us;
        if (!isnan(o->latency_us))
            kind->speed.latency_us = o->latency_us;
    }
    return PROTO_OK;
}

/* How many boards --board has; 0: any number. */
static int32_t boards_named(const struct simulate_options *o)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < o->kind_count; i++) {
        if (o->kinds[i].count == 0)
            return 0;
        sum += o->kinds[i].count;
    }
    return sum;
}

static int counts_settle(struct simulate_options *o)
{
    const int32_t named = boards_named(o);
    if (named > SIMULATE_BOARDS_MAX)
        return complain("board", o->kinds[0].name, "at most 256 boards in all");
    if (o->count_count == 0 && named > 0)
        o->counts[o->count_count++] = named;
    for (int32_t n = 1; o->count_count < n && n <= 4 && named == 0; n++)
        o->counts[o->count_count++] = n;
    for (int32_t i = 0; i < o->count_count; i++)
        if (named > 0 && o->counts[i] > named) {
            fprintf(stderr, "muster simulate: --workers %d: --board names only %d\n", o->counts[i],
                    named);
            return PROTO_INVALID;
        }
    return PROTO_OK;
}

int simulate_options_parse(int argc, char **argv, struct simulate_options *options)
{
    struct option list[ROWS + 1] = {0};
    char tx1[] = "tx1";
    int status = PROTO_OK;
    defaults(options);
    for (int i = 0; i < ROWS; i++)
        list[i] = (struct option){rows[i].name, rows[i].argument ? required_argument : no_argument,
                                  NULL, rows[i].letter};
    for (int letter; !status && (letter = getopt_long(argc, argv, "", list, NULL)) != -1;)
        status = option_take(letter, optarg, options);
    if (status || options->help)
        return status;
    if (optind < argc) {
        fprintf(stderr, "muster simulate: '%s' is no option\n", argv[optind]);
        return PROTO_INVALID;
    }
    options->ground_plane = options->camera != NULL;
    if (options->kind_count == 0)
        status = parse_boards(tx1, options);
    if (!status)
        status = counts_settle(options);
    return status ? status : boards_load(options);
}

void simulate_options_close(struct simulate_options *options)
{
    for (int32_t i = 0; i < options->kind_count; i++)
        proto_config_board_free(options->kinds[i].board);
}

const struct simulate_kind *simulate_kind_of(const struct simulate_options *options, int32_t index)
{
    for (int32_t i = 0; i < options->kind_count; i++) {
        const struct simulate_kind *kind = &options->kinds[i];
        if (kind->count == 0 || index < kind->count)
            return kind;
        index -= kind->count;
    }
    return &options->kinds[options->kind_count - 1];
}
