#include "coordinator/scene/surface.h"

#include "coordinator/scene/noise.h"
#include "coordinator/scene/random.h"

#define SURFACE(name)                                                                              \
    static struct scene_vec name(const struct scene_surface *s, const struct scene_spot *at)

static float mottle(const struct scene_surface *s, const struct scene_spot *at, float scale,
                    int octaves)
{
    float footprint = scene_max(at->fu, at->fv) * scale;
    return scene_fbm(at->u * scale, at->v * scale, octaves, footprint, s->seed);
}

/* Value per cell that fades to its mean when cells get smaller than pixels. */
static float cell_value(const struct scene_surface *s, float u, float v, float f, uint32_t salt)
{
    float fade = 1 - scene_step(0.4f, 1.2f, f);
    float value = scene_hash_unit((int)scene_floor(u), (int)scene_floor(v), s->seed + salt);
    return 0.5f + (value - 0.5f) * fade;
}

static float join_lines(float a, float b)
{
    return a + b - a * b;
}

SURFACE(plain)
{
    return scene_scale(s->a, 0.88f + 0.24f * mottle(s, at, 1.3f, 4));
}

SURFACE(grain)
{
    struct scene_vec c =
        scene_blend(s->a, s->b, 0.5f * scene_step(0.35f, 0.75f, mottle(s, at, 0.8f, 4)));
    return scene_scale(c, 0.7f + 0.6f * mottle(s, at, 22, 3));
}

SURFACE(tiles)
{
    float size = s->size_m, joint = 0.012f + 0.01f * size;
    float tone = cell_value(s, at->u / size, at->v / size, scene_max(at->fu, at->fv) / size, 3);
    float checker = (int)(scene_floor(at->u / size) + scene_floor(at->v / size)) & 1 ? 1.0f : 0.0f;
    float contrast = s->seed % 3 == 0 ? 0.45f : 0.0f;
    checker = contrast *
              scene_mix(checker, 0.5f, scene_step(0.4f, 1.2f, scene_max(at->fu, at->fv) / size));
    struct scene_vec c = scene_blend(s->a, s->b, checker);
    c = scene_scale(c, (0.86f + 0.28f * tone) * (0.85f + 0.3f * mottle(s, at, 2.2f, 5)));
    float line = join_lines(scene_lines(at->u, size, joint, at->fu),
                            scene_lines(at->v, size, joint, at->fv));
    return scene_scale(c, 1 - 0.5f * line);
}

SURFACE(planks)
{
    float size = s->size_m;
    float row = scene_floor(at->u / size);
    float shift = scene_hash_unit((int)row, 5, s->seed) * 7;
    float tone = cell_value(s, at->u / size, (at->v + shift) / 1.6f, at->fu / size, 1);
    float grain = scene_fbm(at->u * 40 + tone * 9, at->v * 2.5f, 3,
                            scene_max(at->fu * 40, at->fv * 2.5f), s->seed);
    float line = join_lines(scene_lines(at->u, size, 0.006f, at->fu),
                            scene_lines(at->v + shift, 1.6f, 0.006f, at->fv));
    struct scene_vec c = scene_blend(s->a, s->b, 0.6f * tone);
    return scene_scale(c, (0.75f + 0.5f * grain) * (1 - 0.6f * line));
}

SURFACE(carpet)
{
    float size = s->size_m;
    float figure = 0.5f * scene_lines(at->u, size, size * 0.5f, at->fu) +
                   0.5f * scene_lines(at->v, size, size * 0.5f, at->fv);
    struct scene_vec c = scene_blend(s->a, s->b, (s->seed & 1 ? 0.3f : 0.05f) * figure);
    return scene_scale(c, (0.7f + 0.6f * mottle(s, at, 60, 2)) *
                              (0.85f + 0.3f * mottle(s, at, 1.1f, 4)));
}

SURFACE(road)
{
    struct scene_vec c = scene_scale(s->a, (0.75f + 0.5f * mottle(s, at, 30, 3)) *
                                               (0.7f + 0.6f * mottle(s, at, 0.5f, 5)));
    float patch = cell_value(s, at->u / 2.3f, at->v / 3.1f, scene_max(at->fu, at->fv), 8);
    c = scene_scale(c, patch > 0.8f ? 0.78f : 1);
    float lane =
        scene_lines(at->u - 1.6f, 6.5f, 0.12f, at->fu) * scene_lines(at->v, 3, 1.6f, at->fv);
    return scene_blend(c, s->b, 0.8f * lane * (0.6f + 0.6f * mottle(s, at, 5, 2)));
}

