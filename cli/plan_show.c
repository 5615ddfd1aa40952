/* See plan_show.h. */
#include "cli/plan_show.h"

#include <math.h>
#include <string.h>

#include "coordinator/json.h"

static const char *name_of(const struct cli_plan_report *r, int32_t i)
{
    return cli_workers_kind(r->workers, i)->name;
}

/* ---- tables ---- */

/* "-" for what is not known. */
static void print_cell(FILE *file, int width, int digits, double value)
{
    if (isfinite(value))
        fprintf(file, "%*.*f", width, digits, value);
    else
        fprintf(file, "%*s", width, "-");
}

static void print_work(FILE *file, const struct cli_plan_report *r)
{
    const struct cli_work *work = r->work;
    fprintf(file, "model %s, pictures of %d x %d%s: %u tiles, %.1f GMAC", work->model->name,
            work->pyramid.frame.w, work->pyramid.frame.h,
            work->has_camera && work->tiles->macs < work->whole_macs ? ", ground plane" : "",
            work->tiles->count, (double)work->tiles->macs / 1e9);
    fprintf(file, " (%.1f %% of the whole pyramid)\n",
            100 * (double)work->tiles->macs / (double)work->whole_macs);
}

static void print_left_out(FILE *file, const struct cli_plan_report *r)
{
    for (int32_t i = 0; i < r->plan->count; i++) {
        const struct partition_share *share = &r->plan->plan->shares[i];
        if (share->left_out != PARTITION_USED)
            fprintf(file, "left out: %d %s: %s\n", i + 1, name_of(r, i),
                    partition_left_out_text(share->left_out));
    }
}

static void print_plan(FILE *file, const struct cli_plan_report *r)
{
    const struct partition_plan *plan = r->plan->plan;
    const double macs = (double)r->work->tiles->macs;
    fprintf(file,
            "\n      worker              tiles    GMAC  share       KB  compute ms  send ms\n");
    for (int32_t i = 0; i < r->plan->count; i++) {
        const struct partition_share *s = &plan->shares[i];
        if (s->left_out != PARTITION_USED)
            continue;
        fprintf(file, "%5d %-18.18s %6u %7.1f %5.1f%% %8.1f %11.2f %8.2f\n", i + 1, name_of(r, i),
                s->tile_count, (double)s->macs / 1e9, 100 * (double)s->macs / macs,
                (double)s->pixel_bytes / 1e3, s->compute_us / 1e3, s->receive_us / 1e3);
    }
    print_left_out(file, r);
    fprintf(file, "\nperiod  %.2f ms (%.3g frames/s)", plan->period_us / 1e3,
            1e6 / plan->period_us);
    if (strcmp(r->split, "tile") != 0)
        fprintf(file, ", split by %s", r->split);
    fprintf(file, "\nbound   %.2f ms: no plan can be faster; gap %.2f %%\n",
            r->plan->bound_us / 1e3, 100 * r->plan->gap);
    fprintf(file, "latency %.2f ms of one frame\n", plan->latency_us / 1e3);
    if (isfinite(r->port_bytes_per_us))
        fprintf(file, "port    %.2f ms of each period the coordinator's link sends\n",
                plan->port_us / 1e3);
    if (isfinite(r->plan->watts))
        fprintf(file, "power   %.1f W at this rate, %.2f J a frame\n", r->plan->watts,
                r->plan->watts * plan->period_us / 1e6);
}

static void print_what_if(FILE *file, const struct cli_plan_report *r)
{
    fprintf(file,
            "\nworkers  used  frames/s  one more  speed-up  efficiency  latency ms    gap     "
            "watts\n");
    for (int32_t i = 0; i < r->what_if_count; i++) {
        const struct cli_what_if *w = &r->what_if[i];
        char more[16] = "-";
        if (i > 0)
            snprintf(more, sizeof more, "%+.1f%%", 100 * (w->fps / w[-1].fps - 1));
        fprintf(file, "%7d %5d %9.2f %9s %8.2fx %10.1f%% %11.1f %5.2f%%", w->count, w->used, w->fps,
                more, w->speedup, 100 * w->efficiency, w->latency_ms, 100 * w->gap);
        print_cell(file, 10, 1, w->watts);
        fputc('\n', file);
    }
}

