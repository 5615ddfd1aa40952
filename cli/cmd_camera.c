/* muster camera: a camera's height, pitch and roll from persons seen through it. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/sightings.h"
#include "coordinator/output.h"
#include "proto/log.h"
#include "proto/status.h"

#define DEGREE (3.14159265358979323846 / 180)

/* Two standard deviations cover 19 of 20; no estimate is better than these. */
#define SURE            2.0
#define PITCH_LEAST_DEG 0.3
#define ROLL_DEG        1.0
#define HEIGHT_LEAST_M  0.02

struct options {
    const char *truth, *detections, *camera, *out;
    struct proto_size size;
    double fov_deg, threshold;
    struct partition_camera_estimate_settings estimate;
};

static void print_help(void)
{
    puts("usage: muster camera --truth FILE|--detections FILE --size WxH --fov DEG [options]\n"
         "\n"
         "Finds out how a camera is mounted from the persons it sees: its height above the floor "
         "and\n"
         "its pitch, for the ground plane of `muster detect --camera`. The camera stands still, "
         "the\n"
         "persons stand or walk on one level floor at different distances. Boxes that are cut off "
         "by\n"
         "the picture's edges are not used. It says how sure it is, and writes no file when the "
         "boxes\n"
         "can't decide. docs/camera.md goes through it with pictures.\n"
         "\n"
         "  --truth FILE        boxes as CSV (frame,x,y,w,h,...) or bbGt, see docs/evaluation.md\n"
         "  --detections FILE   boxes of `muster detect --json`\n"
         "  --threshold X       least score of a detection (0)\n"
         "  --size WxH          of the pictures, pixels\n"
         "  --fov DEG           horizontal field of view of the lens\n"
         "  --camera FILE       size, lens and limits from a camera's file instead\n"
         "  --height M          of the lens above the floor, if measured: the pitch gets surer\n"
         "  --body M            average person, soles to top of head (1.70): height is in "
         "proportion\n"
         "  --roll DEG          turn about the view, clockwise is positive (0)\n"
         "  --find-roll         estimate it, too: needs persons left and right\n"
         "  --out FILE          the camera's file (YAML); - is standard output (-)\n"
         "\n"
         "examples:\n"
         "  muster scene --out walk && muster camera --truth walk/truth.csv --size 640x480 --fov "
         "60\n"
         "  muster detect clip --json found.jsonl\n"
         "  muster camera --detections found.jsonl --size 640x480 --fov 62 --out camera.yaml\n"
         "  muster plan --camera camera.yaml --draw check.png --picture clip/f0010.png\n"
         "\n"
         "Exit code: 0 done, 1 the boxes can't decide, 2 bad options or input.");
}

static int usage(const char *option, const char *value, const char *valid)
{
    fprintf(stderr, "muster camera: %s%s%s: %s; see muster camera --help\n", option,
            value ? " " : "", value ? value : "", valid);
    return CLI_USAGE;
}

/* clang-format off */
enum option_id {
    OPTION_TRUTH = 256, OPTION_DETECTIONS, OPTION_THRESHOLD, OPTION_SIZE, OPTION_FOV, OPTION_CAMERA,
    OPTION_HEIGHT, OPTION_BODY, OPTION_ROLL, OPTION_FIND_ROLL, OPTION_OUT, OPTION_HELP,
};
static const struct option long_options[] = {
    {"truth", required_argument, NULL, OPTION_TRUTH},
    {"detections", required_argument, NULL, OPTION_DETECTIONS},
    {"threshold", required_argument, NULL, OPTION_THRESHOLD},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"fov", required_argument, NULL, OPTION_FOV},
    {"camera", required_argument, NULL, OPTION_CAMERA},
    {"height", required_argument, NULL, OPTION_HEIGHT},
    {"body", required_argument, NULL, OPTION_BODY},
    {"roll", required_argument, NULL, OPTION_ROLL},
    {"find-roll", no_argument, NULL, OPTION_FIND_ROLL},
    {"out", required_argument, NULL, OPTION_OUT},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};
/* clang-format on */

static int set_number(const char *option, const char *text, double low, double high, double *out)
{
    char valid[80];
    if (proto_config_number(text, out) == PROTO_OK && *out >= low && *out <= high)
        return CLI_DONE;
    snprintf(valid, sizeof valid, "expected a number from %g to %g", low, high);
    return usage(option, text, valid);
}

