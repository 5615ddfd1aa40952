/* Messages <-> bytes, driven by one table of fields a message. See codec.h and PROTOCOL.md.
 *
 * Writing uses msgpack-c's packer into the caller's memory; reading uses proto/reader.h.
 * Arrays travel as one binary value of little-endian records that look like our structs in
 * memory, so thousands of survivors cost one copy.
 */
#include "proto/codec.h"

#include <assert.h>
#include <math.h>
#include <msgpack.h>
#include <string.h>

#include "proto/log.h"
#include "proto/reader.h"
#include "proto/status.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "records are copied as they are in memory, which must be little endian"
#endif

/* The records of PROTOCOL.md. */
static_assert(sizeof(struct proto_plan_tile) == 20, "level row0 col0 rows cols");
static_assert(sizeof(struct proto_band) == 12, "base y0 y1");
static_assert(sizeof(struct proto_survivor) == 16, "tile row:16 col:16 score flags");
static_assert(offsetof(struct proto_survivor, row) == 4, "");
static_assert(offsetof(struct proto_survivor, col) == 6, "");
static_assert(offsetof(struct proto_survivor, score) == 8, "");
static_assert(offsetof(struct proto_survivor, flags) == 12, "");

enum {
    MAGIC_BYTES = 4,
    PREFIX_BYTES = 8,  /* magic, length of the msgpack part */
    SCALARS_MAX = 512, /* all keys, numbers and heads of one message; the test checks it */
    PAIRS_MAX = 64,    /* keys of one message, unknown ones included */
};
static const unsigned char magic[MAGIC_BYTES] = {'M', 'S', 'T', 'R'};

/* The largest PLAN, RESULT and FRAME header must fit a receive buffer that knows no plan yet. */
static_assert(SCALARS_MAX + 2 * PROTO_CODEC_STRING_MAX + PROTO_TILES_MAX * (20 + 4) <=
                  PROTO_CODEC_CONTROL_MAX,
              "PLAN");
static_assert(SCALARS_MAX + PROTO_CODEC_STRING_MAX + PROTO_TILES_MAX * 8 +
                      PROTO_CODEC_SURVIVORS_MAX * 16 <=
                  PROTO_CODEC_CONTROL_MAX,
              "RESULT");
static_assert(SCALARS_MAX + PROTO_TILES_MAX * 4 + PROTO_CODEC_BANDS_MAX * 12 <=
                  PROTO_CODEC_CONTROL_MAX,
              "FRAME");

enum field_type { FIELD_U32, FIELD_U64, FIELD_I32, FIELD_F32, FIELD_STRING, FIELD_RECORDS };

struct field {
    const char *key;
    enum field_type type;
    size_t offset; /* in the message's struct: the number, or the pointer */
    bool optional; /* left out when zero or NULL (not for records), and may be missing */
    /* FIELD_RECORDS */
    size_t count_offset;
    size_t each_bytes;
    uint32_t count_max;
    bool shares_count; /* an earlier field has set the count: this one must agree */
};

