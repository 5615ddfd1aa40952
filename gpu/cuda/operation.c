/* Single operations: memory, and the ways in and out. */
#include "gpu/cuda/operation.h"

#include <stdlib.h>
#include <string.h>

#include "gpu/cuda/device.h"
#include "gpu/cuda/half.h"
#include "gpu/cuda/status.h"

struct cuda_operation {
    struct gpu_operation base;
    bool interleaved;            /* CONV, POOL: NHWC, channels padded */
    struct cuda_layer_size size; /* of these */
    struct cuda_dnn_conv *conv;  /* NULL: own kernel */
    struct gpu_operation_size result;
    void *a, *b, *bias, *out, *workspace;
    float *scratch;
};

static struct cuda_operation *of(struct gpu_operation *operation)
{
    return (struct cuda_operation *)operation;
}

static struct cuda_device *device_of(const struct cuda_operation *op)
{
    return (struct cuda_device *)op->base.device;
}

static int32_t padded(const struct cuda_device *device, int32_t channels)
{
    return (channels + device->vector - 1) / device->vector * device->vector;
}

/* Where element `i` of C x H x W lies on the GPU; stride: its padded channels, 0: planar. */
static size_t place(size_t i, size_t pixels, size_t stride)
{
    return stride ? i % pixels * stride + i / pixels : i;
}

static size_t room(const struct cuda_device *device, size_t count)
{
    const size_t vector = (size_t)device->vector;
    return (count + vector - 1) / vector * vector * device->element;
}

/* Bring `count` values to the GPU; elements: what there is room for, the rest is zero. */
static int upload(const struct cuda_device *device, const float *values, size_t count,
                  size_t pixels, size_t stride, size_t elements, void **out)
{
    unsigned char *block = calloc(room(device, elements), 1);
    int status = block ? cuda_memory_open(room(device, elements), out) : PROTO_NO_MEMORY;
    for (size_t i = 0; status == PROTO_OK && values && i < count; i++) {
        const size_t at = place(i, pixels, stride);
        if (device->half)
            ((uint16_t *)(void *)block)[at] = cuda_half_from_float(values[i]);
        else
            ((float *)(void *)block)[at] = values[i];
    }
    if (status == PROTO_OK)
        status = cuda_memory_upload(*out, block, room(device, elements));
    free(block);
    return status;
}

/* OIHW -> O x kh x kw x padded I: each output channel is a C x H x W tensor of its own. */
static int upload_weights(struct cuda_operation *op, const float *b)
{
    const struct cuda_device *device = device_of(op);
    const struct proto_layer *layer = &op->base.shape.layer;
    const size_t pixels = (size_t)layer->kh * (size_t)layer->kw, in_c = (size_t)op->size.in_c;
    const size_t each = (size_t)layer->cin * pixels, wide = pixels * in_c;
    float *ordered = calloc((size_t)op->size.out_c * wide, sizeof *ordered);
    if (!ordered)
        return PROTO_NO_MEMORY;
    for (size_t o = 0; o < (size_t)layer->cout; o++)
        for (size_t i = 0; i < each; i++)
            ordered[o * wide + place(i, pixels, in_c)] = b[o * each + i];
    const size_t count = (size_t)op->size.out_c * wide;
    int status = upload(device, ordered, count, 1, 0, count, &op->b);
    free(ordered);
    if (status == PROTO_OK)
        status = upload(device, NULL, 0, 1, 0, (size_t)op->size.out_c, &op->bias);
    return status;
}

static int conv_open(struct cuda_operation *op, const float *b)
{
    struct cuda_device *device = device_of(op);
    int status = upload_weights(op, b);
    if (status == PROTO_OK)
        status = cuda_dnn_conv_open(device->lanes[0].dnn, &op->size, device->half, false,
                                    device->workspace_max, &op->conv);
    if (status == PROTO_UNSUPPORTED) {
        op->conv = NULL;
        status = PROTO_OK;
    }
    if (status == PROTO_OK && op->conv)
        status = cuda_memory_open(cuda_dnn_conv_workspace(op->conv), &op->workspace);
    return status;
}

static void size_fill(struct cuda_operation *op)
{
    const struct gpu_operation_shape *s = &op->base.shape;
    const struct cuda_device *device = device_of(op);
    op->size = (struct cuda_layer_size){
        .in_h = s->h,
        .in_w = s->w,
        .in_c = padded(device, s->c),
        .out_h = op->result.h,
        .out_w = op->result.w,
        .out_c = padded(device, op->result.c),
        .kh = s->layer.kh,
        .kw = s->layer.kw,
        .sh = s->layer.sh,
        .sw = s->layer.sw,
    };
}

