#include "coordinator/histogram.h"

#include <math.h>

#define FIRST_MS 1e-3 /* upper edge of bucket 0 */
#define WIDTH    1.005

void coordinator_histogram_add(struct coordinator_histogram *histogram, double ms)
{
    if (isnan(ms))
        return;
    double place = ms > FIRST_MS ? ceil(log(ms / FIRST_MS) / log(WIDTH)) : 0;
    int last = COORDINATOR_HISTOGRAM_BUCKETS - 1;
    histogram->buckets[place < last ? (int)place : last]++;
    histogram->min = histogram->count == 0 || ms < histogram->min ? ms : histogram->min;
    histogram->max = histogram->count == 0 || ms > histogram->max ? ms : histogram->max;
    histogram->sum += ms;
    histogram->count++;
}

double coordinator_histogram_percentile(const struct coordinator_histogram *histogram,
                                        double percent)
{
    if (histogram->count == 0)
        return NAN;
    double rank = fmax(1, ceil(percent / 100 * (double)histogram->count));
    uint64_t seen = 0;
    int i = 0;
    while (i < COORDINATOR_HISTOGRAM_BUCKETS - 1 && (double)(seen += histogram->buckets[i]) < rank)
        i++;
    double middle = FIRST_MS * pow(WIDTH, i - 0.5);
    return fmin(fmax(middle, histogram->min), histogram->max);
}

double coordinator_histogram_mean(const struct coordinator_histogram *histogram)
{
    return histogram->count ? histogram->sum / (double)histogram->count : NAN;
}