/* clang-format off */
#define NUMBER(T, member, type_) {.key = #member, .type = type_, .offset = offsetof(struct T, member)}
#define U32(T, member) NUMBER(T, member, FIELD_U32)
#define U64(T, member) NUMBER(T, member, FIELD_U64)
#define I32(T, member) NUMBER(T, member, FIELD_I32)
#define F32(T, member) NUMBER(T, member, FIELD_F32)
#define STRING(T, member) NUMBER(T, member, FIELD_STRING)
#define OPTIONAL(T, member, type_) \
    {.key = #member, .type = type_, .offset = offsetof(struct T, member), .optional = true}
#define RECORDS(T, member, count, each, max, shares)                                              \
    {.key = #member, .type = FIELD_RECORDS, .offset = offsetof(struct T, member),                 \
     .count_offset = offsetof(struct T, count), .each_bytes = each, .count_max = max,             \
     .shares_count = shares}

static const struct field hello_fields[] = {
    U32(proto_hello, version),
    STRING(proto_hello, host),
    U32(proto_hello, pid),
    STRING(proto_hello, device),
    STRING(proto_hello, kernels),
    STRING(proto_hello, model_hash),
    U32(proto_hello, threads),
};
static const struct field plan_fields[] = {
    U32(proto_plan, plan),
    {.key = "w", .type = FIELD_I32, .offset = offsetof(struct proto_plan, frame.w)},
    {.key = "h", .type = FIELD_I32, .offset = offsetof(struct proto_plan, frame.h)},
    F32(proto_plan, candidate_threshold),
    U32(proto_plan, depth),
    U64(proto_plan, frame_bytes_max),
    RECORDS(proto_plan, tiles, tile_count, sizeof(struct proto_plan_tile), PROTO_TILES_MAX, false),
    RECORDS(proto_plan, mine, mine_count, sizeof(uint32_t), PROTO_TILES_MAX, false),
};
static const struct field ready_fields[] = {
    U32(proto_ready, plan),
    I32(proto_ready, status),
    STRING(proto_ready, text),
    U64(proto_ready, memory_bytes),
};
static const struct field frame_fields[] = {
    U32(proto_frame, plan),
    U64(proto_frame, seq),
    U32(proto_frame, assignment),
    RECORDS(proto_frame, tiles, tile_count, sizeof(uint32_t), PROTO_TILES_MAX, false),
    RECORDS(proto_frame, bands, band_count, sizeof(struct proto_band), PROTO_CODEC_BANDS_MAX, false),
    U64(proto_frame, pixel_bytes),
};
static const struct field result_fields[] = {
    U32(proto_result, plan),
    U64(proto_result, seq),
    U32(proto_result, assignment),
    I32(proto_result, status),
    STRING(proto_result, text),
    RECORDS(proto_result, tiles, tile_count, sizeof(uint32_t), PROTO_TILES_MAX, false),
    RECORDS(proto_result, tile_us, tile_count, sizeof(uint32_t), PROTO_TILES_MAX, true),
    U64(proto_result, received_us),
    U64(proto_result, started_us),
    U64(proto_result, finished_us),
    RECORDS(proto_result, survivors, survivor_count, sizeof(struct proto_survivor),
            PROTO_CODEC_SURVIVORS_MAX, false),
};
static const struct field beat_fields[] = {
    U64(proto_beat, count),
    U32(proto_beat, state),
    U32(proto_beat, queued),
    OPTIONAL(proto_beat, power, FIELD_STRING),
    OPTIONAL(proto_beat, power_own, FIELD_U32),
    OPTIONAL(proto_beat, power_period_us, FIELD_U32),
    OPTIONAL(proto_beat, power_us, FIELD_U64),
    OPTIONAL(proto_beat, power_samples, FIELD_U64),
    OPTIONAL(proto_beat, power_mw, FIELD_U32),
    OPTIONAL(proto_beat, energy_uj, FIELD_U64),
};
static const struct field stop_fields[] = {
    I32(proto_stop, status),
};

struct layout {
    const char *name;
    const struct field *fields;
    size_t field_count;
    size_t offset; /* of the message's struct in struct proto_message */
};

static const struct layout layouts[] = {
#define X(name_, number, member)                                                                  \
    [number] = {#name_, member##_fields, sizeof(member##_fields) / sizeof(member##_fields[0]),    \
                offsetof(struct proto_message, member)},
    PROTO_MESSAGE_MAP(X)
#undef X
};
/* clang-format on */

static const struct layout *layout_of(uint64_t kind)
{
    if (kind >= sizeof(layouts) / sizeof(layouts[0]) || !layouts[kind].name)
        return NULL;
    return &layouts[kind];
}

static size_t round_up(size_t bytes)
{
    return (bytes + PROTO_CODEC_ALIGN - 1) / PROTO_CODEC_ALIGN * PROTO_CODEC_ALIGN;
}

static uint32_t count_of(const struct field *field, const unsigned char *body)
{
    uint32_t count;
    memcpy(&count, body + field->count_offset, sizeof(count));
    return count;
}

/* ---- writing ---- */

struct output {
    unsigned char *at, *end;
};

/* msgpack-c's write callback: fails instead of growing. */
static int write_bytes(void *arg, const char *bytes, size_t len)
{
    struct output *output = arg;
    if (len > (size_t)(output->end - output->at))
        return -1;
    if (len > 0)
        memcpy(output->at, bytes, len);
    output->at += len;
    return 0;
}

static int pack_string(msgpack_packer *packer, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len > PROTO_CODEC_STRING_MAX)
        return -1;
    return msgpack_pack_str(packer, len) || msgpack_pack_str_body(packer, text, len) ? -1 : 0;
}

