#include "coordinator/scene/walk.h"

static const float room_m = 0.3f;   /* between a person's axis and furniture */
static const float apart_m = 0.65f; /* between two persons' axes */
static const float corner_s = 0.5f; /* half the time over which a corner is rounded */

/* A point of the floor that the camera sees, or a little beside it; near and far alike. */
static bool choose_point(struct scene_random *r, const struct scene_walk_limits *limits, float *x,
                         float *y)
{
    const struct scene_camera *camera = limits->camera;
    float share = scene_random_range(r, 0, 1), side = scene_random_range(r, -1.05f, 1.05f);
    float depth = scene_mix(1 / limits->min_m, 1 / limits->max_m, share);
    depth = scene_mix(1 / depth, scene_mix(limits->min_m, limits->max_m, share), 0.5f);
    *x = side * camera->cx / camera->fx * depth;
    *y = depth;
    float d = sqrtf(*x * *x + *y * *y);
    return d >= limits->min_m && d <= limits->max_m &&
           scene_place_is_free(limits->place, *x, *y, room_m);
}

static bool is_way_free(const struct scene_walk_limits *limits, float x0, float y0, float x1,
                        float y1)
{
    for (int i = 0; i <= 24; i++) {
        float t = (float)i / 24, x = scene_mix(x0, x1, t), y = scene_mix(y0, y1, t);
        if (y < 0.5f || sqrtf(x * x + y * y) < limits->min_m ||
            !scene_place_is_free(limits->place, x, y, room_m))
            return false;
    }
    return true;
}

/* A polyline long enough for the clip; false: no way on from some point. */
static bool choose_way(struct scene_random *r, const struct scene_walk_limits *limits,
                       struct scene_walk *walk)
{
    walk->count = 0;
    if (!choose_point(r, limits, &walk->x[0], &walk->y[0]))
        return false;
    walk->start_s[0] = -2 * corner_s;
    walk->count = 1;
    for (int tries = 0; tries < 60 && walk->count < SCENE_WAYPOINTS_MAX; tries++) {
        int last = walk->count - 1;
        if (walk->start_s[last] > limits->duration_s + 2 * corner_s)
            return true;
        float x, y;
        if (!choose_point(r, limits, &x, &y) ||
            !is_way_free(limits, walk->x[last], walk->y[last], x, y))
            continue;
        float dx = x - walk->x[last], dy = y - walk->y[last], length = sqrtf(dx * dx + dy * dy);
        if (length < 1.5f)
            continue;
        walk->x[walk->count] = x;
        walk->y[walk->count] = y;
        walk->start_s[walk->count++] = walk->start_s[last] + length / walk->speed;
        tries = 0;
    }
    return walk->count == SCENE_WAYPOINTS_MAX ||
           walk->start_s[walk->count - 1] > limits->duration_s + 2 * corner_s;
}

static void point_at(const struct scene_walk *walk, float t, float *x, float *y)
{
    int i = 0;
    while (i + 2 < walk->count && walk->start_s[i + 1] < t)
        i++;
    float share = (t - walk->start_s[i]) / (walk->start_s[i + 1] - walk->start_s[i]);
    share = scene_clamp(share, 0, 1);
    *x = scene_mix(walk->x[i], walk->x[i + 1], share);
    *y = scene_mix(walk->y[i], walk->y[i + 1], share);
}

/* Mean of the polyline over 2 * corner_s around t: the same walk with its corners rounded. */
static void smooth_point_at(const struct scene_walk *walk, float t, float *x, float *y)
{
    *x = *y = 0;
    for (int i = -2; i <= 2; i++) {
        float px, py;
        point_at(walk, t + (float)i * corner_s / 2, &px, &py);
        *x += px / 5;
        *y += py / 5;
    }
}

static void place_at(const struct scene_walk *walk, float t, float *x, float *y)
{
    if (walk->count > 1) {
        smooth_point_at(walk, t, x, y);
        return;
    }
    *x = walk->x[0];
    *y = walk->y[0];
}

static bool is_apart(const struct scene_walk *a, const struct scene_walk *b, float duration_s)
{
    for (float t = 0; t <= duration_s; t += 0.2f) {
        float ax, ay, bx, by;
        place_at(a, t, &ax, &ay);
        place_at(b, t, &bx, &by);
        if ((ax - bx) * (ax - bx) + (ay - by) * (ay - by) < apart_m * apart_m)
            return false;
    }
    return true;
}

void scene_walk_choose(struct scene_random *r, const struct scene_walk_limits *limits,
                       float body_height_m, const struct scene_walk *others, int count,
                       struct scene_walk *walk)
{
    bool stands = scene_random_chance(r, 0.22f);
    for (int tries = 0; tries < 400; tries++) {
        *walk = (struct scene_walk){.stride_m = 0.78f * body_height_m};
        walk->speed = scene_random_range(r, 0.8f, 1.55f);
        walk->heading = scene_random_range(r, 0, 1);
        walk->phase = scene_random_range(r, 0, 1);
        bool found;
        if (stands || tries > 200) { /* no way through the crowd: stand somewhere */
            found = choose_point(r, limits, &walk->x[0], &walk->y[0]);
            walk->count = 1;
        } else {
            found = choose_way(r, limits, walk);
        }
        for (int i = 0; found && i < count; i++)
            found = is_apart(walk, &others[i], limits->duration_s);
        if (found)
            return;
    }
    walk->count = 0; /* no room left */
}

/* Heading of a direction on the floor, turns: atan2 by a polynomial (error below 1e-4 turns). */
static float heading_of(float dx, float dy)
{
    float ax = dx < 0 ? -dx : dx, ay = dy < 0 ? -dy : dy;
    float big = scene_max(ax, ay), ratio = big > 0 ? scene_min(ax, ay) / big : 0, q = ratio * ratio;
    float turns =
        ratio * (0.1591549f - q * (0.0530516f - q * (0.0313f - q * (0.0172f - q * 0.0050f))));
    float from_y = ax > ay ? 0.25f - turns : turns; /* 0 along +y, towards x */
    if (dy < 0)
        from_y = 0.5f - from_y;
    return dx > 0 ? -from_y : from_y;
}

void scene_walk_pose(const struct scene_walk *walk, float t_s, struct scene_pose *pose)
{
    *pose = (struct scene_pose){.heading = walk->heading, .phase = walk->phase};
    place_at(walk, t_s, &pose->at.x, &pose->at.y);
    if (walk->count < 2)
        return;
    float x0, y0, x1, y1;
    smooth_point_at(walk, t_s - 0.1f, &x0, &y0);
    smooth_point_at(walk, t_s + 0.1f, &x1, &y1);
    float dx = x1 - x0, dy = y1 - y0;
    pose->heading = heading_of(dx, dy);
    pose->phase = scene_fract(walk->phase + t_s * walk->speed / walk->stride_m);
    pose->swing = scene_step(0, 0.7f, sqrtf(dx * dx + dy * dy) / 0.2f);
}
