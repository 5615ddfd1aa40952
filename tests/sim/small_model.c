#include "tests/sim/small_model.h"

#include <stdio.h>

static int small_net(struct partition_net *net, const char *name, int first, int last)
{
    *net = (struct partition_net){
        .first_level = first,
        .last_level = last,
        .person_px = 12,
        .border_rows = 2,
        .border_cols = 1,
        .scale = 1.0f / 256,
        .layer_count = 3,
        .layers = {{PROTO_LAYER_POOL, 3, 3, 2, 2, 2, 2, false, NULL, NULL, "p1"},
                   {PROTO_LAYER_POOL, 3, 3, 2, 2, 2, 2, false, NULL, NULL, "p2"},
                   {PROTO_LAYER_CONV, 3, 1, 4, 2, 1, 1, false, NULL, NULL, "c"}},
    };
    snprintf(net->name, sizeof net->name, "%s", name);
    return partition_net_analyse(net);
}

int small_model_init(struct partition_model *model)
{
    *model = (struct partition_model){
        .name = "small",
        .hash = "0123456789abcdef",
        .first_person_px = 14,
        .per_octave = 3,
        .levels = 6,
        .pad_below = 1,
        .aspect = 0.41,
        .candidate_threshold = 0.0f,
        .threshold = 0.25f,
        .overlap = 0.5f,
        .net_count = 2,
    };
    int status = small_net(&model->nets[0], "far", 0, 2);
    return status ? status : small_net(&model->nets[1], "near", 3, 5);
}
