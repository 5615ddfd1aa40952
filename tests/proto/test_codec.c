#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/codec.h"
#include "proto/log.h"
#include "proto/status.h"
#include "tests/proto/messages.h"
#include "tests/proto/support.h"

enum { BUFFER_BYTES = 32768, ROUNDS = 300 };

static const enum proto_message_kind kinds[] = {
    PROTO_MESSAGE_HELLO,  PROTO_MESSAGE_PLAN, PROTO_MESSAGE_READY, PROTO_MESSAGE_FRAME,
    PROTO_MESSAGE_RESULT, PROTO_MESSAGE_BEAT, PROTO_MESSAGE_STOP,
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static char last_line[512];
static struct proto_arena arena;
static struct message_memory memory;
static unsigned char buffer[BUFFER_BYTES];

static int set_up(void **state)
{
    (void)state;
    proto_log_set_sink(keep_line, last_line);
    return proto_arena_open(&arena, PROTO_CODEC_ARENA_MAX);
}

static int tear_down(void **state)
{
    (void)state;
    proto_log_set_sink(NULL, NULL);
    proto_arena_close(&arena);
    return 0;
}

/* Encode with pixels behind a FRAME; returns the length of the whole message. */
static size_t encode(const struct proto_message *message)
{
    size_t len;
    assert_int_equal(proto_codec_encode(message, buffer, sizeof(buffer), &len), PROTO_OK);
    assert_int_equal(len % PROTO_CODEC_ALIGN, 0);
    if (message->kind == PROTO_MESSAGE_FRAME) {
        for (size_t i = 0; i < message->frame.pixel_bytes; i++)
            buffer[len + i] = (unsigned char)(i * 7);
        len += message->frame.pixel_bytes;
    }
    return len;
}

static int decode(const void *bytes, size_t len, struct proto_message *message)
{
    proto_arena_reset(&arena);
    return proto_codec_decode(bytes, len, &arena, message);
}

/* A copy of exactly this length, so that the sanitizer sees every read beyond it. */
static unsigned char *copy_of(const void *bytes, size_t len)
{
    unsigned char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    return copy;
}

static void every_message_comes_back_as_it_was(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < ROUNDS * KINDS; i++) {
        struct proto_message sent, got;
        message_make_random(&sent, kinds[i % KINDS], &memory, &seed);
        size_t len = encode(&sent);
        assert_int_equal(decode(buffer, len, &got), PROTO_OK);
        assert_true(messages_equal(&sent, &got));
        if (sent.kind == PROTO_MESSAGE_FRAME)
            assert_ptr_equal(got.pixels, buffer + len - sent.frame.pixel_bytes);
    }
}

static void a_message_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 4 * KINDS; i++) {
        struct proto_message sent, got;
        message_make_random(&sent, kinds[i % KINDS], &memory, &seed);
        size_t len = encode(&sent);
        for (size_t cut = 0; cut < len; cut++) {
            unsigned char *copy = copy_of(buffer, cut);
            assert_int_equal(decode(copy, cut, &got), PROTO_FORMAT);
            free(copy);
        }
        assert_int_equal(decode(buffer, len + 1, &got), PROTO_FORMAT);
    }
}

static void a_msgpack_part_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 4 * KINDS; i++) {
        struct proto_message sent, got;
        message_make_random(&sent, kinds[i % KINDS], &memory, &seed);
        if (sent.kind == PROTO_MESSAGE_FRAME)
            sent.frame.pixel_bytes = 0;
        encode(&sent);
        uint32_t full;
        memcpy(&full, buffer + 4, 4);
        for (uint32_t cut = 0; cut < full; cut++) {
            size_t len = (8 + cut + 63) / 64 * 64;
            unsigned char *copy = copy_of(buffer, len);
            memcpy(copy + 4, &cut, 4);
            assert_int_equal(decode(copy, len, &got), PROTO_FORMAT);
            free(copy);
        }
    }
}

