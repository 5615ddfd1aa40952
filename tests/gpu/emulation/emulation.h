/* An emulation of the parts of CUDA and cuDNN that gpu/cuda/ uses, so that the whole device, host code and
 * kernels, is tested on machines without a GPU. Its folder comes first in the include path: gpu/cuda/ then
 * finds cuda_runtime.h, cuda_fp16.h and cudnn.h here, and is compiled unchanged (.cu as C++).
 *
 * - A block's threads are fibers; __syncthreads and warp intrinsics switch between them. A barrier that some
 *   thread has left, or a warp intrinsic that some lane does not reach, ends the program with a message.
 * - GPU memory is ordinary memory, full of NaNs at first, that can be touched by kernels and copies only: host
 *   code that follows a GPU pointer crashes, and so does a kernel that runs over the end of an allocation, or
 *   reads pinned memory that was not mapped.
 * - Work outside a capture is done at once. A graph keeps its dependencies and runs its nodes in a random order
 *   that respects them, so that a missing one shows.
 * - cuDNN's convolution is plain loops over floats, with halves rounded where the GPU rounds them.
 *
 * What it does not show: speed, and the rounding of tensor cores.
 */
#ifndef TESTS_GPU_EMULATION_EMULATION_H
#define TESTS_GPU_EMULATION_EMULATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Set before a call. CUDA_EMULATION in the environment, words with commas, sets what a test program does not:
 * "integrated", "backwards", "nohalf". */
struct cuda_emulation {
    int devices;         /* 1 */
    bool integrated;     /* the GPU shares the CPU's memory */
    int processors;      /* 40 */
    size_t memory_bytes; /* of the GPU; 8 GiB */
    bool backwards;      /* blocks and threads run from the last to the first */
    bool no_half;        /* cuDNN has no kernels for halves */
    bool no_capture;     /* stream capture fails */
    int fail_in;         /* the n-th call from now on that can fail does; 0: none */
    uint64_t seed;       /* for the order of graph nodes */
    /* Counted. */
    uint64_t calls; /* that can fail */
    uint64_t kernels, copies_in, copies_out, graph_launches, convolutions;
    size_t in_use_bytes; /* of the GPU */
};
extern struct cuda_emulation cuda_emulation;

#ifdef __cplusplus
}
#endif

#endif
