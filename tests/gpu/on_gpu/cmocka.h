/* The few words of cmocka that tests/gpu use, for machines that have neither it nor a package registry. Same
 * meaning, shorter messages. One test program is one translation unit that runs groups; others only assert.
 */
#ifndef TESTS_GPU_ON_GPU_CMOCKA_H
#define TESTS_GPU_ON_GPU_CMOCKA_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
};

enum { ON_GPU_FAILED = 1, ON_GPU_SKIPPED = 2 };
extern jmp_buf on_gpu_jump;

#define cmocka_unit_test(f)                                                                        \
    {                                                                                              \
#f, f, NULL, NULL                                                                          \
    }
#define cmocka_unit_test_setup_teardown(f, begin, end)                                             \
    {                                                                                              \
#f, f, begin, end                                                                          \
    }

#define fail_msg(...)                                                                              \
    do {                                                                                           \
        printf(__VA_ARGS__);                                                                       \
        printf("\n%s:%d\n", __FILE__, __LINE__);                                                   \
        longjmp(on_gpu_jump, ON_GPU_FAILED);                                                       \
    } while (0)
#define on_gpu_check(is, text)                                                                     \
    do {                                                                                           \
        if (!(is))                                                                                 \
            fail_msg("not true: %s", text);                                                        \
    } while (0)
#define skip()                          longjmp(on_gpu_jump, ON_GPU_SKIPPED)
#define assert_true(is)                 on_gpu_check(is, #is)
#define assert_false(is)                on_gpu_check(!(is), "not " #is)
#define assert_null(p)                  on_gpu_check(!(p), #p " is NULL")
#define assert_non_null(p)              on_gpu_check(p, #p " is not NULL")
#define assert_int_equal(a, b)          on_gpu_check((long long)(a) == (long long)(b), #a " == " #b)
#define assert_string_equal(a, b)       on_gpu_check(strcmp(a, b) == 0, #a " equals " #b)
#define assert_memory_equal(a, b, size) on_gpu_check(memcmp(a, b, size) == 0, #a " equals " #b)

int on_gpu_run(const char *group, const struct CMUnitTest *tests, size_t count,
               int (*setup)(void **state), int (*teardown)(void **state));
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
    on_gpu_run(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#endif
