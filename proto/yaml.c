/* See yaml.h. */
#include "proto/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "proto/status.h"

enum { DEPTH_MAX = 8, MESSAGE_MAX = 512 };

/* ---- the file ---- */

static int refuse_file(const char *path, int status)
{
    bool system = status == PROTO_IO && errno;
    proto_log_error("proto", "%s: %s", path, system ? strerror(errno) : proto_status_text(status));
    return status;
}

int proto_yaml_open(struct proto_yaml *yaml, const char *path)
{
    *yaml = (struct proto_yaml){.path = path};
    errno = 0;
    int status = PROTO_IO;
    FILE *file = fopen(path, "rb");
    if (!file)
        return refuse_file(path, status);
    yaml->text = malloc(PROTO_YAML_FILE_MAX + 1);
    if (!yaml->text) {
        status = PROTO_NO_MEMORY;
        goto fail;
    }
    yaml->len_bytes = fread(yaml->text, 1, PROTO_YAML_FILE_MAX + 1, file);
    if (ferror(file))
        goto fail;
    if (yaml->len_bytes > PROTO_YAML_FILE_MAX) {
        status = PROTO_LIMIT;
        goto fail;
    }
    yaml->text[yaml->len_bytes] = '\0';
    fclose(file);
    return PROTO_OK;
fail:
    refuse_file(path, status);
    fclose(file);
    proto_yaml_close(yaml);
    return status;
}

void proto_yaml_close(struct proto_yaml *yaml)
{
    free(yaml->text);
    *yaml = (struct proto_yaml){0};
}

/* ---- finding a key's line ----
 *
 * libcyaml does not keep positions. A search for "key:" in the text is right for the way people
 * write these files, and the log line names the key in any case. */

static bool is_key_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The first place at or after `from` where `key` stands as a key, outside comments; at the start of
 * a line if `at_margin`. NULL if there is none. Each character is looked at once, as any file may come. */
static const char *find_key(const char *text, const char *from, const char *key, bool at_margin)
{
    const size_t len = strlen(key);
    const char *line = from; /* start of the line of `seen` */
    const char *seen = from;
    bool comment = false;
    if (len == 0) /* an anchor without a key, for instance */
        return NULL;
    while (line > text && line[-1] != '\n')
        line--;
    comment = memchr(line, '#', (size_t)(from - line)) != NULL;
    for (const char *at = from; (at = strstr(at, key)); at++) {
        for (; seen < at; seen++) {
            comment = *seen != '\n' && (comment || *seen == '#');
            if (*seen == '\n')
                line = seen + 1;
        }
        const char *after = at + len;
        while (*after == ' ' || *after == '"' || *after == '\'')
            after++;
        const bool starts = at == text || !is_key_char(at[-1]);
        if (starts && *after == ':' && !comment && (!at_margin || at == line))
            return at;
    }
    return NULL;
}

static int line_of(const char *text, const char *at)
{
    int line = 1;
    for (const char *c = text; c < at; c++)
        line += *c == '\n';
    return line;
}

/* Take the next part of "nets[1].window" from *path: its name and index (-1: none). */
static bool next_part(const char **path, char name[PROTO_YAML_PATH_MAX], int *index)
{
    size_t len = strcspn(*path, ".[");
    if (len == 0 || len >= PROTO_YAML_PATH_MAX)
        return false;
    memcpy(name, *path, len);
    name[len] = '\0';
    *path += len;
    *index = -1;
    if (**path == '[') {
        *index = (int)strtol(*path + 1, NULL, 10);
        *path += strcspn(*path, "]");
        *path += **path == ']';
    }
    *path += **path == '.';
    return true;
}

static const char *next_line(const char *at)
{
    const char *end = strchr(at, '\n');
    return end ? end + 1 : NULL;
}

/* The dash of entry `index` of the list whose key is at `from`: all its dashes stand in one column.
 * `from` if there is none (a list in brackets). */
static const char *find_entry(const char *from, int index)
{
    size_t column = 0;
    int count = 0;
    for (const char *line = next_line(from); line; line = next_line(line)) {
        size_t indent = strspn(line, " ");
        if (line[indent] != '-' || (count > 0 && indent != column))
            continue;
        column = indent;
        if (count++ == index)
            return line + indent;
    }
    return from;
}

