/* Reading and finding board profiles: see config_board.h. */
#include "proto/config_board.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/config.h"
#include "proto/log.h"
#include "proto/status.h"
#include "proto/yaml.h"

enum { NAME_MAX_BYTES = 64, TEXT_MAX_BYTES = 1024, VALUE_MAX_BYTES = 64, PATH_BYTES = 4096 };

static const char *const precision_names[PROTO_BOARD_PRECISIONS] = {"f32", "f16", "bf16"};

/* ---- what the file holds ---- */

struct raw_figure {
    char *value, *source;
    bool assumed;
};
struct raw_rates {
    struct raw_figure macs, pixels, tile, frame;
};
struct raw_precisions {
    struct raw_rates *f32, *f16, *bf16;
};
struct raw_link {
    struct raw_figure rate, latency;
};
struct raw_mode {
    char *name;
    struct raw_figure idle, busy, speed;
};
struct raw_board {
    char *name, *description;
    struct raw_figure memory;
    struct raw_link link;
    struct raw_precisions precisions;
    struct raw_mode *modes;
    int32_t modes_count;
};

/* clang-format off */
#define FIGURE(T, member) \
    CYAML_FIELD_MAPPING(#member, CYAML_FLAG_DEFAULT, struct T, member, figure_fields)
#define RATES(member) \
    CYAML_FIELD_MAPPING_PTR(#member, CYAML_FLAG_OPTIONAL, struct raw_precisions, member, rates_fields)

static const cyaml_schema_field_t figure_fields[] = {
    CYAML_FIELD_STRING_PTR("value", CYAML_FLAG_POINTER, struct raw_figure, value, 1, VALUE_MAX_BYTES),
    CYAML_FIELD_STRING_PTR("source", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_figure, source,
                           1, TEXT_MAX_BYTES),
    CYAML_FIELD_BOOL("assumed", CYAML_FLAG_OPTIONAL, struct raw_figure, assumed),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t rates_fields[] = {
    FIGURE(raw_rates, macs),
    FIGURE(raw_rates, pixels),
    FIGURE(raw_rates, tile),
    FIGURE(raw_rates, frame),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t precisions_fields[] = {
    RATES(f32),
    RATES(f16),
    RATES(bf16),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t link_fields[] = {
    FIGURE(raw_link, rate),
    FIGURE(raw_link, latency),
    CYAML_FIELD_END
};
static const cyaml_schema_field_t mode_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct raw_mode, name, 1, NAME_MAX_BYTES),
    FIGURE(raw_mode, idle),
    FIGURE(raw_mode, busy),
    FIGURE(raw_mode, speed),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t mode_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_mode, mode_fields)
};
static const cyaml_schema_field_t board_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct raw_board, name, 1, NAME_MAX_BYTES),
    CYAML_FIELD_STRING_PTR("description", CYAML_FLAG_POINTER, struct raw_board, description, 1,
                           TEXT_MAX_BYTES),
    FIGURE(raw_board, memory),
    CYAML_FIELD_MAPPING("link", CYAML_FLAG_DEFAULT, struct raw_board, link, link_fields),
    CYAML_FIELD_MAPPING("precisions", CYAML_FLAG_DEFAULT, struct raw_board, precisions,
                        precisions_fields),
    CYAML_FIELD_SEQUENCE_COUNT("modes", CYAML_FLAG_POINTER, struct raw_board, modes, modes_count,
                               &mode_value, 1, PROTO_BOARD_MODES_MAX),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t board_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_board, board_fields)
};
/* clang-format on */

/* ---- values ---- */

/* The first value that is wrong is logged; later ones are not looked at. */
struct reader {
    const struct proto_yaml *yaml;
    struct proto_config_board *board;
    int status;
};

static char *copy_text(struct reader *reader, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        reader->status = PROTO_NO_MEMORY;
    return copy;
}

static void figure_keep(struct reader *reader, const char *key, const struct raw_figure *raw)
{
    struct proto_board_figure *figure = &reader->board->figures[reader->board->figure_count++];
    snprintf(figure->key, sizeof figure->key, "%s", key);
    figure->assumed = raw->assumed;
    figure->value = copy_text(reader, raw->value);
    if (raw->source)
        figure->source = copy_text(reader, raw->source);
}

/* The figure `prefix`.`name` in `unit`, from low to high. */
static void figure_read(struct reader *reader, const char *prefix, const char *name,
                        const struct raw_figure *raw, const char *unit, double low, double high,
                        double *out)
{
    char key[64];
    if (reader->status != PROTO_OK)
        return;
    snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "", name);
    double value;
    if (proto_config_quantity(raw->value, unit, &value) != PROTO_OK)
        reader->status = proto_yaml_refuse(reader->yaml, key, "'%s' is no quantity like '1 %s'",
                                           raw->value, unit);
    else if (!(value >= low && value <= high))
        reader->status = proto_yaml_refuse(reader->yaml, key, "must be %g to %g %s, is '%s'", low,
                                           high, unit, raw->value);
    else if (!raw->source && !raw->assumed)
        reader->status = proto_yaml_refuse(
            reader->yaml, key,
            "has no source: name the paper, data sheet or measurement, or mark it "
            "with assumed: true");
    else
        figure_keep(reader, key, raw);
    *out = value;
}

