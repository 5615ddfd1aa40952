#include <jansson.h>
#include <math.h>

#include "coordinator/eval/report.h"
#include "proto/status.h"

/* JSON has no infinity and no "not a number": such a value is null. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *interval(const struct eval_interval *interval)
{
    return json_pack("[o, o]", number(interval->low), number(interval->high));
}

static json_t *pack_rules(const struct eval_rules *rules)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "name", rules->name, "min_height",
                     number(rules->min_height), "max_height", number(rules->max_height),
                     "min_visible", number(rules->min_visible), "overlap", number(rules->overlap),
                     "aspect", number(rules->aspect), "clip", rules->clip);
}

static void put_figures(const struct eval_result *result, json_t *to)
{
    json_t *intervals = json_object();
    for (int f = 0; f < EVAL_FIGURES; f++) {
        json_object_set_new(to, eval_figure_key[f], number(result->figures.value[f]));
        json_object_set_new(intervals, eval_figure_key[f], interval(&result->intervals[f]));
    }
    json_object_set_new(to, "interval", intervals);
}

static json_t *pack_result(const struct eval_result *result)
{
    json_t *json = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "detections", result->name, "frames",
        (json_int_t)result->match->frame_count, "person_free_frames",
        (json_int_t)result->person_free, "failed_frames", (json_int_t)result->set->failed_count,
        "partial_frames", (json_int_t)result->set->partial_count, "persons",
        (json_int_t)result->match->person_count, "threshold", number(result->threshold), "fppi",
        number(result->figures.fppi), "fppi_reached", number(result->fppi_reached));
    if (json)
        put_figures(result, json);
    return json;
}

static json_t *pack_differences(const struct eval_difference *differences)
{
    json_t *json = json_object();
    for (int f = 0; f < EVAL_FIGURES; f++) {
        const struct eval_difference *d = &differences[f];
        json_object_set_new(json, eval_figure_key[f],
                            json_pack("{s:o, s:o, s:b}", "value", number(d->value), "interval",
                                      interval(&d->interval), "significant", d->significant));
    }
    return json;
}

int eval_report_json(const struct eval_report *report, FILE *out)
{
    const struct eval_settings *settings = report->settings;
    json_t *json = pack_result(report->results[0]);
    if (!json)
        return PROTO_NO_MEMORY;
    json_object_set_new(json, "truth", json_string(settings->truth));
    json_object_set_new(json, "subset", pack_rules(&settings->rules));
    json_object_set_new(json, "bootstrap",
                        json_pack("{s:I, s:I}", "rounds", (json_int_t)settings->bootstrap.rounds,
                                  "seed", (json_int_t)settings->bootstrap.seed));
    if (report->count > 1) {
        json_object_set_new(json, "compared", pack_result(report->results[1]));
        json_object_set_new(json, "difference", pack_differences(report->differences));
    }
    int failed = json_dumpf(json, out, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(json);
    return failed || fputc('\n', out) == EOF ? PROTO_IO : PROTO_OK;
}
