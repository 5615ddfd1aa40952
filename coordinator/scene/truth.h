/* What is exactly known about the persons of a frame.
 */
#ifndef COORDINATOR_SCENE_TRUTH_H
#define COORDINATOR_SCENE_TRUTH_H

#include "coordinator/scene/cast.h"

struct scene_truth {
    float x, y, w,
        h; /* whole body, soles to top of head, in frame pixels; also what is hidden or cut off */
    bool ignore;      /* neither a miss nor a false alarm: see scene_truth_of */
    float visible;    /* share of the body that the picture shows */
    float distance_m; /* along the floor, from below the camera to below the hips */
};

/* Shortest person that counts, pixels, and least visible share. */
#define SCENE_PERSON_MIN_PX 75.0f
#define SCENE_VISIBLE_MIN   0.65f /* the "reasonable" subset of Dollar et al. 2012 */

/* False: the person is beside or behind the camera, or outside the picture.
 * `ignore` is set for persons shorter than SCENE_PERSON_MIN_PX, less visible than
 * SCENE_VISIBLE_MIN, or cut off so far that no window of the detector's pyramid (frame padded below
 * by its own height) fits them. */
bool scene_truth_of(const struct scene_world *world, int person, struct scene_truth *truth);

#endif
