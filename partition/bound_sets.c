/* Ranges of rows, and workers that are alike, for the bound (partition/bound_sets.h). */
#include "partition/bound_sets.h"

#include <math.h>
#include <stdlib.h>

#include "proto/status.h"

void bound_sets_free(struct bound_sets *sets)
{
    if (!sets)
        return;
    for (int32_t b = 0; b < BOUND_BASES; b++) {
        free(sets->bases[b].begins);
        free(sets->bases[b].ends);
        free(sets->bases[b].before);
        free(sets->bases[b].sum);
        free(sets->bases[b].until);
        free(sets->bases[b].from);
    }
    free(sets->work);
    free(sets->price);
    free(sets->taken);
    free(sets->before);
    free(sets->base_of);
    free(sets->inside);
    free(sets->mean);
    free(sets->best_price);
    free(sets->begin_of);
    free(sets->end_of);
    free(sets->kinds);
    free(sets->densities);
    free(sets);
}

static int compare_u32(const void *pa, const void *pb)
{
    const uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    return (a > b) - (a < b);
}

static int32_t distinct(uint32_t *list, int32_t count)
{
    int32_t n = 0;
    qsort(list, (size_t)count, sizeof *list, compare_u32);
    for (int32_t i = 0; i < count; i++)
        if (i == 0 || list[i] != list[n - 1])
            list[n++] = list[i];
    return n;
}

/* Keep at most BOUND_EDGES of them, evenly. */
static int32_t thin(uint32_t *list, int32_t count)
{
    if (count <= BOUND_EDGES)
        return count;
    for (int32_t i = 0; i < BOUND_EDGES; i++)
        list[i] = list[(int64_t)i * (count - 1) / (BOUND_EDGES - 1)];
    return BOUND_EDGES;
}

/* The first at or behind the key, the last at or before it. */
static int32_t at_or_behind(const uint32_t *list, int32_t count, uint32_t key)
{
    int32_t i = 0;
    while (i < count - 1 && list[i] < key)
        i++;
    return i;
}

static int32_t at_or_before(const uint32_t *list, int32_t count, uint32_t key)
{
    int32_t i = count - 1;
    while (i > 0 && list[i] > key)
        i--;
    return i;
}

int32_t bound_class_of(const struct bound_base *base, double bytes)
{
    const int32_t c = 1 + (int32_t)(bytes / base->bytes * base->class_count);
    return c > base->class_count ? base->class_count : c;
}

/* Bases, the one with most bytes first. */
static void find_bases(struct bound_sets *sets)
{
    const struct plan_problem *problem = sets->problem;
    uint32_t first = 0;
    for (uint32_t e = 0; e <= problem->parts; e++) {
        if (e < problem->parts && problem->bytes[e] > 0)
            continue;
        if (e > first && sets->base_count < BOUND_BASES) {
            int32_t b = sets->base_count++;
            const struct bound_base base = {
                .first = first, .last = e, .bytes = sets->before[e] - sets->before[first]};
            for (; b > 0 && sets->bases[b - 1].bytes < base.bytes; b--)
                sets->bases[b] = sets->bases[b - 1];
            sets->bases[b] = base;
        }
        first = e + 1;
    }
}

static bool lies_in(const struct plan_problem *problem, uint32_t item,
                    const struct bound_base *base)
{
    return problem->first[item] < problem->last[item] && problem->first[item] >= base->first &&
           problem->first[item] < base->last;
}

/* Where the items of a base begin and end. */
static int find_edges(struct bound_sets *sets, struct bound_base *base)
{
    const struct plan_problem *problem = sets->problem;
    int32_t count = 0;
    base->begins = calloc(problem->items + 1, sizeof *base->begins);
    base->ends = calloc(problem->items + 1, sizeof *base->ends);
    base->before = calloc(BOUND_EDGES + 1, sizeof *base->before);
    base->until = calloc(BOUND_EDGES + 2, sizeof *base->until);
    base->from = calloc(BOUND_EDGES + 2, sizeof *base->from);
    base->sum = calloc(BOUND_EDGES * BOUND_EDGES, sizeof *base->sum);
    if (!base->begins || !base->ends || !base->before || !base->until || !base->sum || !base->from)
        return PROTO_NO_MEMORY;
    for (uint32_t i = 0; i < problem->items; i++)
        if (lies_in(problem, i, base)) {
            base->begins[count] = problem->first[i];
            base->ends[count++] = problem->last[i];
        }
    base->begin_count = thin(base->begins, distinct(base->begins, count));
    base->end_count = thin(base->ends, distinct(base->ends, count));
    for (int32_t a = 0; a < base->begin_count; a++)
        for (int32_t e = 0; e < base->end_count && base->ends[e] <= base->begins[a]; e++)
            base->before[a] = e + 1;
    return PROTO_OK;
}

