/* The devices of these programs: neither oneDNN nor board profiles are needed. */
#include "gpu/backends.h"

const struct gpu_backend *const gpu_backends[] = {&gpu_cuda_backend, &gpu_ref_backend, NULL};
