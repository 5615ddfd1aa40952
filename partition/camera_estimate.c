/* See camera_estimate.h. */
#include "partition/camera_estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/simplex.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA   "partition"
#define DEGREE (3.14159265358979323846 / 180)

#define PERSON_SPREAD 0.055 /* of adults' heights: 9 cm of 1.7 m */
/* How much nearer than the middle of the body a box ends below, on average: the front foot of a walker, and
 * its toes. Left out, heights came out 5 % too low. */
#define STEP_M       0.2
#define ROW_NOISE_PX 1.0
#define FREEDOM      4.0 /* of Student's t */
#define NOISE_MIN    0.02
#define NOISE_USUAL  0.04
#define NOISE_MAX    0.15
#define OUTLIER      3.5 /* deviations */
#define OUTLIERS_MAX 0.4 /* of the sightings */
#define IMPOSSIBLE   3.0 /* of log body */
#define UNLIKELY     1e9

/* What can't be told from the sightings: beyond these a camera file would be worth nothing. */
#define PITCH_SD_MAX  2.5 /* degrees */
#define HEIGHT_SD_MAX 0.2 /* of the height, without the body's part */

enum { PARAMETERS = 4, PITCHES = 18, PITCH_STEP_DEG = 5, HEIGHTS = 8, STARTS = 8 };
enum { SOLVE_STEPS = 8, NOISE_ROUNDS = 3, STEPS = 400, STEPS_ROUGH = 40 };
enum parameter { LOG_HEIGHT, PITCH, ROLL, LOG_BODY };

struct seen {
    double column, top, bottom;
    uint32_t track;
};

struct fit {
    struct partition_camera camera; /* its pose is being tried */
    const struct partition_camera_estimate_settings *settings;
    uint32_t count, track_count;
    struct seen *seen;                 /* by track */
    uint32_t *first;                   /* of each track; track_count + 1 entries */
    double *residual, *sigma, *weight; /* of each sighting, at the parameters tried last */
    double *own;                       /* of each track */
    uint32_t *times;                   /* each track counts: the bootstrap's sample */
    double noise;
    bool is_free[PARAMETERS];
    double value[PARAMETERS]; /* of those that are not free */
};

void partition_camera_estimate_defaults(struct partition_camera_estimate_settings *settings)
{
    *settings = (struct partition_camera_estimate_settings){
        .height_m = NAN, .body_m = 1.7, .body_spread = 0.04, .bootstrap = 60, .seed = 1};
}

/* ---- likelihood ---- */

/* Minus the log of Student's t, but for a constant. */
static double rare(double deviation)
{
    return (FREEDOM + 1) / 2 * log1p(deviation * deviation / FREEDOM);
}

/* Minus the log of the density of a sighting that is `off`: with one chance in ten it is no person, and then
 * anything. So a wrong box costs the same everywhere, and can't pull. */
static double surprise(double off, double sigma)
{
    const double of_person = 0.9 * 0.375 / sigma * exp(-rare(off / sigma));
    return -log(of_person + 0.1 / (2 * IMPOSSIBLE));
}

/* How far away somebody of `body` with this height in the picture stands; NAN if nowhere. Height is nearly
 * inverse to distance, so this settles in a few steps. */
static double distance_of(const struct partition_camera *camera, const struct seen *s, double body)
{
    const double height = s->bottom - s->top;
    double distance = camera->fy * body / height;
    for (int i = 0; i < SOLVE_STEPS; i++) {
        double top, bottom;
        if (!partition_camera_person(camera, distance, body, STEP_M, s->column, &top, &bottom) ||
            !(bottom - top > 0.01)) {
            distance *= 1.5;
            continue;
        }
        const double ratio = (bottom - top) / height;
        distance *= fmax(0.3, fmin(3, ratio));
        if (fabs(ratio - 1) < 1e-6)
            return distance;
    }
    return distance < 1e4 ? distance : NAN;
}

/* The log of the body's height, against `body`, that explains the sighting, and how far that may be off. What
 * no body explains (feet in the sky) is as far off as anything can be, but has no veto. */
