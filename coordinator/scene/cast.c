#include "coordinator/scene/cast.h"

#include <string.h>

static const float reach_m = 0.1f; /* shading looks this far around a person's surface */

/* Range of tiles that a rectangle touches, cut to the frame; false: none. */
static bool tile_range(const struct scene_box *box, int cols, int rows, int range[4])
{
    float tile = SCENE_TILE;
    if (box->x1 < 0 || box->y1 < 0 || box->x0 >= tile * (float)cols ||
        box->y0 >= tile * (float)rows)
        return false;
    range[0] = (int)(scene_max(box->x0, 0) / tile);
    range[1] = (int)(scene_max(box->y0, 0) / tile);
    range[2] = (int)scene_min(box->x1 / tile, (float)(cols - 1));
    range[3] = (int)scene_min(box->y1 / tile, (float)(rows - 1));
    return true;
}

/* Outline rectangle of a thing; false: wholly behind the camera. */
static bool thing_box(const struct scene_camera *camera, const struct scene_thing *thing,
                      struct scene_box *box)
{
    int behind = 0;
    *box = (struct scene_box){1e9f, 1e9f, -1e9f, -1e9f};
    for (int i = 0; i < 8; i++) {
        float dx = i & 1 ? thing->half.x : -thing->half.x,
              dy = i & 2 ? thing->half.y : -thing->half.y;
        struct scene_vec corner = thing->centre;
        corner.x += dx * thing->cosine - dy * thing->sine;
        corner.y += dy * thing->cosine + dx * thing->sine;
        corner.z += i & 4 ? thing->half.z : -thing->half.z;
        float x, y;
        if (!scene_camera_project(camera, corner, &x, &y)) {
            behind++;
            continue;
        }
        *box = (struct scene_box){scene_min(box->x0, x), scene_min(box->y0, y),
                                  scene_max(box->x1, x), scene_max(box->y1, y)};
    }
    if (behind > 0)
        *box = (struct scene_box){-1e9f, -1e9f, 1e9f, 1e9f};
    return behind < 8;
}

static void sort_things(const struct scene_world *world, struct scene_cell *cells, int cols,
                        int rows)
{
    for (int i = 0; i < world->place->count; i++) {
        struct scene_box box;
        int range[4];
        if (!thing_box(world->camera, &world->place->things[i], &box) ||
            !tile_range(&box, cols, rows, range))
            continue;
        for (int row = range[1]; row <= range[3]; row++)
            for (int col = range[0]; col <= range[2]; col++)
                cells[row * cols + col].things[i / 64] |= (uint64_t)1 << (i % 64);
    }
}

static void sort_person(const struct scene_world *world, int person, struct scene_cell *cells,
                        int cols, int rows)
{
    const struct scene_body *body = &world->bodies[person];
    for (int i = 0; i < body->count; i++) {
        struct scene_box box;
        int range[4];
        if (!scene_body_part_box(world->camera, &body->parts[i], reach_m, &box))
            box = (struct scene_box){-1e9f, -1e9f, 1e9f, 1e9f};
        if (!tile_range(&box, cols, rows, range))
            continue;
        for (int row = range[1]; row <= range[3]; row++)
            for (int col = range[0]; col <= range[2]; col++) {
                struct scene_cell *cell = &cells[row * cols + col];
                int last = cell->person_count - 1;
                if (last < 0 || cell->person[last] != person) {
                    last = cell->person_count++;
                    cell->person[last] = (uint8_t)person;
                    cell->parts[last] = 0;
                }
                cell->parts[last] |= (scene_parts)1 << i;
            }
    }
}

static float eye_distance(const struct scene_world *world, int person)
{
    return scene_length(scene_sub(world->bodies[person].centre, world->camera->eye));
}

