/* Prices that show as much as possible (partition/bound_sets.h). */
#include "partition/bound_sets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"

enum { STEPS = 30 }; /* for each period tried; a hundred gain another 1 or 2 % of it */
#define MEMORY 0.2   /* weight of the last answer in their mean */

/* Whether prices are found that rule the period out: the volume algorithm (Barahona, Anbil 2000), steps
 * from the best prices along the mean of the relaxation's answers, in the prices' logarithms. */
static bool ruled_out(struct bound_sets *sets, double period_us, int32_t steps)
{
    const struct plan_problem *problem = sets->problem;
    const double port = sets->worth > 0 ? period_us * problem->port : 0;
    const size_t size = problem->items * sizeof *sets->price;
    double gain = 0.2, best = -INFINITY;
    int32_t idle = 0;
    for (int32_t step = 0; step < steps; step++) {
        const double bytes = bound_bytes(sets, period_us);
        double scale = 0;
        for (uint32_t i = 0; i < problem->items; i++)
            scale += sets->price[i];
        if (bytes > port + 1e-9 * scale)
            return true;
        for (uint32_t i = 0; i < problem->items; i++)
            sets->mean[i] =
                step == 0 ? sets->taken[i] : (1 - MEMORY) * sets->mean[i] + MEMORY * sets->taken[i];
        if (bytes > best) {
            double along = 0;
            for (uint32_t i = 0; i < problem->items; i++)
                along += sets->price[i] * (1 - sets->mean[i]) * (1 - sets->taken[i]);
            if (along > 0 && step > 0)
                gain *= 1.3;
            best = bytes;
            idle = 0;
            memcpy(sets->best_price, sets->price, size);
        } else if (++idle == 3) {
            gain *= 0.7;
            idle = 0;
        }
        double norm = 0, all = 0;
        for (uint32_t i = 0; i < problem->items; i++) {
            const double v = 1 - sets->mean[i];
            norm += sets->best_price[i] * v * v;
            all += sets->best_price[i];
        }
        if (!(norm > 0))
            break;
        const double stride = fmin(1, gain * (1.05 * port + 1e-3 * all - best) / norm);
        for (uint32_t i = 0; i < problem->items; i++)
            sets->price[i] = fmax(sets->best_price[i], 1e-6 * all / problem->items) *
                             exp(fmax(-3, stride * (1 - sets->mean[i])));
    }
    memcpy(sets->price, sets->best_price, size);
    return false;
}

/* Prices of three parts, each with its weight: work, work of items that need no pixels, and the bytes an
 * item would need alone. */
enum { PARTS = 3 };

static double price_by(struct bound_sets *sets, const double *weight, double period_us)
{
    const struct plan_problem *problem = sets->problem;
    double sum = 0;
    for (uint32_t i = 0; i < problem->items; i++)
        sum += sets->work[i];
    for (uint32_t i = 0; i < problem->items; i++) {
        const double bytes = sets->before[problem->last[i]] - sets->before[problem->first[i]];
        sets->price[i] = weight[bytes > 0 ? 0 : 1] * problem->all_bytes * sets->work[i] / sum +
                         weight[2] * bytes / problem->items;
    }
    return bound_bytes(sets, period_us);
}

/* Weights that say most for a period; from those given, one after the other up and down. */
static void price_simply(struct bound_sets *sets, double period_us, double *weight)
{
    double best = price_by(sets, weight, period_us);
    for (double factor = 4; factor > 1.05; factor = sqrt(factor)) {
        for (bool better = true; better;) {
            better = false;
            for (int p = 0; p < PARTS; p++)
                for (int up = 0; up < 2; up++) {
                    const double old = weight[p];
                    weight[p] *= up ? factor : 1 / factor;
                    const double bytes = price_by(sets, weight, period_us);
                    if (bytes > best + 1e-6 * sets->problem->all_bytes) {
                        best = bytes;
                        better = true;
                    } else {
                        weight[p] = old;
                    }
                }
        }
    }
    price_by(sets, weight, period_us);
}

int bound_sets_raise(const struct plan_problem *problem, double *period_us)
{
    struct bound_sets *sets = bound_sets_new(problem);
    double weight[PARTS] = {2, 1, 0.1};
    if (!sets)
        return PROTO_NO_MEMORY;
    price_simply(sets, *period_us * 1.25, weight);
    for (double step = 0.25; step > 0.003;) {
        if (ruled_out(sets, *period_us * (1 + step), STEPS))
            *period_us *= 1 + step;
        else
            step /= 2;
    }
    bound_sets_free(sets);
    return PROTO_OK;
}
