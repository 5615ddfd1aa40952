/* How far plans are from the bound, and how long planning takes (time of one core).
 *
 *   bench_plan [SEEDS [FIRST]]     made-up clusters; 2000 seeds from 1; up to 200 seeds one line each
 *   bench_plan boards CAMERA       1 to 16 TX1 with the ground plane of a camera's file
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "partition/bound.h"
#include "partition/camera.h"
#include "partition/power.h"
#include "proto/status.h"
#include "tests/partition/plan_cases.h"

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
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

enum kind { ALL, SMALL, SMALL_COMPUTE, SMALL_BYTES, PLAN_MS, AGAIN_MS, BOUND_MS, KINDS };
static const char *const names[KINDS] = {
    [ALL] = "gap, all",
    [SMALL] = "gap, largest tile < T*/4",
    [SMALL_COMPUTE] = "  of these limited by compute",
    [SMALL_BYTES] = "  of these limited by bytes",
    [PLAN_MS] = "planning",
    [AGAIN_MS] = "again, a worker gone",
    [BOUND_MS] = "bound",
};

static void print(enum kind kind, struct figures *f)
{
    const double scale = kind < PLAN_MS ? 100 : 1;
    printf("%-30s %5u  median %8.3f  95 %% within %8.3f  max %8.3f  min %8.4f %s\n", names[kind],
           f->count, scale * at(f, 0.5), scale * at(f, 0.95), scale * at(f, 1), scale * at(f, 0),
           kind < PLAN_MS ? "%" : "ms");
}

/* The bound if links and port had no limits. */
static double compute_bound(const struct plan_case *c)
{
    struct partition_plan_settings settings = c->settings;
    double bound = NAN;
    struct partition_plan_worker *workers = calloc((size_t)settings.worker_count, sizeof *workers);
    if (!workers)
        return NAN;
    for (int32_t w = 0; w < settings.worker_count; w++) {
        workers[w] = c->workers[w];
        workers[w].bytes_per_us = INFINITY;
    }
    settings.workers = workers;
    settings.port_bytes_per_us = INFINITY;
    partition_bound_period(&c->pyramid, c->tiles, &settings, &bound);
    free(workers);
    return bound;
}

static int plan_without(const struct plan_case *c, const struct partition_plan *plan,
                        struct figures *figures)
{
    struct partition_plan_settings settings = c->settings;
    struct partition_plan *again;
    struct partition_plan_worker *gone = &c->workers[plan->order[0]];
    const struct partition_plan_worker kept = *gone;
    settings.from = plan;
    gone->tile_us = NULL;
    const double begin = now_ms();
    const int status = partition_plan_open(&c->pyramid, c->tiles, &settings, &again);
    add(&figures[AGAIN_MS], now_ms() - begin);
    *gone = kept;
    if (status == PROTO_OK)
        partition_plan_close(again);
    return status;
}

static int measure(uint64_t seed, const struct plan_case_limits *limits, struct figures *figures,
                   bool verbose)
{
    struct plan_case c;
    struct partition_plan *plan = NULL;
    double bound = NAN;
    if (plan_case_open(&c, limits, seed) != PROTO_OK)
        return PROTO_NO_MEMORY;
    const double begin = now_ms();
    int status = partition_plan_open(&c.pyramid, c.tiles, &c.settings, &plan);
    const double middle = now_ms();
    if (status == PROTO_OK)
        status = partition_bound_period(&c.pyramid, c.tiles, &c.settings, &bound);
    const double end = now_ms();
    if (status == PROTO_OK)
        status = plan_without(&c, plan, figures);
    if (status == PROTO_OK) {
        const double gap = plan->period_us / bound - 1;
        const bool small = plan_case_largest_us(&c) < bound / 4;
        const bool bytes = plan->period_us > 1.03 * compute_bound(&c);
        add(&figures[ALL], gap);
        if (small) {
            add(&figures[SMALL], gap);
            add(&figures[bytes ? SMALL_BYTES : SMALL_COMPUTE], gap);
        }
        add(&figures[PLAN_MS], middle - begin);
        add(&figures[BOUND_MS], end - middle);
        if (verbose)
            printf(
                "seed %5llu: %3u tiles, %2d workers, period %9.0f us, port %9.0f us, gap %7.3f %%"
                "%s%s, %.1f ms, bound %.1f ms\n",
                (unsigned long long)seed, c.tiles->count, plan->worker_count, plan->period_us,
                plan->port_us, 100 * gap, small ? "" : ", few tiles",
                bytes ? ", limited by bytes" : "", middle - begin, end - middle);
    }
    partition_plan_close(plan);
    plan_case_close(&c);
    return status;
}

