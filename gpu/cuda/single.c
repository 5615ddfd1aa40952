/* Single operators on the first lane, each finished when it returns: for tests of operators, and for
 * whatever order of calls that is no frame of whole tiles.
 */
#include <stdlib.h>
#include <string.h>

#include "gpu/cuda/device.h"
#include "gpu/cuda/half.h"
#include "gpu/cuda/status.h"
#include "proto/log.h"

static uint32_t cells_of(const struct cuda_chain *chain)
{
    return (uint32_t)(chain->base.rows * chain->base.cols);
}

/* Room for the chain on the first lane, and for one tile on the way in and out. */
static int single_ready(struct cuda_device *device, const struct cuda_chain *chain, size_t pixels)
{
    struct cuda_lane *lane = &device->lanes[0];
    int status = cuda_enter(device);
    if (status == PROTO_OK && !cuda_lane_holds(lane, chain)) {
        cuda_sequences_drop_graphs(device);
        status = cuda_lane_grow(lane, chain);
        if (status == PROTO_NO_MEMORY)
            proto_log_error("gpu", "cuda:%d: no memory for %d x %d pixels (%zu KiB)", device->index,
                            chain->base.w, chain->base.h,
                            cuda_chain_bytes(chain, chain->base.h) >> 10);
    }
    return status == PROTO_OK ? cuda_transfer_grow(device, 1, cells_of(chain), pixels) : status;
}

static int single_wait(const struct cuda_device *device)
{
    return CUDA_STATUS(cudaStreamSynchronize(device->lanes[0].stream));
}

int cuda_single_sample(struct cuda_chain *chain, const struct proto_sampling *sampling)
{
    struct cuda_device *device = cuda_device_of(&chain->base);
    const struct cuda_frame *frame = &device->frame;
    const struct cuda_transfer *t = &device->transfer;
    const struct cuda_tile tile = {.sampling = *sampling};
    int status = single_ready(device, chain, frame->bytes);
    if (status != PROTO_OK)
        return status;
    memcpy(t->in, &tile, sizeof tile);
    if (frame->bytes > 0)
        memcpy(t->in + t->pixel_offset, frame->pixels, frame->bytes);
    status = cuda_transfer_in(device, frame->bytes);
    if (status == PROTO_OK)
        status = CUDA_STATUS(cuda_sample_launch(
            cuda_transfer_tiles(t), t->in_gpu + t->pixel_offset, chain->base.h, chain->base.w,
            device->half, device->lanes[0].between[0], device->lanes[0].stream));
    return status == PROTO_OK ? single_wait(device) : status;
}

int cuda_single_run(struct cuda_chain *chain)
{
    struct cuda_device *device = cuda_device_of(&chain->base);
    int status = single_ready(device, chain, 0);
    if (status == PROTO_OK)
        status = cuda_lane_run(&device->lanes[0], chain, device->transfer.scores);
    chain->scores_first = 0;
    return status == PROTO_OK ? single_wait(device) : status;
}

int cuda_single_local_nms(struct cuda_chain *chain, const struct proto_tile_area *area,
                          float threshold, const struct cuda_answer *answer)
{
    struct cuda_device *device = cuda_device_of(&chain->base);
    const struct cuda_tile tile = {
        .area = *area, .threshold = threshold, .first = (uint32_t)chain->scores_first};
    int status = single_ready(device, chain, 0);
    if (status != PROTO_OK)
        return status;
    memcpy(device->transfer.in, &tile, sizeof tile);
    status = cuda_transfer_in(device, 0);
    if (status == PROTO_OK)
        status = cuda_transfer_out(device, 1);
    return status == PROTO_OK ? cuda_transfer_finish(device, &tile, answer, 1) : status;
}

/* ---- values in and out ---- */

static size_t input_bytes(const struct cuda_device *device, const struct gpu_chain *chain)
{
    return (size_t)chain->h * (size_t)chain->w * (size_t)device->vector * device->element;
}

int cuda_single_input_set(struct gpu_chain *base, const float *input)
{
    struct cuda_device *device = cuda_device_of(base);
    const size_t pixels = (size_t)base->h * (size_t)base->w, vector = (size_t)device->vector;
    void *padded = calloc(input_bytes(device, base), 1);
    if (!padded)
        return PROTO_NO_MEMORY;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < PROTO_CHANNELS; c++, input++)
            if (device->half)
                ((uint16_t *)padded)[i * vector + c] = cuda_half_from_float(*input);
            else
                ((float *)padded)[i * vector + c] = *input;
    int status = single_ready(device, (struct cuda_chain *)base, 0);
    if (status == PROTO_OK)
        status = cuda_memory_upload(device->lanes[0].between[0], padded, input_bytes(device, base));
    free(padded);
    return status;
}

int cuda_single_input_get(struct gpu_chain *base, float *input)
{
    struct cuda_device *device = cuda_device_of(base);
    const size_t pixels = (size_t)base->h * (size_t)base->w, vector = (size_t)device->vector;
    void *padded = malloc(input_bytes(device, base));
    if (!padded)
        return PROTO_NO_MEMORY;
    int status = single_ready(device, (struct cuda_chain *)base, 0);
    if (status == PROTO_OK)
        status = CUDA_STATUS(cudaMemcpy(padded, device->lanes[0].between[0],
                                        input_bytes(device, base), cudaMemcpyDeviceToHost));
    for (size_t i = 0; i < pixels && status == PROTO_OK; i++)
        for (size_t c = 0; c < PROTO_CHANNELS; c++)
            *input++ = device->half ? cuda_half_to_float(((const uint16_t *)padded)[i * vector + c])
                                    : ((const float *)padded)[i * vector + c];
    free(padded);
    return status;
}

int cuda_single_scores_get(struct gpu_chain *base, float *scores)
{
    struct cuda_device *device = cuda_device_of(base);
    const struct cuda_chain *chain = (const struct cuda_chain *)base;
    int status = cuda_enter(device);
    if (status != PROTO_OK)
        return status;
    return CUDA_STATUS(cudaMemcpy(scores, device->transfer.scores + chain->scores_first,
                                  cells_of(chain) * sizeof *scores, cudaMemcpyDeviceToHost));
}
