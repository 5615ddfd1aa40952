/* IEEE 754 binary16 on the host, where C has no type for it: 16 bits <-> float. */
#ifndef GPU_CUDA_HALF_H
#define GPU_CUDA_HALF_H

#include <stdint.h>
#include <string.h>

/* To the nearest half, ties to even; from half of the last step above 65504 it is infinity. */
static inline uint16_t cuda_half_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
    if (size > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u); /* NaN */
    if (size >= 0x47800000u)
        return (uint16_t)(sign | 0x7c00u); /* 65536 and more */
    if (size < 0x38800000u) {
        /* Below 2^-14 halves are multiples of 2^-24, which is the step of floats from 0.5 to 1. */
        float magnitude, half = 0.5f;
        uint32_t sum_bits, half_bits;
        memcpy(&magnitude, &size, sizeof magnitude);
        magnitude += half;
        memcpy(&sum_bits, &magnitude, sizeof sum_bits);
        memcpy(&half_bits, &half, sizeof half_bits);
        return (uint16_t)(sign | (sum_bits - half_bits));
    }
    /* Exponent from bias 127 to 15, mantissa from 23 bits to 10; a carry into the exponent is right. */
    const uint32_t rounded = size + 0xfffu + (size >> 13 & 1u);
    return (uint16_t)(sign | ((rounded >> 13) - (112u << 10)));
}

static inline float cuda_half_to_float(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, size = half & 0x7fffu;
    uint32_t bits = sign | ((size << 13) + (112u << 23));
    float value;
    if (size >= 0x7c00u)
        bits = sign | 0x7f800000u | (size & 0x3ffu) << 13;
    if (size < 0x0400u) {
        value = (float)size * (1.0f / 16777216.0f); /* exact */
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
