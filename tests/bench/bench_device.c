/* What the CPU device costs above oneDNN: time, memory, sampling. Nothing is asserted; figures are
 * printed.
 *
 *   bench_device [DEVICE [THREADS [ROUNDS]]]        default: cpu,f32 2 5
 *
 * The whole pyramid of a 640 x 480 frame with the default topology and tile set goes through
 * worker/exec, tile by tile; after each tile the bare convolutions of the same tile run, so that
 * both see the same machine. Best of all rounds for each tile. Pools, sampling, scores and NMS
 * count for us and not for oneDNN: the ratio is the strict one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <omp.h>

#include "gpu/cpu/onednn.h"
#include "gpu/shape.h"
#include "proto/status.h"
#include "tests/worker/exec_support.h"
#include "worker/exec.h"

/* The convolutions of one tile, as oneDNN runs them when nobody stands in between. */
struct bare_tile {
    int count;
    struct cpu_conv *convs[PROTO_LAYERS_MAX];
};

struct bare {
    struct cpu_dnnl *dnnl;
    struct cpu_weights *weights[PROTO_NETS_MAX][PROTO_LAYERS_MAX];
    struct bare_tile *tiles;
    size_t bytes, scratch_bytes; /* largest activation, largest scratch memory */
    void *in, *out, *scratch;
};

static void die(const char *what, int status)
{
    fprintf(stderr, "bench_device: %s: %s\n", what, proto_status_text(status));
    exit(1);
}

