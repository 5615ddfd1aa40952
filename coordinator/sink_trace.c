#include "coordinator/sink_trace.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "coordinator/json.h"
#include "coordinator/output.h"
#include "proto/status.h"

/* Rows of process 0, the coordinator, and of process N, rank N; 0 is the row of what belongs to all. */
enum { ROW_CAPTURE = 1, ROW_HELD, ROW_SEND, ROW_MERGE, COORDINATOR_ROWS };
enum { ROW_RECEIVE = 1, ROW_COMPUTE, ROW_ANSWER, WORKER_ROWS };
static const char *const coordinator_rows[COORDINATOR_ROWS] = {
    [ROW_CAPTURE] = "capture", [ROW_HELD] = "held", [ROW_SEND] = "send", [ROW_MERGE] = "merge"};
static const char *const worker_rows[WORKER_ROWS] = {
    [ROW_RECEIVE] = "receive", [ROW_COMPUTE] = "compute", [ROW_ANSWER] = "answer"};

struct sink_trace {
    struct coordinator_sink sink;
    struct coordinator_output output;
    bool any;       /* an event is written: the next needs a comma */
    double zero_us; /* of the coordinator's clock: the first frame's begin */
    /* Ends of the last spans of rows where frames may overlap: one thing is done after the other, so a span
     * begins where the last one ended. */
    double row_end_us[COORDINATOR_ROWS];
    uint32_t worker_cap;
    struct worker_row {
        double receive_end_us, compute_end_us; /* of its last spans */
        double shift_us;                       /* of this frame's; see shift_find */
    } * workers;                               /* by rank */
};

/* The beginning of an event, up to where its own keys follow. ts: the coordinator's clock. */
static void event_begin(struct sink_trace *trace, char phase, const char *name, int process,
                        int row, double at_us)
{
    FILE *file = trace->output.file;
    fprintf(file, "%s{\"ph\":\"%c\",\"pid\":%d,\"tid\":%d,\"ts\":%.1f,\"name\":\"%s\"",
            trace->any ? ",\n" : "", phase, process, row, at_us - trace->zero_us, name);
    trace->any = true;
}

/* A span with the frame's number, left open for more args; false: it has no length, and is not written. */
static bool span_begin(struct sink_trace *trace, const char *name, int process, int row,
                       double begin_us, double end_us, uint64_t seq)
{
    if (!(end_us > begin_us))
        return false;
    event_begin(trace, 'X', name, process, row, begin_us);
    fprintf(trace->output.file, ",\"cat\":\"frame\",\"dur\":%.1f,\"args\":{\"frame\":%llu",
            end_us - begin_us, (unsigned long long)seq);
    return true;
}

static void span(struct sink_trace *trace, const char *name, int process, int row, double begin_us,
                 double end_us, uint64_t seq)
{
    if (span_begin(trace, name, process, row, begin_us, end_us, seq))
        fputs("}}", trace->output.file);
}

/* A coordinator's stage; two frames' are shown one after the other. */
static void stage(struct sink_trace *trace, int row, double begin_us, double end_us, uint64_t seq)
{
    char name[48];
    snprintf(name, sizeof name, "%s %llu", coordinator_rows[row], (unsigned long long)seq);
    span(trace, name, 0, row, fmax(begin_us, trace->row_end_us[row]), end_us, seq);
    trace->row_end_us[row] = fmax(trace->row_end_us[row], end_us);
}

/* The arrow of a frame: 's' begins, 't' goes on, 'f' ends, each at a span of that row and time. */
static void arrow(struct sink_trace *trace, char phase, int process, int row, double at_us,
                  uint64_t seq)
{
    event_begin(trace, phase, "frame", process, row, at_us);
    fprintf(trace->output.file, ",\"cat\":\"frame\",\"id\":%llu%s}", (unsigned long long)seq,
            phase == 'f' ? ",\"bp\":\"e\"" : "");
}

/* ---- a worker's part ---- */

/* How much earlier its spans lie than the report says, which takes all of the travel for the way in; as long as that
 * leaves them behind the frame before, since a device computes one after the other. */
static double shift_find(const struct worker_row *row, const struct coordinator_worker_report *w)
{
    const double travel_us = (double)w->received_us - (double)w->sent_us +
                             ((double)w->answered_us - (double)w->finished_us);
    const double gone_us = isfinite(w->send_ms) ? w->send_ms * 1e3 : 0;
    const double way_in_us = gone_us + fmax(0, travel_us - gone_us) / 2;
    const double shift_us = fmax(0, (double)w->received_us - (double)w->sent_us - way_in_us);
    return fmin(shift_us, (double)w->started_us - row->compute_end_us);
}

