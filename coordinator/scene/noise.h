/* Value noise and anti-aliased line patterns for procedural textures.
 *
 * `footprint` is the width of a pixel on the surface, in the units of the coordinates: detail finer
 * than that fades to its mean, so distant floors do not shimmer.
 */
#ifndef COORDINATOR_SCENE_NOISE_H
#define COORDINATOR_SCENE_NOISE_H

#include <stdint.h>

/* Smooth, about 0 .. 1, one feature per unit. */
float scene_noise2(float x, float y, uint32_t seed);
float scene_noise3(float x, float y, float z, uint32_t seed);
/* Sum of octaves from one feature per unit upwards, about 0 .. 1, mean 0.5. */
float scene_fbm(float x, float y, int octaves, float footprint, uint32_t seed);
/* Share of a pixel covered by lines of `width` repeated every `period`, the first centred on 0. */
float scene_lines(float v, float period, float width, float footprint);
/* Share of a pixel inside lo .. hi. */
float scene_span(float v, float lo, float hi, float footprint);

#endif