SURFACE(brick)
{
    float row = scene_floor(at->v / 0.075f);
    float u = at->u + ((int)row & 1 ? 0.12f : 0);
    float tone = cell_value(s, u / 0.24f, row, scene_max(at->fu, at->fv) / 0.12f, 2);
    struct scene_vec c = scene_scale(scene_blend(s->a, s->b, 0.3f * tone), 0.65f + 0.7f * tone);
    float line = join_lines(scene_lines(u, 0.24f, 0.012f, at->fu),
                            scene_lines(at->v, 0.075f, 0.012f, at->fv));
    c = scene_blend(c, scene_rgb(0xa9a49a), 0.8f * line);
    return scene_scale(c, 0.75f + 0.5f * mottle(s, at, 0.9f, 4));
}

/* What glass shows: a dim inside or a blurred reflection. */
static struct scene_vec glass(const struct scene_surface *s, float u, float v, uint32_t salt)
{
    float n = scene_noise2(u * 1.7f, v * 1.1f, s->seed + salt) * 0.7f +
              scene_noise2(u * 6, v * 5, s->seed + salt + 1) * 0.3f;
    struct scene_vec dark = scene_rgb(0x20262b), light = scene_rgb(0x9fb2bf);
    return scene_blend(dark, light, scene_step(0.35f, 0.8f, n));
}

SURFACE(facade)
{
    float bay = s->size_m, storey = 3.1f;
    float cu = scene_fract(at->u / bay) * bay - bay / 2, cv = scene_fract(at->v / storey) * storey;
    struct scene_vec c = scene_scale(s->a, 0.8f + 0.4f * mottle(s, at, 0.7f, 5));
    float half = bay * 0.27f, low = at->v < storey ? 0.3f : 0.9f;
    float frame = scene_span(cu, -half - 0.1f, half + 0.1f, at->fu) *
                  scene_span(cv, low - 0.12f, 2.45f, at->fv);
    float pane = scene_span(cu, -half, half, at->fu) * scene_span(cv, low, 2.35f, at->fv);
    pane *= (1 - scene_lines(cu, half * 0.99f, 0.05f, at->fu)) *
            (1 - scene_span(cv, 1.75f, 1.8f, at->fv));
    c = scene_blend(c, s->b, frame);
    c = scene_blend(c, glass(s, at->u, at->v, (uint32_t)(int)scene_floor(at->u / bay) * 7u), pane);
    return scene_scale(c, 1 - 0.35f * scene_span(cv, 2.95f, 3.08f, at->fv));
}

SURFACE(window)
{
    float edge_u = at->half_u - 0.06f, edge_v = at->half_v - 0.06f;
    float pane =
        scene_span(at->u, -edge_u, edge_u, at->fu) * scene_span(at->v, -edge_v, edge_v, at->fv);
    pane *= 1 - scene_lines(at->u, s->size_m, 0.05f, at->fu);
    pane *= 1 - scene_span(at->v, edge_v * 0.35f, edge_v * 0.35f + 0.04f, at->fv);
    return scene_blend(s->a, scene_scale(glass(s, at->u, at->v, 0), 1 + s->gloss * 2), pane);
}

SURFACE(door)
{
    float edge_u = at->half_u - 0.07f;
    float leaf = scene_span(at->u, -edge_u, edge_u, at->fu) *
                 scene_span(at->v, -9, at->half_v - 0.07f, at->fv);
    struct scene_vec c = scene_blend(s->b, s->a, leaf);
    float grain = scene_fbm(at->u * 25, at->v * 2, 3, at->fu * 25, s->seed);
    c = scene_scale(c, 0.85f + 0.3f * grain);
    if (s->seed & 1) {
        float light = scene_span(at->u, -0.12f, 0.12f, at->fu) *
                      scene_span(at->v, -0.1f, at->half_v - 0.25f, at->fv);
        c = scene_blend(c, glass(s, at->u, at->v, 4), light);
    } else {
        float panel = scene_span(at->u, -edge_u + 0.1f, edge_u - 0.1f, at->fu) *
                      (1 - scene_lines(at->v, 0.7f, 0.1f, at->fv));
        c = scene_scale(c, 1 - 0.18f * panel);
    }
    float handle = scene_span(at->u, edge_u - 0.16f, edge_u - 0.05f, at->fu) *
                   scene_span(at->v, -0.06f, -0.02f, at->fv);
    return scene_blend(c, scene_rgb(0xc8c8c4), handle);
}

