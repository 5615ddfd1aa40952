/* Bands of the ground plane by dense sampling. See camera.h.
 *
 * Distance and body height are cut into a grid. Each of its cells covers a patch of (height in the
 * picture, row of the middle), which is taken as the rectangle around its corners, so nothing
 * between the samples is lost. The remaining parameters (where across the picture, pitch, roll and
 * height within their tolerances) act almost linearly; their ends and middles are sampled, and the
 * margin of PROTO_NMS_REACH_ROWS rows is more than their curvature.
 */
#include "partition/camera.h"

#include <math.h>
#include <string.h>

#include "partition/nms.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA      "partition"
#define DEGREE    (3.14159265358979323846 / 180)
#define NEAREST_M 0.05 /* before the lens; what is nearer is not projected */
#define STRIDE_M  0.3  /* how much nearer a walker's front foot may be than the head */
#define LEVELS                                                                                     \
    1.55 /* half a level to the nearest one, one more, and a little for what lies between samples */

enum { DISTANCES = 128, BODIES = 17, ACROSS = 9, SPREAD = 3 };

/* ---- lens ---- */

struct spot {
    double u, v; /* right and down, per unit ahead */
};

static struct spot distort_inside(const struct proto_config_camera *c, struct spot s)
{
    const double r2 = s.u * s.u + s.v * s.v, radial = 1 + r2 * (c->k1 + r2 * c->k2);
    return (struct spot){
        s.u * radial + 2 * c->p1 * s.u * s.v + c->p2 * (r2 + 2 * s.u * s.u),
        s.v * radial + c->p1 * (r2 + 2 * s.v * s.v) + 2 * c->p2 * s.u * s.v,
    };
}

/* The polynomial means nothing beyond the picture and soon turns back: go on straight instead. */
static struct spot distort(const struct partition_camera *camera, struct spot s)
{
    const double r = hypot(s.u, s.v);
    if (r <= camera->radius)
        return distort_inside(&camera->config, s);
    const double shrink = camera->radius / r;
    s = distort_inside(&camera->config, (struct spot){s.u * shrink, s.v * shrink});
    return (struct spot){s.u / shrink, s.v / shrink};
}

/* Fixed-point inverse, as in OpenCV; false when it does not settle. */
static bool undistort(const struct partition_camera *camera, struct spot seen, struct spot *out)
{
    struct spot s = seen, again = seen;
    for (int i = 0; i < 60; i++) {
        again = distort(camera, s);
        s.u += 0.7 * (seen.u - again.u);
        s.v += 0.7 * (seen.v - again.v);
    }
    *out = s;
    return hypot(seen.u - again.u, seen.v - again.v) < 1e-6;
}

static struct spot spot_of(const struct partition_camera *camera, double x, double y)
{
    return (struct spot){(x - camera->cx) / camera->fx, (y - camera->cy) / camera->fy};
}

/* Follow the distortion from the middle of the picture to its rim: it must lead outwards all the way,
 * and there is the radius. */
static bool find_radius(struct partition_camera *camera)
{
    const struct proto_size size = camera->frame;
    double reach = 0;
    camera->radius = INFINITY;
    for (int i = 0; i < 4; i++) {
        const struct spot corner = spot_of(camera, i % 2 ? size.w : 0, i / 2 ? size.h : 0);
        struct spot s;
        if (!undistort(camera, corner, &s))
            return false;
        double last = -1;
        for (int j = 0; j <= 64; j++) {
            const struct spot on = distort(camera, (struct spot){s.u * j / 64, s.v * j / 64});
            const double r = hypot(on.u, on.v);
            if (!(r > last))
                return false;
            last = r;
        }
        reach = fmax(reach, hypot(s.u, s.v));
    }
    camera->radius = reach;
    return true;
}

