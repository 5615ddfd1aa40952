/* The way in and out of the GPU: one block of pinned memory each way, copied once a frame, or the GPU's own
 * view of it where both sides share their memory.
 */
#include <string.h>

#include "gpu/cuda/device.h"
#include "gpu/cuda/status.h"
#include "proto/log.h"

enum { ALIGNMENT = 256 };

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void both_close(struct cuda_device *device, unsigned char **host, unsigned char **gpu)
{
    if (!device->mapped)
        cuda_memory_close(*gpu);
    if (*host)
        (void)CUDA_STATUS(cudaFreeHost(*host));
    *host = *gpu = NULL;
}

static int both_open(struct cuda_device *device, size_t bytes, unsigned char **host,
                     unsigned char **gpu)
{
    void *memory = NULL, *seen = NULL;
    const cudaError_t error =
        cudaHostAlloc(&memory, bytes, device->mapped ? cudaHostAllocMapped : cudaHostAllocDefault);
    if (error == cudaErrorMemoryAllocation) {
        cuda_error_clear();
        return PROTO_NO_MEMORY;
    }
    int status = CUDA_STATUS(error);
    if (status != PROTO_OK)
        return status;
    *host = memory;
    if (device->mapped)
        status = CUDA_STATUS(cudaHostGetDevicePointer(&seen, memory, 0));
    else
        status = cuda_memory_open(bytes, &seen);
    *gpu = seen;
    return status;
}

static void cells_close(struct cuda_transfer *t)
{
    cuda_memory_close(t->scores);
    cuda_memory_close(t->segments);
    t->scores = NULL;
    t->segments = NULL;
    t->cells = 0;
}

void cuda_transfer_close(struct cuda_device *device)
{
    struct cuda_transfer *t = &device->transfer;
    both_close(device, &t->in, &t->in_gpu);
    both_close(device, &t->out, &t->out_gpu);
    cuda_memory_close(t->counts);
    cells_close(t);
    *t = (struct cuda_transfer){0};
}

static size_t counts_bytes(const struct cuda_transfer *t)
{
    return aligned(t->tiles * sizeof(uint32_t));
}

uint32_t cuda_transfer_out_cap(const struct cuda_transfer *t)
{
    return (uint32_t)((t->out_bytes - counts_bytes(t)) / sizeof(struct proto_survivor));
}

static int in_out_open(struct cuda_device *device, uint32_t tiles, size_t pixels)
{
    struct cuda_transfer *t = &device->transfer;
    void *counts = NULL;
    both_close(device, &t->in, &t->in_gpu);
    both_close(device, &t->out, &t->out_gpu);
    cuda_memory_close(t->counts);
    t->counts = NULL;
    t->tiles = tiles;
    t->pixel_offset = aligned(tiles * sizeof(struct cuda_tile));
    t->in_bytes = t->pixel_offset + aligned(pixels + 1);
    t->out_bytes = counts_bytes(t) + CUDA_OUT_USUAL * sizeof(struct proto_survivor);
    int status = both_open(device, t->in_bytes, &t->in, &t->in_gpu);
    if (status == PROTO_OK)
        status = both_open(device, t->out_bytes, &t->out, &t->out_gpu);
    if (status == PROTO_OK)
        status = cuda_memory_open(counts_bytes(t), &counts);
    t->counts = counts;
    return status;
}

static int cells_open(struct cuda_transfer *t, uint32_t cells)
{
    void *scores = NULL, *segments = NULL;
    cells_close(t);
    int status = cuda_memory_open(cells * sizeof(float), &scores);
    if (status == PROTO_OK)
        status = cuda_memory_open(cells * sizeof(struct proto_survivor), &segments);
    t->scores = scores;
    t->segments = segments;
    t->cells = status == PROTO_OK ? cells : 0;
    return status;
}