static void check(const char *what, int status)
{
    if (status != PROTO_OK)
        die(what, status);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double resident_mb(void)
{
    long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%ld %ld", &total, &resident) != 2)
            resident = 0;
        fclose(file);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void *take(size_t bytes)
{
    bytes = (bytes + 64) / 64 * 64;
    void *data = aligned_alloc(64, bytes);
    if (!data)
        die("memory", PROTO_NO_MEMORY);
    memset(data, 0, bytes);
    return data;
}

static void bare_open_weights(struct bare *bare, const struct partition_model *model,
                              enum gpu_precision stored)
{
    check("oneDNN", cpu_dnnl_open(&bare->dnnl));
    for (int n = 0; n < model->net_count; n++)
        for (int i = 0; i < model->nets[n].layer_count; i++) {
            const struct proto_layer *layer = &model->nets[n].layers[i];
            const struct cpu_weights_settings settings = {
                .stored = stored, .first = i == 0, .last = i + 1 == model->nets[n].layer_count};
            if (layer->kind == PROTO_LAYER_CONV)
                check("weights",
                      cpu_weights_open(bare->dnnl, layer, &settings, &bare->weights[n][i]));
        }
}

static void bare_open_tile(struct bare *bare, const struct partition_model *model, int n,
                           struct proto_size size, struct bare_tile *tile)
{
    for (int i = 0; i < model->nets[n].layer_count; i++) {
        if (bare->weights[n][i]) {
            struct cpu_conv *conv;
            check("convolution", cpu_conv_open(bare->weights[n][i], size, 1, &conv));
            bare->bytes = larger(bare->bytes, cpu_tensor_bytes(cpu_conv_in(conv)));
            bare->bytes = larger(bare->bytes, cpu_tensor_bytes(cpu_conv_out(conv)));
            bare->scratch_bytes = larger(bare->scratch_bytes, cpu_conv_scratch_bytes(conv));
            tile->convs[tile->count++] = conv;
        }
        size = gpu_shape_layer(&model->nets[n].layers[i], size);
    }
}

static double bare_run(const struct bare *bare, const struct bare_tile *tile)
{
    double start = now_ms();
    for (int i = 0; i < tile->count; i++)
        check("convolution", cpu_conv_run(tile->convs[i], 0, i % 2 ? bare->out : bare->in,
                                          i % 2 ? bare->in : bare->out, bare->scratch));
    return now_ms() - start;
}

static void bare_close(struct bare *bare, uint32_t tile_count)
{
    for (uint32_t t = 0; t < tile_count; t++)
        for (int i = 0; i < bare->tiles[t].count; i++)
            cpu_conv_close(bare->tiles[t].convs[i]);
    for (int n = 0; n < PROTO_NETS_MAX; n++)
        for (int i = 0; i < PROTO_LAYERS_MAX; i++)
            cpu_weights_close(bare->weights[n][i]);
    cpu_dnnl_close(bare->dnnl);
    free(bare->tiles);
    free(bare->in);
    free(bare->out);
    free(bare->scratch);
}

struct setup {
    struct exec_model model;
    struct exec_picture picture;
    struct exec_plan plan;
    struct worker_exec *exec;
};

static double exec_tile_ms(const struct setup *s, const struct exec_frame *all, uint32_t id)
{
    struct proto_frame frame = all->frame;
    struct proto_result result;
    frame.tiles = &id;
    frame.tile_count = 1;
    double start = now_ms();
    check("frame", worker_exec_run(s->exec, &frame, all->pixels, &result));
    return now_ms() - start;
}

static void print_ratio(const struct setup *s, const struct exec_frame *all, int threads,
                        enum gpu_precision stored, int rounds)
{
    const struct partition_model *model = &s->model.model;
    uint32_t count = s->plan.tiles->count;
    struct bare bare = {.tiles = calloc(count, sizeof *bare.tiles)};
    double *best = malloc(2 * count * sizeof *best);
    if (!bare.tiles || !best)
        die("memory", PROTO_NO_MEMORY);
    omp_set_num_threads(threads);
    bare_open_weights(&bare, model, stored);
    for (uint32_t t = 0; t < count; t++) {
        const struct partition_tile *tile = &s->plan.tiles->tile[t];
        bare_open_tile(&bare, model, s->picture.pyramid.levels[tile->level].net, tile->input,
                       &bare.tiles[t]);
        best[2 * t] = best[2 * t + 1] = INFINITY;
    }
    bare.in = take(bare.bytes);
    bare.out = take(bare.bytes);
    bare.scratch = take(bare.scratch_bytes);
    for (int round = 0; round < rounds; round++)
        for (uint32_t t = 0; t < count; t++) {
            best[2 * t] = fmin(best[2 * t], exec_tile_ms(s, all, t));
            best[2 * t + 1] = fmin(best[2 * t + 1], bare_run(&bare, &bare.tiles[t]));
        }
    double ours = 0, theirs = 0;
    for (uint32_t t = 0; t < count; t++) {
        ours += best[2 * t];
        theirs += best[2 * t + 1];
    }
    printf("pyramid through exec   %9.1f ms  (%u tiles, %.1f GFLOP/s)\n", ours, count,
           2e-6 * (double)s->plan.tiles->macs / ours);
    printf("its bare convolutions  %9.1f ms\n", theirs);
    printf("ratio                  %9.3f     (target at most 1.10)\n", ours / theirs);
    free(best);
    bare_close(&bare, count);
}

/* Sampling alone: a net of one 1 x 1 convolution takes the same input. */
static void print_sampling(const struct setup *s, const struct exec_frame *all,
                           const char *device_spec, const struct gpu_settings *settings, int rounds)
{
    const struct test_layer list[] = {{'c', 1, 1, 1, 1}, {0}};
    struct test_net data;
    struct gpu_device *device;
    struct gpu_net *net;
    test_net_open(&data, list, 1);
    check("device", gpu_device_open(device_spec, settings, &device));
    check("net", gpu_net_open(device, data.layers, data.count, &net));
    check("frame", gpu_frame_begin(device, all->pixels, (size_t)all->frame.pixel_bytes));
    double sum = 0;
    for (uint32_t t = 0; t < s->plan.tiles->count; t++) {
        const struct partition_tile *tile = &s->plan.tiles->tile[t];
        struct proto_sampling sampling;
        struct gpu_chain *chain;
        partition_pyramid_sampling(&s->picture.pyramid, &s->model.model, tile->level, &tile->cells,
                                   &sampling);
        check("band", partition_band_find(&s->picture.pyramid, all->bands, all->frame.band_count,
                                          tile->band, &sampling));
        check("chain", gpu_chain_open(net, sampling.h, sampling.w, &chain));
        double best = INFINITY;
        for (int round = 0; round <= rounds; round++) {
            double start = now_ms();
            check("sample", gpu_sample(chain, &sampling));
            best = fmin(best, now_ms() - start);
        }
        sum += best;
        gpu_chain_close(chain);
    }
    printf("sampling               %9.2f ms\n", sum);
    check("frame", gpu_frame_end(device));
    gpu_net_close(net);
    gpu_device_close(device);
    test_net_close(&data);
}

static void setup_open(struct setup *s, const char *device, const struct gpu_settings *settings)
{
    exec_model_default(&s->model);
    exec_picture_open(&s->picture, &s->model.model, (struct proto_size){.w = 640, .h = 480}, 1);
    exec_plan_open(&s->plan, &s->picture, &s->model.model, 74, 0, 1e9f);
    check(device, worker_exec_open(device, settings, &s->model.model, &s->exec));
    double start = now_ms();
    check("plan", worker_exec_plan(s->exec, &s->plan.plan));
    printf("%s, %d threads, kernels %s\n", worker_exec_device(s->exec), settings->threads,
           worker_exec_kernels(s->exec));
    printf("preparing the plan     %9.1f ms\n", now_ms() - start);
}

int main(int argc, char **argv)
{
    const char *device = argc > 1 ? argv[1] : "cpu,f32";
    const struct gpu_settings settings = {.threads = argc > 2 ? atoi(argv[2]) : 2};
    int rounds = argc > 3 ? atoi(argv[3]) : 5;
    if (settings.threads < 1 || rounds < 1) {
        fprintf(stderr, "usage: bench_device [DEVICE [THREADS [ROUNDS]]]\n");
        return 2;
    }
    struct setup s;
    struct exec_frame all;
    struct proto_result result;
    setup_open(&s, device, &settings);
    exec_frame_open(&all, &s.picture, &s.plan, s.plan.ids, s.plan.tiles->count);
    check("frame", worker_exec_run(s.exec, &all.frame, all.pixels, &result));
    printf("resident after a frame %9.1f MB  (target at most 600)\n", resident_mb());
    print_sampling(&s, &all, device, &settings, rounds);
    print_ratio(&s, &all, settings.threads, strstr(device, "bf16") ? GPU_BF16 : GPU_F32, rounds);
    exec_frame_close(&all);
    worker_exec_close(s.exec);
    exec_plan_close(&s.plan);
    exec_picture_close(&s.picture);
    exec_model_close(&s.model);
    return 0;
}
