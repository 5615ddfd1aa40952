/* The three kinds of places, furnished by the seed, and the light baked on their floors.
 */
#include "coordinator/scene/furniture.h"
#include "coordinator/scene/noise.h"

#define COUNT(list)        ((int)(sizeof(list) / sizeof((list)[0])))
#define PICK(random, list) ((list)[scene_random_below(random, COUNT(list))])

/* Doors, posters, windows, shelves along a wall at x; side: -1 left, 1 right. */
static void furnish_wall(struct scene_builder *b, float x, float side, float length)
{
    struct scene_random *r = &b->random;
    for (float y = scene_random_range(r, 1.2f, 2.6f); y < length;
         y += scene_random_range(r, 1.3f, 3.0f)) {
        int what = scene_random_below(r, 6);
        float half = scene_random_range(r, 0.4f, 0.7f);
        if (what <= 1) {
            struct scene_surface door =
                scene_paint(b, SCENE_SURFACE_DOOR, &scene_woods, &scene_wall_paints, 1);
            scene_put(b, SCENE_SHAPE_BOX, scene_vec(x, y, 1.05f), scene_vec(0.03f, 0.5f, 1.05f),
                      door);
        } else if (what == 2) {
            struct scene_surface window =
                scene_paint(b, SCENE_SURFACE_WINDOW, &scene_wall_paints, NULL, half);
            window.gloss = 0.6f;
            scene_put(b, SCENE_SHAPE_BOX, scene_vec(x, y, 1.55f), scene_vec(0.03f, half, 0.6f),
                      window);
        } else if (what == 3) {
            struct scene_surface books =
                scene_paint(b, SCENE_SURFACE_SHELF, &scene_woods, NULL, 0.35f);
            scene_stand(b, SCENE_SHAPE_BOX, x - side * 0.15f, y,
                        scene_vec(0.15f, half, scene_random_range(r, 0.5f, 1.0f)), books);
        } else {
            struct scene_surface poster =
                scene_paint(b, SCENE_SURFACE_POSTER, &scene_louds, &scene_wall_paints, 1);
            scene_put(b, SCENE_SHAPE_BOX, scene_vec(x, y, scene_random_range(r, 1.4f, 1.7f)),
                      scene_vec(0.015f, half * 0.7f, half * 0.8f), poster);
        }
    }
    struct scene_surface skirting = scene_paint(b, SCENE_SURFACE_PLAIN, &scene_metals, NULL, 1);
    scene_put(b, SCENE_SHAPE_BOX, scene_vec(x, length / 2, 0.05f),
              scene_vec(0.02f, length / 2 + 1, 0.05f), skirting);
}

/* The wall at the far end: a row of doors, windows and posters. */
static void furnish_end(struct scene_builder *b, float y, float left, float right)
{
    struct scene_random *r = &b->random;
    for (float x = left + 0.8f; x < right - 0.6f; x += scene_random_range(r, 1.3f, 2.4f)) {
        int what = scene_random_below(r, 3);
        enum scene_surface_kind kind = what == 0   ? SCENE_SURFACE_DOOR
                                       : what == 1 ? SCENE_SURFACE_WINDOW
                                                   : SCENE_SURFACE_POSTER;
        struct scene_surface surface =
            scene_paint(b, kind, what ? &scene_louds : &scene_woods, &scene_wall_paints, 0.5f);
        struct scene_vec half = what == 0   ? scene_vec(0.5f, 0.03f, 1.05f)
                                : what == 1 ? scene_vec(0.6f, 0.03f, 0.75f)
                                            : scene_vec(0.4f, 0.02f, 0.5f);
        scene_put(b, SCENE_SHAPE_BOX, scene_vec(x, y, what == 0 ? 1.05f : 1.6f), half, surface);
    }
}