static void explain(struct fit *fit, uint32_t i, double body)
{
    const struct partition_camera *camera = &fit->camera;
    const struct seen *s = &fit->seen[i];
    double top, bottom, top_far, bottom_far;
    const double distance = distance_of(camera, s, body);
    fit->residual[i] = IMPOSSIBLE;
    fit->sigma[i] = fit->noise;
    if (!(distance > 0) ||
        !partition_camera_person(camera, distance, body, STEP_M, s->column, &top, &bottom) ||
        !partition_camera_person(camera, distance * 1.02, body, STEP_M, s->column, &top_far,
                                 &bottom_far))
        return;
    const double shrink = log((bottom - top) / (bottom_far - top_far));
    double rows = (bottom_far - bottom) / fmax(shrink, 0.25 * log(1.02)); /* a taller body's feet */
    rows = fmin(rows, -0.5);
    const double noise = ROW_NOISE_PX / rows;
    fit->residual[i] = fmax(-IMPOSSIBLE, fmin(IMPOSSIBLE, (s->bottom - bottom) / rows));
    fit->sigma[i] = sqrt(fit->noise * fit->noise + noise * noise);
}

/* The person's own deviation: a mean that outliers hardly move, drawn to 0. */
static double own_of(const struct fit *fit, uint32_t track)
{
    double own = 0;
    for (int round = 0; round < 4; round++) {
        double weight = 1 / (PERSON_SPREAD * PERSON_SPREAD), sum = 0;
        for (uint32_t i = fit->first[track]; i < fit->first[track + 1]; i++) {
            const double e = (fit->residual[i] - own) / fit->sigma[i];
            const double w = (FREEDOM + 1) / (FREEDOM + e * e) / (fit->sigma[i] * fit->sigma[i]);
            weight += w;
            sum += w * fit->residual[i];
        }
        own = sum / weight;
    }
    return own;
}

static void set_pose(struct fit *fit, const double p[PARAMETERS])
{
    fit->camera.config.height_m = exp(p[LOG_HEIGHT]);
    fit->camera.pitch = p[PITCH];
    fit->camera.roll = p[ROLL];
}

static double unlikeliness(struct fit *fit, const double p[PARAMETERS])
{
    const double body = fit->settings->body_m * exp(p[LOG_BODY]);
    if (!(p[LOG_HEIGHT] > log(0.1) && p[LOG_HEIGHT] < log(50)) || fabs(p[ROLL]) > 40 * DEGREE ||
        p[PITCH] < -50 * DEGREE || p[PITCH] > 85 * DEGREE)
        return UNLIKELY;
    set_pose(fit, p);
    const double shift = p[LOG_BODY] / fit->settings->body_spread;
    double sum = shift * shift / 2;
    for (uint32_t t = 0; t < fit->track_count; t++) {
        if (fit->times[t] == 0)
            continue;
        for (uint32_t i = fit->first[t]; i < fit->first[t + 1]; i++)
            explain(fit, i, body);
        fit->own[t] = own_of(fit, t);
        double one = rare(fit->own[t] / PERSON_SPREAD);
        for (uint32_t i = fit->first[t]; i < fit->first[t + 1]; i++)
            one += surprise(fit->residual[i] - fit->own[t], fit->sigma[i]);
        sum += fit->times[t] * one;
    }
    return sum;
}

/* ---- fitting ---- */

static void spread_out(const struct fit *fit, const double *of_free, double p[PARAMETERS])
{
    int n = 0;
    for (int i = 0; i < PARAMETERS; i++)
        p[i] = fit->is_free[i] ? of_free[n++] : fit->value[i];
}

static int take_free(const struct fit *fit, const double p[PARAMETERS], double *of_free)
{
    int n = 0;
    for (int i = 0; i < PARAMETERS; i++)
        if (fit->is_free[i])
            of_free[n++] = p[i];
    return n;
}

static double try_free(void *arg, const double *of_free)
{
    struct fit *fit = arg;
    double p[PARAMETERS];
    spread_out(fit, of_free, p);
    return unlikeliness(fit, p);
}

static double improve(struct fit *fit, double p[PARAMETERS], double step, int steps)
{
    double x[PARAMETERS];
    const int n = take_free(fit, p, x);
    const double value = partition_simplex(try_free, fit, x, n, step, 1e-5, steps);
    spread_out(fit, x, p);
    return value;
}

struct start {
    double value, p[PARAMETERS];
};

