/* The colour of a point on a person: skin, hair, clothes with folds, weave and patterns.
 */
#ifndef COORDINATOR_SCENE_DRESS_H
#define COORDINATOR_SCENE_DRESS_H

#include "coordinator/scene/body.h"

struct scene_dress {
    struct scene_vec albedo; /* linear */
    float folds;             /* shading of folds, about -1 .. 1; 0 for skin */
    float gloss;             /* 0 .. 1 */
};

/* part: the part that owns p; footprint: metres per pixel. */
void scene_dress_at(const struct scene_body *body, int part, struct scene_vec p, float footprint,
                    struct scene_dress *out);

#endif
