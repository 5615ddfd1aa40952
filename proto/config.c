/* Schemas, defaults and checks of the config files. See config.h. */
#include "proto/config.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "proto/status.h"
#include "proto/yaml.h"

enum { NAME_MAX_BYTES = 128, FILE_MAX_BYTES = 4096, POINTS_MAX = 64 };

/* [first, last], [h, w] and the like are read straight into two neighbouring members. */
#define PAIR(T, a, b) static_assert(offsetof(struct T, b) == offsetof(struct T, a) + 4, #a)
PAIR(proto_config_net, first_level, last_level);
PAIR(proto_config_net, window_h, window_w);
PAIR(proto_config_net, border_rows, border_cols);

/* What a file holds: a pointer where "absent" differs from every value. */
struct raw_input {
    double scale;
    double *offset;
};
struct raw_net {
    struct proto_config_net net; /* scale and offset not yet set */
    struct raw_input *input;
};
struct raw_model {
    struct proto_config_model model; /* nets not yet set */
    int32_t nets_count;
    struct raw_net *nets;
};
struct raw_detect {
    char *model, *device;
    int32_t *threads, *depth, *tile_rows, *tile_cols;
    double *threshold;
    char *beat;
};

/* ---- schemas ---- */

/* clang-format off */
static const cyaml_schema_value_t int32_value = {CYAML_VALUE_INT(CYAML_FLAG_DEFAULT, int32_t)};

#define TEXT(key_, T, member, max) \
    CYAML_FIELD_STRING_PTR(key_, CYAML_FLAG_POINTER, struct T, member, 1, max)
#define REAL(key_, T, member) CYAML_FIELD_FLOAT(key_, CYAML_FLAG_STRICT, struct T, member)
#define INTEGER(key_, T, member) CYAML_FIELD_INT(key_, CYAML_FLAG_DEFAULT, struct T, member)
/* Two int32 in a row, beginning at `member`. */
#define PAIR_OF_INTS(key_, T, member)                                                             \
    {.key = key_, .data_offset = offsetof(struct T, member),                                      \
     .value = {.type = CYAML_SEQUENCE_FIXED, .flags = CYAML_FLAG_DEFAULT,                         \
               .data_size = sizeof(int32_t),                                                      \
               .sequence = {.entry = &int32_value, .min = 2, .max = 2}}}
/* Keys that are grouped in the file, but members of the same struct. */
#define GROUP(key_, T, fields_)                                                                   \
    {.key = key_, .data_offset = 0,                                                               \
     .value = {.type = CYAML_MAPPING, .flags = CYAML_FLAG_DEFAULT, .data_size = sizeof(struct T), \
               .mapping = {.fields = fields_}}}
#define LIST(key_, flags_, T, member, count, entry_, min_, max_)                                  \
    {.key = key_, .data_offset = offsetof(struct T, member),                                      \
     .count_offset = offsetof(struct T, count), .count_size = sizeof(int32_t),                    \
     .value = {.type = CYAML_SEQUENCE, .flags = CYAML_FLAG_POINTER | (flags_),                    \
               .data_size = sizeof(*((struct T *)NULL)->member),                                  \
               .sequence = {.entry = entry_, .min = min_, .max = max_}}}

