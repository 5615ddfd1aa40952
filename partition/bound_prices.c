/* What prices of items say about the bytes that must be sent (partition/bound_sets.h). */
#include "partition/bound_sets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The grid of prices of work: quantiles, by work, of what items are paid per work. */
static int compare_keys(const void *pa, const void *pb)
{
    const struct bound_density *a = pa, *b = pb;
    return (a->density < b->density) - (a->density > b->density);
}

static void choose_work_prices(struct bound_sets *sets)
{
    struct bound_density *list = sets->densities;
    const struct plan_problem *problem = sets->problem;
    double sum = 0, seen = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < problem->items; i++)
        if (sets->work[i] > 0 && sets->price[i] > 0) {
            list[count++] = (struct bound_density){sets->price[i] / sets->work[i], sets->work[i]};
            sum += sets->work[i];
        }
    qsort(list, count, sizeof *list, compare_keys);
    int32_t m = 0;
    for (uint32_t i = 0; i < count && m < BOUND_PRICES - 1; i++) {
        seen += list[i].work;
        if (seen >= sum * (m + 0.5) / (BOUND_PRICES - 1))
            sets->work_price[m++] = list[i].density;
    }
    while (m < BOUND_PRICES)
        sets->work_price[m++] = 0;
}

/* Of each range the value of the items inside it, for price m of work, less its bytes. */
static void value_ranges(struct bound_sets *sets, int32_t b, int32_t m)
{
    const struct plan_problem *problem = sets->problem;
    struct bound_base *base = &sets->bases[b];
    const int32_t ends = base->end_count;
    const double price = sets->work_price[m];
    memset(base->sum, 0, (size_t)(base->begin_count * ends) * sizeof *base->sum);
    for (uint32_t i = 0; i < problem->items; i++) {
        const double gain = sets->price[i] - price * sets->work[i];
        if (sets->base_of[i] == b && gain > 0)
            base->sum[sets->begin_of[i] * ends + sets->end_of[i]] += gain;
    }
    for (int32_t c = 0; c <= base->class_count; c++)
        base->value[c][m] = c > 0 ? -INFINITY : 0;
    for (int32_t a = base->begin_count; a-- > 0;) {
        double *row = base->sum + a * ends;
        const double *below = row + ends;
        double run = 0;
        for (int32_t e = base->before[a]; e < ends; e++) {
            run += row[e];
            row[e] = run + (a + 1 < base->begin_count ? below[e] : 0);
        }
    }
    for (int32_t a = 0; a < base->begin_count; a++)
        for (int32_t e = base->before[a]; e < ends; e++) {
            const double bytes = bound_range_bytes(sets, base, a, e);
            const double value = base->sum[a * ends + e] -= sets->worth * bytes;
            const int32_t c = bound_class_of(base, bytes);
            if (value > base->value[c][m]) {
                base->value[c][m] = value;
                base->best[c][m] = (struct bound_range){a, e};
            }
        }
}

/* The best of several ranges apart from each other, none with more bytes than `limit`. */
static double value_apart(const struct bound_sets *sets, struct bound_base *base, int32_t m,
                          double limit, struct bound_ranges *chosen)
{
    double best = 0;
    chosen->count = 0;
    for (int32_t c = 1; c <= base->class_count; c++)
        if (base->least[c] <= limit)
            best = fmax(best, base->value[c][m]);
    if (!(best > 0))
        return 0;
    base->until[0] = 0;
    for (int32_t e = 0; e < base->end_count; e++) {
        double value = base->until[e];
        base->from[e + 1] = -1;
        for (int32_t a = 0; a < base->begin_count && base->before[a] <= e; a++) {
            const double with = base->until[base->before[a]] + base->sum[a * base->end_count + e];
            if (with > value && bound_range_bytes(sets, base, a, e) <= limit) {
                value = with;
                base->from[e + 1] = a;
            }
        }
        base->until[e + 1] = value;
    }
    for (int32_t e = base->end_count; e > 0 && chosen->count < BOUND_RANGES;) {
        const int32_t a = base->from[e];
        if (a >= 0)
            chosen->list[chosen->count++] = (struct bound_range){a, e - 1};
        e = a >= 0 ? base->before[a] : e - 1;
    }
    return base->until[base->end_count];
}

static void value_base(struct bound_sets *sets, int32_t b)
{
    struct bound_base *base = &sets->bases[b];
    for (int32_t m = 0; m < BOUND_PRICES; m++) {
        double further[BOUND_LIMITS];
        value_ranges(sets, b, m);
        if (b > 1) {
            sets->loose[m] += value_apart(sets, base, m, base->bytes, &base->rest[0][m]);
            continue;
        }
        for (int32_t l = 0; l < BOUND_LIMITS; l++)
            further[l] = value_apart(sets, base, m, base->bytes / (2 << l), &base->rest[l][m]);
        for (int32_t c = 1; c <= base->class_count; c++) {
            const double rest = fmin(base->most[c], base->bytes - base->least[c]);
            int32_t l = BOUND_LIMITS - 1;
            while (l > 0 && base->bytes / (2 << l) < rest)
                l--;
            base->value[c][m] += further[l];
            base->limit_of[c] = l;
        }
    }
}

