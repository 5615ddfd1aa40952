#include <math.h>

#include "coordinator/eval/report.h"

static void print_rules(const struct eval_rules *rules, FILE *out)
{
    fprintf(out, "subset                  %s: ", rules->name);
    if (isinf(rules->max_height))
        fprintf(out, "persons of %g px and taller", rules->min_height);
    else
        fprintf(out, "persons of %g to %g px", rules->min_height, rules->max_height);
    fprintf(out, ", at least %g %% visible%s\n", 100 * rules->min_visible,
            rules->clip ? "; boxes cut at the picture's edges" : "");
}

static void print_figure(const struct eval_result *result, int figure, FILE *out)
{
    double value = result->figures.value[figure];
    const struct eval_interval *interval = &result->intervals[figure];
    fprintf(out, "%-24s", eval_figure_text[figure]);
    if (isnan(value))
        fprintf(out, "-\n");
    else if (isnan(interval->low))
        fprintf(out, "%.4f\n", value);
    else
        fprintf(out, "%.4f  [%.4f, %.4f]\n", value, interval->low, interval->high);
}

/* What a reader must know before believing the figures. */
static void print_warnings(const struct eval_result *result, FILE *out)
{
    const struct eval_set *set = result->set;
    if (set->failed_count)
        fprintf(out, "note: %zu frames could not be searched; their persons count as missed\n",
                set->failed_count);
    if (set->partial_count)
        fprintf(out, "note: %zu frames were searched in part only\n", set->partial_count);
    if (result->match->person_count == 0)
        fprintf(out, "note: no person is in this subset, so there is no miss rate\n");
    if (result->fppi_reached < 0.1)
        fprintf(out,
                "note: the detections end at %.4f FPPI; with a lower threshold in the detector the "
                "miss rate at 0.1 could be lower\n",
                result->fppi_reached);
}

static void print_result(const struct eval_report *report, const struct eval_result *result,
                         FILE *out)
{
    fprintf(out, "detections              %s\n", result->name);
    fprintf(out, "frames                  %u, %u of them without a person to be found\n",
            result->match->frame_count, result->person_free);
    fprintf(out, "persons                 %u\n", result->match->person_count);
    for (int f = EVAL_MISS_RATE_01; f <= EVAL_LOG_AVERAGE; f++)
        print_figure(result, f, out);
    fprintf(out, "threshold               %.9g (%s), %.4f FPPI\n", result->threshold,
            isnan(report->settings->threshold) ? "from the FPPI asked for" : "as given",
            result->figures.fppi);
    for (int f = EVAL_PRECISION; f < EVAL_FIGURES; f++)
        print_figure(result, f, out);
    print_warnings(result, out);
}

static void print_difference(const struct eval_report *report, FILE *out)
{
    fprintf(out, "difference              second minus first, on the same frames\n");
    for (int f = 0; f < EVAL_FIGURES; f++) {
        const struct eval_difference *d = &report->differences[f];
        fprintf(out, "%-24s", eval_figure_text[f]);
        if (isnan(d->value) || isnan(d->interval.low))
            fprintf(out, "-\n");
        else
            fprintf(out, "%+.4f  [%+.4f, %+.4f]  %s\n", d->value, d->interval.low, d->interval.high,
                    d->significant ? "significant" : "not significant");
    }
}

void eval_report_text(const struct eval_report *report, FILE *out)
{
    const struct eval_settings *settings = report->settings;
    fprintf(out, "truth                   %s\n", settings->truth);
    print_rules(&settings->rules, out);
    for (int i = 0; i < report->count; i++) {
        fprintf(out, "%s", i ? "\n" : "");
        print_result(report, report->results[i], out);
    }
    if (report->differences) {
        fprintf(out, "\n");
        print_difference(report, out);
    }
    fprintf(out, "[a, b]: 95 %% interval over frames, %u bootstrap rounds, seed %llu\n",
            settings->bootstrap.rounds, (unsigned long long)settings->bootstrap.seed);
}
