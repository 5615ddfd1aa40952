/* The list of compiled devices, and the checks in front of each of their operators. */
#include "gpu/device.h"

#include <assert.h>
#include <string.h>

#include "gpu/backends.h"
#include "gpu/shape.h"
#include "proto/log.h"
#include "proto/status.h"

enum { CHAIN_SIDE_MAX = 4 * PROTO_FRAME_SIDE_MAX };

static const char *const precision_names[GPU_PRECISIONS] = {"f32", "f16", "bf16"};

/* A spec cut into its parts; argument is "" when there is none, words NULL. */
struct spec {
    char text[GPU_SPEC_MAX + 1];
    const char *name, *argument;
    char *words; /* precision and options, with commas */
};

static int spec_read(const char *text, struct spec *spec)
{
    size_t length = strlen(text);
    if (length == 0 || length > GPU_SPEC_MAX) {
        proto_log_error("gpu", "device '%.63s': a name of 1 to %d characters is expected", text,
                        GPU_SPEC_MAX);
        return PROTO_INVALID;
    }
    memcpy(spec->text, text, length + 1);
    spec->name = spec->text;
    spec->argument = "";
    spec->words = strchr(spec->text, ',');
    if (spec->words)
        *spec->words++ = '\0';
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

/* True if the word is a precision; *status tells whether this device has it. */
static bool precision_find(const struct gpu_backend *backend, const char *word,
                           enum gpu_precision *out, int *status)
{
    for (int p = 0; p < GPU_PRECISIONS; p++) {
        if (strcmp(precision_names[p], word) != 0)
            continue;
        if (!(backend->precisions & 1u << p)) {
            proto_log_error("gpu", "device '%s' has no precision %s", backend->name, word);
            *status = PROTO_UNSUPPORTED;
        }
        *out = (enum gpu_precision)p;
        return true;
    }
    return false;
}

static bool option_find(const struct gpu_backend *backend, const char *word,
                        struct gpu_settings *settings)
{
    for (unsigned i = 0; backend->options && backend->options[i]; i++) {
        const char *option = backend->options[i];
        const size_t length = strlen(option);
        const bool valued = option[length - 1] == '=';
        assert(i < GPU_OPTIONS_MAX);
        if (valued ? strncmp(word, option, length) != 0 : strcmp(word, option) != 0)
            continue;
        settings->options |= 1u << i;
        settings->option_values[i] = valued ? word + length : NULL;
        return true;
    }
    return false;
}

static int complain_word(const struct gpu_backend *backend, const char *word)
{
    char list[128] = "";
    for (unsigned i = 0; backend->options && backend->options[i]; i++) {
        const char *option = backend->options[i];
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, ", %s%s", option,
                 option[strlen(option) - 1] == '=' ? "..." : "");
    }
    proto_log_error("gpu", "device '%s' has no precision%s '%s'; there are f32, f16, bf16%s",
                    backend->name, list[0] ? " or option" : "", word, list);
    return PROTO_INVALID;
}

/* Precision and options; words is cut up. */
static int words_read(const struct gpu_backend *backend, char *words, enum gpu_precision *precision,
                      struct gpu_settings *settings)
{
    int status = PROTO_OK;
    *precision = backend->usual;
    while (words && status == PROTO_OK) {
        char *next = strchr(words, ',');
        if (next)
            *next++ = '\0';
        if (!precision_find(backend, words, precision, &status) &&
            !option_find(backend, words, settings))
            status = complain_word(backend, words);
        words = next;
    }
    return status;
}

/* The spec in full, as kept in device->name. */
static void name_write(const struct spec *spec, const struct gpu_settings *settings,
                       struct gpu_device *device)
{
    const struct gpu_backend *backend = device->backend;
    snprintf(device->name, sizeof device->name, "%s%s%.40s,%s", backend->name,
             spec->argument[0] ? ":" : "", spec->argument, precision_names[device->precision]);
    for (unsigned i = 0; backend->options && backend->options[i]; i++) {
        const size_t used = strlen(device->name);
        const char *value = settings->option_values[i];
        if (settings->options & 1u << i)
            snprintf(device->name + used, sizeof device->name - used, ",%s%s", backend->options[i],
                     value ? value : "");
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
    struct gpu_settings with = settings ? *settings : (struct gpu_settings){0};
    with.options = 0;
    enum gpu_precision precision;
    status = words_read(backend, spec.words, &precision, &with);
    if (status != PROTO_OK)
        return status;
    const char *argument = spec.argument[0] ? spec.argument : NULL;
    status = backend->open(argument, precision, &with, out);
    if (status != PROTO_OK)
        return status;
    (*out)->backend = backend;
    (*out)->precision = precision;
    name_write(&spec, &with, *out);
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

bool gpu_frame_times(struct gpu_device *device, uint32_t *us, uint32_t count)
{
    if (!device->backend->frame_times)
        return false;
    device->backend->frame_times(device, us, count);
    return true;
}