/* Four walls and a ceiling around left..right x -3..length. */
static void add_room(struct scene_builder *b, float length, float height, bool lamps)
{
    struct scene_random *r = &b->random;
    struct scene_place *place = b->place;
    float left = place->left_m, right = place->right_m, middle = (left + right) / 2,
          half = (right - left) / 2;
    enum scene_surface_kind kind =
        scene_random_chance(r, 0.2f) ? SCENE_SURFACE_BRICK : SCENE_SURFACE_PLAIN;
    struct scene_surface wall =
        scene_paint(b, kind, kind == SCENE_SURFACE_BRICK ? SCENE_RGB(0x8c5a44) : &scene_wall_paints,
                    SCENE_RGB(0x7a4a38), 1);
    struct scene_surface end = scene_paint(b, SCENE_SURFACE_PLAIN, &scene_wall_paints, NULL, 1);
    struct scene_surface ceiling =
        scene_paint(b, SCENE_SURFACE_TILES, SCENE_RGB(0xd8d8d4), SCENE_RGB(0xd8d8d4), 0.6f);
    ceiling.seed = ceiling.seed * 3 + 1;
    scene_put(b, SCENE_SHAPE_BOX, scene_vec(left - 0.1f, length / 2, height / 2),
              scene_vec(0.1f, length / 2 + 3, height / 2), wall);
    scene_put(b, SCENE_SHAPE_BOX, scene_vec(right + 0.1f, length / 2, height / 2),
              scene_vec(0.1f, length / 2 + 3, height / 2), wall);
    scene_put(b, SCENE_SHAPE_BOX, scene_vec(middle, length + 0.1f, height / 2),
              scene_vec(half + 0.2f, 0.1f, height / 2), end);
    scene_put(b, SCENE_SHAPE_BOX, scene_vec(middle, length / 2, height + 0.1f),
              scene_vec(half + 0.2f, length / 2 + 3, 0.1f), ceiling);
    struct scene_surface lamp = scene_paint(b, SCENE_SURFACE_LAMP, SCENE_RGB(0xf4f1e4), NULL, 1);
    for (float y = 1.5f; lamps && y < length; y += 2.6f)
        scene_put(b, SCENE_SHAPE_BOX, scene_vec(middle, y, height), scene_vec(0.3f, 0.6f, 0.02f),
                  lamp);
}

static void light_indoor(struct scene_builder *b)
{
    struct scene_random *r = &b->random;
    struct scene_light *light = &b->place->light;
    float x = scene_random_range(r, -0.8f, 0.8f), y = scene_random_range(r, -0.7f, 0.5f);
    float warm = scene_random_range(r, -0.12f, 0.12f), power = scene_random_range(r, 0.75f, 1.15f);
    light->direction = scene_unit(scene_vec(x, y, 1));
    light->key = scene_scale(scene_vec(1 + warm, 1, 1 - warm), 0.95f * power);
    light->sky = scene_scale(scene_vec(1, 1, 1 + warm), 0.55f * power);
    light->bounce = scene_scale(b->place->floor.a, 0.45f * power);
    light->haze_per_m = 0.002f;
}

static void light_outdoor(struct scene_builder *b)
{
    struct scene_random *r = &b->random;
    struct scene_light *light = &b->place->light;
    bool sunny = scene_random_chance(r, 0.5f);
    float x = scene_random_range(r, -1.2f, 1.2f), y = scene_random_range(r, -1.2f, 0.3f);
    float power = scene_random_range(r, 0.85f, 1.2f);
    light->direction = scene_unit(scene_vec(x, y, 1));
    light->key = scene_scale(scene_vec(1.06f, 1, 0.9f), (sunny ? 1.15f : 0.6f) * power);
    light->sky = scene_scale(scene_vec(0.92f, 1, 1.12f), (sunny ? 0.45f : 0.85f) * power);
    light->bounce = scene_scale(b->place->floor.a, 0.4f * power);
    light->haze_per_m = scene_random_range(r, 0.003f, 0.012f);
}

static void choose_floor(struct scene_builder *b)
{
    static const enum scene_surface_kind kinds[] = {SCENE_SURFACE_TILES, SCENE_SURFACE_PLANKS,
                                                    SCENE_SURFACE_CARPET, SCENE_SURFACE_TILES,
                                                    SCENE_SURFACE_GRAIN};
    struct scene_random *r = &b->random;
    enum scene_surface_kind kind = PICK(r, kinds);
    const struct scene_palette *main =
        kind == SCENE_SURFACE_PLANKS ? &scene_woods : &scene_floor_paints;
    float size = kind == SCENE_SURFACE_PLANKS ? 0.14f : scene_random_range(r, 0.3f, 0.7f);
    b->place->floor = scene_paint(b, kind, main, &scene_floor_paints, size);
    b->place->floor_turn = scene_random_chance(r, 0.3f) ? scene_random_range(r, 0, 0.25f) : 0;
}

