/* Schemas, defaults and checks of the config files. See config.h. */
#include "proto/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"
#include "proto/yaml.h"

enum { NAME_MAX_BYTES = 128, FILE_MAX_BYTES = 4096, NUMBER_MAX_BYTES = 64, POINTS_MAX = 64 };

#define SCORE_MAX 1e6 /* no threshold is beyond it */

/* What the files hold. Numbers are read as text: libcyaml takes "0.5px" and "2.7" for numbers
 * (0.5, and 2 where a whole one is needed), and people who write that mean something else. */
struct raw_levels {
    char *first_person_px, *per_octave, *count;
};
struct raw_point {
    char *fppi, *threshold;
};
struct raw_input {
    char *scale, *offset;
};
struct raw_net {
    char *name, *file;
    char *levels[2], *window[2], *border[2];
    char *person_px;
    struct raw_input *input;
};
struct raw_model {
    char *name;
    struct raw_levels levels;
    char *pad_below, *aspect, *candidate_threshold, *threshold, *overlap;
    enum proto_overlap_measure overlap_measure;
    int32_t points_count, nets_count;
    struct raw_point *points;
    struct raw_net *nets;
};
struct raw_detect {
    char *model, *device, *threads, *depth, *tile_rows, *tile_cols, *halo_share, *tile_share,
        *max_workers, *period_slack, *threshold, *beat, *camera, *ground_plane;
};

/* ---- schemas ---- */

/* clang-format off */
#define TEXT(T, member, max) \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER, struct T, member, 1, max)
#define OPTIONAL_TEXT(T, member, max) \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct T, member, 1, max)
#define NUMBER(T, member) TEXT(T, member, NUMBER_MAX_BYTES)
#define OPTIONAL_NUMBER(T, member) OPTIONAL_TEXT(T, member, NUMBER_MAX_BYTES)
#define PAIR(T, member) \
    CYAML_FIELD_SEQUENCE_FIXED(#member, CYAML_FLAG_DEFAULT, struct T, member, &number_value, 2)

static const cyaml_schema_value_t number_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, NUMBER_MAX_BYTES)
};
static const cyaml_schema_field_t input_fields[] = {
    NUMBER(raw_input, scale),
    OPTIONAL_NUMBER(raw_input, offset),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t net_fields[] = {
    TEXT(raw_net, name, NAME_MAX_BYTES),
    TEXT(raw_net, file, FILE_MAX_BYTES),
    PAIR(raw_net, levels),
    PAIR(raw_net, window),
    NUMBER(raw_net, person_px),
    PAIR(raw_net, border),
    CYAML_FIELD_MAPPING_PTR("input", CYAML_FLAG_OPTIONAL, struct raw_net, input, input_fields),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t net_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_net, net_fields)
};
static const cyaml_schema_field_t point_fields[] = {
    NUMBER(raw_point, fppi),
    NUMBER(raw_point, threshold),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t point_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_point, point_fields)
};
static const cyaml_schema_field_t levels_fields[] = {
    NUMBER(raw_levels, first_person_px),
    NUMBER(raw_levels, per_octave),
    NUMBER(raw_levels, count),
    CYAML_FIELD_END
};
static const cyaml_strval_t overlap_measures[] = {
    {"iou", PROTO_OVERLAP_IOU},
    {"min", PROTO_OVERLAP_MIN},
};
static const cyaml_schema_field_t model_fields[] = {
    TEXT(raw_model, name, NAME_MAX_BYTES),
    CYAML_FIELD_MAPPING("levels", CYAML_FLAG_DEFAULT, struct raw_model, levels, levels_fields),
    NUMBER(raw_model, pad_below),
    NUMBER(raw_model, aspect),
    NUMBER(raw_model, candidate_threshold),
    NUMBER(raw_model, threshold),
    NUMBER(raw_model, overlap),
    CYAML_FIELD_ENUM("overlap_measure", CYAML_FLAG_STRICT, struct raw_model, overlap_measure,
                     overlap_measures, 2),
    CYAML_FIELD_SEQUENCE_COUNT("operating_points", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                               struct raw_model, points, points_count, &point_value, 0, POINTS_MAX),
    CYAML_FIELD_SEQUENCE_COUNT("nets", CYAML_FLAG_POINTER, struct raw_model, nets, nets_count,
                               &net_value, 1, PROTO_NETS_MAX),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t model_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_model, model_fields)
};

