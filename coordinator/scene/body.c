#include "coordinator/scene/body.h"

static float smooth_min(float a, float b, float k)
{
    float h = scene_max(k - (a > b ? a - b : b - a), 0) / k;
    return scene_min(a, b) - h * h * k * 0.25f;
}

static float part_distance(const struct scene_part *part, struct scene_vec p)
{
    struct scene_vec from = scene_sub(p, part->a);
    float t = scene_clamp(scene_dot(from, part->ab) * part->inverse, 0, 1);
    float d = scene_length(scene_along(from, part->ab, -t)) - scene_mix(part->ra, part->rb, t);
    return scene_max(d, part->cut_z - p.z);
}

/* Number of the lowest part of a set that is not empty; takes it out. */
static int take_first(scene_parts *parts)
{
    int first = __builtin_ctzll(*parts);
    *parts &= *parts - 1;
    return first;
}

float scene_body_distance(const struct scene_body *body, scene_parts parts, struct scene_vec p,
                          int *nearest)
{
    float joined = 1e6f, best = 1e6f;
    while (parts) {
        int i = take_first(&parts);
        float d = part_distance(&body->parts[i], p);
        joined = smooth_min(joined, d, body->parts[i].blend);
        if (nearest && d < best) {
            best = d;
            *nearest = i;
        }
    }
    return joined;
}

scene_parts scene_body_near(const struct scene_body *body, scene_parts parts, struct scene_vec p,
                            float reach)
{
    scene_parts kept = 0;
    while (parts) {
        int i = take_first(&parts);
        if (part_distance(&body->parts[i], p) < reach)
            kept |= (scene_parts)1 << i;
    }
    return kept;
}

/* Parts that a ray touches or passes so closely that they may bulge out to it. */
static scene_parts parts_on_ray(const struct scene_body *body, scene_parts parts,
                                struct scene_vec origin, struct scene_vec ray)
{
    static const float bulge_m = 0.035f;
    scene_parts kept = 0;
    while (parts) {
        int i = take_first(&parts);
        struct scene_vec to = scene_sub(body->parts[i].middle, origin);
        float along = scene_dot(to, ray), r = body->parts[i].bound + bulge_m;
        if (scene_dot(to, to) - along * along < r * r)
            kept |= (scene_parts)1 << i;
    }
    return kept;
}

bool scene_body_march(const struct scene_body *body, scene_parts parts, struct scene_vec origin,
                      struct scene_vec ray, float end, float accuracy, float *t)
{
    struct scene_vec to = scene_sub(body->centre, origin);
    float middle = scene_dot(to, ray);
    float gap = scene_dot(to, to) - middle * middle, r2 = body->radius * body->radius;
    if (gap > r2)
        return false;
    parts = parts_on_ray(body, parts, origin, ray);
    if (!parts)
        return false;
    float half = sqrtf(r2 - gap);
    float at = scene_max(*t, middle - half);
    end = scene_min(end, middle + half);
    /* Tapered capsules overstate the distance a little: step 0.95 of it. */
    for (int i = 0; i < 64 && at < end; i++) {
        float d = scene_body_distance(body, parts, scene_along(origin, ray, at), NULL);
        if (d < accuracy) {
            *t = at;
            return true;
        }
        at += d * 0.95f;
    }
    return false;
}

struct scene_vec scene_body_normal(const struct scene_body *body, scene_parts parts,
                                   struct scene_vec p, float accuracy)
{
    static const struct scene_vec corner[4] = {{1, -1, -1}, {-1, -1, 1}, {-1, 1, -1}, {1, 1, 1}};
    struct scene_vec n = {0};
    for (int i = 0; i < 4; i++) {
        float d = scene_body_distance(body, parts, scene_along(p, corner[i], accuracy), NULL);
        n = scene_along(n, corner[i], d);
    }
    return scene_unit(n);
}

static void box_join(struct scene_box *box, const struct scene_box *other)
{
    box->x0 = scene_min(box->x0, other->x0);
    box->y0 = scene_min(box->y0, other->y0);
    box->x1 = scene_max(box->x1, other->x1);
    box->y1 = scene_max(box->y1, other->y1);
}

bool scene_body_part_box(const struct scene_camera *camera, const struct scene_part *part,
                         float margin, struct scene_box *box)
{
    struct scene_box other;
    if (!scene_camera_sphere(camera, part->a, part->ra + margin, box) ||
        !scene_camera_sphere(camera, part->b, part->rb + margin, &other))
        return false;
    box_join(box, &other);
    return true;
}

bool scene_body_box(const struct scene_camera *camera, const struct scene_body *body,
                    struct scene_box *box)
{
    *box = (struct scene_box){1e9f, 1e9f, -1e9f, -1e9f};
    for (int i = 0; i < body->count; i++) {
        struct scene_box one;
        if (!scene_body_part_box(camera, &body->parts[i], 0, &one))
            return false;
        box_join(box, &one);
    }
    return true;
}
