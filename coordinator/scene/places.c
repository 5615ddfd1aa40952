/* The three kinds of places, furnished by the seed, and the light baked on their floors.
 */
#include "coordinator/scene/noise.h"
#include "coordinator/scene/place.h"

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))
#define PICK(random, list) ((list)[scene_random_below(random, COUNT(list))])

static const uint32_t wall_paints[] = {0xd8d4c8, 0xc9cdd0, 0xe4e0d4, 0xb8c2b8, 0xd3c4a8, 0xa9b4bd, 0xc9b8a4};
static const uint32_t floor_paints[] = {0x8f8b84, 0xa59a88, 0x6f7478, 0x9c7b58, 0x5d6470, 0xb3aca0, 0x7a6a58};
static const uint32_t woods[] = {0x6b4a2e, 0x8f6a42, 0xa98a5f, 0x4a3524, 0xc2a67c};
static const uint32_t stones[] = {0xb2a898, 0x9d968a, 0x877f74, 0xc2b59c, 0xa58f7a, 0x8c6b58};
static const uint32_t louds[] = {0xb2342c, 0x2f5f94, 0xd7a62e, 0x3f7d4f, 0x1f2a44, 0xe0ddd2, 0x7a2f5c, 0xd8722c};
static const uint32_t metals[] = {0x3b3f44, 0x777c80, 0x25282b, 0x9ba0a3, 0x2f4a3c};

struct builder {
    struct scene_place *place;
    struct scene_random random;
};

static struct scene_surface paint(struct builder *b, enum scene_surface_kind kind, uint32_t main_rgb,
                                  uint32_t other_rgb, float size_m)
{
    struct scene_surface s = {.kind = kind, .size_m = size_m};
    s.a = scene_random_colour(&b->random, main_rgb, 0.05f);
    s.b = scene_random_colour(&b->random, other_rgb, 0.05f);
    s.seed = scene_random_next(&b->random);
    return s;
}

static struct scene_thing *add(struct builder *b, enum scene_shape shape, struct scene_vec centre,
                               struct scene_vec half, struct scene_surface surface)
{
    static struct scene_thing overflow;
    if (b->place->count == SCENE_THINGS_MAX)
        return &overflow;
    struct scene_thing *thing = &b->place->things[b->place->count++];
    *thing = (struct scene_thing){.shape = shape, .centre = centre, .half = half, .cosine = 1, .surface = surface};
    return thing;
}

static void turn(struct scene_thing *thing, float turns)
{
    thing->sine = scene_sin(turns);
    thing->cosine = scene_cos(turns);
}

/* Standing on the floor; people walk around it. */
static struct scene_thing *stand(struct builder *b, enum scene_shape shape, float x, float y,
                                 struct scene_vec half, struct scene_surface surface)
{
    struct scene_thing *thing = add(b, shape, scene_vec(x, y, half.z), half, surface);
    thing->is_solid = true;
    return thing;
}

static void add_plant(struct builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    float size = scene_random_range(r, 0.35f, 0.55f), pot = scene_random_range(r, 0.18f, 0.3f);
    stand(b, SCENE_SHAPE_CYLINDER, x, y, scene_vec(pot * 0.8f, pot * 0.8f, pot), paint(b, SCENE_SURFACE_PLAIN, PICK(r, metals), 0, 1));
    struct scene_surface leaves = paint(b, SCENE_SURFACE_LEAVES, 0x2f4a24, 0x6b8a45, 1);
    add(b, SCENE_SHAPE_ELLIPSOID, scene_vec(x, y, pot * 2 + size * 0.8f), scene_vec(size * 0.75f, size * 0.75f, size), leaves);
}

/* A rack with a coat and a hat on it: about as tall and wide as a person. */
static void add_coat_rack(struct builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    struct scene_surface cloth = paint(b, SCENE_SURFACE_GRAIN, PICK(r, louds), PICK(r, metals), 1);
    stand(b, SCENE_SHAPE_CYLINDER, x, y, scene_vec(0.025f, 0.025f, 0.9f), paint(b, SCENE_SURFACE_PLAIN, PICK(r, woods), 0, 1));
    add(b, SCENE_SHAPE_ELLIPSOID, scene_vec(x, y, 1.15f), scene_vec(0.2f, 0.13f, 0.45f), cloth);
    add(b, SCENE_SHAPE_CYLINDER, scene_vec(x, y, 0.02f), scene_vec(0.2f, 0.2f, 0.02f), paint(b, SCENE_SURFACE_PLAIN, 0x2a2a2a, 0, 1));
}

