/* See sightings.h. */
#include "cli/sightings.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/eval/detections.h"
#include "coordinator/eval/truth.h"
#include "proto/status.h"

enum { IN_FRAME_MAX = 64 };     /* persons followed from frame to frame */
static const double same = 0.3; /* overlap of one person's boxes in consecutive frames */
static const double edge = 2;   /* pixels */

struct followed {
    struct eval_box box;
    uint32_t track;
};

struct gather {
    struct cli_sightings *out;
    struct proto_size frame;
    uint32_t cap, track_count;
    struct followed last[IN_FRAME_MAX], now[IN_FRAME_MAX];
    int last_count, now_count;
};

static bool is_whole(const struct eval_box *box, struct proto_size frame)
{
    return box->x >= edge && box->y >= edge && box->x + box->w <= frame.w - edge &&
           box->y + box->h <= frame.h - edge;
}

/* The track of the last frame's box that this one overlaps most, or a new one. */
static uint32_t track_of(struct gather *gather, const struct eval_box *box)
{
    int best = -1;
    double most = same;
    for (int i = 0; i < gather->last_count; i++) {
        const double overlap = eval_box_iou(box, &gather->last[i].box);
        if (overlap > most) {
            most = overlap;
            best = i;
        }
    }
    if (best < 0)
        return gather->track_count++;
    const uint32_t track = gather->last[best].track;
    gather->last[best] = gather->last[--gather->last_count]; /* taken */
    return track;
}

static int add(struct gather *gather, const struct eval_box *box)
{
    struct cli_sightings *out = gather->out;
    if (!is_whole(box, gather->frame)) {
        out->cut++;
        return PROTO_OK;
    }
    if (out->count == gather->cap) {
        const uint32_t cap = gather->cap ? gather->cap * 2 : 256;
        struct partition_sighting *list = realloc(out->list, cap * sizeof(*list));
        if (!list)
            return PROTO_NO_MEMORY;
        out->list = list;
        gather->cap = cap;
    }
    const uint32_t track = track_of(gather, box);
    out->list[out->count++] = (struct partition_sighting){
        .x = box->x + box->w / 2, .top = box->y, .bottom = box->y + box->h, .track = track};
    if (gather->now_count < IN_FRAME_MAX)
        gather->now[gather->now_count++] = (struct followed){*box, track};
    return PROTO_OK;
}

static void next_frame(struct gather *gather)
{
    memcpy(gather->last, gather->now, sizeof(gather->now));
    gather->last_count = gather->now_count;
    gather->now_count = 0;
}

static int by_track(const void *a, const void *b)
{
    const struct partition_sighting *x = a, *y = b;
    if (x->track != y->track)
        return x->track < y->track ? -1 : 1;
    return (x->bottom > y->bottom) - (x->bottom < y->bottom);
}

/* Of each track at most so many, evenly by the feet's row; then at most as many as an estimate takes. */
static void thin_out(struct cli_sightings *s)
{
    uint32_t kept = 0;
    if (s->count == 0)
        return;
    qsort(s->list, s->count, sizeof(*s->list), by_track);
    for (uint32_t first = 0, end; first < s->count; first = end) {
        for (end = first; end < s->count && s->list[end].track == s->list[first].track;)
            end++;
        const uint32_t n = end - first;
        const uint32_t keep = n < CLI_SIGHTINGS_A_TRACK ? n : CLI_SIGHTINGS_A_TRACK;
        for (uint32_t i = 0; i < keep; i++)
            s->list[kept++] = s->list[first + (keep > 1 ? i * (n - 1) / (keep - 1) : 0)];
    }
    const uint32_t most = PARTITION_SIGHTINGS_MAX;
    if (kept > most) {
        for (uint32_t i = 0; i < most; i++)
            s->list[i] = s->list[(uint64_t)i * kept / most];
        kept = most;
    }
    s->too_many = s->count - kept;
    s->count = kept;
}

int cli_sightings_truth(const char *path, struct proto_size frame, struct cli_sightings *sightings)
{
    struct gather gather = {.out = sightings, .frame = frame};
    struct eval_truth *truth = NULL;
    *sightings = (struct cli_sightings){0};
    int status = eval_truth_open(path, &truth);
    for (size_t f = 0; !status && f < truth->frame_count; f++) {
        const struct eval_truth_frame *one = &truth->frames[f];
        for (size_t i = 0; !status && i < one->box_count; i++) {
            if (one->boxes[i].ignore || one->boxes[i].visible < 0.65)
                sightings->low++;
            else
                status = add(&gather, &one->boxes[i].box);
        }
        next_frame(&gather);
    }
    eval_truth_close(truth);
    thin_out(sightings);
    return status;
}

int cli_sightings_detections(const char *path, struct proto_size frame, double threshold,
                             struct cli_sightings *sightings)
{
    struct gather gather = {.out = sightings, .frame = frame};
    struct eval_detections detections = {0};
    *sightings = (struct cli_sightings){0};
    int status = eval_detections_read(&detections, path);
    for (size_t f = 0; !status && f < detections.frame_count; f++) {
        const struct eval_detection_frame *one = &detections.frames[f];
        for (size_t i = 0; !status && i < one->count; i++) {
            if (!(one->list[i].score >= threshold))
                sightings->low++;
            else
                status = add(&gather, &one->list[i].box);
        }
        next_frame(&gather);
    }
    eval_detections_close(&detections);
    thin_out(sightings);
    return status;
}

void cli_sightings_free(struct cli_sightings *sightings)
{
    free(sightings->list);
    *sightings = (struct cli_sightings){0};
}
