/* Every allocation fails once: what was opened is closed again, and the error is reported.
 *
 * malloc and its kin are replaced for the whole program, libraries included, through names that
 * glibc exports; so this test is for glibc, and without a sanitizer (which replaces them too).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/arena.h"
#include "proto/config.h"
#include "proto/link.h"
#include "proto/status.h"
#include "tests/proto/support.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *memory);

static long until_failure = -1; /* allocations that still succeed; -1: all */
static long alive;              /* allocated and not freed while counting */

static int fails(void)
{
    if (until_failure < 0)
        return 0;
    if (until_failure == 0)
        return 1; /* this one and all later ones */
    until_failure--;
    return 0;
}

static void *counted(void *memory)
{
    alive += memory != NULL;
    return memory;
}

void *malloc(size_t size)
{
    return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    if (fails())
        return NULL;
    void *moved = __libc_realloc(memory, size);
    if (!memory)
        counted(moved);
    return moved;
}

int posix_memalign(void **memory, size_t align, size_t size)
{
    void *got = fails() ? NULL : counted(__libc_memalign(align, size));
    if (!got)
        return ENOMEM;
    *memory = got;
    return 0;
}

void free(void *memory)
{
    alive -= memory != NULL;
    __libc_free(memory);
}

static char last_line[512];

/* Run `attempt` with the first allocation failing, then the second, ... until it succeeds. Each
 * failure must be reported as such and leave nothing behind. */
static void fail_each(int (*attempt)(void))
{
    int status = PROTO_NO_MEMORY;
    long n;
    for (n = 0; status != PROTO_OK; n++) {
        long before = alive;
        assert_true(n < 10000);
        until_failure = n;
        status = attempt();
        until_failure = -1;
        if (status != PROTO_OK)
            assert_in_set((unsigned long)-status,
                          ((const unsigned long[]){-PROTO_NO_MEMORY, -PROTO_IO, -PROTO_FORMAT}), 3);
        assert_int_equal(alive, before);
    }
    assert_true(n > 1);
}

static int load_model(void)
{
    struct proto_config_model *model;
    int status = proto_config_model_load(FUZZ_SEEDS "/config/model.yaml", &model);
    proto_config_model_free(model);
    return status;
}

static int load_detect(void)
{
    struct proto_config_detect config = {0};
    int status = proto_config_detect_load(FUZZ_SEEDS "/config/detect.yaml", &config);
    proto_config_detect_free(&config);
    return status;
}

static int use_link(void)
{
    struct proto_link *ends[3];
    struct proto_link_event event;
    int status = proto_link_local_open(3, ends);
    if (status != PROTO_OK)
        return status;
    status = proto_link_listen(ends[1], 0, 3, 1000);
    for (int i = 0; i < 5 && status == PROTO_OK; i++)
        status = proto_link_send(ends[0], 1, "hello", 5, NULL);
    if (proto_link_poll(ends[1], &event))
        proto_link_release(ends[1], &event);
    for (int i = 0; i < 3; i++)
        proto_link_close(ends[i]);
    return status;
}

static int open_arena(void)
{
    struct proto_arena arena;
    int status = proto_arena_open(&arena, 1000);
    proto_arena_close(&arena);
    return status;
}

static void configs_survive_each_failing_allocation(void **state)
{
    (void)state;
    fail_each(load_model);
    fail_each(load_detect);
}

static void the_local_link_survives_each_failing_allocation(void **state)
{
    (void)state;
    fail_each(use_link);
}

static void the_arena_survives_a_failing_allocation(void **state)
{
    (void)state;
    fail_each(open_arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configs_survive_each_failing_allocation),
        cmocka_unit_test(the_local_link_survives_each_failing_allocation),
        cmocka_unit_test(the_arena_survives_a_failing_allocation),
    };
    proto_log_set_sink(keep_line, last_line);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