struct choice {
    int32_t c0, c1, m;
    double value;
};

/* The best a worker of this kind could have within the period. */
static struct choice best_of_kind(const struct bound_sets *sets, const struct bound_kind *kind,
                                  double period_us)
{
    static const struct bound_base none = {.class_count = 0};
    const struct bound_base *b0 = sets->base_count > 0 ? &sets->bases[0] : &none;
    const struct bound_base *b1 = sets->base_count > 1 ? &sets->bases[1] : &none;
    const double room = (period_us - kind->fixed_us) * kind->speed;
    const double pass = period_us * kind->link;
    struct choice best = {0, 0, 0, 0};
    double own[BOUND_PRICES];
    if (!(room >= 0))
        return best;
    for (int32_t m = 0; m < BOUND_PRICES; m++)
        own[m] = sets->work_price[m] * room + sets->loose[m];
    for (int32_t c0 = 0; c0 <= b0->class_count; c0++) {
        if (!(b0->least[c0] <= pass * (1 + 1e-9)))
            continue;
        for (int32_t c1 = 0; c1 <= b1->class_count; c1++) {
            double least = INFINITY;
            int32_t at = 0;
            if (!(b0->least[c0] + b1->least[c1] <= pass * (1 + 1e-9)))
                continue;
            for (int32_t m = 0; m < BOUND_PRICES; m++) {
                const double value = own[m] + b0->value[c0][m] + b1->value[c1][m];
                if (value < least) {
                    least = value;
                    at = m;
                }
            }
            if (least > best.value)
                best = (struct choice){c0, c1, at, least};
        }
    }
    return best;
}

static void mark_ranges(struct bound_sets *sets, int32_t b, const struct bound_range *list,
                        int32_t count)
{
    for (uint32_t i = 0; i < sets->problem->items; i++)
        for (int32_t r = 0; r < count && sets->base_of[i] == b; r++)
            if (sets->begin_of[i] >= list[r].begin && sets->end_of[i] <= list[r].end)
                sets->inside[i] = 1;
}

/* taken: how often the items are computed in the relaxation. */
static void take(struct bound_sets *sets, const struct bound_kind *kind, double period_us,
                 const struct choice *choice)
{
    const double room = (period_us - kind->fixed_us) * kind->speed;
    const double price = sets->work_price[choice->m];
    const int32_t m = choice->m;
    double sum = 0;
    if (!(choice->value > 0))
        return;
    for (uint32_t i = 0; i < sets->problem->items; i++)
        sets->inside[i] = sets->base_of[i] < 0;
    for (int32_t b = 0; b < sets->base_count; b++) {
        const struct bound_base *base = &sets->bases[b];
        const int32_t c = b == 0 ? choice->c0 : choice->c1;
        if (b > 1) {
            mark_ranges(sets, b, base->rest[0][m].list, base->rest[0][m].count);
        } else if (c > 0) {
            const struct bound_ranges *rest = &base->rest[base->limit_of[c]][m];
            mark_ranges(sets, b, &base->best[c][m], 1);
            mark_ranges(sets, b, rest->list, rest->count);
        }
    }
    double partly = 0;
    const double next = m + 1 < BOUND_PRICES ? sets->work_price[m + 1] : 0;
    for (uint32_t i = 0; i < sets->problem->items; i++) {
        const double work = sets->work[i];
        if (!sets->inside[i])
            continue;
        if (sets->price[i] > price * work)
            sum += work;
        else if (sets->price[i] >= next * work)
            partly += work;
    }
    const double share = sum > room ? room / sum : 1;
    const double part = sum < room && partly > 0 ? fmin(1, (room - sum) / partly) : 0;
    for (uint32_t i = 0; i < sets->problem->items; i++) {
        const double work = sets->work[i];
        if (sets->inside[i] && sets->price[i] > price * work)
            sets->taken[i] += share * kind->count;
        else if (sets->inside[i] && sets->price[i] >= next * work)
            sets->taken[i] += part * kind->count;
    }
}

/* Bytes that must pass the port at least, for these prices. */
double bound_bytes(struct bound_sets *sets, double period_us)
{
    const struct plan_problem *problem = sets->problem;
    double bytes = 0;
    choose_work_prices(sets);
    for (int32_t m = 0; m < BOUND_PRICES; m++) {
        sets->loose[m] = 0;
        for (uint32_t i = 0; i < problem->items; i++)
            if (sets->base_of[i] < 0)
                sets->loose[m] += fmax(0, sets->price[i] - sets->work_price[m] * sets->work[i]);
    }
    for (int32_t b = 0; b < sets->base_count; b++)
        value_base(sets, b);
    for (uint32_t i = 0; i < problem->items; i++) {
        bytes += sets->price[i];
        sets->taken[i] = 0;
    }
    for (int32_t k = 0; k < sets->kind_count; k++) {
        const struct choice choice = best_of_kind(sets, &sets->kinds[k], period_us);
        bytes -= choice.value * sets->kinds[k].count;
        take(sets, &sets->kinds[k], period_us, &choice);
    }
    return bytes;
}
