/* Activations of the CPU device: how a C x H x W tensor lies in memory. */
#ifndef GPU_CPU_TENSOR_H
#define GPU_CPU_TENSOR_H

#include "gpu/device.h"

/* Element (c, y, x) is number (((c / block) * h + y) * w + x) * block + c % block; the last
 * block is filled up with zeros. So block 1 is planes, block c interleaved channels, 8 or 16
 * what blocked kernels use. */
struct cpu_tensor {
    int32_t c, h, w;
    int32_t block;
    enum gpu_precision stored; /* GPU_F32 or GPU_BF16; emulated f16 is stored as f32 */
};

static inline size_t cpu_tensor_elements(const struct cpu_tensor *t)
{
    int32_t padded = (t->c + t->block - 1) / t->block * t->block;
    return (size_t)padded * (size_t)t->h * (size_t)t->w;
}

static inline size_t cpu_tensor_element_bytes(const struct cpu_tensor *t)
{
    return t->stored == GPU_BF16 ? sizeof(uint16_t) : sizeof(float);
}

static inline size_t cpu_tensor_bytes(const struct cpu_tensor *t)
{
    return cpu_tensor_elements(t) * cpu_tensor_element_bytes(t);
}

#endif