static int pack_records(msgpack_packer *packer, const struct field *field,
                        const unsigned char *body)
{
    uint32_t count = count_of(field, body);
    if (count > field->count_max)
        return -1;
    const void *records;
    memcpy(&records, body + field->offset, sizeof(records));
    size_t len = count * field->each_bytes;
    return msgpack_pack_bin(packer, len) || msgpack_pack_bin_body(packer, records, len) ? -1 : 0;
}

static int pack_value(msgpack_packer *packer, const struct field *field, const unsigned char *body)
{
    union {
        uint32_t u32;
        uint64_t u64;
        int32_t i32;
        float f32;
        const char *text;
    } value;
    const unsigned char *at = body + field->offset;
    switch (field->type) {
    case FIELD_U32:
        memcpy(&value.u32, at, sizeof(value.u32));
        return msgpack_pack_uint32(packer, value.u32);
    case FIELD_U64:
        memcpy(&value.u64, at, sizeof(value.u64));
        return msgpack_pack_uint64(packer, value.u64);
    case FIELD_I32:
        memcpy(&value.i32, at, sizeof(value.i32));
        return msgpack_pack_int32(packer, value.i32);
    case FIELD_F32:
        memcpy(&value.f32, at, sizeof(value.f32));
        return msgpack_pack_float(packer, value.f32);
    case FIELD_STRING:
        memcpy(&value.text, at, sizeof(value.text));
        return pack_string(packer, value.text);
    case FIELD_RECORDS:
        return pack_records(packer, field, body);
    }
    return -1;
}

static bool left_out(const struct field *field, const unsigned char *body)
{
    static const size_t sizes[] = {[FIELD_U32] = sizeof(uint32_t),  [FIELD_U64] = sizeof(uint64_t),
                                   [FIELD_I32] = sizeof(int32_t),   [FIELD_F32] = sizeof(float),
                                   [FIELD_STRING] = sizeof(char *), [FIELD_RECORDS] = 0};
    static const unsigned char zeros[sizeof(uint64_t)];
    return field->optional && memcmp(body + field->offset, zeros, sizes[field->type]) == 0;
}

int proto_codec_encode(const struct proto_message *message, void *buf, size_t cap_bytes,
                       size_t *header_bytes)
{
    const struct layout *layout = layout_of(message->kind);
    assert(layout);
    if (cap_bytes < PREFIX_BYTES)
        return PROTO_LIMIT;
    unsigned char *start = buf;
    struct output output = {start + PREFIX_BYTES, start + cap_bytes};
    const unsigned char *body = (const unsigned char *)message + layout->offset;
    msgpack_packer packer;
    msgpack_packer_init(&packer, &output, write_bytes);

    size_t fields = 0;
    for (size_t i = 0; i < layout->field_count; i++)
        fields += !left_out(&layout->fields[i], body);
    if (msgpack_pack_map(&packer, fields + 1) || pack_string(&packer, "kind") ||
        msgpack_pack_uint32(&packer, message->kind))
        return PROTO_LIMIT;
    for (size_t i = 0; i < layout->field_count; i++)
        if (!left_out(&layout->fields[i], body) && (pack_string(&packer, layout->fields[i].key) ||
                                                    pack_value(&packer, &layout->fields[i], body)))
            return PROTO_LIMIT;

    size_t used = (size_t)(output.at - start);
    size_t total = round_up(used);
    if (total > cap_bytes || total > PROTO_CODEC_CONTROL_MAX)
        return PROTO_LIMIT;
    uint32_t len = (uint32_t)(used - PREFIX_BYTES);
    memcpy(start, magic, MAGIC_BYTES);
    memcpy(start + MAGIC_BYTES, &len, sizeof(len));
    memset(output.at, 0, total - used);
    *header_bytes = total;
    return PROTO_OK;
}

