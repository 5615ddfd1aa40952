/* Loops compiled several times, for what the CPU can do; the right one is chosen when the program
 * starts. Results are the same bits in each: contraction to fused multiply-add is off for all our
 * code.
 */
#ifndef GPU_CPU_SIMD_H
#define GPU_CPU_SIMD_H

#include <string.h>

#include "proto/types.h"

/* Sanitizers can't run instrumented code that early. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__) &&       \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CPU_CLONES __attribute__((target_clones("arch=skylake-avx512", "avx2", "default")))
#else
#define CPU_CLONES
#endif
/* Inlined into each clone, so that it is compiled for the clone's CPU. */
#define CPU_INLINE static inline __attribute__((always_inline))

CPU_INLINE uint32_t cpu_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

CPU_INLINE float cpu_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* To the nearest half (IEEE 754 binary16), ties to even, kept as float. Branch-free, so that
 * loops of it are vectorised. */
CPU_INLINE float cpu_round_half(float value)
{
    uint32_t bits = cpu_bits(value);
    uint32_t sign = bits & 0x80000000u, magnitude = bits & 0x7fffffffu;
    float size = cpu_float(magnitude);
    /* Normal: cut the 23 mantissa bits to 10. From half of the last step above 65504 it is
     * infinity. */
    uint32_t normal = (magnitude + 0xfffu + (magnitude >> 13 & 1u)) & ~0x1fffu;
    normal = normal >= 0x47800000u ? 0x7f800000u : normal;
    /* Below 2^-14 halves are multiples of 2^-24, which is the step of floats from 0.5 to 1. */
    uint32_t subnormal = cpu_bits((size + 0.5f) - 0.5f);
    uint32_t rounded = magnitude < 0x38800000u ? subnormal : normal;
    return magnitude > 0x7f800000u ? value : cpu_float(sign | rounded);
}

/* To the nearest bf16, ties to even; a NaN stays one. */
CPU_INLINE uint16_t cpu_to_bf16(float value)
{
    uint32_t bits = cpu_bits(value);
    uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? bits >> 16 | 0x40u : rounded);
}

CPU_INLINE float cpu_from_bf16(uint16_t value)
{
    return cpu_float((uint32_t)value << 16);
}

#endif
