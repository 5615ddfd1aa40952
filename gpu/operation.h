/* Single operations on a device, as Eisenbach et al. 2017 measured them on their two GPUs, for `muster bench
 * --ops`. Made ready once, then run often.
 *
 * Tensors outside are planar C x H x W floats; a device keeps them as it likes, in its precision.
 */
#ifndef GPU_OPERATION_H
#define GPU_OPERATION_H

#include "gpu/device.h"

enum gpu_operation_kind {
    GPU_OPERATION_CONV,     /* the layer; b: its weights. 1 x 1: a matrix product */
    GPU_OPERATION_POOL,     /* the layer */
    GPU_OPERATION_POOL_3D,  /* maximum over 3 x 7 x 3 (C x H x W), stride 1: the dense 3D NMS's */
    GPU_OPERATION_ADD,      /* a + b */
    GPU_OPERATION_MULTIPLY, /* a * b */
    GPU_OPERATION_RELU,
    GPU_OPERATION_SOFTMAX, /* of each row of w */
    GPU_OPERATION_DOT,     /* sum of a * b */
    GPU_OPERATION_KINDS,
};

struct gpu_operation_shape {
    enum gpu_operation_kind kind;
    int32_t c, h, w;          /* of a; b has the same, but for CONV */
    struct proto_layer layer; /* CONV without bias and ReLU, POOL; weights NULL */
};

/* Every implementation embeds it first in its own struct. */
struct gpu_operation {
    struct gpu_device *device;
    struct gpu_operation_shape shape;
};

/* A device's table (gpu_backend.operations). */
struct gpu_operations {
    /* a, b: as the shape says, borrowed for the call; b NULL where there is no second operand. */
    int (*open)(struct gpu_device *device, const struct gpu_operation_shape *shape, const float *a,
                const float *b, struct gpu_operation **out);
    int (*run)(struct gpu_operation *operation);
    int (*get)(struct gpu_operation *operation, float *out);
    void (*close)(struct gpu_operation *operation);
};

/* Size of the result; zeros when there would be none. */
struct gpu_operation_size {
    int32_t c, h, w;
};
struct gpu_operation_size gpu_operation_result(const struct gpu_operation_shape *shape);

/* Returns PROTO_OK; PROTO_UNSUPPORTED (not logged: this device has not got the operation, or not in this precision);
 * PROTO_INVALID (a shape without a result), PROTO_NO_MEMORY, PROTO_DEVICE. */
int gpu_operation_open(struct gpu_device *device, const struct gpu_operation_shape *shape,
                       const float *a, const float *b, struct gpu_operation **out);
/* The result is complete, on the device, when it returns. */
int gpu_operation_run(struct gpu_operation *operation);
int gpu_operation_get(struct gpu_operation *operation, float *out);
void gpu_operation_close(struct gpu_operation *operation); /* NULL is fine */

/* gpu/ref/operation.c: plain loops, the truth for the others. b as above. */
void gpu_ref_operation(const struct gpu_operation_shape *shape, const float *a, const float *b,
                       float *out);

#endif
