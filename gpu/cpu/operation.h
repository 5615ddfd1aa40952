/* The CPU device's table of single operations. */
#ifndef GPU_CPU_OPERATION_H
#define GPU_CPU_OPERATION_H

#include "gpu/operation.h"

extern const struct gpu_operations cpu_operations;

#endif
