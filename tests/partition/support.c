#include "tests/partition/support.h"

#include <stdio.h>
#include <string.h>

#include "proto/log.h"
#include "proto/status.h"

uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int32_t random_in(struct random *random, int32_t low, int32_t high)
{
    return low + (int32_t)(random_next(random) % (uint64_t)((int64_t)high - low + 1));
}

static void add(struct partition_net *net, enum proto_layer_kind kind, int32_t cout, int32_t kh,
                int32_t kw, int32_t stride)
{
    const int32_t cin = net->layer_count ? net->layers[net->layer_count - 1].cout : PROTO_CHANNELS;
    net->layers[net->layer_count++] = (struct proto_layer){.kind = kind,
                                                           .cin = cin,
                                                           .cout = cout ? cout : cin,
                                                           .kh = kh,
                                                           .kw = kw,
                                                           .sh = stride,
                                                           .sw = stride,
                                                           .relu = kind == PROTO_LAYER_CONV,
                                                           .name = "layer"};
}

void paper_net_init(struct partition_net *net)
{
    memset(net, 0, sizeof(*net));
    add(net, PROTO_LAYER_CONV, 32, 5, 5, 1);
    add(net, PROTO_LAYER_POOL, 0, 2, 2, 2);
    add(net, PROTO_LAYER_CONV, 64, 3, 3, 1);
    add(net, PROTO_LAYER_POOL, 0, 2, 2, 2);
    add(net, PROTO_LAYER_CONV, 128, 3, 3, 1);
    add(net, PROTO_LAYER_POOL, 0, 2, 2, 2);
    add(net, PROTO_LAYER_CONV, 192, 3, 3, 1);
    add(net, PROTO_LAYER_CONV, 256, 2, 2, 1);
    add(net, PROTO_LAYER_CONV, 1024, 11, 1, 1);
    add(net, PROTO_LAYER_CONV, 512, 1, 1, 1);
    add(net, PROTO_LAYER_CONV, 2, 1, 1, 1);
    net->layers[net->layer_count - 1].relu = false;
    partition_net_analyse(net);
    net->person_px = 100;
    net->border_rows = 14;
    net->border_cols = 6;
    net->scale = 1.0f / 255;
}

void paper_model_init(struct partition_model *model)
{
    static const int32_t first[] = {0, 7, 14}, last[] = {6, 13, 25};
    memset(model, 0, sizeof(*model));
    model->first_person_px = 75;
    model->per_octave = 7;
    model->levels = 26;
    model->pad_below = 1;
    model->aspect = 0.41;
    model->overlap = 0.5f;
    model->net_count = 3;
    for (int i = 0; i < 3; i++) {
        paper_net_init(&model->nets[i]);
        model->nets[i].first_level = first[i];
        model->nets[i].last_level = last[i];
    }
}

static void random_net(struct partition_net *net, struct random *random)
{
    const int32_t stride = random_in(random, 1, 2);
    add(net, PROTO_LAYER_CONV, 2, random_in(random, 1, 3), random_in(random, 1, 3), 1);
    if (random_in(random, 0, 2))
        add(net, PROTO_LAYER_POOL, 0, 2, 2, 2);
    add(net, PROTO_LAYER_CONV, random_in(random, 1, 2), random_in(random, 1, 9),
        random_in(random, 1, 5), stride);
    partition_net_analyse(net);
    net->person_px = net->window.h * (random_in(random, 50, 120) / 100.0);
    net->border_rows = random_in(random, 0, 9);
    net->border_cols = random_in(random, 0, 9);
    net->scale = 1;
}

void random_model_init(struct partition_model *model, struct random *random)
{
    memset(model, 0, sizeof(*model));
    model->per_octave = random_in(random, 15, 80) / 10.0;
    model->levels = random_in(random, 1, 12);
    model->pad_below = random_in(random, 0, 3) / 3.0;
    model->aspect = 0.41;
    model->overlap = (float)random_in(random, 0, 10) / 10;
    model->overlap_measure = random_in(random, 0, 1) ? PROTO_OVERLAP_IOU : PROTO_OVERLAP_MIN;
    model->net_count = random_in(random, 1, model->levels < 3 ? model->levels : 3);
    for (int i = 0; i < model->net_count; i++) {
        random_net(&model->nets[i], random);
        model->nets[i].first_level = model->levels * i / model->net_count;
        model->nets[i].last_level = model->levels * (i + 1) / model->net_count - 1;
    }
    model->first_person_px = model->nets[0].person_px * random_in(random, 50, 150) / 100.0;
}

static char captured[16384];

static void capture(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    const size_t at = strlen(captured);
    (void)arg;
    (void)level;
    snprintf(captured + at, sizeof(captured) - at, "%s: %s\n", area, text);
}

void log_capture(void)
{
    captured[0] = '\0';
    proto_log_set_sink(capture, NULL);
}

const char *log_captured(void)
{
    return captured;
}

void log_release(void)
{
    proto_log_set_sink(NULL, NULL);
}
