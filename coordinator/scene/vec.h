/* Small vectors, and the few functions of one variable that the renderer needs.
 *
 * Everything is built from + - * /, square root and floor, which IEEE 754 rounds exactly, so a seed
 * gives the same bytes with any C library. Angles are in turns. World axes: x right, y away from
 * the camera, z up; metres; the floor is z = 0.
 */
#ifndef COORDINATOR_SCENE_VEC_H
#define COORDINATOR_SCENE_VEC_H

#include <math.h>

struct scene_vec {
    float x, y, z;
};

static inline struct scene_vec scene_vec(float x, float y, float z)
{
    return (struct scene_vec){x, y, z};
}

static inline struct scene_vec scene_add(struct scene_vec a, struct scene_vec b)
{
    return scene_vec(a.x + b.x, a.y + b.y, a.z + b.z);
}

static inline struct scene_vec scene_sub(struct scene_vec a, struct scene_vec b)
{
    return scene_vec(a.x - b.x, a.y - b.y, a.z - b.z);
}

static inline struct scene_vec scene_mul(struct scene_vec a, struct scene_vec b)
{
    return scene_vec(a.x * b.x, a.y * b.y, a.z * b.z);
}

static inline struct scene_vec scene_scale(struct scene_vec a, float s)
{
    return scene_vec(a.x * s, a.y * s, a.z * s);
}

/* a + b * s */
static inline struct scene_vec scene_along(struct scene_vec a, struct scene_vec b, float s)
{
    return scene_vec(a.x + b.x * s, a.y + b.y * s, a.z + b.z * s);
}

static inline float scene_dot(struct scene_vec a, struct scene_vec b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline struct scene_vec scene_cross(struct scene_vec a, struct scene_vec b)
{
    return scene_vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

static inline float scene_length(struct scene_vec a)
{
    return sqrtf(scene_dot(a, a));
}

static inline struct scene_vec scene_unit(struct scene_vec a)
{
    float len = scene_length(a);
    return len > 0 ? scene_scale(a, 1 / len) : a;
}

static inline float scene_min(float a, float b)
{
    return a < b ? a : b;
}

static inline float scene_max(float a, float b)
{
    return a > b ? a : b;
}

static inline float scene_clamp(float v, float lo, float hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static inline float scene_mix(float a, float b, float t)
{
    return a + (b - a) * t;
}

static inline struct scene_vec scene_blend(struct scene_vec a, struct scene_vec b, float t)
{
    return scene_along(a, scene_sub(b, a), t);
}

/* 0 below lo, 1 above hi, smooth between. */
static inline float scene_step(float lo, float hi, float v)
{
    float t = scene_clamp((v - lo) / (hi - lo), 0, 1);
    return t * t * (3 - 2 * t);
}

/* 1 at 0, smoothly 0 from |v| = 1 on. */
static inline float scene_bump(float v)
{
    float q = 1 - v * v;
    return q > 0 ? q * q : 0;
}

static inline float scene_floor(float v)
{
    float t = (float)(int)v;
    return t > v ? t - 1 : t;
}

static inline float scene_fract(float v)
{
    return v - scene_floor(v);
}

/* Sine of an angle in turns: Taylor's series to x^11 on a quarter turn, error below 1e-7. */
static inline float scene_sin(float turns)
{
    double t = turns - floor(turns + 0.5);
    if (t > 0.25)
        t = 0.5 - t;
    else if (t < -0.25)
        t = -0.5 - t;
    double x = t * 6.283185307179586, q = x * x;
    return (float)(x * (1 - q / 6 * (1 - q / 20 * (1 - q / 42 * (1 - q / 72 * (1 - q / 110))))));
}

static inline float scene_cos(float turns)
{
    return scene_sin(turns + 0.25f);
}

#endif
