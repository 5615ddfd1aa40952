/* Single operations of a device (argv[1]) against gpu/ref's plain loops.
 *
 * Tolerance: a value is off by eps of the precision it is kept in, twice (operands, result); a sum of n products
 * of size s by n * eps32 * s more.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "gpu/operation.h"
#include "proto/status.h"
#include "tests/gpu/nets.h"

enum { SKIPPED = 77 };

static struct gpu_device *device;
static uint32_t seed = 12345;

static float random_value(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(int32_t)seed / 2147483648.0f;
}

static float *values(size_t count)
{
    float *list = malloc((count + 1) * sizeof *list);
    assert_non_null(list);
    for (size_t i = 0; i < count; i++)
        list[i] = random_value();
    return list;
}

static struct proto_layer layer_of(enum proto_layer_kind kind, int32_t cin, int32_t cout, int32_t k,
                                   int32_t stride)
{
    return (struct proto_layer){
        .kind = kind, .cin = cin, .cout = cout, .kh = k, .kw = k, .sh = stride, .sw = stride};
}

static void compare(const struct gpu_operation_shape *shape)
{
    const double eps = device->precision == GPU_F16 ? 1.0 / 2048 : 1.0 / 16777216;
    const struct gpu_operation_size size = gpu_operation_result(shape);
    const size_t count = (size_t)size.c * (size_t)size.h * (size_t)size.w;
    const size_t a_count = (size_t)shape->c * (size_t)shape->h * (size_t)shape->w;
    const size_t terms = shape->kind == GPU_OPERATION_CONV
                             ? (size_t)(shape->layer.cin * shape->layer.kh * shape->layer.kw)
                             : a_count;
    const bool sum = shape->kind == GPU_OPERATION_CONV || shape->kind == GPU_OPERATION_DOT;
    const double slack =
        4 * eps * (sum ? sqrt((double)terms) + 1 : 1) + (sum ? (double)terms / 16777216 : 0);
    const size_t b_count =
        shape->kind == GPU_OPERATION_CONV ? terms * (size_t)shape->layer.cout : a_count;
    const bool two = shape->kind == GPU_OPERATION_CONV || shape->kind == GPU_OPERATION_ADD ||
                     shape->kind == GPU_OPERATION_MULTIPLY || shape->kind == GPU_OPERATION_DOT;
    float *a = values(a_count), *b = values(b_count), *want = values(count), *got = values(count);
    struct gpu_operation *operation;
    gpu_ref_operation(shape, a, b, want);
    assert_int_equal(gpu_operation_open(device, shape, a, two ? b : NULL, &operation), PROTO_OK);
    for (int twice = 0; twice < 2; twice++) {
        assert_int_equal(gpu_operation_run(operation), PROTO_OK);
        assert_int_equal(gpu_operation_get(operation, got), PROTO_OK);
        for (size_t i = 0; i < count; i++)
            if (!(fabs((double)got[i] - (double)want[i]) <=
                  slack + 2 * eps * fabs((double)want[i])))
                fail_msg("kind %d, element %zu of %zu: %g, not %g", (int)shape->kind, i, count,
                         (double)got[i], (double)want[i]);
    }
    gpu_operation_close(operation);
    free(a);
    free(b);
    free(want);
    free(got);
}

static void operations_agree_with_the_reference_in_odd_sizes(void **state)
{
    (void)state;
    for (int kind = GPU_OPERATION_POOL_3D; kind < GPU_OPERATION_KINDS; kind++)
        for (int32_t c = 3; c <= 5; c += 2)
            compare(&(struct gpu_operation_shape){
                .kind = (enum gpu_operation_kind)kind, .c = c, .h = 9, .w = 37});
}

static void convolutions_products_and_pools_agree(void **state)
{
    (void)state;
    compare(&(struct gpu_operation_shape){GPU_OPERATION_CONV, 3, 17, 19,
                                          layer_of(PROTO_LAYER_CONV, 3, 20, 3, 1)});
    compare(&(struct gpu_operation_shape){GPU_OPERATION_CONV, 40, 1, 50,
                                          layer_of(PROTO_LAYER_CONV, 40, 32, 1, 1)});
    compare(&(struct gpu_operation_shape){GPU_OPERATION_POOL, 16, 15, 22,
                                          layer_of(PROTO_LAYER_POOL, 16, 16, 2, 2)});
    compare(&(struct gpu_operation_shape){GPU_OPERATION_POOL, 5, 6, 7,
                                          layer_of(PROTO_LAYER_POOL, 5, 5, 2, 2)});
}

static void a_shape_without_a_result_is_refused(void **state)
{
    struct gpu_operation *operation;
    const float one = 1;
    (void)state;
    assert_int_equal(gpu_operation_open(device,
                                        &(struct gpu_operation_shape){
                                            .kind = GPU_OPERATION_POOL_3D, .c = 2, .h = 9, .w = 9},
                                        &one, NULL, &operation),
                     PROTO_INVALID);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_agree_with_the_reference_in_odd_sizes),
        cmocka_unit_test(convolutions_products_and_pools_agree),
        cmocka_unit_test(a_shape_without_a_result_is_refused),
    };
    const struct gpu_settings settings = {.threads = 1};
    if (argc != 2)
        return 2;
    if (gpu_device_open(argv[1], &settings, &device))
        return SKIPPED;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gpu_device_close(device);
    return failed;
}
