/* Sequences of tiles: dealt to lanes, run beside each other, and captured as CUDA graphs. */
#include <stdlib.h>
#include <string.h>

#include "gpu/cuda/compat.h"
#include "gpu/cuda/device.h"
#include "gpu/cuda/status.h"
#include "proto/log.h"

static void graph_drop(struct cuda_sequence *sequence)
{
    if (sequence->graph)
        (void)CUDA_STATUS(cudaGraphExecDestroy(sequence->graph));
    sequence->graph = NULL;
}

static void sequence_close(struct cuda_sequence *sequence)
{
    graph_drop(sequence);
    free(sequence->chains);
    free(sequence->order);
    free(sequence->lane);
    free(sequence->first);
    *sequence = (struct cuda_sequence){0};
}

void cuda_sequences_drop_graphs(struct cuda_device *device)
{
    for (int i = 0; i < CUDA_SEQUENCES; i++)
        graph_drop(&device->sequences[i]);
}

void cuda_sequences_forget(struct cuda_device *device, const struct cuda_chain *chain)
{
    for (int i = 0; i < CUDA_SEQUENCES; i++) {
        struct cuda_sequence *sequence = &device->sequences[i];
        for (uint32_t t = 0; t < sequence->count; t++)
            if (sequence->chains[t] == chain) {
                sequence_close(sequence);
                break;
            }
    }
}

void cuda_sequences_close(struct cuda_device *device)
{
    for (int i = 0; i < CUDA_SEQUENCES; i++)
        sequence_close(&device->sequences[i]);
}

/* ---- dealing tiles to lanes ---- */

/* Insertion sort, largest first and otherwise as they came: a few hundred tiles, once a plan. */
static void order_fill(struct cuda_sequence *sequence)
{
    for (uint32_t i = 0; i < sequence->count; i++) {
        uint32_t at = i;
        while (at > 0 &&
               sequence->chains[sequence->order[at - 1]]->macs < sequence->chains[i]->macs) {
            sequence->order[at] = sequence->order[at - 1];
            at--;
        }
        sequence->order[at] = i;
    }
}

/* Each tile to the lane with the least to do so far. */
static void deal(struct cuda_sequence *sequence, int lanes)
{
    double load[CUDA_LANES_MAX] = {0};
    for (uint32_t i = 0; i < sequence->count; i++) {
        const uint32_t tile = sequence->order[i];
        int least = 0;
        for (int k = 1; k < lanes; k++)
            if (load[k] < load[least])
                least = k;
        sequence->lane[tile] = (uint8_t)least;
        load[least] += sequence->chains[tile]->macs;
    }
}

/* ---- memory ---- */

static const struct cuda_chain *largest_chain(const struct cuda_sequence *sequence)
{
    const struct cuda_chain *largest = sequence->chains[0];
    for (uint32_t i = 1; i < sequence->count; i++)
        if (cuda_chain_bytes(sequence->chains[i], sequence->chains[i]->base.h) >
            cuda_chain_bytes(largest, largest->base.h))
            largest = sequence->chains[i];
    return largest;
}

/* Rows of cells of the chain's width for which `bytes` would do; 0: not even one. */
static int rows_that_fit(const struct cuda_chain *chain, size_t bytes)
{
    int stride = 1, rows = chain->base.rows;
    for (int i = 0; i < chain->count; i++)
        stride *= chain->steps[i].layer->shape.sh;
    while (rows > 0 &&
           cuda_chain_bytes(chain, chain->base.h - (chain->base.rows - rows) * stride) > bytes)
        rows--;
    return rows;
}

static void complain_of_memory(struct cuda_device *device, const struct cuda_sequence *sequence)
{
    const struct cuda_chain *chain = largest_chain(sequence);
    size_t free_bytes = 0, total_bytes = 0;
    char advice[80] = "not even one row of its cells would fit";
    (void)CUDA_STATUS(cudaMemGetInfo(&free_bytes, &total_bytes));
    const int rows = rows_that_fit(chain, free_bytes / 8 * 7); /* some goes to page sizes */
    if (rows > 0)
        snprintf(advice, sizeof advice, "tiles of at most %d rows of cells (tile_rows) would fit",
                 rows);
    proto_log_error(
        "gpu",
        "cuda:%d: no memory for the tile set: of its %u tiles the largest, %d x %d pixels "
        "with %d x %d cells, takes %zu KiB; %zu of %zu KiB are free; %s",
        device->index, sequence->count, chain->base.w, chain->base.h, chain->base.cols,
        chain->base.rows, cuda_chain_bytes(chain, chain->base.h) >> 10, free_bytes >> 10,
        total_bytes >> 10, advice);
}