static void build_corridor(struct scene_builder *b, float far_m)
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
            scene_add_plant(b, x, y);
        else if (what == 1)
            scene_add_coat_rack(b, x, y);
        else if (what == 2)
            scene_add_bin(b, x, y);
        else
            scene_add_sign(b, x, y);
    }
}

static void (*const hall_things[])(struct scene_builder *, float, float) = {
    scene_add_plant,   scene_add_coat_rack, scene_add_bin, scene_add_counter,
    scene_add_counter, scene_add_bench,     scene_add_sign};
static void (*const street_things[])(struct scene_builder *, float, float) = {
    scene_add_post, scene_add_post, scene_add_bin,   scene_add_bench,
    scene_add_tree, scene_add_sign, scene_add_plant, scene_add_counter};

/* Scatter things, but keep the space right in front of the camera open. */
static void scatter(struct scene_builder *b,
                    void (*const *things)(struct scene_builder *, float, float), int kinds,
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

static void build_hall(struct scene_builder *b, float far_m)
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
            scene_add_pillar(b, place->left_m * 0.55f, y, height);
            scene_add_pillar(b, place->right_m * 0.55f, y, height);
        }
    if (scene_random_chance(r, 0.6f))
        for (int i = 0; i < 3; i++)
            scene_add_shelf(b, scene_random_range(r, place->left_m, place->right_m) * 0.8f,
                            place->depth_m - 0.4f - (float)i * 1.2f, 0);
    scatter(b, hall_things, COUNT(hall_things), 14, place->left_m + 0.5f, place->right_m - 0.5f,
            far_m);
}

/* House fronts along one side, each of its own colour and width. */
static void add_houses(struct scene_builder *b, float x, float side, float length)
{
    struct scene_random *r = &b->random;
    for (float y = -4; y < length;) {
        float half = scene_random_range(r, 2.5f, 5), tall = scene_random_range(r, 3.5f, 7);
        enum scene_surface_kind kind =
            scene_random_chance(r, 0.25f) ? SCENE_SURFACE_BRICK : SCENE_SURFACE_FACADE;
        const struct scene_palette *main =
            kind == SCENE_SURFACE_BRICK ? SCENE_RGB(0x8a5644) : &scene_stones;
        struct scene_surface front =
            scene_paint(b, kind, main, &scene_wall_paints, scene_random_range(r, 1.6f, 2.8f));
        scene_put(b, SCENE_SHAPE_BOX, scene_vec(x + side * 2, y + half, tall),
                  scene_vec(2, half, tall), front);
        if (scene_random_chance(r, 0.5f)) {
            struct scene_surface awning =
                scene_paint(b, SCENE_SURFACE_PLAIN, &scene_louds, NULL, 1);
            scene_put(b, SCENE_SHAPE_BOX, scene_vec(x - side * 0.35f, y + half, 2.5f),
                      scene_vec(0.35f, half * 0.8f, 0.08f), awning);
        }
        if (scene_random_chance(r, 0.6f)) {
            struct scene_surface door =
                scene_paint(b, SCENE_SURFACE_DOOR, &scene_woods, &scene_wall_paints, 1);
            scene_put(b, SCENE_SHAPE_BOX, scene_vec(x, y + half * 0.5f, 1.1f),
                      scene_vec(0.04f, 0.55f, 1.1f), door);
        }
        y += 2 * half;
    }
}

