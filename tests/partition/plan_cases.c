#include "tests/partition/plan_cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"

void plan_case_limits_defaults(struct plan_case_limits *limits)
{
    *limits = (struct plan_case_limits){.workers_min = 2,
                                        .workers_max = 64,
                                        .tiles_min = 20,
                                        .tiles_max = 500,
                                        .port_min = 0.1,
                                        .port_max = 10,
                                        .alike = true};
}

static double uniform(struct random *random, double low, double high)
{
    return low + (high - low) * ((double)(random_next(random) >> 11) / 9007199254740992.0);
}

static double log_uniform(struct random *random, double low, double high)
{
    return low * pow(high / low, uniform(random, 0, 1));
}

/* The cut that makes the fewest tiles of at least `wanted`, or most there are: fewer rows a tile until
 * there are enough. Levels that are left out make sets of fewer than 26. */
static int cut(struct plan_case *c, struct random *random, uint32_t wanted)
{
    static const struct proto_size sizes[] = {{640, 480}, {1280, 720}, {320, 240}, {800, 600}};
    struct partition_rows bands[PROTO_LEVELS_MAX];
    int status = partition_pyramid_init(&c->pyramid, &c->model, sizes[random_in(random, 0, 3)]);
    const bool banded = random_in(random, 0, 1);
    for (int k = 0; k < c->pyramid.level_count; k++) {
        const int32_t rows = c->pyramid.levels[k].rows;
        const int32_t band = banded ? rows / 4 + 1 : rows;
        bands[k] = (struct partition_rows){(rows - band) / 3, band < rows ? band : rows};
        if (wanted < 26 && (uint32_t)k >= wanted)
            bands[k].rows = 0;
    }
    for (int32_t rows = 120; status == PROTO_OK && rows > 0; rows -= rows > 16 ? rows / 8 : 1) {
        const struct partition_tile_settings settings = {.max_rows = rows, .bands = bands};
        partition_tiles_close(c->tiles);
        status = partition_tiles_open(&c->pyramid, &c->model, &settings, &c->tiles);
        if (status == PROTO_OK && c->tiles->count >= wanted)
            break;
    }
    return status;
}

static void hire(struct plan_case *c, struct random *random, const struct plan_case_limits *limits)
{
    const double megabytes_per_gigabit = 125;
    const double base = log_uniform(random, 2e4, 2e6); /* MAC/us; a TX1 in fp16: 1.8e5 */
    for (int32_t w = 0; w < c->settings.worker_count; w++) {
        struct partition_plan_worker *worker = &c->workers[w];
        struct partition_speed speed;
        partition_speed_defaults(&speed);
        speed.macs_per_us = base * uniform(random, 1, 8);
        speed.frame_us = uniform(random, 0, 3000);
        speed.latency_us = uniform(random, 20, 300);
        if (limits->port_max > 0)
            speed.bytes_per_us =
                megabytes_per_gigabit * log_uniform(random, limits->port_min, limits->port_max);
        partition_plan_worker_init(worker, &speed, &c->pyramid, c->tiles, 1,
                                   c->us + (size_t)w * c->tiles->count);
        for (uint32_t i = 0; !limits->alike && i < c->tiles->count; i++)
            c->us[(size_t)w * c->tiles->count + i] *= uniform(random, 0.8, 1.25);
    }
    if (limits->port_max > 0)
        c->settings.port_bytes_per_us =
            megabytes_per_gigabit * log_uniform(random, limits->port_min, limits->port_max);
}

int plan_case_open(struct plan_case *c, const struct plan_case_limits *limits, uint64_t seed)
{
    struct random random = {.state = seed * 7919 + 1};
    memset(c, 0, sizeof *c);
    paper_model_init(&c->model);
    partition_plan_defaults(&c->settings);
    c->settings.worker_count = random_in(&random, limits->workers_min, limits->workers_max);
    int status =
        cut(c, &random,
            (uint32_t)random_in(&random, (int32_t)limits->tiles_min, (int32_t)limits->tiles_max));
    if (status != PROTO_OK)
        return status;
    const size_t workers = (size_t)c->settings.worker_count;
    c->workers = calloc(workers, sizeof *c->workers);
    c->us = calloc(workers * c->tiles->count + 1, sizeof *c->us);
    if (!c->workers || !c->us) {
        plan_case_close(c);
        return PROTO_NO_MEMORY;
    }
    c->settings.workers = c->workers;
    hire(c, &random, limits);
    return PROTO_OK;
}

void plan_case_close(struct plan_case *c)
{
    partition_tiles_close(c->tiles);
    free(c->workers);
    free(c->us);
}

double plan_case_largest_us(const struct plan_case *c)
{
    double largest = 0;
    for (uint32_t i = 0; i < c->tiles->count; i++) {
        double least = INFINITY;
        for (int32_t w = 0; w < c->settings.worker_count; w++)
            least = fmin(least, c->workers[w].tile_us[i]);
        largest = fmax(largest, least);
    }
    return largest;
}
