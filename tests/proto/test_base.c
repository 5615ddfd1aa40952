/* Status codes, log lines, the arena and the msgpack reader: small things that all others rest on. */
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
#include "proto/log.h"
#include "proto/reader.h"
#include "proto/status.h"
#include "tests/proto/support.h"

static void status_codes_have_a_name_and_a_text(void **state)
{
    (void)state;
    assert_string_equal(proto_status_name(PROTO_OK), "OK");
    assert_string_equal(proto_status_name(PROTO_NO_MEMORY), "NO_MEMORY");
    assert_string_equal(proto_status_text(-2), "out of memory");
    assert_string_equal(proto_status_name(1), "UNKNOWN");
    assert_string_equal(proto_status_text(-9999), "UNKNOWN");
}

/* They travel in messages. */
static void status_numbers_stay_what_they_are(void **state)
{
    (void)state;
    static const char *const names[] = {"OK",      "INVALID",  "NO_MEMORY",   "IO",
                                        "FORMAT",  "LIMIT",    "UNSUPPORTED", "NOT_FOUND",
                                        "VERSION", "DEVICE",   "LOST",        "CANCELED",
                                        "TIMEOUT", "MISMATCH", "BUSY",        "END"};
    for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
        assert_string_equal(proto_status_name(-i), names[i]);
}

/* ---- arena ---- */

static void arena_memory_is_aligned_zeroed_and_apart(void **state)
{
    (void)state;
    struct proto_arena arena;
    uint64_t seed = 21;
    assert_int_equal(proto_arena_open(&arena, 100003), PROTO_OK);
    for (int round = 0; round < 20; round++) {
        unsigned char *before_end = arena.data;
        for (;;) {
            size_t count = random_below(&seed, 50), each = 1 + random_below(&seed, 40);
            unsigned char *got = proto_arena_alloc(&arena, count, each);
            if (!got)
                break;
            assert_int_equal((uintptr_t)got % _Alignof(max_align_t), 0);
            assert_true(got >= before_end && got + count * each <= arena.data + arena.size);
            for (size_t i = 0; i < count * each; i++)
                assert_int_equal(got[i], 0);
            memset(got, 0xff, count * each);
            before_end = got + count * each;
        }
        proto_arena_reset(&arena);
    }
    proto_arena_close(&arena);
}

static void a_full_arena_gives_null(void **state)
{
    (void)state;
    struct proto_arena arena = {0};
    assert_null(proto_arena_alloc(&arena, 1, 1)); /* never opened */
    proto_arena_close(&arena);
    assert_int_equal(proto_arena_open(&arena, 64), PROTO_OK);
    assert_null(proto_arena_alloc(&arena, 65, 1));
    assert_null(proto_arena_alloc(&arena, SIZE_MAX, 1));
    assert_null(proto_arena_alloc(&arena, SIZE_MAX / 2, 3)); /* the product wraps around */
    assert_non_null(proto_arena_alloc(&arena, 33, 1));
    assert_null(proto_arena_alloc(&arena, 17, 1));
    assert_non_null(proto_arena_alloc(&arena, 16, 1));
    assert_null(proto_arena_alloc(&arena, 1, 1));
    proto_arena_close(&arena);
}

/* ---- log ---- */

/* What a call writes to stderr. */
static void capture(char text[8192], void (*call)(void))
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    assert_true(file && saved >= 0);
    dup2(fileno(file), STDERR_FILENO);
    call();
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    size_t len = fread(text, 1, 8191, file);
    text[len] = '\0';
    fclose(file);
}

static void log_something(void)
{
    proto_log_error("gpu", "broken %d", 5);
    proto_log_info("gpu", "not shown");
}

static void log_as_rank_2(void)
{
    proto_log_set_identity(2, "board7");
    log_something();
    proto_log_set_identity(-1, NULL);
}

static void log_too_much(void)
{
    char text[6000];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    proto_log_error("gpu", "%s", text);
}

static void log_lines_say_who_speaks(void **state)
{
    (void)state;
    char text[8192];
    capture(text, log_something);
    assert_string_equal(text, "muster error gpu: broken 5\n");
    capture(text, log_as_rank_2);
    assert_string_equal(text, "muster[rank 2 @ board7] error gpu: broken 5\n");
}

static void a_line_that_is_too_long_is_cut_and_still_ends(void **state)
{
    (void)state;
    char text[8192];
    capture(text, log_too_much);
    assert_int_equal(strlen(text), 4095);
    assert_int_equal(text[4094], '\n');
}

static void the_level_decides_what_is_shown(void **state)
{
    (void)state;
    char line[512] = "";
    proto_log_set_sink(keep_line, line);
    proto_log_info("gpu", "one");
    assert_string_equal(line, "");
    proto_log_set_level(PROTO_LOG_INFO);
    proto_log_info("gpu", "two");
    assert_string_equal(line, "two");
    /* The environment counts more, and may name areas. */
    setenv("MUSTER_LOG", "debug,proto,partition", 1);
    proto_log_set_level(PROTO_LOG_WARN);
    proto_log_info("gpu", "three");
    assert_string_equal(line, "two");
    proto_log_debug("partition", "four");
    assert_string_equal(line, "four");
    proto_log_debug("part", "five");
    assert_string_equal(line, "four");
    proto_log_warn("gpu", "six");
    assert_string_equal(line, "six");
    setenv("MUSTER_LOG", "error", 1);
    proto_log_set_level(PROTO_LOG_DEBUG);
    proto_log_warn("gpu", "seven");
    assert_string_equal(line, "six");
    unsetenv("MUSTER_LOG");
    proto_log_set_level(PROTO_LOG_WARN);
    proto_log_set_sink(NULL, NULL);
}

