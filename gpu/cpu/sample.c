/* Bilinear sampling, the same bits as the formula of struct proto_sampling.
 *
 * The formula's four products are regrouped: blend two base rows vertically, then neighbours along
 * the row; in integers that is the same sum. A row costs one pass over the base's width, which the
 * compiler vectorises, and one gather for each output: a blended value and its right neighbour
 * (below 2^16 each) share a word.
 */
#include "gpu/cpu/ops.h"

#include <stdlib.h>

#include "gpu/cpu/simd.h"
#include "gpu/sampling.h"
#include "proto/status.h"

#include <omp.h>

int cpu_columns_open(struct cpu_columns *columns, int32_t w)
{
    size_t count = (size_t)w * PROTO_CHANNELS;
    *columns = (struct cpu_columns){0};
    columns->at = malloc(count * sizeof *columns->at);
    columns->weight = malloc(count * sizeof *columns->weight);
    if (columns->at && columns->weight)
        return PROTO_OK;
    cpu_columns_close(columns);
    return PROTO_NO_MEMORY;
}

void cpu_columns_close(struct cpu_columns *columns)
{
    free(columns->at);
    free(columns->weight);
    *columns = (struct cpu_columns){0};
}

void cpu_sample_scratch_close(struct cpu_sample_scratch *scratch)
{
    free(scratch->memory);
    *scratch = (struct cpu_sample_scratch){0};
}

/* Number of column x, channel c within a row of output. */
static size_t element(const struct cpu_tensor *t, int32_t x, int32_t c)
{
    return t->block == 1 ? (size_t)c * (size_t)t->w + (size_t)x
                         : (size_t)x * PROTO_CHANNELS + (size_t)c;
}

static void columns_update(struct cpu_columns *columns, const struct proto_sampling *s,
                           const struct cpu_tensor *tensor)
{
    if (columns->w == s->w && columns->step == s->step && columns->border_x == s->border_x &&
        columns->base_w == s->base_w && columns->x0 == s->x0)
        return;
    int32_t first = gpu_sampling_column(s, 0).i, last = gpu_sampling_column(s, s->w - 1).next;
    columns->first = (size_t)first * PROTO_CHANNELS;
    columns->count = (size_t)(last - first + 1) * PROTO_CHANNELS;
    for (int32_t x = 0; x < s->w; x++) {
        struct gpu_sampling_at at = gpu_sampling_column(s, x);
        for (int32_t c = 0; c < PROTO_CHANNELS; c++) {
            columns->at[element(tensor, x, c)] = (at.i - first) * PROTO_CHANNELS + c;
            columns->weight[element(tensor, x, c)] = at.weight;
        }
    }
    columns->w = s->w;
    columns->step = s->step;
    columns->border_x = s->border_x;
    columns->base_w = s->base_w;
    columns->x0 = s->x0;
}

/* What one thread works in. */
struct rows {
    uint8_t *zeros;    /* a base row of the padding */
    uint16_t *blended; /* part of a base row and one pixel more */
    uint32_t *pairs;   /* blended[k] | blended[k + 3] << 16 */
    float *output;     /* a row of output, before it is stored */
};

