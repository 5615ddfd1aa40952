#include "coordinator/scene/furniture.h"

const struct scene_palette scene_wall_paints = {
    7, {0xd8d4c8, 0xc9cdd0, 0xe4e0d4, 0xb8c2b8, 0xd3c4a8, 0xa9b4bd, 0xc9b8a4}};
const struct scene_palette scene_floor_paints = {
    7, {0x8f8b84, 0xa59a88, 0x6f7478, 0x9c7b58, 0x5d6470, 0xb3aca0, 0x7a6a58}};
const struct scene_palette scene_woods = {5, {0x6b4a2e, 0x8f6a42, 0xa98a5f, 0x4a3524, 0xc2a67c}};
const struct scene_palette scene_stones = {
    6, {0xb2a898, 0x9d968a, 0x877f74, 0xc2b59c, 0xa58f7a, 0x8c6b58}};
const struct scene_palette scene_louds = {
    8, {0xb2342c, 0x2f5f94, 0xd7a62e, 0x3f7d4f, 0x1f2a44, 0xe0ddd2, 0x7a2f5c, 0xd8722c}};
const struct scene_palette scene_metals = {5, {0x3b3f44, 0x777c80, 0x25282b, 0x9ba0a3, 0x2f4a3c}};

struct scene_surface scene_paint(struct scene_builder *b, enum scene_surface_kind kind,
                                 const struct scene_palette *main,
                                 const struct scene_palette *other, float size_m)
{
    struct scene_surface s = {.kind = kind, .size_m = size_m};
    uint32_t rgb = main->rgb[scene_random_below(&b->random, main->count)];
    s.a = scene_random_colour(&b->random, rgb, 0.05f);
    s.b = s.a;
    if (other) {
        rgb = other->rgb[scene_random_below(&b->random, other->count)];
        s.b = scene_random_colour(&b->random, rgb, 0.05f);
    }
    s.seed = scene_random_next(&b->random);
    return s;
}

struct scene_thing *scene_put(struct scene_builder *b, enum scene_shape shape,
                              struct scene_vec centre, struct scene_vec half,
                              struct scene_surface surface)
{
    struct scene_thing *thing = &b->spare;
    if (b->place->count < SCENE_THINGS_MAX)
        thing = &b->place->things[b->place->count++];
    *thing = (struct scene_thing){
        .shape = shape, .centre = centre, .half = half, .cosine = 1, .surface = surface};
    return thing;
}

void scene_turn(struct scene_thing *thing, float turns)
{
    thing->sine = scene_sin(turns);
    thing->cosine = scene_cos(turns);
}

struct scene_thing *scene_stand(struct scene_builder *b, enum scene_shape shape, float x, float y,
                                struct scene_vec half, struct scene_surface surface)
{
    struct scene_thing *thing = scene_put(b, shape, scene_vec(x, y, half.z), half, surface);
    thing->is_solid = true;
    return thing;
}

void scene_add_plant(struct scene_builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    float size = scene_random_range(r, 0.35f, 0.55f), pot = scene_random_range(r, 0.18f, 0.3f);
    scene_stand(b, SCENE_SHAPE_CYLINDER, x, y, scene_vec(pot * 0.8f, pot * 0.8f, pot),
                scene_paint(b, SCENE_SURFACE_PLAIN, &scene_metals, NULL, 1));
    struct scene_surface leaves =
        scene_paint(b, SCENE_SURFACE_LEAVES, SCENE_RGB(0x2f4a24), SCENE_RGB(0x6b8a45), 1);
    scene_put(b, SCENE_SHAPE_ELLIPSOID, scene_vec(x, y, pot * 2 + size * 0.8f),
              scene_vec(size * 0.75f, size * 0.75f, size), leaves);
}

/* A rack with a coat on it: about as tall and wide as a person. */
void scene_add_coat_rack(struct scene_builder *b, float x, float y)
{
    struct scene_surface wood = scene_paint(b, SCENE_SURFACE_PLAIN, &scene_woods, NULL, 1);
    struct scene_surface cloth =
        scene_paint(b, SCENE_SURFACE_GRAIN, &scene_metals, &scene_woods, 1);
    scene_stand(b, SCENE_SHAPE_CYLINDER, x, y, scene_vec(0.025f, 0.025f, 0.9f), wood);
    scene_put(b, SCENE_SHAPE_CYLINDER, scene_vec(x, y, 0.02f), scene_vec(0.2f, 0.2f, 0.02f), wood);
    scene_put(b, SCENE_SHAPE_ELLIPSOID, scene_vec(x, y, 1.42f), scene_vec(0.21f, 0.12f, 0.17f),
              cloth);
    scene_put(b, SCENE_SHAPE_ELLIPSOID, scene_vec(x, y, 1.12f), scene_vec(0.19f, 0.12f, 0.45f),
              cloth);
}

