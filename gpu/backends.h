/* The device implementations compiled in. One file of a program lists them: gpu/backends.c, or
 * gpu/cuda/backends.c where CUDA is built in. */
#ifndef GPU_BACKENDS_H
#define GPU_BACKENDS_H

#include "gpu/device.h"

extern const struct gpu_backend gpu_ref_backend;
extern const struct gpu_backend gpu_cpu_backend;
extern const struct gpu_backend gpu_sim_backend;
extern const struct gpu_backend gpu_cuda_backend;

/* Those of this program, NULL at the end. */
extern const struct gpu_backend *const gpu_backends[];

#endif
