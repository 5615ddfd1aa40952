/* Where each person is at any time: walks between points that the camera can see, around furniture
 * and each other. Some stand.
 */
#ifndef COORDINATOR_SCENE_WALK_H
#define COORDINATOR_SCENE_WALK_H

#include "coordinator/scene/body.h"
#include "coordinator/scene/place.h"

enum { SCENE_WAYPOINTS_MAX = 64 };

struct scene_walk {
    int count; /* of points; 1: stands */
    float x[SCENE_WAYPOINTS_MAX], y[SCENE_WAYPOINTS_MAX];
    float start_s[SCENE_WAYPOINTS_MAX]; /* when each point is reached */
    float speed;                        /* m/s */
    float heading;                      /* of a person who stands, turns */
    float phase;                        /* of the walking cycle at the first point */
    float stride_m;
};

struct scene_walk_limits {
    const struct scene_camera *camera;
    const struct scene_place *place;
    float min_m, max_m; /* distance from the camera along the floor */
    float duration_s;
};

/* Choose a walk that keeps clear of the `others` chosen before. */
void scene_walk_choose(struct scene_random *random, const struct scene_walk_limits *limits,
                       float body_height_m, const struct scene_walk *others, int count,
                       struct scene_walk *walk);
void scene_walk_pose(const struct scene_walk *walk, float t_s, struct scene_pose *pose);

#endif