static void rates_read(struct reader *reader, enum proto_board_precision precision,
                       const struct raw_rates *raw)
{
    struct proto_board_rates *rates = &reader->board->rates[precision];
    char key[32];
    if (!raw)
        return;
    snprintf(key, sizeof key, "precisions.%s", precision_names[precision]);
    rates->given = true;
    figure_read(reader, key, "macs", &raw->macs, "MMAC/s", 1e-3, 1e12, &rates->macs_per_us);
    figure_read(reader, key, "pixels", &raw->pixels, "Mpx/s", 1e-3, 1e9, &rates->pixels_per_us);
    figure_read(reader, key, "tile", &raw->tile, "us", 0, 1e8, &rates->tile_us);
    figure_read(reader, key, "frame", &raw->frame, "us", 0, 1e8, &rates->frame_us);
}

static void mode_read(struct reader *reader, int index, const struct raw_mode *raw)
{
    struct proto_config_board *board = reader->board;
    struct proto_board_mode *mode = &board->modes[index];
    char key[32];
    if (reader->status != PROTO_OK)
        return;
    snprintf(key, sizeof key, "modes[%d]", index);
    mode->name = copy_text(reader, raw->name);
    for (int i = 0; i < index && reader->status == PROTO_OK; i++)
        if (strcmp(board->modes[i].name, raw->name) == 0)
            reader->status =
                proto_yaml_refuse(reader->yaml, key, "mode '%s' is there twice", raw->name);
    figure_read(reader, key, "idle", &raw->idle, "W", 0, 1e4, &mode->idle_w);
    figure_read(reader, key, "busy", &raw->busy, "W", 1e-3, 1e4, &mode->busy_w);
    figure_read(reader, key, "speed", &raw->speed, "%", 1e-3, 1e4, &mode->speed);
    mode->speed /= 100;
    if (reader->status == PROTO_OK && mode->idle_w > mode->busy_w)
        reader->status = proto_yaml_refuse(reader->yaml, key,
                                           "mode '%s' draws more idle (%g W) than busy (%g W)",
                                           raw->name, mode->idle_w, mode->busy_w);
}

static void board_read(struct reader *reader, const struct raw_board *raw)
{
    struct proto_config_board *board = reader->board;
    const int figures = 3 + 4 * PROTO_BOARD_PRECISIONS + 3 * raw->modes_count;
    board->figures = calloc((size_t)figures, sizeof *board->figures);
    board->modes = calloc((size_t)raw->modes_count, sizeof *board->modes);
    if (!board->figures || !board->modes) {
        reader->status = PROTO_NO_MEMORY;
        return;
    }
    board->mode_count = raw->modes_count;
    board->name = copy_text(reader, raw->name);
    board->description = copy_text(reader, raw->description);
    figure_read(reader, "", "memory", &raw->memory, "B", 1, 1e15, &board->memory_bytes);
    figure_read(reader, "link", "rate", &raw->link.rate, "MB/s", 1e-3, 1e6, &board->bytes_per_us);
    figure_read(reader, "link", "latency", &raw->link.latency, "us", 0, 1e7, &board->latency_us);
    const struct raw_precisions *p = &raw->precisions;
    if (reader->status == PROTO_OK && !p->f32 && !p->f16 && !p->bf16)
        reader->status =
            proto_yaml_refuse(reader->yaml, "precisions", "give at least one of f32, f16, bf16");
    rates_read(reader, PROTO_BOARD_F32, p->f32);
    rates_read(reader, PROTO_BOARD_F16, p->f16);
    rates_read(reader, PROTO_BOARD_BF16, p->bf16);
    for (int i = 0; i < raw->modes_count; i++)
        mode_read(reader, i, &raw->modes[i]);
}

int proto_config_board_load(const char *path, struct proto_config_board **out)
{
    struct proto_yaml yaml;
    void *raw = NULL;
    *out = NULL;
    int status = proto_yaml_open(&yaml, path);
    if (status != PROTO_OK)
        return status;
    struct reader reader = {.yaml = &yaml, .board = calloc(1, sizeof *reader.board)};
    status = reader.board ? proto_yaml_load(&yaml, &board_schema, &raw) : PROTO_NO_MEMORY;
    if (status == PROTO_OK && !raw)
        status = proto_yaml_refuse(&yaml, "", "the file is empty");
    if (status == PROTO_OK) {
        board_read(&reader, raw);
        status = reader.status;
    }
    proto_yaml_free(&board_schema, raw);
    proto_yaml_close(&yaml);
    if (status == PROTO_OK)
        *out = reader.board;
    else
        proto_config_board_free(reader.board);
    return status;
}

