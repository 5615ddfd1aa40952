/* A world and a camera to a picture: one ray a pixel, more where neighbours differ, then the lens
 * and the sensor (motion and lens blur, vignette, noise, 8 bits).
 */
#ifndef COORDINATOR_SCENE_RENDER_H
#define COORDINATOR_SCENE_RENDER_H

#include "coordinator/image.h"
#include "coordinator/scene/cast.h"

struct scene_render {
    struct proto_size size;
    int cols, rows; /* of tiles */
    struct scene_cell *cells;
    struct scene_vec *light; /* size.w * size.h, linear */
    struct scene_vec *spare; /* the same, for blurs */
    int16_t *objects;        /* what each pixel's centre shows (scene_hit.object) */
};

struct scene_film {
    float exposure, vignette, blur, noise; /* noise: standard deviation at mid grey, of 255 */
    uint32_t seed;                         /* another one each frame */
    float shutter_s;
};

/* PROTO_OK or PROTO_NO_MEMORY (nothing to close). */
int scene_render_open(struct scene_render *render, struct proto_size size);
void scene_render_close(struct scene_render *render);
/* Linear light and objects of the world. */
void scene_render_draw(struct scene_render *render, const struct scene_world *world);
/* Motion blur of persons: speeds[i] is the velocity of person i across the picture, pixels a
 * second. */
void scene_render_develop(struct scene_render *render, const struct scene_film *film,
                          const float (*speeds)[2], struct coordinator_image *image);

#endif