/* "2x tx1@MAXN, nano@5W": neighbours of one kind and mode together. */
static void print_modes(FILE *file, const struct cli_plan_report *r, const int32_t *mode)
{
    const char *between = "";
    for (int32_t i = 0, n; i < r->workers->count; i += n) {
        const struct cli_worker_kind *kind = cli_workers_kind(r->workers, i);
        for (n = 1; i + n < r->workers->count && mode[i + n] == mode[i] &&
                    cli_workers_kind(r->workers, i + n) == kind;)
            n++;
        if (mode[i] < 0)
            continue;
        fputs(between, file);
        if (n > 1)
            fprintf(file, "%dx ", n);
        fprintf(file, "%.*s@%s", (int)strcspn(kind->name, "@"), kind->name,
                kind->modes[mode[i]].name);
        between = ", ";
    }
}

static void print_point(FILE *file, const struct cli_plan_report *r,
                        const struct cli_frontier_point *p)
{
    fprintf(file, "%7.1f %9.2f %11.2f %11.1f  ", p->watts, p->fps, p->bound_fps, p->latency_ms);
    print_modes(file, r, p->mode);
    fputs(p->exact ? "\n" : " (not all choices looked at)\n", file);
}

static void print_frontier(FILE *file, const struct cli_plan_report *r)
{
    static const char head[] = "  watts  frames/s  at most/s  latency ms  boards and modes\n";
    fprintf(file, "\nunder a budget of %g W:\n%s", r->budget_w, head);
    print_point(file, r, &r->frontier->chosen);
    fprintf(file, "\nwatts against frames per second:\n%s", head);
    for (int32_t i = 0; i < r->frontier->count; i++)
        print_point(file, r, &r->frontier->points[i]);
}

void cli_plan_print(FILE *file, const struct cli_plan_report *report)
{
    print_work(file, report);
    if (report->plan)
        print_plan(file, report);
    if (report->what_if)
        print_what_if(file, report);
    if (report->frontier)
        print_frontier(file, report);
}

/* ---- JSON ---- */

static void json_number(FILE *file, const char *key, double value)
{
    fprintf(file, "\"%s\":", key);
    coordinator_json_double(file, value);
}

static void json_text(FILE *file, const char *key, const char *text)
{
    fprintf(file, "\"%s\":", key);
    coordinator_json_string(file, text);
}

static void json_workers(FILE *file, const struct cli_plan_report *r)
{
    const char *between = "";
    fputs(",\"workers\":[", file);
    for (int32_t i = 0; i < r->plan->count; i++) {
        const struct partition_share *s = &r->plan->plan->shares[i];
        if (s->left_out != PARTITION_USED)
            continue;
        fprintf(file, "%s{", between);
        json_text(file, "name", name_of(r, i));
        fprintf(file, ",\"worker\":%d,\"tiles\":%u,\"macs\":%llu,\"bytes\":%llu,", i + 1,
                s->tile_count, (unsigned long long)s->macs, (unsigned long long)s->pixel_bytes);
        json_number(file, "predicted_ms", s->compute_us / 1e3);
        fputc(',', file);
        json_number(file, "receive_ms", s->receive_us / 1e3);
        fputc(',', file);
        json_number(file, "share", (double)s->macs / (double)r->work->tiles->macs);
        fputc('}', file);
        between = ",";
    }
    between = "";
    fputs("],\"left_out\":[", file);
    for (int32_t i = 0; i < r->plan->count; i++) {
        const struct partition_share *s = &r->plan->plan->shares[i];
        if (s->left_out == PARTITION_USED)
            continue;
        fprintf(file, "%s{", between);
        json_text(file, "name", name_of(r, i));
        fprintf(file, ",\"worker\":%d,", i + 1);
        json_text(file, "reason", partition_left_out_text(s->left_out));
        fputc('}', file);
        between = ",";
    }
    fputc(']', file);
}

