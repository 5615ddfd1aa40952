/* See nets.h. */
#include "tests/gpu/nets.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "gpu/shape.h"

const struct test_layer test_net_default[] = {
    {'c', 5, 5, 1, 32},    {'p', 2, 2, 2, 0},   {'c', 3, 3, 1, 64},  {'p', 2, 2, 2, 0},
    {'c', 3, 3, 1, 128},   {'p', 2, 2, 2, 0},   {'c', 3, 3, 1, 192}, {'c', 2, 2, 1, 256},
    {'c', 11, 1, 1, 1024}, {'c', 1, 1, 1, 512}, {'c', 1, 1, 1, 2},   {0},
};

const struct test_layer test_net_small[] = {
    {'c', 5, 5, 1, 4},  {'p', 2, 2, 2, 0},  {'c', 3, 3, 1, 6}, {'p', 2, 2, 2, 0},
    {'c', 3, 3, 1, 8},  {'p', 2, 2, 2, 0},  {'c', 3, 3, 1, 8}, {'c', 2, 2, 1, 12},
    {'c', 11, 1, 1, 8}, {'c', 1, 1, 1, 10}, {'c', 1, 1, 1, 2}, {0},
};

/* splitmix64: https://prng.di.unimi.it/splitmix64.c */
uint32_t test_random_bits(struct test_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) >> 32);
}

int32_t test_random_int(struct test_random *random, int32_t lowest, int32_t highest)
{
    uint32_t span = (uint32_t)(highest - lowest) + 1u;
    return lowest + (int32_t)(test_random_bits(random) % span);
}

float test_random_float(struct test_random *random, float low, float high)
{
    return low + (high - low) * ((float)(test_random_bits(random) >> 8) / 16777216.0f);
}

static void fill(struct proto_layer *layer, float *values, struct test_random *random)
{
    size_t count = gpu_shape_weights(layer);
    /* Uniform with variance 2 / inputs: He et al. 2015, section 2.2. */
    float bound = sqrtf(6.0f / (float)(count / (size_t)layer->cout));
    for (size_t i = 0; i < count; i++)
        values[i] = test_random_float(random, -bound, bound);
    for (int32_t i = 0; i < layer->cout; i++)
        values[count + (size_t)i] = test_random_float(random, -0.1f, 0.1f);
    layer->weights = values;
    layer->bias = values + count;
}

void test_net_open(struct test_net *net, const struct test_layer *list, uint64_t seed)
{
    *net = (struct test_net){0};
    int32_t channels = PROTO_CHANNELS;
    size_t total = 0;
    for (; list[net->count].kind; net->count++) {
        const struct test_layer *from = &list[net->count];
        struct proto_layer *to = &net->layers[net->count];
        bool conv = from->kind == 'c';
        *to = (struct proto_layer){.kind = conv ? PROTO_LAYER_CONV : PROTO_LAYER_POOL,
                                   .cin = channels,
                                   .cout = conv ? from->cout : channels,
                                   .kh = from->kh,
                                   .kw = from->kw,
                                   .sh = from->stride,
                                   .sw = from->stride,
                                   .relu = conv && list[net->count + 1].kind};
        snprintf(to->name, sizeof to->name, "layer%d", net->count);
        channels = to->cout;
        total += conv ? gpu_shape_weights(to) + (size_t)to->cout : 0;
    }
    net->values = malloc(total * sizeof *net->values);
    assert(net->values);
    float *next = net->values;
    struct test_random random = {seed};
    for (int i = 0; i < net->count; i++) {
        if (net->layers[i].kind != PROTO_LAYER_CONV)
            continue;
        fill(&net->layers[i], next, &random);
        next += gpu_shape_weights(&net->layers[i]) + (size_t)net->layers[i].cout;
    }
}

void test_net_close(struct test_net *net)
{
    free(net->values);
}