static void arbitrary_changes_never_break_the_decoder(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (int i = 0; i < 3000 * KINDS; i++) {
        struct proto_message sent, got;
        message_make_random(&sent, kinds[i % KINDS], &memory, &seed);
        size_t len = encode(&sent);
        unsigned char *copy = copy_of(buffer, len);
        for (uint32_t n = 1 + random_below(&seed, 8); n > 0; n--) {
            uint32_t at = random_below(&seed, len < 400 ? (uint32_t)len : 400);
            copy[at] = (unsigned char)random_next(&seed);
        }
        int status = decode(copy, len, &got);
        assert_in_set(
            (unsigned long)-status,
            ((const unsigned long[]){-PROTO_OK, -PROTO_FORMAT, -PROTO_LIMIT, -PROTO_VERSION}), 4);
        free(copy);
    }
}

static void a_full_arena_is_an_error(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int i = 0; i < KINDS; i++) {
        struct proto_message sent, got;
        message_make_random(&sent, kinds[i], &memory, &seed);
        size_t len = encode(&sent);
        assert_int_equal(decode(buffer, len, &got), PROTO_OK);
        size_t needed = arena.used;
        for (size_t size = 0; size < needed; size += 1 + needed / 50) {
            struct proto_arena small;
            assert_int_equal(proto_arena_open(&small, size), PROTO_OK);
            assert_int_equal(proto_codec_decode(buffer, len, &small, &got), PROTO_NO_MEMORY);
            proto_arena_close(&small);
        }
    }
}

static void the_largest_messages_fit_their_bounds(void **state)
{
    (void)state;
    size_t len, cap = PROTO_CODEC_CONTROL_MAX;
    unsigned char *large = malloc(cap);
    char *text = malloc(PROTO_CODEC_STRING_MAX + 2);
    uint32_t *tiles = calloc(PROTO_TILES_MAX, sizeof(*tiles));
    struct proto_plan_tile *plan_tiles = calloc(PROTO_TILES_MAX, sizeof(*plan_tiles));
    struct proto_band *bands = calloc(PROTO_CODEC_BANDS_MAX, sizeof(*bands));
    struct proto_survivor *survivors = calloc(PROTO_CODEC_SURVIVORS_MAX, sizeof(*survivors));
    struct proto_message got;
    assert_true(large && text && tiles && plan_tiles && bands && survivors);
    memset(text, 'x', PROTO_CODEC_STRING_MAX + 1);
    text[PROTO_CODEC_STRING_MAX + 1] = '\0';
    for (int i = 0; i < PROTO_TILES_MAX; i++)
        plan_tiles[i].rows = plan_tiles[i].cols = 1;
    for (int i = 0; i < PROTO_CODEC_BANDS_MAX; i++)
        bands[i].y1 = 1;

    struct proto_message plan = {.kind = PROTO_MESSAGE_PLAN,
                                 .plan = {.plan = UINT32_MAX,
                                          .frame = {PROTO_FRAME_SIDE_MAX, PROTO_FRAME_SIDE_MAX},
                                          .depth = UINT32_MAX,
                                          .frame_bytes_max = UINT64_MAX,
                                          .tile_count = PROTO_TILES_MAX,
                                          .tiles = plan_tiles,
                                          .mine_count = PROTO_TILES_MAX,
                                          .mine = tiles}};
    assert_int_equal(proto_codec_encode(&plan, large, cap, &len), PROTO_OK);
    assert_int_equal(decode(large, len, &got), PROTO_OK);
    plan.plan.tile_count++;
    assert_int_equal(proto_codec_encode(&plan, large, cap, &len), PROTO_LIMIT);

    struct proto_message frame = {.kind = PROTO_MESSAGE_FRAME,
                                  .frame = {.plan = UINT32_MAX,
                                            .seq = UINT64_MAX,
                                            .assignment = UINT32_MAX,
                                            .tile_count = PROTO_TILES_MAX,
                                            .tiles = tiles,
                                            .band_count = PROTO_CODEC_BANDS_MAX,
                                            .bands = bands,
                                            .pixel_bytes = UINT32_MAX}};
    cap = proto_codec_frame_header_max(PROTO_TILES_MAX, PROTO_CODEC_BANDS_MAX);
    assert_true(cap <= PROTO_CODEC_CONTROL_MAX);
    assert_int_equal(proto_codec_encode(&frame, large, cap, &len), PROTO_OK);

    struct proto_message result = {.kind = PROTO_MESSAGE_RESULT,
                                   .result = {.plan = UINT32_MAX,
                                              .seq = UINT64_MAX,
                                              .assignment = UINT32_MAX,
                                              .status = INT32_MIN,
                                              .text = text + 1,
                                              .tile_count = PROTO_TILES_MAX,
                                              .tiles = tiles,
                                              .tile_us = tiles,
                                              .received_us = UINT64_MAX,
                                              .started_us = UINT64_MAX,
                                              .finished_us = UINT64_MAX,
                                              .survivor_count = PROTO_CODEC_SURVIVORS_MAX,
                                              .survivors = survivors}};
    cap = proto_codec_result_max(PROTO_TILES_MAX, PROTO_CODEC_SURVIVORS_MAX);
    assert_true(cap <= PROTO_CODEC_CONTROL_MAX);
    assert_int_equal(proto_codec_encode(&result, large, cap, &len), PROTO_OK);
    assert_int_equal(decode(large, len, &got), PROTO_OK);
    assert_int_equal(proto_codec_encode(&result, large, len - 1, &len), PROTO_LIMIT);
    result.result.text = text; /* one byte over the limit */
    assert_int_equal(proto_codec_encode(&result, large, cap, &len), PROTO_LIMIT);

    free(survivors);
    free(bands);
    free(plan_tiles);
    free(tiles);
    free(text);
    free(large);
}

