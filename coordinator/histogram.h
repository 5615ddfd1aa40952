/* Percentiles of any number of times in fixed memory: counts in buckets 0.5 % wide, so a figure is
 * within 0.25 % of the true one. Sum and extremes are exact.
 */
#ifndef COORDINATOR_HISTOGRAM_H
#define COORDINATOR_HISTOGRAM_H

#include <stdint.h>

enum { COORDINATOR_HISTOGRAM_BUCKETS = 4700 };

/* Zeroed is empty. Values are milliseconds; below 1 us counts as 1 us, above 4 hours as that. */
struct coordinator_histogram {
    uint64_t count;
    double sum, min, max;
    uint32_t buckets[COORDINATOR_HISTOGRAM_BUCKETS];
};

void coordinator_histogram_add(struct coordinator_histogram *histogram, double ms);

/* The smallest value that `percent` per cent of all values do not exceed; NAN when empty. */
double coordinator_histogram_percentile(const struct coordinator_histogram *histogram,
                                        double percent);
double coordinator_histogram_mean(const struct coordinator_histogram *histogram);

#endif
