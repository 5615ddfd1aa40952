/* One frame's survivors -> persons. Survivors are put in order of level, row and column, with an index
 * by row; from there on nothing depends on how they came, and every rule looks only at the few rows
 * its window touches.
 */
#include "partition/merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/nms.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

/* Peaks in order of level, row, column; row r of level k is [start[i], start[i + 1]) with
 * i = first_row[k] + r. */
struct index {
    struct partition_peak *peaks;
    uint32_t *start;
    uint32_t count;
};

struct tile_state {
    uint32_t max;   /* survivors it can send */
    uint32_t count; /* survivors it sent for this frame */
    uint32_t call;  /* in which call of partition_merge_add they came; 0: none yet */
};

struct partition_merge {
    const struct partition_pyramid *pyramid;
    const struct partition_model *model;
    const struct partition_tiles *tiles;
    const struct partition_camera *camera; /* NULL: no distances */
    float threshold;
    struct partition_nms_level levels[PROTO_LEVELS_MAX];
    uint32_t first_row[PROTO_LEVELS_MAX + 1];

    uint32_t call;
    struct tile_state *states;
    struct proto_survivor *arrived; /* as they came */
    uint32_t arrived_count;
    struct index all;  /* what arrived, in order */
    uint8_t *flags;    /* of `all` */
    struct index best; /* after the in-plane rule */
    struct partition_person *persons;
    struct proto_detection *detections;
    uint32_t found; /* of both, by the last finish */
};

/* Most cells of a rows x cols area that can all be the best of their 7x3 windows: one in each block
 * of 4x2. */
static uint64_t peaks_max(int32_t rows, int32_t cols)
{
    const int32_t down = PROTO_NMS_REACH_ROWS + 1, across = PROTO_NMS_REACH_COLS + 1;
    if (rows <= 0 || cols <= 0)
        return 0;
    return (uint64_t)((rows + down - 1) / down) * (uint64_t)((cols + across - 1) / across);
}

uint32_t partition_merge_survivors_max(const struct partition_pyramid *pyramid,
                                       const struct partition_tile *tile)
{
    const struct proto_tile_area a = partition_tile_area(pyramid, tile);
    int32_t rows = a.rows, cols = a.cols; /* without the cells near cut edges */
    rows -= a.row0 > 0 ? PROTO_NMS_REACH_ROWS : 0;
    rows -= a.row0 + a.rows < a.level_rows ? PROTO_NMS_REACH_ROWS : 0;
    cols -= a.col0 > 0 ? PROTO_NMS_REACH_COLS : 0;
    cols -= a.col0 + a.cols < a.level_cols ? PROTO_NMS_REACH_COLS : 0;
    rows = rows > 0 ? rows : 0;
    cols = cols > 0 ? cols : 0;
    const uint64_t inside = (uint64_t)rows * (uint64_t)cols;
    const uint64_t max = (uint64_t)a.rows * (uint64_t)a.cols - inside + peaks_max(rows, cols);
    return max > UINT32_MAX ? UINT32_MAX : (uint32_t)max;
}

static int open_arrays(struct partition_merge *merge, size_t cap, size_t rows)
{
    merge->arrived = calloc(cap, sizeof(*merge->arrived));
    merge->all.peaks = calloc(cap, sizeof(*merge->all.peaks));
    merge->all.start = calloc(rows + 1, sizeof(*merge->all.start));
    merge->flags = calloc(cap, sizeof(*merge->flags));
    merge->best.peaks = calloc(cap, sizeof(*merge->best.peaks));
    merge->best.start = calloc(rows + 1, sizeof(*merge->best.start));
    merge->persons = calloc(cap, sizeof(*merge->persons));
    merge->detections = calloc(cap, sizeof(*merge->detections));
    return merge->arrived && merge->all.peaks && merge->all.start && merge->flags &&
                   merge->best.peaks && merge->best.start && merge->persons && merge->detections
               ? PROTO_OK
               : PROTO_NO_MEMORY;
}

