/* The devices of a program with CUDA. */
#include "gpu/backends.h"

const struct gpu_backend *const gpu_backends[] = {&gpu_cpu_backend, &gpu_ref_backend,
                                                  &gpu_sim_backend, &gpu_cuda_backend, NULL};