static const cyaml_schema_field_t input_fields[] = {
    REAL("scale", raw_input, scale),
    CYAML_FIELD_FLOAT_PTR("offset", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct raw_input, offset),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t net_fields[] = {
    TEXT("name", raw_net, net.name, NAME_MAX_BYTES),
    TEXT("file", raw_net, net.file, FILE_MAX_BYTES),
    PAIR_OF_INTS("levels", raw_net, net.first_level),
    PAIR_OF_INTS("window", raw_net, net.window_h),
    REAL("person_px", raw_net, net.person_px),
    PAIR_OF_INTS("border", raw_net, net.border_rows),
    CYAML_FIELD_MAPPING_PTR("input", CYAML_FLAG_OPTIONAL, struct raw_net, input, input_fields),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t net_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_net, net_fields)
};
static const cyaml_schema_field_t point_fields[] = {
    REAL("fppi", proto_config_operating_point, fppi),
    REAL("threshold", proto_config_operating_point, threshold),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t point_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct proto_config_operating_point, point_fields)
};
static const cyaml_schema_field_t levels_fields[] = {
    REAL("first_person_px", raw_model, model.first_person_px),
    REAL("per_octave", raw_model, model.per_octave),
    INTEGER("count", raw_model, model.levels),
    CYAML_FIELD_END
};
static const cyaml_strval_t overlap_measures[] = {
    {"iou", PROTO_OVERLAP_IOU},
    {"min", PROTO_OVERLAP_MIN},
};
static const cyaml_schema_field_t model_fields[] = {
    TEXT("name", raw_model, model.name, NAME_MAX_BYTES),
    GROUP("levels", raw_model, levels_fields),
    REAL("pad_below", raw_model, model.pad_below),
    REAL("aspect", raw_model, model.aspect),
    REAL("candidate_threshold", raw_model, model.candidate_threshold),
    REAL("threshold", raw_model, model.threshold),
    REAL("overlap", raw_model, model.overlap),
    CYAML_FIELD_ENUM("overlap_measure", CYAML_FLAG_STRICT, struct raw_model,
                     model.overlap_measure, overlap_measures, 2),
    LIST("operating_points", CYAML_FLAG_OPTIONAL, raw_model, model.operating_points,
         model.operating_points_count, &point_value, 0, POINTS_MAX),
    LIST("nets", CYAML_FLAG_DEFAULT, raw_model, nets, nets_count, &net_value, 1, PROTO_NETS_MAX),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t model_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_model, model_fields)
};

static const cyaml_schema_field_t detect_fields[] = {
    CYAML_FIELD_STRING_PTR("model", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_detect,
                           model, 1, FILE_MAX_BYTES),
    CYAML_FIELD_STRING_PTR("device", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_detect,
                           device, 1, NAME_MAX_BYTES),
    CYAML_FIELD_INT_PTR("threads", CYAML_FLAG_OPTIONAL, struct raw_detect, threads),
    CYAML_FIELD_INT_PTR("depth", CYAML_FLAG_OPTIONAL, struct raw_detect, depth),
    CYAML_FIELD_INT_PTR("tile_rows", CYAML_FLAG_OPTIONAL, struct raw_detect, tile_rows),
    CYAML_FIELD_INT_PTR("tile_cols", CYAML_FLAG_OPTIONAL, struct raw_detect, tile_cols),
    CYAML_FIELD_FLOAT_PTR("threshold", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct raw_detect,
                          threshold),
    CYAML_FIELD_STRING_PTR("beat", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_detect,
                           beat, 1, NAME_MAX_BYTES),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t detect_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_detect, detect_fields)
};
/* clang-format on */

/* ---- checks ---- */

/* The key of the first value outside its range is logged; later ones are not looked at. */
struct check {
    const struct proto_yaml *yaml;
    int status;
};

static void check_range(struct check *check, const char *key, double value, double min, double max)
{
    /* Written so that NAN fails. */
    if (check->status == PROTO_OK && !(value >= min && value <= max))
        check->status =
            proto_yaml_refuse(check->yaml, key, "must be %g to %g, is %g", min, max, value);
}

static void check_point(struct check *check, const struct proto_config_operating_point *point,
                        int i)
{
    char key[64];
    snprintf(key, sizeof(key), "operating_points[%d].fppi", i);
    check_range(check, key, point->fppi, 1e-9, 1e9);
    snprintf(key, sizeof(key), "operating_points[%d].threshold", i);
    check_range(check, key, point->threshold, -1e6, 1e6);
}