/* Line of the key that `path` names, or of the nearest one above it that was found; 0: none. */
static int find_line(const struct proto_yaml *yaml, const char *path)
{
    const char *at = yaml->text;
    char name[PROTO_YAML_PATH_MAX];
    int index;
    bool found = false;
    for (int depth = 0; *path && next_part(&path, name, &index); depth++) {
        const char *next = depth == 0 ? find_key(yaml->text, at, name, true) : NULL;
        if (!next)
            next = find_key(yaml->text, at, name, false);
        if (!next)
            break;
        found = true;
        at = index >= 0 ? find_entry(next, index) : next;
    }
    return found ? line_of(yaml->text, at) : 0;
}

static void log_at(const struct proto_yaml *yaml, int line, const char *key, const char *text)
{
    const char *colon = *key ? ": " : "";
    if (line > 0)
        proto_log_error("proto", "%s:%d: %s%s%s", yaml->path, line, key, colon, text);
    else
        proto_log_error("proto", "%s: %s%s%s", yaml->path, key, colon, text);
}

int proto_yaml_refuse(const struct proto_yaml *yaml, const char *key, const char *format, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_at(yaml, find_line(yaml, key), key, text);
    return PROTO_INVALID;
}

/* ---- libcyaml's errors ---- */

/* What libcyaml says: one message, then a backtrace from the inside out. */
struct trace {
    char message[MESSAGE_MAX];
    int line; /* of the innermost entry */
    struct {
        char key[64]; /* "" for a list entry */
        int entry;    /* from 1; 0 for a key */
    } parts[DEPTH_MAX];
    int part_count;
    bool in_mapping; /* it happened between two keys, not at a value */
};

static void read_log_line(struct trace *trace, const char *text)
{
    int entry = 0, line = 0;
    char key[64] = "";
    if (strncmp(text, "Load: Backtrace", 15) == 0)
        return;
    if (strncmp(text, "Load: ", 6) == 0) {
        if (!trace->message[0])
            snprintf(trace->message, sizeof(trace->message), "%.*s", (int)strcspn(text + 6, "\n"),
                     text + 6);
        return;
    }
    const char *position = strstr(text, "(line: ");
    if (position)
        line = (int)strtol(position + 7, NULL, 10);
    if (trace->line == 0)
        trace->line = line;
    if (sscanf(text, " in mapping field '%63[^']'", key) != 1 &&
        sscanf(text, " in sequence entry '%d'", &entry) != 1) {
        trace->in_mapping = trace->in_mapping || strstr(text, "in mapping (");
        return;
    }
    if (trace->part_count == DEPTH_MAX)
        return;
    memcpy(trace->parts[trace->part_count].key, key, sizeof(key));
    trace->parts[trace->part_count].entry = entry;
    trace->part_count++;
}

static void on_cyaml_log(cyaml_log_t level, void *ctx, const char *format, va_list args)
{
    char text[MESSAGE_MAX];
    (void)level;
    vsnprintf(text, sizeof(text), format, args);
    read_log_line(ctx, text);
}

/* Follow the trace from the outside, skipping its innermost `skip` parts: the schema there, and
 * the path as text. NULL if the schema does not go that far. */
static const cyaml_schema_value_t *follow(const struct trace *trace, int skip,
                                          const cyaml_schema_value_t *schema,
                                          char path[PROTO_YAML_PATH_MAX])
{
    size_t used = 0;
    path[0] = '\0';
    for (int i = trace->part_count - 1; i >= skip; i--) {
        const char *key = trace->parts[i].key;
        int n;
        if (*key)
            n = snprintf(path + used, PROTO_YAML_PATH_MAX - used, "%s%s", used ? "." : "", key);
        else
            n = snprintf(path + used, PROTO_YAML_PATH_MAX - used, "[%d]",
                         trace->parts[i].entry - 1);
        if (n < 0 || (size_t)n >= PROTO_YAML_PATH_MAX - used)
            return NULL;
        used += (size_t)n;
        if (!schema)
            continue;
        if (*key && schema->type == CYAML_MAPPING) {
            const cyaml_schema_field_t *field = schema->mapping.fields;
            while (field->key && strcmp(field->key, key) != 0)
                field++;
            schema = field->key ? &field->value : NULL;
        } else if (!*key &&
                   (schema->type == CYAML_SEQUENCE || schema->type == CYAML_SEQUENCE_FIXED)) {
            schema = schema->sequence.entry;
        } else {
            schema = NULL;
        }
    }
    return schema;
}

