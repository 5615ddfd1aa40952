/* What follows from a net's layers alone: window, stride, outputs, cells and work. */
#include "partition/model.h"

#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

enum {
    KERNEL_MAX = 16384, /* pixels; keeps the products below 64 bits */
    WINDOW_MAX = PROTO_FRAME_SIDE_MAX,
    CHANNELS_MAX = 65536,
};

static bool layer_valid(const struct proto_layer *l)
{
    return l->kh >= 1 && l->kw >= 1 && l->sh >= 1 && l->sw >= 1 && l->kh <= KERNEL_MAX &&
           l->kw <= KERNEL_MAX && l->sh <= KERNEL_MAX && l->sw <= KERNEL_MAX && l->cin >= 1 &&
           l->cin <= CHANNELS_MAX && l->cout >= 1 && l->cout <= CHANNELS_MAX &&
           (l->kind != PROTO_LAYER_POOL || l->cin == l->cout);
}

static int check_layers(const struct partition_net *net)
{
    int32_t channels = PROTO_CHANNELS;
    if (net->layer_count < 1 || net->layer_count > PROTO_LAYERS_MAX) {
        proto_log_error(AREA, "net '%s': %d layers, 1 to %d are supported", net->name,
                        net->layer_count, PROTO_LAYERS_MAX);
        return PROTO_INVALID;
    }
    for (int i = 0; i < net->layer_count; i++) {
        const struct proto_layer *l = &net->layers[i];
        if (!layer_valid(l)) {
            proto_log_error(AREA, "net '%s', layer '%s': %d -> %d channels, %dx%d, stride %dx%d",
                            net->name, l->name, l->cin, l->cout, l->kh, l->kw, l->sh, l->sw);
            return PROTO_INVALID;
        }
        if (l->cin != channels) {
            proto_log_error(AREA, "net '%s', layer '%s': takes %d channels but gets %d", net->name,
                            l->name, l->cin, channels);
            return PROTO_INVALID;
        }
        channels = l->cout;
    }
    if (net->layers[net->layer_count - 1].kind != PROTO_LAYER_CONV || channels > 2) {
        proto_log_error(AREA,
                        "net '%s' ends with %d outputs; it must end with a convolution or Gemm of "
                        "1 (score) or 2 (background, person)",
                        net->name, channels);
        return PROTO_INVALID;
    }
    return PROTO_OK;
}

int partition_net_analyse(struct partition_net *net)
{
    int64_t window_h = 1, window_w = 1, stride_h = 1, stride_w = 1;
    const int status = check_layers(net);
    if (status != PROTO_OK)
        return status;
    for (int i = 0; i < net->layer_count; i++) {
        const struct proto_layer *l = &net->layers[i];
        window_h += (l->kh - 1) * stride_h;
        window_w += (l->kw - 1) * stride_w;
        stride_h *= l->sh;
        stride_w *= l->sw;
        if (window_h > WINDOW_MAX || window_w > WINDOW_MAX || stride_h > WINDOW_MAX ||
            stride_w > WINDOW_MAX) {
            proto_log_error(AREA, "net '%s', layer '%s': the window exceeds %d pixels", net->name,
                            l->name, WINDOW_MAX);
            return PROTO_INVALID;
        }
    }
    net->window = (struct proto_size){.w = (int32_t)window_w, .h = (int32_t)window_h};
    net->stride = (struct proto_size){.w = (int32_t)stride_w, .h = (int32_t)stride_h};
    net->outputs = net->layers[net->layer_count - 1].cout;
    return PROTO_OK;
}

/* Flooring layer by layer or once at the end is the same: floor(floor(n / a) / b) = floor(n / ab). */
static int32_t cells(int32_t pixels, int32_t window, int32_t stride)
{
    return pixels < window ? 0 : (pixels - window) / stride + 1;
}

int32_t partition_net_rows(const struct partition_net *net, int32_t pixels)
{
    return cells(pixels, net->window.h, net->stride.h);
}

int32_t partition_net_cols(const struct partition_net *net, int32_t pixels)
{
    return cells(pixels, net->window.w, net->stride.w);
}

uint64_t partition_net_macs(const struct partition_net *net, int32_t h, int32_t w)
{
    uint64_t macs = 0;
    for (int i = 0; i < net->layer_count; i++) {
        const struct proto_layer *l = &net->layers[i];
        if (h < l->kh || w < l->kw)
            return 0; /* no window fits */
        h = (h - l->kh) / l->sh + 1;
        w = (w - l->kw) / l->sw + 1;
        if (l->kind == PROTO_LAYER_CONV)
            macs += (uint64_t)h * (uint64_t)w * (uint64_t)l->cout * (uint64_t)l->cin *
                    (uint64_t)l->kh * (uint64_t)l->kw;
    }
    return macs;
}

const struct partition_net *partition_model_net(const struct partition_model *model, int level)
{
    for (int i = 0; i < model->net_count; i++)
        if (level >= model->nets[i].first_level && level <= model->nets[i].last_level)
            return &model->nets[i];
    return NULL;
}