static void worker_write(struct sink_trace *trace, const struct coordinator_frame_report *report,
                         const struct coordinator_worker_report *w)
{
    char name[48];
    struct worker_row *row = &trace->workers[w->rank];
    const uint64_t seq = report->seq;
    row->shift_us = shift_find(row, w);
    const double started_us = (double)w->started_us - row->shift_us;
    const double finished_us = (double)w->finished_us - row->shift_us;
    const double received_us = fmin((double)w->received_us - row->shift_us, started_us);
    snprintf(name, sizeof name, "receive %llu", (unsigned long long)seq);
    if (span_begin(trace, name, w->rank, ROW_RECEIVE, fmax((double)w->sent_us, row->receive_end_us),
                   received_us, seq))
        fprintf(trace->output.file, ",\"bytes\":%llu}}", (unsigned long long)w->bytes);
    snprintf(name, sizeof name, "frame %llu", (unsigned long long)seq);
    if (span_begin(trace, name, w->rank, ROW_COMPUTE, started_us, finished_us, seq))
        fprintf(trace->output.file, ",\"tiles\":%u,\"gmac\":%.3f,\"queued_ms\":%.3f}}", w->tiles,
                (double)w->macs / 1e9, isfinite(w->queue_ms) ? w->queue_ms : 0);
    arrow(trace, 't', w->rank, ROW_COMPUTE, started_us, seq);
    snprintf(name, sizeof name, "answer %llu", (unsigned long long)seq);
    span(trace, name, w->rank, ROW_ANSWER, finished_us, (double)w->answered_us, seq);
    row->receive_end_us = fmax(row->receive_end_us, received_us);
    row->compute_end_us = fmax(row->compute_end_us, finished_us);
}

static void tiles_write(struct sink_trace *trace, const struct coordinator_frame_report *report)
{
    for (uint32_t i = 0; i < report->tile_count; i++) {
        const struct coordinator_tile_report *tile = &report->tiles[i];
        char name[48];
        if (tile->rank < 1 || (uint32_t)tile->rank > report->worker_count)
            continue;
        const double begin_us = (double)tile->begin_us - trace->workers[tile->rank].shift_us;
        snprintf(name, sizeof name, "level %d", (int)tile->level);
        if (span_begin(trace, name, tile->rank, ROW_COMPUTE, begin_us, begin_us + tile->us,
                       report->seq))
            fprintf(trace->output.file, ",\"tile\":%u}}", tile->tile);
    }
}

static int room_make(struct sink_trace *trace, uint32_t workers)
{
    if (workers < trace->worker_cap)
        return PROTO_OK;
    struct worker_row *more = realloc(trace->workers, (workers + 1) * sizeof *more);
    if (!more)
        return PROTO_NO_MEMORY;
    for (uint32_t i = trace->worker_cap; i <= workers; i++)
        more[i] = (struct worker_row){0};
    trace->workers = more;
    trace->worker_cap = workers + 1;
    return PROTO_OK;
}

/* ---- a frame ---- */

/* The frame as a whole. Frames overlap, so it is an asynchronous span: the viewer finds room for them. */
static void frame_write(struct sink_trace *trace, const struct coordinator_frame_report *report,
                        double end_us)
{
    char name[48];
    FILE *file = trace->output.file;
    snprintf(name, sizeof name, "frame %llu", (unsigned long long)report->seq);
    event_begin(trace, 'b', name, 0, 0, (double)report->begin_us);
    fprintf(file, ",\"cat\":\"frame\",\"id\":%llu,\"args\":{\"frame\":%llu,\"source\":",
            (unsigned long long)report->seq, (unsigned long long)report->seq);
    coordinator_json_string(file, report->source ? report->source : "");
    fprintf(file, ",\"persons\":%u,\"coverage\":", report->detection_count);
    coordinator_json_double(file, report->coverage);
    fputs("}}", file);
    event_begin(trace, 'e', name, 0, 0, end_us);
    fprintf(file, ",\"cat\":\"frame\",\"id\":%llu}", (unsigned long long)report->seq);
}

/* A mark across the coordinator's rows. */
static void mark(struct sink_trace *trace, const char *name, double at_us, uint64_t seq)
{
    event_begin(trace, 'i', name, 0, ROW_SEND, at_us);
    fprintf(trace->output.file, ",\"s\":\"p\",\"args\":{\"frame\":%llu}}", (unsigned long long)seq);
}

static void marks_write(struct sink_trace *trace, const struct coordinator_frame_report *report,
                        double end_us)
{
    if (report->throttled_ms > 0) {
        const double dispatched_us = (double)report->dispatched_us;
        mark(trace, "throttled", dispatched_us - report->throttled_ms * 1e3, report->seq);
        stage(trace, ROW_HELD, dispatched_us - report->throttled_ms * 1e3, dispatched_us,
              report->seq);
    }
    if (report->broken)
        mark(trace, "picture broken", end_us, report->seq);
    else if (report->coverage < 1)
        mark(trace, report->cut ? "cut by its deadline" : "not searched completely", end_us,
             report->seq);
    if (isfinite(report->watts)) {
        event_begin(trace, 'C', "watts", 0, 0, end_us);
        fprintf(trace->output.file, ",\"args\":{\"watts\":%.3f}}", report->watts);
    }
}

