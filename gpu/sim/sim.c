/* Device "sim:BOARD": takes the time that a board's profile gives (configs/boards), so that a machine
 * without such boards runs their experiments over real links and in real time. The energy is charged by
 * worker/power_model.c. Answers come from the device cpu in the same precision, computed in addition; with the option
 * "empty" there are none and nothing is computed, so a laptop can be sixteen boards.
 *
 * The calls of a frame only add up its modelled time; gpu_frame_end then sleeps until the frame's begin plus
 * this time, once, by the clock: rounding and late wake-ups of tiles do not add up, and nothing is busy.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "gpu/backends.h"
#include "gpu/shape.h"
#include "proto/config_board.h"
#include "proto/log.h"
#include "proto/status.h"

enum { OPTION_EMPTY = 1, OPTION_MODE = 2 }; /* bits, in order of `options` */
static const char *const options[] = {"empty", "mode=", NULL};

static_assert((int)GPU_F32 == (int)PROTO_BOARD_F32 && (int)GPU_F16 == (int)PROTO_BOARD_F16 &&
                  (int)GPU_BF16 == (int)PROTO_BOARD_BF16,
              "the profiles' precisions are those of the devices");

struct sim_device {
    struct gpu_device base;
    struct gpu_device *inner; /* NULL: empty */
    struct proto_board_speed speed;
    char board[64];
    bool slow_said;
    /* The frame in hand. */
    uint64_t begin_ns;
    double frame_us; /* modelled so far */
    uint32_t run_count;
    uint32_t *run_us; /* room for PROTO_TILES_MAX */
};
struct sim_net {
    struct gpu_net base;
    struct gpu_net *inner;
    int layer_count;
    struct proto_layer layers[]; /* shapes only: the weights they point to are not kept */
};
struct sim_chain {
    struct gpu_chain base;
    struct gpu_chain *inner;
    double run_us;
};

static struct sim_device *device_of(struct gpu_device *base)
{
    return (struct sim_device *)base;
}

