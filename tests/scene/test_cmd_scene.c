#include <fcntl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "tests/scene/support.h"

/* Run the command with stdout and stderr into `said`. */
static int run(const char *const *words, char said[4096])
{
    char *argv[16] = {"scene"};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)words[argc - 1];
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    fflush(stderr);
    int out = dup(1), err = dup(2);
    dup2(fileno(file), 1);
    dup2(fileno(file), 2);
    int code = cli_scene(argc, argv);
    fflush(stdout);
    fflush(stderr);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    rewind(file);
    said[fread(said, 1, 4095, file)] = '\0';
    fclose(file);
    return code;
}

static void bad_options_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const bad[][4] = {
        {"--frames", "0"},         {"--frames", "2.5"},     {"--frames", "ten"},
        {"--persons", "-1"},       {"--persons", "65"},     {"--seed", "-1"},
        {"--seed", "1e30"},        {"--fps", "0"},          {"--fps", "nan"},
        {"--camera-height", "0"},  {"--pitch", "inf"},      {"--roll", "90"},
        {"--fov", "180"},          {"--size", "640"},       {"--size", "640x"},
        {"--size", "0x480"},       {"--size", "640x480x3"}, {"--size", "99999x480"},
        {"--place", "moon"},       {"--min-distance", "0"}, {"--max-distance", "2.5"},
        {"--max-distance", "1e9"}, {"--min-distance", ""},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char said[4096];
        const char *words[] = {"--out", "/nonexistent/folder", bad[i][0], bad[i][1], NULL};
        assert_int_equal(run(words, said), CLI_USAGE);
        assert_non_null(strstr(said, bad[i][0]));
    }
}

static void unknown_options_and_stray_words_are_refused(void **state)
{
    (void)state;
    char said[4096];
    assert_int_equal(run((const char *const[]){"--colour", NULL}, said), CLI_USAGE);
    assert_non_null(strstr(said, "--colour"));
    assert_int_equal(run((const char *const[]){"--out", "/nonexistent/x", "walk", NULL}, said),
                     CLI_USAGE);
    assert_non_null(strstr(said, "walk"));
    assert_int_equal(run((const char *const[]){"--frames", "3", NULL}, said), CLI_USAGE);
    assert_non_null(strstr(said, "--out"));
}

static void help_shows_every_option_and_examples(void **state)
{
    (void)state;
    char said[4096];
    assert_int_equal(run((const char *const[]){"--help", NULL}, said), CLI_DONE);
    static const char *const parts[] = {"--out",           "--force",  "--frames", "--fps",
                                        "--size",          "--seed",   "--place",  "--pitch",
                                        "--camera-height", "examples:"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        assert_non_null(strstr(said, parts[i]));
}

static void folder_that_can_not_be_made_fails(void **state)
{
    (void)state;
    char said[4096];
    assert_int_equal(run((const char *const[]){"--out", "/nonexistent/a/b", NULL}, said),
                     CLI_FAILED);
    assert_non_null(strstr(said, "/nonexistent/a/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_options_are_refused_by_name),
        cmocka_unit_test(unknown_options_and_stray_words_are_refused),
        cmocka_unit_test(help_shows_every_option_and_examples),
        cmocka_unit_test(folder_that_can_not_be_made_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
