/* Loads a YAML file through a libcyaml schema and turns libcyaml's backtrace into one log line:
 * "FILE:LINE: nets[1].levels: too few entries". Used by config.c only.
 */
#ifndef PROTO_YAML_H
#define PROTO_YAML_H

#include <cyaml/cyaml.h>

enum { PROTO_YAML_FILE_MAX = 1 << 20, PROTO_YAML_PATH_MAX = 256 };

/* A file in memory: kept after loading, so that later checks can name lines too. */
struct proto_yaml {
    const char *path; /* borrowed */
    char *text;       /* owned, zero-terminated */
    size_t len_bytes;
};

/* Returns PROTO_OK, PROTO_IO, PROTO_LIMIT or PROTO_NO_MEMORY; logs. */
int proto_yaml_open(struct proto_yaml *yaml, const char *path);
void proto_yaml_close(struct proto_yaml *yaml);

/* Read the text into *out, which is freed with proto_yaml_free; NULL if the file has no content.
 * Returns PROTO_OK, PROTO_FORMAT or PROTO_NO_MEMORY; logs. */
int proto_yaml_load(const struct proto_yaml *yaml, const cyaml_schema_value_t *schema, void **out);
void proto_yaml_free(const cyaml_schema_value_t *schema, void *data);

/* Log that the value of `key` ("threshold", "levels.count", "nets[1].window") is wrong, with its line
 * as far as it can be found. Returns PROTO_INVALID. */
int proto_yaml_refuse(const struct proto_yaml *yaml, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