void scene_add_bin(struct scene_builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    float radius = scene_random_range(r, 0.15f, 0.24f), half = scene_random_range(r, 0.3f, 0.5f);
    scene_stand(b, SCENE_SHAPE_CYLINDER, x, y, scene_vec(radius, radius, half),
                scene_paint(b, SCENE_SURFACE_PLAIN, &scene_metals, NULL, 1));
}

void scene_add_pillar(struct scene_builder *b, float x, float y, float height)
{
    struct scene_random *r = &b->random;
    float half = scene_random_range(r, 0.16f, 0.3f);
    enum scene_shape shape = scene_random_chance(r, 0.5f) ? SCENE_SHAPE_BOX : SCENE_SHAPE_CYLINDER;
    scene_stand(b, shape, x, y, scene_vec(half, half, height / 2),
                scene_paint(b, SCENE_SURFACE_GRAIN, &scene_stones, &scene_wall_paints, 1));
}

/* Tables, counters, crates: low things that hide legs. */
void scene_add_counter(struct scene_builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    float height = scene_random_range(r, 0.45f, 1.05f), half = scene_random_range(r, 0.3f, 0.8f);
    float depth = scene_random_range(r, 0.2f, 0.4f);
    enum scene_surface_kind kind =
        scene_random_chance(r, 0.35f) ? SCENE_SURFACE_SHELF : SCENE_SURFACE_PLANKS;
    float turns = scene_random_range(r, -0.07f, 0.07f);
    struct scene_surface body = scene_paint(b, kind, &scene_woods, &scene_woods, 0.3f);
    scene_turn(scene_stand(b, SCENE_SHAPE_BOX, x, y, scene_vec(half, depth, height / 2), body),
               turns);
    struct scene_surface top = scene_paint(b, SCENE_SURFACE_PLAIN, &scene_wall_paints, NULL, 1);
    scene_turn(scene_put(b, SCENE_SHAPE_BOX, scene_vec(x, y, height),
                         scene_vec(half + 0.04f, depth + 0.04f, 0.02f), top),
               turns);
    if (scene_random_chance(r, 0.6f)) {
        struct scene_surface item =
            scene_paint(b, SCENE_SURFACE_POSTER, &scene_louds, &scene_louds, 1);
        float side = scene_random_range(r, -half, half) * 0.7f,
              size = scene_random_range(r, 0.08f, 0.2f);
        scene_put(b, SCENE_SHAPE_BOX, scene_vec(x + side, y, height + size),
                  scene_vec(size, 0.1f, size), item);
    }
}

void scene_add_bench(struct scene_builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    struct scene_surface wood =
        scene_paint(b, SCENE_SURFACE_PLANKS, &scene_woods, &scene_woods, 0.1f);
    scene_turn(scene_stand(b, SCENE_SHAPE_BOX, x, y, scene_vec(0.75f, 0.22f, 0.22f), wood),
               scene_random_range(r, -0.3f, 0.3f));
}

void scene_add_shelf(struct scene_builder *b, float x, float y, float turns)
{
    struct scene_random *r = &b->random;
    float half = scene_random_range(r, 0.45f, 1.0f), height = scene_random_range(r, 0.7f, 1.1f);
    struct scene_surface books = scene_paint(b, SCENE_SURFACE_SHELF, &scene_woods, NULL,
                                             scene_random_range(r, 0.28f, 0.42f));
    scene_turn(scene_stand(b, SCENE_SHAPE_BOX, x, y, scene_vec(half, 0.2f, height), books), turns);
}

void scene_add_sign(struct scene_builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    struct scene_surface picture =
        scene_paint(b, SCENE_SURFACE_POSTER, &scene_louds, &scene_wall_paints, 1);
    float tall = scene_random_range(r, 0.4f, 0.9f);
    scene_turn(scene_stand(b, SCENE_SHAPE_BOX, x, y, scene_vec(0.3f, 0.03f, tall), picture),
               scene_random_range(r, -0.1f, 0.1f));
}