static void add_bin(struct builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    float radius = scene_random_range(r, 0.15f, 0.24f), half = scene_random_range(r, 0.3f, 0.5f);
    stand(b, SCENE_SHAPE_CYLINDER, x, y, scene_vec(radius, radius, half), paint(b, SCENE_SURFACE_PLAIN, PICK(r, metals), 0, 1));
}

static void add_pillar(struct builder *b, float x, float y, float height)
{
    struct scene_random *r = &b->random;
    float half = scene_random_range(r, 0.16f, 0.3f);
    enum scene_shape shape = scene_random_chance(r, 0.5f) ? SCENE_SHAPE_BOX : SCENE_SHAPE_CYLINDER;
    stand(b, shape, x, y, scene_vec(half, half, height / 2), paint(b, SCENE_SURFACE_GRAIN, PICK(r, stones), PICK(r, wall_paints), 1));
}

/* Tables, counters, crates: low things that hide legs. */
static void add_counter(struct builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    float height = scene_random_range(r, 0.45f, 1.05f), half = scene_random_range(r, 0.3f, 0.8f);
    float depth = scene_random_range(r, 0.2f, 0.4f);
    enum scene_surface_kind kind = scene_random_chance(r, 0.35f) ? SCENE_SURFACE_SHELF : SCENE_SURFACE_PLANKS;
    float turns = scene_random_range(r, -0.07f, 0.07f);
    struct scene_surface body = paint(b, kind, PICK(r, woods), PICK(r, woods), 0.3f);
    turn(stand(b, SCENE_SHAPE_BOX, x, y, scene_vec(half, depth, height / 2), body), turns);
    struct scene_surface top = paint(b, SCENE_SURFACE_PLAIN, PICK(r, wall_paints), 0, 1);
    turn(add(b, SCENE_SHAPE_BOX, scene_vec(x, y, height), scene_vec(half + 0.04f, depth + 0.04f, 0.02f), top), turns);
    if (scene_random_chance(r, 0.6f)) {
        struct scene_surface item = paint(b, SCENE_SURFACE_POSTER, PICK(r, louds), PICK(r, louds), 1);
        float side = scene_random_range(r, -half, half) * 0.7f, size = scene_random_range(r, 0.08f, 0.2f);
        add(b, SCENE_SHAPE_BOX, scene_vec(x + side, y, height + size), scene_vec(size, 0.1f, size), item);
    }
}

static void add_bench(struct builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    struct scene_surface wood = paint(b, SCENE_SURFACE_PLANKS, PICK(r, woods), PICK(r, woods), 0.1f);
    turn(stand(b, SCENE_SHAPE_BOX, x, y, scene_vec(0.75f, 0.22f, 0.22f), wood), scene_random_range(r, -0.3f, 0.3f));
}

static void add_shelf(struct builder *b, float x, float y, float turns)
{
    struct scene_random *r = &b->random;
    float half = scene_random_range(r, 0.45f, 1.0f), height = scene_random_range(r, 0.7f, 1.1f);
    struct scene_surface books = paint(b, SCENE_SURFACE_SHELF, PICK(r, woods), 0, scene_random_range(r, 0.28f, 0.42f));
    turn(stand(b, SCENE_SHAPE_BOX, x, y, scene_vec(half, 0.2f, height), books), turns);
}

static void add_sign(struct builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    struct scene_surface picture = paint(b, SCENE_SURFACE_POSTER, PICK(r, louds), PICK(r, wall_paints), 1);
    float tall = scene_random_range(r, 0.4f, 0.9f);
    turn(stand(b, SCENE_SHAPE_BOX, x, y, scene_vec(0.3f, 0.03f, tall), picture), scene_random_range(r, -0.1f, 0.1f));
}