static int memory_open(struct cuda_operation *op, const float *a, const float *b)
{
    const struct cuda_device *device = device_of(op);
    const struct gpu_operation_shape *s = &op->base.shape;
    const size_t pixels = (size_t)s->h * (size_t)s->w, count = (size_t)s->c * pixels;
    const size_t out_pixels = (size_t)op->result.h * (size_t)op->result.w;
    size_t in_c = 0, elements = count, out_elements = (size_t)op->result.c * out_pixels;
    if (op->interleaved) {
        size_fill(op);
        in_c = (size_t)op->size.in_c;
        elements = pixels * in_c;
        out_elements = out_pixels * (size_t)op->size.out_c;
    }
    int status = upload(device, a, count, pixels, in_c, elements, &op->a);
    if (status == PROTO_OK)
        status = cuda_memory_open(room(device, out_elements), &op->out);
    if (status == PROTO_OK && s->kind == GPU_OPERATION_CONV)
        return conv_open(op, b);
    if (status == PROTO_OK && b)
        status = upload(device, b, count, 1, 0, elements, &op->b);
    if (status == PROTO_OK)
        status = cuda_memory_open(CUDA_OPERATION_SCRATCH, (void **)&op->scratch);
    return status;
}

static void operation_close(struct gpu_operation *operation)
{
    struct cuda_operation *op = of(operation);
    cuda_dnn_conv_close(op->conv);
    cuda_memory_close(op->a);
    cuda_memory_close(op->b);
    cuda_memory_close(op->bias);
    cuda_memory_close(op->out);
    cuda_memory_close(op->workspace);
    cuda_memory_close(op->scratch);
    free(op);
}

static int operation_open(struct gpu_device *device, const struct gpu_operation_shape *shape,
                          const float *a, const float *b, struct gpu_operation **out)
{
    struct cuda_operation *op = calloc(1, sizeof *op);
    if (!op)
        return PROTO_NO_MEMORY;
    op->base.device = device;
    op->base.shape = *shape;
    op->result = gpu_operation_result(shape);
    op->interleaved = shape->kind == GPU_OPERATION_CONV || shape->kind == GPU_OPERATION_POOL;
    int status = cuda_enter((struct cuda_device *)device);
    if (status == PROTO_OK)
        status = memory_open(op, a, b);
    if (status) {
        operation_close(&op->base);
        return status;
    }
    *out = &op->base;
    return PROTO_OK;
}

static int operation_run(struct gpu_operation *operation)
{
    struct cuda_operation *op = of(operation);
    struct cuda_device *device = device_of(op);
    struct cuda_lane *lane = &device->lanes[0];
    const struct gpu_operation_shape *s = &operation->shape;
    const struct cuda_operation_arguments arguments = {
        .a = op->a,
        .b = op->b,
        .out = op->out,
        .scratch = op->scratch,
        .c = s->c,
        .h = s->h,
        .w = s->w,
        .count = (int64_t)s->c * s->h * s->w,
    };
    int status = cuda_enter(device);
    if (status)
        return status;
    if (s->kind == GPU_OPERATION_POOL)
        status =
            CUDA_STATUS(cuda_pool_launch(&op->size, device->half, op->a, op->out, lane->stream));
    else if (s->kind != GPU_OPERATION_CONV)
        status =
            CUDA_STATUS(cuda_operation_launch(s->kind, device->half, &arguments, lane->stream));
    else if (op->conv)
        status =
            cuda_dnn_conv_run(lane->dnn, op->conv, op->a, op->b, op->bias, op->workspace, op->out);
    else
        status = CUDA_STATUS(cuda_conv_launch(&op->size, device->half, false, op->a, op->b,
                                              op->bias, op->out, lane->stream));
    return status ? status : CUDA_STATUS(cudaStreamSynchronize(lane->stream));
}

static int operation_get(struct gpu_operation *operation, float *out)
{
    const struct cuda_operation *op = of(operation);
    const struct cuda_device *device = device_of(op);
    const size_t pixels = (size_t)op->result.h * (size_t)op->result.w;
    const size_t count = (size_t)op->result.c * pixels;
    const size_t stride = op->interleaved ? (size_t)op->size.out_c : 0;
    const size_t bytes = room(device, stride ? pixels * stride : count);
    void *block = malloc(bytes);
    if (!block)
        return PROTO_NO_MEMORY;
    const int status = CUDA_STATUS(cudaMemcpy(block, op->out, bytes, cudaMemcpyDeviceToHost));
    for (size_t i = 0; status == PROTO_OK && i < count; i++) {
        const size_t at = place(i, pixels, stride);
        out[i] = device->half ? cuda_half_to_float(((const uint16_t *)block)[at])
                              : ((const float *)block)[at];
    }
    free(block);
    return status;
}

const struct gpu_operations cuda_operations = {
    .open = operation_open,
    .run = operation_run,
    .get = operation_get,
    .close = operation_close,
};