void proto_config_board_free(struct proto_config_board *board)
{
    if (!board)
        return;
    for (int i = 0; i < board->figure_count; i++) {
        free(board->figures[i].value);
        free(board->figures[i].source);
    }
    for (int i = 0; i < board->mode_count; i++)
        free(board->modes[i].name);
    free(board->figures);
    free(board->modes);
    free(board->name);
    free(board->description);
    free(board);
}

/* ---- finding ---- */

static const char *folder(int index)
{
    switch (index) {
    case 0:
        return getenv("MUSTER_BOARDS");
    case 1:
        return MUSTER_BOARDS_SOURCE;
    default:
        return MUSTER_BOARDS_INSTALLED;
    }
}
enum { FOLDERS = 3 };

static bool ends_with(const char *text, const char *end)
{
    const size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* "agx-orin, nano, tx1": the profiles of the first folder that has any. */
static void names_list(char *text, size_t size)
{
    char names[64][NAME_MAX_BYTES];
    int count = 0;
    for (int i = 0; i < FOLDERS && count == 0; i++) {
        DIR *dir = folder(i) ? opendir(folder(i)) : NULL;
        const struct dirent *entry;
        while (dir && (entry = readdir(dir)) && count < 64) {
            const size_t len = strlen(entry->d_name);
            if (ends_with(entry->d_name, ".yaml") && len - 5 < NAME_MAX_BYTES && len > 5)
                snprintf(names[count++], NAME_MAX_BYTES, "%.*s", (int)(len - 5), entry->d_name);
        }
        if (dir)
            closedir(dir);
    }
    qsort(names, (size_t)count, sizeof names[0], by_text);
    size_t used = 0;
    snprintf(text, size, "none");
    for (int i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", names[i]);
}

int proto_config_board_find(const char *name, struct proto_config_board **out)
{
    char path[PATH_BYTES], names[512];
    *out = NULL;
    if (strchr(name, '/') || ends_with(name, ".yaml"))
        return proto_config_board_load(name, out);
    for (int i = 0; i < FOLDERS; i++) {
        const int length =
            folder(i) ? snprintf(path, sizeof path, "%s/%s.yaml", folder(i), name) : 0;
        if (length > 0 && length < (int)sizeof path && access(path, R_OK) == 0)
            return proto_config_board_load(path, out);
    }
    names_list(names, sizeof names);
    proto_log_error("proto", "no board '%s' (there are: %s) in %s%s%s or %s", name, names,
                    folder(0) ? folder(0) : "", folder(0) ? ", " : "", folder(1), folder(2));
    return PROTO_NOT_FOUND;
}

/* ---- using ---- */

const char *proto_board_precision_name(enum proto_board_precision precision)
{
    return precision_names[precision];
}

const struct proto_board_mode *proto_config_board_mode(const struct proto_config_board *board,
                                                       const char *name)
{
    for (int i = 0; i < board->mode_count; i++)
        if (!name || strcmp(board->modes[i].name, name) == 0)
            return &board->modes[i];
    return NULL;
}

static int complain_mode(const struct proto_config_board *board, const char *name)
{
    char text[512];
    size_t used = 0;
    for (int i = 0; i < board->mode_count && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "",
                                 board->modes[i].name);
    proto_log_error("proto", "board '%s' has no mode '%s'; it has: %s", board->name, name, text);
    return PROTO_NOT_FOUND;
}

int proto_config_board_speed(const struct proto_config_board *board,
                             enum proto_board_precision precision, const char *mode_name,
                             struct proto_board_speed *speed)
{
    const struct proto_board_rates *rates = &board->rates[precision];
    const struct proto_board_mode *mode = proto_config_board_mode(board, mode_name);
    if (!mode)
        return complain_mode(board, mode_name);
    if (!rates->given) {
        proto_log_error("proto", "board '%s' has no figures for %s; it has:%s%s%s", board->name,
                        precision_names[precision],
                        board->rates[PROTO_BOARD_F32].given ? " f32" : "",
                        board->rates[PROTO_BOARD_F16].given ? " f16" : "",
                        board->rates[PROTO_BOARD_BF16].given ? " bf16" : "");
        return PROTO_UNSUPPORTED;
    }
    *speed = (struct proto_board_speed){
        .macs_per_us = rates->macs_per_us * mode->speed,
        .pixels_per_us = rates->pixels_per_us * mode->speed,
        .tile_us = rates->tile_us / mode->speed,
        .frame_us = rates->frame_us / mode->speed,
        .bytes_per_us = board->bytes_per_us,
        .latency_us = board->latency_us,
        .idle_w = mode->idle_w,
        .busy_w = mode->busy_w,
    };
    return PROTO_OK;
}

double proto_board_frame_us(const struct proto_board_speed *speed, double tiles, double pixels,
                            double macs)
{
    return speed->frame_us + tiles * speed->tile_us + pixels / speed->pixels_per_us +
           macs / speed->macs_per_us;
}