/* Insertion sort: few persons, nearly sorted from frame to frame. */
static void order_persons(const struct scene_world *world, int order[SCENE_PERSONS_MAX])
{
    for (int i = 0; i < world->count; i++) {
        int at = i;
        for (; at > 0 && eye_distance(world, order[at - 1]) > eye_distance(world, i); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

void scene_cast_sort(const struct scene_world *world, struct scene_cell *cells, int cols, int rows)
{
    int order[SCENE_PERSONS_MAX];
    for (int i = 0; i < cols * rows; i++) {
        cells[i].person_count = 0;
        memset(cells[i].things, 0, sizeof(cells[i].things));
    }
    sort_things(world, cells, cols, rows);
    order_persons(world, order);
    for (int i = 0; i < world->count; i++)
        sort_person(world, order[i], cells, cols, rows);
}

void scene_cast_all(const struct scene_world *world, struct scene_cell *cell)
{
    int order[SCENE_PERSONS_MAX];
    memset(cell->things, 0, sizeof(cell->things));
    for (int i = 0; i < world->place->count; i++)
        cell->things[i / 64] |= (uint64_t)1 << (i % 64);
    order_persons(world, order);
    cell->person_count = world->count;
    for (int i = 0; i < world->count; i++) {
        cell->person[i] = (uint8_t)order[i];
        cell->parts[i] = ((scene_parts)1 << world->bodies[order[i]].count) - 1;
    }
}

static void meet_floor(const struct scene_world *world, struct scene_hit *hit)
{
    if (hit->ray.z > -1e-5f)
        return;
    float t = -world->camera->eye.z / hit->ray.z;
    if (t >= hit->t || t > 200)
        return;
    hit->t = t;
    hit->object = SCENE_FLOOR;
    struct scene_vec p = scene_along(world->camera->eye, hit->ray, t);
    float s = scene_sin(world->place->floor_turn), c = scene_cos(world->place->floor_turn);
    hit->touch.normal = scene_vec(0, 0, 1);
    hit->touch.u_axis = scene_vec(c, s, 0);
    hit->touch.spot = (struct scene_spot){.u = p.x * c + p.y * s, .v = p.y * c - p.x * s};
}

static void meet_things(const struct scene_world *world, const struct scene_cell *cell,
                        struct scene_hit *hit)
{
    for (int word = 0; word < SCENE_THINGS_MAX / 64; word++) {
        uint64_t bits = cell->things[word];
        for (int i = word * 64; bits; i++, bits >>= 1) {
            if (!(bits & 1))
                continue;
            struct scene_touch touch = {.t = hit->t};
            if (!scene_thing_meet(&world->place->things[i], world->camera->eye, hit->ray, &touch))
                continue;
            hit->t = touch.t;
            hit->object = i;
            hit->touch = touch;
        }
    }
}

static void meet_persons(const struct scene_world *world, const struct scene_cell *cell,
                         struct scene_hit *hit)
{
    float pixel = 0.3f / world->camera->fx;
    for (int i = 0; i < cell->person_count; i++) {
        const struct scene_body *body = &world->bodies[cell->person[i]];
        float t = 0.05f,
              accuracy = pixel * scene_length(scene_sub(body->centre, world->camera->eye));
        if (!scene_body_march(body, cell->parts[i], world->camera->eye, hit->ray, hit->t,
                              scene_max(accuracy, 4e-4f), &t))
            continue;
        hit->t = t;
        hit->object = SCENE_PERSON + cell->person[i];
        hit->parts = cell->parts[i];
    }
}

void scene_cast(const struct scene_world *world, const struct scene_cell *cell, float x, float y,
                struct scene_hit *hit)
{
    hit->object = SCENE_SKY;
    hit->t = 1000;
    hit->ray = scene_camera_ray(world->camera, x, y);
    meet_floor(world, hit);
    meet_things(world, cell, hit);
    meet_persons(world, cell, hit);
    hit->point = scene_along(world->camera->eye, hit->ray, hit->t);
}

float scene_cast_things(const struct scene_world *world, const struct scene_cell *cell,
                        struct scene_vec ray, float limit)
{
    struct scene_hit hit = {.object = SCENE_SKY, .t = limit, .ray = ray};
    meet_floor(world, &hit);
    meet_things(world, cell, &hit);
    return hit.t;
}