static const cyaml_schema_field_t detect_fields[] = {
    OPTIONAL_TEXT(raw_detect, model, FILE_MAX_BYTES),
    OPTIONAL_TEXT(raw_detect, device, NAME_MAX_BYTES),
    OPTIONAL_NUMBER(raw_detect, threads),
    OPTIONAL_NUMBER(raw_detect, depth),
    OPTIONAL_NUMBER(raw_detect, tile_rows),
    OPTIONAL_NUMBER(raw_detect, tile_cols),
    OPTIONAL_NUMBER(raw_detect, halo_share),
    OPTIONAL_NUMBER(raw_detect, tile_share),
    OPTIONAL_NUMBER(raw_detect, max_workers),
    OPTIONAL_NUMBER(raw_detect, period_slack),
    OPTIONAL_NUMBER(raw_detect, threshold),
    OPTIONAL_NUMBER(raw_detect, beat),
    OPTIONAL_TEXT(raw_detect, camera, FILE_MAX_BYTES),
    OPTIONAL_TEXT(raw_detect, ground_plane, NAME_MAX_BYTES),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t detect_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_detect, detect_fields)
};
/* clang-format on */

/* ---- values ---- */

/* The first value that is wrong is logged; later ones are not looked at. */
struct check {
    const struct proto_yaml *yaml;
    int status;
};

static void check_range(struct check *check, const char *key, double value, double min, double max)
{
    if (check->status == PROTO_OK && !(value >= min && value <= max))
        check->status =
            proto_yaml_refuse(check->yaml, key, "must be %g to %g, is %g", min, max, value);
}

/* A number from min to max. Text that is absent (NULL) leaves *out as it is. */
static void read_real(struct check *check, const char *key, const char *text, double min,
                      double max, double *out)
{
    double value;
    if (check->status != PROTO_OK || !text)
        return;
    if (proto_config_number(text, &value) != PROTO_OK) {
        check->status = proto_yaml_refuse(check->yaml, key, "'%s' is not a number", text);
        return;
    }
    check_range(check, key, value, min, max);
    if (check->status == PROTO_OK)
        *out = value;
}

static void read_int(struct check *check, const char *key, const char *text, int32_t min,
                     int32_t max, int32_t *out)
{
    double value = *out;
    read_real(check, key, text, min, max, &value);
    if (check->status == PROTO_OK && value != floor(value))
        check->status = proto_yaml_refuse(check->yaml, key, "'%s' is not a whole number", text);
    if (check->status == PROTO_OK)
        *out = (int32_t)value;
}

static void read_pair(struct check *check, const char *key, char *const text[2], int32_t min,
                      int32_t max, int32_t *first, int32_t *second)
{
    read_int(check, key, text[0], min, max, first);
    read_int(check, key, text[1], min, max, second);
}

/* ---- model.yaml ---- */

static void read_net(struct check *check, int32_t levels, const struct raw_net *raw, int index,
                     struct proto_config_net *net)
{
    char key[64];
#define KEY(name) (snprintf(key, sizeof(key), "nets[%d]." name, index), key)
    *net = (struct proto_config_net){.scale = 1.0 / 256};
    read_pair(check, KEY("levels"), raw->levels, 0, levels - 1, &net->first_level,
              &net->last_level);
    if (check->status == PROTO_OK && net->first_level > net->last_level)
        check->status = proto_yaml_refuse(check->yaml, KEY("levels"),
                                          "the first level, %d, is after the last, %d",
                                          (int)net->first_level, (int)net->last_level);
    read_pair(check, KEY("window"), raw->window, 1, PROTO_FRAME_SIDE_MAX, &net->window_h,
              &net->window_w);
    read_real(check, KEY("person_px"), raw->person_px, 1, net->window_h, &net->person_px);
    read_pair(check, KEY("border"), raw->border, 0, PROTO_FRAME_SIDE_MAX, &net->border_rows,
              &net->border_cols);
    if (raw->input) {
        read_real(check, KEY("input.scale"), raw->input->scale, 1e-9, 1e9, &net->scale);
        read_real(check, KEY("input.offset"), raw->input->offset, -1e9, 1e9, &net->offset);
    }
#undef KEY
}

