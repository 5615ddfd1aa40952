#include "coordinator/eval/set.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/eval/negatives.h"
#include "proto/log.h"
#include "proto/status.h"

enum { NUMBER_SIZE = 24, NAMED_MAX = 5 /* frames named in an error */ };

struct builder {
    const struct eval_truth *truth;
    const struct eval_set_settings *settings;
    struct eval_negatives negatives;
    struct eval_set *set;
    int *line_of; /* per frame of the truth: the line that was searched, 0: none yet */
    size_t stray; /* frames neither in the truth nor among the negatives */
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool wanted(const char *pattern, const char *name)
{
    if (!pattern)
        return true;
    if (strpbrk(pattern, "*?["))
        return fnmatch(pattern, name, 0) == 0;
    return strncmp(pattern, name, strlen(pattern)) == 0;
}

/* Under the truth's naming a frame is called by its number or by its file. */
static const char *frame_name(const struct builder *builder,
                              const struct eval_detection_frame *searched, char *storage)
{
    if (searched->source && builder->truth->naming != EVAL_NAMING_NUMBER)
        return base_name(searched->source);
    if (searched->number < 0)
        return base_name(searched->source);
    snprintf(storage, NUMBER_SIZE, "%ld", searched->number);
    return storage;
}

/* Every frame of the truth may be searched once. */
static int claim(struct builder *builder, const struct eval_truth_frame *truth, int line)
{
    int *claimed = &builder->line_of[truth - builder->truth->frames];
    if (*claimed) {
        proto_log_error("eval", "detections line %d: frame %s was already in line %d", line,
                        truth->name, *claimed);
        return PROTO_MISMATCH;
    }
    *claimed = line;
    return PROTO_OK;
}

static int add_frame(struct builder *builder, const struct eval_detection_frame *searched)
{
    struct eval_set *set = builder->set;
    struct eval_frame *frame = &set->frames[set->frame_count];
    char *storage = set->names + set->frame_count * NUMBER_SIZE;
    const struct eval_truth_frame *truth =
        eval_truth_find(builder->truth, searched->source, searched->number);
    frame->name = frame_name(builder, searched, storage);
    if (!wanted(builder->settings->frames, frame->name))
        return PROTO_OK;
    int status = truth ? claim(builder, truth, searched->line) : PROTO_OK;
    if (status)
        return status;
    if (!truth && builder->settings->negatives &&
        !eval_negatives_contain(&builder->negatives, frame->name)) {
        if (builder->stray++ < NAMED_MAX)
            proto_log_error("eval", "frame %s is neither in the truth nor among the negatives",
                            frame->name);
        return PROTO_OK;
    }
    frame->source = searched->source;
    frame->number = searched->number;
    frame->truth = truth ? truth->boxes : NULL;
    frame->truth_count = truth ? truth->box_count : 0;
    frame->detections = searched->list;
    frame->detection_count = searched->failed ? 0 : searched->count;
    set->frame_count++;
    set->failed_count += searched->failed;
    set->partial_count += !searched->failed && searched->coverage < 1;
    return PROTO_OK;
}

static int compare_frames(const void *a, const void *b)
{
    const struct eval_frame *p = a, *q = b;
    int order = strcmp(p->name, q->name);
    if (!order && p->source && q->source)
        order = strcmp(p->source, q->source);
    return order ? order : (p->number > q->number) - (p->number < q->number);
}

static int refuse_missing(const struct builder *builder)
{
    const struct eval_truth *truth = builder->truth;
    size_t missing = 0;
    for (size_t i = 0; i < truth->frame_count; i++) {
        const char *name = truth->frames[i].name;
        if (builder->line_of[i] || !wanted(builder->settings->frames, base_name(name)))
            continue;
        if (missing++ < NAMED_MAX)
            proto_log_error("eval", "frame %s of the truth is not in the detections", name);
    }
    if (missing > NAMED_MAX)
        proto_log_error("eval", "... and %zu frames more", missing - NAMED_MAX);
    return missing ? PROTO_MISMATCH : PROTO_OK;
}

/* The same picture twice would count its false alarms twice. */
static int refuse_twice(const struct eval_set *set)
{
    for (size_t i = 1; i < set->frame_count; i++) {
        if (compare_frames(&set->frames[i - 1], &set->frames[i]) == 0) {
            proto_log_error("eval", "frame %s appears twice in the detections",
                            set->frames[i].name);
            return PROTO_MISMATCH;
        }
    }
    return PROTO_OK;
}

static int join(struct builder *builder, const struct eval_detections *detections)
{
    struct eval_set *set = builder->set;
    int status = PROTO_OK;
    for (size_t i = 0; !status && i < detections->frame_count; i++)
        status = add_frame(builder, &detections->frames[i]);
    if (status)
        return status;
    if (builder->stray) {
        proto_log_error("eval", "%zu frames without truth", builder->stray);
        return PROTO_MISMATCH;
    }
    if (set->frame_count)
        qsort(set->frames, set->frame_count, sizeof(*set->frames), compare_frames);
    status = refuse_missing(builder);
    if (!status)
        status = refuse_twice(set);
    if (!status && !set->frame_count) {
        proto_log_error("eval", "no frame is left to evaluate");
        status = PROTO_MISMATCH;
    }
    return status;
}

int eval_set_open(const struct eval_truth *truth, const struct eval_detections *detections,
                  const struct eval_set_settings *settings, struct eval_set **out)
{
    struct builder builder = {.truth = truth, .settings = settings};
    int status = PROTO_NO_MEMORY;
    struct eval_set *set = builder.set = calloc(1, sizeof(*set));
    builder.line_of = calloc(truth->frame_count + 1, sizeof(*builder.line_of));
    if (!set || !builder.line_of)
        goto fail;
    set->frames = calloc(detections->frame_count + 1, sizeof(*set->frames));
    set->names = calloc(detections->frame_count + 1, NUMBER_SIZE);
    if (!set->frames || !set->names)
        goto fail;
    status = settings->negatives ? eval_negatives_open(settings->negatives, &builder.negatives)
                                 : PROTO_OK;
    if (!status)
        status = join(&builder, detections);
    if (status)
        goto fail;
    eval_negatives_close(&builder.negatives);
    free(builder.line_of);
    *out = set;
    return PROTO_OK;
fail:
    eval_negatives_close(&builder.negatives);
    free(builder.line_of);
    eval_set_close(set);
    return status;
}

void eval_set_close(struct eval_set *set)
{
    if (!set)
        return;
    free(set->frames);
    free(set->names);
    free(set);
}

int eval_set_same_frames(const struct eval_set *a, const struct eval_set *b)
{
    for (size_t i = 0; i < a->frame_count || i < b->frame_count; i++) {
        const char *p = i < a->frame_count ? a->frames[i].name : "(none)";
        const char *q = i < b->frame_count ? b->frames[i].name : "(none)";
        if (strcmp(p, q) != 0) {
            proto_log_error("eval", "only the same frames can be compared: %s against %s", p, q);
            return PROTO_MISMATCH;
        }
    }
    return PROTO_OK;
}
