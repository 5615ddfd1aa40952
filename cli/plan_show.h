/* What `muster plan` prints: tables for people, JSON for programs. */
#ifndef CLI_PLAN_SHOW_H
#define CLI_PLAN_SHOW_H

#include <stdio.h>

#include "cli/planning.h"

struct cli_plan_report {
    const struct cli_work *work;
    const struct cli_workers *workers; /* NULL: none named, only the tile set is told */
    const char *split;                 /* "tile" */
    double port_bytes_per_us;
    const struct cli_plan *plan;       /* NULL: none */
    const struct cli_what_if *what_if; /* NULL: none */
    int32_t what_if_count;
    const struct cli_frontier *frontier; /* NULL: no budget */
    double budget_w;                     /* NAN: none */
};

void cli_plan_print(FILE *file, const struct cli_plan_report *report);
/* Stable keys: docs/plan.md. */
void cli_plan_print_json(FILE *file, const struct cli_plan_report *report);

#endif
