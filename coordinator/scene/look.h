/* What a person looks like: build, clothes, hair, what is carried. Chosen once per person.
 */
#ifndef COORDINATOR_SCENE_LOOK_H
#define COORDINATOR_SCENE_LOOK_H

#include "coordinator/scene/random.h"

enum scene_hair {
    SCENE_HAIR_SHORT,
    SCENE_HAIR_LONG,
    SCENE_HAIR_BUN,
    SCENE_HAIR_NONE,
    SCENE_HAIR_CAP
};
enum scene_top { SCENE_TOP_TSHIRT, SCENE_TOP_SHIRT, SCENE_TOP_JACKET, SCENE_TOP_COAT };
enum scene_bottom { SCENE_BOTTOM_TROUSERS, SCENE_BOTTOM_SHORTS, SCENE_BOTTOM_SKIRT };
enum scene_pattern {
    SCENE_PATTERN_PLAIN,
    SCENE_PATTERN_STRIPES,
    SCENE_PATTERN_CHECKS,
    SCENE_PATTERN_PRINT,
    SCENE_PATTERN_YOKE
};
enum scene_bag { SCENE_BAG_NONE, SCENE_BAG_BACKPACK, SCENE_BAG_SHOULDER, SCENE_BAG_HAND };
enum scene_arms { SCENE_ARMS_SWING, SCENE_ARMS_POCKETS, SCENE_ARMS_PHONE, SCENE_ARMS_FRONT };

struct scene_look {
    float height_m;  /* standing upright, soles to top of hair */
    float girth;     /* 1: average width of limbs and trunk */
    float shoulders; /* 1: average */
    float stride;    /* 1: average swing of arms and legs */
    struct scene_vec skin, hair_colour, shirt, accent, under, trousers, shoes,
        bag_colour; /* linear */
    enum scene_hair hair;
    enum scene_top top;
    enum scene_bottom bottom;
    enum scene_pattern pattern;
    enum scene_bag bag;
    enum scene_arms arms;
    float pattern_m; /* period of stripes or checks */
    uint32_t seed;   /* of the folds and weave */
};

void scene_look_choose(struct scene_random *random, struct scene_look *look);

#endif
