/* muster scene: render a synthetic walk-through with exact truth. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "coordinator/scene/scene.h"

enum option_id {
    OPTION_FRAMES,
    OPTION_PERSONS,
    OPTION_SEED,
    OPTION_FPS,
    OPTION_CAMERA_HEIGHT,
    OPTION_PITCH,
    OPTION_ROLL,
    OPTION_FOV,
    OPTION_MIN_DISTANCE,
    OPTION_MAX_DISTANCE,
    OPTION_NUMBERS, /* options above take a number */
    OPTION_OUT = OPTION_NUMBERS,
    OPTION_SIZE,
    OPTION_PLACE,
    OPTION_FORCE,
    OPTION_HELP
};

/* Number options: range, and whether they are whole. */
static const struct {
    double lo, hi;
    bool whole;
} ranges[OPTION_NUMBERS] = {
    [OPTION_FRAMES] = {1, 100000, true},       [OPTION_PERSONS] = {0, SCENE_PERSONS_MAX, true},
    [OPTION_SEED] = {0, 4294967295.0, true},   [OPTION_FPS] = {0.1, 1000, false},
    [OPTION_CAMERA_HEIGHT] = {0.2, 10, false}, [OPTION_PITCH] = {-45, 80, false},
    [OPTION_ROLL] = {-45, 45, false},          [OPTION_FOV] = {10, 150, false},
    [OPTION_MIN_DISTANCE] = {1, 99, false},    [OPTION_MAX_DISTANCE] = {2, 100, false},
};

static const struct option long_options[] = {
    {"frames", required_argument, NULL, OPTION_FRAMES},
    {"persons", required_argument, NULL, OPTION_PERSONS},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"fps", required_argument, NULL, OPTION_FPS},
    {"camera-height", required_argument, NULL, OPTION_CAMERA_HEIGHT},
    {"pitch", required_argument, NULL, OPTION_PITCH},
    {"roll", required_argument, NULL, OPTION_ROLL},
    {"fov", required_argument, NULL, OPTION_FOV},
    {"min-distance", required_argument, NULL, OPTION_MIN_DISTANCE},
    {"max-distance", required_argument, NULL, OPTION_MAX_DISTANCE},
    {"out", required_argument, NULL, OPTION_OUT},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"place", required_argument, NULL, OPTION_PLACE},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

struct arguments {
    struct scene_settings settings;
    const char *out;
    bool force, help;
};

static void print_help(void)
{
    puts("usage: muster scene --out DIR [options]\n"
         "\n"
         "Renders people walking through a corridor, a hall or a street as DIR/f0000.png .. with "
         "the\n"
         "exact truth (DIR/truth.csv) and camera (DIR/camera.yaml). The same options give the same "
         "bytes.\n"
         "\n"
         "  --out DIR            where to; made if need be, refused when not empty\n"
         "  --force              replace a clip that is already there\n"
         "  --frames N           pictures (default 40)\n"
         "  --fps X              pictures a second of the walk (default 10)\n"
         "  --size WxH           pixels (default 640x480)\n"
         "  --persons N          0 to 64 (default 5; fewer if the place has no room)\n"
         "  --seed N             place, light, persons and walks (default 1)\n"
         "  --place NAME         corridor, hall or street (default: the seed chooses)\n"
         "  --camera-height X    metres above the floor (default 1.2)\n"
         "  --pitch X            degrees, down is positive (default 5)\n"
         "  --roll X             degrees, clockwise is positive (default 0)\n"
         "  --fov X              horizontal field of view, degrees (default 60)\n"
         "  --min-distance X     nearest person, metres along the floor (default 2)\n"
         "  --max-distance X     farthest person (default 13)\n"
         "\n"
         "truth.csv: frame,x,y,w,h,label,ignore,distance_m; the whole body in pixels, also where "
         "it is\n"
         "hidden or cut off. ignore is 1 below 75 px, when less than 65 % shows, or when cut off "
         "too far.\n"
         "\n"
         "examples:\n"
         "  muster scene --out walk\n"
         "  muster scene --out street --place street --persons 12 --frames 200 --seed 7\n"
         "  muster detect walk --json walk.json && muster eval --truth walk/truth.csv --detections "
         "walk.json");
}

static int refuse(const char *option, const char *value, const char *valid)
{
    fprintf(stderr, "muster scene: %s %s: %s\n", option, value, valid);
    return CLI_USAGE;
}

