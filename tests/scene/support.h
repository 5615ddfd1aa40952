/* What the scene's tests share: cmocka with its includes, and persons in an empty place. */
#ifndef TESTS_SCENE_SUPPORT_H
#define TESTS_SCENE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/scene/cast.h"

/* A wide floor, no walls, no things; light from above. */
static inline struct scene_place *empty_place(void)
{
    struct scene_place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    place->light.direction = scene_vec(0, 0, 1);
    place->light.key = place->light.sky = place->light.bounce = scene_vec(0.5f, 0.5f, 0.5f);
    place->left_m = -50;
    place->right_m = 50;
    place->depth_m = 100;
    place->floor_cell_m = 1;
    return place;
}

static inline void add_wall(struct scene_place *place, struct scene_vec centre,
                            struct scene_vec half)
{
    place->things[place->count++] = (struct scene_thing){
        .shape = SCENE_SHAPE_BOX, .centre = centre, .half = half, .cosine = 1, .is_solid = true};
}

#endif