size_t proto_codec_frame_header_max(uint32_t tiles, uint32_t bands)
{
    return round_up(PREFIX_BYTES + SCALARS_MAX + (size_t)tiles * sizeof(uint32_t) +
                    (size_t)bands * sizeof(struct proto_band));
}

size_t proto_codec_result_max(uint32_t tiles, uint32_t survivors)
{
    return round_up(PREFIX_BYTES + SCALARS_MAX + PROTO_CODEC_STRING_MAX +
                    (size_t)tiles * 2 * sizeof(uint32_t) +
                    (size_t)survivors * sizeof(struct proto_survivor));
}

/* ---- reading ---- */

struct decoder {
    struct proto_reader reader;
    struct proto_arena *arena;
    const struct layout *layout;
    unsigned char *body;
    uint64_t seen; /* bit i: field i was there */
};

static int refuse(const struct decoder *decoder, const char *key, int status)
{
    proto_log_error("proto", "%s message: %s: %s", decoder->layout->name, key,
                    proto_status_text(status));
    return status;
}

static int read_string(struct decoder *decoder, const struct field *field)
{
    const char *text;
    uint32_t len;
    if (!proto_reader_str(&decoder->reader, &text, &len))
        return PROTO_FORMAT;
    if (len > PROTO_CODEC_STRING_MAX)
        return PROTO_LIMIT;
    if (memchr(text, '\0', len))
        return PROTO_FORMAT;
    char *copy = proto_arena_alloc(decoder->arena, (size_t)len + 1, 1);
    if (!copy)
        return PROTO_NO_MEMORY;
    memcpy(copy, text, len);
    memcpy(decoder->body + field->offset, &copy, sizeof(copy));
    return PROTO_OK;
}

static int read_records(struct decoder *decoder, const struct field *field)
{
    const unsigned char *bytes;
    uint32_t len;
    if (!proto_reader_bin(&decoder->reader, &bytes, &len) || len % field->each_bytes != 0)
        return PROTO_FORMAT;
    uint32_t count = (uint32_t)(len / field->each_bytes);
    if (count > field->count_max)
        return PROTO_LIMIT;
    if (field->shares_count && count != count_of(field, decoder->body))
        return PROTO_FORMAT;
    void *records = proto_arena_alloc(decoder->arena, count, field->each_bytes);
    if (!records)
        return PROTO_NO_MEMORY;
    if (len > 0)
        memcpy(records, bytes, len);
    memcpy(decoder->body + field->offset, &records, sizeof(records));
    memcpy(decoder->body + field->count_offset, &count, sizeof(count));
    return PROTO_OK;
}

static int read_value(struct decoder *decoder, const struct field *field)
{
    uint64_t u64;
    int64_t i64;
    float f32;
    unsigned char *at = decoder->body + field->offset;
    switch (field->type) {
    case FIELD_U32:
        if (!proto_reader_uint(&decoder->reader, &u64) || u64 > UINT32_MAX)
            return PROTO_FORMAT;
        memcpy(at, &(uint32_t){(uint32_t)u64}, sizeof(uint32_t));
        return PROTO_OK;
    case FIELD_U64:
        if (!proto_reader_uint(&decoder->reader, &u64))
            return PROTO_FORMAT;
        memcpy(at, &u64, sizeof(u64));
        return PROTO_OK;
    case FIELD_I32:
        if (!proto_reader_int(&decoder->reader, &i64) || i64 < INT32_MIN || i64 > INT32_MAX)
            return PROTO_FORMAT;
        memcpy(at, &(int32_t){(int32_t)i64}, sizeof(int32_t));
        return PROTO_OK;
    case FIELD_F32:
        if (!proto_reader_float(&decoder->reader, &f32) || isnan(f32))
            return PROTO_FORMAT;
        memcpy(at, &f32, sizeof(f32));
        return PROTO_OK;
    case FIELD_STRING:
        return read_string(decoder, field);
    case FIELD_RECORDS:
        return read_records(decoder, field);
    }
    return PROTO_FORMAT;
}

