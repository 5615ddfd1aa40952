#include "cli/bench_ladder.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "coordinator/bands.h"
#include "coordinator/bench/result.h"
#include "coordinator/source.h"
#include "gpu/device.h"
#include "partition/camera.h"
#include "partition/merge.h"
#include "partition/model.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA "bench"

/* The steps, and times of the paper on a TX1, ms; NAN: not told. */
enum step { STEP_BEFORE, STEP_STATIC, STEP_LOW, STEP_GRAPH, STEP_GROUND, STEPS };

static const struct {
    const char *name;
    double paper_scaling_ms, paper_detection_ms;
} steps[STEPS] = {
    [STEP_BEFORE] = {"f32, copies, dynamic shapes", 930.1, 8391.2},
    [STEP_STATIC] = {"all on the device, static shapes", NAN, 2800},
    [STEP_LOW] = {"low precision", 46.1, 2103.2},
    [STEP_GRAPH] = {"one graph a frame", NAN, NAN},
    [STEP_GROUND] = {"ground plane", 32.1, 587.6},
};

/* What a kind of device does at each step; NULL: the step does not apply. Where shapes can't be made
 * dynamic by an option, the chains are opened anew for each frame. */
static const struct kind {
    const char *prefix;
    const char *options[STEPS];
    bool reopen; /* chains, at the first step */
} kinds[] = {
    {"cpu",
     {[STEP_BEFORE] = "f32", [STEP_STATIC] = "f32", [STEP_LOW] = "bf16", [STEP_GROUND] = "bf16"},
     true},
    {"cuda",
     {[STEP_BEFORE] = "f32,nograph,serial,copy,dynamic,roundtrip",
      [STEP_STATIC] = "f32,nograph,serial",
      [STEP_LOW] = "f16,nograph,serial",
      [STEP_GRAPH] = "f16",
      [STEP_GROUND] = "f16"},
     false},
    {"ref", {[STEP_BEFORE] = "f32", [STEP_STATIC] = "f32", [STEP_GROUND] = "f32"}, true},
};

/* A net that does next to nothing: a frame of it costs what its pixels cost. */
static const float thin_weights[2 * PROTO_CHANNELS];
static const float thin_bias[2];
enum { THIN_STRIDE = 64 };
static const struct proto_layer thin = {
    .kind = PROTO_LAYER_CONV,
    .cin = PROTO_CHANNELS,
    .cout = 2,
    .kh = 1,
    .kw = 1,
    .sh = THIN_STRIDE,
    .sw = THIN_STRIDE,
    .weights = thin_weights,
    .bias = thin_bias,
    .name = "thin",
};

struct ladder {
    const struct bench_ladder_settings *settings;
    const struct kind *kind;
    struct partition_model *model;
    struct partition_pyramid pyramid;
    struct partition_camera camera;
    struct coordinator_frame frame;
    struct coordinator_bands *bands;
    /* One step. */
    struct gpu_device *device;
    struct gpu_net *nets[PROTO_NETS_MAX], *thin;
    struct partition_tiles *tiles;
    struct gpu_chain **chains, **thin_chains;
    struct proto_sampling *samplings;
    struct proto_survivor *survivors;
    uint32_t *first, *counts;
    uint8_t *pixels;
    size_t pixel_bytes;
};

struct times {
    double scaling_ms, detection_ms; /* NAN: the step does not apply */
    const char *why_not;
};

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* ---- one step's device, tiles and chains ---- */

static void step_close(struct ladder *l)
{
    for (uint32_t i = 0; l->chains && i < l->tiles->count; i++)
        gpu_chain_close(l->chains[i]);
    for (uint32_t i = 0; l->thin_chains && i < l->tiles->count; i++)
        gpu_chain_close(l->thin_chains[i]);
    gpu_net_close(l->thin);
    for (int n = 0; n < PROTO_NETS_MAX; n++) {
        gpu_net_close(l->nets[n]);
        l->nets[n] = NULL;
    }
    gpu_device_close(l->device);
    partition_tiles_close(l->tiles);
    free(l->chains);
    free(l->thin_chains);
    free(l->samplings);
    free(l->survivors);
    free(l->first);
    free(l->counts);
    free(l->pixels);
    l->device = NULL;
    l->tiles = NULL;
    l->chains = l->thin_chains = NULL;
    l->thin = NULL;
    l->samplings = NULL;
    l->survivors = NULL;
    l->first = l->counts = NULL;
    l->pixels = NULL;
}