int partition_merge_open(const struct partition_pyramid *pyramid,
                         const struct partition_model *model, const struct partition_tiles *tiles,
                         float threshold, struct partition_merge **out)
{
    uint64_t cap = 0;
    *out = NULL;
    struct partition_merge *merge = calloc(1, sizeof(*merge));
    if (!merge)
        return PROTO_NO_MEMORY;
    merge->pyramid = pyramid;
    merge->model = model;
    merge->tiles = tiles;
    merge->threshold = threshold;
    for (int k = 0; k < pyramid->level_count; k++) {
        partition_nms_level_init(&merge->levels[k], pyramid, model, k);
        merge->first_row[k + 1] = merge->first_row[k] + (uint32_t)pyramid->levels[k].rows;
    }
    merge->states = calloc(tiles->count + 1u, sizeof(*merge->states));
    if (!merge->states)
        goto fail;
    for (uint32_t i = 0; i < tiles->count; i++) {
        merge->states[i].max = partition_merge_survivors_max(pyramid, &tiles->tile[i]);
        cap += merge->states[i].max;
    }
    if (cap >= UINT32_MAX ||
        open_arrays(merge, (size_t)cap + 1, merge->first_row[pyramid->level_count]) != PROTO_OK)
        goto fail;
    *out = merge;
    return PROTO_OK;
fail:
    partition_merge_close(merge);
    return PROTO_NO_MEMORY;
}

void partition_merge_close(struct partition_merge *merge)
{
    if (!merge)
        return;
    free(merge->states);
    free(merge->arrived);
    free(merge->all.peaks);
    free(merge->all.start);
    free(merge->flags);
    free(merge->best.peaks);
    free(merge->best.start);
    free(merge->persons);
    free(merge->detections);
    free(merge);
}

void partition_merge_borrow_camera(struct partition_merge *merge,
                                   const struct partition_camera *camera)
{
    merge->camera = camera;
}

uint32_t partition_merge_outside(const struct partition_merge *merge,
                                 const struct partition_rows bands[PROTO_LEVELS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < merge->found; i++) {
        const struct partition_peak *p = &merge->persons[i].peak;
        const struct partition_rows band = bands[p->level];
        count += p->row < band.row0 || p->row >= band.row0 + band.rows;
    }
    return count;
}

void partition_merge_reset(struct partition_merge *merge)
{
    merge->found = 0;
    merge->call = 0;
    merge->arrived_count = 0;
    for (uint32_t i = 0; i < merge->tiles->count; i++)
        merge->states[i].count = merge->states[i].call = 0;
}

/* ---- what arrives ---- */

static bool near_cut_edge(const struct proto_tile_area *a, int32_t row, int32_t col)
{
    const int32_t row1 = a->row0 + a->rows, col1 = a->col0 + a->cols;
    return (a->row0 > 0 && row - a->row0 < PROTO_NMS_REACH_ROWS) ||
           (row1 < a->level_rows && row1 - 1 - row < PROTO_NMS_REACH_ROWS) ||
           (a->col0 > 0 && col - a->col0 < PROTO_NMS_REACH_COLS) ||
           (col1 < a->level_cols && col1 - 1 - col < PROTO_NMS_REACH_COLS);
}

/* What is wrong with survivor s, whose predecessor in the same call is `last` (or NULL); NULL: nothing. */
static const char *fault(const struct partition_merge *merge, const struct proto_survivor *s,
                         const struct proto_survivor *last)
{
    if (s->tile >= merge->tiles->count)
        return "no such tile";
    const struct proto_tile_area a =
        partition_tile_area(merge->pyramid, &merge->tiles->tile[s->tile]);
    if (s->row < a.row0 || s->row - a.row0 >= a.rows || s->col < a.col0 ||
        s->col - a.col0 >= a.cols)
        return "the cell is outside the tile";
    if (!isfinite(s->score))
        return "the score is not finite";
    if (s->flags == 0 || s->flags & ~(uint32_t)(PROTO_SURVIVOR_PEAK | PROTO_SURVIVOR_EDGE) ||
        !(s->flags & PROTO_SURVIVOR_EDGE) == near_cut_edge(&a, s->row, s->col))
        return "the flags do not fit the cell";
    if (merge->states[s->tile].call != 0 && (!last || last->tile != s->tile))
        return "the tile was added before";
    if (last && last->tile == s->tile &&
        (s->row < last->row || (s->row == last->row && s->col <= last->col)))
        return "not in order of row and column";
    return NULL;
}

