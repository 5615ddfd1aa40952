/* Least value of a function of few variables without derivatives. J. Nelder, R. Mead: A simplex method
 * for function minimization, The Computer Journal 7 (1965). */
#ifndef PARTITION_SIMPLEX_H
#define PARTITION_SIMPLEX_H

enum { PARTITION_SIMPLEX_MAX = 6 }; /* variables */

/* x: 1..PARTITION_SIMPLEX_MAX variables, the start; the best found in the end. step: size of the first
 * simplex. Ends after `steps`, or when all corners are within `tolerance` of each other. */
double partition_simplex(double (*function)(void *arg, const double *x), void *arg, double *x,
                         int variables, double step, double tolerance, int steps);

#endif
