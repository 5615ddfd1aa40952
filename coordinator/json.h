/* JSON values written straight to a stream, without memory: what a line a frame needs. NAN
 * and infinities become null. muster stays in the C locale, so a number has a point. Strings that are not UTF-8 have their bad
 * bytes replaced by U+FFFD, because file names may hold anything.
 */
#ifndef COORDINATOR_JSON_H
#define COORDINATOR_JSON_H

#include <stdio.h>

void coordinator_json_string(FILE *file, const char *text);
/* The fewest digits that read back as the same value. */
void coordinator_json_float(FILE *file, float value);
void coordinator_json_double(FILE *file, double value);
/* A time: microseconds are enough. */
void coordinator_json_ms(FILE *file, double ms);

#endif
