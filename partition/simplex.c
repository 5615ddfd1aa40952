/* See simplex.h. */
#include "partition/simplex.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { N = PARTITION_SIMPLEX_MAX };

struct simplex {
    double (*function)(void *arg, const double *x);
    void *arg;
    int n;
    double x[N + 1][N], value[N + 1]; /* best corner first */
};

static void sort(struct simplex *s)
{
    for (int i = 1; i <= s->n; i++)
        for (int j = i; j > 0 && s->value[j] < s->value[j - 1]; j--) {
            const double value = s->value[j];
            s->value[j] = s->value[j - 1];
            s->value[j - 1] = value;
            for (int k = 0; k < s->n; k++) {
                const double x = s->x[j][k];
                s->x[j][k] = s->x[j - 1][k];
                s->x[j - 1][k] = x;
            }
        }
}

/* The worst corner moved through the middle of the others: -1 mirrors it, 0.5 halves its way. */
static double move(const struct simplex *s, double factor, double x[N])
{
    for (int j = 0; j < s->n; j++) {
        double middle = 0;
        for (int i = 0; i < s->n; i++)
            middle += s->x[i][j] / s->n;
        x[j] = middle + factor * (s->x[s->n][j] - middle);
    }
    return s->function(s->arg, x);
}

static void replace_worst(struct simplex *s, const double x[N], double value)
{
    memcpy(s->x[s->n], x, N * sizeof(*x));
    s->value[s->n] = value;
}

static void shrink(struct simplex *s)
{
    for (int i = 1; i <= s->n; i++) {
        for (int j = 0; j < s->n; j++)
            s->x[i][j] = (s->x[i][j] + s->x[0][j]) / 2;
        s->value[i] = s->function(s->arg, s->x[i]);
    }
}

static void step_once(struct simplex *s)
{
    double mirrored[N] = {0}, other[N] = {0};
    const double value = move(s, -1, mirrored);
    if (value < s->value[0]) {
        const double farther = move(s, -2, other);
        if (farther < value)
            replace_worst(s, other, farther);
        else
            replace_worst(s, mirrored, value);
        return;
    }
    if (value < s->value[s->n - 1]) {
        replace_worst(s, mirrored, value);
        return;
    }
    const double closer = move(s, value < s->value[s->n] ? -0.5 : 0.5, other);
    if (closer < fmin(value, s->value[s->n]))
        replace_worst(s, other, closer);
    else
        shrink(s);
}

static double size_of(const struct simplex *s)
{
    double size = 0;
    for (int i = 1; i <= s->n; i++)
        for (int j = 0; j < s->n; j++)
            size = fmax(size, fabs(s->x[i][j] - s->x[0][j]));
    return size;
}

double partition_simplex(double (*function)(void *arg, const double *x), void *arg, double *x,
                         int variables, double step, double tolerance, int steps)
{
    struct simplex s = {.function = function, .arg = arg, .n = variables};
    assert(variables >= 1 && variables <= N);
    for (int i = 0; i <= variables; i++) {
        memcpy(s.x[i], x, (size_t)variables * sizeof(*x));
        if (i > 0)
            s.x[i][i - 1] += step;
        s.value[i] = function(arg, s.x[i]);
    }
    sort(&s);
    for (int i = 0; i < steps && size_of(&s) > tolerance; i++) {
        step_once(&s);
        sort(&s);
    }
    memcpy(x, s.x[0], (size_t)variables * sizeof(*x));
    return s.value[0];
}
