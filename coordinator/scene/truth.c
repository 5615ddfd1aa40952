#include "coordinator/scene/truth.h"

static const float aspect = 0.41f; /* width of a box / its height */
static const float side_share =
    0.12f; /* of the height: how near the axis may be to the frame's side */
static const float top_share = 0.08f; /* of the height: how much may be cut off above */

/* Rows from the top of the head to the soles: bags do not count. */
static bool body_rows(const struct scene_camera *camera, const struct scene_body *body, float *top,
                      float *bottom)
{
    *top = 1e9f;
    *bottom = -1e9f;
    for (int i = 0; i < body->count; i++) {
        struct scene_box box;
        if (!scene_body_part_box(camera, &body->parts[i], 0, &box))
            return false;
        if (body->parts[i].kind == SCENE_PART_BAG)
            continue;
        *top = scene_min(*top, box.y0);
        *bottom = scene_max(*bottom, box.y1);
    }
    return true;
}

/* Whether a ray that meets the person at t reaches it. */
static bool is_clear(const struct scene_world *world, const struct scene_cell *all, int person,
                     struct scene_vec ray, float t)
{
    if (scene_cast_things(world, all, ray, t) < t)
        return false;
    for (int i = 0; i < all->person_count; i++) {
        float other = 0.05f;
        if (all->person[i] != person &&
            scene_body_march(&world->bodies[all->person[i]], all->parts[i], world->camera->eye, ray,
                             t, 0.004f, &other))
            return false;
    }
    return true;
}

/* Share of the body's outline that is in the frame and not hidden, by a grid of rays. */
static float visible_share(const struct scene_world *world, int person, const struct scene_box *box)
{
    const struct scene_camera *camera = world->camera;
    const struct scene_body *body = &world->bodies[person];
    scene_parts parts = ((scene_parts)1 << body->count) - 1;
    struct scene_cell all;
    scene_cast_all(world, &all);
    float step = (box->y1 - box->y0) / 48;
    int seen = 0, total = 0;
    for (float y = box->y0 + step / 2; y < box->y1; y += step)
        for (float x = box->x0 + step / 2; x < box->x1; x += step) {
            struct scene_vec ray = scene_camera_ray(camera, x, y);
            float t = 0.05f;
            if (!scene_body_march(body, parts, camera->eye, ray, 1000, 0.004f, &t))
                continue;
            total++;
            bool framed =
                x >= 0 && y >= 0 && x < (float)camera->size.w && y < (float)camera->size.h;
            seen += framed && is_clear(world, &all, person, ray, t - 0.01f);
        }
    return total > 0 ? (float)seen / (float)total : 0;
}

bool scene_truth_of(const struct scene_world *world, int person, struct scene_truth *truth)
{
    const struct scene_camera *camera = world->camera;
    const struct scene_body *body = &world->bodies[person];
    float w = (float)camera->size.w, h = (float)camera->size.h;
    float top, bottom, x, y;
    struct scene_box box;
    if (!body_rows(camera, body, &top, &bottom) || !scene_body_box(camera, body, &box) ||
        !scene_camera_project(camera, body->centre, &x, &y))
        return false;
    if (box.x1 <= 0 || box.x0 >= w || bottom <= 0 || top >= h)
        return false;
    struct scene_vec at = body->pose.at;
    float tall = bottom - top;
    *truth =
        (struct scene_truth){.x = x - aspect * tall / 2, .y = top, .w = aspect * tall, .h = tall};
    truth->distance_m = sqrtf(at.x * at.x + at.y * at.y);
    truth->visible = visible_share(world, person, &box);
    bool cut = x < side_share * tall || x > w - side_share * tall || top < -top_share * tall ||
               bottom > 2 * h;
    truth->ignore = cut || tall < SCENE_PERSON_MIN_PX || truth->visible < SCENE_VISIBLE_MIN;
    return true;
}