static int clusters(uint64_t seeds, uint64_t first)
{
    struct plan_case_limits limits;
    struct figures figures[KINDS];
    int status = PROTO_OK;
    for (int k = 0; k < KINDS; k++) {
        figures[k] = (struct figures){calloc(seeds + 1, sizeof(double)), 0};
        if (!figures[k].value)
            status = PROTO_NO_MEMORY;
    }
    plan_case_limits_defaults(&limits);
    for (uint64_t s = first; s < first + seeds && status == PROTO_OK; s++)
        status = measure(s, &limits, figures, seeds <= 200);
    for (int k = 0; k < KINDS; k++) {
        if (status == PROTO_OK)
            print((enum kind)k, &figures[k]);
        free(figures[k].value);
    }
    return status;
}

enum { BOARDS = 16 };

/* A TX1 as in configs/boards/tx1.yaml. */
static int boards(const struct partition_pyramid *pyramid, const struct partition_tiles *tiles,
                  double port, double slack)
{
    struct partition_plan_worker workers[BOARDS];
    struct partition_speed tx1;
    double *us = calloc(tiles->count + 1, sizeof *us), one = 0, alone = 0;
    int status = us ? PROTO_OK : PROTO_NO_MEMORY;
    partition_speed_defaults(&tx1);
    tx1.macs_per_us = 184e3;
    tx1.tile_us = 4090;
    tx1.frame_us = 3360;
    tx1.bytes_per_us = 117.6;
    tx1.latency_us = 100;
    for (int b = 0; status == PROTO_OK && b < BOARDS; b++)
        partition_plan_worker_init(&workers[b], &tx1, pyramid, tiles, 1, us);
    for (int n = 1; status == PROTO_OK && n <= BOARDS; n += n < 4 ? 1 : n < 8 ? 2 : 4) {
        struct partition_plan_settings settings;
        struct partition_plan *plan;
        double bound;
        partition_plan_defaults(&settings);
        settings.workers = workers;
        settings.worker_count = n;
        settings.port_bytes_per_us = port;
        settings.period_slack = slack;
        status = partition_plan_open(pyramid, tiles, &settings, &plan);
        if (status != PROTO_OK)
            break;
        status = partition_bound_period(pyramid, tiles, &settings, &bound);
        one = n == 1 ? plan->period_us : one;
        alone = n == 1 ? plan->latency_us : alone;
        printf(
            "  %2d boards: T* %6.1f ms, period %6.1f ms (%5.2fx), port %5.1f ms, latency %6.1f ms "
            "(%5.2fx)\n",
            n, bound / 1e3, plan->period_us / 1e3, one / plan->period_us, plan->port_us / 1e3,
            plan->latency_us / 1e3, alone / plan->latency_us);
        partition_plan_close(plan);
    }
    free(us);
    return status;
}

static int table(const char *camera_file)
{
    static const struct {
        int32_t max_workers;
        double port, slack;
    } rows[] = {{8, 117.6, 0}, {8, 117.6, 0.05}, {16, 117.6, 0}, {16, 1176, 0}};
    struct proto_config_camera config;
    struct partition_camera camera;
    struct partition_model model;
    struct partition_pyramid pyramid;
    struct partition_rows bands[PROTO_LEVELS_MAX];
    const struct proto_size frame = {640, 480};
    paper_model_init(&model);
    int status = proto_config_camera_load(camera_file, &config);
    if (status == PROTO_OK)
        status = partition_pyramid_init(&pyramid, &model, frame);
    if (status == PROTO_OK)
        status = partition_camera_init(&camera, &config, frame);
    if (status == PROTO_OK)
        status = partition_camera_bands(&camera, &pyramid, &model, bands);
    for (size_t r = 0; status == PROTO_OK && r < sizeof rows / sizeof *rows; r++) {
        struct partition_tile_settings settings;
        struct partition_tiles *tiles;
        partition_tile_defaults(&settings);
        settings.bands = bands;
        settings.max_workers = rows[r].max_workers;
        status = partition_tiles_open(&pyramid, &model, &settings, &tiles);
        if (status != PROTO_OK)
            break;
        printf("max_workers %d: %u tiles, %.1f GMAC (halo %.2f %%), port %.1f MB/s, slack %.2f\n",
               rows[r].max_workers, tiles->count, 1e-9 * (double)tiles->macs,
               100.0 * (double)tiles->macs / (double)tiles->whole_macs - 100, rows[r].port,
               rows[r].slack);
        status = boards(&pyramid, tiles, rows[r].port, rows[r].slack);
        partition_tiles_close(tiles);
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "boards") == 0)
        return table(argv[2]) != PROTO_OK;
    return clusters(argc > 1 ? strtoull(argv[1], NULL, 10) : 2000,
                    argc > 2 ? strtoull(argv[2], NULL, 10) : 1) != PROTO_OK;
}
