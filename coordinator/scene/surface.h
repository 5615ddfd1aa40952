/* Procedural surfaces of floors, walls and things.
 */
#ifndef COORDINATOR_SCENE_SURFACE_H
#define COORDINATOR_SCENE_SURFACE_H

#include <stdint.h>

#include "coordinator/scene/vec.h"

enum scene_surface_kind {
    SCENE_SURFACE_PLAIN,  /* paint: a little mottled */
    SCENE_SURFACE_GRAIN,  /* rough: concrete, stone, asphalt */
    SCENE_SURFACE_TILES,  /* square slabs with joints */
    SCENE_SURFACE_PLANKS, /* boards along v */
    SCENE_SURFACE_CARPET,
    SCENE_SURFACE_ROAD, /* asphalt with patches and lane marks */
    SCENE_SURFACE_BRICK,
    SCENE_SURFACE_FACADE, /* plaster with rows of windows */
    SCENE_SURFACE_WINDOW, /* panes in a frame */
    SCENE_SURFACE_DOOR,
    SCENE_SURFACE_SHELF, /* boards with books or goods */
    SCENE_SURFACE_POSTER,
    SCENE_SURFACE_LEAVES, /* with holes */
    SCENE_SURFACE_LAMP,   /* shines */
    SCENE_SURFACE_KINDS
};

struct scene_surface {
    enum scene_surface_kind kind;
    struct scene_vec a, b; /* main and second colour, linear */
    float size_m;          /* of a slab, brick, window, .. */
    float gloss;           /* 0 .. 1 */
    uint32_t seed;
};

/* A point on a surface: u to the side, v up (or away), metres; half extents of the face for things
 * that have a frame (0: none); fu, fv: width of a pixel along u and v. */
struct scene_spot {
    float u, v, half_u, half_v, fu, fv;
};

/* Albedo (above 1 for things that shine). */
struct scene_vec scene_surface_colour(const struct scene_surface *surface,
                                      const struct scene_spot *at);
/* Whether a leaf is here; other surfaces have no holes. */
int scene_surface_is_solid(const struct scene_surface *surface, struct scene_vec p);

#endif