static void json_what_if(FILE *file, const struct cli_plan_report *r)
{
    fputs(",\"what_if\":[", file);
    for (int32_t i = 0; i < r->what_if_count; i++) {
        const struct cli_what_if *w = &r->what_if[i];
        fprintf(file, "%s{\"workers\":%d,\"used\":%d,", i ? "," : "", w->count, w->used);
        json_number(file, "fps", w->fps);
        fputc(',', file);
        json_number(file, "latency_ms", w->latency_ms);
        fputc(',', file);
        json_number(file, "speedup", w->speedup);
        fputc(',', file);
        json_number(file, "efficiency", w->efficiency);
        fputc(',', file);
        json_number(file, "gap", w->gap);
        fputc(',', file);
        json_number(file, "watts", w->watts);
        fputc('}', file);
    }
    fputc(']', file);
}

static void json_point(FILE *file, const struct cli_plan_report *r,
                       const struct cli_frontier_point *p)
{
    fputc('{', file);
    json_number(file, "watts", p->watts);
    fputc(',', file);
    json_number(file, "fps", p->fps);
    fputc(',', file);
    json_number(file, "bound_fps", p->bound_fps);
    fputc(',', file);
    json_number(file, "latency_ms", p->latency_ms);
    fprintf(file, ",\"exact\":%s,\"modes\":[", p->exact ? "true" : "false");
    for (int32_t i = 0; i < r->workers->count; i++) {
        fputs(i ? "," : "", file);
        if (p->mode[i] < 0)
            fputs("null", file); /* off */
        else
            coordinator_json_string(file, cli_workers_kind(r->workers, i)->modes[p->mode[i]].name);
    }
    fputs("]}", file);
}

static void json_frontier(FILE *file, const struct cli_plan_report *r)
{
    fputs(",\"chosen\":", file);
    json_point(file, r, &r->frontier->chosen);
    fputs(",\"frontier\":[", file);
    for (int32_t i = 0; i < r->frontier->count; i++) {
        fputs(i ? "," : "", file);
        json_point(file, r, &r->frontier->points[i]);
    }
    fputc(']', file);
}

void cli_plan_print_json(FILE *file, const struct cli_plan_report *r)
{
    const struct cli_work *work = r->work;
    fputc('{', file);
    json_text(file, "model", work->model->name);
    fputc(',', file);
    json_text(file, "model_hash", work->model->hash);
    fprintf(file, ",\"size\":[%d,%d],\"tiles\":%u,\"macs\":%llu,", work->pyramid.frame.w,
            work->pyramid.frame.h, work->tiles->count, (unsigned long long)work->tiles->macs);
    json_number(file, "macs_share", (double)work->tiles->macs / (double)work->whole_macs);
    if (r->plan) {
        fputc(',', file);
        json_text(file, "split", r->split);
        fputc(',', file);
        json_number(file, "period_ms", r->plan->plan->period_us / 1e3);
        fputc(',', file);
        json_number(file, "latency_ms", r->plan->plan->latency_us / 1e3);
        fputc(',', file);
        json_number(file, "lower_bound_ms", r->plan->bound_us / 1e3);
        fputc(',', file);
        json_number(file, "gap", r->plan->gap);
        fputc(',', file);
        json_number(file, "port_ms", r->plan->plan->port_us / 1e3);
        json_workers(file, r);
        fputc(',', file);
        json_number(file, "watts", r->plan->watts);
        fputc(',', file);
        json_number(file, "budget_watts", r->budget_w);
    }
    if (r->what_if)
        json_what_if(file, r);
    if (r->frontier)
        json_frontier(file, r);
    fputs("}\n", file);
}