static struct sim_device *chain_device(const struct gpu_chain *chain)
{
    return (struct sim_device *)chain->net->device;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t at_ns)
{
    const struct timespec t = {.tv_sec = (time_t)(at_ns / 1000000000u),
                               .tv_nsec = (long)(at_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        ; /* a signal; the time is absolute */
}

/* ---- device ---- */

static void sim_close(struct gpu_device *base)
{
    struct sim_device *device = device_of(base);
    gpu_device_close(device->inner);
    free(device->run_us);
    free(device);
}

static int board_choose(struct sim_device *device, const char *name, enum gpu_precision precision,
                        const struct gpu_settings *settings)
{
    const char *mode = settings->options & OPTION_MODE ? settings->option_values[1] : NULL;
    struct proto_config_board *board;
    int status = proto_config_board_find(name, &board);
    if (status != PROTO_OK)
        return status;
    snprintf(device->board, sizeof device->board, "%s", board->name);
    status = proto_config_board_speed(board, (enum proto_board_precision)precision, mode,
                                      &device->speed);
    proto_config_board_free(board);
    return status;
}

static int sim_open(const char *argument, enum gpu_precision precision,
                    const struct gpu_settings *settings, struct gpu_device **out)
{
    static const char *const precisions[GPU_PRECISIONS] = {"cpu,f32", "cpu,f16", "cpu,bf16"};
    if (!argument) {
        proto_log_error("gpu", "device 'sim' needs a board, as in sim:tx1");
        return PROTO_INVALID;
    }
    struct sim_device *device = calloc(1, sizeof *device);
    if (!device)
        return PROTO_NO_MEMORY;
    device->run_us = malloc(PROTO_TILES_MAX * sizeof *device->run_us);
    int status =
        device->run_us ? board_choose(device, argument, precision, settings) : PROTO_NO_MEMORY;
    if (status == PROTO_OK && !(settings->options & OPTION_EMPTY))
        status = gpu_device_open(precisions[precision], settings, &device->inner);
    if (status != PROTO_OK) {
        sim_close(&device->base);
        return status;
    }
    /* Timers of this thread end 50 us late by default; here frames may take one millisecond. */
    prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul);
    *out = &device->base;
    return PROTO_OK;
}

static const char *sim_kernels(struct gpu_device *base)
{
    struct sim_device *device = device_of(base);
    return device->inner ? gpu_device_kernels(device->inner) : "none";
}

/* ---- nets and chains ---- */

static void sim_net_close(struct gpu_net *base)
{
    gpu_net_close(((struct sim_net *)base)->inner);
    free(base);
}

static int sim_net_open(struct gpu_device *base, const struct proto_layer *layers, int count,
                        struct gpu_net **out)
{
    struct sim_device *device = device_of(base);
    struct sim_net *net = calloc(1, sizeof *net + (size_t)count * sizeof *layers);
    if (!net)
        return PROTO_NO_MEMORY;
    net->base.device = base;
    net->layer_count = count;
    memcpy(net->layers, layers, (size_t)count * sizeof *layers);
    int status = PROTO_OK;
    if (device->inner)
        status = gpu_net_open(device->inner, layers, count, &net->inner);
    if (status != PROTO_OK) {
        sim_net_close(&net->base);
        return status;
    }
    *out = &net->base;
    return PROTO_OK;
}

static void sim_chain_close(struct gpu_chain *base)
{
    gpu_chain_close(((struct sim_chain *)base)->inner);
    free(base);
}

static int sim_chain_open(struct gpu_net *base, int h, int w, struct gpu_chain **out)
{
    const struct sim_net *net = (const struct sim_net *)base;
    const struct proto_board_speed *speed = &device_of(base->device)->speed;
    const struct proto_size in = {.w = w, .h = h};
    const struct proto_size cells = gpu_shape_cells(net->layers, net->layer_count, in);
    if (cells.h < 1 || cells.w < 1) {
        proto_log_error("gpu", "no window fits into %d x %d pixels", w, h);
        return PROTO_INVALID;
    }
    struct sim_chain *chain = calloc(1, sizeof *chain);
    if (!chain)
        return PROTO_NO_MEMORY;
    int status = net->inner ? gpu_chain_open(net->inner, h, w, &chain->inner) : PROTO_OK;
    if (status != PROTO_OK) {
        sim_chain_close(&chain->base);
        return status;
    }
    chain->base = (struct gpu_chain){.net = base, .h = h, .w = w, .rows = cells.h, .cols = cells.w};
    chain->run_us = speed->tile_us + (double)h * w / speed->pixels_per_us +
                    (double)gpu_shape_macs(net->layers, net->layer_count, in) / speed->macs_per_us;
    *out = &chain->base;
    return PROTO_OK;
}

/* ---- a frame ---- */

static int sim_frame_begin(struct gpu_device *base, const uint8_t *pixels, size_t bytes)
{
    struct sim_device *device = device_of(base);
    device->begin_ns = now_ns();
    device->frame_us = device->speed.frame_us;
    device->run_count = 0;
    return device->inner ? gpu_frame_begin(device->inner, pixels, bytes) : PROTO_OK;
}

static int sim_sample(struct gpu_chain *chain, const struct proto_sampling *sampling)
{
    struct gpu_chain *inner = ((struct sim_chain *)chain)->inner;
    return inner ? gpu_sample(inner, sampling) : PROTO_OK;
}

static int sim_run(struct gpu_chain *base)
{
    const struct sim_chain *chain = (const struct sim_chain *)base;
    struct sim_device *device = chain_device(base);
    const double before_us = device->frame_us;
    device->frame_us += chain->run_us;
    /* Rounded as differences, so that they sum up to the frame. */
    if (device->run_count < PROTO_TILES_MAX)
        device->run_us[device->run_count++] =
            (uint32_t)((uint64_t)device->frame_us - (uint64_t)before_us);
    return chain->inner ? gpu_run(chain->inner) : PROTO_OK;
}

static int sim_local_nms(struct gpu_chain *chain, const struct proto_tile_area *area,
                         float threshold, struct proto_survivor *out, uint32_t cap, uint32_t *count)
{
    struct gpu_chain *inner = ((struct sim_chain *)chain)->inner;
    *count = 0;
    return inner ? gpu_local_nms(inner, area, threshold, out, cap, count) : PROTO_OK;
}

static void complain_slow(struct sim_device *device, uint64_t late_ns)
{
    const double took_us = device->frame_us + (double)late_ns / 1e3;
    if (device->slow_said || !device->inner || took_us < 1.05 * device->frame_us + 1000)
        return;
    device->slow_said = true;
    proto_log_warn(
        "gpu",
        "sim:%s: this CPU took %.1f ms for what the board does in %.1f ms: such frames take "
        "the CPU's time (with the option 'empty' nothing is computed)",
        device->board, took_us / 1e3, device->frame_us / 1e3);
}

static int sim_frame_end(struct gpu_device *base)
{
    struct sim_device *device = device_of(base);
    const uint64_t due_ns = device->begin_ns + (uint64_t)(device->frame_us * 1e3);
    const int status = device->inner ? gpu_frame_end(device->inner) : PROTO_OK;
    const uint64_t now = now_ns();
    if (now < due_ns)
        sleep_until(due_ns);
    else
        complain_slow(device, now - due_ns);
    return status;
}

static void sim_frame_times(struct gpu_device *base, uint32_t *us, uint32_t count)
{
    const struct sim_device *device = device_of(base);
    for (uint32_t i = 0; i < count; i++)
        us[i] = i < device->run_count ? device->run_us[i] : 0;
}

/* ---- for tests ---- */

static int sim_input_set(struct gpu_chain *chain, const float *input)
{
    struct gpu_chain *inner = ((struct sim_chain *)chain)->inner;
    return inner ? inner->net->device->backend->input_set(inner, input) : PROTO_UNSUPPORTED;
}

static int sim_input_get(struct gpu_chain *chain, float *input)
{
    struct gpu_chain *inner = ((struct sim_chain *)chain)->inner;
    return inner ? inner->net->device->backend->input_get(inner, input) : PROTO_UNSUPPORTED;
}

static int sim_scores_get(struct gpu_chain *chain, float *scores)
{
    struct gpu_chain *inner = ((struct sim_chain *)chain)->inner;
    return inner ? inner->net->device->backend->scores_get(inner, scores) : PROTO_UNSUPPORTED;
}

const struct gpu_backend gpu_sim_backend = {
    .name = "sim",
    .what = "sim:BOARD[,empty][,mode=NAME]: the time of configs/boards/BOARD.yaml; answers from "
            "cpu, or none (empty)",
    .precisions = 1u << GPU_F32 | 1u << GPU_F16 | 1u << GPU_BF16,
    .usual = GPU_F16,
    .options = options,
    .open = sim_open,
    .close = sim_close,
    .kernels = sim_kernels,
    .net_open = sim_net_open,
    .net_close = sim_net_close,
    .chain_open = sim_chain_open,
    .chain_close = sim_chain_close,
    .frame_begin = sim_frame_begin,
    .sample = sim_sample,
    .run = sim_run,
    .local_nms = sim_local_nms,
    .frame_end = sim_frame_end,
    .frame_times = sim_frame_times,
    .input_set = sim_input_set,
    .input_get = sim_input_get,
    .scores_get = sim_scores_get,
};