int partition_camera_init(struct partition_camera *camera, const struct proto_config_camera *config,
                          struct proto_size frame)
{
    const double scale = (double)frame.w / config->width;
    if (fabs(config->height * scale - frame.h) > 1) {
        proto_log_error(AREA,
                        "the camera is calibrated for pictures of %d x %d, these are %d x %d: "
                        "another shape",
                        config->width, config->height, frame.w, frame.h);
        return PROTO_INVALID;
    }
    *camera = (struct partition_camera){
        .config = *config,
        .frame = frame,
        .fx = config->fx * scale,
        .fy = config->fy * scale,
        .cx = config->cx * scale,
        .cy = config->cy * scale,
        .pitch = config->pitch_deg * DEGREE,
        .roll = config->roll_deg * DEGREE,
        .pitch_tolerance = config->pitch_tolerance_deg * DEGREE,
    };
    if (!find_radius(camera)) {
        proto_log_error(AREA,
                        "the camera's distortion (k1 %g, k2 %g, p1 %g, p2 %g) folds the picture "
                        "onto itself; smaller figures are valid",
                        config->k1, config->k2, config->p1, config->p2);
        return PROTO_INVALID;
    }
    return PROTO_OK;
}

/* ---- from the world into the picture ---- */

/* One way the camera may sit within its tolerances. */
struct pose {
    double height, sin_pitch, cos_pitch, sin_roll, cos_roll;
};

static struct pose pose_of(double height, double pitch, double roll)
{
    return (struct pose){height, sin(pitch), cos(pitch), sin(roll), cos(roll)};
}

static double ahead(const struct pose *p, double y, double z)
{
    return y * p->cos_pitch + (p->height - z) * p->sin_pitch;
}

/* Picture coordinates of a point, without the lens' distortion; false if it is not before the lens. */
static bool see(const struct pose *p, double x, double y, double z, struct spot *out)
{
    const double f = ahead(p, y, z);
    if (f < NEAREST_M)
        return false;
    const double u = x / f, v = ((p->height - z) * p->cos_pitch - y * p->sin_pitch) / f;
    *out = (struct spot){p->cos_roll * u + p->sin_roll * v, p->cos_roll * v - p->sin_roll * u};
    return true;
}

/* Where somebody at this distance stands whose middle, `z` above the floor, appears at `u`. */
static void stand_at(const struct pose *p, double distance, double z, double u, double *x,
                     double *y)
{
    *x = 0;
    for (int i = 0; i < 5; i++) {
        *y = sqrt(distance * distance - *x * *x);
        const double f = fmax(ahead(p, *y, z), NEAREST_M);
        const double v = ((p->height - z) * p->cos_pitch - *y * p->sin_pitch) / f;
        *x = f * (u - p->sin_roll * v) / p->cos_roll;
        *x = fmax(-0.99 * distance, fmin(0.99 * distance, *x));
    }
    *y = sqrt(distance * distance - *x * *x);
}

/* ---- bands ---- */

/* What a person, or a range of persons, looks like: rows of the middle and log of the height, of the
 * picture. Empty while low > high. */
struct look {
    double middle_low, middle_high, log_low, log_high;
    double bottom_low; /* row of the highest feet */
};

static const struct look no_look = {INFINITY, -INFINITY, INFINITY, -INFINITY, INFINITY};

static void look_join(struct look *look, const struct look *other)
{
    look->middle_low = fmin(look->middle_low, other->middle_low);
    look->middle_high = fmax(look->middle_high, other->middle_high);
    look->log_low = fmin(look->log_low, other->log_low);
    look->log_high = fmax(look->log_high, other->log_high);
    look->bottom_low = fmin(look->bottom_low, other->bottom_low);
}

