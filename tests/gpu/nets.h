/* Nets with random weights for tests of devices: seeded, so that every run sees the same. */
#ifndef TESTS_GPU_NETS_H
#define TESTS_GPU_NETS_H

#include "proto/types.h"

/* A small generator; equal seeds give equal numbers everywhere. */
struct test_random {
    uint64_t state;
};
uint32_t test_random_bits(struct test_random *random);
/* lowest .. highest, both included. */
int32_t test_random_int(struct test_random *random, int32_t lowest, int32_t highest);
/* low <= value < high. */
float test_random_float(struct test_random *random, float low, float high);

struct test_net {
    int count;
    struct proto_layer layers[PROTO_LAYERS_MAX];
    float *values; /* weights and biases of all layers */
};

/* One row per layer: kernel 0 ends the list. cout is ignored for a pool. */
struct test_layer {
    char kind; /* 'c' convolution with ReLU, 'p' pool */
    int32_t kh, kw, stride, cout;
};

/* Weights such that activations neither vanish nor grow. The last convolution has no ReLU. */
void test_net_open(struct test_net *net, const struct test_layer *list, uint64_t seed);
void test_net_close(struct test_net *net);

/* The default topology: window 128 x 48, stride 8, 3.9 M weights. */
extern const struct test_layer test_net_default[];
/* The same geometry with few channels: a hundredth of the work, for slow devices. */
extern const struct test_layer test_net_small[];

#endif
