/* See profile.h. */
#include "partition/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "proto/status.h"

static int by_shape(const void *pa, const void *pb)
{
    const struct partition_shape_cost *a = pa, *b = pb;
    if (a->net != b->net)
        return a->net < b->net ? -1 : 1;
    if (a->input.w != b->input.w)
        return a->input.w < b->input.w ? -1 : 1;
    return (a->input.h > b->input.h) - (a->input.h < b->input.h);
}

static int32_t net_named(const struct partition_model *model, const char *name)
{
    for (int32_t n = 0; n < model->net_count; n++)
        if (strcmp(model->nets[n].name, name) == 0)
            return n;
    return -1;
}

/* us = fixed + macs / rate with the least relative errors; neither part below zero. */
static void fit_line(const struct partition_model *model, struct partition_profile *profile)
{
    double sw = 0, swx = 0, swy = 0, swxx = 0, swxy = 0;
    for (uint32_t i = 0; i < profile->speed.shape_count; i++) {
        const struct partition_shape_cost *s = &profile->shapes[i];
        const double x =
            (double)partition_net_macs(&model->nets[s->net], s->input.h, s->input.w) / 1e6;
        const double w = 1 / (s->us * s->us);
        sw += w;
        swx += w * x;
        swy += w * s->us;
        swxx += w * x * x;
        swxy += w * x * s->us;
    }
    const double spread = sw * swxx - swx * swx;
    double per_mmac = spread > 1e-9 * sw * swxx ? (sw * swxy - swx * swy) / spread : 0;
    double fixed = (swy - per_mmac * swx) / sw;
    if (!(per_mmac > 0) || !(fixed > 0)) {
        per_mmac = swxy / swxx;
        fixed = 0;
    }
    profile->speed.macs_per_us = 1e6 / per_mmac;
    profile->speed.tile_us = fixed;
}

int partition_profile_open(const struct proto_config_profile *config,
                           const struct partition_model *model, struct partition_profile *out)
{
    *out = (struct partition_profile){0};
    partition_speed_defaults(&out->speed);
    out->shapes = calloc((size_t)config->shape_count + 1, sizeof *out->shapes);
    if (!out->shapes)
        return PROTO_NO_MEMORY;
    for (int32_t i = 0; i < config->shape_count; i++) {
        const struct proto_profile_shape *s = &config->shapes[i];
        const int32_t net = net_named(model, s->net);
        if (net >= 0 && s->us > 0)
            out->shapes[out->speed.shape_count++] =
                (struct partition_shape_cost){net, {s->w, s->h}, s->us};
    }
    if (out->speed.shape_count == 0) {
        proto_log_error("partition", "the profile has no shape of a net of model %s", model->name);
        partition_profile_close(out);
        return PROTO_MISMATCH;
    }
    qsort(out->shapes, out->speed.shape_count, sizeof *out->shapes, by_shape);
    fit_line(model, out);
    out->speed.shapes = out->shapes;
    out->speed.frame_us = config->frame_us;
    if (config->has_link) {
        out->speed.bytes_per_us = config->to.bytes_per_us;
        out->speed.latency_us = config->to.latency_us;
    }
    return PROTO_OK;
}

void partition_profile_close(struct partition_profile *profile)
{
    free(profile->shapes);
    *profile = (struct partition_profile){0};
}