static void check_net(struct check *check, const struct proto_config_model *model,
                      const struct raw_net *raw, int i)
{
    const struct proto_config_net *net = &raw->net;
    char key[64];
#define KEY(name) (snprintf(key, sizeof(key), "nets[%d]." name, i), key)
    check_range(check, KEY("levels"), net->first_level, 0, model->levels - 1);
    check_range(check, KEY("levels"), net->last_level, 0, model->levels - 1);
    if (check->status == PROTO_OK && net->first_level > net->last_level)
        check->status = proto_yaml_refuse(check->yaml, KEY("levels"),
                                          "the first level, %d, is after the last, %d",
                                          (int)net->first_level, (int)net->last_level);
    check_range(check, KEY("window"), net->window_h, 1, PROTO_FRAME_SIDE_MAX);
    check_range(check, KEY("window"), net->window_w, 1, PROTO_FRAME_SIDE_MAX);
    check_range(check, KEY("person_px"), net->person_px, 1, net->window_h);
    check_range(check, KEY("border"), net->border_rows, 0, net->window_h);
    check_range(check, KEY("border"), net->border_cols, 0, net->window_w);
    if (raw->input) {
        check_range(check, KEY("input.scale"), raw->input->scale, 1e-9, 1e9);
        if (raw->input->offset)
            check_range(check, KEY("input.offset"), *raw->input->offset, -1e9, 1e9);
    }
#undef KEY
}

/* Every level needs exactly one net. */
static void check_levels_served(struct check *check, const struct raw_model *raw)
{
    int server[PROTO_LEVELS_MAX]; /* net + 1 */
    memset(server, 0, sizeof(server));
    for (int n = 0; n < raw->nets_count && check->status == PROTO_OK; n++) {
        const struct proto_config_net *net = &raw->nets[n].net;
        for (int level = net->first_level; level <= net->last_level; level++) {
            char key[64];
            snprintf(key, sizeof(key), "nets[%d].levels", n);
            if (server[level] && check->status == PROTO_OK)
                check->status =
                    proto_yaml_refuse(check->yaml, key, "level %d is already served by net '%s'",
                                      level, raw->nets[server[level] - 1].net.name);
            server[level] = n + 1;
        }
    }
    for (int level = 0; level < raw->model.levels && check->status == PROTO_OK; level++)
        if (!server[level])
            check->status = proto_yaml_refuse(check->yaml, "nets", "no net serves level %d", level);
}

static int check_model(const struct proto_yaml *yaml, const struct raw_model *raw)
{
    const struct proto_config_model *model = &raw->model;
    struct check check = {yaml, PROTO_OK};
    check_range(&check, "levels.first_person_px", model->first_person_px, 1, PROTO_FRAME_SIDE_MAX);
    check_range(&check, "levels.per_octave", model->per_octave, 0.1, PROTO_LEVELS_MAX);
    check_range(&check, "levels.count", model->levels, 1, PROTO_LEVELS_MAX);
    check_range(&check, "pad_below", model->pad_below, 0, 4);
    check_range(&check, "aspect", model->aspect, 0.01, 100);
    check_range(&check, "candidate_threshold", model->candidate_threshold, -1e6, 1e6);
    check_range(&check, "threshold", model->threshold, model->candidate_threshold, 1e6);
    check_range(&check, "overlap", model->overlap, 0, 1);
    for (int i = 0; i < model->operating_points_count; i++)
        check_point(&check, &model->operating_points[i], i);
    for (int i = 0; i < raw->nets_count; i++)
        check_net(&check, model, &raw->nets[i], i);
    check_levels_served(&check, raw);
    return check.status;
}

/* ---- model.yaml ---- */

/* Move everything out of `raw`, which keeps nothing that the result uses. */
static struct proto_config_model *take_model(struct raw_model *raw)
{
    struct proto_config_model *model = malloc(sizeof(*model));
    struct proto_config_net *nets = calloc((size_t)raw->nets_count, sizeof(*nets));
    if (!model || !nets) {
        free(model);
        free(nets);
        return NULL;
    }
    for (int i = 0; i < raw->nets_count; i++) {
        struct raw_net *from = &raw->nets[i];
        nets[i] = from->net;
        nets[i].scale = from->input ? from->input->scale : 1.0 / 256;
        nets[i].offset = from->input && from->input->offset ? *from->input->offset : 0;
        from->net.name = from->net.file = NULL;
    }
    *model = raw->model;
    model->nets = nets;
    model->nets_count = raw->nets_count;
    raw->model.name = NULL;
    raw->model.operating_points = NULL;
    raw->model.operating_points_count = 0;
    return model;
}

