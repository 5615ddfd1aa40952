/* muster plan: who would compute what, how fast, and how far from the best possible. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/plan_show.h"
#include "coordinator/frontier_plot.h"
#include "coordinator/plan_picture.h"
#include "proto/log.h"
#include "proto/status.h"

enum { WHAT_IF_MAX = 256 };

/* Of 1 Gbit/s Ethernet, what a program gets: measured over TCP. */
#define PORT_USUAL_BYTES_PER_US 117.6

struct options {
    struct cli_work_settings work;
    const char *workers, *precision, *draw, *picture, *plot, *split_name;
    struct cli_plan_settings plan;
    bool port_given, json;
    int32_t from, to; /* --what-if; 0: not asked for */
    double budget_w;  /* NAN: none */
};

static void print_help(void)
{
    puts(
        "usage: muster plan --workers LIST [options]\n"
        "       muster plan --camera FILE --draw FILE.png [options]\n"
        "\n"
        "Shares the tiles of a frame out over workers and says what would come of it: tiles, "
        "MACs,\n"
        "time, bytes and share of each; period and latency; the bound no plan can beat and the gap "
        "to\n"
        "it. Nothing is run.\n"
        "\n"
        "  --workers LIST      who: boards by name (configs/boards), with a power mode and a "
        "number,\n"
        "                      and files of `muster profile`: tx1,orin-nano@7W:3,here.yaml\n"
        "  --precision P       boards' figures: f16, f32 or bf16 (f16 where there is one)\n"
        "  --ground-plane MODE on or off (on with a camera)\n"
        "  --port RATE         of the coordinator's link, for example 1Gbit/s; none: no limit\n"
        "                      (117.6 MB/s, or none where no worker has a link)\n"
        "  --split KIND        tile, level, or frame: whole frames in turn (tile)\n"
        "  --what-if N..M      a row for each number of workers: what one more would give; beyond "
        "the\n"
        "                      list its last entry goes on\n"
        "  --budget W          for example 40W: boards and power modes with the best frame rate "
        "under\n"
        "                      so many watts, and the frontier of watts and frames per second\n"
        "  --plot FILE.svg     draw the frontier\n"
        "  --draw FILE.png     draw horizon, distances, persons, bands and tiles: see whether the\n"
        "                      camera's file is right (docs/camera.md)\n"
        "  --picture FILE      what the camera sees, to draw on\n"
        "  --json              one JSON object instead of tables (docs/plan.md)\n"
        "\n"
        "What is shared out:");
    puts(cli_work_help);
    puts("\nexamples:\n"
         "  muster plan --workers tx1:4\n"
         "  muster plan --workers tx1,nano:2 --camera configs/cameras/scene.yaml --what-if 1..16\n"
         "  muster plan --workers orin-nano:4,xavier-nx:2 --budget 40W --plot watts.svg\n"
         "  muster plan --camera camera.yaml --draw check.png --picture clip/f0010.png");
}

static int usage(const char *option, const char *value, const char *valid)
{
    fprintf(stderr, "muster plan: %s%s%s: %s; see muster plan --help\n", option, value ? " " : "",
            value ? value : "", valid);
    return CLI_USAGE;
}

/* clang-format off */
enum option_id {
    OPTION_WORKERS = 256, OPTION_PRECISION, OPTION_GROUND_PLANE, OPTION_PORT, OPTION_SPLIT, OPTION_WHAT_IF, OPTION_BUDGET,
    OPTION_PLOT, OPTION_DRAW, OPTION_PICTURE, OPTION_JSON, OPTION_HELP,
};
static const struct option long_options[] = {
    CLI_WORK_OPTIONS,
    {"workers", required_argument, NULL, OPTION_WORKERS},
    {"precision", required_argument, NULL, OPTION_PRECISION},
    {"ground-plane", required_argument, NULL, OPTION_GROUND_PLANE},
    {"port", required_argument, NULL, OPTION_PORT},
    {"split", required_argument, NULL, OPTION_SPLIT},
    {"what-if", required_argument, NULL, OPTION_WHAT_IF},
    {"budget", required_argument, NULL, OPTION_BUDGET},
    {"plot", required_argument, NULL, OPTION_PLOT},
    {"draw", required_argument, NULL, OPTION_DRAW},
    {"picture", required_argument, NULL, OPTION_PICTURE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};
/* clang-format on */

static int set_port(struct options *o, const char *text)
{
    double mbit_s = 0;
    o->port_given = true;
    o->plan.port_bytes_per_us = INFINITY;
    if (strcmp(text, "none") == 0)
        return CLI_DONE;
    if (proto_config_quantity(text, "Mbit/s", &mbit_s) != PROTO_OK || !(mbit_s > 0))
        return usage("--port", text, "expected a rate such as 1Gbit/s or 11.9MB/s, or none");
    o->plan.port_bytes_per_us = mbit_s / 8;
    return CLI_DONE;
}

static int set_split(struct options *o, const char *text)
{
    static const char *const names[] = {"tile", "level", "frame"};
    static const enum partition_split splits[] = {PARTITION_SPLIT_TILE, PARTITION_SPLIT_LEVEL,
                                                  PARTITION_SPLIT_FRAME};
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            o->plan.split = splits[i];
            o->split_name = names[i];
            return CLI_DONE;
        }
    return usage("--split", text, "expected tile, level or frame");
}