static void add_post(struct builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    struct scene_surface metal = paint(b, SCENE_SURFACE_PLAIN, PICK(r, metals), 0, 1);
    if (scene_random_chance(r, 0.4f)) { /* bollard */
        stand(b, SCENE_SHAPE_CYLINDER, x, y, scene_vec(0.07f, 0.07f, 0.5f), metal);
        return;
    }
    float half = scene_random_range(r, 1.3f, 2.6f);
    stand(b, SCENE_SHAPE_CYLINDER, x, y, scene_vec(0.05f, 0.05f, half), metal);
    struct scene_surface board = paint(b, SCENE_SURFACE_POSTER, PICK(r, louds), PICK(r, louds), 1);
    if (scene_random_chance(r, 0.6f))
        add(b, SCENE_SHAPE_BOX, scene_vec(x, y - 0.06f, half * 1.7f), scene_vec(0.3f, 0.02f, 0.3f), board);
    else
        add(b, SCENE_SHAPE_ELLIPSOID, scene_vec(x, y, half * 2), scene_vec(0.22f, 0.22f, 0.18f), paint(b, SCENE_SURFACE_PLAIN, 0xd8d8cc, 0, 1));
}

static void add_tree(struct builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    float half = scene_random_range(r, 0.9f, 1.3f), crown = scene_random_range(r, 1.1f, 1.9f);
    float trunk = scene_random_range(r, 0.09f, 0.18f);
    stand(b, SCENE_SHAPE_CYLINDER, x, y, scene_vec(trunk, trunk, half), paint(b, SCENE_SURFACE_GRAIN, 0x4f4336, 0x6d6152, 1));
    for (int i = 0; i < 3; i++) {
        struct scene_surface leaves = paint(b, SCENE_SURFACE_LEAVES, 0x2c4520, 0x74904a, 1);
        float dx = scene_random_range(r, -0.6f, 0.6f), dz = scene_random_range(r, 0, 0.9f);
        add(b, SCENE_SHAPE_ELLIPSOID, scene_vec(x + dx, y + dx * 0.5f, half * 2 + crown * 0.5f + dz), scene_vec(crown, crown, crown * 0.7f), leaves);
    }
}

static void add_car(struct builder *b, float x, float y)
{
    struct scene_random *r = &b->random;
    struct scene_surface body = paint(b, SCENE_SURFACE_PLAIN, PICK(r, louds), 0, 1);
    if (scene_random_chance(r, 0.6f))
        body = paint(b, SCENE_SURFACE_PLAIN, PICK(r, metals), 0, 1);
    body.gloss = 0.5f;
    struct scene_surface glass = paint(b, SCENE_SURFACE_WINDOW, 0x1c1f22, 0, 0.9f);
    struct scene_surface tyre = paint(b, SCENE_SURFACE_PLAIN, 0x17181a, 0, 1);
    struct scene_thing *hull = add(b, SCENE_SHAPE_BOX, scene_vec(x, y, 0.57f), scene_vec(0.85f, 2.1f, 0.33f), body);
    hull->is_solid = true;
    add(b, SCENE_SHAPE_BOX, scene_vec(x, y + 0.15f, 1.12f), scene_vec(0.7f, 1.15f, 0.23f), glass);
    add(b, SCENE_SHAPE_BOX, scene_vec(x, y + 0.15f, 1.38f), scene_vec(0.68f, 1.0f, 0.04f), body);
    for (int i = 0; i < 4; i++)
        add(b, SCENE_SHAPE_ELLIPSOID, scene_vec(x + (i & 1 ? 0.78f : -0.78f), y + (i & 2 ? 1.35f : -1.35f), 0.31f), scene_vec(0.11f, 0.31f, 0.31f), tyre);
    struct scene_surface lamp = paint(b, SCENE_SURFACE_PLAIN, 0xb03a2e, 0, 1);
    for (int i = 0; i < 2; i++)
        add(b, SCENE_SHAPE_BOX, scene_vec(x + (i ? 0.7f : -0.7f), y - 2.1f, 0.7f), scene_vec(0.12f, 0.02f, 0.06f), lamp);
}