static int trace_frame(struct coordinator_sink *sink, const struct coordinator_frame_report *report,
                       const struct coordinator_image *image)
{
    struct sink_trace *trace = (struct sink_trace *)sink;
    const uint64_t seq = report->seq;
    (void)image;
    if (trace->output.status != PROTO_OK)
        return trace->output.status;
    if (room_make(trace, report->worker_count) != PROTO_OK)
        return PROTO_NO_MEMORY;
    /* Of the first frames more was read than their latency counts: before the workers were ready. */
    const double capture_us = isfinite(report->capture_ms) ? report->capture_ms * 1e3 : 0;
    double read_us = (double)report->begin_us;
    if (report->dispatched_us > 0)
        read_us = fmin(read_us, (double)report->dispatched_us - capture_us);
    if (!trace->any)
        trace->zero_us = read_us;
    const double merge_us = isfinite(report->merge_ms) ? report->merge_ms * 1e3 : 0;
    const double finished_us = (double)report->finished_us, end_us = finished_us + merge_us;
    frame_write(trace, report, end_us);
    marks_write(trace, report, end_us);
    stage(trace, ROW_CAPTURE, read_us, read_us + capture_us, seq);
    if (report->worker_count > 0 && report->dispatched_us > 0) {
        stage(trace, ROW_SEND, (double)report->dispatched_us, (double)report->gone_us, seq);
        arrow(trace, 's', 0, ROW_SEND, (double)report->dispatched_us, seq);
        for (uint32_t w = 0; w < report->worker_count; w++)
            if (report->workers[w].answered_us > 0)
                worker_write(trace, report, &report->workers[w]);
        tiles_write(trace, report);
        stage(trace, ROW_MERGE, finished_us, end_us, seq);
        arrow(trace, 'f', 0, ROW_MERGE, finished_us, seq);
    }
    return coordinator_output_flush(&trace->output);
}

/* ---- the end ---- */

static void name_write(struct sink_trace *trace, const char *what, int process, int row,
                       const char *name)
{
    event_begin(trace, 'M', what, process, row, trace->zero_us);
    fputs(",\"args\":{\"name\":", trace->output.file);
    coordinator_json_string(trace->output.file, name);
    fputs("}}", trace->output.file);
}

static void names_write(struct sink_trace *trace, const struct coordinator_run *run)
{
    char name[256];
    name_write(trace, "process_name", 0, 0, "coordinator");
    for (int row = 1; row < COORDINATOR_ROWS; row++)
        name_write(trace, "thread_name", 0, row, coordinator_rows[row]);
    for (uint32_t w = 0; w < run->worker_count; w++) {
        const struct coordinator_run_worker *worker = &run->workers[w];
        snprintf(name, sizeof name, "rank %d, %.80s, %.80s", (int)worker->rank,
                 worker->host ? worker->host : "", worker->device ? worker->device : "");
        name_write(trace, "process_name", worker->rank, 0, name);
        for (int row = 1; row < WORKER_ROWS; row++)
            name_write(trace, "thread_name", worker->rank, row, worker_rows[row]);
    }
}

static int trace_finish(struct coordinator_sink *sink, const struct coordinator_run *run)
{
    struct sink_trace *trace = (struct sink_trace *)sink;
    FILE *file = trace->output.file;
    if (!file || trace->output.status != PROTO_OK)
        return coordinator_output_finish(&trace->output);
    names_write(trace, run);
    fputs("\n],\"otherData\":{\"input\":", file);
    coordinator_json_string(file, run->input ? run->input : "");
    fputs(
        ",\"clock\":\"the coordinator's; workers' spans are placed within their round trips\"}}\n",
        file);
    return coordinator_output_finish(&trace->output);
}

static void trace_close(struct coordinator_sink *sink)
{
    struct sink_trace *trace = (struct sink_trace *)sink;
    coordinator_output_close(&trace->output);
    free(trace->workers);
    free(trace);
}

static const struct coordinator_sink_ops trace_ops = {
    .name = "trace",
    .frame = trace_frame,
    .finish = trace_finish,
    .close = trace_close,
};

int coordinator_sink_trace_open(const char *path, struct coordinator_sink **out)
{
    struct sink_trace *trace = calloc(1, sizeof *trace);
    if (!trace)
        return PROTO_NO_MEMORY;
    trace->sink.ops = &trace_ops;
    const int status = coordinator_output_open(&trace->output, path);
    if (status != PROTO_OK) {
        trace_close(&trace->sink);
        return status;
    }
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n", trace->output.file);
    *out = &trace->sink;
    return PROTO_OK;
}