/* "; valid: a, b, c" for a mapping's keys or an enum's words. */
static void add_valid(char *text, size_t size, const cyaml_schema_value_t *schema)
{
    const char *between = "; valid: ";
    size_t used = strlen(text);
    for (uint32_t i = 0; schema && used < size; i++) {
        const char *word;
        if (schema->type == CYAML_MAPPING)
            word = schema->mapping.fields[i].key;
        else if (schema->type == CYAML_ENUM && i < schema->enumeration.count)
            word = schema->enumeration.strings[i].str;
        else
            word = NULL;
        if (!word)
            return;
        used += (size_t)snprintf(text + used, size - used, "%s%s", between, word);
        between = ", ";
    }
}

/* Line of a key that libcyaml refused: it reports the place of the value before it. */
static int line_of_key(const struct proto_yaml *yaml, const char *key, int from_line)
{
    const char *from = yaml->text;
    for (int line = 1; line < from_line && from; line++)
        from = next_line(from);
    const char *at = from ? find_key(yaml->text, from, key, false) : NULL;
    return at ? line_of(yaml->text, at) : from_line;
}

static void log_trace(const struct proto_yaml *yaml, const struct trace *trace,
                      const cyaml_schema_value_t *schema)
{
    static const char unknown[] = "Unexpected key: ",
                      missing[] = "Missing required mapping field: ";
    char path[PROTO_YAML_PATH_MAX], text[MESSAGE_MAX];
    int line = trace->line;
    if (strncmp(trace->message, unknown, sizeof(unknown) - 1) == 0) {
        const char *key = trace->message + sizeof(unknown) - 1;
        /* Between two keys the innermost part may be the value just passed. */
        const cyaml_schema_value_t *at = follow(trace, trace->in_mapping ? 0 : 1, schema, path);
        snprintf(text, sizeof(text), "unknown key '%.128s'", key);
        add_valid(text, sizeof(text), at);
        line = line_of_key(yaml, key, line);
    } else if (strncmp(trace->message, missing, sizeof(missing) - 1) == 0) {
        follow(trace, trace->in_mapping ? 0 : 1, schema, path);
        snprintf(text, sizeof(text), "key '%.128s' is missing",
                 trace->message + sizeof(missing) - 1);
    } else {
        const cyaml_schema_value_t *at = follow(trace, 0, schema, path);
        snprintf(text, sizeof(text), "%.400s", trace->message);
        if (at && at->type == CYAML_ENUM)
            add_valid(text, sizeof(text), at);
    }
    log_at(yaml, line, path, text);
}

/* ---- loading ---- */

static cyaml_config_t make_config(struct trace *trace)
{
    return (cyaml_config_t){.log_fn = on_cyaml_log,
                            .log_ctx = trace,
                            .log_level = CYAML_LOG_ERROR,
                            .mem_fn = cyaml_mem,
                            .flags = CYAML_CFG_NO_ALIAS};
}

int proto_yaml_load(const struct proto_yaml *yaml, const cyaml_schema_value_t *schema, void **out)
{
    struct trace trace = {0};
    cyaml_config_t config = make_config(&trace);
    *out = NULL;
    cyaml_err_t error =
        cyaml_load_data((const uint8_t *)yaml->text, yaml->len_bytes, &config, schema, out, NULL);
    if (error == CYAML_OK)
        return PROTO_OK;
    if (!trace.message[0])
        snprintf(trace.message, sizeof(trace.message), "%s", cyaml_strerror(error));
    log_trace(yaml, &trace, schema);
    return error == CYAML_ERR_OOM ? PROTO_NO_MEMORY : PROTO_FORMAT;
}

void proto_yaml_free(const cyaml_schema_value_t *schema, void *data)
{
    struct trace trace = {0};
    cyaml_config_t config = make_config(&trace);
    cyaml_free(&config, schema, data, 0);
}
