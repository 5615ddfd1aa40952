#include "coordinator/scene/look.h"

#define COUNT(list)        ((int)(sizeof(list) / sizeof((list)[0])))
#define PICK(random, list) ((list)[scene_random_below(random, COUNT(list))])

static const uint32_t skins[] = {0xf0cdb4, 0xe8bd9c, 0xdba981, 0xc68c63,
                                 0xa06f4b, 0x7a5236, 0x5c3b27};
static const uint32_t hairs[] = {0x17130f, 0x241a12, 0x3b2717, 0x5a3d22,
                                 0x8a6738, 0xb08d57, 0x8f8f8c};
static const uint32_t caps[] = {0x23262e, 0x8c1d24, 0x2d4d7c, 0xc9c4b8, 0x3c5a3a};
/* Tops: quiet colours more often than loud ones. */
static const uint32_t tops[] = {0x1c1d21, 0x26292f, 0x33363c, 0x2a3550, 0x3a4a6b, 0x6d7178,
                                0x9a9da3, 0xd8d8d6, 0xe9e7e1, 0xf0efec, 0x7b1f26, 0xb5322f,
                                0x2f5d46, 0x57704f, 0x8d7a5a, 0xb9a37d, 0x4d7fa8, 0x86b0cf,
                                0xd0a13a, 0x5c3f6b, 0xc67d8e};
static const uint32_t coats[] = {0x191a1d, 0x24262c, 0x2b2f3a, 0x3c3f45, 0x4a3b2d, 0x6b5a43,
                                 0x8a7658, 0x2c3b33, 0x4b1f25, 0xb3a68d, 0x5a6472, 0x8b2a2a};
static const uint32_t trousers[] = {0x1a1b1e, 0x22252b, 0x2c303a, 0x27344f, 0x34466a,
                                    0x4a628a, 0x6f86a6, 0x4d4d4c, 0x6a655b, 0x8c7f68,
                                    0xb5a98e, 0xd5cdbd, 0x3e4434};
static const uint32_t shoe_colours[] = {0x141414, 0x1e1a17, 0x3a2a1e, 0x57402c, 0xbfbfbd, 0xe3e3e0};
static const uint32_t bags[] = {0x17181b, 0x2a2d33, 0x46331f, 0x6b4a2c,
                                0x1f3a5f, 0x8e2426, 0x4f5b3c};

static void choose_colours(struct scene_random *r, struct scene_look *look)
{
    bool outer = look->top == SCENE_TOP_JACKET || look->top == SCENE_TOP_COAT;
    look->skin = scene_random_colour(r, PICK(r, skins), 0.04f);
    look->hair_colour = look->hair == SCENE_HAIR_CAP
                            ? scene_random_colour(r, PICK(r, caps), 0.04f)
                            : scene_random_colour(r, PICK(r, hairs), 0.04f);
    look->shirt = outer ? scene_random_colour(r, PICK(r, coats), 0.06f)
                        : scene_random_colour(r, PICK(r, tops), 0.06f);
    look->accent = scene_random_colour(r, PICK(r, tops), 0.06f);
    look->under = scene_random_colour(r, PICK(r, tops), 0.06f);
    look->trousers = scene_random_colour(r, PICK(r, trousers), 0.05f);
    look->shoes = scene_random_colour(r, PICK(r, shoe_colours), 0.03f);
    look->bag_colour = scene_random_colour(r, PICK(r, bags), 0.04f);
}

static enum scene_bottom choose_bottom(struct scene_random *r)
{
    float v = scene_random_range(r, 0, 1);
    return v < 0.76f ? SCENE_BOTTOM_TROUSERS : v < 0.88f ? SCENE_BOTTOM_SHORTS : SCENE_BOTTOM_SKIRT;
}

void scene_look_choose(struct scene_random *r, struct scene_look *look)
{
    *look = (struct scene_look){0};
    look->height_m = scene_random_range(r, 1.5f, 1.95f);
    look->girth = scene_random_range(r, 0.9f, 1.2f);
    look->shoulders = scene_random_range(r, 0.93f, 1.07f) * (look->height_m > 1.7f ? 1.04f : 0.97f);
    look->stride = scene_random_range(r, 0.85f, 1.1f);
    look->hair = (enum scene_hair)scene_random_below(r, 5);
    if (look->hair == SCENE_HAIR_NONE && scene_random_chance(r, 0.6f))
        look->hair = SCENE_HAIR_SHORT;
    look->top = (enum scene_top)scene_random_below(r, 4);
    look->bottom = choose_bottom(r);
    if (look->top == SCENE_TOP_COAT && look->bottom == SCENE_BOTTOM_SHORTS)
        look->bottom = SCENE_BOTTOM_TROUSERS;
    look->pattern = scene_random_chance(r, 0.6f) ? SCENE_PATTERN_PLAIN
                                                 : (enum scene_pattern)scene_random_below(r, 5);
    look->bag =
        scene_random_chance(r, 0.55f) ? SCENE_BAG_NONE : (enum scene_bag)scene_random_below(r, 4);
    look->arms =
        scene_random_chance(r, 0.6f) ? SCENE_ARMS_SWING : (enum scene_arms)scene_random_below(r, 4);
    look->pattern_m = scene_random_range(r, 0.04f, 0.12f);
    look->seed = scene_random_next(r);
    choose_colours(r, look);
}