/* Take back the first `count` survivors of a call that failed. */
static void withdraw(struct partition_merge *merge, const struct proto_survivor *survivors,
                     uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        merge->states[survivors[i].tile].count = merge->states[survivors[i].tile].call = 0;
    merge->call--;
}

int partition_merge_add(struct partition_merge *merge, const struct proto_survivor *survivors,
                        uint32_t count)
{
    merge->call++;
    for (uint32_t i = 0; i < count; i++) {
        const struct proto_survivor *s = &survivors[i];
        const char *wrong = fault(merge, s, i ? s - 1 : NULL);
        if (wrong) {
            proto_log_error(AREA,
                            "survivor %u (tile %u, row %u, column %u, score %g, flags %u): %s", i,
                            s->tile, s->row, s->col, (double)s->score, s->flags, wrong);
            withdraw(merge, survivors, i);
            return PROTO_INVALID;
        }
        struct tile_state *state = &merge->states[s->tile];
        if (state->count == state->max) {
            proto_log_error(AREA, "tile %u: more than %u survivors", s->tile, state->max);
            withdraw(merge, survivors, i);
            return PROTO_LIMIT;
        }
        state->count++;
        state->call = merge->call;
    }
    /* Fits: the room is the sum of all tiles' maxima. */
    if (count)
        memcpy(merge->arrived + merge->arrived_count, survivors, count * sizeof(*survivors));
    merge->arrived_count += count;
    return PROTO_OK;
}

/* ---- order and look-up ---- */

static uint32_t row_of(const struct partition_merge *merge, int32_t level, int32_t row)
{
    return merge->first_row[level] + (uint32_t)row;
}

/* Sort one row by column: it arrives as a few runs that are sorted already. */
static void sort_row(struct partition_peak *peaks, uint8_t *flags, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const struct partition_peak peak = peaks[i];
        const uint8_t flag = flags[i];
        uint32_t j = i;
        for (; j > 0 && peaks[j - 1].col > peak.col; j--) {
            peaks[j] = peaks[j - 1];
            flags[j] = flags[j - 1];
        }
        peaks[j] = peak;
        flags[j] = flag;
    }
}

/* merge->arrived -> merge->all: counting sort by row, then each row by column. */
static void put_in_order(struct partition_merge *merge)
{
    const uint32_t rows = merge->first_row[merge->pyramid->level_count];
    struct index *all = &merge->all;
    memset(all->start, 0, (rows + 1u) * sizeof(*all->start));
    for (uint32_t i = 0; i < merge->arrived_count; i++) {
        const struct proto_survivor *s = &merge->arrived[i];
        all->start[row_of(merge, merge->tiles->tile[s->tile].level, s->row)]++;
    }
    uint32_t end = 0;
    for (uint32_t r = 0; r <= rows; r++)
        all->start[r] = end += all->start[r];
    /* Each row fills from its end, so start[] moves back from the row's end to its beginning. */
    for (uint32_t i = merge->arrived_count; i-- > 0;) {
        const struct proto_survivor *s = &merge->arrived[i];
        const int32_t level = merge->tiles->tile[s->tile].level;
        const uint32_t at = --all->start[row_of(merge, level, s->row)];
        all->peaks[at] = (struct partition_peak){
            .level = level, .row = s->row, .col = s->col, .score = s->score};
        merge->flags[at] = (uint8_t)s->flags;
    }
    all->count = merge->arrived_count;
    for (uint32_t r = 0; r < rows; r++)
        sort_row(all->peaks + all->start[r], merge->flags + all->start[r],
                 all->start[r + 1] - all->start[r]);
}

