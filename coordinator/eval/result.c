#include "coordinator/eval/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/image.h"
#include "proto/log.h"
#include "proto/status.h"

enum { PATH_SIZE = 4096 };

void eval_settings_defaults(struct eval_settings *settings)
{
    *settings = (struct eval_settings){.threshold = NAN, .fppi = 0.1};
    eval_rules_defaults(&settings->rules);
    eval_bootstrap_defaults(&settings->bootstrap);
}

/* A truth may call its pictures dir/name, so the longest part of the source that exists wins. */
int eval_picture_path(const struct eval_frame *frame, const char *images, char *path, size_t size)
{
    if (!frame->source)
        return PROTO_NOT_FOUND;
    if (!images)
        return snprintf(path, size, "%s", frame->source) < (int)size ? PROTO_OK : PROTO_NOT_FOUND;
    for (const char *part = frame->source; part;) {
        if (snprintf(path, size, "%s/%s", images, part) >= (int)size)
            return PROTO_NOT_FOUND;
        if (access(path, R_OK) == 0)
            return PROTO_OK;
        const char *slash = strchr(part, '/');
        part = slash ? slash + 1 : NULL;
    }
    return PROTO_OK; /* the last one tried: reading it says why it cannot be read */
}

/* Only frames with boxes need their size; the others have nothing to clip. */
static int read_sizes(struct eval_set *set, const char *images)
{
    struct coordinator_image image = {0};
    int status = PROTO_OK;
    for (size_t i = 0; !status && i < set->frame_count; i++) {
        struct eval_frame *frame = &set->frames[i];
        char path[PATH_SIZE], reason[256] = "its detections name no picture";
        if (!frame->truth_count && !frame->detection_count)
            continue;
        status = eval_picture_path(frame, images, path, sizeof(path));
        if (!status)
            status = coordinator_image_read(path, &image, reason);
        if (status) {
            proto_log_error("eval", "size of frame %s: %s", frame->name, reason);
            status = PROTO_NOT_FOUND;
        }
        frame->size = image.size;
    }
    coordinator_image_free(&image);
    return status;
}

static int measure(const struct eval_settings *settings, struct eval_result *result)
{
    result->threshold = isnan(settings->threshold)
                            ? eval_threshold_at(result->match, settings->fppi)
                            : settings->threshold;
    result->fppi_reached = eval_fppi_reached(result->match);
    for (uint32_t i = 0; i < result->match->frame_count; i++)
        result->person_free += result->match->frame_persons[i] == 0;
    eval_figures_compute(result->match, NULL, result->threshold, &result->figures);
    return eval_bootstrap(result->match, result->threshold, &settings->bootstrap,
                          result->intervals);
}

int eval_result_open(const struct eval_truth *truth, const char *const *files, int file_count,
                     const struct eval_settings *settings, struct eval_result **out)
{
    int status = PROTO_OK;
    struct eval_result *result = calloc(1, sizeof(*result));
    if (!result)
        return PROTO_NO_MEMORY;
    result->name = files[0];
    for (int i = 0; !status && i < file_count; i++)
        status = eval_detections_read(&result->detections, files[i]);
    if (!status)
        status = eval_set_open(truth, &result->detections, &settings->set, &result->set);
    if (!status && settings->rules.clip)
        status = read_sizes(result->set, settings->images);
    if (!status)
        status = eval_match_open(result->set, &settings->rules, &result->match);
    if (!status)
        status = measure(settings, result);
    if (status) {
        eval_result_close(result);
        return status;
    }
    *out = result;
    return PROTO_OK;
}

void eval_result_close(struct eval_result *result)
{
    if (!result)
        return;
    eval_match_close(result->match);
    eval_set_close(result->set);
    eval_detections_close(&result->detections);
    free(result);
}
