/* A compute device: nets, chains and the operators a tile needs, behind one table.
 *
 * A net holds the weights on the device, shared by all its chains. A chain is the net made ready
 * for one input size: all sizes, buffers and kernels are fixed when it is opened, nothing is
 * allocated when it runs. Activations may share memory between chains, so use one chain at a time:
 *
 *   gpu_frame_prepare(device, chains, count, bytes);  once, when the plan is known
 *   gpu_frame_begin(device, pixels, bytes);          the bands of this frame, borrowed until its end
 *   for each tile:
 *       gpu_sample(chain, &sampling);                bands -> the chain's input
 *       gpu_run(chain);                              input -> scores
 *       gpu_local_nms(chain, &area, threshold, out, cap, &count);
 *   gpu_frame_end(device);                           only now `out` and `count` are valid
 *
 * A device may note these calls and do their work in gpu_frame_end, all tiles at once.
 *
 * No thread safety: one thread owns a device.
 */
#ifndef GPU_DEVICE_H
#define GPU_DEVICE_H

#include <stdio.h>

#include "proto/types.h"

enum gpu_precision { GPU_F32, GPU_F16, GPU_BF16, GPU_PRECISIONS };
enum { GPU_OPTIONS_MAX = 8, GPU_SPEC_MAX = 255 };

struct gpu_device;
struct gpu_operations;
struct gpu_net;
struct gpu_chain;

struct gpu_settings {
    int threads; /* 0: one per core; devices without threads ignore it */
    /* Scores are softmax probabilities, rounded to the device's precision, instead of linear
     * differences. They tie near 1 (the paper's reason for linear scores): for comparison only. */
    bool softmax;
    /* What else the spec says, "empty" in "sim:tx1,empty,f16": bit i is the i-th of the backend's
     * `options`; option_values[i] is the text behind its '=' (borrowed for the call of open). Filled in
     * by gpu_device_open. */
    unsigned options;
    const char *option_values[GPU_OPTIONS_MAX];
};

/* One device implementation: a const table, one exported symbol each (gpu_ref_backend, ...). */
struct gpu_backend {
    const char *name;         /* "cpu" */
    const char *what;         /* for --help */
    unsigned precisions;      /* bit p set: enum gpu_precision p is implemented */
    enum gpu_precision usual; /* taken when the spec names none */
    /* (optional) Words of a spec beside the precision; one that ends in '=' takes a value. NULL ends
     * them. */
    const char *const *options;
    /* argument: the text between ':' and the first ',' of the spec ("0" in "cuda:0,f16"), or NULL.
     * precision: one of `precisions`; the machine may still refuse it (PROTO_UNSUPPORTED). */
    int (*open)(const char *argument, enum gpu_precision precision,
                const struct gpu_settings *settings, struct gpu_device **out);
    void (*close)(struct gpu_device *device);
    const char *(*kernels)(struct gpu_device *device);
    int (*net_open)(struct gpu_device *device, const struct proto_layer *layers, int count,
                    struct gpu_net **out);
    void (*net_close)(struct gpu_net *net);
    int (*chain_open)(struct gpu_net *net, int h, int w, struct gpu_chain **out);
    void (*chain_close)(struct gpu_chain *chain);
    /* (optional) */
    int (*frame_prepare)(struct gpu_device *device, struct gpu_chain *const *chains, uint32_t count,
                         size_t bytes);
    int (*frame_begin)(struct gpu_device *device, const uint8_t *pixels, size_t bytes);
    int (*sample)(struct gpu_chain *chain, const struct proto_sampling *sampling);
    int (*run)(struct gpu_chain *chain);
    int (*local_nms)(struct gpu_chain *chain, const struct proto_tile_area *area, float threshold,
                     struct proto_survivor *out, uint32_t cap, uint32_t *count);
    int (*frame_end)(struct gpu_device *device);
    /* (optional) As gpu_frame_times; NULL: whoever calls gpu_run can measure the time himself. */
    void (*frame_times)(struct gpu_device *device, uint32_t *us, uint32_t count);
    const struct gpu_operations *operations; /* (optional) single ones, gpu/operation.h */
    /* For tests: set the input (h x w x 3 floats, RGB interleaved), read scores (rows x cols). */
    int (*input_set)(struct gpu_chain *chain, const float *input);
    int (*input_get)(struct gpu_chain *chain, float *input);
    int (*scores_get)(struct gpu_chain *chain, float *scores);
};