/* Peaks of one row from column `col` on: *end is the row's end. */
static const struct partition_peak *row_from(const struct partition_merge *merge,
                                             const struct index *index, int32_t level, int32_t row,
                                             int32_t col, const struct partition_peak **end)
{
    const uint32_t r = row_of(merge, level, row);
    uint32_t low = index->start[r], high = index->start[r + 1];
    *end = index->peaks + high;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (index->peaks[middle].col < col)
            low = middle + 1;
        else
            high = middle;
    }
    return index->peaks + low;
}

static int32_t clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* Does any peak of the 7x3 window around (row, col) of `level` beat `peak`? */
static bool window_beats(const struct partition_merge *merge, const struct index *index,
                         int32_t level, int32_t row, int32_t col, const struct partition_peak *peak,
                         bool (*beats)(const struct partition_peak *,
                                       const struct partition_peak *))
{
    const int32_t rows = merge->pyramid->levels[level].rows;
    const int32_t first = clamp(row - PROTO_NMS_REACH_ROWS, 0, rows);
    const int32_t last = clamp(row + PROTO_NMS_REACH_ROWS, -1, rows - 1);
    for (int32_t r = first; r <= last; r++) {
        const struct partition_peak *end;
        const struct partition_peak *p =
            row_from(merge, index, level, r, col - PROTO_NMS_REACH_COLS, &end);
        for (; p < end && p->col <= col + PROTO_NMS_REACH_COLS; p++)
            if (beats(p, peak))
                return true;
    }
    return false;
}

/* ---- the rules ---- */

/* Rule 1, finished at cut edges: merge->all -> merge->best. */
static void finish_planes(struct partition_merge *merge)
{
    const uint32_t rows = merge->first_row[merge->pyramid->level_count];
    const struct index *all = &merge->all;
    struct index *best = &merge->best;
    best->count = 0;
    for (uint32_t r = 0; r < rows; r++) {
        best->start[r] = best->count;
        for (uint32_t i = all->start[r]; i < all->start[r + 1]; i++) {
            const struct partition_peak *p = &all->peaks[i];
            if (!(merge->flags[i] & PROTO_SURVIVOR_PEAK))
                continue;
            if (merge->flags[i] & PROTO_SURVIVOR_EDGE &&
                window_beats(merge, all, p->level, p->row, p->col, p, partition_nms_beats))
                continue;
            best->peaks[best->count++] = *p;
        }
    }
    best->start[rows] = best->count;
}

/* Rule 2. */
static bool stands_across_levels(const struct partition_merge *merge,
                                 const struct partition_peak *p)
{
    for (int32_t k = p->level - 1; k <= p->level + 1; k += 2) {
        int32_t row, col;
        if (k < 0 || k >= merge->pyramid->level_count || merge->pyramid->levels[k].rows == 0)
            continue;
        partition_nms_map(&merge->levels[p->level], &merge->levels[k], p->row, p->col, &row, &col);
        if (window_beats(merge, &merge->best, k, row, col, p, partition_nms_beats_across))
            return false;
    }
    return true;
}

/* Cells first..last of an axis that can lie within `reach` of `at`, with a cell to spare. */
static void cells_within(double at, double reach, double origin, double step, int32_t count,
                         int32_t *first, int32_t *last)
{
    *first = (int32_t)fmin(fmax(floor((at - reach - origin) / step) - 1, 0), count);
    *last = (int32_t)fmin(fmax(ceil((at + reach - origin) / step) + 1, -1), count - 1);
}

