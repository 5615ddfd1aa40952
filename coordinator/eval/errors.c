#include "coordinator/eval/errors.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "coordinator/image.h"
#include "coordinator/output.h"
#include "proto/log.h"
#include "proto/status.h"

enum { PATH_SIZE = 4096 };

struct colour {
    uint8_t r, g, b;
};
static const struct colour red = {255, 40, 40}, green = {60, 220, 60}, blue = {70, 130, 255},
                           grey = {150, 150, 150};

struct writer {
    const char *dir;
    const struct eval_result *result;
    const struct eval_settings *settings;
    struct coordinator_image image; /* reused */
    FILE *list;
};

/* A mistake: a false alarm (detection) or a miss (truth) of a frame. */
struct mistake {
    const char *kind;
    uint32_t frame, index;
    const struct eval_box *box;
    double score;
};

static void fill(struct coordinator_image *image, double x0, double y0, double x1, double y1,
                 struct colour colour)
{
    int left = (int)fmax(x0, 0), top = (int)fmax(y0, 0);
    int right = (int)fmin(x1, image->size.w), bottom = (int)fmin(y1, image->size.h);
    for (int y = top; y < bottom; y++) {
        for (int x = left; x < right; x++) {
            uint8_t *pixel = image->data + 3 * ((size_t)y * (size_t)image->size.w + (size_t)x);
            pixel[0] = colour.r;
            pixel[1] = colour.g;
            pixel[2] = colour.b;
        }
    }
}

static void outline(struct coordinator_image *image, const struct eval_box *box, int thick,
                    struct colour colour)
{
    double x0 = floor(box->x), y0 = floor(box->y);
    double x1 = ceil(box->x + box->w), y1 = ceil(box->y + box->h);
    fill(image, x0, y0, x1, y0 + thick, colour);
    fill(image, x0, y1 - thick, x1, y1, colour);
    fill(image, x0, y0, x0 + thick, y1, colour);
    fill(image, x1 - thick, y0, x1, y1, colour);
}

/* Persons that count are green; what else the truth lists is grey. */
static bool counts(const struct eval_match *match, uint32_t frame, size_t truth)
{
    for (uint32_t i = 0; i < match->person_count; i++)
        if (match->persons[i].frame == frame && match->persons[i].truth == truth)
            return true;
    return false;
}

static void draw_mistake(struct writer *writer, const struct mistake *mistake)
{
    const struct eval_result *result = writer->result;
    const struct eval_frame *frame = &result->set->frames[mistake->frame];
    struct coordinator_image *image = &writer->image;
    int thick = 1 + image->size.h / 400;
    for (size_t i = 0; i < frame->truth_count; i++)
        outline(image, &frame->truth[i].box, thick,
                counts(result->match, mistake->frame, i) ? green : grey);
    for (size_t i = 0; i < frame->detection_count; i++)
        if (frame->detections[i].score >= result->threshold)
            outline(image, &frame->detections[i].box, thick, blue);
    outline(image, mistake->box, 2 * thick, red);
}

static int write_mistake(struct writer *writer, const struct mistake *mistake, uint32_t number)
{
    const struct eval_frame *frame = &writer->result->set->frames[mistake->frame];
    char path[PATH_SIZE], reason[256] = "its detections name no picture";
    int status = eval_picture_path(frame, writer->settings->images, path, sizeof path);
    if (!status)
        status = coordinator_image_read(path, &writer->image, reason);
    if (status) {
        proto_log_error("eval", "picture of frame %s: %s (does --images name the folder?)",
                        frame->name, reason);
        return PROTO_NOT_FOUND; /* whatever it is, what the user named is not a picture */
    }
    draw_mistake(writer, mistake);
    if (snprintf(path, sizeof path, "%s/%s_%02u.jpg", writer->dir, mistake->kind, number) >=
        (int)sizeof path)
        return PROTO_LIMIT;
    const struct eval_box *box = mistake->box;
    fprintf(writer->list, "%s_%02u.jpg,%s,%.1f,%.1f,%.1f,%.1f,", mistake->kind, number, frame->name,
            box->x, box->y, box->w, box->h);
    if (isfinite(mistake->score))
        fprintf(writer->list, "%.6g", mistake->score);
    fputc('\n', writer->list);
    return coordinator_image_write(path, &writer->image);
}

/* Hits are sorted already. */
static int write_false_alarms(struct writer *writer, uint32_t most)
{
    const struct eval_match *match = writer->result->match;
    int status = PROTO_OK;
    for (uint32_t i = 0, n = 0; !status && i < match->hit_count && n < most; i++) {
        const struct eval_hit *hit = &match->hits[i];
        if (hit->score < writer->result->threshold)
            break;
        if (hit->found)
            continue;
        const struct eval_frame *frame = &writer->result->set->frames[hit->frame];
        struct mistake mistake = {"false_alarm", hit->frame, hit->detection,
                                  &frame->detections[hit->detection].box, hit->score};
        status = write_mistake(writer, &mistake, ++n);
    }
    return status;
}

static int compare_misses(const void *a, const void *b)
{
    const struct mistake *p = a, *q = b;
    if (p->score != q->score)
        return p->score < q->score ? -1 : 1;
    if (p->box->h != q->box->h)
        return p->box->h > q->box->h ? -1 : 1;
    if (p->frame != q->frame)
        return p->frame < q->frame ? -1 : 1;
    return (p->index > q->index) - (p->index < q->index);
}

static int write_misses(struct writer *writer, uint32_t most)
{
    const struct eval_match *match = writer->result->match;
    struct mistake *misses = calloc((size_t)match->person_count + 1, sizeof *misses);
    uint32_t count = 0;
    if (!misses)
        return PROTO_NO_MEMORY;
    for (uint32_t i = 0; i < match->person_count; i++) {
        const struct eval_person *person = &match->persons[i];
        const struct eval_frame *frame = &writer->result->set->frames[person->frame];
        if (person->score < writer->result->threshold)
            misses[count++] = (struct mistake){"miss", person->frame, person->truth,
                                               &frame->truth[person->truth].box, person->score};
    }
    if (count)
        qsort(misses, count, sizeof *misses, compare_misses);
    int status = PROTO_OK;
    for (uint32_t i = 0; !status && i < count && i < most; i++)
        status = write_mistake(writer, &misses[i], i + 1);
    free(misses);
    return status;
}

int eval_errors_write(const char *dir, const struct eval_result *result,
                      const struct eval_settings *settings, uint32_t most)
{
    struct writer writer = {.dir = dir, .result = result, .settings = settings};
    struct coordinator_output list = {0};
    char path[PATH_SIZE];
    if (mkdir(dir, 0777) && errno != EEXIST) {
        proto_log_error("eval", "%s: %s", dir, strerror(errno));
        return PROTO_IO;
    }
    if (snprintf(path, sizeof path, "%s/errors.csv", dir) >= (int)sizeof path)
        return PROTO_LIMIT;
    int status = coordinator_output_open(&list, path);
    if (status)
        return status;
    writer.list = list.file;
    fprintf(list.file, "picture,frame,x,y,w,h,score\n");
    status = write_false_alarms(&writer, most);
    if (!status)
        status = write_misses(&writer, most);
    if (!status)
        status = coordinator_output_finish(&list);
    coordinator_output_close(&list);
    coordinator_image_free(&writer.image);
    return status;
}