/* Doors, posters, windows, shelves along a wall at x; side: -1 left, 1 right. */
static void furnish_wall(struct builder *b, float x, float side, float length)
{
    struct scene_random *r = &b->random;
    for (float y = scene_random_range(r, 1.2f, 2.6f); y < length; y += scene_random_range(r, 1.3f, 3.0f)) {
        int what = scene_random_below(r, 6);
        float half = scene_random_range(r, 0.4f, 0.7f);
        if (what <= 1) {
            struct scene_surface door = paint(b, SCENE_SURFACE_DOOR, PICK(r, woods), PICK(r, wall_paints), 1);
            add(b, SCENE_SHAPE_BOX, scene_vec(x, y, 1.05f), scene_vec(0.03f, 0.5f, 1.05f), door);
        } else if (what == 2) {
            struct scene_surface window = paint(b, SCENE_SURFACE_WINDOW, PICK(r, wall_paints), 0, half);
            window.gloss = 0.6f;
            add(b, SCENE_SHAPE_BOX, scene_vec(x, y, 1.55f), scene_vec(0.03f, half, 0.6f), window);
        } else if (what == 3) {
            struct scene_surface books = paint(b, SCENE_SURFACE_SHELF, PICK(r, woods), 0, 0.35f);
            stand(b, SCENE_SHAPE_BOX, x - side * 0.15f, y, scene_vec(0.15f, half, scene_random_range(r, 0.5f, 1.0f)), books);
        } else {
            struct scene_surface poster = paint(b, SCENE_SURFACE_POSTER, PICK(r, louds), PICK(r, wall_paints), 1);
            add(b, SCENE_SHAPE_BOX, scene_vec(x, y, scene_random_range(r, 1.4f, 1.7f)), scene_vec(0.015f, half * 0.7f, half * 0.8f), poster);
        }
    }
    struct scene_surface skirting = paint(b, SCENE_SURFACE_PLAIN, PICK(r, metals), 0, 1);
    add(b, SCENE_SHAPE_BOX, scene_vec(x, length / 2, 0.05f), scene_vec(0.02f, length / 2 + 1, 0.05f), skirting);
}

/* The wall at the far end: a row of doors, windows and posters. */
static void furnish_end(struct builder *b, float y, float left, float right)
{
    struct scene_random *r = &b->random;
    for (float x = left + 0.8f; x < right - 0.6f; x += scene_random_range(r, 1.3f, 2.4f)) {
        int what = scene_random_below(r, 3);
        enum scene_surface_kind kind = what == 0   ? SCENE_SURFACE_DOOR
                                       : what == 1 ? SCENE_SURFACE_WINDOW
                                                   : SCENE_SURFACE_POSTER;
        struct scene_surface surface = paint(b, kind, what ? PICK(r, louds) : PICK(r, woods), PICK(r, wall_paints), 0.5f);
        struct scene_vec half = what == 0   ? scene_vec(0.5f, 0.03f, 1.05f)
                                : what == 1 ? scene_vec(0.6f, 0.03f, 0.75f)
                                            : scene_vec(0.4f, 0.02f, 0.5f);
        add(b, SCENE_SHAPE_BOX, scene_vec(x, y, what == 0 ? 1.05f : 1.6f), half, surface);
    }
}

/* Four walls and a ceiling around left..right x -3..length. */
static void add_room(struct builder *b, float length, float height, bool lamps)
{
    struct scene_random *r = &b->random;
    struct scene_place *place = b->place;
    float left = place->left_m, right = place->right_m, middle = (left + right) / 2, half = (right - left) / 2;
    enum scene_surface_kind kind = scene_random_chance(r, 0.2f) ? SCENE_SURFACE_BRICK : SCENE_SURFACE_PLAIN;
    struct scene_surface wall = paint(b, kind, kind == SCENE_SURFACE_BRICK ? 0x8c5a44 : PICK(r, wall_paints), 0x7a4a38, 1);
    struct scene_surface end = paint(b, SCENE_SURFACE_PLAIN, PICK(r, wall_paints), 0, 1);
    struct scene_surface ceiling = paint(b, SCENE_SURFACE_TILES, 0xd8d8d4, 0xd8d8d4, 0.6f);
    ceiling.seed = ceiling.seed * 3 + 1;
    add(b, SCENE_SHAPE_BOX, scene_vec(left - 0.1f, length / 2, height / 2), scene_vec(0.1f, length / 2 + 3, height / 2), wall);
    add(b, SCENE_SHAPE_BOX, scene_vec(right + 0.1f, length / 2, height / 2), scene_vec(0.1f, length / 2 + 3, height / 2), wall);
    add(b, SCENE_SHAPE_BOX, scene_vec(middle, length + 0.1f, height / 2), scene_vec(half + 0.2f, 0.1f, height / 2), end);
    add(b, SCENE_SHAPE_BOX, scene_vec(middle, length / 2, height + 0.1f), scene_vec(half + 0.2f, length / 2 + 3, 0.1f), ceiling);
    struct scene_surface lamp = paint(b, SCENE_SURFACE_LAMP, 0xf4f1e4, 0, 1);
    for (float y = 1.5f; lamps && y < length; y += 2.6f)
        add(b, SCENE_SHAPE_BOX, scene_vec(middle, y, height), scene_vec(0.3f, 0.6f, 0.02f), lamp);
}

