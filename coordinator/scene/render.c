#include "coordinator/scene/render.h"

#include <stdlib.h>

#include "coordinator/scene/shade.h"
#include "proto/status.h"

int scene_render_open(struct scene_render *render, struct proto_size size)
{
    size_t pixels = (size_t)size.w * (size_t)size.h;
    *render = (struct scene_render){.size = size};
    render->cols = (size.w + SCENE_TILE - 1) / SCENE_TILE;
    render->rows = (size.h + SCENE_TILE - 1) / SCENE_TILE;
    render->cells = calloc((size_t)render->cols * (size_t)render->rows, sizeof(*render->cells));
    render->light = calloc(pixels, sizeof(*render->light));
    render->spare = calloc(pixels, sizeof(*render->spare));
    render->objects = calloc(pixels, sizeof(*render->objects));
    if (!render->cells || !render->light || !render->spare || !render->objects)
        goto fail;
    return PROTO_OK;
fail:
    scene_render_close(render);
    return PROTO_NO_MEMORY;
}

void scene_render_close(struct scene_render *render)
{
    free(render->cells);
    free(render->light);
    free(render->spare);
    free(render->objects);
    *render = (struct scene_render){0};
}

static const struct scene_cell *cell_of(const struct scene_render *render, int x, int y)
{
    return &render->cells[y / SCENE_TILE * render->cols + x / SCENE_TILE];
}

static float brightness(struct scene_vec c)
{
    return sqrtf(0.3f * c.x + 0.6f * c.y + 0.1f * c.z);
}

/* A pixel needs more rays when it and a neighbour show different objects or clearly different
 * light. */
static bool needs_more(const struct scene_render *render, int x, int y)
{
    static const int side[4][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
    int w = render->size.w, at = y * w + x;
    float here = brightness(render->light[at]);
    for (int i = 0; i < 4; i++) {
        int nx = x + side[i][0], ny = y + side[i][1];
        if (nx < 0 || ny < 0 || nx >= w || ny >= render->size.h)
            continue;
        int other = ny * w + nx;
        float step = here - brightness(render->light[other]);
        if (render->objects[at] != render->objects[other] || step > 0.09f || step < -0.09f)
            return true;
    }
    return false;
}

/* Mean of a rotated grid of four rays. */
static struct scene_vec sample_more(const struct scene_render *render,
                                    const struct scene_world *world, int x, int y)
{
    static const float grid[4][2] = {
        {0.375f, 0.125f}, {0.875f, 0.375f}, {0.125f, 0.625f}, {0.625f, 0.875f}};
    struct scene_vec sum = {0};
    for (int i = 0; i < 4; i++) {
        struct scene_hit hit;
        scene_cast(world, cell_of(render, x, y), (float)x + grid[i][0], (float)y + grid[i][1],
                   &hit);
        struct scene_vec c = scene_shade(world, &hit);
        /* A lamp must not outshine the rest of its pixel. */
        sum = scene_add(
            sum, scene_vec(scene_min(c.x, 1.5f), scene_min(c.y, 1.5f), scene_min(c.z, 1.5f)));
    }
    return scene_scale(sum, 0.25f);
}

void scene_render_draw(struct scene_render *render, const struct scene_world *world)
{
    int w = render->size.w, h = render->size.h;
    scene_cast_sort(world, render->cells, render->cols, render->rows);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            struct scene_hit hit;
            scene_cast(world, cell_of(render, x, y), (float)x + 0.5f, (float)y + 0.5f, &hit);
            render->light[y * w + x] = scene_shade(world, &hit);
            render->objects[y * w + x] = (int16_t)hit.object;
        }
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            render->spare[y * w + x] = needs_more(render, x, y) ? sample_more(render, world, x, y)
                                                                : render->light[y * w + x];
    struct scene_vec *drawn = render->spare;
    render->spare = render->light;
    render->light = drawn;
}
