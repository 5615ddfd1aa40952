#include "coordinator/sink_json.h"

#include <math.h>
#include <stdlib.h>

#include "coordinator/json.h"
#include "coordinator/output.h"
#include "proto/status.h"

struct sink_json {
    struct coordinator_sink sink;
    struct coordinator_output output;
};

static void write_detection(FILE *file, const struct proto_detection *d)
{
    fputs("{\"box\":[", file);
    const float box[4] = {d->x, d->y, d->w, d->h};
    for (int i = 0; i < 4; i++) {
        if (i)
            fputc(',', file);
        coordinator_json_float(file, box[i]);
    }
    fputs("],\"score\":", file);
    coordinator_json_float(file, d->score);
    fprintf(file, ",\"level\":%d,\"distance_m\":", (int)d->level);
    coordinator_json_float(file, d->distance_m);
    fputc('}', file);
}

static void write_time(FILE *file, const char *key, double ms)
{
    fprintf(file, "\"%s\":", key);
    coordinator_json_ms(file, ms);
}

static void write_worker(FILE *file, const struct coordinator_worker_report *worker)
{
    fprintf(file, "{\"rank\":%d,\"tiles\":%u,\"bytes\":%llu,", (int)worker->rank,
            (unsigned)worker->tiles, (unsigned long long)worker->bytes);
    write_time(file, "send", worker->send_ms);
    fputc(',', file);
    write_time(file, "transfer", worker->transfer_ms);
    fputc(',', file);
    write_time(file, "queue", worker->queue_ms);
    fputc(',', file);
    write_time(file, "compute", worker->compute_ms);
    fputc('}', file);
}

static void write_timing(FILE *file, const struct coordinator_frame_report *report)
{
    const struct {
        const char *key;
        double ms;
    } stages[] = {
        {"capture", report->capture_ms}, {"send", report->send_ms},
        {"compute", report->compute_ms}, {"merge", report->merge_ms},
        {"latency", report->latency_ms}, {"done", report->done_ms},
    };
    fputs("\"timing\":{", file);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        write_time(file, stages[i].key, stages[i].ms);
        fputc(',', file);
    }
    fputs("\"workers\":[", file);
    for (uint32_t i = 0; i < report->worker_count; i++) {
        if (i)
            fputc(',', file);
        write_worker(file, &report->workers[i]);
    }
    fputs("]}", file);
}

/* Null where nothing is missing, or the camera is not known. */
static void write_distances(FILE *file, const struct coordinator_frame_report *report)
{
    if (report->missing_distance_count == 0) {
        fputs("null", file);
        return;
    }
    fputc('[', file);
    for (uint32_t i = 0; i < report->missing_distance_count; i++) {
        const struct coordinator_distances *d = &report->missing_distances[i];
        fprintf(file, "%s[%.2f,%.2f]", i ? "," : "", d->near_m, d->far_m);
    }
    fputc(']', file);
}

static int json_frame(struct coordinator_sink *sink, const struct coordinator_frame_report *report,
                      const struct coordinator_image *image)
{
    (void)image;
    struct sink_json *json = (struct sink_json *)sink;
    FILE *file = json->output.file;
    if (json->output.status != PROTO_OK)
        return json->output.status;
    fprintf(file, "{\"frame\":%llu,\"source\":", (unsigned long long)report->seq);
    coordinator_json_string(file, report->source);
    fprintf(file, ",\"stamp_ns\":%lld,\"detections\":[", (long long)report->stamp_ns);
    for (uint32_t i = 0; i < report->detection_count; i++) {
        if (i)
            fputc(',', file);
        write_detection(file, &report->detections[i]);
    }
    fputs("],\"coverage\":", file);
    coordinator_json_double(file, report->coverage);
    fputs(",\"missing\":[", file);
    for (uint32_t i = 0; i < report->missing_count; i++)
        fprintf(file, i ? ",%d" : "%d", (int)report->missing[i]);
    fputs("],\"missing_m\":", file);
    write_distances(file, report);
    fputc(',', file);
    if (report->error) {
        fputs("\"error\":", file);
        coordinator_json_string(file, report->error);
        fputc(',', file);
    }
    write_timing(file, report);
    fputs("}\n", file);
    return coordinator_output_flush(&json->output);
}

static int json_finish(struct coordinator_sink *sink, const struct coordinator_run *run)
{
    (void)run;
    return coordinator_output_finish(&((struct sink_json *)sink)->output);
}

static void json_close(struct coordinator_sink *sink)
{
    coordinator_output_close(&((struct sink_json *)sink)->output);
    free(sink);
}

static const struct coordinator_sink_ops json_ops = {
    .name = "json",
    .frame = json_frame,
    .finish = json_finish,
    .close = json_close,
};

int coordinator_sink_json_open(const char *path, struct coordinator_sink **out)
{
    struct sink_json *json = calloc(1, sizeof *json);
    if (!json)
        return PROTO_NO_MEMORY;
    json->sink.ops = &json_ops;
    int status = coordinator_output_open(&json->output, path);
    if (status != PROTO_OK) {
        json_close(&json->sink);
        return status;
    }
    *out = &json->sink;
    return PROTO_OK;
}
