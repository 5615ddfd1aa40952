/* Emulated: halves as storage, converted with the device's own host functions. See emulation.h. */
#ifndef TESTS_GPU_EMULATION_CUDA_FP16_H
#define TESTS_GPU_EMULATION_CUDA_FP16_H

#include "gpu/cuda/half.h"

struct __half {
    uint16_t bits;
};

inline float __half2float(__half value)
{
    return cuda_half_to_float(value.bits);
}

inline __half __float2half_rn(float value)
{
    __half half;
    half.bits = cuda_half_from_float(value);
    return half;
}

#endif