static struct look look_at(const struct partition_camera *camera, const struct pose *pose,
                           double distance, double body, double u)
{
    struct look look = no_look;
    struct spot head, foot;
    double x, y;
    stand_at(pose, distance, body / 2, u, &x, &y);
    if (!see(pose, x, y, body, &head))
        return look;
    const double top = camera->cy + camera->fy * distort(camera, head).v;
    /* Standing, and in mid-stride: at most a third of the way nearer, for the very near. */
    for (int i = 0; i < 2; i++) {
        const double nearer = i ? 1 - fmin(STRIDE_M / distance, 1.0 / 3) : 1;
        if (!see(pose, x * nearer, y * nearer, 0, &foot))
            continue;
        const double bottom = camera->cy + camera->fy * distort(camera, foot).v;
        if (!(bottom > top + 1))
            continue;
        const double middle = (top + bottom) / 2, log_height = log(bottom - top);
        look_join(&look, &(struct look){middle, middle, log_height, log_height, bottom});
    }
    return look;
}

struct sweep {
    const struct partition_camera *camera;
    int level_count;
    double reach; /* of a level, log of height */
    struct partition_nms_level levels[PROTO_LEVELS_MAX];
    double low[PROTO_LEVELS_MAX], high[PROTO_LEVELS_MAX]; /* frame rows of the middle */
};

/* A range is searched if some of its persons' feet are not too far below the picture. */
static void sweep_add(struct sweep *sweep, const struct look *look)
{
    const struct partition_camera *camera = sweep->camera;
    if (look->bottom_low > camera->frame.h * (1 + camera->config.cut_below))
        return;
    for (int k = 0; k < sweep->level_count; k++) {
        if (look->log_high < sweep->levels[k].log_height - sweep->reach ||
            look->log_low > sweep->levels[k].log_height + sweep->reach)
            continue;
        sweep->low[k] = fmin(sweep->low[k], look->middle_low);
        sweep->high[k] = fmax(sweep->high[k], look->middle_high);
    }
}

static double part(double low, double high, int i, int n)
{
    return n > 1 ? low + (high - low) * i / (n - 1) : low;
}

/* All persons at one column of the picture, for one pose. */
static void sweep_column(struct sweep *sweep, const struct pose *pose, double u)
{
    const struct proto_config_camera *c = &sweep->camera->config;
    const double log_min = log(c->distance_min_m), log_max = log(c->distance_max_m);
    struct look last[BODIES];
    for (int i = 0; i < DISTANCES; i++) {
        const double distance = exp(part(log_min, log_max, i, DISTANCES));
        struct look now[BODIES];
        for (int j = 0; j < BODIES; j++) {
            const double body = part(c->body_min_m, c->body_max_m, j, BODIES);
            now[j] = look_at(sweep->camera, pose, distance, body, u);
            if (i == 0 || j == 0)
                continue;
            struct look patch = now[j];
            look_join(&patch, &now[j - 1]);
            look_join(&patch, &last[j]);
            look_join(&patch, &last[j - 1]);
            sweep_add(sweep, &patch);
        }
        memcpy(last, now, sizeof(last));
    }
}

/* Undistorted columns of the picture's sides. */
static void find_sides(const struct partition_camera *camera, double *left, double *right)
{
    *left = INFINITY;
    *right = -INFINITY;
    for (int i = 0; i <= 8; i++) {
        const double y = camera->frame.h * i / 8.0;
        struct spot s;
        undistort(camera, spot_of(camera, 0, y), &s);
        *left = fmin(*left, s.u);
        undistort(camera, spot_of(camera, camera->frame.w, y), &s);
        *right = fmax(*right, s.u);
    }
}

static void sweep_all(struct sweep *sweep)
{
    const struct partition_camera *camera = sweep->camera;
    const struct proto_config_camera *c = &camera->config;
    const double roll_tolerance = c->roll_tolerance_deg * DEGREE;
    double left, right;
    find_sides(camera, &left, &right);
    for (int i = 0; i < SPREAD * SPREAD * SPREAD; i++) {
        const int a = i % SPREAD - 1, b = i / SPREAD % SPREAD - 1, d = i / (SPREAD * SPREAD) - 1;
        const struct pose pose =
            pose_of(c->height_m + a * c->height_tolerance_m,
                    camera->pitch + b * camera->pitch_tolerance, camera->roll + d * roll_tolerance);
        for (int j = 0; j < ACROSS; j++)
            sweep_column(sweep, &pose, part(left, right, j, ACROSS));
    }
}

