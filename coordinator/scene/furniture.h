/* What places are furnished with: a builder that adds things, and the things that are made of
 * several parts (plants, cars, trees, coat racks that look a little like persons ..).
 */
#ifndef COORDINATOR_SCENE_FURNITURE_H
#define COORDINATOR_SCENE_FURNITURE_H

#include "coordinator/scene/place.h"

struct scene_builder {
    struct scene_place *place;
    struct scene_random random;
    struct scene_thing spare; /* takes what has no room in the place */
};

/* Colours to choose from, sRGB. */
struct scene_palette {
    int count;
    uint32_t rgb[8];
};
extern const struct scene_palette scene_wall_paints;
extern const struct scene_palette scene_floor_paints;
extern const struct scene_palette scene_woods;
extern const struct scene_palette scene_stones;
extern const struct scene_palette scene_louds;
extern const struct scene_palette scene_metals;
#define SCENE_RGB(value) (&(const struct scene_palette){1, {value}})

/* A surface in one colour of each palette (other may be NULL: the same again). Only here are
 * colours drawn, one after the other: in an argument list their order would be the compiler's. */
struct scene_surface scene_paint(struct scene_builder *b, enum scene_surface_kind kind,
                                 const struct scene_palette *main,
                                 const struct scene_palette *other, float size_m);
/* Add a thing; the result may be changed until the next call. */
struct scene_thing *scene_put(struct scene_builder *b, enum scene_shape shape,
                              struct scene_vec centre, struct scene_vec half,
                              struct scene_surface surface);
/* The same, standing on the floor at (x, y); people walk around it. */
struct scene_thing *scene_stand(struct scene_builder *b, enum scene_shape shape, float x, float y,
                                struct scene_vec half, struct scene_surface surface);
/* Turn a thing about its upright axis. */
void scene_turn(struct scene_thing *thing, float turns);

/* Compound things at (x, y). */
void scene_add_plant(struct scene_builder *b, float x, float y);
void scene_add_coat_rack(struct scene_builder *b, float x, float y);
void scene_add_bin(struct scene_builder *b, float x, float y);
void scene_add_pillar(struct scene_builder *b, float x, float y, float height);
void scene_add_counter(struct scene_builder *b, float x, float y);
void scene_add_bench(struct scene_builder *b, float x, float y);
void scene_add_shelf(struct scene_builder *b, float x, float y, float turns);
void scene_add_sign(struct scene_builder *b, float x, float y);
void scene_add_post(struct scene_builder *b, float x, float y);
void scene_add_tree(struct scene_builder *b, float x, float y);
void scene_add_car(struct scene_builder *b, float x, float y);

#endif