/* Index of the field with this key; `guess` is tried first, since keys come in the table's order.
 * field_count if there is none. */
static size_t find_field(const struct layout *layout, const char *key, uint32_t len, size_t guess)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        size_t at = (guess + i) % layout->field_count;
        if (strlen(layout->fields[at].key) == len && memcmp(layout->fields[at].key, key, len) == 0)
            return at;
    }
    return layout->field_count;
}

static int read_pair(struct decoder *decoder, size_t guess)
{
    const struct layout *layout = decoder->layout;
    const char *key;
    uint32_t len;
    if (!proto_reader_str(&decoder->reader, &key, &len))
        return refuse(decoder, "key", PROTO_FORMAT);
    size_t index = find_field(layout, key, len, guess);
    if (index == layout->field_count) /* a later version's */
        return proto_reader_skip(&decoder->reader) ? PROTO_OK
                                                   : refuse(decoder, "unknown key", PROTO_FORMAT);
    const struct field *field = &layout->fields[index];
    uint64_t bit = (uint64_t)1 << index;
    int status = decoder->seen & bit ? PROTO_FORMAT : PROTO_OK;
    if (status == PROTO_OK && field->shares_count && !(decoder->seen & bit >> 1))
        status = PROTO_FORMAT; /* the field before it has the count */
    if (status == PROTO_OK)
        status = read_value(decoder, field);
    decoder->seen |= bit;
    return status == PROTO_OK ? PROTO_OK : refuse(decoder, field->key, status);
}

static int read_fields(struct decoder *decoder, uint32_t pairs)
{
    const struct layout *layout = decoder->layout;
    for (uint32_t i = 0; i < pairs; i++) {
        int status = read_pair(decoder, i);
        if (status != PROTO_OK)
            return status;
    }
    for (size_t i = 0; i < layout->field_count; i++)
        if (!layout->fields[i].optional && !(decoder->seen >> i & 1)) {
            refuse(decoder, layout->fields[i].key, PROTO_NOT_FOUND);
            return PROTO_FORMAT;
        }
    if (decoder->reader.at != decoder->reader.end)
        return refuse(decoder, "bytes after the last key", PROTO_FORMAT);
    return PROTO_OK;
}

/* ---- values that must make sense whatever the plan is ---- */

static const char *wrong_plan(const struct proto_plan *plan)
{
    if (plan->frame.w < 1 || plan->frame.w > PROTO_FRAME_SIDE_MAX || plan->frame.h < 1 ||
        plan->frame.h > PROTO_FRAME_SIDE_MAX)
        return "frame size";
    for (uint32_t i = 0; i < plan->tile_count; i++) {
        const struct proto_plan_tile *tile = &plan->tiles[i];
        /* Survivors name their row and column in 16 bits. */
        if (tile->level >= PROTO_LEVELS_MAX || tile->rows < 1 || tile->cols < 1 ||
            tile->row0 > UINT16_MAX || tile->rows > UINT16_MAX + 1 - tile->row0 ||
            tile->col0 > UINT16_MAX || tile->cols > UINT16_MAX + 1 - tile->col0)
            return "tiles";
    }
    for (uint32_t i = 0; i < plan->mine_count; i++)
        if (plan->mine[i] >= plan->tile_count)
            return "mine";
    return NULL;
}

static const char *wrong_frame(const struct proto_frame *frame)
{
    for (uint32_t i = 0; i < frame->band_count; i++) {
        const struct proto_band *band = &frame->bands[i];
        if (band->base < 0 || band->base >= PROTO_BASES_MAX || band->y0 < 0 ||
            band->y1 <= band->y0 || band->y1 > PROTO_FRAME_SIDE_MAX)
            return "bands";
    }
    return NULL;
}

static const char *wrong_result(const struct proto_result *result)
{
    for (uint32_t i = 0; i < result->survivor_count; i++)
        if (isnan(result->survivors[i].score))
            return "survivors";
    return NULL;
}

static const char *wrong_beat(const struct proto_beat *beat)
{
    return beat->state > PROTO_WORKER_STOPPED ? "state" : NULL;
}

