/* The list of compiled devices, and the checks in front of each of their operators. */
#include "gpu/device.h"

#include <assert.h>
#include <string.h>

#include "gpu/backends.h"
#include "gpu/shape.h"
#include "proto/log.h"
#include "proto/status.h"

enum { SPEC_MAX = 63, CHAIN_SIDE_MAX = 4 * PROTO_FRAME_SIDE_MAX };

static const char *const precision_names[GPU_PRECISIONS] = {"f32", "f16", "bf16"};

/* A spec cut into its parts; argument is "" when there is none, precision NULL. */
struct spec {
    char text[SPEC_MAX + 1];
    const char *name, *argument, *precision;
    char *options; /* NULL: none */
};

static int spec_read(const char *text, struct spec *spec)
{
    size_t length = strlen(text);
    if (length == 0 || length > SPEC_MAX) {
        proto_log_error("gpu", "device '%.63s': a name of 1 to %d characters is expected", text,
                        SPEC_MAX);
        return PROTO_INVALID;
    }
    memcpy(spec->text, text, length + 1);
    spec->name = spec->text;
    spec->argument = "";
    spec->precision = NULL;
    spec->options = NULL;
    char *comma = strchr(spec->text, ',');
    if (comma) {
        *comma = '\0';
        spec->precision = comma + 1;
        spec->options = strchr(comma + 1, ',');
    }
    if (spec->options)
        *spec->options++ = '\0';
    char *colon = strchr(spec->text, ':');
    if (colon) {
        *colon = '\0';
        spec->argument = colon + 1;
    }
    return PROTO_OK;
}

static const struct gpu_backend *backend_find(const char *name)
{
    for (size_t i = 0; gpu_backends[i]; i++)
        if (strcmp(gpu_backends[i]->name, name) == 0)
            return gpu_backends[i];
    char list[128] = "";
    for (size_t i = 0; gpu_backends[i]; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", gpu_backends[i]->name);
    }
    proto_log_error("gpu", "no device '%s' in this program; it has: %s", name, list);
    return NULL;
}

static int precision_find(const struct gpu_backend *backend, const char *name,
                          enum gpu_precision *out)
{
    if (!name) {
        *out = backend->usual;
        return PROTO_OK;
    }
    for (int p = 0; p < GPU_PRECISIONS; p++) {
        if (strcmp(precision_names[p], name) != 0)
            continue;
        if (!(backend->precisions & 1u << p)) {
            proto_log_error("gpu", "device '%s' has no precision %s", backend->name, name);
            return PROTO_UNSUPPORTED;
        }
        *out = (enum gpu_precision)p;
        return PROTO_OK;
    }
    proto_log_error("gpu", "no precision '%s'; there are f32, f16, bf16", name);
    return PROTO_INVALID;
}

/* Options of the backend named in text, separated by commas, as bits. text is cut up. */
static int options_find(const struct gpu_backend *backend, char *text, unsigned *out)
{
    *out = 0;
    while (text) {
        char *next = strchr(text, ',');
        if (next)
            *next++ = '\0';
        unsigned found = 0;
        for (unsigned i = 0; backend->options && backend->options[i] && !found; i++)
            found = strcmp(backend->options[i], text) == 0 ? 1u << i : 0;
        if (!found) {
            char list[128] = "";
            for (unsigned i = 0; backend->options && backend->options[i]; i++) {
                size_t used = strlen(list);
                snprintf(list + used, sizeof list - used, " %s", backend->options[i]);
            }
            proto_log_error("gpu", "device '%s' has no option '%s'; it has:%s", backend->name, text,
                            list[0] ? list : " none");
            return PROTO_INVALID;
        }
        *out |= found;
        text = next;
    }
    return PROTO_OK;
}

/* The spec in full, as kept in device->name. */
static void name_write(const struct spec *spec, struct gpu_device *device, unsigned options)
{
    const struct gpu_backend *backend = device->backend;
    snprintf(device->name, sizeof device->name, "%s%s%.40s,%s", backend->name,
             spec->argument[0] ? ":" : "", spec->argument, precision_names[device->precision]);
    for (unsigned i = 0; backend->options && backend->options[i]; i++) {
        size_t used = strlen(device->name);
        if (options & 1u << i)
            snprintf(device->name + used, sizeof device->name - used, ",%s", backend->options[i]);
    }
}