static int tiles_open(struct ladder *l, enum step step)
{
    struct partition_tile_settings settings;
    struct partition_rows bands[PROTO_LEVELS_MAX];
    partition_tile_defaults(&settings);
    if (step == STEP_GROUND) {
        const int status = partition_camera_bands(&l->camera, &l->pyramid, l->model, bands);
        if (status)
            return status;
        settings.bands = bands;
    }
    return partition_tiles_open(&l->pyramid, l->model, &settings, &l->tiles);
}

/* Pixels as a worker with all tiles gets them, and where each tile finds its own. */
static int pixels_pack(struct ladder *l)
{
    const uint32_t count = l->tiles->count;
    uint32_t *ids = calloc(count, sizeof *ids);
    struct proto_band *bands = calloc(count, sizeof *bands);
    uint64_t survivors = 0;
    int status = ids && bands ? PROTO_OK : PROTO_NO_MEMORY;
    for (uint32_t i = 0; !status && i < count; i++)
        ids[i] = i;
    const uint32_t band_count = status ? 0 : partition_tile_bands(l->tiles, ids, count, bands);
    for (uint32_t i = 0; !status && i < count; i++) {
        const struct partition_tile *tile = &l->tiles->tile[i];
        partition_pyramid_sampling(&l->pyramid, l->model, tile->level, &tile->cells,
                                   &l->samplings[i]);
        status = partition_band_find(&l->pyramid, bands, band_count, tile->band, &l->samplings[i]);
        survivors += partition_merge_survivors_max(&l->pyramid, tile);
        l->first[i + 1] = (uint32_t)survivors;
    }
    if (!status) {
        l->pixel_bytes = (size_t)partition_band_bytes(&l->pyramid, bands, band_count);
        l->pixels = malloc(l->pixel_bytes);
        l->survivors = malloc((size_t)(survivors + 1) * sizeof *l->survivors);
        status = l->pixels && l->survivors ? PROTO_OK : PROTO_NO_MEMORY;
    }
    if (!status)
        coordinator_bands_pack(l->bands, bands, band_count, l->pixels);
    free(ids);
    free(bands);
    return status;
}

/* detect: the model's nets; otherwise the thin one. */
static int chain_open(struct ladder *l, bool detect, uint32_t i)
{
    const struct partition_tile *tile = &l->tiles->tile[i];
    struct gpu_net *net = detect ? l->nets[l->pyramid.levels[tile->level].net] : l->thin;
    return gpu_chain_open(net, tile->input.h, tile->input.w,
                          detect ? &l->chains[i] : &l->thin_chains[i]);
}

static bool reopens(const struct ladder *l, enum step step)
{
    return step == STEP_BEFORE && l->kind->reopen;
}

static int step_open(struct ladder *l, enum step step)
{
    char spec[128];
    const struct gpu_settings settings = {.threads = 0};
    snprintf(spec, sizeof spec, "%s,%s", l->settings->device, l->kind->options[step]);
    int status = gpu_device_open(spec, &settings, &l->device);
    if (!status)
        status = gpu_net_open(l->device, &thin, 1, &l->thin);
    for (int n = 0; !status && n < l->model->net_count; n++)
        status = gpu_net_open(l->device, l->model->nets[n].layers, l->model->nets[n].layer_count,
                              &l->nets[n]);
    if (!status)
        status = tiles_open(l, step);
    if (status)
        return status;
    const uint32_t count = l->tiles->count;
    l->chains = calloc(count, sizeof *l->chains);
    l->thin_chains = calloc(count, sizeof *l->thin_chains);
    l->samplings = calloc(count, sizeof *l->samplings);
    l->first = calloc(count + 1u, sizeof *l->first);
    l->counts = calloc(count, sizeof *l->counts);
    if (!l->chains || !l->thin_chains || !l->samplings || !l->first || !l->counts)
        return PROTO_NO_MEMORY;
    status = pixels_pack(l);
    for (uint32_t i = 0; !status && !reopens(l, step) && i < count; i++) {
        status = chain_open(l, true, i);
        if (!status)
            status = chain_open(l, false, i);
    }
    return status;
}