static void light_indoor(struct builder *b)
{
    struct scene_random *r = &b->random;
    struct scene_light *light = &b->place->light;
    float x = scene_random_range(r, -0.8f, 0.8f), y = scene_random_range(r, -0.7f, 0.5f);
    float warm = scene_random_range(r, -0.12f, 0.12f), power = scene_random_range(r, 0.75f, 1.15f);
    light->direction = scene_unit(scene_vec(x, y, 1));
    light->key = scene_scale(scene_vec(1 + warm, 1, 1 - warm), 0.75f * power);
    light->sky = scene_scale(scene_vec(1, 1, 1 + warm), 0.42f * power);
    light->bounce = scene_scale(b->place->floor.a, 0.45f * power);
    light->haze_per_m = 0.004f;
}

static void light_outdoor(struct builder *b)
{
    struct scene_random *r = &b->random;
    struct scene_light *light = &b->place->light;
    bool sunny = scene_random_chance(r, 0.5f);
    float x = scene_random_range(r, -1.2f, 1.2f), y = scene_random_range(r, -1.2f, 0.3f);
    float power = scene_random_range(r, 0.85f, 1.2f);
    light->direction = scene_unit(scene_vec(x, y, 1));
    light->key = scene_scale(scene_vec(1.06f, 1, 0.9f), (sunny ? 1.15f : 0.4f) * power);
    light->sky = scene_scale(scene_vec(0.92f, 1, 1.12f), (sunny ? 0.38f : 0.65f) * power);
    light->bounce = scene_scale(b->place->floor.a, 0.4f * power);
    light->haze_per_m = scene_random_range(r, 0.003f, 0.012f);
}

static void choose_floor(struct builder *b)
{
    static const enum scene_surface_kind kinds[] = {SCENE_SURFACE_TILES, SCENE_SURFACE_PLANKS, SCENE_SURFACE_CARPET, SCENE_SURFACE_TILES, SCENE_SURFACE_GRAIN};
    struct scene_random *r = &b->random;
    enum scene_surface_kind kind = PICK(r, kinds);
    uint32_t rgb = kind == SCENE_SURFACE_PLANKS ? PICK(r, woods) : PICK(r, floor_paints);
    float size = kind == SCENE_SURFACE_PLANKS ? 0.14f : scene_random_range(r, 0.3f, 0.7f);
    b->place->floor = paint(b, kind, rgb, PICK(r, floor_paints), size);
    b->place->floor_turn = scene_random_chance(r, 0.3f) ? scene_random_range(r, 0, 0.25f) : 0;
}

static void build_corridor(struct builder *b, float far_m)
{
    struct scene_random *r = &b->random;
    struct scene_place *place = b->place;
    place->left_m = -scene_random_range(r, 1.2f, 2.4f);
    place->right_m = scene_random_range(r, 1.2f, 2.4f);
    place->depth_m = far_m + scene_random_range(r, 2, 6);
    choose_floor(b);
    light_indoor(b);
    add_room(b, place->depth_m, scene_random_range(r, 2.5f, 3.1f), true);
    furnish_wall(b, place->left_m, -1, place->depth_m);
    furnish_wall(b, place->right_m, 1, place->depth_m);
    furnish_end(b, place->depth_m, place->left_m, place->right_m);
    for (int i = 0; i < 4; i++) {
        float x = scene_random_chance(r, 0.5f) ? place->left_m + 0.35f : place->right_m - 0.35f;
        float y = scene_random_range(r, 3, far_m);
        int what = scene_random_below(r, 4);
        if (what == 0)
            add_plant(b, x, y);
        else if (what == 1)
            add_coat_rack(b, x, y);
        else if (what == 2)
            add_bin(b, x, y);
        else
            add_sign(b, x, y);
    }
}

