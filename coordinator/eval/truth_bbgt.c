/* Truth as Caltech's text files, one a picture: `% bbGt version=3`, then a line an object,
 *   label x y w h occluded vx vy vw vh ignore angle
 * Source: P. Dollar's Matlab toolbox, detector/bbGt.m (bbGt>bbLoad for the visible share). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/eval/text.h"
#include "coordinator/eval/truth_rows.h"
#include "proto/log.h"
#include "proto/status.h"

/* A person that is marked as occluded, but whose visible part is not given, counts as visible; one whose visible part is the
 * whole box is hidden completely. That is the published rule, odd as it reads. */
static double visible_share(const double v[11])
{
    bool unknown = v[5] == 0 && v[6] == 0 && v[7] == 0 && v[8] == 0;
    bool whole = v[5] == v[0] && v[6] == v[1] && v[7] == v[2] && v[8] == v[3];
    if (v[4] == 0 || unknown)
        return 1;
    return whole ? 0 : v[7] * v[8] / (v[2] * v[3]);
}

static const char *parse_object(char *line, struct eval_truth_row *row)
{
    char *save = NULL, *label = strtok_r(line, " \t", &save);
    double v[11];
    for (int i = 0; i < 11; i++) {
        char *field = strtok_r(NULL, " \t", &save);
        if (!field || !eval_text_number(field, &v[i]))
            return "an object is a label and 11 finite numbers";
    }
    if (strtok_r(NULL, " \t", &save))
        return "an object is a label and 11 finite numbers";
    int kind = eval_truth_label(label);
    if (kind < 0)
        return "the label must be person, person?, people or ignore";
    row->truth.box = (struct eval_box){v[0], v[1], v[2], v[3]};
    if (!eval_box_valid(&row->truth.box))
        return "w and h must be positive and the box within 1000000 pixels";
    if (v[10] != 0)
        return "turned boxes are not supported (the angle must be 0)";
    row->truth.ignore = kind == 1 || v[9] != 0;
    row->truth.visible = visible_share(v);
    if (!(row->truth.visible >= 0 && row->truth.visible <= 1))
        return "the visible part is larger than the person";
    return NULL;
}

/* Name of the frame: the file's name without folder and ".txt". */
static char *frame_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *copy = strdup(name);
    size_t len = strlen(name);
    if (copy && len > 4 && !strcmp(copy + len - 4, ".txt"))
        copy[len - 4] = 0;
    return copy;
}

int eval_truth_bbgt_read(const char *path, struct eval_truth_rows *rows)
{
    struct eval_text text = {0};
    char *line, *name = frame_name(path);
    int status = name ? eval_text_open(path, &text) : PROTO_NO_MEMORY;
    const char *wrong = NULL;
    if (!status && (!(line = eval_text_next(&text)) || strcmp(line, "% bbGt version=3")))
        wrong = "the first line must be '% bbGt version=3'";
    struct eval_truth_row row = {.name = name, .empty = true, .line = 1};
    if (!status && !wrong)
        status = eval_truth_rows_add(rows, &row);
    row.empty = false;
    while (!status && !wrong && (line = eval_text_next(&text))) {
        row.line = text.line;
        wrong = parse_object(line, &row);
        if (!wrong)
            status = eval_truth_rows_add(rows, &row);
    }
    if (wrong) {
        proto_log_error("eval", "%s line %d: %s", path, text.line, wrong);
        status = PROTO_FORMAT;
    }
    eval_text_close(&text);
    free(name);
    return status;
}