static int by_start(const void *a, const void *b)
{
    const struct start *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* Wrong boxes make the likelihood hilly: a coarse grid over pitch and height, then the way down from its
 * best places. */
static double start(struct fit *fit, double best[PARAMETERS])
{
    struct start starts[PITCHES * HEIGHTS];
    for (int i = 0; i < PITCHES * HEIGHTS; i++) {
        struct start *s = &starts[i];
        *s = (struct start){.p = {log(0.4) + i % HEIGHTS * log(1.6),
                                  (i / HEIGHTS * PITCH_STEP_DEG - 20) * DEGREE, 0, 0}};
        for (int k = 0; k < PARAMETERS; k++)
            if (!fit->is_free[k])
                s->p[k] = fit->value[k];
        s->value = unlikeliness(fit, s->p);
    }
    qsort(starts, PITCHES * HEIGHTS, sizeof(*starts), by_start);
    for (int i = 0; i < STARTS; i++)
        starts[i].value = improve(fit, starts[i].p, 0.1, STEPS_ROUGH);
    qsort(starts, STARTS, sizeof(*starts), by_start);
    memcpy(best, starts[0].p, sizeof(starts[0].p));
    return starts[0].value;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof(*values), by_value);
    return values[count / 2];
}

/* How far sightings are from their persons, typically: the median as a standard deviation, corrected for
 * what the person's own part takes of it. Persons seen once or twice tell nothing about it; without
 * others it stays as assumed. */
static double noise_of(struct fit *fit)
{
    uint32_t count = 0;
    for (uint32_t t = 0; t < fit->track_count; t++) {
        const uint32_t n = fit->first[t + 1] - fit->first[t];
        for (uint32_t i = fit->first[t]; n >= 3 && i < fit->first[t + 1]; i++)
            fit->weight[count++] = fabs(fit->residual[i] - fit->own[t]) * sqrt(n / (n - 1.0));
    }
    if (count < PARTITION_SIGHTINGS_MIN)
        return fit->noise;
    return fmax(NOISE_MIN, fmin(NOISE_MAX, 1.4826 * median(fit->weight, count)));
}

static int fit_all(struct fit *fit, double p[PARAMETERS])
{
    fit->noise = NOISE_USUAL;
    if (start(fit, p) >= UNLIKELY)
        return PROTO_INVALID;
    for (int round = 0; round < NOISE_ROUNDS; round++) {
        const double value = improve(fit, p, 0.02, STEPS);
        if (value >= UNLIKELY)
            return PROTO_INVALID;
        unlikeliness(fit, p); /* residuals at the best place */
        fit->noise = noise_of(fit);
    }
    improve(fit, p, 0.02, STEPS);
    unlikeliness(fit, p);
    return PROTO_OK;
}

/* ---- how sure ---- */

/* Invert a symmetric matrix by Gauss and Jordan; false if it is singular, or not positive. */
static bool invert(double a[PARAMETERS][PARAMETERS], double inverse[PARAMETERS][PARAMETERS], int n)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            inverse[i][j] = i == j;
    for (int i = 0; i < n; i++) {
        if (!(a[i][i] > 1e-9))
            return false;
        const double pivot = a[i][i];
        for (int j = 0; j < n; j++) {
            a[i][j] /= pivot;
            inverse[i][j] /= pivot;
        }
        for (int k = 0; k < n; k++) {
            const double factor = k == i ? 0 : a[k][i];
            for (int j = 0; j < n; j++) {
                a[k][j] -= factor * a[i][j];
                inverse[k][j] -= factor * inverse[i][j];
            }
        }
    }
    return true;
}

/* Second derivatives of the likelihood by the free parameters, inverted. */
static bool curve(struct fit *fit, const double *x, int n, double step,
                  double inverse[PARAMETERS][PARAMETERS])
{
    double h[PARAMETERS][PARAMETERS];
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            double f[4];
            for (int c = 0; c < 4; c++) {
                double y[PARAMETERS];
                memcpy(y, x, sizeof(y));
                y[i] += c & 1 ? step : -step;
                y[j] += c & 2 ? step : -step;
                f[c] = try_free(fit, y);
            }
            h[i][j] = h[j][i] = (f[3] - f[2] - f[1] + f[0]) / (4 * step * step);
        }
    return invert(h, inverse, n);
}

/* Standard deviations from the curvature of the likelihood; INFINITY where it is flat. A likelihood with
 * heavy tails has small dents, so a wider look may see what a close one does not. */