static bool lanes_hold(const struct cuda_device *device, const struct cuda_sequence *sequence)
{
    for (uint32_t i = 0; i < sequence->count; i++)
        if (sequence->lane[i] >= device->lane_count ||
            !cuda_lane_holds(&device->lanes[sequence->lane[i]], sequence->chains[i]))
            return false;
    return true;
}

static int lanes_grow(struct cuda_device *device, const struct cuda_sequence *sequence)
{
    int status = PROTO_OK;
    for (uint32_t i = 0; i < sequence->count && status == PROTO_OK; i++)
        status = cuda_lane_grow(&device->lanes[sequence->lane[i]], sequence->chains[i]);
    return status;
}

/* Memory for all lanes; where it does not suffice, fewer lanes. Lanes change no result. */
static int lanes_ready(struct cuda_device *device, struct cuda_sequence *sequence)
{
    if (lanes_hold(device, sequence))
        return PROTO_OK;
    cuda_sequences_drop_graphs(device);
    for (;;) {
        deal(sequence, device->lane_count);
        int status = lanes_grow(device, sequence);
        if (status != PROTO_NO_MEMORY)
            return status;
        for (int i = 0; i < CUDA_LANES_MAX; i++)
            cuda_lane_empty(&device->lanes[i]);
        if (device->lane_count == 1) {
            complain_of_memory(device, sequence);
            return status;
        }
        device->lane_count /= 2;
        proto_log_warn("gpu", "cuda:%d: memory for %d tiles beside each other only", device->index,
                       device->lane_count);
    }
}

/* ---- remembering ---- */

static struct cuda_sequence *find(struct cuda_device *device, struct cuda_chain *const *chains,
                                  uint32_t count)
{
    for (int i = 0; i < CUDA_SEQUENCES; i++) {
        struct cuda_sequence *sequence = &device->sequences[i];
        if (sequence->count == count &&
            memcmp(sequence->chains, chains, count * sizeof(struct cuda_chain *)) == 0)
            return sequence;
    }
    return NULL;
}

static int sequence_open(struct cuda_sequence *sequence, struct cuda_chain *const *chains,
                         uint32_t count, int lanes)
{
    sequence->chains = malloc(count * sizeof(struct cuda_chain *));
    sequence->order = malloc(count * sizeof *sequence->order);
    sequence->lane = malloc(count * sizeof *sequence->lane);
    sequence->first = malloc((count + 1u) * sizeof *sequence->first);
    if (!sequence->chains || !sequence->order || !sequence->lane || !sequence->first) {
        sequence_close(sequence);
        return PROTO_NO_MEMORY;
    }
    memcpy(sequence->chains, chains, count * sizeof(struct cuda_chain *));
    sequence->count = count;
    sequence->first[0] = 0;
    for (uint32_t i = 0; i < count; i++)
        sequence->first[i + 1] =
            sequence->first[i] + (uint32_t)(chains[i]->base.rows * chains[i]->base.cols);
    order_fill(sequence);
    deal(sequence, lanes);
    return PROTO_OK;
}

/* In the place of the one not used for longest. */
static int remember(struct cuda_device *device, struct cuda_chain *const *chains, uint32_t count,
                    struct cuda_sequence **out)
{
    struct cuda_sequence *oldest = &device->sequences[0];
    for (int i = 1; i < CUDA_SEQUENCES; i++)
        if (device->sequences[i].used < oldest->used)
            oldest = &device->sequences[i];
    sequence_close(oldest);
    *out = oldest;
    return sequence_open(oldest, chains, count, device->lane_count);
}

int cuda_sequence_get(struct cuda_device *device, struct cuda_chain *const *chains, uint32_t count,
                      size_t pixels, struct cuda_sequence **out)
{
    int status = PROTO_OK;
    *out = find(device, chains, count);
    if (!*out)
        status = remember(device, chains, count, out);
    if (status == PROTO_OK)
        status = cuda_transfer_grow(device, count, (*out)->first[count], pixels);
    if (status == PROTO_OK)
        status = lanes_ready(device, *out);
    if (status != PROTO_OK) {
        sequence_close(*out);
        return status;
    }
    (*out)->used = ++device->clock;
    return PROTO_OK;
}

/* ---- running ---- */

/* DYNAMIC: as if this size had never been seen. */
static int renew(struct cuda_lane *lane, struct cuda_chain *chain)
{
    int status = CUDA_STATUS(cudaStreamSynchronize(lane->stream));
    if (status != PROTO_OK)
        return status;
    cuda_lane_empty(lane);
    status = cuda_chain_renew(chain);
    return status == PROTO_OK ? cuda_lane_grow(lane, chain) : status;
}