static void (*const hall_things[])(struct builder *, float, float) = {
    add_plant, add_coat_rack, add_bin, add_counter, add_counter, add_bench, add_sign};
static void (*const street_things[])(struct builder *, float, float) = {
    add_post, add_post, add_bin, add_bench, add_tree, add_sign, add_plant, add_counter};

/* Scatter things, but keep the space right in front of the camera open. */
static void scatter(struct builder *b, void (*const *things)(struct builder *, float, float), int kinds,
                    int count, float left, float right, float far_m)
{
    struct scene_random *r = &b->random;
    for (int i = 0; i < count; i++) {
        int kind = scene_random_below(r, kinds);
        float x = scene_random_range(r, left, right), y = scene_random_range(r, 3.0f, far_m + 1);
        if (y < 4.5f && x > -1.2f && x < 1.2f)
            continue;
        if (scene_place_is_free(b->place, x, y, 0.9f))
            things[kind](b, x, y);
    }
}

static void build_hall(struct builder *b, float far_m)
{
    struct scene_random *r = &b->random;
    struct scene_place *place = b->place;
    place->left_m = -scene_random_range(r, 3.5f, 8);
    place->right_m = scene_random_range(r, 3.5f, 8);
    place->depth_m = far_m + scene_random_range(r, 1.5f, 5);
    choose_floor(b);
    light_indoor(b);
    float height = scene_random_range(r, 3.2f, 5);
    add_room(b, place->depth_m, height, scene_random_chance(r, 0.7f));
    furnish_wall(b, place->left_m, -1, place->depth_m);
    furnish_wall(b, place->right_m, 1, place->depth_m);
    furnish_end(b, place->depth_m, place->left_m, place->right_m);
    if (scene_random_chance(r, 0.6f))
        for (float y = 5; y < place->depth_m; y += 4) {
            add_pillar(b, place->left_m * 0.55f, y, height);
            add_pillar(b, place->right_m * 0.55f, y, height);
        }
    if (scene_random_chance(r, 0.6f))
        for (int i = 0; i < 3; i++)
            add_shelf(b, scene_random_range(r, place->left_m, place->right_m) * 0.8f, place->depth_m - 0.4f - (float)i * 1.2f, 0);
    scatter(b, hall_things, COUNT(hall_things), 14, place->left_m + 0.5f, place->right_m - 0.5f, far_m);
}

/* House fronts along one side, each of its own colour and width. */
static void add_houses(struct builder *b, float x, float side, float length)
{
    struct scene_random *r = &b->random;
    for (float y = -4; y < length;) {
        float half = scene_random_range(r, 2.5f, 5), tall = scene_random_range(r, 3.5f, 7);
        enum scene_surface_kind kind = scene_random_chance(r, 0.25f) ? SCENE_SURFACE_BRICK : SCENE_SURFACE_FACADE;
        uint32_t rgb = PICK(r, stones);
        struct scene_surface front = paint(b, kind, kind == SCENE_SURFACE_BRICK ? 0x8a5644 : rgb, PICK(r, wall_paints), scene_random_range(r, 1.6f, 2.8f));
        add(b, SCENE_SHAPE_BOX, scene_vec(x + side * 2, y + half, tall), scene_vec(2, half, tall), front);
        if (scene_random_chance(r, 0.5f)) {
            struct scene_surface awning = paint(b, SCENE_SURFACE_PLAIN, PICK(r, louds), 0, 1);
            add(b, SCENE_SHAPE_BOX, scene_vec(x - side * 0.35f, y + half, 2.5f), scene_vec(0.35f, half * 0.8f, 0.08f), awning);
        }
        if (scene_random_chance(r, 0.6f)) {
            struct scene_surface door = paint(b, SCENE_SURFACE_DOOR, PICK(r, woods), PICK(r, wall_paints), 1);
            add(b, SCENE_SHAPE_BOX, scene_vec(x, y + half * 0.5f, 1.1f), scene_vec(0.04f, 0.55f, 1.1f), door);
        }
        y += 2 * half;
    }
}

