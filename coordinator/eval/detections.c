#include "coordinator/eval/detections.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/eval/array.h"
#include "coordinator/eval/text.h"
#include "proto/log.h"

enum { FRAMES_MAX = 10000000, DETECTIONS_MAX = 1000000 /* of one frame */ };

/* What is wrong with one detection, or NULL. */
static const char *parse_detection(const json_t *json, struct eval_detection *detection)
{
    const json_t *box = json_object_get(json, "box"), *score = json_object_get(json, "score");
    double v[4];
    if (json_array_size(box) != 4)
        return "a detection needs \"box\": [x, y, w, h]";
    for (size_t i = 0; i < 4; i++) {
        if (!json_is_number(json_array_get(box, i)))
            return "a box holds something that is not a number";
        v[i] = json_number_value(json_array_get(box, i));
    }
    if (!json_is_number(score) || !isfinite(json_number_value(score)))
        return "a detection needs a finite \"score\"";
    detection->box = (struct eval_box){v[0], v[1], v[2], v[3]};
    detection->score = json_number_value(score);
    return eval_box_valid(&detection->box) ? NULL : "a box needs positive sides below 1000000";
}

static const char *parse_list(const json_t *list, struct eval_detection_frame *frame)
{
    size_t count = json_array_size(list);
    if (!list && frame->failed)
        return NULL;
    if (!json_is_array(list))
        return "\"detections\" must be a list";
    if (count > DETECTIONS_MAX)
        return "more than 1000000 detections in one frame";
    frame->list = calloc(count + 1, sizeof(*frame->list));
    if (!frame->list)
        return "out of memory";
    for (frame->count = 0; frame->count < count; frame->count++) {
        const char *wrong =
            parse_detection(json_array_get(list, frame->count), &frame->list[frame->count]);
        if (wrong)
            return wrong;
    }
    return NULL;
}

static const char *parse_name(const json_t *json, struct eval_detection_frame *frame)
{
    const json_t *number = json_object_get(json, "frame");
    const json_t *source = json_object_get(json, "source");
    frame->number = -1;
    if (json_is_integer(number)) {
        json_int_t value = json_integer_value(number);
        if (value < 0 || value > LONG_MAX)
            return "\"frame\" must not be negative";
        frame->number = (long)value;
    } else if (json_is_string(number)) {
        source = number;
    }
    if (json_is_string(source)) {
        frame->source = strdup(json_string_value(source));
        if (!frame->source)
            return "out of memory";
    }
    return frame->number >= 0 || frame->source ? NULL : "the line names no \"frame\" or \"source\"";
}

static const char *parse_frame(const json_t *json, struct eval_detection_frame *frame)
{
    if (!json_is_object(json))
        return "a line must be one JSON object";
    const json_t *error = json_object_get(json, "error");
    const json_t *coverage = json_object_get(json, "coverage");
    frame->failed = error && !json_is_null(error);
    frame->coverage = json_is_number(coverage) ? json_number_value(coverage) : 1;
    const char *wrong = parse_name(json, frame);
    return wrong ? wrong : parse_list(json_object_get(json, "detections"), frame);
}

static void frame_free(struct eval_detection_frame *frame)
{
    free(frame->source);
    free(frame->list);
}

static int add_line(struct eval_detections *detections, const char *path, const char *line,
                    int number)
{
    json_error_t error;
    struct eval_detection_frame frame = {.line = number};
    json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    const char *wrong = json ? parse_frame(json, &frame) : error.text;
    void *data = detections->frames;
    int status = PROTO_FORMAT;
    if (wrong) {
        proto_log_error("eval", "%s line %d: %s", path, number, wrong);
        goto fail;
    }
    status = eval_array_reserve(&data, &detections->frame_cap, detections->frame_count + 1,
                                sizeof(frame), FRAMES_MAX);
    detections->frames = data;
    if (status) {
        proto_log_error("eval", "%s line %d: %s", path, number, proto_status_text(status));
        goto fail;
    }
    detections->frames[detections->frame_count++] = frame;
    json_decref(json);
    return PROTO_OK;
fail:
    frame_free(&frame);
    json_decref(json);
    return status;
}

int eval_detections_read(struct eval_detections *detections, const char *path)
{
    struct eval_text text;
    int status = eval_text_open(path, &text);
    char *line;
    size_t before = detections->frame_count;
    while (!status && (line = eval_text_next(&text)))
        status = add_line(detections, path, line, text.line);
    if (!status && detections->frame_count == before) {
        proto_log_error("eval", "%s: holds no frame", path);
        status = PROTO_FORMAT;
    }
    eval_text_close(&text);
    return status;
}

void eval_detections_close(struct eval_detections *detections)
{
    for (size_t i = 0; i < detections->frame_count; i++)
        frame_free(&detections->frames[i]);
    free(detections->frames);
    *detections = (struct eval_detections){0};
}