static void a_buffer_that_is_too_small_is_an_error(void **state)
{
    (void)state;
    uint64_t seed = 6;
    for (int i = 0; i < KINDS; i++) {
        struct proto_message sent;
        size_t len, ignored;
        message_make_random(&sent, kinds[i], &memory, &seed);
        assert_int_equal(proto_codec_encode(&sent, buffer, sizeof(buffer), &len), PROTO_OK);
        for (size_t cap = 0; cap < len; cap++) {
            unsigned char *small = malloc(cap ? cap : 1);
            assert_non_null(small);
            assert_int_equal(proto_codec_encode(&sent, small, cap, &ignored), PROTO_LIMIT);
            free(small);
        }
    }
}

/* A handmade message: the msgpack part is given, the envelope is added. */
static int decode_msgpack(const char *bytes, size_t len, struct proto_message *got)
{
    uint32_t len32 = (uint32_t)len;
    size_t total = (8 + len + 63) / 64 * 64;
    memset(buffer, 0, total);
    memcpy(buffer, "MSTR", 4);
    memcpy(buffer + 4, &len32, 4);
    memcpy(buffer + 8, bytes, len);
    return decode(buffer, total, got);
}
#define DECODE(bytes, got) decode_msgpack(bytes, sizeof(bytes) - 1, got)

static void keys_of_later_versions_are_skipped(void **state)
{
    (void)state;
    struct proto_message got;
    assert_int_equal(DECODE("\x83\xa4kind\x07\xa6"
                            "future\x82\xa1"
                            "a\x93\x01\xc0\xcb\0\0\0\0\0\0\0\0\x02\xc7\x03\x05xyz\xa6status\xff",
                            &got),
                     PROTO_OK);
    assert_int_equal(got.stop.status, -1);
}