/* Key of a value that can't be right, or NULL. */
static const char *wrong_value(const struct proto_message *message)
{
    switch (message->kind) {
    case PROTO_MESSAGE_PLAN:
        return wrong_plan(&message->plan);
    case PROTO_MESSAGE_FRAME:
        return wrong_frame(&message->frame);
    case PROTO_MESSAGE_RESULT:
        return wrong_result(&message->result);
    case PROTO_MESSAGE_BEAT:
        return wrong_beat(&message->beat);
    case PROTO_MESSAGE_HELLO:
    case PROTO_MESSAGE_READY:
    case PROTO_MESSAGE_STOP:
        break;
    }
    return NULL;
}

/* Check prefix, padding and lengths; set the reader to the msgpack part. */
static int open_envelope(const unsigned char *start, size_t len_bytes, struct proto_reader *reader,
                         size_t *header_bytes)
{
    uint32_t len;
    if (len_bytes < PREFIX_BYTES || memcmp(start, magic, MAGIC_BYTES) != 0) {
        proto_log_error("proto", "a message of %zu bytes is not muster's", len_bytes);
        return PROTO_FORMAT;
    }
    memcpy(&len, start + MAGIC_BYTES, sizeof(len));
    if (len > PROTO_CODEC_CONTROL_MAX - PREFIX_BYTES) {
        proto_log_error("proto", "a message header of %u bytes is too long", (unsigned)len);
        return PROTO_LIMIT;
    }
    *header_bytes = round_up(PREFIX_BYTES + (size_t)len);
    if (*header_bytes > len_bytes) {
        proto_log_error("proto", "a message of %zu bytes is cut off after %zu", *header_bytes,
                        len_bytes);
        return PROTO_FORMAT;
    }
    reader->at = start + PREFIX_BYTES;
    reader->end = reader->at + len;
    return PROTO_OK;
}

static int read_kind(struct proto_reader *reader, uint32_t *pairs, const struct layout **layout,
                     enum proto_message_kind *kind)
{
    const char *key;
    uint32_t len;
    uint64_t number = 0;
    if (!proto_reader_map(reader, pairs) || *pairs < 1 || *pairs > PAIRS_MAX ||
        !proto_reader_str(reader, &key, &len) || len != 4 || memcmp(key, "kind", 4) != 0 ||
        !proto_reader_uint(reader, &number) || !layout_of(number)) {
        proto_log_error("proto", "a message of unknown kind");
        return PROTO_FORMAT;
    }
    *layout = layout_of(number);
    *kind = (enum proto_message_kind)number;
    return PROTO_OK;
}

int proto_codec_decode(const void *buf, size_t len_bytes, struct proto_arena *arena,
                       struct proto_message *message)
{
    struct decoder decoder = {.arena = arena};
    size_t header_bytes;
    uint32_t pairs;
    *message = (struct proto_message){0};
    int status = open_envelope(buf, len_bytes, &decoder.reader, &header_bytes);
    if (status != PROTO_OK)
        return status;
    status = read_kind(&decoder.reader, &pairs, &decoder.layout, &message->kind);
    if (status != PROTO_OK)
        return status;
    decoder.body = (unsigned char *)message + decoder.layout->offset;
    status = read_fields(&decoder, pairs - 1);
    if (status != PROTO_OK)
        return status;
    const char *wrong = wrong_value(message);
    if (wrong)
        return refuse(&decoder, wrong, PROTO_FORMAT);

    uint64_t pixel_bytes = 0;
    if (message->kind == PROTO_MESSAGE_FRAME) {
        pixel_bytes = message->frame.pixel_bytes;
        message->pixels = (const uint8_t *)buf + header_bytes;
    }
    if (len_bytes - header_bytes != pixel_bytes)
        return refuse(&decoder, "length of the message", PROTO_FORMAT);
    if (message->kind == PROTO_MESSAGE_HELLO && message->hello.version != PROTO_WIRE_VERSION) {
        proto_log_error("proto", "%s speaks protocol version %u, this program version %d",
                        message->hello.host, (unsigned)message->hello.version, PROTO_WIRE_VERSION);
        return PROTO_VERSION;
    }
    return PROTO_OK;
}
