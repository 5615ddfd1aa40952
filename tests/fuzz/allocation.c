/* Failing memory: the linker sends our libraries' allocations here (--wrap). */
#include <stdlib.h>

#include "tests/fuzz/target.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t each);
void *__real_realloc(void *block, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t each);
void *__wrap_realloc(void *block, size_t bytes);

static unsigned until_failure; /* 0: none fails */
static bool failed;

bool fuzz_allocation_fail(unsigned n)
{
    const bool last = failed;
    until_failure = n;
    failed = false;
    return last;
}

bool fuzz_allocation_failed(void)
{
    return failed;
}

static bool fails(void)
{
    if (until_failure == 0 || --until_failure > 0)
        return false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t each)
{
    return fails() ? NULL : __real_calloc(count, each);
}

void *__wrap_realloc(void *block, size_t bytes)
{
    return fails() ? NULL : __real_realloc(block, bytes);
}
