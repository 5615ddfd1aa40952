/* Non-maximum suppression and refinement as small pure rules; merge.c applies them to a frame.
 *
 * 1. In-plane: of all candidates in a window of 7 rows x 3 columns of cells only the best survives.
 * 2. Across levels: a survivor falls to a better one near its place on a neighbouring level. Rules 1
 *    and 2 are the 3x7x3 max-pool of Eisenbach et al. 2017, applied to candidates instead of whole maps.
 * 3. Refinement: one mean-shift step in x, y and log scale over the survivors around a peak
 *    (Dalal 2006, "Finding People in Images and Videos", section 5; OpenCV groupRectangles_meanshift).
 * 4. Overlap: greedily by score, a person that overlaps a better one is dropped.
 *
 * Ties always have a winner that depends on the place alone, so order of arrival can't matter.
 * Everything after rule 1 works in frame coordinates, because levels may belong to different nets.
 */
#ifndef PARTITION_NMS_H
#define PARTITION_NMS_H

#include "partition/pyramid.h"

/* Reach of the mean-shift step: distances at which a neighbour's weight is zero. Twice the sigmas OpenCV
 * uses (8 and 16 px for a person of 96 px, a factor 1.3 in scale). */
#define PARTITION_NMS_REACH_X     (2 * 8.0 / 96)            /* person heights */
#define PARTITION_NMS_REACH_Y     (2 * 16.0 / 96)           /* person heights */
#define PARTITION_NMS_REACH_SCALE (2 * 0.26236426446749106) /* 2 ln 1.3, of log height */

/* From cells of a level to frame pixels: x = (col * step_x + x0) and so on. */
struct partition_nms_level {
    int32_t level;
    double x0, y0;         /* centre of the person at cell (0, 0), frame pixels */
    double step_x, step_y; /* frame pixels from cell to cell */
    double height;         /* of the person, frame pixels */
    double log_height;
};

/* A survivor of rule 1. */
struct partition_peak {
    int32_t level, row, col;
    float score;
};

/* A person: a peak with its box. */
struct partition_person {
    struct partition_peak peak;
    double x, y, w, h; /* frame pixels */
};

void partition_nms_level_init(struct partition_nms_level *level,
                              const struct partition_pyramid *pyramid,
                              const struct partition_model *model, int k);

/* Order of peaks: by level, row, column. */
int partition_nms_order(const struct partition_peak *a, const struct partition_peak *b);

/* Rule 1: true if a, in b's window, takes it out: higher score; of equals the lower row, then the
 * lower column. Never true for a cell and itself. */
bool partition_nms_beats(const struct partition_peak *a, const struct partition_peak *b);

/* Rule 2: true if a, in b's window on a neighbouring level, takes it out: higher score; of equals the
 * lower level. */
bool partition_nms_beats_across(const struct partition_peak *a, const struct partition_peak *b);

/* Cell of level `to` nearest to the place of (row, col) on level `from`; it may lie outside the level. */
void partition_nms_map(const struct partition_nms_level *from, const struct partition_nms_level *to,
                       int32_t row, int32_t col, int32_t *to_row, int32_t *to_col);

/* Rule 3. Start with init, add every survivor (also the peak itself) in the order of
 * partition_nms_order, then take the person. Survivors out of reach change nothing. A survivor
 * weighs its score above the candidate threshold times 1 - (distance / reach)^2. */
struct partition_nms_mean {
    struct partition_peak peak;
    double x, y, height, log_height; /* of the peak */
    double per_x, per_y;             /* 1 / reach */
    double candidate_threshold;
    double weight, sum_x, sum_y, sum_log_height;
};
void partition_nms_mean_init(struct partition_nms_mean *mean,
                             const struct partition_nms_level *level,
                             const struct partition_peak *peak, float candidate_threshold);
void partition_nms_mean_add(struct partition_nms_mean *mean,
                            const struct partition_nms_level *level,
                            const struct partition_peak *peak);
struct partition_person partition_nms_mean_person(const struct partition_nms_mean *mean,
                                                  double aspect);

/* Rule 4: intersection of two boxes over their union, or over the smaller one. */
double partition_nms_overlap(enum proto_overlap_measure measure, const struct partition_person *a,
                             const struct partition_person *b);
/* Order of rule 4: best score first, of equals the first place. */
int partition_nms_rank(const struct partition_person *a, const struct partition_person *b);

#endif
