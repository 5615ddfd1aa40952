/* Which detections are persons of the truth: the matching rules of the Caltech benchmark.
 *
 * Per frame, best score first, a detection takes the person not yet taken that it overlaps most, if the
 * intersection over union is at least 1/2; if there is none, and at least half of the detection lies in
 * an ignore region, it does not count at all. All boxes of persons and detections are first brought to
 * one aspect. Source: Dollar, Wojek, Schiele, Perona: Pedestrian Detection, PAMI 2012, section 3, and bbGt>evalRes
 * of the authors' toolbox.
 */
#ifndef COORDINATOR_EVAL_MATCH_H
#define COORDINATOR_EVAL_MATCH_H

#include <stdint.h>

#include "coordinator/eval/set.h"

struct eval_rules {
    char name[32];                 /* of the subset: "reasonable" */
    double min_height, max_height; /* persons outside are ignored; 50, INFINITY */
    double min_visible;            /* persons hidden more are ignored; 0.65 */
    double overlap;                /* 0.5 */
    double aspect;                 /* 0.41 */
    double margin; /* detections beyond the heights by this factor are dropped; 1.25 */
    bool clip;     /* cut all boxes at the picture's edges first; false */
};
void eval_rules_defaults(struct eval_rules *rules);

/* The named subsets; NULL behind the last. */
struct eval_subset {
    const char *name;
    double min_height, max_height, min_visible;
    const char *text;
};
const struct eval_subset *eval_subset_at(int index);
/* Returns PROTO_OK or PROTO_NOT_FOUND. */
int eval_rules_subset(struct eval_rules *rules, const char *name);
/* "75:927" or "50:" (no upper end). Returns PROTO_OK or PROTO_INVALID. */
int eval_rules_height(struct eval_rules *rules, const char *text);

/* A detection that counts: a person found or a false alarm. */
struct eval_hit {
    double score;
    double iou;         /* with the person it found; 0 for a false alarm */
    uint32_t frame;     /* index in the set */
    uint32_t detection; /* index in the frame */
    bool found;
};

/* A person that counts. */
struct eval_person {
    uint32_t frame, truth; /* index in the set, and in the frame */
    double score;          /* of the detection that found it; -INFINITY: none did */
};

struct eval_match {
    uint32_t frame_count;
    struct eval_hit *hits; /* best score first; then by frame and by order in the file */
    uint32_t hit_count;
    struct eval_person *persons; /* by frame */
    uint32_t person_count;
    uint32_t *frame_persons; /* persons that count, per frame */
};

/* Returns PROTO_OK, PROTO_LIMIT (over 2^31 boxes) or PROTO_NO_MEMORY. */
int eval_match_open(const struct eval_set *set, const struct eval_rules *rules,
                    struct eval_match **out);
void eval_match_close(struct eval_match *match);

#endif