static void store(struct scene_settings *s, enum option_id id, double v)
{
    switch (id) {
    case OPTION_FRAMES:
        s->frames = (int)v;
        break;
    case OPTION_PERSONS:
        s->persons = (int)v;
        break;
    case OPTION_SEED:
        s->seed = (uint64_t)v;
        break;
    case OPTION_FPS:
        s->fps = v;
        break;
    case OPTION_CAMERA_HEIGHT:
        s->camera_height_m = v;
        break;
    case OPTION_PITCH:
        s->pitch_deg = v;
        break;
    case OPTION_ROLL:
        s->roll_deg = v;
        break;
    case OPTION_FOV:
        s->fov_deg = v;
        break;
    case OPTION_MIN_DISTANCE:
        s->min_distance_m = v;
        break;
    case OPTION_MAX_DISTANCE:
        s->max_distance_m = v;
        break;
    default:
        break;
    }
}

static int parse_number(struct scene_settings *settings, enum option_id id, const char *text)
{
    char option[32], valid[96], *end;
    double v = strtod(text, &end);
    bool whole = ranges[id].whole;
    /* Written so that NaN fails too. */
    if (end != text && *end == '\0' && v >= ranges[id].lo && v <= ranges[id].hi &&
        (!whole || v == (double)(int64_t)v)) {
        store(settings, id, v);
        return CLI_DONE;
    }
    snprintf(option, sizeof(option), "--%s", long_options[id].name);
    snprintf(valid, sizeof(valid), "expected %s from %.10g to %.10g",
             whole ? "a whole number" : "a number", ranges[id].lo, ranges[id].hi);
    return refuse(option, text, valid);
}

static int parse_size(struct scene_settings *settings, const char *text)
{
    char *end;
    long w = strtol(text, &end, 10), h = 0;
    bool pair = end != text && *end == 'x';
    if (pair) {
        const char *second = end + 1;
        h = strtol(second, &end, 10);
        pair = end != second && *end == '\0';
    }
    if (!pair || w < 64 || h < 64 || w > 8192 || h > 8192)
        return refuse("--size", text,
                      "expected WxH, each from 64 to 8192 pixels, for example 640x480");
    settings->size = (struct proto_size){(int32_t)w, (int32_t)h};
    return CLI_DONE;
}

static int parse_place(struct scene_settings *settings, const char *text)
{
    for (int i = 0; scene_place_name(i); i++)
        if (strcmp(text, scene_place_name(i)) == 0) {
            settings->place = (enum scene_place_kind)i;
            return CLI_DONE;
        }
    return refuse("--place", text, "expected corridor, hall or street");
}

static int parse_option(struct arguments *arguments, int id)
{
    if (id >= 0 && id < OPTION_NUMBERS)
        return parse_number(&arguments->settings, (enum option_id)id, optarg);
    switch (id) {
    case OPTION_OUT:
        arguments->out = optarg;
        return CLI_DONE;
    case OPTION_SIZE:
        return parse_size(&arguments->settings, optarg);
    case OPTION_PLACE:
        return parse_place(&arguments->settings, optarg);
    case OPTION_FORCE:
        arguments->force = true;
        return CLI_DONE;
    case OPTION_HELP:
        arguments->help = true;
        return CLI_DONE;
    default:
        fprintf(stderr, "muster scene: see `muster scene --help`\n");
        return CLI_USAGE;
    }
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    int id, code = CLI_DONE;
    optind = 1;
    while (!code && !arguments->help &&
           (id = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        code = parse_option(arguments, id);
    if (code || arguments->help)
        return code;
    if (optind < argc)
        return refuse("unexpected argument", argv[optind], "see `muster scene --help`");
    if (!arguments->out || !*arguments->out)
        return refuse("--out", "DIR", "is needed; see `muster scene --help`");
    if (arguments->settings.max_distance_m < arguments->settings.min_distance_m + 1)
        return refuse("--max-distance", "", "must be at least 1 m more than --min-distance");
    return CLI_DONE;
}

static void show_progress(void *arg, int done, int total)
{
    (void)arg;
    fprintf(stderr, "\rframe %d of %d%s", done, total, done == total ? "\n" : "");
}

int cli_scene(int argc, char **argv)
{
    struct arguments arguments = {0};
    scene_settings_defaults(&arguments.settings);
    int code = parse(argc, argv, &arguments);
    if (code)
        return code;
    if (arguments.help) {
        print_help();
        return CLI_DONE;
    }
    int status = scene_write(&arguments.settings, arguments.out, arguments.force,
                             isatty(STDERR_FILENO) ? show_progress : NULL, NULL);
    return cli_exit_code(status);
}