/* Every level needs exactly one net. */
static void check_levels_served(struct check *check, const struct proto_config_model *model)
{
    int server[PROTO_LEVELS_MAX] = {0}; /* net + 1 */
    for (int n = 0; n < model->nets_count && check->status == PROTO_OK; n++) {
        const struct proto_config_net *net = &model->nets[n];
        for (int level = net->first_level; level <= net->last_level; level++) {
            char key[64];
            snprintf(key, sizeof(key), "nets[%d].levels", n);
            if (server[level] && check->status == PROTO_OK)
                check->status =
                    proto_yaml_refuse(check->yaml, key, "level %d is already served by net '%s'",
                                      level, model->nets[server[level] - 1].name);
            server[level] = n + 1;
        }
    }
    for (int level = 0; level < model->levels && check->status == PROTO_OK; level++)
        if (!server[level])
            check->status = proto_yaml_refuse(check->yaml, "nets", "no net serves level %d", level);
}

static void read_numbers(struct check *check, const struct raw_model *raw,
                         struct proto_config_model *model)
{
    read_real(check, "levels.first_person_px", raw->levels.first_person_px, 1, PROTO_FRAME_SIDE_MAX,
              &model->first_person_px);
    read_real(check, "levels.per_octave", raw->levels.per_octave, 0.1, PROTO_LEVELS_MAX,
              &model->per_octave);
    read_int(check, "levels.count", raw->levels.count, 1, PROTO_LEVELS_MAX, &model->levels);
    read_real(check, "pad_below", raw->pad_below, 0, 4, &model->pad_below);
    read_real(check, "aspect", raw->aspect, 0.01, 100, &model->aspect);
    read_real(check, "candidate_threshold", raw->candidate_threshold, -SCORE_MAX, SCORE_MAX,
              &model->candidate_threshold);
    read_real(check, "threshold", raw->threshold, model->candidate_threshold, SCORE_MAX,
              &model->threshold);
    read_real(check, "overlap", raw->overlap, 0, 1, &model->overlap);
    model->overlap_measure = raw->overlap_measure;
    for (int i = 0; i < raw->points_count; i++) {
        char key[64];
        snprintf(key, sizeof(key), "operating_points[%d].fppi", i);
        read_real(check, key, raw->points[i].fppi, 1e-9, 1e9, &model->operating_points[i].fppi);
        snprintf(key, sizeof(key), "operating_points[%d].threshold", i);
        read_real(check, key, raw->points[i].threshold, -SCORE_MAX, SCORE_MAX,
                  &model->operating_points[i].threshold);
    }
    for (int i = 0; i < raw->nets_count; i++)
        read_net(check, model->levels, &raw->nets[i], i, &model->nets[i]);
}

/* Move a string, if there is one, out of what the file held; the one it replaces is freed. */
static void take_text(char **to, char **from)
{
    if (!*from)
        return;
    free(*to);
    *to = *from;
    *from = NULL;
}