/* ---- a frame ---- */

static int tile_run(struct ladder *l, bool detect, uint32_t i)
{
    struct gpu_chain **chain = detect ? &l->chains[i] : &l->thin_chains[i];
    struct proto_tile_area area = partition_tile_area(&l->pyramid, &l->tiles->tile[i]);
    int status = *chain ? PROTO_OK : chain_open(l, detect, i);
    if (status)
        return status;
    if (!detect) { /* its cells are not the level's */
        area.level_rows = area.rows = (*chain)->rows;
        area.level_cols = area.cols = (*chain)->cols;
        area.row0 = area.col0 = 0;
    }
    status = gpu_sample(*chain, &l->samplings[i]);
    if (!status)
        status = gpu_run(*chain);
    if (!status)
        status =
            gpu_local_nms(*chain, &area, detect ? l->model->candidate_threshold : FLT_MAX,
                          &l->survivors[l->first[i]], l->first[i + 1] - l->first[i], &l->counts[i]);
    return status;
}

/* detect: all of it; otherwise only the scaling. */
static int frame_run(struct ladder *l, enum step step, bool detect, double *ms)
{
    const double start = now_ms();
    int status = gpu_frame_begin(l->device, l->pixels, l->pixel_bytes);
    for (uint32_t i = 0; !status && i < l->tiles->count; i++)
        status = tile_run(l, detect, i);
    const int end = gpu_frame_end(l->device);
    *ms = now_ms() - start;
    for (uint32_t i = 0; reopens(l, step) && i < l->tiles->count; i++) {
        struct gpu_chain **chain = detect ? &l->chains[i] : &l->thin_chains[i];
        gpu_chain_close(*chain);
        *chain = NULL;
    }
    return status ? status : end;
}

static int median_of(struct ladder *l, enum step step, bool detect, double *ms)
{
    const int32_t repeats = l->settings->repeats;
    double *all = calloc((size_t)repeats, sizeof *all), first;
    if (!all)
        return PROTO_NO_MEMORY;
    int status = frame_run(l, step, detect, &first); /* the first one warms up */
    for (int32_t r = 0; !status && r < repeats; r++)
        status = frame_run(l, step, detect, &all[r]);
    *ms = bench_percentile(all, (uint32_t)repeats, 50);
    free(all);
    return status;
}

static const char *why_not(const struct ladder *l, enum step step)
{
    if (!l->kind->options[step])
        return "does not apply to this device";
    return step == STEP_GROUND && !*l->settings->camera ? "needs --camera" : NULL;
}

static int step_run(struct ladder *l, enum step step, struct times *times)
{
    double all_ms;
    *times = (struct times){.scaling_ms = NAN, .detection_ms = NAN, .why_not = why_not(l, step)};
    if (times->why_not)
        return PROTO_OK;
    int status = step_open(l, step);
    if (status == PROTO_UNSUPPORTED && step >= STEP_LOW) {
        times->why_not = "this machine lacks the precision";
        status = PROTO_OK;
    } else if (!status) {
        status = median_of(l, step, false, &times->scaling_ms);
        if (!status)
            status = median_of(l, step, true, &all_ms);
        if (!status)
            times->detection_ms = fmax(0, all_ms - times->scaling_ms);
    }
    step_close(l);
    return status;
}

/* ---- the table ---- */

static const char *ms_text(double ms, char out[32])
{
    if (!isfinite(ms))
        return "-";
    snprintf(out, 32, "%.*f", ms < 10 ? 2 : 1, ms);
    return out;
}

/* What the step saves of the last one that was run; "-" for the first. */
static const char *cut_text(double before_ms, double ms, char out[32])
{
    if (!isfinite(before_ms) || !isfinite(ms))
        return "-";
    snprintf(out, 32, "%+.0f %%", 100 * (ms / before_ms - 1));
    return out;
}

