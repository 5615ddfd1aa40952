/* What a ray meets: floor, things, persons. Rays of one screen tile share lists of what may be in
 * their way.
 */
#ifndef COORDINATOR_SCENE_CAST_H
#define COORDINATOR_SCENE_CAST_H

#include "coordinator/scene/body.h"
#include "coordinator/scene/place.h"

enum {
    SCENE_PERSONS_MAX = 64,
    SCENE_TILE = 16, /* pixels */
    SCENE_SKY = -2,
    SCENE_FLOOR = -1,
    SCENE_PERSON = SCENE_THINGS_MAX, /* objects: 0.. things, from here on persons */
};

/* All that is in front of the camera at one moment; everything is borrowed. */
struct scene_world {
    const struct scene_camera *camera;
    const struct scene_place *place;
    const struct scene_body *bodies;
    int count;
};

struct scene_cell {
    uint64_t things[SCENE_THINGS_MAX / 64]; /* bit i: things[i] may be hit in this tile */
    int person_count;                       /* nearest first */
    uint8_t person[SCENE_PERSONS_MAX];
    scene_parts parts[SCENE_PERSONS_MAX]; /* of person[i] */
};

struct scene_hit {
    int object;
    float t;
    struct scene_vec point, ray;
    struct scene_touch touch; /* floor and things */
    scene_parts parts;        /* persons */
};

/* Fill cols * rows cells, tile after tile. */
void scene_cast_sort(const struct scene_world *world, struct scene_cell *cells, int cols, int rows);
/* Everything in the way, for rays that belong to no tile. */
void scene_cast_all(const struct scene_world *world, struct scene_cell *cell);
void scene_cast(const struct scene_world *world, const struct scene_cell *cell, float x, float y,
                struct scene_hit *hit);
/* Distance to the first thing or floor along a ray, at most limit. */
float scene_cast_things(const struct scene_world *world, const struct scene_cell *cell,
                        struct scene_vec ray, float limit);

#endif