SURFACE(shelf)
{
    float board = s->size_m, row = scene_floor(at->v / board);
    float cell = 0.03f + 0.06f * scene_hash_unit((int)row, 1, s->seed);
    float column = scene_floor(at->u / cell);
    float height = 0.5f + 0.4f * scene_hash_unit((int)column, (int)row, s->seed + 1);
    float v = scene_fract(at->v / board);
    float tone = scene_hash_unit((int)column, (int)row, s->seed + 2),
          hue = scene_hash_unit((int)column, (int)row, s->seed + 3);
    struct scene_vec book =
        scene_scale(scene_vec(0.15f + 0.5f * hue, 0.15f + 0.35f * tone, 0.5f - 0.4f * hue),
                    0.25f + 0.9f * tone);
    book = scene_blend(book, scene_scale(s->a, 0.5f), scene_step(0.4f, 1.5f, at->fu / cell));
    struct scene_vec c = v < height ? book : scene_rgb(0x201d1a);
    return scene_blend(c, s->a, scene_lines(at->v, board, 0.03f, at->fv));
}

SURFACE(poster)
{
    float x = at->u / scene_max(at->half_u, 0.01f), y = at->v / scene_max(at->half_v, 0.01f);
    float n = scene_noise2(x * 1.6f, y * 1.8f, s->seed) * 0.65f +
              scene_noise2(x * 5, y * 5, s->seed + 1) * 0.35f;
    struct scene_vec c = scene_blend(s->a, s->b, scene_step(0.4f, 0.6f, n));
    float text =
        scene_lines(at->v, at->half_v * 0.16f, at->half_v * 0.07f, at->fv) *
        scene_step(0.35f, 0.5f,
                   scene_noise2(at->u * 40, scene_floor(at->v / (at->half_v * 0.16f)) * 5.3f,
                                s->seed + 2));
    c = scene_blend(c, scene_rgb(0x1c1c1c), y < -0.2f ? 0.7f * text : 0);
    float inside = scene_span(x, -0.93f, 0.93f, at->fu / scene_max(at->half_u, 0.01f)) *
                   scene_span(y, -0.94f, 0.94f, at->fv / scene_max(at->half_v, 0.01f));
    return scene_blend(scene_rgb(0xe8e6e0), c, inside);
}

SURFACE(leaves)
{
    float fine = mottle(s, at, 28, 2), coarse = mottle(s, at, 5, 2);
    return scene_scale(scene_blend(s->a, s->b, coarse), 0.15f + 1.7f * fine * (0.4f + coarse));
}

SURFACE(lamp)
{
    (void)at;
    return scene_scale(s->a, 2.2f);
}

static struct scene_vec (*const colours[])(const struct scene_surface *,
                                           const struct scene_spot *) = {
    [SCENE_SURFACE_PLAIN] = plain,   [SCENE_SURFACE_GRAIN] = grain,
    [SCENE_SURFACE_TILES] = tiles,   [SCENE_SURFACE_PLANKS] = planks,
    [SCENE_SURFACE_CARPET] = carpet, [SCENE_SURFACE_ROAD] = road,
    [SCENE_SURFACE_BRICK] = brick,   [SCENE_SURFACE_FACADE] = facade,
    [SCENE_SURFACE_WINDOW] = window, [SCENE_SURFACE_DOOR] = door,
    [SCENE_SURFACE_SHELF] = shelf,   [SCENE_SURFACE_POSTER] = poster,
    [SCENE_SURFACE_LEAVES] = leaves, [SCENE_SURFACE_LAMP] = lamp,
};
_Static_assert(sizeof(colours) / sizeof(colours[0]) == SCENE_SURFACE_KINDS,
               "a colour for each kind");

struct scene_vec scene_surface_colour(const struct scene_surface *surface,
                                      const struct scene_spot *at)
{
    return colours[surface->kind](surface, at);
}

int scene_surface_is_solid(const struct scene_surface *surface, struct scene_vec p)
{
    if (surface->kind != SCENE_SURFACE_LEAVES)
        return 1;
    float n = scene_noise3(p.x * 7, p.y * 7, p.z * 7, surface->seed) * 0.5f +
              scene_noise3(p.x * 26, p.y * 26, p.z * 26, surface->seed + 5) * 0.5f;
    return n > 0.46f;
}
