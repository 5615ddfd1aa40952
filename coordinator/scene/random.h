/* Seeded numbers: PCG32 (O'Neill 2014, https://www.pcg-random.org) for choices, and a hash for
 * things that depend on a place rather than on an order (texture cells, sensor noise).
 *
 * Never call two of these inside one argument list: C leaves their order open.
 */
#ifndef COORDINATOR_SCENE_RANDOM_H
#define COORDINATOR_SCENE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/scene/vec.h"

struct scene_random {
    uint64_t state, increment;
};

/* Different streams of one seed are independent. */
void scene_random_init(struct scene_random *random, uint64_t seed, uint64_t stream);
uint32_t scene_random_next(struct scene_random *random);
float scene_random_range(struct scene_random *random, float lo, float hi);
int scene_random_below(struct scene_random *random, int n); /* 0 .. n-1; n > 0 */
bool scene_random_chance(struct scene_random *random, float probability);
/* A colour given in sRGB bytes, each channel moved by up to +-spread, in linear light. */
struct scene_vec scene_random_colour(struct scene_random *random, uint32_t rgb, float spread);

static inline uint32_t scene_hash(int32_t x, int32_t y, uint32_t seed)
{
    uint32_t h = (uint32_t)x * 0x8da6b343u ^ (uint32_t)y * 0xd8163841u ^ seed * 0xcb1ab31fu;
    h = (h ^ h >> 15) * 0x2c1b3c6du;
    h = (h ^ h >> 12) * 0x297a2d39u;
    return h ^ h >> 15;
}

/* 0 .. 1 */
static inline float scene_hash_unit(int32_t x, int32_t y, uint32_t seed)
{
    return (float)(scene_hash(x, y, seed) >> 8) * (1.0f / 16777216);
}

/* sRGB bytes 0xRRGGBB to linear light. The renderer's transfer curve is a plain square. */
static inline struct scene_vec scene_rgb(uint32_t rgb)
{
    float r = (float)(rgb >> 16 & 255) / 255, g = (float)(rgb >> 8 & 255) / 255,
          b = (float)(rgb & 255) / 255;
    return scene_vec(r * r, g * g, b * b);
}

#endif
