/* Schema, checks and printing of profiles: see config_profile.h. */
#include "proto/config_profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/config.h"
#include "proto/status.h"
#include "proto/yaml.h"

enum { NAME_MAX_BYTES = 256, TEXT_MAX_BYTES = 1024, NUMBER_MAX_BYTES = 64, HASH_BYTES = 64 };

#define US_MAX 1e9 /* a thousand seconds */

/* ---- what the file holds ---- */

struct raw_model {
    char *name, *hash;
};
struct raw_host {
    char *name, *board, *cpu, *system, *power_mode, *cpu_clock, *gpu_clock;
};
struct raw_fixed {
    char *time, *spread;
};
struct raw_shape {
    char *net, *w, *h, *time, *spread, *runs;
};
struct raw_way {
    char *latency, *rate;
};
struct raw_link {
    struct raw_way to, from;
};
struct raw_profile {
    char *profile, *device, *kernels, *threads, *frame_size, *date, *bases;
    struct raw_model model;
    struct raw_host host;
    struct raw_fixed frame;
    struct raw_link *link;
    int32_t shapes_count;
    struct raw_shape *shapes;
};

/* clang-format off */
#define TEXT(T, member, max) \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER, struct T, member, 1, max)
/* "null", or absent: not known. */
#define UNKNOWN(T, member, max) \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL, struct T, member, 0, max)
#define NUMBER(T, member) TEXT(T, member, NUMBER_MAX_BYTES)

