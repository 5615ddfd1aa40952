/* A person as a smooth union of tapered capsules (two spheres and the cone between them), posed by
 * a walking cycle. Near parts melt into each other, which gives shoulders, hips and sleeves a
 * natural outline. The renderer marches rays against the distance to this surface.
 *
 * Smooth minimum: https://iquilezles.org/articles/smin/ (quadratic polynomial).
 */
#ifndef COORDINATOR_SCENE_BODY_H
#define COORDINATOR_SCENE_BODY_H

#include "coordinator/scene/camera.h"
#include "coordinator/scene/look.h"

enum { SCENE_PARTS_MAX = 40 };

enum scene_part_kind {
    SCENE_PART_TRUNK,
    SCENE_PART_HIPS,
    SCENE_PART_NECK,
    SCENE_PART_HEAD,
    SCENE_PART_HAIR,
    SCENE_PART_UPPER_ARM,
    SCENE_PART_FOREARM,
    SCENE_PART_HAND,
    SCENE_PART_THIGH,
    SCENE_PART_SHANK,
    SCENE_PART_FOOT,
    SCENE_PART_SKIRT,
    SCENE_PART_BAG
};

struct scene_part {
    struct scene_vec a, b; /* world, metres */
    struct scene_vec ab;   /* b - a */
    float inverse;         /* 1 / |ab|^2; 0 for a sphere */
    float ra, rb;          /* radius at a and at b */
    float blend;           /* how far it melts into the parts before it */
    float cut_z;           /* nothing of it below this height (hem of a coat) */
    enum scene_part_kind kind;
    struct scene_vec middle; /* of a bounding sphere */
    float bound;
};

struct scene_pose {
    struct scene_vec at; /* point on the floor below the hips */
    float heading;       /* turns; 0 walks along +y, 0.25 along -x */
    float phase;         /* of the walking cycle, turns */
    float swing;         /* 0: stands, 1: walks */
};

struct scene_body {
    const struct scene_look *look; /* borrowed */
    struct scene_pose pose;
    struct scene_vec forward, left;             /* of the trunk; up is z */
    struct scene_vec chest, head, head_forward; /* head: its centre */
    int count;
    struct scene_part parts[SCENE_PARTS_MAX];
    struct scene_vec centre; /* of a bounding sphere */
    float radius;
};

/* Which parts a ray may meet: bit i is parts[i]. */
typedef uint64_t scene_parts;

/* Build the parts; the lowest sole touches the floor. */
void scene_body_init(struct scene_body *body, const struct scene_look *look,
                     const struct scene_pose *pose);
/* Distance to the surface made of `parts`; *nearest (may be NULL) is the part that owns the point.
 */
float scene_body_distance(const struct scene_body *body, scene_parts parts, struct scene_vec p,
                          int *nearest);
/* First hit of a ray (unit direction) between *t and end; true: *t is the hit. accuracy: metres. */
bool scene_body_march(const struct scene_body *body, scene_parts parts, struct scene_vec origin,
                      struct scene_vec ray, float end, float accuracy, float *t);
/* Those of `parts` that come within `reach` of p: looking at these alone is a good deal faster. */
scene_parts scene_body_near(const struct scene_body *body, scene_parts parts, struct scene_vec p,
                            float reach);
struct scene_vec scene_body_normal(const struct scene_body *body, scene_parts parts,
                                   struct scene_vec p, float accuracy);
/* Outline rectangle of one part, of the whole figure; false: (partly) beside or behind the camera.
 */
bool scene_body_part_box(const struct scene_camera *camera, const struct scene_part *part,
                         float margin, struct scene_box *box);
bool scene_body_box(const struct scene_camera *camera, const struct scene_body *body,
                    struct scene_box *box);

#endif