/* Every implementation embeds these first in its own struct. */
struct gpu_device {
    const struct gpu_backend *backend;
    enum gpu_precision precision;
    char name[96]; /* "cpu,f32": the spec in full */
};
struct gpu_net {
    struct gpu_device *device;
};
struct gpu_chain {
    struct gpu_net *net;
    int h, w;       /* input, level pixels */
    int rows, cols; /* cells */
};

/* spec: NAME[:ARGUMENT][,PRECISION][,OPTION]..., the last two in any order: "cpu", "cpu,bf16", "ref",
 * "cuda:0,f16", "cuda:0,nograph", "sim:tx2,empty,mode=MAXQ".
 * Returns PROTO_OK; PROTO_NOT_FOUND (no such device, or not compiled in: logged with the list);
 * PROTO_UNSUPPORTED (precision the machine can't do); PROTO_DEVICE. A fallback is never silent. */
int gpu_device_open(const char *spec, const struct gpu_settings *settings, struct gpu_device **out);
void gpu_device_close(struct gpu_device *device); /* after its nets; NULL is fine */
/* The library and the kernels used so far, comma separated, sorted: differing ones cost exactness. */
const char *gpu_device_kernels(struct gpu_device *device);
/* Table for --help: each compiled device with its precisions. */
void gpu_device_list(FILE *out);

/* layers and the weights they point to are borrowed for the call.
 * The last layer has 2 outputs (score = out[1] - out[0], fp32) or 1 (score = out[0]).
 * Returns PROTO_OK, PROTO_INVALID, PROTO_UNSUPPORTED, PROTO_NO_MEMORY, PROTO_DEVICE. */
int gpu_net_open(struct gpu_device *device, const struct proto_layer *layers, int count,
                 struct gpu_net **out);
void gpu_net_close(struct gpu_net *net); /* after its chains; NULL is fine */
int gpu_chain_open(struct gpu_net *net, int h, int w, struct gpu_chain **out);
void gpu_chain_close(struct gpu_chain *chain); /* NULL is fine */

/* Make ready for frames that run these chains in this order, with up to `bytes` of pixels: what a
 * device allocates or records for them is done now and not within the first frame. Other frames still
 * run. Returns PROTO_OK, PROTO_NO_MEMORY (logged with what would fit), PROTO_DEVICE. */
int gpu_frame_prepare(struct gpu_device *device, struct gpu_chain *const *chains, uint32_t count,
                      size_t bytes);
int gpu_frame_begin(struct gpu_device *device, const uint8_t *pixels, size_t bytes);
/* sampling->w, h equal the chain's; band_offset counts from the pixels given to frame_begin. */
int gpu_sample(struct gpu_chain *chain, const struct proto_sampling *sampling);
int gpu_run(struct gpu_chain *chain);
/* Candidates (score > threshold) that are the maximum of their 7x3 window inside the tile (ties:
 * lower row, then lower column wins) get PROTO_SURVIVOR_PEAK; candidates within reach of a cut
 * edge get PROTO_SURVIVOR_EDGE and are written even when no peak. In order of row, column.
 * *count may exceed cap: then only cap were written. out and count must live until frame_end. */
int gpu_local_nms(struct gpu_chain *chain, const struct proto_tile_area *area, float threshold,
                  struct proto_survivor *out, uint32_t cap, uint32_t *count);
int gpu_frame_end(struct gpu_device *device);
/* After frame_end: microseconds of each gpu_run of that frame, in their order, with sampling and NMS.
 * False: this device computes within the calls, so the caller's clock tells (us untouched). */
bool gpu_frame_times(struct gpu_device *device, uint32_t *us, uint32_t count);

#endif