/* "1..16", or "8" for 1..8. */
static int set_range(struct options *o, const char *text)
{
    int from = 1, to = 0, end = 0;
    if ((sscanf(text, "%4d..%4d%n", &from, &to, &end) != 2 || text[end]) &&
        (from = 1, sscanf(text, "%4d%n", &to, &end) != 1 || text[end]))
        to = 0;
    if (from < 1 || to < from || to > WHAT_IF_MAX)
        return usage("--what-if", text, "expected numbers of workers such as 1..16, up to 256");
    o->from = from;
    o->to = to;
    return CLI_DONE;
}

static int set_budget(struct options *o, const char *text)
{
    if (proto_config_quantity(text, "W", &o->budget_w) == PROTO_OK && o->budget_w > 0)
        return CLI_DONE;
    return usage("--budget", text, "expected a power such as 40W");
}

static int set_ground_plane(struct options *o, const char *text)
{
    o->work.ground_plane = strcmp(text, "off") != 0;
    o->work.ground_plane_said = true;
    if (strcmp(text, "on") == 0 || strcmp(text, "off") == 0)
        return CLI_DONE;
    return usage("--ground-plane", text, "expected on or off");
}

static int set_option(struct options *o, int id, const char *value)
{
    switch (id) {
    case OPTION_WORKERS:
        o->workers = value;
        return CLI_DONE;
    case OPTION_PRECISION:
        o->precision = value;
        return CLI_DONE;
    case OPTION_GROUND_PLANE:
        return set_ground_plane(o, value);
    case OPTION_PORT:
        return set_port(o, value);
    case OPTION_SPLIT:
        return set_split(o, value);
    case OPTION_WHAT_IF:
        return set_range(o, value);
    case OPTION_BUDGET:
        return set_budget(o, value);
    case OPTION_PLOT:
        o->plot = value;
        return CLI_DONE;
    case OPTION_DRAW:
        o->draw = value;
        return CLI_DONE;
    case OPTION_PICTURE:
        o->picture = value;
        return CLI_DONE;
    default:
        o->json = true;
        return CLI_DONE;
    }
}

static int check(const struct options *o)
{
    if (!o->workers && !o->draw)
        return usage("--workers", NULL, "is needed, for example tx1:4 (or --draw FILE.png alone)");
    if (!o->workers && (o->from || !isnan(o->budget_w)))
        return usage("--workers", NULL, "is needed for --what-if and --budget");
    if (o->plot && isnan(o->budget_w))
        return usage("--plot", o->plot, "draws the frontier: it needs --budget");
    if (o->picture && !o->draw)
        return usage("--picture", o->picture, "is for --draw FILE.png");
    return CLI_DONE;
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
    return code ? code : check(o);
}

/* ---- work ---- */

struct session {
    struct options *options;
    struct coordinator_image image;
    struct cli_work work;
    struct cli_workers workers;
    struct cli_plan plan;
    struct cli_what_if rows[WHAT_IF_MAX];
    struct cli_frontier frontier;
};

static int read_picture(struct session *s)
{
    char reason[256];
    struct options *o = s->options;
    if (!o->picture)
        return PROTO_OK;
    const int status = coordinator_image_read(o->picture, &s->image, reason);
    if (status != PROTO_OK) {
        proto_log_error("cli", "--picture %s: %s", o->picture, reason);
        return status == PROTO_IO ? PROTO_NOT_FOUND : status;
    }
    if (o->work.size.w == 0)
        o->work.size = s->image.size;
    if (o->work.size.w == s->image.size.w && o->work.size.h == s->image.size.h)
        return PROTO_OK;
    proto_log_error("cli", "--picture %s is %d x %d, not --size %d x %d", o->picture,
                    s->image.size.w, s->image.size.h, o->work.size.w, o->work.size.h);
    return PROTO_INVALID;
}

/* Workers without a link, as profiles made on this machine: then nothing limits the port either. */
static void choose_port(struct session *s)
{
    bool any = false;
    for (int32_t k = 0; k < s->workers.kind_count; k++)
        any |= isfinite(s->workers.kinds[k].speed.bytes_per_us);
    if (!s->options->port_given)
        s->options->plan.port_bytes_per_us = any ? PORT_USUAL_BYTES_PER_US : INFINITY;
}

