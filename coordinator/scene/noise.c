#include "coordinator/scene/noise.h"

#include "coordinator/scene/random.h"

static float smooth(float t)
{
    return t * t * (3 - 2 * t);
}

float scene_noise2(float x, float y, uint32_t seed)
{
    float fx = scene_floor(x), fy = scene_floor(y);
    int ix = (int)fx, iy = (int)fy;
    float u = smooth(x - fx), v = smooth(y - fy);
    float top = scene_mix(scene_hash_unit(ix, iy, seed), scene_hash_unit(ix + 1, iy, seed), u);
    float low =
        scene_mix(scene_hash_unit(ix, iy + 1, seed), scene_hash_unit(ix + 1, iy + 1, seed), u);
    return scene_mix(top, low, v);
}

float scene_noise3(float x, float y, float z, uint32_t seed)
{
    float fz = scene_floor(z);
    uint32_t layer = seed + (uint32_t)(int)fz * 7919u;
    return scene_mix(scene_noise2(x, y, layer), scene_noise2(x, y, layer + 7919u), smooth(z - fz));
}

float scene_fbm(float x, float y, int octaves, float footprint, uint32_t seed)
{
    float sum = 0.5f, gain = 0.5f;
    for (int i = 0; i < octaves; i++) {
        float fade = 1 - scene_step(0.3f, 1.0f, footprint);
        if (fade <= 0)
            break;
        sum += gain * fade * (scene_noise2(x, y, seed + (uint32_t)i) - 0.5f);
        x = x * 2 + 17.3f;
        y = y * 2 - 9.1f;
        footprint *= 2;
        gain *= 0.55f;
    }
    return sum;
}

/* Integral of the unit-period pulse train that is 1 where fract(v) < width. */
static float pulses(float v, float width)
{
    float whole = scene_floor(v);
    return whole * width + scene_min(v - whole, width);
}

float scene_lines(float v, float period, float width, float footprint)
{
    float w = width / period, f = scene_max(footprint / period, 1e-4f);
    float start = v / period + w / 2 - f / 2;
    return (pulses(start + f, w) - pulses(start, w)) / f;
}

float scene_span(float v, float lo, float hi, float footprint)
{
    float f = scene_max(footprint, 1e-5f);
    float a = scene_max(v - f / 2, lo), b = scene_min(v + f / 2, hi);
    return b > a ? (b - a) / f : 0;
}
