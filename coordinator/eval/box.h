/* Boxes and their overlaps, as the Caltech evaluation compares them (Dollar et al., PAMI 2012). */
#ifndef COORDINATOR_EVAL_BOX_H
#define COORDINATOR_EVAL_BOX_H

#include <stdbool.h>

struct eval_box {
    double x, y, w, h; /* pixels of the picture; x, y: top-left corner */
};

/* Finite, sides positive, and nothing beyond 10^6 pixels. */
bool eval_box_valid(const struct eval_box *box);
double eval_box_intersection(const struct eval_box *a, const struct eval_box *b);
/* Intersection over union, 0..1. */
double eval_box_iou(const struct eval_box *a, const struct eval_box *b);
/* The share of `box` that lies in `region`, 0..1. */
double eval_box_covered(const struct eval_box *box, const struct eval_box *region);
/* Same height and centre, width = aspect * height. */
struct eval_box eval_box_normalise(const struct eval_box *box, double aspect);
/* What lies inside a picture of w x h pixels; sides are 0 when nothing does. */
struct eval_box eval_box_clip(const struct eval_box *box, double w, double h);

#endif
