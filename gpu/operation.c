#include "gpu/operation.h"

#include "gpu/shape.h"
#include "proto/status.h"

struct gpu_operation_size gpu_operation_result(const struct gpu_operation_shape *shape)
{
    static const struct gpu_operation_size none;
    struct gpu_operation_size size = {shape->c, shape->h, shape->w};
    switch (shape->kind) {
    case GPU_OPERATION_CONV:
    case GPU_OPERATION_POOL: {
        const struct proto_size in = {.w = shape->w, .h = shape->h};
        const struct proto_size out = gpu_shape_layer(&shape->layer, in);
        size = (struct gpu_operation_size){shape->layer.cout, out.h, out.w};
        break;
    }
    case GPU_OPERATION_POOL_3D:
        size = (struct gpu_operation_size){shape->c - 2, shape->h - (PROTO_NMS_ROWS - 1),
                                           shape->w - (PROTO_NMS_COLS - 1)};
        break;
    case GPU_OPERATION_DOT:
        size = (struct gpu_operation_size){1, 1, 1};
        break;
    default:
        break;
    }
    return size.c > 0 && size.h > 0 && size.w > 0 ? size : none;
}

int gpu_operation_open(struct gpu_device *device, const struct gpu_operation_shape *shape,
                       const float *a, const float *b, struct gpu_operation **out)
{
    const struct gpu_operations *operations = device->backend->operations;
    if (!operations)
        return PROTO_UNSUPPORTED;
    if (gpu_operation_result(shape).c == 0)
        return PROTO_INVALID;
    const int status = operations->open(device, shape, a, b, out);
    if (status == PROTO_OK) {
        (*out)->device = device;
        (*out)->shape = *shape;
    }
    return status;
}

int gpu_operation_run(struct gpu_operation *operation)
{
    return operation->device->backend->operations->run(operation);
}

int gpu_operation_get(struct gpu_operation *operation, float *out)
{
    return operation->device->backend->operations->get(operation, out);
}

void gpu_operation_close(struct gpu_operation *operation)
{
    if (operation)
        operation->device->backend->operations->close(operation);
}
