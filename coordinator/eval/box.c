#include "coordinator/eval/box.h"

#include <math.h>

enum { FARTHEST = 1000000 };

bool eval_box_valid(const struct eval_box *box)
{
    return fabs(box->x) <= FARTHEST && fabs(box->y) <= FARTHEST && box->w > 0 &&
           box->w <= FARTHEST && box->h > 0 && box->h <= FARTHEST;
}

double eval_box_intersection(const struct eval_box *a, const struct eval_box *b)
{
    double w = fmin(a->x + a->w, b->x + b->w) - fmax(a->x, b->x);
    double h = fmin(a->y + a->h, b->y + b->h) - fmax(a->y, b->y);
    return w > 0 && h > 0 ? w * h : 0;
}

double eval_box_iou(const struct eval_box *a, const struct eval_box *b)
{
    double both = eval_box_intersection(a, b);
    return both > 0 ? both / (a->w * a->h + b->w * b->h - both) : 0;
}

double eval_box_covered(const struct eval_box *box, const struct eval_box *region)
{
    double both = eval_box_intersection(box, region);
    return both > 0 ? both / (box->w * box->h) : 0;
}

struct eval_box eval_box_normalise(const struct eval_box *box, double aspect)
{
    double w = aspect * box->h;
    return (struct eval_box){box->x + (box->w - w) / 2, box->y, w, box->h};
}

struct eval_box eval_box_clip(const struct eval_box *box, double w, double h)
{
    double x0 = fmin(fmax(box->x, 0), w), x1 = fmin(fmax(box->x + box->w, 0), w);
    double y0 = fmin(fmax(box->y, 0), h), y1 = fmin(fmax(box->y + box->h, 0), h);
    return (struct eval_box){x0, y0, x1 - x0, y1 - y0};
}
