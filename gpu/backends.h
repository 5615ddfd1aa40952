/* The device implementations compiled in; device.c lists them. */
#ifndef GPU_BACKENDS_H
#define GPU_BACKENDS_H

#include "gpu/device.h"

extern const struct gpu_backend gpu_ref_backend;
extern const struct gpu_backend gpu_cpu_backend;
extern const struct gpu_backend gpu_sim_backend;

#endif
