/* muster bench --ops: the single operations Eisenbach et al. 2017 measured on the Titan X and the Jetson TX1, in
 * f32 and f16, on the device at hand.
 */
#ifndef CLI_BENCH_OPS_H
#define CLI_BENCH_OPS_H

#include <stdbool.h>

/* device: "cpu", "cuda:0", without a precision. Prints a row an operation: medians of 50 runs after 3 that don't count.
 * Returns PROTO_OK, or why the device or an operation failed: logged. */
int bench_ops_run(const char *device, bool json);

#endif