static int make_plan(struct session *s)
{
    struct options *o = s->options;
    int status = cli_workers_open(o->workers, o->precision, s->work.model, &s->workers);
    if (status != PROTO_OK)
        return status;
    choose_port(s);
    status = cli_plan_open(&s->work, &s->workers, s->workers.count, &o->plan, &s->plan);
    if (status == PROTO_OK && o->from)
        status = cli_what_if(&s->work, &s->workers, o->from, o->to, &o->plan, s->rows);
    if (status == PROTO_OK && !isnan(o->budget_w))
        status = cli_frontier_open(&s->work, &s->workers, &o->plan, o->budget_w, &s->frontier);
    return status;
}

static int draw(const struct session *s)
{
    const struct partition_tiles *tiles = s->work.tiles;
    const int32_t count = s->plan.count;
    int32_t *owner = calloc(tiles->count + 1, sizeof *owner);
    const char **names = calloc((size_t)count + 1, sizeof *names);
    int status = PROTO_NO_MEMORY;
    if (owner && names) {
        for (uint32_t i = 0; i < tiles->count; i++)
            owner[i] = -1;
        for (int32_t w = 0; w < count; w++) {
            names[w] = cli_workers_kind(&s->workers, w)->name;
            for (uint32_t i = 0; i < s->plan.plan->shares[w].tile_count; i++)
                owner[s->plan.plan->shares[w].tiles[i]] = w;
        }
        const struct coordinator_plan_picture picture = {
            .view = s->options->picture ? &s->image : NULL,
            .camera = s->work.has_camera ? &s->work.camera : NULL,
            .pyramid = &s->work.pyramid,
            .model = s->work.model,
            .tiles = tiles,
            .owner = count ? owner : NULL,
            .worker_count = count,
            .names = names,
            .macs_share = (double)tiles->macs / (double)s->work.whole_macs,
        };
        status = coordinator_plan_picture_write(s->options->draw, &picture);
    }
    free(owner);
    free(names);
    return status;
}

static int plot(const struct session *s)
{
    const struct cli_frontier *f = &s->frontier;
    struct coordinator_frontier_point *points = calloc((size_t)f->count + 1, sizeof *points);
    char title[512];
    if (!points)
        return PROTO_NO_MEMORY;
    snprintf(title, sizeof title, "%.200s, %d x %d, model %.64s", s->options->workers,
             s->work.pyramid.frame.w, s->work.pyramid.frame.h, s->work.model->name);
    for (int32_t i = 0; i < f->count; i++)
        points[i] = (struct coordinator_frontier_point){f->points[i].watts, f->points[i].fps,
                                                        f->points[i].bound_fps};
    const struct coordinator_frontier frontier = {
        .title = title,
        .count = f->count,
        .points = points,
        .budget_w = s->options->budget_w,
        .chosen = {f->chosen.watts, f->chosen.fps, f->chosen.bound_fps},
    };
    const int status = coordinator_frontier_plot_write(s->options->plot, &frontier);
    free(points);
    return status;
}

static void report(const struct session *s)
{
    const struct options *o = s->options;
    const struct cli_plan_report report = {
        .work = &s->work,
        .workers = o->workers ? &s->workers : NULL,
        .split = o->split_name,
        .port_bytes_per_us = o->plan.port_bytes_per_us,
        .plan = o->workers ? &s->plan : NULL,
        .what_if = o->from ? s->rows : NULL,
        .what_if_count = o->from ? o->to - o->from + 1 : 0,
        .frontier = isnan(o->budget_w) ? NULL : &s->frontier,
        .budget_w = o->budget_w,
    };
    if (o->json)
        cli_plan_print_json(stdout, &report);
    else
        cli_plan_print(stdout, &report);
}

static int run(struct options *options)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return CLI_FAILED;
    session->options = options;
    int status = read_picture(session);
    if (status == PROTO_OK)
        status = cli_work_open(&options->work, &session->work);
    if (status == PROTO_OK && options->workers)
        status = make_plan(session);
    if (status == PROTO_OK && options->draw)
        status = draw(session);
    if (status == PROTO_OK && options->plot)
        status = plot(session);
    if (status == PROTO_OK)
        report(session);
    cli_frontier_close(&session->frontier);
    cli_plan_close(&session->plan);
    cli_workers_close(&session->workers);
    cli_work_close(&session->work);
    coordinator_image_free(&session->image);
    free(session);
    return cli_exit_code(status);
}

int cli_plan(int argc, char **argv)
{
    struct options options = {.split_name = "tile", .budget_w = NAN};
    bool help = false;
    cli_work_defaults(&options.work);
    int code = parse(argc, argv, &options, &help);
    if (help)
        print_help();
    if (!code && !help)
        code = run(&options);
    cli_work_settings_free(&options.work);
    return code;
}
