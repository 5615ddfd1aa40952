/* The CUDA device from the inside: what its C files share.
 *
 *   cuda.c    the table, opening and closing      net.c     weights on the GPU
 *   chain.c   a net for one input size            lane.c    memory and stream of tiles in turn
 *   frame.c   what a frame brings, and its end    sequence.c  its tiles on lanes, as a graph
 *   transfer.c  the way in and out                single.c  operators one at a time, for tests
 *
 * A frame's calls are noted, and done at its end. Its tiles are dealt to a few lanes: a lane has a stream and
 * the memory for one tile at a time, lanes run beside each other, so that small tiles fill the GPU together.
 * All tiles' survivors are found and gathered in one go behind the lanes. The whole of it is captured into a CUDA
 * graph per sequence of chains; what changes from frame to frame (pixels, where bands lie, thresholds)
 * travels as data in one copy.
 */
#ifndef GPU_CUDA_DEVICE_H
#define GPU_CUDA_DEVICE_H

#include "gpu/cuda/dnn.h"
#include "gpu/cuda/kernels.h"
#include "gpu/device.h"

enum {
    CUDA_LANES_MAX = 8,
    CUDA_SEQUENCES = 4, /* kinds of frames remembered */
    CUDA_OUT_USUAL =
        2048, /* survivors of a frame that the one copy brings out; more take a second */
};

/* Options of the spec: each takes one thing away, to see what it is worth. In the order of cuda_options. */
enum {
    CUDA_NOGRAPH = 1, /* launches one by one */
    CUDA_SERIAL = 2,  /* one lane */
    CUDA_COPY = 4,    /* pixels and results are copied also where the GPU shares the CPU's memory */
    CUDA_DYNAMIC = 8, /* buffers and algorithms are made again for every tile */
    CUDA_ROUNDTRIP = 16, /* each layer's output goes to the CPU and back */
    CUDA_OWN = 32,       /* own convolution kernels instead of cuDNN's */
    CUDA_TIMED = 64,     /* frame_times are the GPU\'s own, by events, instead of the clock\'s */
    CUDA_UNFUSED = 128,  /* the first layer and its pool one after the other */
};
extern const char *const cuda_options[];

struct cuda_lane {
    cudaStream_t stream;
    cudaEvent_t done;
    struct cuda_dnn *dnn;
    void *between[2]; /* layers read one and write the other; the input lies in the first */
    size_t between_bytes[2];
    void *workspace;
    size_t workspace_bytes;
};

struct cuda_chain;

/* A sequence of chains that a frame may bring, and the graph that runs it. */
struct cuda_sequence {
    uint32_t count; /* 0: unused */
    struct cuda_chain **chains;
    uint32_t *order;   /* tiles in the order of launching: largest first */
    uint8_t *lane;     /* of each tile */
    uint32_t *first;   /* cells before each tile; first[count] is the sum */
    uint64_t used;     /* for the least recently used */
    bool launched;     /* once before: the second time it is worth a graph */
    bool graph_failed; /* said so; runs without */
    cudaGraphExec_t graph;
};

/* A call of gpu_local_nms, to be answered at the end of the frame. */
struct cuda_answer {
    struct proto_survivor *out;
    uint32_t cap;
    uint32_t *count;
};

/* The frame between begin and end. While its calls are sample, run, local_nms, sample, ... they are noted;
 * anything else makes it a frame of single operators, done at once. */
struct cuda_frame {
    bool open, single;
    const uint8_t *pixels; /* borrowed */
    size_t bytes;
    uint32_t calls; /* noted; a tile takes three */
    uint32_t whole; /* tiles of the last frame that was run as a whole, and its time */
    double whole_us;
    uint32_t cap; /* tiles the arrays have room for */
    struct cuda_chain **chains;
    struct cuda_tile *tiles;
    struct cuda_answer *answers;
};

/* What a frame brings in, in one block of pinned memory: [tiles][pixels], and what it brings out:
 * [counts][survivors]. Where the GPU shares the CPU's memory, the `gpu` pointers are the same memory. */
struct cuda_transfer {
    uint32_t tiles; /* room for */
    size_t pixel_offset, in_bytes, out_bytes;
    unsigned char *in, *in_gpu;
    unsigned char *out, *out_gpu;
    uint32_t cells; /* room for, on the GPU only: */
    float *scores;
    struct proto_survivor *segments;
    uint32_t *counts;
};

struct cuda_device {
    struct gpu_device base;
    int index;
    unsigned options;
    bool half, softmax, mapped, fuses;
    bool own_said;        /* that cuDNN lacks a kernel */
    size_t element;       /* bytes of an activation */
    int32_t vector;       /* channels are padded to multiples of this */
    size_t workspace_max; /* the same on equal GPUs, whatever is free */
    int lane_count;
    struct cuda_lane lanes[CUDA_LANES_MAX];
    cudaEvent_t fork;
    cudaEvent_t begun, ended; /* TIMED: around a frame's work */
    struct cuda_transfer transfer;
    struct cuda_frame frame;
    struct cuda_sequence sequences[CUDA_SEQUENCES];
    uint64_t clock;
    void *bounce; /* ROUNDTRIP: the CPU's side */
    size_t bounce_bytes;
    char kernels[256];
};

struct cuda_layer {
    struct proto_layer shape; /* its pointers are NULL */
    int32_t in_c, out_c;      /* padded */
    const void *weights;      /* on the GPU: out_c x kh x kw x in_c */
    const void *bias;         /* out_c, of the activations' type: cuDNN wants it so */
    const float *bias_f32;    /* the last layer's */
};

