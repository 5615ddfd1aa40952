/* The light that comes back from what a ray met.
 */
#ifndef COORDINATOR_SCENE_SHADE_H
#define COORDINATOR_SCENE_SHADE_H

#include "coordinator/scene/cast.h"

/* Linear colour; 1 is white paper in full light. */
struct scene_vec scene_shade(const struct scene_world *world, const struct scene_hit *hit);

#endif
