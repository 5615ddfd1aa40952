/* See cmocka.h here. */
#include "tests/gpu/on_gpu/cmocka.h"

jmp_buf on_gpu_jump;

static const char *run_one(const struct CMUnitTest *test)
{
    void *state = NULL;
    if (test->setup && test->setup(&state))
        return "FAILED (setup)";
    const int jumped = setjmp(on_gpu_jump);
    if (jumped == 0)
        test->test(&state);
    if (test->teardown && test->teardown(&state))
        return "FAILED (teardown)";
    return jumped == ON_GPU_FAILED ? "FAILED" : jumped == ON_GPU_SKIPPED ? "skipped" : "ok";
}

int on_gpu_run(const char *group, const struct CMUnitTest *tests, size_t count,
               int (*setup)(void **state), int (*teardown)(void **state))
{
    void *state = NULL;
    int failed = 0;
    if (setup && setup(&state))
        return 1;
    for (size_t i = 0; i < count; i++) {
        const char *outcome = run_one(&tests[i]);
        failed += outcome[0] == 'F';
        printf("%-7s %s: %s\n", outcome, group, tests[i].name);
        fflush(stdout);
    }
    if (teardown)
        (void)teardown(&state);
    return failed;
}