/* ---- reader ---- */

static struct proto_reader over(const char *bytes, size_t len)
{
    return (struct proto_reader){(const unsigned char *)bytes, (const unsigned char *)bytes + len};
}
#define OVER(bytes) over(bytes, sizeof(bytes) - 1)

static void the_reader_takes_every_width_of_integer(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int64_t value;
    } cases[] = {
        {"\x00", 1, 0},
        {"\x7f", 1, 127},
        {"\xff", 1, -1},
        {"\xe0", 1, -32},
        {"\xcc\xff", 2, 255},
        {"\xcd\x01\x02", 3, 258},
        {"\xce\xff\xff\xff\xff", 5, 4294967295},
        {"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MAX},
        {"\xd0\x80", 2, -128},
        {"\xd1\xff\x00", 3, -256},
        {"\xd2\x80\x00\x00\x00", 5, INT32_MIN},
        {"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, INT64_MIN},
        {"\xd3\x00\x00\x00\x00\x00\x00\x00\x05", 9, 5},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct proto_reader reader = over(cases[i].bytes, cases[i].len);
        int64_t value;
        assert_true(proto_reader_int(&reader, &value));
        assert_true(value == cases[i].value);
        assert_ptr_equal(reader.at, reader.end);
        for (size_t cut = 0; cut < cases[i].len; cut++) {
            reader = over(cases[i].bytes, cut);
            assert_false(proto_reader_int(&reader, &value));
        }
    }
    struct proto_reader reader = OVER("\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    int64_t too_small;
    assert_false(proto_reader_int(&reader, &too_small));
    reader = OVER("\xff");
    uint64_t negative;
    assert_false(proto_reader_uint(&reader, &negative));
}

static void lengths_beyond_the_end_are_refused(void **state)
{
    (void)state;
    const char *text;
    const unsigned char *bytes;
    uint32_t len;
    struct proto_reader reader = OVER("\xa5hell");
    assert_false(proto_reader_str(&reader, &text, &len));
    reader = OVER("\xdb\xff\xff\xff\xff!");
    assert_false(proto_reader_str(&reader, &text, &len));
    reader = OVER("\xc6\xff\xff\xff\xff!");
    assert_false(proto_reader_bin(&reader, &bytes, &len));
    reader = OVER("\xc4\x02!!");
    assert_true(proto_reader_bin(&reader, &bytes, &len));
    assert_int_equal(len, 2);
}

static void any_value_can_be_skipped(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"\xc0", 1},
        {"\xc3", 1},
        {"\xca....", 5},
        {"\xcb........", 9},
        {"\xc4\x03...", 5},
        {"\xc5\x00\x01.", 4},
        {"\xc6\x00\x00\x00\x01.", 6},
        {"\xc7\x02t..", 5},
        {"\xc8\x00\x01t.", 5},
        {"\xc9\x00\x00\x00\x01t.", 7},
        {"\xd4t.", 3},
        {"\xd5t..", 4},
        {"\xd6t....", 6},
        {"\xd7t........", 10},
        {"\xd8t................", 18},
        {"\xd9\x01.", 3},
        {"\xda\x00\x01.", 4},
        {"\xa3...", 4},
        {"\x92\x01\x91\xc0", 4},
        {"\xdc\x00\x02\x01\x02", 5},
        {"\xdd\x00\x00\x00\x01\x02", 6},
        {"\x81\xa1k\x92\x01\x02", 6},
        {"\xde\x00\x01\x01\x02", 5},
        {"\xdf\x00\x00\x00\x01\x01\x02", 7},
        {"\xd3........", 9},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct proto_reader reader = over(cases[i].bytes, cases[i].len);
        assert_true(proto_reader_skip(&reader));
        assert_ptr_equal(reader.at, reader.end);
        for (size_t cut = 0; cut < cases[i].len; cut++) {
            reader = over(cases[i].bytes, cut);
            assert_false(proto_reader_skip(&reader));
        }
    }
    struct proto_reader reader = OVER("\xc1");
    assert_false(proto_reader_skip(&reader));
    reader = OVER("\xdd\xff\xff\xff\xff\xc0\xc0");
    assert_false(proto_reader_skip(&reader));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_codes_have_a_name_and_a_text),
        cmocka_unit_test(status_numbers_stay_what_they_are),
        cmocka_unit_test(arena_memory_is_aligned_zeroed_and_apart),
        cmocka_unit_test(a_full_arena_gives_null),
        cmocka_unit_test(log_lines_say_who_speaks),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_still_ends),
        cmocka_unit_test(the_level_decides_what_is_shown),
        cmocka_unit_test(the_reader_takes_every_width_of_integer),
        cmocka_unit_test(lengths_beyond_the_end_are_refused),
        cmocka_unit_test(any_value_can_be_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
