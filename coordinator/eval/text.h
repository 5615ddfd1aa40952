/* A text file read whole, then taken line by line; fields of a line are cut in place. */
#ifndef COORDINATOR_EVAL_TEXT_H
#define COORDINATOR_EVAL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct eval_text {
    char *data;
    size_t size, at;
    int line; /* number of the line taken last, from 1 */
};

/* Returns PROTO_OK, PROTO_NOT_FOUND (cannot be opened), PROTO_IO, PROTO_LIMIT (over 2 GiB), PROTO_FORMAT (a zero byte), PROTO_NO_MEMORY; logged. */
int eval_text_open(const char *path, struct eval_text *text);
void eval_text_close(struct eval_text *text);

/* Next line that is not blank and not a # comment, without its end; NULL at the end. */
char *eval_text_next(struct eval_text *text);

/* Cut a CSV line at its commas (a field may be "quoted, with ""quotes"""). Returns the number of
 * fields, at most `most`, or -1 when there are more or a quote is not closed. */
int eval_text_fields(char *line, char **fields, int most);

/* A whole field as a finite number; false for anything else. */
bool eval_text_number(const char *field, double *out);

#endif