static void keys_in_another_order_are_understood(void **state)
{
    (void)state;
    struct proto_message got;
    assert_int_equal(DECODE("\x84\xa4kind\x06\xa6queued\x03\xa5"
                            "count\x01\xa5state\x02",
                            &got),
                     PROTO_OK);
    assert_int_equal(got.beat.count, 1);
    assert_int_equal(got.beat.state, 2);
    assert_int_equal(got.beat.queued, 3);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    struct proto_message got;
#define REFUSED(bytes, word)                                                                       \
    assert_int_equal(DECODE(bytes, &got), PROTO_FORMAT);                                           \
    assert_non_null(strstr(last_line, word))
    REFUSED("\x81\xa4kind\x07", "status");                               /* missing key */
    REFUSED("\x83\xa4kind\x07\xa6status\x01\xa6status\x01", "status");   /* twice */
    REFUSED("\x82\xa4kind\x07\xa6status\xcf\0\0\0\1\0\0\0\0", "status"); /* more than 32 bits */
    REFUSED("\x82\xa4kind\x07\xa6status\xa1x", "status");                /* wrong type */
    REFUSED("\x82\xa4kind\x07\xa6status\x01\x01", "after the last");
    REFUSED("\x82\xa4kind\x63\xa6status\x01", "unknown kind");
    REFUSED("\x82\xa6status\x01\xa4kind\x07", "unknown kind"); /* kind comes first */
    REFUSED("\x93\x01\x02\x03", "unknown kind");
    REFUSED("\xdf\xff\xff\xff\xff\xa4kind\x07", "unknown kind"); /* a map of 4 thousand million */
    REFUSED("\x84\xa4kind\x06\xa6queued\x03\xa5"
            "count\x01\xa5state\x04",
            "state");
#undef REFUSED
}

static void a_deeply_nested_unknown_value_is_refused(void **state)
{
    (void)state;
    char bytes[4096] = "\x83\xa4kind\x07\xa1x";
    memset(bytes + 9, 0x91, 2000); /* arrays of one array of one array ... */
    struct proto_message got;
    assert_int_equal(decode_msgpack(bytes, 2009, &got), PROTO_FORMAT);
}

static void values_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    uint64_t seed = 7;
    struct proto_message sent, got;
    float nan_score = 0.0f / 0.0f;
#define REFUSED(kind_, change)                                                                     \
    message_make_random(&sent, PROTO_MESSAGE_##kind_, &memory, &seed);                             \
    change;                                                                                        \
    assert_int_equal(decode(buffer, encode(&sent), &got), PROTO_FORMAT)
    REFUSED(PLAN, sent.plan.frame.w = 0);
    REFUSED(PLAN, sent.plan.frame.h = PROTO_FRAME_SIDE_MAX + 1);
    REFUSED(PLAN, sent.plan.candidate_threshold = nan_score);
    REFUSED(PLAN, memory.tiles[0].level = PROTO_LEVELS_MAX);
    REFUSED(PLAN, memory.tiles[0].rows = 0);
    REFUSED(PLAN, memory.tiles[0].cols = 65536 - memory.tiles[0].col0 + 1);
    REFUSED(PLAN, memory.tiles[0].row0 = UINT32_MAX);
    REFUSED(PLAN, (sent.plan.mine_count = 1, memory.numbers[0][0] = sent.plan.tile_count));
    REFUSED(FRAME, (sent.frame.band_count = 1, memory.bands[0] = (struct proto_band){0, 5, 5}));
    REFUSED(FRAME, (sent.frame.band_count = 1, memory.bands[0] = (struct proto_band){-1, 0, 5}));
    REFUSED(FRAME, (sent.frame.band_count = 1, memory.bands[0] = (struct proto_band){0, -1, 5}));
    REFUSED(RESULT, (sent.result.survivor_count = 1, memory.survivors[0].score = nan_score));
#undef REFUSED
}

static void another_protocol_version_is_named(void **state)
{
    (void)state;
    uint64_t seed = 8;
    struct proto_message sent, got;
    message_make_random(&sent, PROTO_MESSAGE_HELLO, &memory, &seed);
    sent.hello.host = "board7";
    sent.hello.version = PROTO_WIRE_VERSION + 1;
    assert_int_equal(decode(buffer, encode(&sent), &got), PROTO_VERSION);
    assert_non_null(strstr(last_line, "board7"));
}

static void a_missing_text_is_an_empty_one(void **state)
{
    (void)state;
    struct proto_message sent = {.kind = PROTO_MESSAGE_READY}, got;
    assert_int_equal(decode(buffer, encode(&sent), &got), PROTO_OK);
    assert_string_equal(got.ready.text, "");
}

