/* The devices of a program without CUDA. */
#include "gpu/backends.h"

const struct gpu_backend *const gpu_backends[] = {&gpu_cpu_backend, &gpu_ref_backend,
                                                  &gpu_sim_backend, NULL};
