/* The evaluation as text for people and as JSON for programs. */
#ifndef COORDINATOR_EVAL_REPORT_H
#define COORDINATOR_EVAL_REPORT_H

#include <stdio.h>

#include "coordinator/eval/result.h"

/* results: one, or two that are compared; differences NULL for one. */
struct eval_report {
    const struct eval_settings *settings;
    const struct eval_result *results[2];
    int count;
    const struct eval_difference *differences;
};

void eval_report_text(const struct eval_report *report, FILE *out);
/* One object in one line. Returns PROTO_OK, PROTO_NO_MEMORY or PROTO_IO. */
int eval_report_json(const struct eval_report *report, FILE *out);

#endif
