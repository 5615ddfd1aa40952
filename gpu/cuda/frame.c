/* A frame: its calls are noted, and done as a whole at its end. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gpu/cuda/device.h"
#include "gpu/cuda/status.h"
#include "gpu/sampling.h"

enum { SAMPLE, RUN, NMS, CALLS_OF_A_TILE };

static int frame_grow(struct cuda_frame *frame, uint32_t tiles)
{
    if (tiles <= frame->cap)
        return PROTO_OK;
    const uint32_t cap = tiles < 2 * frame->cap ? 2 * frame->cap : tiles;
    struct cuda_chain **chains = realloc(frame->chains, cap * sizeof(struct cuda_chain *));
    if (chains)
        frame->chains = chains;
    struct cuda_tile *list = realloc(frame->tiles, cap * sizeof *list);
    if (list)
        frame->tiles = list;
    struct cuda_answer *answers = realloc(frame->answers, cap * sizeof *answers);
    if (answers)
        frame->answers = answers;
    if (!chains || !list || !answers)
        return PROTO_NO_MEMORY;
    frame->cap = cap;
    return PROTO_OK;
}

void cuda_frame_close(struct cuda_device *device)
{
    free(device->frame.chains);
    free(device->frame.tiles);
    free(device->frame.answers);
    device->frame = (struct cuda_frame){0};
}

/* ---- before the first frame ---- */

/* Samplings that see no pixel: the first run of a sequence is to load its kernels. */
static void tiles_blank(struct cuda_tile *tiles, const struct cuda_sequence *sequence)
{
    for (uint32_t i = 0; i < sequence->count; i++) {
        const struct gpu_chain *chain = &sequence->chains[i]->base;
        tiles[i] = (struct cuda_tile){.first = sequence->first[i]};
        tiles[i].sampling = (struct proto_sampling){.step = INT64_C(1) << 32,
                                                    .base_w = 1,
                                                    .base_h = 1,
                                                    .base_padded_h = 1,
                                                    .w = chain->w,
                                                    .h = chain->h};
        tiles[i].area = (struct proto_tile_area){.rows = chain->rows,
                                                 .cols = chain->cols,
                                                 .level_rows = chain->rows,
                                                 .level_cols = chain->cols};
    }
}

int cuda_frame_prepare(struct gpu_device *base, struct gpu_chain *const *chains, uint32_t count,
                       size_t bytes)
{
    struct cuda_device *device = (struct cuda_device *)base;
    struct cuda_frame *frame = &device->frame;
    struct cuda_sequence *sequence = NULL;
    int status = cuda_enter(device);
    if (status == PROTO_OK)
        status = frame_grow(frame, count);
    if (status != PROTO_OK)
        return status;
    for (uint32_t i = 0; i < count; i++)
        frame->chains[i] = (struct cuda_chain *)chains[i];
    status = cuda_sequence_get(device, frame->chains, count, bytes, &sequence);
    if (status != PROTO_OK || sequence->graph)
        return status;
    tiles_blank((struct cuda_tile *)(void *)device->transfer.in, sequence);
    status = cuda_transfer_in(device, 0);
    if (status == PROTO_OK)
        status = cuda_sequence_run(device, sequence);
    if (status == PROTO_OK)
        status = cuda_transfer_finish(device, NULL, NULL, 0);
    return status == PROTO_OK ? cuda_sequence_record(device, sequence) : status;
}

/* ---- the frame ---- */

int cuda_frame_begin(struct gpu_device *base, const uint8_t *pixels, size_t bytes)
{
    struct cuda_device *device = (struct cuda_device *)base;
    struct cuda_frame *frame = &device->frame;
    frame->open = true;
    frame->single = false;
    frame->pixels = pixels;
    frame->bytes = bytes;
    frame->calls = 0;
    return cuda_enter(device);
}

/* The noted calls one by one: this is no sequence of whole tiles. */
static int frame_make_single(struct cuda_device *device)
{
    struct cuda_frame *frame = &device->frame;
    int status = PROTO_OK;
    frame->single = true;
    for (uint32_t i = 0; i < frame->calls && status == PROTO_OK; i++) {
        const uint32_t tile = i / CALLS_OF_A_TILE;
        const struct cuda_tile *noted = &frame->tiles[tile];
        if (i % CALLS_OF_A_TILE == SAMPLE)
            status = cuda_single_sample(frame->chains[tile], &noted->sampling);
        else if (i % CALLS_OF_A_TILE == RUN)
            status = cuda_single_run(frame->chains[tile]);
        else
            status = cuda_single_local_nms(frame->chains[tile], &noted->area, noted->threshold,
                                           &frame->answers[tile]);
    }
    frame->calls = 0;
    return status;
}

/* May this call be noted? Then *tile is where. */
static bool frame_notes(struct cuda_device *device, const struct cuda_chain *chain, uint32_t call,
                        uint32_t *tile)
{
    const struct cuda_frame *frame = &device->frame;
    *tile = frame->calls / CALLS_OF_A_TILE;
    return frame->open && !frame->single && frame->calls % CALLS_OF_A_TILE == call &&
           (call == SAMPLE || frame->chains[*tile] == chain);
}