static int tile_launch(struct cuda_device *device, const struct cuda_sequence *sequence,
                       uint32_t tile)
{
    const struct cuda_transfer *t = &device->transfer;
    struct cuda_lane *lane = &device->lanes[sequence->lane[tile]];
    struct cuda_chain *chain = sequence->chains[tile];
    int status = device->options & CUDA_DYNAMIC ? renew(lane, chain) : PROTO_OK;
    if (status == PROTO_OK)
        status = CUDA_STATUS(cuda_sample_launch(
            cuda_transfer_tiles(t) + tile, t->in_gpu + t->pixel_offset, chain->base.h,
            chain->base.w, device->half, lane->between[0], lane->stream));
    if (status == PROTO_OK)
        status = cuda_lane_run(lane, chain, t->scores + sequence->first[tile]);
    return status;
}

/* Lanes begin when what is queued on the first is done ... */
static int fork_lanes(struct cuda_device *device, int lanes)
{
    int status = CUDA_STATUS(cudaEventRecord(device->fork, device->lanes[0].stream));
    for (int i = 1; i < lanes && status == PROTO_OK; i++)
        status = CUDA_STATUS(cudaStreamWaitEvent(device->lanes[i].stream, device->fork, 0));
    return status;
}

/* ... and what follows on the first waits for them. */
static int join_lanes(struct cuda_device *device, int lanes)
{
    int status = PROTO_OK;
    for (int i = 1; i < lanes && status == PROTO_OK; i++) {
        status = CUDA_STATUS(cudaEventRecord(device->lanes[i].done, device->lanes[i].stream));
        if (status == PROTO_OK)
            status =
                CUDA_STATUS(cudaStreamWaitEvent(device->lanes[0].stream, device->lanes[i].done, 0));
    }
    return status;
}

static int launch(struct cuda_device *device, const struct cuda_sequence *sequence)
{
    const int lanes =
        sequence->count < (uint32_t)device->lane_count ? (int)sequence->count : device->lane_count;
    int status = fork_lanes(device, lanes);
    for (uint32_t i = 0; i < sequence->count && status == PROTO_OK; i++)
        status = tile_launch(device, sequence, sequence->order[i]);
    if (status == PROTO_OK)
        status = join_lanes(device, lanes);
    return status == PROTO_OK ? cuda_transfer_out(device, sequence->count) : status;
}

static int capture(struct cuda_device *device, const struct cuda_sequence *sequence,
                   cudaGraph_t *graph)
{
    cudaStream_t stream = device->lanes[0].stream;
    int status = CUDA_STATUS(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    if (status != PROTO_OK)
        return status;
    status = launch(device, sequence);
    const cudaError_t end = cudaStreamEndCapture(stream, graph); /* in any case */
    if (status != PROTO_OK) {
        cuda_error_clear();
        return status;
    }
    return cuda_status(end, "cudaStreamEndCapture");
}

int cuda_sequence_record(struct cuda_device *device, struct cuda_sequence *sequence)
{
    cudaGraph_t graph = NULL;
    if (device->options & CUDA_NOGRAPH || sequence->graph || sequence->graph_failed)
        return PROTO_OK;
    int status = capture(device, sequence, &graph);
    if (status == PROTO_OK)
        status =
            cuda_status(cuda_graph_instantiate(&sequence->graph, graph), "cudaGraphInstantiate");
    if (graph)
        (void)CUDA_STATUS(cudaGraphDestroy(graph));
    if (status == PROTO_OK)
        return PROTO_OK;
    sequence->graph = NULL;
    sequence->graph_failed = true;
    proto_log_warn("gpu", "cuda:%d: no CUDA graph for a frame of %u tiles: launching one by one",
                   device->index, sequence->count);
    return PROTO_OK;
}

int cuda_sequence_run(struct cuda_device *device, struct cuda_sequence *sequence)
{
    /* The first time loads kernels, which a capture may not; and a sequence that comes only once, such as
     * the tiles of a lost worker, is not worth a graph. */
    if (sequence->launched) {
        int status = cuda_sequence_record(device, sequence);
        if (status != PROTO_OK)
            return status;
    }
    sequence->launched = true;
    for (uint32_t i = 0; i < sequence->count; i++)
        sequence->chains[i]->scores_first = sequence->first[i];
    if (sequence->graph)
        return CUDA_STATUS(cudaGraphLaunch(sequence->graph, device->lanes[0].stream));
    return launch(device, sequence);
}