struct cuda_net {
    struct gpu_net base;
    int count;
    struct cuda_layer layers[PROTO_LAYERS_MAX];
    void *memory; /* all weights and biases */
};

struct cuda_step {
    const struct cuda_layer *layer;
    struct cuda_layer_size size;
    struct cuda_layer_size pool; /* of the pool that is done with it, if `fused` */
    bool fused;
    struct cuda_dnn_conv *conv; /* NULL: own kernel, or no convolution */
};

struct cuda_chain {
    struct gpu_chain base;
    int count;
    struct cuda_step steps[PROTO_LAYERS_MAX];
    size_t between_bytes[2], workspace_bytes;
    double macs;
    size_t scores_first; /* where its scores were written last, for scores_get */
};

static inline struct cuda_device *cuda_device_of(const struct gpu_chain *chain)
{
    return (struct cuda_device *)chain->net->device;
}

/* Take the GPU for the calling thread. */
int cuda_enter(struct cuda_device *device);

/* net.c */
int cuda_net_open(struct gpu_device *device, const struct proto_layer *layers, int count,
                  struct gpu_net **out);
void cuda_net_close(struct gpu_net *net);

/* chain.c */
int cuda_chain_open(struct gpu_net *net, int h, int w, struct gpu_chain **out);
void cuda_chain_close(struct gpu_chain *chain);
/* Bytes that a chain of another height would need on a lane, without opening it. */
size_t cuda_chain_bytes(const struct cuda_chain *chain, int h);
/* DYNAMIC: ask cuDNN again. */
int cuda_chain_renew(struct cuda_chain *chain);

/* lane.c */
int cuda_lane_open(struct cuda_lane *lane);
void cuda_lane_close(struct cuda_lane *lane);
/* Is there room for the chain? */
bool cuda_lane_holds(const struct cuda_lane *lane, const struct cuda_chain *chain);
/* Make room. PROTO_NO_MEMORY is not logged. Graphs that use the lane must have been dropped. */
int cuda_lane_grow(struct cuda_lane *lane, const struct cuda_chain *chain);
void cuda_lane_empty(struct cuda_lane *lane); /* give its memory back */
/* Queue all layers; scores: rows x cols on the GPU. */
int cuda_lane_run(struct cuda_lane *lane, struct cuda_chain *chain, float *scores);

/* transfer.c */
/* Make room for frames; drops all graphs when memory moves. PROTO_NO_MEMORY is logged. */
int cuda_transfer_grow(struct cuda_device *device, uint32_t tiles, uint32_t cells, size_t pixels);
void cuda_transfer_close(struct cuda_device *device);
static inline const struct cuda_tile *cuda_transfer_tiles(const struct cuda_transfer *t)
{
    return (const struct cuda_tile *)t->in_gpu;
}
/* Survivors that the copy out has room for. */
uint32_t cuda_transfer_out_cap(const struct cuda_transfer *transfer);
/* Queue the copy of tiles and pixels; nothing where memory is shared. */
int cuda_transfer_in(struct cuda_device *device, size_t pixels);
/* Queue local NMS and gathering of the first `tiles` tiles, and the copy out. */
int cuda_transfer_out(struct cuda_device *device, uint32_t tiles);
/* Wait, and give the answers. */
int cuda_transfer_finish(struct cuda_device *device, const struct cuda_tile *tiles,
                         const struct cuda_answer *answers, uint32_t count);

/* sequence.c */
/* The sequence of these chains, remembered from before or new, with memory for it. Returns PROTO_OK,
 * PROTO_NO_MEMORY (logged with what would fit), PROTO_DEVICE. */
int cuda_sequence_get(struct cuda_device *device, struct cuda_chain *const *chains, uint32_t count,
                      size_t pixels, struct cuda_sequence **out);
/* Queue its work, as a graph from the second time on. */
int cuda_sequence_run(struct cuda_device *device, struct cuda_sequence *sequence);
/* Record the graph now. */
int cuda_sequence_record(struct cuda_device *device, struct cuda_sequence *sequence);
void cuda_sequences_drop_graphs(struct cuda_device *device);
/* A chain goes: so do the sequences it is in. */
void cuda_sequences_forget(struct cuda_device *device, const struct cuda_chain *chain);
void cuda_sequences_close(struct cuda_device *device);

/* frame.c */
int cuda_frame_prepare(struct gpu_device *device, struct gpu_chain *const *chains, uint32_t count,
                       size_t bytes);
int cuda_frame_begin(struct gpu_device *device, const uint8_t *pixels, size_t bytes);
int cuda_frame_sample(struct gpu_chain *chain, const struct proto_sampling *sampling);
int cuda_frame_run(struct gpu_chain *chain);
int cuda_frame_local_nms(struct gpu_chain *chain, const struct proto_tile_area *area,
                         float threshold, struct proto_survivor *out, uint32_t cap,
                         uint32_t *count);
int cuda_frame_end(struct gpu_device *device);
void cuda_frame_times(struct gpu_device *device, uint32_t *us, uint32_t count);
void cuda_frame_close(struct cuda_device *device);

/* single.c: one operator at a time on the first lane, finished when the call returns. */
int cuda_single_sample(struct cuda_chain *chain, const struct proto_sampling *sampling);
int cuda_single_run(struct cuda_chain *chain);
int cuda_single_local_nms(struct cuda_chain *chain, const struct proto_tile_area *area,
                          float threshold, const struct cuda_answer *answer);
int cuda_single_input_set(struct gpu_chain *chain, const float *input);
int cuda_single_input_get(struct gpu_chain *chain, float *input);
int cuda_single_scores_get(struct gpu_chain *chain, float *scores);

#endif
