/* A place: floor, walls, furniture and light, as boxes, cylinders and ellipsoids.
 */
#ifndef COORDINATOR_SCENE_PLACE_H
#define COORDINATOR_SCENE_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/scene/random.h"
#include "coordinator/scene/surface.h"

enum { SCENE_THINGS_MAX = 256, SCENE_FLOOR_CELLS = 320 };

enum scene_place_kind {
    SCENE_PLACE_CORRIDOR,
    SCENE_PLACE_HALL,
    SCENE_PLACE_STREET,
    SCENE_PLACE_KINDS
};

enum scene_shape { SCENE_SHAPE_BOX, SCENE_SHAPE_CYLINDER, SCENE_SHAPE_ELLIPSOID };

struct scene_thing {
    enum scene_shape shape;
    struct scene_vec centre, half; /* metres; half extents before turning */
    float sine, cosine;            /* of the turn about the vertical */
    bool is_solid;                 /* nobody walks through it */
    struct scene_surface surface;
};

struct scene_light {
    struct scene_vec direction;        /* towards the main light, unit */
    struct scene_vec key, sky, bounce; /* colours: main, from above, from below */
    float haze_per_m;
};

struct scene_place {
    enum scene_place_kind kind;
    struct scene_surface floor;
    struct scene_light light;
    float left_m, right_m, depth_m; /* where people may walk: x in left..right, y in 0..depth */
    float floor_turn;
    int count;
    struct scene_thing things[SCENE_THINGS_MAX];
    /* Baked light on the floor, 0 .. 1, over floor_cell_m squares from (floor_x, floor_y). */
    float floor_x, floor_y, floor_cell_m;
    float shade[SCENE_FLOOR_CELLS][SCENE_FLOOR_CELLS]; /* [y][x] */
};

struct scene_touch {
    float t;
    struct scene_vec normal;
    struct scene_spot spot;  /* without fu, fv */
    struct scene_vec u_axis; /* world direction of u */
    struct scene_vec local;
};

/* Build a place with room for people up to far_m away. kind SCENE_PLACE_KINDS: the seed chooses. */
void scene_place_build(struct scene_place *place, enum scene_place_kind kind, uint64_t seed,
                       float far_m);
/* Where a ray first meets a thing before *t; true: *t and *touch are set. */
bool scene_thing_meet(const struct scene_thing *thing, struct scene_vec origin,
                      struct scene_vec ray, struct scene_touch *touch);
/* Distance on the floor from (x, y) to a thing's outline; 0 or less inside. */
float scene_floor_distance(const struct scene_thing *thing, float x, float y);
/* Whether a person fits at (x, y). */
bool scene_place_is_free(const struct scene_place *place, float x, float y, float room_m);
/* Baked light on the floor at a point, bilinear. */
float scene_place_shade(const struct scene_place *place, float x, float y);

#endif
