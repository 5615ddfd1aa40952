/* How far plans are from the bound, and how long planning takes.
 *
 *   bench_plan [SEEDS [FIRST]]     default 2000 seeds from 1
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "partition/bound.h"
#include "proto/status.h"
#include "tests/partition/plan_cases.h"

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* of one core, whatever else runs */
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *pa, const void *pb)
{
    const double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

struct figures {
    double *value;
    uint32_t count;
};

static void add(struct figures *f, double value)
{
    f->value[f->count++] = value;
}

static double at(struct figures *f, double share)
{
    if (f->count == 0)
        return NAN;
    qsort(f->value, f->count, sizeof *f->value, compare);
    return f->value[(uint32_t)(share * (f->count - 1) + 0.5)];
}

static void print(const char *name, struct figures *f, const char *unit, double scale)
{
    printf("%-34s %5u  median %8.3f  p95 %8.3f  max %8.3f  min %8.4f %s\n", name, f->count,
           scale * at(f, 0.5), scale * at(f, 0.95), scale * at(f, 1), scale * at(f, 0), unit);
}

enum { ALL, SMALL, SMALL_COMPUTE, SMALL_BYTES, PLAN_MS, BOUND_MS, KINDS };
static const char *const names[KINDS] = {
    [ALL] = "gap, all",
    [SMALL] = "gap, largest tile < T*/4",
    [SMALL_COMPUTE] = "  of these limited by compute",
    [SMALL_BYTES] = "  of these limited by bytes",
    [PLAN_MS] = "planning",
    [BOUND_MS] = "bound",
};

static int measure(uint64_t seed, const struct plan_case_limits *limits, struct figures *figures,
                   int verbose)
{
    struct plan_case c;
    struct partition_plan *plan;
    double bound = 0;
    if (plan_case_open(&c, limits, seed) != PROTO_OK)
        return 1;
    const double begin = now_ms();
    int status = partition_plan_open(&c.pyramid, c.tiles, &c.settings, &plan);
    const double middle = now_ms();
    if (status == PROTO_OK)
        status = partition_bound_period(&c.pyramid, c.tiles, &c.settings, &bound);
    const double end = now_ms();
    if (status == PROTO_OK) {
        const double gap = plan->period_us / bound - 1;
        double compute = 0, link = 0;
        int used = 0;
        for (int32_t w = 0; w < plan->worker_count; w++) {
            compute = fmax(compute, plan->shares[w].compute_us);
            link = fmax(link, (double)plan->shares[w].pixel_bytes / c.workers[w].bytes_per_us);
            used += plan->shares[w].tile_count > 0;
        }
        add(&figures[ALL], gap);
        const bool small = plan_case_largest_us(&c) < bound / 4;
        /* Would the bound be lower still without links and port? Then bytes limit. */
        struct partition_plan_settings free_settings = c.settings;
        struct partition_plan_worker *free_workers =
            calloc((size_t)c.settings.worker_count, sizeof *free_workers);
        double free_bound = 0;
        memcpy(free_workers, c.workers, (size_t)c.settings.worker_count * sizeof *free_workers);
        for (int32_t w = 0; w < c.settings.worker_count; w++)
            free_workers[w].bytes_per_us = INFINITY;
        free_settings.workers = free_workers;
        free_settings.port_bytes_per_us = INFINITY;
        partition_bound_period(&c.pyramid, c.tiles, &free_settings, &free_bound);
        free(free_workers);
        const bool bytes = plan->period_us > free_bound * 1.03;
        if (small) {
            add(&figures[SMALL], gap);
            add(&figures[bytes ? SMALL_BYTES : SMALL_COMPUTE], gap);
        }
        add(&figures[PLAN_MS], middle - begin);
        add(&figures[BOUND_MS], end - middle);
        if (verbose || gap < -1e-9)
            printf("seed %5llu: %3u tiles %2d workers (%2d used) gap %7.3f %% %s%s period %9.0f "
                   "compute "
                   "%9.0f link %9.0f port %9.0f free %9.0f us; %6.1f ms, bound %6.1f ms\n",
                   (unsigned long long)seed, c.tiles->count, plan->worker_count, used, 100 * gap,
                   small ? "small " : "", bytes ? "bytes" : "", plan->period_us, compute, link,
                   plan->port_us, free_bound, middle - begin, end - middle);
        partition_plan_close(plan);
    }
    plan_case_close(&c);
    return status != PROTO_OK;
}

int main(int argc, char **argv)
{
    const uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000;
    const uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct plan_case_limits limits;
    struct figures figures[KINDS];
    for (int k = 0; k < KINDS; k++)
        figures[k] = (struct figures){calloc(seeds + 1, sizeof(double)), 0};
    plan_case_limits_defaults(&limits);
    for (uint64_t s = first; s < first + seeds; s++)
        if (measure(s, &limits, figures, seeds <= 200))
            return 1;
    for (int k = 0; k < KINDS; k++)
        print(names[k], &figures[k], k < PLAN_MS ? "%" : "ms", k < PLAN_MS ? 100 : 1);
    for (int k = 0; k < KINDS; k++)
        free(figures[k].value);
    return 0;
}