static const cyaml_schema_field_t model_fields[] = {
    TEXT(raw_model, name, NAME_MAX_BYTES),
    TEXT(raw_model, hash, NAME_MAX_BYTES),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t host_fields[] = {
    UNKNOWN(raw_host, name, NAME_MAX_BYTES),
    UNKNOWN(raw_host, board, NAME_MAX_BYTES),
    UNKNOWN(raw_host, cpu, NAME_MAX_BYTES),
    UNKNOWN(raw_host, system, NAME_MAX_BYTES),
    UNKNOWN(raw_host, power_mode, NAME_MAX_BYTES),
    UNKNOWN(raw_host, cpu_clock, NUMBER_MAX_BYTES),
    UNKNOWN(raw_host, gpu_clock, NUMBER_MAX_BYTES),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t fixed_fields[] = {
    NUMBER(raw_fixed, time),
    NUMBER(raw_fixed, spread),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t shape_fields[] = {
    TEXT(raw_shape, net, NAME_MAX_BYTES),
    NUMBER(raw_shape, w),
    NUMBER(raw_shape, h),
    NUMBER(raw_shape, time),
    NUMBER(raw_shape, spread),
    NUMBER(raw_shape, runs),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t shape_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_shape, shape_fields)
};
static const cyaml_schema_field_t way_fields[] = {
    NUMBER(raw_way, latency),
    NUMBER(raw_way, rate),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t link_fields[] = {
    CYAML_FIELD_MAPPING("to", CYAML_FLAG_DEFAULT, struct raw_link, to, way_fields),
    CYAML_FIELD_MAPPING("from", CYAML_FLAG_DEFAULT, struct raw_link, from, way_fields),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t profile_fields[] = {
    NUMBER(raw_profile, profile),
    CYAML_FIELD_MAPPING("model", CYAML_FLAG_DEFAULT, struct raw_profile, model, model_fields),
    TEXT(raw_profile, device, NAME_MAX_BYTES),
    UNKNOWN(raw_profile, kernels, TEXT_MAX_BYTES),
    NUMBER(raw_profile, threads),
    TEXT(raw_profile, frame_size, NUMBER_MAX_BYTES),
    UNKNOWN(raw_profile, date, NUMBER_MAX_BYTES),
    CYAML_FIELD_MAPPING("host", CYAML_FLAG_DEFAULT, struct raw_profile, host, host_fields),
    CYAML_FIELD_MAPPING("frame", CYAML_FLAG_DEFAULT, struct raw_profile, frame, fixed_fields),
    UNKNOWN(raw_profile, bases, NUMBER_MAX_BYTES),
    CYAML_FIELD_SEQUENCE_COUNT("shapes", CYAML_FLAG_POINTER, struct raw_profile, shapes, shapes_count,
                               &shape_value, 1, PROTO_PROFILE_SHAPES_MAX),
    CYAML_FIELD_MAPPING_PTR("link", CYAML_FLAG_OPTIONAL, struct raw_profile, link, link_fields),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_profile, profile_fields)
};
/* clang-format on */

/* ---- values ---- */

/* The first value that is wrong is logged; later ones are not looked at. */
struct reader {
    const struct proto_yaml *yaml;
    int status;
};

static void read_quantity(struct reader *reader, const char *key, const char *text,
                          const char *unit, double low, double high, double *out)
{
    double value;
    if (reader->status != PROTO_OK)
        return;
    if (proto_config_quantity(text, unit, &value) != PROTO_OK)
        reader->status =
            proto_yaml_refuse(reader->yaml, key, "'%s' is no quantity like '1 %s'", text, unit);
    else if (!(value >= low && value <= high))
        reader->status = proto_yaml_refuse(reader->yaml, key, "must be %g to %g %s, is '%s'", low,
                                           high, unit, text);
    else
        *out = value;
}

static void read_unknown(struct reader *reader, const char *key, const char *text, const char *unit,
                         double low, double high, double *out)
{
    *out = NAN;
    if (text)
        read_quantity(reader, key, text, unit, low, high, out);
}

static void read_whole(struct reader *reader, const char *key, const char *text, int32_t low,
                       int32_t high, int32_t *out)
{
    double value;
    if (reader->status != PROTO_OK)
        return;
    if (proto_config_number(text, &value) != PROTO_OK || value != floor(value) ||
        !(value >= low && value <= high))
        reader->status = proto_yaml_refuse(
            reader->yaml, key, "must be a whole number from %d to %d, is '%s'", low, high, text);
    else
        *out = (int32_t)value;
}

static void read_shape(struct reader *reader, int index, struct raw_shape *raw,
                       struct proto_profile_shape *shape)
{
    char key[64];
#define KEY(name) (snprintf(key, sizeof key, "shapes[%d]." name, index), key)
    shape->net = raw->net;
    raw->net = NULL;
    read_whole(reader, KEY("w"), raw->w, 1, 4 * PROTO_FRAME_SIDE_MAX, &shape->w);
    read_whole(reader, KEY("h"), raw->h, 1, 4 * PROTO_FRAME_SIDE_MAX, &shape->h);
    read_quantity(reader, KEY("time"), raw->time, "us", 1e-3, US_MAX, &shape->us);
    read_quantity(reader, KEY("spread"), raw->spread, "us", 0, US_MAX, &shape->spread_us);
    read_whole(reader, KEY("runs"), raw->runs, 1, INT32_MAX, &shape->runs);
#undef KEY
}

static void read_size(struct reader *reader, const char *text, struct proto_size *size)
{
    int w, h, end = 0;
    if (reader->status == PROTO_OK &&
        (sscanf(text, "%5dx%5d%n", &w, &h, &end) != 2 || text[end] || w < 1 || h < 1 ||
         w > PROTO_FRAME_SIDE_MAX || h > PROTO_FRAME_SIDE_MAX))
        reader->status =
            proto_yaml_refuse(reader->yaml, "frame_size", "'%s' is no size like 640x480", text);
    else if (reader->status == PROTO_OK)
        *size = (struct proto_size){w, h};
}

static void read_way(struct reader *reader, const char *name, const struct raw_way *raw,
                     struct proto_profile_way *way)
{
    char key[64];
    snprintf(key, sizeof key, "link.%s.latency", name);
    read_quantity(reader, key, raw->latency, "us", 0, US_MAX, &way->latency_us);
    snprintf(key, sizeof key, "link.%s.rate", name);
    read_quantity(reader, key, raw->rate, "MB/s", 1e-3, 1e9, &way->bytes_per_us);
}

static bool is_hash(const char *text)
{
    return strlen(text) == HASH_BYTES && strspn(text, "0123456789abcdef") == HASH_BYTES;
}

static void check_model(struct reader *reader, const struct raw_profile *raw,
                        const char *model_hash)
{
    if (reader->status != PROTO_OK)
        return;
    if (!is_hash(raw->model.hash)) {
        reader->status =
            proto_yaml_refuse(reader->yaml, "model.hash",
                              "'%s' is no SHA-256 of 64 hexadecimal digits", raw->model.hash);
    } else if (model_hash && strcmp(model_hash, raw->model.hash) != 0) {
        proto_yaml_refuse(reader->yaml, "model.hash",
                          "measured with another model: '%s' %.12s..., the one in use is %.12s...; "
                          "run muster profile with that",
                          raw->model.name, raw->model.hash, model_hash);
        reader->status = PROTO_MISMATCH;
    }
}

/* Move a string out of what the file held. */
static char *take(char **from)
{
    char *text = *from;
    *from = NULL;
    return text;
}

static void take_texts(struct raw_profile *raw, struct proto_config_profile *profile)
{
    profile->model = take(&raw->model.name);
    profile->model_hash = take(&raw->model.hash);
    profile->device = take(&raw->device);
    profile->kernels = take(&raw->kernels);
    profile->date = take(&raw->date);
    profile->host = take(&raw->host.name);
    profile->board = take(&raw->host.board);
    profile->cpu = take(&raw->host.cpu);
    profile->system = take(&raw->host.system);
    profile->power_mode = take(&raw->host.power_mode);
}

static void read_profile(struct reader *reader, struct raw_profile *raw, const char *model_hash,
                         struct proto_config_profile *profile)
{
    int32_t format;
    read_whole(reader, "profile", raw->profile, PROTO_PROFILE_FORMAT, PROTO_PROFILE_FORMAT,
               &format);
    check_model(reader, raw, model_hash);
    read_whole(reader, "threads", raw->threads, 0, 1024, &profile->threads);
    read_size(reader, raw->frame_size, &profile->frame);
    read_unknown(reader, "host.cpu_clock", raw->host.cpu_clock, "Hz", 1e3, 1e12, &profile->cpu_hz);
    read_unknown(reader, "host.gpu_clock", raw->host.gpu_clock, "Hz", 1e3, 1e12, &profile->gpu_hz);
    read_quantity(reader, "frame.time", raw->frame.time, "us", 0, US_MAX, &profile->frame_us);
    read_quantity(reader, "frame.spread", raw->frame.spread, "us", 0, US_MAX,
                  &profile->frame_spread_us);
    read_unknown(reader, "bases", raw->bases, "us", 0, US_MAX, &profile->bases_us);
    if (raw->link) {
        profile->has_link = true;
        read_way(reader, "to", &raw->link->to, &profile->to);
        read_way(reader, "from", &raw->link->from, &profile->from);
    }
    for (int32_t i = 0; i < raw->shapes_count; i++)
        read_shape(reader, i, &raw->shapes[i], &profile->shapes[i]);
    take_texts(raw, profile);
}

static int make_profile(const struct proto_yaml *yaml, struct raw_profile *raw,
                        const char *model_hash, struct proto_config_profile **out)
{
    struct reader reader = {yaml, PROTO_NO_MEMORY};
    struct proto_config_profile *profile = calloc(1, sizeof *profile);
    if (profile)
        profile->shapes = calloc((size_t)raw->shapes_count, sizeof *profile->shapes);
    if (profile && profile->shapes) {
        profile->shape_count = raw->shapes_count;
        reader.status = PROTO_OK;
        read_profile(&reader, raw, model_hash, profile);
    }
    if (reader.status == PROTO_OK)
        *out = profile;
    else
        proto_config_profile_free(profile);
    return reader.status;
}

int proto_config_profile_load(const char *path, const char *model_hash,
                              struct proto_config_profile **out)
{
    struct proto_yaml yaml;
    void *raw = NULL;
    *out = NULL;
    int status = proto_yaml_open(&yaml, path);
    if (status != PROTO_OK)
        return status;
    status = proto_yaml_load(&yaml, &schema, &raw);
    if (status == PROTO_OK && !raw)
        status = proto_yaml_refuse(&yaml, "", "the file is empty");
    if (status == PROTO_OK)
        status = make_profile(&yaml, raw, model_hash, out);
    proto_yaml_free(&schema, raw);
    proto_yaml_close(&yaml);
    return status;
}

void proto_config_profile_free(struct proto_config_profile *profile)
{
    if (!profile)
        return;
    for (int32_t i = 0; i < profile->shape_count; i++)
        free(profile->shapes[i].net);
    char *const texts[] = {profile->model,  profile->model_hash, profile->device, profile->kernels,
                           profile->date,   profile->host,       profile->board,  profile->cpu,
                           profile->system, profile->power_mode};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    free(profile->shapes);
    free(profile);
}

/* ---- printing ---- */

/* In quotes, since a name may hold anything; control characters become spaces. */
static void print_text(FILE *file, const char *key, const char *text)
{
    fprintf(file, "%s: ", key);
    if (!text || !*text) {
        fputs("null\n", file);
        return;
    }
    putc('"', file);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', file);
        putc((unsigned char)*text < 32 || *text == 127 ? ' ' : *text, file);
    }
    fputs("\"\n", file);
}

static void print_clock(FILE *file, const char *key, double hz)
{
    if (isnan(hz))
        fprintf(file, "%s: null\n", key);
    else
        fprintf(file, "%s: %.6g MHz\n", key, hz / 1e6);
}

void proto_config_profile_print_link(FILE *file, const struct proto_profile_way *to,
                                     const struct proto_profile_way *from)
{
    fprintf(file,
            "link: # one message; to: from the coordinator to this worker\n"
            "  to: {latency: %.1fus, rate: %.6g MB/s}\n"
            "  from: {latency: %.1fus, rate: %.6g MB/s}\n",
            to->latency_us, to->bytes_per_us, from->latency_us, from->bytes_per_us);
}

void proto_config_profile_print(FILE *file, const struct proto_config_profile *p)
{
    fputs("# Measured by muster profile. null: the system does not tell.\n", file);
    fprintf(file, "profile: %d # version of this form\n", PROTO_PROFILE_FORMAT);
    print_text(file, "model:\n  name", p->model);
    fprintf(file, "  hash: %s\n", p->model_hash);
    print_text(file, "device", p->device);
    print_text(file, "kernels", p->kernels);
    fprintf(file, "threads: %d\n", p->threads);
    fprintf(file, "frame_size: %dx%d\n", p->frame.w, p->frame.h);
    print_text(file, "date", p->date);
    print_text(file, "host:\n  name", p->host);
    print_text(file, "  board", p->board);
    print_text(file, "  cpu", p->cpu);
    print_text(file, "  system", p->system);
    print_text(file, "  power_mode", p->power_mode);
    print_clock(file, "  cpu_clock", p->cpu_hz);
    print_clock(file, "  gpu_clock", p->gpu_hz);
    fprintf(file, "frame: {time: %.1fus, spread: %.1fus} # besides its tiles: pixels in, answer\n",
            p->frame_us, p->frame_spread_us);
    if (isnan(p->bases_us))
        fputs("bases: null\n", file);
    else
        fprintf(file, "bases: %.1fus # octave bases of a frame, the coordinator's work\n",
                p->bases_us);
    fputs("shapes: # median and interquartile range of one tile\n", file);
    for (int32_t i = 0; i < p->shape_count; i++) {
        const struct proto_profile_shape *s = &p->shapes[i];
        print_text(file, "  - net", s->net);
        fprintf(file, "    w: %d\n    h: %d\n    time: %.1fus\n    spread: %.1fus\n    runs: %d\n",
                s->w, s->h, s->us, s->spread_us, s->runs);
    }
    if (p->has_link)
        proto_config_profile_print_link(file, &p->to, &p->from);
}