static void build_street(struct builder *b, float far_m)
{
    struct scene_random *r = &b->random;
    struct scene_place *place = b->place;
    bool paved = scene_random_chance(r, 0.55f);
    place->left_m = -scene_random_range(r, 2.5f, 6);
    place->right_m = scene_random_range(r, 4, 9);
    place->depth_m = far_m + 25;
    place->floor = paved ? paint(b, SCENE_SURFACE_TILES, PICK(r, stones), PICK(r, floor_paints), scene_random_range(r, 0.3f, 0.6f))
                         : paint(b, SCENE_SURFACE_ROAD, 0x5a5a5a, 0xd8d8d0, 1);
    light_outdoor(b);
    add_houses(b, place->left_m - 0.3f, -1, place->depth_m);
    add_houses(b, place->right_m + 0.3f, 1, place->depth_m);
    struct scene_surface end = paint(b, SCENE_SURFACE_FACADE, PICK(r, stones), PICK(r, wall_paints), 2.2f);
    if (scene_random_chance(r, 0.7f))
        add(b, SCENE_SHAPE_BOX, scene_vec(0, far_m + scene_random_range(r, 6, 24), 5), scene_vec(30, 1, 5), end);
    if (!paved) {
        struct scene_surface walk = paint(b, SCENE_SURFACE_TILES, PICK(r, stones), PICK(r, stones), 0.4f);
        add(b, SCENE_SHAPE_BOX, scene_vec(place->left_m + 0.7f, place->depth_m / 2, 0.005f), scene_vec(1, place->depth_m / 2 + 3, 0.005f), walk);
    }
    if (scene_random_chance(r, 0.6f))
        for (float y = scene_random_range(r, 5, 9); y < far_m + 12; y += scene_random_range(r, 5, 9))
            add_car(b, place->right_m - 1.1f, y);
    scatter(b, street_things, COUNT(street_things), 14, place->left_m + 0.5f, place->right_m - 0.5f, far_m + 6);
}

/* Light that reaches the floor: less beside furniture, none in the sun's shadow of it; pools of light. */
static void bake_floor(struct scene_place *place, uint32_t seed)
{
    float wide = place->right_m - place->left_m + 4, cell = scene_max(wide, place->depth_m + 4) / SCENE_FLOOR_CELLS;
    place->floor_cell_m = cell;
    place->floor_x = (place->left_m + place->right_m) / 2 - cell * SCENE_FLOOR_CELLS / 2;
    place->floor_y = -3;
    bool hard = place->kind == SCENE_PLACE_STREET;
    for (int j = 0; j < SCENE_FLOOR_CELLS; j++)
        for (int i = 0; i < SCENE_FLOOR_CELLS; i++) {
            float x = place->floor_x + ((float)i + 0.5f) * cell, y = place->floor_y + ((float)j + 0.5f) * cell;
            float light = 0.8f + 0.4f * scene_noise2(x * 0.35f, y * 0.3f, seed);
            for (int k = 0; k < place->count; k++) {
                const struct scene_thing *thing = &place->things[k];
                if (thing->is_solid)
                    light *= 1 - 0.45f * scene_bump(scene_max(scene_floor_distance(thing, x, y), 0) / 0.35f);
                struct scene_touch touch = {.t = 20};
                if (hard && thing->centre.z + thing->half.z > 0.1f && scene_thing_meet(thing, scene_vec(x, y, 0.02f), place->light.direction, &touch))
                    light *= 0.55f;
            }
            place->shade[j][i] = scene_max(light, 0.3f);
        }
}

static void (*const builders[])(struct builder *, float) = {
    [SCENE_PLACE_CORRIDOR] = build_corridor,
    [SCENE_PLACE_HALL] = build_hall,
    [SCENE_PLACE_STREET] = build_street,
};
_Static_assert(COUNT(builders) == SCENE_PLACE_KINDS, "a builder for each kind");

void scene_place_build(struct scene_place *place, enum scene_place_kind kind, uint64_t seed, float far_m)
{
    *place = (struct scene_place){0};
    struct builder b = {.place = place};
    scene_random_init(&b.random, seed, 1);
    int chosen = scene_random_below(&b.random, SCENE_PLACE_KINDS);
    place->kind = kind == SCENE_PLACE_KINDS ? (enum scene_place_kind)chosen : kind;
    builders[place->kind](&b, far_m);
    bake_floor(place, scene_random_next(&b.random));
}
