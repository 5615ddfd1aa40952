#include "coordinator/eval/text.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/eval/array.h"
#include "proto/log.h"

/* Read in pieces, not by the file's size, so that a pipe works too. */
static int read_all(FILE *file, struct eval_text *text)
{
    enum { PIECE = 1 << 16 };
    const size_t limit = (size_t)1 << 31;
    size_t cap = 0, got;
    do {
        void *data = text->data;
        int status = eval_array_reserve(&data, &cap, text->size + PIECE + 1, 1, limit);
        text->data = data;
        if (status)
            return status;
        got = fread(text->data + text->size, 1, PIECE, file);
        text->size += got;
    } while (got > 0);
    text->data[text->size] = 0;
    return ferror(file) ? PROTO_IO : PROTO_OK;
}

int eval_text_open(const char *path, struct eval_text *text)
{
    *text = (struct eval_text){0};
    FILE *file = fopen(path, "rb");
    if (!file) {
        proto_log_error("eval", "%s: %s", path, strerror(errno));
        return PROTO_NOT_FOUND; /* the user named it */
    }
    int status = read_all(file, text);
    const char *why = status == PROTO_IO ? strerror(errno) : proto_status_text(status);
    fclose(file);
    if (!status && strlen(text->data) != text->size) {
        status = PROTO_FORMAT;
        why = "holds a zero byte, so it is not a text file";
    }
    if (status) {
        proto_log_error("eval", "%s: %s", path, why);
        eval_text_close(text);
        return status;
    }
    if (!strncmp(text->data, "\xef\xbb\xbf", 3)) /* a byte order mark, as spreadsheets write it */
        text->at = 3;
    return PROTO_OK;
}

void eval_text_close(struct eval_text *text)
{
    free(text->data);
    *text = (struct eval_text){0};
}

char *eval_text_next(struct eval_text *text)
{
    while (text->at < text->size) {
        char *line = text->data + text->at;
        size_t len = strcspn(line, "\n");
        text->at += len + 1;
        text->line++;
        line[len] = 0;
        if (len > 0 && line[len - 1] == '\r')
            line[len - 1] = 0;
        if (line[strspn(line, " \t")] && line[0] != '#')
            return line;
    }
    return NULL;
}

/* Take one quoted field at `at` (behind the opening quote) and unquote it in place. Returns the
 * character behind the closing quote, or NULL. */
static char *unquote(char *at)
{
    char *to = at;
    for (; *at; at++) {
        if (*at == '"' && at[1] != '"') {
            *to = 0;
            return at + 1;
        }
        at += *at == '"'; /* "" stands for one quote */
        *to++ = *at;
    }
    return NULL;
}

static void trim(char **field)
{
    *field += strspn(*field, " \t");
    size_t len = strlen(*field);
    while (len > 0 && ((*field)[len - 1] == ' ' || (*field)[len - 1] == '\t'))
        (*field)[--len] = 0;
}

int eval_text_fields(char *line, char **fields, int most)
{
    int count = 0;
    for (char *at = line; at; count++) {
        if (count == most)
            return -1;
        char *end;
        if (*at == '"') {
            fields[count] = at + 1;
            end = unquote(at + 1);
            if (!end || (*end && *end != ','))
                return -1;
        } else {
            fields[count] = at;
            end = at + strcspn(at, ",");
        }
        at = *end ? end + 1 : NULL;
        *end = 0;
        trim(&fields[count]);
    }
    return count;
}

bool eval_text_number(const char *field, double *out)
{
    char *end;
    *out = strtod(field, &end);
    return end != field && !*end && isfinite(*out);
}