int proto_config_model_load(const char *path, struct proto_config_model **out)
{
    struct proto_yaml yaml;
    void *raw = NULL;
    *out = NULL;
    int status = proto_yaml_open(&yaml, path);
    if (status != PROTO_OK)
        return status;
    status = proto_yaml_load(&yaml, &model_schema, &raw);
    if (status == PROTO_OK && !raw)
        status = proto_yaml_refuse(&yaml, "", "the file is empty");
    if (status == PROTO_OK)
        status = check_model(&yaml, raw);
    if (status == PROTO_OK) {
        *out = take_model(raw);
        status = *out ? PROTO_OK : PROTO_NO_MEMORY;
    }
    proto_yaml_free(&model_schema, raw);
    proto_yaml_close(&yaml);
    return status;
}

void proto_config_model_free(struct proto_config_model *model)
{
    if (!model)
        return;
    for (int i = 0; i < model->nets_count; i++) {
        free(model->nets[i].name);
        free(model->nets[i].file);
    }
    free(model->nets);
    free(model->operating_points);
    free(model->name);
    free(model);
}

/* ---- detect's options ---- */

static int check_detect(const struct proto_yaml *yaml, const struct raw_detect *raw,
                        double *beat_ms)
{
    struct check check = {yaml, PROTO_OK};
    if (raw->threads)
        check_range(&check, "threads", *raw->threads, 0, 1024);
    if (raw->depth)
        check_range(&check, "depth", *raw->depth, 1, 64);
    if (raw->tile_rows)
        check_range(&check, "tile_rows", *raw->tile_rows, 0, PROTO_FRAME_SIDE_MAX);
    if (raw->tile_cols)
        check_range(&check, "tile_cols", *raw->tile_cols, 0, PROTO_FRAME_SIDE_MAX);
    if (raw->threshold)
        check_range(&check, "threshold", *raw->threshold, -1e6, 1e6);
    if (raw->beat && check.status == PROTO_OK) {
        if (proto_config_quantity(raw->beat, "ms", beat_ms) != PROTO_OK)
            return proto_yaml_refuse(yaml, "beat", "'%s' is not a time such as 100ms or 2s",
                                     raw->beat);
        check_range(&check, "beat", *beat_ms, 1, 60000);
    }
    return check.status;
}

static void take_text(char **to, char **from)
{
    if (!*from)
        return;
    free(*to);
    *to = *from;
    *from = NULL;
}

static void take_detect(struct raw_detect *raw, double beat_ms, struct proto_config_detect *config)
{
    take_text(&config->model, &raw->model);
    take_text(&config->device, &raw->device);
    if (raw->threads)
        config->threads = *raw->threads;
    if (raw->depth)
        config->depth = *raw->depth;
    if (raw->tile_rows)
        config->tile_rows = *raw->tile_rows;
    if (raw->tile_cols)
        config->tile_cols = *raw->tile_cols;
    if (raw->threshold)
        config->threshold = *raw->threshold;
    if (raw->beat)
        config->beat_ms = beat_ms;
}

int proto_config_detect_load(const char *path, struct proto_config_detect *config)
{
    struct proto_yaml yaml;
    void *raw = NULL;
    double beat_ms = 0;
    int status = proto_yaml_open(&yaml, path);
    if (status != PROTO_OK)
        return status;
    status = proto_yaml_load(&yaml, &detect_schema, &raw);
    if (status == PROTO_OK && raw) {
        status = check_detect(&yaml, raw, &beat_ms);
        if (status == PROTO_OK)
            take_detect(raw, beat_ms, config);
    }
    proto_yaml_free(&detect_schema, raw);
    proto_yaml_close(&yaml);
    return status;
}

void proto_config_detect_free(struct proto_config_detect *config)
{
    free(config->model);
    free(config->device);
    config->model = config->device = NULL;
}