/* Rows of cells around the sweep's frame rows, within the level; empty if there are none. */
static struct partition_rows rows_of(const struct sweep *sweep, int k, int32_t rows)
{
    const struct partition_nms_level *level = &sweep->levels[k];
    if (sweep->low[k] > sweep->high[k] || rows == 0)
        return (struct partition_rows){0, 0};
    const double first =
        fmax(floor((sweep->low[k] - level->y0) / level->step_y) - PROTO_NMS_REACH_ROWS, 0);
    const double last =
        fmin(ceil((sweep->high[k] - level->y0) / level->step_y) + PROTO_NMS_REACH_ROWS, rows - 1);
    if (first > last)
        return (struct partition_rows){0, 0};
    return (struct partition_rows){(int32_t)first, (int32_t)(last - first) + 1};
}

int partition_camera_bands(const struct partition_camera *camera,
                           const struct partition_pyramid *pyramid,
                           const struct partition_model *model,
                           struct partition_rows bands[PROTO_LEVELS_MAX])
{
    const struct proto_config_camera *c = &camera->config;
    struct sweep sweep = {.camera = camera,
                          .level_count = pyramid->level_count,
                          .reach = LEVELS * log(2) / model->per_octave};
    bool any = false;
    for (int k = 0; k < pyramid->level_count; k++) {
        partition_nms_level_init(&sweep.levels[k], pyramid, model, k);
        sweep.low[k] = INFINITY;
        sweep.high[k] = -INFINITY;
    }
    sweep_all(&sweep);
    memset(bands, 0, PROTO_LEVELS_MAX * sizeof(*bands));
    for (int k = 0; k < pyramid->level_count; k++) {
        bands[k] = rows_of(&sweep, k, pyramid->levels[k].rows);
        any |= bands[k].rows > 0;
    }
    if (any)
        return PROTO_OK;
    proto_log_error(
        AREA,
        "no person of %g to %g m at %g to %g m can be seen by the camera at a height of "
        "the model's levels; other distances or another pitch are needed",
        c->body_min_m, c->body_max_m, c->distance_min_m, c->distance_max_m);
    return PROTO_INVALID;
}

double partition_camera_distance(const struct partition_camera *camera, double x, double y)
{
    const struct pose p = pose_of(camera->config.height_m, camera->pitch, camera->roll);
    struct spot seen;
    if (!undistort(camera, spot_of(camera, x, y), &seen))
        return NAN;
    const double u = p.cos_roll * seen.u - p.sin_roll * seen.v;
    const double v = p.sin_roll * seen.u + p.cos_roll * seen.v;
    const double along = hypot(u, p.cos_pitch - v * p.sin_pitch);
    const double down = p.sin_pitch + v * p.cos_pitch;
    if (!(atan2(down, along) > camera->pitch_tolerance))
        return NAN;
    return p.height * along / down;
}

double partition_camera_column(const struct partition_camera *camera, double x, double y)
{
    struct spot seen;
    undistort(camera, spot_of(camera, x, y), &seen);
    return seen.u;
}

bool partition_camera_person(const struct partition_camera *camera, double distance, double body,
                             double step, double column, double *top, double *bottom)
{
    const struct pose pose = pose_of(camera->config.height_m, camera->pitch, camera->roll);
    const double nearer = 1 - fmin(step / distance, 1.0 / 3);
    struct spot head, foot;
    double x, y;
    stand_at(&pose, distance, body / 2, column, &x, &y);
    if (!see(&pose, x, y, body, &head) || !see(&pose, x * nearer, y * nearer, 0, &foot))
        return false;
    *top = camera->cy + camera->fy * distort(camera, head).v;
    *bottom = camera->cy + camera->fy * distort(camera, foot).v;
    return true;
}
