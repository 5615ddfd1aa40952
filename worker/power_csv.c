/* An external meter that appends lines to a file: --power csv:FILE, "%h" in its name is the host's. The watts are
 * in the column called watts, w, power or power_w (mw, power_mw: milliwatts), or, without such a line at the
 * head, in the last one. Only lines count that appear while the worker runs, from when they are
 * seen: the meter's own clock is not compared with ours. Five seconds without a new one are no data.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/config.h"
#include "proto/status.h"
#include "worker/power_sampler.h"

enum { LINE_MAX_BYTES = 1024, STALE_US = 5000000 };

struct csv {
    struct worker_power_source base;
    FILE *file;
    int column; /* from 0; -1: the last */
    double factor;
    char line[LINE_MAX_BYTES]; /* the part of a line that is there */
    size_t used;
    uint64_t seen_us; /* the last new value; 0: none yet */
    double watts;
};

static const struct {
    const char *name;
    double factor;
} columns[] = {{"watts", 1},         {"w", 1},           {"power", 1},
               {"power_w", 1},       {"power (w)", 1},   {"mw", 1e-3},
               {"milliwatts", 1e-3}, {"power_mw", 1e-3}, {"power (mw)", 1e-3}};

/* The next field of a line, trimmed and in lower case; false behind the last. */
static bool next_field(const char **at, char field[64])
{
    if (!*at)
        return false;
    const char *from = *at + strspn(*at, " \"");
    size_t len = strcspn(from, ",;\t");
    *at = from[len] ? from + len + 1 : NULL;
    while (len > 0 && strchr(" \"\r\n", from[len - 1]))
        len--;
    len = len > 63 ? 63 : len;
    for (size_t i = 0; i < len; i++)
        field[i] = (char)tolower((unsigned char)from[i]);
    field[len] = '\0';
    return true;
}

/* False: the line is no head with such a column. */
static bool head_read(struct csv *csv, const char *line)
{
    char field[64];
    for (int column = 0; next_field(&line, field); column++)
        for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
            if (strcmp(field, columns[i].name) == 0) {
                csv->column = column;
                csv->factor = columns[i].factor;
                return true;
            }
    return false;
}

static bool value_read(const struct csv *csv, const char *line, double *watts)
{
    char field[64] = "";
    for (int column = 0; next_field(&line, field); column++)
        if (column == csv->column)
            break;
    double value;
    if (proto_config_number(field, &value) != PROTO_OK || value < 0)
        return false;
    *watts = value * csv->factor;
    return true;
}

/* FILE with the host's name for "%h". */
static void name_fill(char *out, size_t size, const char *name)
{
    char host[128] = "";
    size_t used = 0;
    gethostname(host, sizeof host - 1);
    for (const char *at = name; *at && used + 1 < size; at++) {
        if (at[0] == '%' && at[1] == 'h') {
            used += (size_t)snprintf(out + used, size - used, "%s", host);
            at++;
        } else {
            out[used++] = *at;
        }
    }
    out[used < size ? used : size - 1] = '\0';
}

static void csv_close(struct worker_power_source *source)
{
    struct csv *csv = (struct csv *)source;
    if (csv->file)
        fclose(csv->file);
    free(csv);
}

static int csv_open(const struct worker_power_settings *settings, const char *argument, char *why,
                    size_t why_bytes, struct worker_power_source **out)
{
    char path[4096], line[LINE_MAX_BYTES];
    (void)settings;
    if (!argument) {
        snprintf(why, why_bytes, "csv needs a file, as in csv:meter.csv");
        return PROTO_INVALID;
    }
    name_fill(path, sizeof path, argument);
    struct csv *csv = calloc(1, sizeof *csv);
    if (!csv)
        return PROTO_NO_MEMORY;
    csv->column = -1;
    csv->factor = 1;
    csv->file = fopen(path, "re");
    if (!csv->file) {
        snprintf(why, why_bytes, "%.300s can't be opened", path);
        csv_close(&csv->base);
        return PROTO_NOT_FOUND;
    }
    if (fgets(line, sizeof line, csv->file))
        head_read(csv, line);
    fseek(csv->file, 0, SEEK_END);
    snprintf(csv->base.rail, sizeof csv->base.rail, "%.150s", path);
    *out = &csv->base;
    return PROTO_OK;
}

static bool csv_read(struct worker_power_source *source, uint64_t now_us, double *watts)
{
    struct csv *csv = (struct csv *)source;
    clearerr(csv->file);
    for (int c; (c = getc(csv->file)) != EOF;) {
        if (c != '\n') {
            if (csv->used + 1 < sizeof csv->line)
                csv->line[csv->used++] = (char)c;
            continue;
        }
        csv->line[csv->used] = '\0';
        csv->used = 0;
        /* A head may come only now, if the meter starts after the worker. */
        if (value_read(csv, csv->line, &csv->watts))
            csv->seen_us = now_us;
        else
            head_read(csv, csv->line);
    }
    *watts = csv->watts;
    return csv->seen_us > 0 && now_us - csv->seen_us < STALE_US;
}

const struct worker_power_sampler worker_power_csv = {
    .name = "csv",
    .argument = "FILE",
    .what = "a meter that appends lines to FILE (%h in its name: the host's)",
    .open = csv_open,
    .close = csv_close,
    .read = csv_read,
};