int cuda_frame_sample(struct gpu_chain *base, const struct proto_sampling *sampling)
{
    struct cuda_chain *chain = (struct cuda_chain *)base;
    struct cuda_device *device = cuda_device_of(base);
    struct cuda_frame *frame = &device->frame;
    uint32_t tile;
    int status = gpu_sampling_check(sampling, frame->open ? frame->bytes : 0);
    if (status != PROTO_OK)
        return status;
    if (!frame_notes(device, chain, SAMPLE, &tile)) {
        status = frame_make_single(device);
        return status == PROTO_OK ? cuda_single_sample(chain, sampling) : status;
    }
    status = frame_grow(frame, tile + 1);
    if (status != PROTO_OK)
        return status;
    frame->chains[tile] = chain;
    frame->tiles[tile] = (struct cuda_tile){.sampling = *sampling};
    frame->calls++;
    return PROTO_OK;
}

int cuda_frame_run(struct gpu_chain *base)
{
    struct cuda_chain *chain = (struct cuda_chain *)base;
    struct cuda_device *device = cuda_device_of(base);
    uint32_t tile;
    if (!frame_notes(device, chain, RUN, &tile)) {
        int status = frame_make_single(device);
        return status == PROTO_OK ? cuda_single_run(chain) : status;
    }
    device->frame.calls++;
    return PROTO_OK;
}

int cuda_frame_local_nms(struct gpu_chain *base, const struct proto_tile_area *area,
                         float threshold, struct proto_survivor *out, uint32_t cap, uint32_t *count)
{
    struct cuda_chain *chain = (struct cuda_chain *)base;
    struct cuda_device *device = cuda_device_of(base);
    struct cuda_frame *frame = &device->frame;
    const struct cuda_answer answer = {.out = out, .cap = cap, .count = count};
    uint32_t tile;
    if (!frame_notes(device, chain, NMS, &tile)) {
        int status = frame_make_single(device);
        return status == PROTO_OK ? cuda_single_local_nms(chain, area, threshold, &answer) : status;
    }
    frame->tiles[tile].area = *area;
    frame->tiles[tile].threshold = threshold;
    frame->answers[tile] = answer;
    frame->calls++;
    return PROTO_OK;
}

/* TIMED: where the GPU is. */
static int mark(struct cuda_device *device, cudaEvent_t event)
{
    return device->options & CUDA_TIMED
               ? CUDA_STATUS(cudaEventRecord(event, device->lanes[0].stream))
               : PROTO_OK;
}

static int frame_run_whole(struct cuda_device *device, uint32_t count)
{
    struct cuda_frame *frame = &device->frame;
    struct cuda_sequence *sequence = NULL;
    int status = cuda_sequence_get(device, frame->chains, count, frame->bytes, &sequence);
    if (status != PROTO_OK)
        return status;
    for (uint32_t i = 0; i < count; i++)
        frame->tiles[i].first = sequence->first[i];
    unsigned char *in = device->transfer.in;
    memcpy(in, frame->tiles, count * sizeof *frame->tiles);
    if (frame->bytes > 0)
        memcpy(in + device->transfer.pixel_offset, frame->pixels, frame->bytes);
    status = mark(device, device->begun);
    if (status == PROTO_OK)
        status = cuda_transfer_in(device, frame->bytes);
    if (status == PROTO_OK)
        status = cuda_sequence_run(device, sequence);
    if (status == PROTO_OK)
        status = mark(device, device->ended);
    if (status == PROTO_OK)
        return cuda_transfer_finish(device, frame->tiles, frame->answers, count);
    for (int i = 0; i < device->lane_count;
         i++) /* let go of what was queued, whatever came of it */
        (void)cudaStreamSynchronize(device->lanes[i].stream);
    cuda_error_clear();
    return status;
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int cuda_frame_end(struct gpu_device *base)
{
    struct cuda_device *device = (struct cuda_device *)base;
    struct cuda_frame *frame = &device->frame;
    const double start_us = now_us();
    int status = PROTO_OK;
    frame->whole = 0;
    if (frame->calls % CALLS_OF_A_TILE) {
        status = frame_make_single(device);
    } else if (frame->calls) {
        frame->whole = frame->calls / CALLS_OF_A_TILE;
        status = frame_run_whole(device, frame->whole);
    }
    frame->whole_us = now_us() - start_us;
    if (status == PROTO_OK && frame->whole && device->options & CUDA_TIMED) {
        float ms = 0;
        status = CUDA_STATUS(cudaEventElapsedTime(&ms, device->begun, device->ended));
        frame->whole_us = (double)ms * 1e3;
    }
    frame->open = false;
    frame->calls = 0;
    frame->pixels = NULL;
    frame->bytes = 0;
    return status;
}

/* Tiles run beside each other: each gets its share of the frame's time by its work. */
void cuda_frame_times(struct gpu_device *base, uint32_t *us, uint32_t count)
{
    const struct cuda_frame *frame = &((struct cuda_device *)base)->frame;
    double macs = 0;
    for (uint32_t i = 0; i < frame->whole; i++)
        macs += frame->chains[i]->macs;
    for (uint32_t i = 0; i < count; i++)
        us[i] = i < frame->whole && macs > 0
                    ? (uint32_t)(frame->whole_us * (frame->chains[i]->macs / macs))
                    : 0;
}
