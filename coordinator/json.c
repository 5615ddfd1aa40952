#include "coordinator/json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* Length of the UTF-8 sequence that begins here, 0 if it is none (RFC 3629: shortest form, no
 * surrogates, up to U+10FFFF). The text ends with a zero byte, which no sequence contains. */
static size_t utf8_bytes(const unsigned char *p)
{
    static const struct {
        uint8_t first, last, low, high; /* range of byte 0, range of byte 1 */
        size_t bytes;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    if (p[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (p[0] < forms[i].first || p[0] > forms[i].last)
            continue;
        if (p[1] < forms[i].low || p[1] > forms[i].high)
            return 0;
        for (size_t k = 2; k < forms[i].bytes; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].bytes;
    }
    return 0;
}

void coordinator_json_string(FILE *file, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    fputc('"', file);
    while (*p) {
        size_t bytes = utf8_bytes(p);
        if (bytes == 0) {
            fputs("\\ufffd", file);
            bytes = 1;
        } else if (*p == '"' || *p == '\\') {
            fprintf(file, "\\%c", *p);
        } else if (*p < 0x20) {
            fprintf(file, "\\u%04x", *p);
        } else {
            fwrite(p, 1, bytes, file);
        }
        p += bytes;
    }
    fputc('"', file);
}

void coordinator_json_float(FILE *file, float value)
{
    char text[32];
    if (!isfinite(value)) {
        fputs("null", file);
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    fputs(text, file);
}

void coordinator_json_double(FILE *file, double value)
{
    char text[40];
    if (!isfinite(value)) {
        fputs("null", file);
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, file);
}

void coordinator_json_ms(FILE *file, double ms)
{
    char text[350]; /* %f of the largest double */
    if (!isfinite(ms)) {
        fputs("null", file);
        return;
    }
    snprintf(text, sizeof text, "%.3f", ms);
    fputs(text, file);
}