static void find_classes(const struct bound_sets *sets, struct bound_base *base)
{
    for (int32_t c = 1; c <= base->class_count; c++)
        base->least[c] = INFINITY;
    for (int32_t a = 0; a < base->begin_count; a++)
        for (int32_t e = base->before[a]; e < base->end_count; e++) {
            const double bytes = bound_range_bytes(sets, base, a, e);
            const int32_t c = bound_class_of(base, bytes);
            base->least[c] = fmin(base->least[c], bytes);
            base->most[c] = fmax(base->most[c], bytes);
        }
}

/* An item that is nothing between the edges that are left counts as needing no pixels. */
static void place_items(struct bound_sets *sets, int32_t b)
{
    const struct plan_problem *problem = sets->problem;
    const struct bound_base *base = &sets->bases[b];
    for (uint32_t i = 0; i < problem->items; i++) {
        if (!lies_in(problem, i, base))
            continue;
        sets->begin_of[i] = at_or_behind(base->begins, base->begin_count, problem->first[i]);
        sets->end_of[i] = at_or_before(base->ends, base->end_count, problem->last[i]);
        if (base->ends[sets->end_of[i]] > base->begins[sets->begin_of[i]])
            sets->base_of[i] = b;
    }
}

static void find_kinds(struct bound_sets *sets)
{
    const struct plan_problem *problem = sets->problem;
    for (int32_t r = 0; r < problem->workers; r++) {
        const int32_t j = problem->rank[r];
        const struct bound_kind kind = {problem->fixed_us[j], problem->speed[j], problem->link[j],
                                        1};
        int32_t k = 0;
        for (; k < sets->kind_count; k++) {
            const struct bound_kind *old = &sets->kinds[k];
            if (old->fixed_us == kind.fixed_us && old->speed == kind.speed &&
                old->link == kind.link)
                break;
        }
        if (k == sets->kind_count)
            sets->kinds[sets->kind_count++] = kind;
        else
            sets->kinds[k].count++;
    }
}

struct bound_sets *bound_sets_new(const struct plan_problem *problem)
{
    struct bound_sets *sets = calloc(1, sizeof *sets);
    if (!sets)
        return NULL;
    const size_t items = (size_t)problem->items + 1;
    sets->problem = problem;
    sets->worth = isfinite(problem->port) ? 1 : 0;
    sets->work = calloc(items, sizeof *sets->work);
    sets->price = calloc(items, sizeof *sets->price);
    sets->taken = calloc(items, sizeof *sets->taken);
    sets->before = calloc((size_t)problem->parts + 2, sizeof *sets->before);
    sets->base_of = calloc(items, sizeof *sets->base_of);
    sets->inside = calloc(items, 1);
    sets->mean = calloc(items, sizeof *sets->mean);
    sets->best_price = calloc(items, sizeof *sets->best_price);
    sets->begin_of = calloc(items, sizeof *sets->begin_of);
    sets->end_of = calloc(items, sizeof *sets->end_of);
    sets->kinds = calloc((size_t)problem->workers, sizeof *sets->kinds);
    sets->densities = calloc(items, sizeof *sets->densities);
    if (!sets->inside || !sets->mean || !sets->best_price || !sets->work || !sets->price ||
        !sets->taken || !sets->before || !sets->base_of || !sets->begin_of || !sets->end_of ||
        !sets->kinds || !sets->densities)
        goto fail;
    for (uint32_t e = 0; e < problem->parts; e++)
        sets->before[e + 1] = sets->before[e] + problem->bytes[e];
    for (uint32_t i = 0; i < problem->items; i++) {
        sets->base_of[i] = -1;
        sets->work[i] = plan_problem_work(problem, i);
    }
    find_bases(sets);
    for (int32_t b = 0; b < sets->base_count; b++) {
        struct bound_base *base = &sets->bases[b];
        base->class_count = b == 0 ? BOUND_CLASSES : b == 1 ? BOUND_CLASSES_1 : 1;
        if (find_edges(sets, base) != PROTO_OK)
            goto fail;
        find_classes(sets, base);
        place_items(sets, b);
    }
    find_kinds(sets);
    return sets;
fail:
    bound_sets_free(sets);
    return NULL;
}