static size_t aligned(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static size_t rows_layout(int32_t base_w, int32_t w, unsigned char *memory, struct rows *rows)
{
    size_t row = (size_t)base_w * PROTO_CHANNELS;
    size_t zeros = aligned(row), blended = aligned((row + PROTO_CHANNELS) * sizeof(uint16_t));
    size_t pairs = aligned(row * sizeof(uint32_t));
    size_t output = aligned((size_t)w * PROTO_CHANNELS * sizeof(float));
    if (memory)
        *rows = (struct rows){.zeros = memory,
                              .blended = (uint16_t *)(void *)(memory + zeros),
                              .pairs = (uint32_t *)(void *)(memory + zeros + blended),
                              .output = (float *)(void *)(memory + zeros + blended + pairs)};
    return zeros + blended + pairs + output;
}

static int scratch_grow(struct cpu_sample_scratch *scratch, size_t each_bytes, int threads)
{
    if (scratch->each_bytes >= each_bytes && scratch->threads >= threads)
        return PROTO_OK;
    cpu_sample_scratch_close(scratch);
    scratch->memory = aligned_alloc(64, each_bytes * (size_t)threads);
    if (!scratch->memory)
        return PROTO_NO_MEMORY;
    scratch->each_bytes = each_bytes;
    scratch->threads = threads;
    return PROTO_OK;
}

CPU_CLONES static void blend_rows(const uint8_t *upper, const uint8_t *lower, int32_t weight,
                                  size_t count, const struct rows *rows)
{
    uint16_t *restrict blended = rows->blended;
    uint32_t *restrict pairs = rows->pairs;
    uint16_t below = (uint16_t)weight, above = (uint16_t)(256 - weight);
    for (size_t k = 0; k < count; k++)
        blended[k] = (uint16_t)(above * upper[k] + below * lower[k]);
    /* Right of the last column there is nothing; its weight is zero there. */
    for (size_t k = count; k < count + PROTO_CHANNELS; k++)
        blended[k] = 0;
    for (size_t k = 0; k < count; k++)
        pairs[k] = blended[k] | (uint32_t)blended[k + PROTO_CHANNELS] << 16;
}

CPU_CLONES static void blend_columns(const struct cpu_columns *columns, const uint32_t *pairs,
                                     size_t count, float factor, float offset, float *restrict out)
{
    const int32_t *at = columns->at, *weight = columns->weight;
    for (size_t j = 0; j < count; j++) {
        uint32_t pair = pairs[at[j]];
        int32_t v =
            (256 - weight[j]) * (int32_t)(pair & 0xffffu) + weight[j] * (int32_t)(pair >> 16);
        float product = (float)v * factor;
        out[j] = product + offset;
    }
}

CPU_CLONES static void store_half(const float *restrict row, size_t count, float *restrict out)
{
    for (size_t j = 0; j < count; j++)
        out[j] = cpu_round_half(row[j]);
}

CPU_CLONES static void store_bf16(const float *restrict row, size_t count, uint16_t *restrict out)
{
    for (size_t j = 0; j < count; j++)
        out[j] = cpu_to_bf16(row[j]);
}

/* `count` values of a row to their place, element `first` of the tensor. */
static void store(const struct cpu_tensor *tensor, bool round_half, const float *row, size_t count,
                  void *out, size_t first)
{
    if (tensor->stored == GPU_BF16)
        store_bf16(row, count, (uint16_t *)out + first);
    else if (round_half)
        store_half(row, count, (float *)out + first);
    else
        memcpy((float *)out + first, row, count * sizeof *row);
}

static const uint8_t *base_row(const struct proto_sampling *s, const uint8_t *frame, int32_t row,
                               const struct rows *rows)
{
    if (row < s->band_y0 || row >= s->band_y1)
        return rows->zeros;
    return frame + s->band_offset + (size_t)(row - s->band_y0) * (size_t)s->base_w * PROTO_CHANNELS;
}

static void sample_row(const struct proto_sampling *s, const uint8_t *frame,
                       const struct cpu_columns *columns, const struct rows *rows,
                       const struct cpu_tensor *tensor, bool round_half, int32_t y, void *out)
{
    size_t count = (size_t)s->w * PROTO_CHANNELS;
    struct gpu_sampling_at at = gpu_sampling_row(s, y);
    blend_rows(base_row(s, frame, at.i, rows) + columns->first,
               base_row(s, frame, at.next, rows) + columns->first, at.weight, columns->count, rows);
    /* scale / 65536 is exact, so one product rounds as the formula's two do. */
    blend_columns(columns, rows->pairs, count, s->scale * (1.0f / 65536.0f), s->offset,
                  rows->output);
    size_t runs = tensor->block == 1 ? PROTO_CHANNELS : 1, run = count / runs;
    for (size_t c = 0; c < runs; c++)
        store(tensor, round_half, rows->output + c * run, run, out,
              (c * (size_t)s->h + (size_t)y) * run);
}

int cpu_sample_run(const struct proto_sampling *s, const uint8_t *frame,
                   struct cpu_columns *columns, struct cpu_sample_scratch *scratch,
                   const struct cpu_tensor *tensor, bool round_half, void *out)
{
    int threads = omp_get_max_threads();
    int status = scratch_grow(scratch, rows_layout(s->base_w, s->w, NULL, NULL), threads);
    if (status != PROTO_OK)
        return status;
    columns_update(columns, s, tensor);
#pragma omp parallel
    {
        struct rows rows = {0};
        rows_layout(s->base_w, s->w,
                    scratch->memory + (size_t)omp_get_thread_num() * scratch->each_bytes, &rows);
        memset(rows.zeros, 0, (size_t)s->base_w * PROTO_CHANNELS);
#pragma omp for schedule(dynamic, 8)
        for (int32_t y = 0; y < s->h; y++)
            sample_row(s, frame, columns, &rows, tensor, round_half, y, out);
    }
    return PROTO_OK;
}