static void print_text(const struct ladder *l, const struct times *times)
{
    double before = NAN, paper_before = NAN;
    printf("%s, model %s, %d x %d; the paper's figures are a Jetson TX1's\n", l->settings->device,
           l->model->name, (int)l->pyramid.frame.w, (int)l->pyramid.frame.h);
    printf("%-34s %11s %13s %7s   %11s %13s %7s\n", "step", "scaling ms", "detection ms", "cut",
           "paper", "paper", "cut");
    for (int i = 0; i < STEPS; i++) {
        char t[6][32];
        const double paper = steps[i].paper_detection_ms;
        const char *low = i == STEP_LOW ? l->kind->options[i] : NULL;
        char name[64];
        snprintf(name, sizeof name, "%s%s%.*s", steps[i].name, low ? ": " : "",
                 low ? (int)strcspn(low, ",") : 0, low ? low : "");
        printf("%-34s %11s %13s %7s   %11s %13s %7s%s%s%s\n", name,
               ms_text(times[i].scaling_ms, t[0]), ms_text(times[i].detection_ms, t[1]),
               cut_text(before, times[i].detection_ms, t[2]),
               ms_text(steps[i].paper_scaling_ms, t[3]), ms_text(paper, t[4]),
               cut_text(paper_before, paper, t[5]), times[i].why_not ? "   (" : "",
               times[i].why_not ? times[i].why_not : "", times[i].why_not ? ")" : "");
        if (isfinite(times[i].detection_ms))
            before = times[i].detection_ms;
        if (isfinite(paper))
            paper_before = paper;
    }
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static int print_json(const struct ladder *l, const struct times *times)
{
    json_t *list = json_array();
    for (int i = 0; list && i < STEPS; i++)
        json_array_append_new(
            list,
            json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "step", steps[i].name, "scaling_ms",
                      number(times[i].scaling_ms), "detection_ms", number(times[i].detection_ms),
                      "paper_scaling_ms", number(steps[i].paper_scaling_ms), "paper_detection_ms",
                      number(steps[i].paper_detection_ms), "not_run",
                      times[i].why_not ? json_string(times[i].why_not) : json_null()));
    json_t *root = json_pack("{s:s, s:s, s:o}", "device", l->settings->device, "model",
                             l->model->name, "ladder", list);
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(root);
    if (!text)
        return PROTO_NO_MEMORY;
    puts(text);
    free(text);
    return PROTO_OK;
}

/* ---- the whole ---- */

static int picture_read(struct ladder *l)
{
    struct coordinator_source_settings settings;
    struct coordinator_source *source;
    coordinator_source_defaults(&settings);
    int status = coordinator_source_open(l->settings->input, &settings, &source);
    if (status)
        return status;
    status = coordinator_source_next(source, &l->frame);
    if (status)
        proto_log_error(AREA, "%s: %s", l->frame.source, l->frame.error);
    coordinator_source_close(source);
    return status;
}

static int ladder_open(struct ladder *l)
{
    const size_t named = strcspn(l->settings->device, ":");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !l->kind; i++)
        if (strlen(kinds[i].prefix) == named &&
            strncmp(kinds[i].prefix, l->settings->device, named) == 0)
            l->kind = &kinds[i];
    if (!l->kind) {
        proto_log_error(AREA,
                        "--ladder: the device '%s' has no ladder: give cpu or cuda:0, without a "
                        "precision",
                        l->settings->device);
        return PROTO_INVALID;
    }
    int status = partition_model_open(l->settings->model_dir, &l->model);
    if (!status)
        status = picture_read(l);
    if (!status)
        status = partition_pyramid_init(&l->pyramid, l->model, l->frame.image.size);
    if (!status)
        status = coordinator_bands_open(&l->pyramid, &l->bands);
    if (!status)
        status = coordinator_bands_build(l->bands, &l->frame.image);
    if (!status && *l->settings->camera) {
        struct proto_config_camera camera;
        status = proto_config_camera_load(l->settings->camera, &camera);
        if (!status)
            status = partition_camera_init(&l->camera, &camera, l->frame.image.size);
    }
    return status;
}

int bench_ladder_run(const struct bench_ladder_settings *settings)
{
    struct ladder *l = calloc(1, sizeof *l);
    struct times times[STEPS];
    if (!l)
        return PROTO_NO_MEMORY;
    l->settings = settings;
    int status = ladder_open(l);
    for (int i = 0; !status && i < STEPS; i++)
        status = step_run(l, (enum step)i, &times[i]);
    if (!status && settings->json)
        status = print_json(l, times);
    else if (!status)
        print_text(l, times);
    coordinator_bands_close(l->bands);
    coordinator_frame_free(&l->frame);
    partition_model_close(l->model);
    free(l);
    return status;
}