int gpu_device_open(const char *spec_text, const struct gpu_settings *settings,
                    struct gpu_device **out)
{
    *out = NULL;
    struct spec spec;
    int status = spec_read(spec_text, &spec);
    if (status != PROTO_OK)
        return status;
    const struct gpu_backend *backend = backend_find(spec.name);
    if (!backend)
        return PROTO_NOT_FOUND;
    enum gpu_precision precision;
    status = precision_find(backend, spec.precision, &precision);
    if (status != PROTO_OK)
        return status;
    struct gpu_settings with = settings ? *settings : (struct gpu_settings){0};
    status = options_find(backend, spec.options, &with.options);
    if (status != PROTO_OK)
        return status;
    const char *argument = spec.argument[0] ? spec.argument : NULL;
    status = backend->open(argument, precision, &with, out);
    if (status != PROTO_OK)
        return status;
    (*out)->backend = backend;
    (*out)->precision = precision;
    name_write(&spec, *out, with.options);
    return PROTO_OK;
}

void gpu_device_close(struct gpu_device *device)
{
    if (device)
        device->backend->close(device);
}

const char *gpu_device_kernels(struct gpu_device *device)
{
    return device->backend->kernels(device);
}

void gpu_device_list(FILE *out)
{
    for (size_t i = 0; gpu_backends[i]; i++) {
        const struct gpu_backend *backend = gpu_backends[i];
        fprintf(out, "  %-5s", backend->name);
        for (int p = 0; p < GPU_PRECISIONS; p++)
            if (backend->precisions & 1u << p)
                fprintf(out, " %s%s", precision_names[p],
                        (enum gpu_precision)p == backend->usual ? "*" : "");
        fprintf(out, "  %s\n", backend->what);
    }
}

int gpu_net_open(struct gpu_device *device, const struct proto_layer *layers, int count,
                 struct gpu_net **out)
{
    *out = NULL;
    int status = gpu_shape_check(layers, count);
    if (status != PROTO_OK)
        return status;
    return device->backend->net_open(device, layers, count, out);
}

void gpu_net_close(struct gpu_net *net)
{
    if (net)
        net->device->backend->net_close(net);
}

int gpu_chain_open(struct gpu_net *net, int h, int w, struct gpu_chain **out)
{
    *out = NULL;
    if (h < 1 || w < 1 || h > CHAIN_SIDE_MAX || w > CHAIN_SIDE_MAX) {
        proto_log_error("gpu", "an input of %d x %d pixels", w, h);
        return PROTO_INVALID;
    }
    int status = net->device->backend->chain_open(net, h, w, out);
    if (status == PROTO_OK)
        assert((*out)->net == net && (*out)->rows > 0 && (*out)->cols > 0);
    return status;
}

void gpu_chain_close(struct gpu_chain *chain)
{
    if (chain)
        chain->net->device->backend->chain_close(chain);
}

int gpu_frame_prepare(struct gpu_device *device, struct gpu_chain *const *chains, uint32_t count,
                      size_t bytes)
{
    const struct gpu_backend *backend = device->backend;
    return backend->frame_prepare && count ? backend->frame_prepare(device, chains, count, bytes)
                                           : PROTO_OK;
}

int gpu_frame_begin(struct gpu_device *device, const uint8_t *pixels, size_t bytes)
{
    return device->backend->frame_begin(device, pixels, bytes);
}

int gpu_sample(struct gpu_chain *chain, const struct proto_sampling *sampling)
{
    assert(sampling->w == chain->w && sampling->h == chain->h);
    return chain->net->device->backend->sample(chain, sampling);
}

int gpu_run(struct gpu_chain *chain)
{
    return chain->net->device->backend->run(chain);
}

int gpu_local_nms(struct gpu_chain *chain, const struct proto_tile_area *area, float threshold,
                  struct proto_survivor *out, uint32_t cap, uint32_t *count)
{
    assert(area->rows == chain->rows && area->cols == chain->cols);
    return chain->net->device->backend->local_nms(chain, area, threshold, out, cap, count);
}

int gpu_frame_end(struct gpu_device *device)
{
    return device->backend->frame_end(device);
}
