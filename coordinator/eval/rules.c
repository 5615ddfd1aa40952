/* The evaluation's settings: named subsets and height ranges. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/eval/match.h"
#include "proto/status.h"

/* The first two are Caltech's; the others are the heights that the three nets of the default model serve. */
static const struct eval_subset subsets[] = {
    {"reasonable", 50, INFINITY, 0.65, "50 px and taller, at least 65 % visible"},
    {"all", 20, INFINITY, 0.2, "20 px and taller, at least 20 % visible"},
    {"near", 300, 927, 0.65, "300 to 927 px, at least 65 % visible"},
    {"medium", 150, 290, 0.65, "150 to 290 px, at least 65 % visible"},
    {"far", 75, 143, 0.65, "75 to 143 px, at least 65 % visible"},
};
enum { SUBSET_COUNT = sizeof(subsets) / sizeof(*subsets) };

const struct eval_subset *eval_subset_at(int index)
{
    return index >= 0 && index < SUBSET_COUNT ? &subsets[index] : NULL;
}

void eval_rules_defaults(struct eval_rules *rules)
{
    *rules = (struct eval_rules){.overlap = 0.5, .aspect = 0.41, .margin = 1.25};
    eval_rules_subset(rules, "reasonable");
}

int eval_rules_subset(struct eval_rules *rules, const char *name)
{
    for (int i = 0; i < SUBSET_COUNT; i++) {
        if (strcmp(name, subsets[i].name) != 0)
            continue;
        snprintf(rules->name, sizeof(rules->name), "%s", name);
        rules->min_height = subsets[i].min_height;
        rules->max_height = subsets[i].max_height;
        rules->min_visible = subsets[i].min_visible;
        return PROTO_OK;
    }
    return PROTO_NOT_FOUND;
}

int eval_rules_height(struct eval_rules *rules, const char *text)
{
    char *end;
    double low = strtod(text, &end);
    if (end == text || *end != ':' || !(low >= 0) || !isfinite(low))
        return PROTO_INVALID;
    const char *rest = end + 1;
    double high = strtod(rest, &end);
    if (!*rest)
        high = INFINITY;
    if (*end || (*rest && end == rest) || !(high > low))
        return PROTO_INVALID;
    snprintf(rules->name, sizeof(rules->name), "height %.20s", text);
    rules->min_height = low;
    rules->max_height = high;
    return PROTO_OK;
}
