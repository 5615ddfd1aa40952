/* What libFuzzer and replay.c call, and what the targets share. A target must not crash, leak or hang, whatever
 * the input is; what it refuses, it must refuse with a word (fuzz_refused).
 */
#ifndef TESTS_FUZZ_TARGET_H
#define TESTS_FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* scratch.c: the input as a file, always of the same name, for readers that want one. The log is
 * silent from then on; its errors are counted from each call anew. */
const char *fuzz_file(const uint8_t *data, size_t len);
/* Abort if `status` is a refusal and no error was logged since fuzz_file, or if all is well (PROTO_OK)
 * although an allocation has failed. */
void fuzz_judge(int status);
/* Abort with `what` unless it holds. */
void fuzz_need(bool holds, const char *what);

/* allocation.c: let the n-th of our own allocations from now on fail; 0: none. Libraries' own are not
 * touched. Returns whether the last one asked for has failed. */
bool fuzz_allocation_fail(unsigned n);
bool fuzz_allocation_failed(void);

#endif