static void curvature(struct fit *fit, const double p[PARAMETERS], double sd[PARAMETERS])
{
    double x[PARAMETERS] = {0}, inverse[PARAMETERS][PARAMETERS];
    const int n = take_free(fit, p, x);
    bool sound = false;
    for (double step = 0.004; !sound && step < 0.05; step *= 2)
        sound = curve(fit, x, n, step, inverse);
    for (int i = 0, at = 0; i < PARAMETERS; i++) {
        sd[i] = 0;
        if (!fit->is_free[i])
            continue;
        sd[i] = sound && inverse[at][at] > 0 ? sqrt(inverse[at][at]) : INFINITY;
        at++;
    }
}

/* Sebastiano Vigna, splitmix64. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* The same from resampled tracks: half of what the middle two thirds span. */
static int bootstrap(struct fit *fit, const double p[PARAMETERS], double sd[PARAMETERS])
{
    const int32_t n = fit->settings->bootstrap;
    uint64_t state = fit->settings->seed;
    memset(sd, 0, PARAMETERS * sizeof(*sd));
    if (n < 10)
        return PROTO_OK;
    double *all = malloc((size_t)n * PARAMETERS * sizeof(*all));
    if (!all)
        return PROTO_NO_MEMORY;
    for (int32_t r = 0; r < n; r++) {
        double q[PARAMETERS];
        memcpy(q, p, sizeof(q));
        memset(fit->times, 0, fit->track_count * sizeof(*fit->times));
        for (uint32_t t = 0; t < fit->track_count; t++)
            fit->times[draw(&state) % fit->track_count]++;
        improve(fit, q, 0.02, STEPS);
        for (int i = 0; i < PARAMETERS; i++)
            all[i * n + r] = q[i];
    }
    for (int i = 0; i < PARAMETERS; i++) {
        qsort(all + i * n, (size_t)n, sizeof(*all), by_value);
        sd[i] = (all[i * n + n * 84 / 100] - all[i * n + n * 16 / 100]) / 2;
    }
    for (uint32_t t = 0; t < fit->track_count; t++)
        fit->times[t] = 1;
    free(all);
    return PROTO_OK;
}

/* ---- result ---- */

static int describe(struct fit *fit, const double p[PARAMETERS], const double sd[PARAMETERS],
                    struct partition_camera_estimate *out)
{
    const double body_part = fit->is_free[LOG_HEIGHT] ? fit->settings->body_spread : 0;
    unlikeliness(fit, p);
    *out = (struct partition_camera_estimate){
        .height_m = exp(p[LOG_HEIGHT]),
        .pitch_deg = p[PITCH] / DEGREE,
        .roll_deg = p[ROLL] / DEGREE,
        .height_sd_m = exp(p[LOG_HEIGHT]) * hypot(sd[LOG_HEIGHT], body_part),
        .pitch_sd_deg = sd[PITCH] / DEGREE,
        .roll_sd_deg = sd[ROLL] / DEGREE,
        .body_m = fit->settings->body_m * exp(p[LOG_BODY]),
        .noise = fit->noise,
        .sightings = fit->count,
        .tracks = fit->track_count,
    };
    for (uint32_t t = 0; t < fit->track_count; t++)
        for (uint32_t i = fit->first[t]; i < fit->first[t + 1]; i++) {
            const double off = fabs(fit->residual[i] - fit->own[t]) / fit->sigma[i];
            const double all = fabs(fit->residual[i]) / hypot(fit->sigma[i], PERSON_SPREAD);
            out->outliers += off > OUTLIER || all > OUTLIER;
            fit->weight[i] = distance_of(&fit->camera, &fit->seen[i], out->body_m);
        }
    qsort(fit->weight, fit->count, sizeof(*fit->weight), by_value);
    out->nearest_m = fit->weight[fit->count / 20];
    out->farthest_m = fit->weight[fit->count - 1 - fit->count / 20];
    return PROTO_OK;
}

