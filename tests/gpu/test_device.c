/* Device specs: what is opened, what is refused, and with which words. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gpu/device.h"
#include "proto/log.h"
#include "proto/status.h"

static char last_line[512];

static void keep_line(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg;
    (void)level;
    (void)area;
    snprintf(last_line, sizeof last_line, "%s", text);
}

static int listen_to_log(void **state)
{
    (void)state;
    last_line[0] = '\0';
    proto_log_set_sink(keep_line, NULL);
    return 0;
}

static int stop_listening(void **state)
{
    (void)state;
    proto_log_set_sink(NULL, NULL);
    return 0;
}

static void assert_name(const char *spec, const char *name)
{
    struct gpu_device *device;
    assert_int_equal(gpu_device_open(spec, NULL, &device), PROTO_OK);
    assert_string_equal(device->name, name);
    gpu_device_close(device);
}

static void spec_is_completed_with_the_usual_precision(void **state)
{
    (void)state;
    assert_name("cpu", "cpu,f32");
    assert_name("cpu,f16", "cpu,f16");
    assert_name("ref", "ref,f32");
    assert_name("ref,f32", "ref,f32");
}

static void assert_refused(const char *spec, int status, const char *word)
{
    struct gpu_device *device = (struct gpu_device *)1;
    last_line[0] = '\0';
    assert_int_equal(gpu_device_open(spec, NULL, &device), status);
    assert_null(device);
    if (!strstr(last_line, word))
        fail_msg("'%s' is not in the message for '%s': %s", word, spec, last_line);
}

static void unknown_device_is_refused_with_the_list_of_known_ones(void **state)
{
    (void)state;
    assert_refused("tpu", PROTO_NOT_FOUND, "cpu, ref");
    assert_refused("cpuu,f32", PROTO_NOT_FOUND, "cpuu");
}

static void asking_for_cuda_without_one_is_an_error_and_no_fallback(void **state)
{
    (void)state;
    struct gpu_device *device;
    int status = gpu_device_open("cuda:0", NULL, &device);
    if (status == PROTO_OK) {
        assert_memory_equal(device->name, "cuda:0", 6);
        gpu_device_close(device);
        return;
    }
    assert_null(device);
    assert_true(last_line[0]);
}

static void malformed_specs_are_refused(void **state)
{
    (void)state;
    char longer[GPU_SPEC_MAX + 2];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_refused("", PROTO_INVALID, "name");
    assert_refused(longer, PROTO_INVALID, "name");
    assert_refused("cpu,f33", PROTO_INVALID, "f33");
    assert_refused("cpu,", PROTO_INVALID, "precision");
    assert_refused("cpu:0", PROTO_INVALID, "argument");
    assert_refused("ref:1,f32", PROTO_INVALID, "argument");
    assert_refused("ref,bf16", PROTO_UNSUPPORTED, "bf16");
}

static void list_names_each_device_and_marks_the_usual_precision(void **state)
{
    (void)state;
    char text[1024] = "";
    FILE *out = tmpfile();
    assert_non_null(out);
    gpu_device_list(out);
    rewind(out);
    size_t length = fread(text, 1, sizeof text - 1, out);
    fclose(out);
    assert_true(length > 0);
    assert_non_null(strstr(text, "cpu "));
    assert_non_null(strstr(text, "f32* f16 bf16"));
    assert_non_null(strstr(text, "ref "));
}

static void nets_that_no_device_can_run_are_refused(void **state)
{
    (void)state;
    static const float weights[3] = {1, 2, 3}, bias[2] = {0, 0};
    const struct proto_layer good = {.kind = PROTO_LAYER_CONV,
                                     .cin = 3,
                                     .cout = 1,
                                     .kh = 1,
                                     .kw = 1,
                                     .sh = 1,
                                     .sw = 1,
                                     .weights = weights,
                                     .bias = bias};
    struct gpu_device *device;
    struct gpu_net *net;
    assert_int_equal(gpu_device_open("ref", NULL, &device), PROTO_OK);
    assert_int_equal(gpu_net_open(device, &good, 1, &net), PROTO_OK);
    gpu_net_close(net);
    struct proto_layer bad[9];
    for (size_t i = 0; i < 9; i++)
        bad[i] = good;
    bad[0].cin = 1;
    bad[1].cout = 3;
    bad[2].kh = 0;
    bad[3].sw = -1;
    bad[4].weights = NULL;
    bad[5].bias = NULL;
    bad[6].kind = PROTO_LAYER_KINDS;
    bad[7].kind = PROTO_LAYER_POOL;
    bad[8].cout = INT32_MAX;
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(gpu_net_open(device, &bad[i], 1, &net), PROTO_INVALID);
        assert_null(net);
    }
    assert_int_equal(gpu_net_open(device, &good, 0, &net), PROTO_INVALID);
    assert_int_equal(gpu_net_open(device, &good, PROTO_LAYERS_MAX + 1, &net), PROTO_INVALID);
    gpu_device_close(device);
}

/* The paper's reason for linear scores: in half precision the best cells become equal. */
static void softmax_scores_are_probabilities_and_tie_in_half_precision(void **state)
{
    (void)state;
    static const float weights[6] = {0, 0, 0, 1, 0, 0}, bias[2] = {0, 0};
    static const float input[4 * PROTO_CHANNELS] = {0, 0, 0, 1, 0, 0, 9, 0, 0, 12, 0, 0};
    const struct proto_layer first = {.kind = PROTO_LAYER_CONV,
                                      .cin = 3,
                                      .cout = 2,
                                      .kh = 1,
                                      .kw = 1,
                                      .sh = 1,
                                      .sw = 1,
                                      .weights = weights,
                                      .bias = bias};
    const struct gpu_settings softmax = {.threads = 1, .softmax = true};
    static const char *const specs[] = {"cpu,f32", "cpu,f16"};
    for (int half = 0; half < 2; half++) {
        struct gpu_device *device;
        struct gpu_net *net;
        struct gpu_chain *chain;
        float scores[4] = {NAN, NAN, NAN, NAN};
        assert_int_equal(gpu_device_open(specs[half], &softmax, &device), PROTO_OK);
        assert_int_equal(gpu_net_open(device, &first, 1, &net), PROTO_OK);
        assert_int_equal(gpu_chain_open(net, 1, 4, &chain), PROTO_OK);
        assert_int_equal(device->backend->input_set(chain, input), PROTO_OK);
        assert_int_equal(gpu_run(chain), PROTO_OK);
        assert_int_equal(device->backend->scores_get(chain, scores), PROTO_OK);
        assert_float_equal(scores[0], 0.5f, 0);
        assert_float_equal(scores[1], 0.7310586f, half ? 0x1p-12 : 1e-6);
        if (half)
            assert_float_equal(scores[2], scores[3], 0);
        else
            assert_true(scores[2] < scores[3]);
        gpu_chain_close(chain);
        gpu_net_close(net);
        gpu_device_close(device);
    }
    struct gpu_device *device;
    assert_int_equal(gpu_device_open("ref", &softmax, &device), PROTO_UNSUPPORTED);
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    gpu_device_close(NULL);
    gpu_net_close(NULL);
    gpu_chain_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_is_completed_with_the_usual_precision),
        cmocka_unit_test(unknown_device_is_refused_with_the_list_of_known_ones),
        cmocka_unit_test(asking_for_cuda_without_one_is_an_error_and_no_fallback),
        cmocka_unit_test(malformed_specs_are_refused),
        cmocka_unit_test(list_names_each_device_and_marks_the_usual_precision),
        cmocka_unit_test(nets_that_no_device_can_run_are_refused),
        cmocka_unit_test(softmax_scores_are_probabilities_and_tie_in_half_precision),
        cmocka_unit_test(closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, listen_to_log, stop_listening);
}
