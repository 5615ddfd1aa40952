/* A stream with the memory for one tile at a time, and the walk through a net's layers on it. */
#include <stdlib.h>

#include "gpu/cuda/device.h"
#include "gpu/cuda/status.h"

int cuda_lane_open(struct cuda_lane *lane)
{
    int status = CUDA_STATUS(cudaStreamCreateWithFlags(&lane->stream, cudaStreamNonBlocking));
    if (status == PROTO_OK)
        status = CUDA_STATUS(cudaEventCreateWithFlags(&lane->done, cudaEventDisableTiming));
    /* A handle of its own: a handle's inner memory is not meant for two streams at once. */
    if (status == PROTO_OK)
        status = cuda_dnn_open(lane->stream, &lane->dnn);
    return status;
}

void cuda_lane_empty(struct cuda_lane *lane)
{
    cuda_memory_close(lane->between[0]);
    cuda_memory_close(lane->between[1]);
    cuda_memory_close(lane->workspace);
    lane->between[0] = lane->between[1] = lane->workspace = NULL;
    lane->between_bytes[0] = lane->between_bytes[1] = lane->workspace_bytes = 0;
}

void cuda_lane_close(struct cuda_lane *lane)
{
    cuda_lane_empty(lane);
    cuda_dnn_close(lane->dnn);
    if (lane->done)
        (void)CUDA_STATUS(cudaEventDestroy(lane->done));
    if (lane->stream)
        (void)CUDA_STATUS(cudaStreamDestroy(lane->stream));
    *lane = (struct cuda_lane){0};
}

bool cuda_lane_holds(const struct cuda_lane *lane, const struct cuda_chain *chain)
{
    return lane->between_bytes[0] >= chain->between_bytes[0] &&
           lane->between_bytes[1] >= chain->between_bytes[1] &&
           lane->workspace_bytes >= chain->workspace_bytes;
}

static int grow(void **memory, size_t *has, size_t bytes)
{
    if (bytes <= *has)
        return PROTO_OK;
    cuda_memory_close(*memory);
    *memory = NULL;
    *has = 0;
    int status = cuda_memory_open(bytes, memory);
    if (status == PROTO_OK)
        *has = bytes;
    return status;
}

int cuda_lane_grow(struct cuda_lane *lane, const struct cuda_chain *chain)
{
    int status = PROTO_OK;
    for (int i = 0; i < 2 && status == PROTO_OK; i++)
        status = grow(&lane->between[i], &lane->between_bytes[i], chain->between_bytes[i]);
    if (status == PROTO_OK)
        status = grow(&lane->workspace, &lane->workspace_bytes, chain->workspace_bytes);
    return status;
}

/* To the CPU and back, as frameworks did between operators they had no GPU kernel for. */
static int bounce(struct cuda_device *device, struct cuda_lane *lane, void *memory, size_t bytes)
{
    if (bytes > device->bounce_bytes) {
        free(device->bounce);
        device->bounce = malloc(bytes);
        device->bounce_bytes = device->bounce ? bytes : 0;
    }
    if (!device->bounce)
        return PROTO_NO_MEMORY;
    int status = CUDA_STATUS(cudaStreamSynchronize(lane->stream));
    if (status == PROTO_OK)
        status = CUDA_STATUS(cudaMemcpy(device->bounce, memory, bytes, cudaMemcpyDeviceToHost));
    if (status == PROTO_OK)
        status = cuda_memory_upload(memory, device->bounce, bytes);
    return status;
}

static int step_run(const struct cuda_device *device, struct cuda_lane *lane,
                    const struct cuda_step *step, const void *in, void *out)
{
    const struct cuda_layer *layer = step->layer;
    if (layer->shape.kind == PROTO_LAYER_POOL)
        return CUDA_STATUS(cuda_pool_launch(&step->size, device->half, in, out, lane->stream));
    if (step->fused)
        return CUDA_STATUS(cuda_first_launch(&step->size, &step->pool, layer->shape.relu, in,
                                             layer->weights, layer->bias, out, lane->stream));
    if (step->conv)
        return cuda_dnn_conv_run(lane->dnn, step->conv, in, layer->weights, layer->bias,
                                 lane->workspace, out);
    return CUDA_STATUS(cuda_conv_launch(&step->size, device->half, layer->shape.relu, in,
                                        layer->weights, layer->bias, out, lane->stream));
}

int cuda_lane_run(struct cuda_lane *lane, struct cuda_chain *chain, float *scores)
{
    struct cuda_device *device = cuda_device_of(&chain->base);
    int last = chain->count - 1, status = PROTO_OK;
    for (int i = 0; i < last && status == PROTO_OK; i++) {
        const struct cuda_step *step = &chain->steps[i];
        const struct cuda_layer_size *size = step->fused ? &step->pool : &step->size;
        void *out = lane->between[(i + 1) % 2];
        status = step_run(device, lane, step, lane->between[i % 2], out);
        if (status == PROTO_OK && device->options & CUDA_ROUNDTRIP)
            status = bounce(device, lane, out,
                            (size_t)size->out_h * (size_t)size->out_w * (size_t)size->out_c *
                                device->element);
    }
    if (status != PROTO_OK)
        return status;
    const struct cuda_step *head = &chain->steps[last];
    return CUDA_STATUS(cuda_head_launch(&head->size, device->half, head->layer->shape.cout,
                                        device->softmax, lane->between[last % 2],
                                        head->layer->weights, head->layer->bias_f32, scores,
                                        lane->stream));
}
