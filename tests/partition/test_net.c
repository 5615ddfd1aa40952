/* partition/net.c: window, stride, cells and work of a net. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "partition/pyramid.h"
#include "proto/status.h"
#include "tests/partition/support.h"

static void the_paper_net_has_the_papers_figures(void **state)
{
    struct partition_net net;
    uint64_t weights = 0;
    (void)state;
    paper_net_init(&net);
    assert_int_equal(net.window.h, 128);
    assert_int_equal(net.window.w, 48);
    assert_int_equal(net.stride.h, 8);
    assert_int_equal(net.stride.w, 8);
    assert_int_equal(net.outputs, 2);
    for (int i = 0; i < net.layer_count; i++)
        if (net.layers[i].kind == PROTO_LAYER_CONV)
            weights += (uint64_t)net.layers[i].cout *
                       (uint64_t)(net.layers[i].cin * net.layers[i].kh * net.layers[i].kw + 1);
    assert_in_range(weights, 3915000, 3924999); /* 3.92 M */
}

/* Measured list of the project's findings, GMAC to two digits. */
static void the_paper_pyramid_has_the_papers_work(void **state)
{
    static const double gmac[26] = {71.69, 58.34, 47.35, 38.20, 31.17, 25.20, 20.21, 16.25, 13.17,
                                    10.66, 8.61,  6.79,  5.48,  4.33,  3.41,  2.62,  2.10,  1.65,
                                    1.26,  0.93,  0.74,  0.54,  0.41,  0.29,  0.22,  0.17};
    struct partition_model model;
    struct partition_pyramid pyramid;
    double sum = 0;
    (void)state;
    paper_model_init(&model);
    assert_int_equal(partition_pyramid_init(&pyramid, &model, (struct proto_size){640, 480}),
                     PROTO_OK);
    for (int k = 0; k < 26; k++) {
        const struct partition_level *l = &pyramid.levels[k];
        const double g =
            1e-9 * (double)partition_net_macs(partition_model_net(&model, k), l->h, l->w);
        assert_true(fabs(g - gmac[k]) <= 0.005001);
        sum += g;
    }
    assert_true(fabs(sum - 371.8) < 0.05);
}

static void cells_are_those_of_the_layers_one_after_the_other(void **state)
{
    struct random random = {.state = 1};
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct partition_model model;
        random_model_init(&model, &random);
        const struct partition_net *net = &model.nets[0];
        for (int32_t pixels = 1; pixels < 60; pixels++) {
            int32_t h = pixels, w = pixels;
            for (int i = 0; i < net->layer_count; i++) {
                h = h < net->layers[i].kh ? 0 : (h - net->layers[i].kh) / net->layers[i].sh + 1;
                w = w < net->layers[i].kw ? 0 : (w - net->layers[i].kw) / net->layers[i].sw + 1;
            }
            assert_int_equal(partition_net_rows(net, pixels), h);
            assert_int_equal(partition_net_cols(net, pixels), w);
            assert_int_equal(partition_net_macs(net, pixels, pixels) > 0, h > 0 && w > 0);
        }
        assert_int_equal(partition_net_rows(net, net->window.h), 1);
        assert_int_equal(partition_net_rows(net, net->window.h - 1), 0);
    }
}

static void expect_invalid(struct partition_net *net)
{
    log_capture();
    assert_int_equal(partition_net_analyse(net), PROTO_INVALID);
    assert_true(log_captured()[0] != '\0');
    log_release();
}

static void layers_that_do_not_fit_are_refused(void **state)
{
    struct partition_net net;
    (void)state;
    paper_net_init(&net);
    net.layers[2].cin = 31;
    expect_invalid(&net);
    paper_net_init(&net);
    net.layers[net.layer_count - 1].cout = 3;
    expect_invalid(&net);
    paper_net_init(&net);
    net.layers[0].sh = 0;
    expect_invalid(&net);
    paper_net_init(&net);
    net.layers[1].cout = 33;
    expect_invalid(&net);
    paper_net_init(&net);
    net.layer_count = 0;
    expect_invalid(&net);
    paper_net_init(&net);
    net.layers[0].kh = net.layers[2].kh = 16000;
    expect_invalid(&net);
    paper_net_init(&net);
    net.layers[net.layer_count - 1].kind = PROTO_LAYER_POOL;
    net.layers[net.layer_count - 1].cin = 2;
    expect_invalid(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_paper_net_has_the_papers_figures),
        cmocka_unit_test(the_paper_pyramid_has_the_papers_work),
        cmocka_unit_test(cells_are_those_of_the_layers_one_after_the_other),
        cmocka_unit_test(layers_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