void scene_add_post(struct scene_builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    struct scene_surface metal = scene_paint(b, SCENE_SURFACE_PLAIN, &scene_metals, NULL, 1);
    if (scene_random_chance(r, 0.4f)) { /* bollard */
        scene_stand(b, SCENE_SHAPE_CYLINDER, x, y, scene_vec(0.07f, 0.07f, 0.5f), metal);
        return;
    }
    float half = scene_random_range(r, 1.3f, 2.6f);
    scene_stand(b, SCENE_SHAPE_CYLINDER, x, y, scene_vec(0.05f, 0.05f, half), metal);
    struct scene_surface board =
        scene_paint(b, SCENE_SURFACE_POSTER, &scene_louds, &scene_louds, 1);
    if (scene_random_chance(r, 0.6f))
        scene_put(b, SCENE_SHAPE_BOX, scene_vec(x, y - 0.06f, half * 1.7f),
                  scene_vec(0.3f, 0.02f, 0.3f), board);
    else
        scene_put(b, SCENE_SHAPE_ELLIPSOID, scene_vec(x, y, half * 2),
                  scene_vec(0.22f, 0.22f, 0.18f),
                  scene_paint(b, SCENE_SURFACE_PLAIN, SCENE_RGB(0xd8d8cc), NULL, 1));
}

void scene_add_tree(struct scene_builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    float half = scene_random_range(r, 0.9f, 1.3f), crown = scene_random_range(r, 1.1f, 1.9f);
    float trunk = scene_random_range(r, 0.09f, 0.18f);
    scene_stand(b, SCENE_SHAPE_CYLINDER, x, y, scene_vec(trunk, trunk, half),
                scene_paint(b, SCENE_SURFACE_GRAIN, SCENE_RGB(0x4f4336), SCENE_RGB(0x6d6152), 1));
    for (int i = 0; i < 3; i++) {
        struct scene_surface leaves =
            scene_paint(b, SCENE_SURFACE_LEAVES, SCENE_RGB(0x2c4520), SCENE_RGB(0x74904a), 1);
        float dx = scene_random_range(r, -0.6f, 0.6f), dz = scene_random_range(r, 0, 0.9f);
        scene_put(b, SCENE_SHAPE_ELLIPSOID,
                  scene_vec(x + dx, y + dx * 0.5f, half * 2 + crown * 0.5f + dz),
                  scene_vec(crown, crown, crown * 0.7f), leaves);
    }
}

void scene_add_car(struct scene_builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    struct scene_surface body = scene_paint(b, SCENE_SURFACE_PLAIN, &scene_louds, NULL, 1);
    if (scene_random_chance(r, 0.6f))
        body = scene_paint(b, SCENE_SURFACE_PLAIN, &scene_metals, NULL, 1);
    body.gloss = 0.5f;
    struct scene_surface glass =
        scene_paint(b, SCENE_SURFACE_WINDOW, SCENE_RGB(0x1c1f22), NULL, 0.9f);
    struct scene_surface tyre = scene_paint(b, SCENE_SURFACE_PLAIN, SCENE_RGB(0x17181a), NULL, 1);
    struct scene_thing *hull =
        scene_put(b, SCENE_SHAPE_BOX, scene_vec(x, y, 0.57f), scene_vec(0.85f, 2.1f, 0.33f), body);
    hull->is_solid = true;
    scene_put(b, SCENE_SHAPE_BOX, scene_vec(x, y + 0.15f, 1.12f), scene_vec(0.7f, 1.15f, 0.23f),
              glass);
    scene_put(b, SCENE_SHAPE_BOX, scene_vec(x, y + 0.15f, 1.38f), scene_vec(0.68f, 1.0f, 0.04f),
              body);
    for (int i = 0; i < 4; i++)
        scene_put(b, SCENE_SHAPE_ELLIPSOID,
                  scene_vec(x + (i & 1 ? 0.78f : -0.78f), y + (i & 2 ? 1.35f : -1.35f), 0.31f),
                  scene_vec(0.11f, 0.31f, 0.31f), tyre);
    struct scene_surface lamp = scene_paint(b, SCENE_SURFACE_PLAIN, SCENE_RGB(0xb03a2e), NULL, 1);
    for (int i = 0; i < 2; i++)
        scene_put(b, SCENE_SHAPE_BOX, scene_vec(x + (i ? 0.7f : -0.7f), y - 2.1f, 0.7f),
                  scene_vec(0.12f, 0.02f, 0.06f), lamp);
}
