/* Between the parts of the emulation. */
#ifndef TESTS_GPU_EMULATION_RUNTIME_H
#define TESTS_GPU_EMULATION_RUNTIME_H

#include <functional>

#include <cuda_runtime.h>
#include "tests/gpu/emulation/emulation.h"

/* A kernel sees GPU memory and mapped memory; a copy sees all memory; the host all but the GPU's. */
enum emulated_kind { EMULATED_KERNEL, EMULATED_COPY };

/* Do it now, or note it in the capture that the stream is part of. */
cudaError_t emulated_submit(cudaStream_t stream, emulated_kind kind, std::function<void()> work);

/* Count a call that can fail; not cudaSuccess when it is to. */
cudaError_t emulated_call();
cudaError_t emulated_error(cudaError_t error); /* set as the last one */

/* Does [memory, memory + bytes) lie within one allocation of the GPU, or of mapped memory? */
bool emulated_is_gpu(const void *memory, size_t bytes);

/* Run all blocks of a grid. */
void emulated_grid(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &thread);

#endif