/* ---- the wire form itself ---- */

static void make_example(struct proto_message *message, enum proto_message_kind kind)
{
    static const uint32_t numbers[] = {1, 300};
    static const uint32_t times[] = {70000, 5};
    static const struct proto_plan_tile tiles[] = {{0, 0, 0, 74, 60}, {25, 1, 2, 3, 4}};
    static const struct proto_band bands[] = {{0, 16, 480}, {3, 0, 60}};
    static const struct proto_survivor survivors[] = {{300, 7, 9, 2.5f, PROTO_SURVIVOR_PEAK}};
    *message = (struct proto_message){.kind = kind};
    switch (kind) {
    case PROTO_MESSAGE_HELLO:
        message->hello = (struct proto_hello){.version = PROTO_WIRE_VERSION,
                                              .host = "b1",
                                              .pid = 4711,
                                              .device = "cpu,f32",
                                              .kernels = "jit",
                                              .model_hash = "ab",
                                              .threads = 2};
        break;
    case PROTO_MESSAGE_PLAN:
        message->plan = (struct proto_plan){1, {640, 480}, -0.5f, 2, 1000000, 2, tiles, 1, numbers};
        break;
    case PROTO_MESSAGE_READY:
        message->ready = (struct proto_ready){1, PROTO_DEVICE, "no", 5000000000u};
        break;
    case PROTO_MESSAGE_FRAME:
        message->frame = (struct proto_frame){1, 99, 1, 2, numbers, 2, bands, 0};
        break;
    case PROTO_MESSAGE_RESULT:
        message->result = (struct proto_result){1,     99,   1,    PROTO_OK, "", 2,        numbers,
                                                times, 1000, 2000, 300000,   1,  survivors};
        break;
    case PROTO_MESSAGE_BEAT:
        message->beat =
            (struct proto_beat){.count = 65536, .state = PROTO_WORKER_READY, .queued = 1};
        break;
    case PROTO_MESSAGE_STOP:
        message->stop = (struct proto_stop){PROTO_CANCELED};
        break;
    }
}

/* Bytes as text: printable ones as they are, others as <hex>, the padding left out. */
static void dump(const unsigned char *bytes, size_t len, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < len && used < size; i++) {
        bool plain = bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '<';
        used += (size_t)snprintf(text + used, size - used, plain ? "%c" : "<%02x>", bytes[i]);
    }
}

/* If this fails, the wire form has changed: old and new programs do not understand each other. */
static void the_wire_form_is_what_it_was(void **state)
{
    (void)state;
    static const char *const golden[KINDS] = {
#include "tests/proto/golden.inc"
    };
    for (int i = 0; i < KINDS; i++) {
        struct proto_message message;
        char text[4096];
        uint32_t len;
        make_example(&message, kinds[i]);
        size_t total = encode(&message);
        memcpy(&len, buffer + 4, 4);
        assert_int_equal(total, (8 + len + 63) / 64 * 64);
        dump(buffer, 8 + len, text, sizeof(text));
        assert_string_equal(text, golden[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back_as_it_was),
        cmocka_unit_test(a_message_cut_at_any_byte_is_refused),
        cmocka_unit_test(a_msgpack_part_cut_at_any_byte_is_refused),
        cmocka_unit_test(arbitrary_changes_never_break_the_decoder),
        cmocka_unit_test(a_full_arena_is_an_error),
        cmocka_unit_test(the_largest_messages_fit_their_bounds),
        cmocka_unit_test(a_buffer_that_is_too_small_is_an_error),
        cmocka_unit_test(keys_of_later_versions_are_skipped),
        cmocka_unit_test(keys_in_another_order_are_understood),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_deeply_nested_unknown_value_is_refused),
        cmocka_unit_test(values_that_make_no_sense_are_refused),
        cmocka_unit_test(another_protocol_version_is_named),
        cmocka_unit_test(a_missing_text_is_an_empty_one),
        cmocka_unit_test(the_wire_form_is_what_it_was),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
