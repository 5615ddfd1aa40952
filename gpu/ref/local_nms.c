/* Local non-maximum suppression within one tile; the rule is in gpu/device.h. */
#include "gpu/ref/ref.h"

/* Is no cell of the 7x3 window better? Of equal ones the first in reading order is. */
static bool is_peak(const float *scores, const struct proto_tile_area *area, int32_t row,
                    int32_t col)
{
    float own = scores[row * area->cols + col];
    for (int32_t r = row - PROTO_NMS_REACH_ROWS; r <= row + PROTO_NMS_REACH_ROWS; r++)
        for (int32_t c = col - PROTO_NMS_REACH_COLS; c <= col + PROTO_NMS_REACH_COLS; c++) {
            if (r < 0 || r >= area->rows || c < 0 || c >= area->cols || (r == row && c == col))
                continue;
            float other = scores[r * area->cols + c];
            bool earlier = r < row || (r == row && c < col);
            if (other > own || (other == own && earlier))
                return false;
        }
    return true;
}

static bool near_cut_edge(const struct proto_tile_area *area, int32_t row, int32_t col)
{
    bool cut_top = area->row0 > 0, cut_left = area->col0 > 0;
    bool cut_bottom = area->row0 + area->rows < area->level_rows;
    bool cut_right = area->col0 + area->cols < area->level_cols;
    return (cut_top && row < PROTO_NMS_REACH_ROWS) || (cut_left && col < PROTO_NMS_REACH_COLS) ||
           (cut_bottom && row >= area->rows - PROTO_NMS_REACH_ROWS) ||
           (cut_right && col >= area->cols - PROTO_NMS_REACH_COLS);
}

uint32_t gpu_ref_local_nms(const float *scores, const struct proto_tile_area *area, float threshold,
                           struct proto_survivor *out, uint32_t cap)
{
    uint32_t count = 0;
    for (int32_t row = 0; row < area->rows; row++)
        for (int32_t col = 0; col < area->cols; col++) {
            float score = scores[row * area->cols + col];
            if (!(score > threshold))
                continue;
            uint32_t flags = (is_peak(scores, area, row, col) ? PROTO_SURVIVOR_PEAK : 0u) |
                             (near_cut_edge(area, row, col) ? PROTO_SURVIVOR_EDGE : 0u);
            if (!flags)
                continue;
            if (count < cap)
                out[count] = (struct proto_survivor){.tile = area->tile,
                                                     .row = (uint16_t)(area->row0 + row),
                                                     .col = (uint16_t)(area->col0 + col),
                                                     .score = score,
                                                     .flags = flags};
            count++;
        }
    return count;
}
