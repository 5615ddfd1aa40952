/* Any bytes as a message. What is understood can be written again and means the same. */
#include <stdlib.h>

#include "proto/codec.h"
#include "proto/log.h"
#include "proto/status.h"
#include "tests/fuzz/target.h"
#include "tests/proto/messages.h"

static void silent(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)level, (void)area, (void)text;
}

static void check_again(const struct proto_message *message, struct proto_arena *arena)
{
    static unsigned char buffer[PROTO_CODEC_CONTROL_MAX];
    struct proto_message again;
    size_t len;
    int status = proto_codec_encode(message, buffer, sizeof(buffer), &len);
    if (status != PROTO_OK)
        abort();
    /* Without its pixels a FRAME is cut off; all else must come back. */
    status = proto_codec_decode(buffer, len, arena, &again);
    bool cut = message->kind == PROTO_MESSAGE_FRAME && message->frame.pixel_bytes > 0;
    if (cut ? status != PROTO_FORMAT : status != PROTO_OK || !messages_equal(message, &again))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct proto_arena arena, arena_again;
    struct proto_message message;
    proto_log_set_sink(silent, NULL);
    if (!arena.data && (proto_arena_open(&arena, PROTO_CODEC_ARENA_MAX) != PROTO_OK ||
                        proto_arena_open(&arena_again, PROTO_CODEC_ARENA_MAX) != PROTO_OK))
        abort();
    proto_arena_reset(&arena);
    proto_arena_reset(&arena_again);
    if (proto_codec_decode(data, len, &arena, &message) == PROTO_OK)
        check_again(&message, &arena_again);
    return 0;
}
