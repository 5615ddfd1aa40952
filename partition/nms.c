#include "partition/nms.h"

#include <math.h>

void partition_nms_level_init(struct partition_nms_level *level,
                              const struct partition_pyramid *pyramid,
                              const struct partition_model *model, int k)
{
    const struct partition_level *l = &pyramid->levels[k];
    const struct partition_net *net = &model->nets[l->net];
    double box[4];
    partition_pyramid_box(pyramid, model, k, 0, 0, box);
    *level = (struct partition_nms_level){.level = k,
                                          .x0 = box[0] + box[2] / 2,
                                          .y0 = box[1] + box[3] / 2,
                                          .step_x = net->stride.w / l->scale,
                                          .step_y = net->stride.h / l->scale,
                                          .height = box[3],
                                          .log_height = log(box[3])};
}

static int compare(int32_t a, int32_t b)
{
    return (a > b) - (a < b);
}

int partition_nms_order(const struct partition_peak *a, const struct partition_peak *b)
{
    if (a->level != b->level)
        return compare(a->level, b->level);
    if (a->row != b->row)
        return compare(a->row, b->row);
    return compare(a->col, b->col);
}

bool partition_nms_beats(const struct partition_peak *a, const struct partition_peak *b)
{
    if (a->score != b->score)
        return a->score > b->score;
    return a->row != b->row ? a->row < b->row : a->col < b->col;
}

bool partition_nms_beats_across(const struct partition_peak *a, const struct partition_peak *b)
{
    return a->score != b->score ? a->score > b->score : a->level < b->level;
}

/* Nearest whole number, kept where a window's reach can be added to it. */
static int32_t nearest(double x)
{
    return (int32_t)fmin(fmax(floor(x + 0.5), -1e9), 1e9);
}

void partition_nms_map(const struct partition_nms_level *from, const struct partition_nms_level *to,
                       int32_t row, int32_t col, int32_t *to_row, int32_t *to_col)
{
    const double y = from->y0 + row * from->step_y, x = from->x0 + col * from->step_x;
    *to_row = nearest((y - to->y0) / to->step_y);
    *to_col = nearest((x - to->x0) / to->step_x);
}

void partition_nms_mean_init(struct partition_nms_mean *mean,
                             const struct partition_nms_level *level,
                             const struct partition_peak *peak, float candidate_threshold)
{
    *mean = (struct partition_nms_mean){.peak = *peak,
                                        .x = level->x0 + peak->col * level->step_x,
                                        .y = level->y0 + peak->row * level->step_y,
                                        .height = level->height,
                                        .log_height = level->log_height,
                                        .per_x = 1 / (level->height * PARTITION_NMS_REACH_X),
                                        .per_y = 1 / (level->height * PARTITION_NMS_REACH_Y),
                                        .candidate_threshold = (double)candidate_threshold};
}

void partition_nms_mean_add(struct partition_nms_mean *mean,
                            const struct partition_nms_level *level,
                            const struct partition_peak *peak)
{
    const double x = level->x0 + peak->col * level->step_x;
    const double y = level->y0 + peak->row * level->step_y;
    const double dx = (x - mean->x) * mean->per_x;
    const double dy = (y - mean->y) * mean->per_y;
    const double ds = (level->log_height - mean->log_height) * (1 / PARTITION_NMS_REACH_SCALE);
    const double nearness = 1 - (dx * dx + dy * dy + ds * ds);
    if (nearness <= 0)
        return;
    const double above = (double)peak->score - mean->candidate_threshold;
    const double weight = above > 0 ? above * nearness : 0;
    mean->weight += weight;
    mean->sum_x += weight * x;
    mean->sum_y += weight * y;
    mean->sum_log_height += weight * level->log_height;
}

struct partition_person partition_nms_mean_person(const struct partition_nms_mean *mean,
                                                  double aspect)
{
    struct partition_person person = {.peak = mean->peak};
    double x = mean->x, y = mean->y;
    person.h = mean->height;
    if (mean->weight > 0) {
        x = mean->sum_x / mean->weight;
        y = mean->sum_y / mean->weight;
        person.h = exp(mean->sum_log_height / mean->weight);
    }
    person.w = aspect * person.h;
    person.x = x - person.w / 2;
    person.y = y - person.h / 2;
    return person;
}

/* fmin and fmax are calls, and this runs for every pair of persons. */
static double lower(double a, double b)
{
    return a < b ? a : b;
}

static double higher(double a, double b)
{
    return a > b ? a : b;
}

double partition_nms_overlap(enum proto_overlap_measure measure, const struct partition_person *a,
                             const struct partition_person *b)
{
    const double w = lower(a->x + a->w, b->x + b->w) - higher(a->x, b->x);
    if (!(w > 0))
        return 0;
    const double h = lower(a->y + a->h, b->y + b->h) - higher(a->y, b->y);
    if (!(h > 0))
        return 0;
    const double area_a = a->w * a->h, area_b = b->w * b->h, both = w * h;
    return both / (measure == PROTO_OVERLAP_MIN ? lower(area_a, area_b) : area_a + area_b - both);
}

int partition_nms_rank(const struct partition_person *a, const struct partition_person *b)
{
    if (a->peak.score != b->peak.score)
        return a->peak.score > b->peak.score ? -1 : 1;
    return partition_nms_order(&a->peak, &b->peak);
}
