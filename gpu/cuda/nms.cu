/* Threshold, in-plane local NMS and edge candidates, compacted in order of row and column; then all tiles'
 * survivors moved together, so that one small copy brings them out. The rule is in gpu/device.h.
 *
 * One block a tile. A block walks over its cells in reading order, a chunk at a time; ballots give each
 * survivor its place among those of the chunk. So the order, and every bit, is that of gpu/ref. Almost all
 * threads stop at the threshold: few look at the 21 scores of a window.
 */
#include "gpu/cuda/kernel.cuh"

enum { THREADS = 512, WARPS = THREADS / CUDA_WARP };

/* Is no cell of the window better? Of equal ones the first in reading order is. */
static __device__ bool is_peak(const float *scores, const struct proto_tile_area &area, int32_t row,
                               int32_t col)
{
    const float own = scores[row * area.cols + col];
    for (int32_t r = row - PROTO_NMS_REACH_ROWS; r <= row + PROTO_NMS_REACH_ROWS; r++)
        for (int32_t c = col - PROTO_NMS_REACH_COLS; c <= col + PROTO_NMS_REACH_COLS; c++) {
            if (r < 0 || r >= area.rows || c < 0 || c >= area.cols || (r == row && c == col))
                continue;
            const float other = scores[r * area.cols + c];
            const bool earlier = r < row || (r == row && c < col);
            if (other > own || (other == own && earlier))
                return false;
        }
    return true;
}

static __device__ bool near_cut_edge(const struct proto_tile_area &area, int32_t row, int32_t col)
{
    return (area.row0 > 0 && row < PROTO_NMS_REACH_ROWS) ||
           (area.col0 > 0 && col < PROTO_NMS_REACH_COLS) ||
           (area.row0 + area.rows < area.level_rows && row >= area.rows - PROTO_NMS_REACH_ROWS) ||
           (area.col0 + area.cols < area.level_cols && col >= area.cols - PROTO_NMS_REACH_COLS);
}

static __device__ uint32_t flags_of(const float *scores, const struct proto_tile_area &area,
                                    float threshold, int32_t cell)
{
    if (cell >= area.rows * area.cols || !(scores[cell] > threshold))
        return 0;
    const int32_t row = cell / area.cols, col = cell % area.cols;
    return (is_peak(scores, area, row, col) ? (uint32_t)PROTO_SURVIVOR_PEAK : 0u) |
           (near_cut_edge(area, row, col) ? (uint32_t)PROTO_SURVIVOR_EDGE : 0u);
}

static __device__ struct proto_survivor survivor_at(const struct proto_tile_area &area, float score,
                                                    int32_t cell, uint32_t flags)
{
    struct proto_survivor survivor;
    survivor.tile = area.tile;
    survivor.row = (uint16_t)(area.row0 + cell / area.cols);
    survivor.col = (uint16_t)(area.col0 + cell % area.cols);
    survivor.score = score;
    survivor.flags = flags;
    return survivor;
}

static __global__ void __launch_bounds__(THREADS)
    local_nms_kernel(const struct cuda_tile *tiles, const float *all_scores,
                     struct proto_survivor *segments, uint32_t *counts)
{
    __shared__ uint32_t votes_of[WARPS];
    const struct cuda_tile tile = tiles[blockIdx.x];
    const float *scores = all_scores + tile.first;
    const int32_t cells = tile.area.rows * tile.area.cols;
    const uint32_t lane = threadIdx.x % CUDA_WARP, warp = threadIdx.x / CUDA_WARP;
    uint32_t written = 0; /* the same in all threads */

    for (int32_t from = 0; from < cells; from += THREADS) {
        const int32_t cell = from + (int32_t)threadIdx.x;
        const uint32_t flags = flags_of(scores, tile.area, tile.threshold, cell);
        const uint32_t votes = __ballot_sync(0xffffffffu, flags != 0);
        if (lane == 0)
            votes_of[warp] = (uint32_t)__popc(votes);
        __syncthreads();
        uint32_t place = written + (uint32_t)__popc(votes & ((1u << lane) - 1u));
        for (uint32_t w = 0; w < WARPS; w++) {
            if (w < warp)
                place += votes_of[w];
            written += votes_of[w];
        }
        if (flags)
            segments[tile.first + place] = survivor_at(tile.area, scores[cell], cell, flags);
        __syncthreads(); /* before votes_of is written again */
    }
    if (threadIdx.x == 0)
        counts[blockIdx.x] = written;
}

/* One warp a tile: it adds up the counts of the tiles before its own, whole numbers in any order. */
static __global__ void __launch_bounds__(CUDA_WARP)
    gather_kernel(const struct cuda_tile *tiles, const uint32_t *counts,
                  const struct proto_survivor *segments, uint32_t *out_counts,
                  struct proto_survivor *out, uint32_t cap)
{
    uint32_t before = 0;
    for (uint32_t i = threadIdx.x; i < blockIdx.x; i += CUDA_WARP)
        before += counts[i];
    for (int32_t step = CUDA_WARP / 2; step > 0; step /= 2)
        before += __shfl_xor_sync(0xffffffffu, before, step);
    const uint32_t count = counts[blockIdx.x], first = tiles[blockIdx.x].first;
    for (uint32_t i = threadIdx.x; i < count && before + i < cap; i += CUDA_WARP)
        out[before + i] = segments[first + i];
    if (threadIdx.x == 0)
        out_counts[blockIdx.x] = count;
}

extern "C" cudaError_t cuda_local_nms_launch(const struct cuda_tile *tiles, uint32_t count,
                                             const float *scores, struct proto_survivor *segments,
                                             uint32_t *counts, cudaStream_t stream)
{
    return cuda_launch(local_nms_kernel, dim3(count), dim3(THREADS), stream, tiles, scores,
                       segments, counts);
}

extern "C" cudaError_t cuda_gather_launch(const struct cuda_tile *tiles, uint32_t count,
                                          const uint32_t *counts,
                                          const struct proto_survivor *segments,
                                          uint32_t *out_counts, struct proto_survivor *out,
                                          uint32_t cap, cudaStream_t stream)
{
    return cuda_launch(gather_kernel, dim3(count), dim3(CUDA_WARP), stream, tiles, counts, segments,
                       out_counts, out, cap);
}
