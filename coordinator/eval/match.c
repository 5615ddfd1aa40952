#include "coordinator/eval/match.h"

#include <math.h>
#include <stdlib.h>

#include "proto/log.h"
#include "proto/status.h"

enum { COUNT_MAX = 0x7fffffff };

/* Room for the frame at hand, as large as the largest frame needs. */
struct workspace {
    struct eval_box *truth; /* as compared */
    bool *ignore;
    double *taken; /* score of the detection that took the person; -INFINITY: free */
    struct candidate {
        struct eval_box box;
        double score;
        uint32_t detection;
    } * candidates;
};

static bool outside(double value, double low, double high)
{
    return value < low || value > high;
}

static struct eval_box clipped(const struct eval_rules *rules, const struct eval_frame *frame,
                               const struct eval_box *box)
{
    if (!rules->clip || frame->size.w <= 0)
        return *box;
    return eval_box_clip(box, frame->size.w, frame->size.h);
}

/* A row marked as ignore is a region (a group, a bicycle) and keeps its shape; a person that the subset
 * leaves out is still a person and is compared as one. */
static uint32_t prepare_truth(const struct eval_rules *rules, const struct eval_frame *frame,
                              struct workspace *work)
{
    uint32_t persons = 0;
    for (size_t i = 0; i < frame->truth_count; i++) {
        const struct eval_truth_box *truth = &frame->truth[i];
        struct eval_box box = clipped(rules, frame, &truth->box);
        work->ignore[i] = truth->ignore ||
                          outside(truth->box.h, rules->min_height, rules->max_height) ||
                          truth->visible < rules->min_visible;
        work->truth[i] = truth->ignore ? box : eval_box_normalise(&box, rules->aspect);
        work->taken[i] = -INFINITY;
        persons += !work->ignore[i];
    }
    return persons;
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *p = a, *q = b;
    if (p->score != q->score)
        return p->score < q->score ? 1 : -1;
    return (p->detection > q->detection) - (p->detection < q->detection);
}

static uint32_t prepare_candidates(const struct eval_rules *rules, const struct eval_frame *frame,
                                   struct workspace *work)
{
    uint32_t count = 0;
    for (size_t i = 0; i < frame->detection_count; i++) {
        const struct eval_detection *detection = &frame->detections[i];
        double h = detection->box.h;
        struct eval_box box = clipped(rules, frame, &detection->box);
        if (h < rules->min_height / rules->margin || h >= rules->max_height * rules->margin ||
            box.h <= 0)
            continue;
        work->candidates[count++] = (struct candidate){eval_box_normalise(&box, rules->aspect),
                                                       detection->score, (uint32_t)i};
    }
    if (count)
        qsort(work->candidates, count, sizeof(*work->candidates), compare_candidates);
    return count;
}

/* The free person that the box overlaps most, or -1. Of equal ones the later, as in the published code. */
static int64_t best_person(const struct eval_rules *rules, const struct workspace *work,
                           size_t truth_count, const struct eval_box *box, double *iou)
{
    int64_t best = -1;
    *iou = rules->overlap;
    for (size_t i = 0; i < truth_count; i++) {
        if (work->ignore[i] || work->taken[i] > -INFINITY)
            continue;
        double overlap = eval_box_iou(box, &work->truth[i]);
        if (overlap >= *iou) {
            best = (int64_t)i;
            *iou = overlap;
        }
    }
    return best;
}

static bool in_ignored(const struct eval_rules *rules, const struct workspace *work,
                       size_t truth_count, const struct eval_box *box)
{
    for (size_t i = 0; i < truth_count; i++)
        if (work->ignore[i] && eval_box_covered(box, &work->truth[i]) >= rules->overlap)
            return true;
    return false;
}