/* Rule 3. */
static struct partition_person refine(const struct partition_merge *merge,
                                      const struct partition_peak *peak)
{
    struct partition_nms_mean mean;
    partition_nms_mean_init(&mean, &merge->levels[peak->level], peak,
                            merge->model->candidate_threshold);
    for (int32_t k = 0; k < merge->pyramid->level_count; k++) {
        const struct partition_nms_level *level = &merge->levels[k];
        const struct partition_level *size = &merge->pyramid->levels[k];
        int32_t row, last_row, col, last_col;
        if (fabs(level->log_height - mean.log_height) > PARTITION_NMS_REACH_SCALE)
            continue;
        cells_within(mean.y, mean.height * PARTITION_NMS_REACH_Y, level->y0, level->step_y,
                     size->rows, &row, &last_row);
        cells_within(mean.x, mean.height * PARTITION_NMS_REACH_X, level->x0, level->step_x,
                     size->cols, &col, &last_col);
        for (; row <= last_row; row++) {
            const struct partition_peak *end;
            const struct partition_peak *p = row_from(merge, &merge->best, k, row, col, &end);
            for (; p < end && p->col <= last_col; p++)
                partition_nms_mean_add(&mean, level, p);
        }
    }
    return partition_nms_mean_person(&mean, merge->model->aspect);
}

static void sift_down(struct partition_person *persons, uint32_t root, uint32_t count)
{
    for (uint32_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && partition_nms_rank(&persons[child], &persons[child + 1]) < 0)
            child++;
        if (partition_nms_rank(&persons[root], &persons[child]) >= 0)
            return;
        const struct partition_person swap = persons[root];
        persons[root] = persons[child];
        persons[child] = swap;
    }
}

/* Heap sort, because qsort may allocate. */
static void rank(struct partition_person *persons, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        sift_down(persons, i, count);
    for (uint32_t n = count; n-- > 1;) {
        const struct partition_person swap = persons[0];
        persons[0] = persons[n];
        persons[n] = swap;
        sift_down(persons, 0, n);
    }
}

/* Most pairs are far apart: a look at the boxes' sides spares them the overlap's call. */
static bool apart(const struct partition_person *a, const struct partition_person *b)
{
    return a->x >= b->x + b->w || b->x >= a->x + a->w || a->y >= b->y + b->h || b->y >= a->y + a->h;
}

/* Rule 4: keep, at the front, those that no better one overlaps. Returns how many. */
static uint32_t suppress_overlaps(const struct partition_merge *merge,
                                  struct partition_person *persons, uint32_t count)
{
    const enum proto_overlap_measure measure = merge->model->overlap_measure;
    const double overlap = (double)merge->model->overlap;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct partition_person *p = &persons[i];
        uint32_t j = 0;
        while (j < kept &&
               (apart(&persons[j], p) || partition_nms_overlap(measure, &persons[j], p) <= overlap))
            j++;
        if (j == kept)
            persons[kept++] = *p;
    }
    return kept;
}

/* By the feet, the middle of the box's lower edge. */
static double distance(const struct partition_merge *merge, const struct partition_person *p)
{
    return merge->camera ? partition_camera_distance(merge->camera, p->x + p->w / 2, p->y + p->h)
                         : NAN;
}

int partition_merge_finish(struct partition_merge *merge, const struct proto_detection **detections,
                           uint32_t *count)
{
    uint32_t n = 0;
    put_in_order(merge);
    finish_planes(merge);
    for (uint32_t i = 0; i < merge->best.count; i++) {
        const struct partition_peak *p = &merge->best.peaks[i];
        if (p->score > merge->threshold && stands_across_levels(merge, p))
            merge->persons[n++] = refine(merge, p);
    }
    rank(merge->persons, n);
    n = suppress_overlaps(merge, merge->persons, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct partition_person *p = &merge->persons[i];
        merge->detections[i] = (struct proto_detection){.x = (float)p->x,
                                                        .y = (float)p->y,
                                                        .w = (float)p->w,
                                                        .h = (float)p->h,
                                                        .score = p->peak.score,
                                                        .level = p->peak.level,
                                                        .distance_m = (float)distance(merge, p)};
    }
    merge->found = n;
    *detections = merge->detections;
    *count = n;
    return PROTO_OK;
}