int cuda_transfer_grow(struct cuda_device *device, uint32_t tiles, uint32_t cells, size_t pixels)
{
    struct cuda_transfer *t = &device->transfer;
    const bool small = !t->in || tiles > t->tiles || pixels > t->in_bytes - t->pixel_offset;
    int status = PROTO_OK;
    if (!small && cells <= t->cells)
        return PROTO_OK;
    cuda_sequences_drop_graphs(device);
    if (small) {
        const size_t room = t->in ? t->in_bytes - t->pixel_offset : 0;
        status =
            in_out_open(device, tiles > t->tiles ? tiles : t->tiles, pixels > room ? pixels : room);
    }
    if (status == PROTO_OK && cells > t->cells)
        status = cells_open(t, cells);
    if (status != PROTO_OK)
        cuda_transfer_close(device);
    if (status == PROTO_NO_MEMORY)
        proto_log_error("gpu",
                        "cuda:%d: no memory for the pixels (%zu KiB) and the %u cells of %u tiles",
                        device->index, pixels >> 10, cells, tiles);
    return status;
}

int cuda_transfer_in(struct cuda_device *device, size_t pixels)
{
    const struct cuda_transfer *t = &device->transfer;
    if (device->mapped)
        return PROTO_OK;
    return CUDA_STATUS(cudaMemcpyAsync(t->in_gpu, t->in, t->pixel_offset + pixels,
                                       cudaMemcpyHostToDevice, device->lanes[0].stream));
}

int cuda_transfer_out(struct cuda_device *device, uint32_t tiles)
{
    const struct cuda_transfer *t = &device->transfer;
    const struct cuda_tile *list = cuda_transfer_tiles(t);
    cudaStream_t stream = device->lanes[0].stream;
    int status =
        CUDA_STATUS(cuda_local_nms_launch(list, tiles, t->scores, t->segments, t->counts, stream));
    if (status == PROTO_OK)
        status = CUDA_STATUS(
            cuda_gather_launch(list, tiles, t->counts, t->segments, (uint32_t *)(void *)t->out_gpu,
                               (struct proto_survivor *)(void *)(t->out_gpu + counts_bytes(t)),
                               cuda_transfer_out_cap(t), stream));
    if (status == PROTO_OK && !device->mapped)
        status = CUDA_STATUS(
            cudaMemcpyAsync(t->out, t->out_gpu, t->out_bytes, cudaMemcpyDeviceToHost, stream));
    return status;
}

/* A tile's survivors: from the copy as far as they came with it, from its segment on the GPU otherwise. */
static int answer(struct cuda_device *device, const struct cuda_tile *tile, uint32_t count,
                  uint64_t before, const struct cuda_answer *answer)
{
    const struct cuda_transfer *t = &device->transfer;
    const struct proto_survivor *out =
        (const struct proto_survivor *)(const void *)(t->out + counts_bytes(t));
    const uint32_t wanted = count < answer->cap ? count : answer->cap;
    *answer->count = count;
    if (wanted == 0)
        return PROTO_OK;
    if (before + wanted <= cuda_transfer_out_cap(t)) {
        memcpy(answer->out, out + before, wanted * sizeof *out);
        return PROTO_OK;
    }
    return CUDA_STATUS(cudaMemcpy(answer->out, t->segments + tile->first, wanted * sizeof *out,
                                  cudaMemcpyDeviceToHost));
}

int cuda_transfer_finish(struct cuda_device *device, const struct cuda_tile *tiles,
                         const struct cuda_answer *answers, uint32_t count)
{
    int status = CUDA_STATUS(cudaStreamSynchronize(device->lanes[0].stream));
    const uint32_t *counts = (const uint32_t *)(const void *)device->transfer.out;
    uint64_t before = 0;
    for (uint32_t i = 0; i < count && status == PROTO_OK; i++) {
        status = answer(device, &tiles[i], counts[i], before, &answers[i]);
        before += counts[i];
    }
    return status;
}