static void build_street(struct scene_builder *b, float far_m)
{
    struct scene_random *r = &b->random;
    struct scene_place *place = b->place;
    bool paved = scene_random_chance(r, 0.55f);
    place->left_m = -scene_random_range(r, 2.5f, 6);
    place->right_m = scene_random_range(r, 4, 9);
    place->depth_m = far_m + 25;
    place->floor =
        paved ? scene_paint(b, SCENE_SURFACE_TILES, &scene_stones, &scene_floor_paints,
                            scene_random_range(r, 0.3f, 0.6f))
              : scene_paint(b, SCENE_SURFACE_ROAD, SCENE_RGB(0x5a5a5a), SCENE_RGB(0xd8d8d0), 1);
    light_outdoor(b);
    add_houses(b, place->left_m - 0.3f, -1, place->depth_m);
    add_houses(b, place->right_m + 0.3f, 1, place->depth_m);
    struct scene_surface end =
        scene_paint(b, SCENE_SURFACE_FACADE, &scene_stones, &scene_wall_paints, 2.2f);
    if (scene_random_chance(r, 0.7f))
        scene_put(b, SCENE_SHAPE_BOX, scene_vec(0, far_m + scene_random_range(r, 6, 24), 5),
                  scene_vec(30, 1, 5), end);
    if (!paved) {
        struct scene_surface walk =
            scene_paint(b, SCENE_SURFACE_TILES, &scene_stones, &scene_stones, 0.4f);
        scene_put(b, SCENE_SHAPE_BOX, scene_vec(place->left_m + 0.7f, place->depth_m / 2, 0.005f),
                  scene_vec(1, place->depth_m / 2 + 3, 0.005f), walk);
    }
    if (scene_random_chance(r, 0.6f))
        for (float y = scene_random_range(r, 5, 9); y < far_m + 12;
             y += scene_random_range(r, 5, 9))
            scene_add_car(b, place->right_m - 1.1f, y);
    scatter(b, street_things, COUNT(street_things), 14, place->left_m + 0.5f, place->right_m - 0.5f,
            far_m + 6);
}

/* Light that reaches the floor: less beside furniture, none in the sun's shadow of it; pools of
 * light. */
static void bake_floor(struct scene_place *place, uint32_t seed)
{
    float wide = place->right_m - place->left_m + 4,
          cell = scene_max(wide, place->depth_m + 4) / SCENE_FLOOR_CELLS;
    place->floor_cell_m = cell;
    place->floor_x = (place->left_m + place->right_m) / 2 - cell * SCENE_FLOOR_CELLS / 2;
    place->floor_y = -3;
    bool hard = place->kind == SCENE_PLACE_STREET;
    for (int j = 0; j < SCENE_FLOOR_CELLS; j++)
        for (int i = 0; i < SCENE_FLOOR_CELLS; i++) {
            float x = place->floor_x + ((float)i + 0.5f) * cell,
                  y = place->floor_y + ((float)j + 0.5f) * cell;
            float light = 0.86f + 0.28f * scene_noise2(x * 0.3f, y * 0.25f, seed);
            for (int k = 0; k < place->count; k++) {
                const struct scene_thing *thing = &place->things[k];
                if (thing->is_solid)
                    light *=
                        1 -
                        0.45f * scene_bump(scene_max(scene_floor_distance(thing, x, y), 0) / 0.35f);
                struct scene_touch touch = {.t = 20};
                if (hard && thing->centre.z + thing->half.z > 0.1f &&
                    scene_thing_meet(thing, scene_vec(x, y, 0.02f), place->light.direction, &touch))
                    light *= 0.55f;
            }
            place->shade[j][i] = scene_max(light, 0.3f);
        }
}

static void (*const builders[])(struct scene_builder *, float) = {
    [SCENE_PLACE_CORRIDOR] = build_corridor,
    [SCENE_PLACE_HALL] = build_hall,
    [SCENE_PLACE_STREET] = build_street,
};
_Static_assert(COUNT(builders) == SCENE_PLACE_KINDS, "a builder for each kind");

void scene_place_build(struct scene_place *place, enum scene_place_kind kind, uint64_t seed,
                       float far_m)
{
    *place = (struct scene_place){0};
    struct scene_builder b = {.place = place};
    scene_random_init(&b.random, seed, 1);
    int chosen = scene_random_below(&b.random, SCENE_PLACE_KINDS);
    place->kind = kind == SCENE_PLACE_KINDS ? (enum scene_place_kind)chosen : kind;
    builders[place->kind](&b, far_m);
    bake_floor(place, scene_random_next(&b.random));
}