/* Whether this is worth a file. */
static int judge(const struct fit *fit, const double sd[PARAMETERS],
                 const struct partition_camera_estimate *e)
{
    const char *hint = fit->is_free[LOG_HEIGHT] ? ", or the camera's height measured" : "";
    if (!(sd[PITCH] < PITCH_SD_MAX * DEGREE) || !(sd[LOG_HEIGHT] < HEIGHT_SD_MAX)) {
        proto_log_error(
            AREA,
            "these boxes can't decide: pitch %.1f +- %.1f degrees, height %.2f +- %.2f "
            "m; they show %u persons at %.1f to %.1f m. Needed: standing persons at more "
            "different distances%s",
            e->pitch_deg, fmin(e->pitch_sd_deg, 90), e->height_m, fmin(e->height_sd_m, 99),
            e->tracks, e->nearest_m, e->farthest_m, hint);
        return PROTO_INVALID;
    }
    if (e->outliers > OUTLIERS_MAX * e->sightings) {
        proto_log_error(AREA,
                        "no camera fits: %u of %u boxes are not those of persons of 1.2 to 2.05 m "
                        "who stand on one floor; is the field of view right?",
                        e->outliers, e->sightings);
        return PROTO_INVALID;
    }
    return PROTO_OK;
}

static int compare_seen(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    if (x->track != y->track)
        return x->track < y->track ? -1 : 1;
    return (x->bottom > y->bottom) - (x->bottom < y->bottom);
}

static void fit_free(struct fit *fit)
{
    free(fit->seen);
    free(fit->first);
    free(fit->residual);
    free(fit->times);
}

static int fit_init(struct fit *fit, const struct partition_camera *camera,
                    const struct partition_sighting *sightings, uint32_t count,
                    const struct partition_camera_estimate_settings *settings)
{
    *fit = (struct fit){.camera = *camera, .settings = settings, .count = count};
    fit->seen = calloc(count, sizeof(*fit->seen));
    fit->first = calloc(count + 1, sizeof(*fit->first));
    fit->residual = calloc((size_t)count * 4, sizeof(*fit->residual));
    fit->times = calloc(count, sizeof(*fit->times));
    if (!fit->seen || !fit->first || !fit->residual || !fit->times)
        return PROTO_NO_MEMORY;
    fit->sigma = fit->residual + count;
    fit->weight = fit->sigma + count;
    fit->own = fit->weight + count;
    for (uint32_t i = 0; i < count; i++) {
        const struct partition_sighting *s = &sightings[i];
        const double column = partition_camera_column(camera, s->x, (s->top + s->bottom) / 2);
        fit->seen[i] = (struct seen){column, s->top, s->bottom, s->track};
    }
    qsort(fit->seen, count, sizeof(*fit->seen), compare_seen);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || fit->seen[i].track != fit->seen[i - 1].track) {
            fit->times[fit->track_count] = 1;
            fit->first[fit->track_count++] = i;
        }
    fit->first[fit->track_count] = count;
    fit->is_free[LOG_HEIGHT] = isnan(settings->height_m);
    fit->is_free[PITCH] = true;
    fit->is_free[ROLL] = isnan(settings->roll_deg);
    fit->is_free[LOG_BODY] = !isnan(settings->height_m);
    fit->value[LOG_HEIGHT] = log(settings->height_m);
    fit->value[ROLL] = settings->roll_deg * DEGREE;
    return PROTO_OK;
}

int partition_camera_estimate(const struct partition_camera *camera,
                              const struct partition_sighting *sightings, uint32_t count,
                              const struct partition_camera_estimate_settings *settings,
                              struct partition_camera_estimate *out)
{
    struct fit fit;
    double p[PARAMETERS], sd[PARAMETERS], again[PARAMETERS];
    *out = (struct partition_camera_estimate){0};
    if (count < PARTITION_SIGHTINGS_MIN || count > PARTITION_SIGHTINGS_MAX) {
        proto_log_error(AREA, "%u boxes of whole persons: %d to %d are needed", count,
                        PARTITION_SIGHTINGS_MIN, PARTITION_SIGHTINGS_MAX);
        return PROTO_INVALID;
    }
    int status = fit_init(&fit, camera, sightings, count, settings);
    if (status == PROTO_OK) {
        status = fit_all(&fit, p);
        if (status != PROTO_OK)
            proto_log_error(AREA, "no camera on a floor explains these boxes; is the field of view "
                                  "right?");
    }
    if (status == PROTO_OK) {
        curvature(&fit, p, sd);
        status = bootstrap(&fit, p, again);
    }
    if (status == PROTO_OK) {
        for (int i = 0; i < PARAMETERS; i++)
            sd[i] = fmax(sd[i], again[i]);
        status = describe(&fit, p, sd, out);
    }
    if (status == PROTO_OK)
        status = judge(&fit, sd, out);
    fit_free(&fit);
    return status;
}
