#include "coordinator/natural.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH_MAX = 20 };

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

int coordinator_natural_compare(const char *a, const char *b)
{
    const char *whole_a = a, *whole_b = b;
    while (*a && *b) {
        if (!digit(*a) || !digit(*b)) {
            if (*a != *b)
                return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
            a++;
            b++;
            continue;
        }
        a += strspn(a, "0");
        b += strspn(b, "0");
        size_t len_a = strspn(a, "0123456789"), len_b = strspn(b, "0123456789");
        if (len_a != len_b)
            return len_a < len_b ? -1 : 1;
        int order = memcmp(a, b, len_a);
        if (order != 0)
            return order;
        a += len_a;
        b += len_b;
    }
    if (*a || *b)
        return *a ? 1 : -1;
    size_t bytes_a = strlen(whole_a), bytes_b = strlen(whole_b);
    if (bytes_a != bytes_b)
        return bytes_a < bytes_b ? -1 : 1;
    return strcmp(whole_a, whole_b);
}

const char *coordinator_pattern_parse(struct coordinator_pattern *pattern, const char *text)
{
    *pattern = (struct coordinator_pattern){.text = text};
    for (const char *at = text; *at; at++) {
        if (*at != '%')
            continue;
        if (at[1] == '%') {
            at++;
            continue;
        }
        if (pattern->number_bytes)
            return "more than one number in the pattern (write %% for a percent sign)";
        const char *start = at++;
        if (*at == '0') {
            pattern->zeros = true;
            at++;
        }
        for (; digit(*at) && pattern->width <= WIDTH_MAX; at++)
            pattern->width = pattern->width * 10 + (*at - '0');
        if (pattern->width > WIDTH_MAX)
            return "the number is too wide (at most 20 digits)";
        if (*at == '\0' || !strchr("diu", *at))
            return "a pattern takes a number like %d or %04d, and nothing else";
        pattern->number_at = (size_t)(start - text);
        pattern->number_bytes = (size_t)(at + 1 - start);
    }
    return pattern->number_bytes ? NULL : "no number like %04d in the pattern";
}

bool coordinator_pattern_format(const struct coordinator_pattern *pattern, uint64_t number,
                                char *out, size_t cap_bytes)
{
    const char *text = pattern->text;
    size_t used = 0;
    for (size_t i = 0; text[i] && used < cap_bytes;) {
        if (i == pattern->number_at && pattern->number_bytes) {
            int n = snprintf(out + used, cap_bytes - used, pattern->zeros ? "%0*llu" : "%*llu",
                             pattern->width, (unsigned long long)number);
            if (n < 0)
                return false;
            used += (size_t)n;
            i += pattern->number_bytes;
            continue;
        }
        out[used++] = text[i];
        i += text[i] == '%' ? 2 : 1; /* only %% is left */
    }
    if (used >= cap_bytes)
        return false;
    out[used] = '\0';
    return true;
}
