/* The allocator of the memory that a rank shares with its device process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/status.h"
#include "worker/shm.h"

enum { BLOCKS = 40, TURNS = 20000, BYTES_MAX = 200000 };

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void blocks_never_overlap_and_are_used_again(void **state)
{
    struct worker_shm *shm;
    struct {
        unsigned char *at;
        size_t bytes;
    } blocks[BLOCKS] = {{NULL, 0}};
    uint32_t seed = 7;
    uint64_t highest = 0;
    (void)state;
    assert_int_equal(worker_shm_open(&shm), PROTO_OK);
    for (int turn = 0; turn < TURNS; turn++) {
        const uint32_t i = next_random(&seed) % BLOCKS;
        if (blocks[i].at) { /* whatever was written elsewhere meanwhile, this is as it was */
            assert_int_equal(blocks[i].at[0], (int)i);
            assert_int_equal(blocks[i].at[blocks[i].bytes - 1], (int)i);
            worker_shm_free(shm, blocks[i].at);
            blocks[i].at = NULL;
            continue;
        }
        blocks[i].bytes = 1 + next_random(&seed) % BYTES_MAX;
        blocks[i].at = worker_shm_alloc(shm, blocks[i].bytes);
        assert_non_null(blocks[i].at);
        assert_int_equal((uintptr_t)blocks[i].at % 64, 0);
        blocks[i].at[0] = blocks[i].at[blocks[i].bytes - 1] = (unsigned char)i;
        const uint64_t end = worker_shm_offset(shm, blocks[i].at) + blocks[i].bytes;
        highest = end > highest ? end : highest;
    }
    assert_true(highest < (uint64_t)3 * BLOCKS * BYTES_MAX);
    worker_shm_close(shm);
}

static void what_does_not_lie_inside_is_not_reached(void **state)
{
    struct worker_shm *shm;
    (void)state;
    assert_int_equal(worker_shm_open(&shm), PROTO_OK);
    unsigned char *block = worker_shm_alloc(shm, 100);
    assert_ptr_equal(worker_shm_at(shm, worker_shm_offset(shm, block), 100), block);
    assert_null(worker_shm_at(shm, 0, UINT64_MAX));
    assert_null(worker_shm_at(shm, UINT64_MAX, 1));
    assert_null(worker_shm_at(shm, UINT64_MAX - 10, 100));
    assert_null(worker_shm_alloc(shm, SIZE_MAX));
    worker_shm_free(shm, NULL);
    worker_shm_close(shm);
}

static void another_process_sees_what_is_written_later(void **state)
{
    struct worker_shm *shm;
    int status = 0;
    (void)state;
    assert_int_equal(worker_shm_open(&shm), PROTO_OK);
    const pid_t child = fork();
    if (child == 0) {
        char *block = worker_shm_alloc(shm, 6); /* its list says that all is free, as ours does */
        strcpy(block, "hello");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_string_equal((char *)worker_shm_alloc(shm, 6), "hello");
    worker_shm_close(shm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_never_overlap_and_are_used_again),
        cmocka_unit_test(what_does_not_lie_inside_is_not_reached),
        cmocka_unit_test(another_process_sees_what_is_written_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