static int set_option(struct options *o, int id, const char *value)
{
    switch (id) {
    case OPTION_TRUTH:
        o->truth = value;
        return CLI_DONE;
    case OPTION_DETECTIONS:
        o->detections = value;
        return CLI_DONE;
    case OPTION_THRESHOLD:
        return set_number("--threshold", value, -1e6, 1e6, &o->threshold);
    case OPTION_SIZE:
        return cli_parse_size(value, &o->size)
                   ? CLI_DONE
                   : usage("--size", value, "expected WxH in pixels, for example 640x480");
    case OPTION_FOV:
        return set_number("--fov", value, 1, 170, &o->fov_deg);
    case OPTION_CAMERA:
        o->camera = value;
        return CLI_DONE;
    case OPTION_HEIGHT:
        return set_number("--height", value, 0.1, 50, &o->estimate.height_m);
    case OPTION_BODY:
        return set_number("--body", value, 0.5, 2.5, &o->estimate.body_m);
    case OPTION_ROLL:
        return set_number("--roll", value, -40, 40, &o->estimate.roll_deg);
    case OPTION_FIND_ROLL:
        o->estimate.roll_deg = NAN;
        return CLI_DONE;
    default:
        o->out = value;
        return CLI_DONE;
    }
}

static int check(const struct options *o)
{
    if (!o->truth == !o->detections)
        return usage("boxes", NULL, "give either --truth FILE or --detections FILE");
    if (!o->camera && !o->size.w)
        return usage("--size", NULL, "is needed, as WxH in pixels (or --camera FILE)");
    if (!o->camera && isnan(o->fov_deg))
        return usage(
            "--fov", NULL,
            "is needed, in degrees: the lens can't be told from persons (or --camera FILE)");
    if (o->camera && (o->size.w || !isnan(o->fov_deg)))
        return usage("--camera", o->camera,
                     "has the size and the lens; leave out --size and --fov");
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
        code = set_option(o, id, optarg);
    }
    if (!code && optind < argc)
        return usage("unexpected", argv[optind], "all arguments are options");
    return code ? code : check(o);
}

static int config_of(const struct options *o, struct proto_config_camera *config)
{
    if (o->camera) {
        const int status = proto_config_camera_load(o->camera, config);
        return status == PROTO_IO ? PROTO_NOT_FOUND : status;
    }
    const double fx = o->size.w / 2.0 / tan(o->fov_deg / 2 * DEGREE);
    *config = (struct proto_config_camera){.width = o->size.w,
                                           .height = o->size.h,
                                           .fx = fx,
                                           .fy = fx,
                                           .cx = o->size.w / 2.0,
                                           .cy = o->size.h / 2.0,
                                           .height_m = 1,
                                           .body_min_m = 1.2,
                                           .body_max_m = 2.05,
                                           .distance_min_m = 1,
                                           .distance_max_m = 20,
                                           .cut_below = 1};
    return PROTO_OK;
}

/* Two standard deviations, rounded up to two digits. */
static double tolerance(double sd, double least)
{
    return ceil(100 * fmax(SURE * sd, least) - 1e-9) / 100;
}

static void print_camera(FILE *file, const struct options *o, const struct proto_config_camera *c,
                         const struct partition_camera_estimate *e)
{
    fprintf(
        file,
        "# Camera estimated by muster camera from %s:\n"
        "# %u boxes of %u persons at %.1f to %.1f m; %u of them do not fit. Typical deviation of "
        "a\n"
        "# box: %.1f %% of the body. Average person: %.2f m%s.\n"
        "# Tolerances are two standard deviations of the estimate. A camera that moves (a robot\n"
        "# rocks) needs more; configs/cameras/scene.yaml explains each key.\n",
        o->truth ? o->truth : o->detections, e->sightings, e->tracks, e->nearest_m, e->farthest_m,
        e->outliers, 100 * e->noise, e->body_m,
        isnan(o->estimate.height_m) ? " (given; the height is in proportion to it)" : "");
    fprintf(file, "width: %d\nheight: %d\nfx: %.6g\nfy: %.6g\ncx: %.6g\ncy: %.6g\n", c->width,
            c->height, c->fx, c->fy, c->cx, c->cy);
    if (c->k1 != 0 || c->k2 != 0 || c->p1 != 0 || c->p2 != 0)
        fprintf(file, "k1: %.6g\nk2: %.6g\np1: %.6g\np2: %.6g\n", c->k1, c->k2, c->p1, c->p2);
    fprintf(file, "height_m: %.3f\nheight_tolerance_m: %.2f\n", e->height_m,
            fmin(tolerance(e->height_sd_m, HEIGHT_LEAST_M), 0.5 * e->height_m));
    fprintf(file, "pitch_deg: %.2f\npitch_tolerance_deg: %.2f\n", e->pitch_deg,
            tolerance(e->pitch_sd_deg, PITCH_LEAST_DEG));
    fprintf(file, "roll_deg: %.2f\nroll_tolerance_deg: %.2f\n", e->roll_deg,
            isnan(o->estimate.roll_deg) ? tolerance(e->roll_sd_deg, PITCH_LEAST_DEG) : ROLL_DEG);
    fprintf(file,
            "body_min_m: %.6g\nbody_max_m: %.6g\ndistance_min_m: %.6g\ndistance_max_m: %.6g\n"
            "cut_below: %.6g\n",
            c->body_min_m, c->body_max_m, c->distance_min_m, c->distance_max_m, c->cut_below);
}