static int make_model(const struct proto_yaml *yaml, struct raw_model *raw,
                      struct proto_config_model **out)
{
    struct check check = {yaml, PROTO_NO_MEMORY};
    struct proto_config_model *model = calloc(1, sizeof(*model));
    if (!model)
        return PROTO_NO_MEMORY;
    model->nets = calloc((size_t)raw->nets_count, sizeof(*model->nets));
    if (!model->nets)
        goto fail;
    model->nets_count = raw->nets_count;
    if (raw->points_count > 0) {
        model->operating_points =
            calloc((size_t)raw->points_count, sizeof(*model->operating_points));
        if (!model->operating_points)
            goto fail;
        model->operating_points_count = raw->points_count;
    }
    check.status = PROTO_OK;
    read_numbers(&check, raw, model);
    take_text(&model->name, &raw->name);
    for (int i = 0; i < raw->nets_count; i++) {
        take_text(&model->nets[i].name, &raw->nets[i].name);
        take_text(&model->nets[i].file, &raw->nets[i].file);
    }
    check_levels_served(&check, model);
    if (check.status != PROTO_OK)
        goto fail;
    *out = model;
    return PROTO_OK;
fail:
    proto_config_model_free(model);
    return check.status;
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
        status = make_model(&yaml, raw, out);
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

/* `config` is a copy: it becomes the caller's only if all values are right. */
static int read_detect(const struct proto_yaml *yaml, const struct raw_detect *raw,
                       struct proto_config_detect *config)
{
    struct check check = {yaml, PROTO_OK};
    read_int(&check, "threads", raw->threads, 0, 1024, &config->threads);
    read_int(&check, "depth", raw->depth, 1, 64, &config->depth);
    read_int(&check, "tile_rows", raw->tile_rows, 0, PROTO_FRAME_SIDE_MAX, &config->tile_rows);
    read_int(&check, "tile_cols", raw->tile_cols, 0, PROTO_FRAME_SIDE_MAX, &config->tile_cols);
    read_real(&check, "halo_share", raw->halo_share, 0, 10, &config->halo_share);
    read_real(&check, "tile_share", raw->tile_share, 0.001, 1, &config->tile_share);
    read_int(&check, "max_workers", raw->max_workers, 1, PROTO_WORKERS_MAX, &config->max_workers);
    read_real(&check, "period_slack", raw->period_slack, 0, 10, &config->period_slack);
    read_real(&check, "threshold", raw->threshold, -SCORE_MAX, SCORE_MAX, &config->threshold);
    if (check.status == PROTO_OK && raw->beat) {
        if (proto_config_quantity(raw->beat, "ms", &config->beat_ms) != PROTO_OK)
            return proto_yaml_refuse(yaml, "beat", "'%s' is not a time such as 100ms or 2s",
                                     raw->beat);
        check_range(&check, "beat", config->beat_ms, 1, 60000);
    }
    const char *ground = raw->ground_plane;
    if (check.status == PROTO_OK && ground && strcmp(ground, "on") != 0 &&
        strcmp(ground, "off") != 0 && strcmp(ground, "measure") != 0)
        return proto_yaml_refuse(yaml, "ground_plane", "'%s' is not on, off or measure", ground);
    return check.status;
}

/* A file that another one names lies relative to that. */
static int make_relative(const char *path, char **name)
{
    const char *slash = strrchr(path, '/');
    if (!*name || **name == '/' || !slash)
        return PROTO_OK;
    const size_t folder = (size_t)(slash - path) + 1, len = strlen(*name) + 1;
    char *joined = malloc(folder + len);
    if (!joined)
        return PROTO_NO_MEMORY;
    memcpy(joined, path, folder);
    memcpy(joined + folder, *name, len);
    free(*name);
    *name = joined;
    return PROTO_OK;
}

int proto_config_detect_load(const char *path, struct proto_config_detect *config)
{
    struct proto_yaml yaml;
    void *loaded = NULL;
    int status = proto_yaml_open(&yaml, path);
    if (status != PROTO_OK)
        return status;
    status = proto_yaml_load(&yaml, &detect_schema, &loaded);
    if (status == PROTO_OK && loaded) {
        struct raw_detect *raw = loaded;
        struct proto_config_detect changed = *config;
        status = read_detect(&yaml, raw, &changed);
        if (status == PROTO_OK)
            status = make_relative(path, &raw->camera);
        if (status == PROTO_OK) {
            *config = changed;
            take_text(&config->model, &raw->model);
            take_text(&config->device, &raw->device);
            take_text(&config->camera, &raw->camera);
            take_text(&config->ground_plane, &raw->ground_plane);
        }
    }
    proto_yaml_free(&detect_schema, loaded);
    proto_yaml_close(&yaml);
    return status;
}

void proto_config_detect_free(struct proto_config_detect *config)
{
    free(config->model);
    free(config->device);
    free(config->camera);
    free(config->ground_plane);
    config->model = config->device = config->camera = config->ground_plane = NULL;
}
