/* Names with numbers: their natural order, and printf-like patterns. Pure.
 */
#ifndef COORDINATOR_NATURAL_H
#define COORDINATOR_NATURAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Like strcmp, but runs of digits compare as numbers: f2 < f10. Equal numbers with more leading
 * zeros come later, so that only equal names compare equal. */
int coordinator_natural_compare(const char *a, const char *b);

/* A text with one number in it, as in "dir/f%04d.png". */
struct coordinator_pattern {
    const char *text;               /* borrowed */
    size_t number_at, number_bytes; /* the conversion */
    int width;                      /* least digits */
    bool zeros;                     /* fill with 0, else with blanks */
};

/* Accepts exactly one %d, %i or %u with an optional 0 and width (up to 20); %% stands for itself.
 * The text never reaches printf. Returns NULL, or what is wrong. */
const char *coordinator_pattern_parse(struct coordinator_pattern *pattern, const char *text);

/* Write the text with its number. Returns false when it does not fit. */
bool coordinator_pattern_format(const struct coordinator_pattern *pattern, uint64_t number,
                                char *out, size_t cap_bytes);

#endif