static void tell(const struct options *o, const struct cli_sightings *s,
                 const struct partition_camera_estimate *e)
{
    fprintf(
        stderr,
        "%u boxes of %u persons at %.1f to %.1f m (left out: %u cut off by the picture's edges, "
        "%u ignored or of low score, %u more of the same persons)\n",
        e->sightings, e->tracks, e->nearest_m, e->farthest_m, s->cut, s->low, s->too_many);
    if (isnan(o->estimate.height_m))
        fprintf(stderr, "height %.2f +- %.2f m, for persons of %.2f m on average\n", e->height_m,
                SURE * e->height_sd_m, e->body_m);
    else
        fprintf(stderr, "height %.2f m (given); then the persons are %.2f m tall on average%s\n",
                e->height_m, e->body_m,
                fabs(log(e->body_m / o->estimate.body_m)) > 2 * o->estimate.body_spread
                    ? ", which is unusual: are height and field of view right?"
                    : "");
    fprintf(stderr, "pitch  %.2f +- %.2f degrees\n", e->pitch_deg, SURE * e->pitch_sd_deg);
    if (isnan(o->estimate.roll_deg))
        fprintf(stderr, "roll   %.2f +- %.2f degrees\n", e->roll_deg, SURE * e->roll_sd_deg);
    fprintf(stderr, "boxes deviate by %.1f %% of the body; %u of %u do not fit\n", 100 * e->noise,
            e->outliers, e->sightings);
}

static int write_camera(const struct options *o, const struct proto_config_camera *config,
                        const struct partition_camera_estimate *estimate)
{
    struct coordinator_output output = {0};
    int status = coordinator_output_open(&output, o->out);
    if (status == PROTO_OK) {
        print_camera(output.file, o, config, estimate);
        status = coordinator_output_finish(&output);
    }
    coordinator_output_close(&output);
    return status;
}

static int estimate(const struct options *o)
{
    struct proto_config_camera config;
    struct partition_camera camera;
    struct partition_camera_estimate found;
    struct cli_sightings sightings = {0};
    int status = config_of(o, &config);
    if (status == PROTO_OK)
        status = partition_camera_init(&camera, &config,
                                       (struct proto_size){config.width, config.height});
    if (status == PROTO_OK)
        status = o->truth ? cli_sightings_truth(o->truth, camera.frame, &sightings)
                          : cli_sightings_detections(o->detections, camera.frame, o->threshold,
                                                     &sightings);
    if (status != PROTO_OK) {
        cli_sightings_free(&sightings);
        return cli_exit_code(status);
    }
    status =
        partition_camera_estimate(&camera, sightings.list, sightings.count, &o->estimate, &found);
    if (status == PROTO_OK) {
        tell(o, &sightings, &found);
        status = write_camera(o, &config, &found);
    } else if (sightings.cut + sightings.low > 0) {
        fprintf(stderr,
                "left out: %u boxes cut off by the edges of a picture of %d x %d, %u ignored "
                "or of low score\n",
                sightings.cut, camera.frame.w, camera.frame.h, sightings.low);
    }
    cli_sightings_free(&sightings);
    return status == PROTO_OK ? CLI_DONE : CLI_FAILED;
}

int cli_camera(int argc, char **argv)
{
    struct options options = {.fov_deg = NAN, .out = "-"};
    bool help = false;
    partition_camera_estimate_defaults(&options.estimate);
    const int code = parse(argc, argv, &options, &help);
    if (help)
        print_help();
    return code || help ? code : estimate(&options);
}
