/* Truth as CSV with a header: frame (or file), x, y, w, h and optionally label, ignore, visible. Other
 * columns (note, distance_m) are allowed and not used. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/eval/text.h"
#include "coordinator/eval/truth_rows.h"
#include "proto/log.h"
#include "proto/status.h"

enum { FIELDS_MAX = 64 };

/* clang-format off */
#define COLUMNS(X)                                                                                 \
    X(FRAME, "frame") X(X, "x") X(Y, "y") X(W, "w") X(H, "h")                                      \
    X(LABEL, "label") X(IGNORE, "ignore") X(VISIBLE, "visible")
enum column {
#define X(name, text) COLUMN_##name,
    COLUMNS(X)
#undef X
    COLUMN_COUNT
};
static const char *const column_name[COLUMN_COUNT] = {
#define X(name, text) text,
    COLUMNS(X)
#undef X
};
/* clang-format on */

struct header {
    int fields;
    int at[COLUMN_COUNT]; /* -1: the file does not have it */
};

static int bad_line(const char *path, int line, const char *what)
{
    proto_log_error("eval", "%s line %d: %s", path, line, what);
    return PROTO_FORMAT;
}

static int read_header(const char *path, struct eval_text *text, struct header *header)
{
    char *field[FIELDS_MAX], *line = eval_text_next(text);
    if (!line)
        return bad_line(path, 1, "the file is empty; a header like frame,x,y,w,h is needed");
    header->fields = eval_text_fields(line, field, FIELDS_MAX);
    if (header->fields < 0)
        return bad_line(path, text->line, "the header is no CSV line");
    for (int c = 0; c < COLUMN_COUNT; c++) {
        header->at[c] = -1;
        for (int f = 0; f < header->fields; f++) {
            bool same = !strcmp(field[f], column_name[c]) ||
                        (c == COLUMN_FRAME && !strcmp(field[f], "file"));
            if (same && header->at[c] >= 0)
                return bad_line(path, text->line, "a column appears twice in the header");
            if (same)
                header->at[c] = f;
        }
        if (header->at[c] < 0 && c <= COLUMN_H) {
            proto_log_error("eval", "%s line %d: the header has no column '%s'", path, text->line,
                            column_name[c]);
            return PROTO_FORMAT;
        }
    }
    return PROTO_OK;
}

/* What is wrong with the line, or NULL; fills row. */
static const char *parse_row(const struct header *header, char **field, struct eval_truth_row *row)
{
    double number[COLUMN_COUNT] = {[COLUMN_VISIBLE] = 1};
    static const enum column numeric[] = {COLUMN_X, COLUMN_Y,      COLUMN_W,
                                          COLUMN_H, COLUMN_IGNORE, COLUMN_VISIBLE};
    for (size_t i = 0; i < sizeof(numeric) / sizeof(*numeric); i++) {
        int at = header->at[numeric[i]];
        if (at >= 0 && !eval_text_number(field[at], &number[numeric[i]]))
            return "x, y, w, h, ignore and visible must be finite numbers";
    }
    row->name = field[header->at[COLUMN_FRAME]];
    if (!*row->name)
        return "the frame has no name";
    row->truth.box =
        (struct eval_box){number[COLUMN_X], number[COLUMN_Y], number[COLUMN_W], number[COLUMN_H]};
    if (!eval_box_valid(&row->truth.box))
        return "w and h must be positive and the box within 1000000 pixels";
    if (number[COLUMN_IGNORE] != 0 && number[COLUMN_IGNORE] != 1)
        return "ignore must be 0 or 1";
    if (!(number[COLUMN_VISIBLE] >= 0 && number[COLUMN_VISIBLE] <= 1))
        return "visible must be between 0 and 1";
    int label =
        header->at[COLUMN_LABEL] >= 0 ? eval_truth_label(field[header->at[COLUMN_LABEL]]) : 0;
    if (label < 0)
        return "the label must be person, person?, people or ignore";
    row->truth.ignore = label == 1 || number[COLUMN_IGNORE] == 1;
    row->truth.visible = number[COLUMN_VISIBLE];
    return NULL;
}

int eval_truth_csv_read(const char *path, struct eval_truth_rows *rows)
{
    struct eval_text text;
    struct header header;
    int status = eval_text_open(path, &text);
    if (!status)
        status = read_header(path, &text, &header);
    char *line;
    while (!status && (line = eval_text_next(&text))) {
        char *field[FIELDS_MAX];
        struct eval_truth_row row = {.line = text.line};
        const char *wrong = eval_text_fields(line, field, FIELDS_MAX) == header.fields
                                ? parse_row(&header, field, &row)
                                : "the line does not have as many fields as the header";
        if (wrong)
            status = bad_line(path, text.line, wrong);
        else
            status = eval_truth_rows_add(rows, &row);
    }
    eval_text_close(&text);
    return status;
}