static void match_frame(const struct eval_rules *rules, const struct eval_set *set, uint32_t index,
                        struct workspace *work, struct eval_match *match)
{
    const struct eval_frame *frame = &set->frames[index];
    match->frame_persons[index] = prepare_truth(rules, frame, work);
    uint32_t count = prepare_candidates(rules, frame, work);
    for (uint32_t i = 0; i < count; i++) {
        const struct candidate *candidate = &work->candidates[i];
        double iou;
        int64_t person = best_person(rules, work, frame->truth_count, &candidate->box, &iou);
        if (person >= 0)
            work->taken[person] = candidate->score;
        else if (in_ignored(rules, work, frame->truth_count, &candidate->box))
            continue;
        match->hits[match->hit_count++] = (struct eval_hit){
            candidate->score, person >= 0 ? iou : 0, index, candidate->detection, person >= 0};
    }
    for (size_t i = 0; i < frame->truth_count; i++)
        if (!work->ignore[i])
            match->persons[match->person_count++] =
                (struct eval_person){index, (uint32_t)i, work->taken[i]};
}

static int compare_hits(const void *a, const void *b)
{
    const struct eval_hit *p = a, *q = b;
    if (p->score != q->score)
        return p->score < q->score ? 1 : -1;
    if (p->frame != q->frame)
        return p->frame < q->frame ? -1 : 1;
    return (p->detection > q->detection) - (p->detection < q->detection);
}

struct totals {
    size_t truth, detections;           /* of all frames */
    size_t most_truth, most_detections; /* of one frame */
};

static struct totals count_boxes(const struct eval_set *set)
{
    struct totals t = {0};
    for (size_t i = 0; i < set->frame_count; i++) {
        size_t truth = set->frames[i].truth_count, found = set->frames[i].detection_count;
        t.truth += truth;
        t.detections += found;
        t.most_truth = truth > t.most_truth ? truth : t.most_truth;
        t.most_detections = found > t.most_detections ? found : t.most_detections;
    }
    return t;
}

static void workspace_close(struct workspace *work)
{
    free(work->truth);
    free(work->ignore);
    free(work->taken);
    free(work->candidates);
}

static int workspace_open(struct workspace *work, const struct totals *t)
{
    work->truth = calloc(t->most_truth + 1, sizeof(*work->truth));
    work->ignore = calloc(t->most_truth + 1, sizeof(*work->ignore));
    work->taken = calloc(t->most_truth + 1, sizeof(*work->taken));
    work->candidates = calloc(t->most_detections + 1, sizeof(*work->candidates));
    bool all = work->truth && work->ignore && work->taken && work->candidates;
    return all ? PROTO_OK : PROTO_NO_MEMORY;
}

int eval_match_open(const struct eval_set *set, const struct eval_rules *rules,
                    struct eval_match **out)
{
    struct totals totals = count_boxes(set);
    if (set->frame_count > COUNT_MAX || totals.truth > COUNT_MAX || totals.detections > COUNT_MAX)
        return PROTO_LIMIT;
    struct workspace work = {0};
    int status = PROTO_NO_MEMORY;
    struct eval_match *match = calloc(1, sizeof(*match));
    if (!match || workspace_open(&work, &totals))
        goto fail;
    match->hits = calloc(totals.detections + 1, sizeof(*match->hits));
    match->persons = calloc(totals.truth + 1, sizeof(*match->persons));
    match->frame_persons = calloc(set->frame_count + 1, sizeof(*match->frame_persons));
    if (!match->hits || !match->persons || !match->frame_persons)
        goto fail;
    match->frame_count = (uint32_t)set->frame_count;
    for (uint32_t i = 0; i < match->frame_count; i++)
        match_frame(rules, set, i, &work, match);
    if (match->hit_count)
        qsort(match->hits, match->hit_count, sizeof(*match->hits), compare_hits);
    workspace_close(&work);
    *out = match;
    return PROTO_OK;
fail:
    proto_log_error("eval", "%zu detections, %zu boxes of truth: %s", totals.detections,
                    totals.truth, proto_status_text(status));
    workspace_close(&work);
    eval_match_close(match);
    return status;
}

void eval_match_close(struct eval_match *match)
{
    if (!match)
        return;
    free(match->hits);
    free(match->persons);
    free(match->frame_persons);
    free(match);
}
