#include "tests/proto/messages.h"

#include <string.h>

#include "tests/proto/support.h"

/* Numbers of every magnitude, so that every msgpack width is met. */
static uint64_t any_u64(uint64_t *seed)
{
    return random_next(seed) >> random_below(seed, 64);
}

static uint32_t any_u32(uint64_t *seed)
{
    return (uint32_t)(random_next(seed) >> 32) >> random_below(seed, 32);
}

static int32_t any_i32(uint64_t *seed)
{
    int32_t value = (int32_t)(any_u32(seed) & INT32_MAX);
    return random_below(seed, 2) ? value : -value - 1;
}

static float any_float(uint64_t *seed)
{
    return (float)any_i32(seed) / 1024.0f;
}

static const char *any_text(char text[200], uint64_t *seed)
{
    uint32_t len = random_below(seed, 4) ? random_below(seed, 40) : random_below(seed, 200);
    for (uint32_t i = 0; i < len; i++)
        text[i] = (char)(1 + random_below(seed, 255));
    text[len] = '\0';
    return text;
}

static uint32_t any_count(uint64_t *seed)
{
    return random_below(seed, 3) ? random_below(seed, 8) : random_below(seed, MESSAGES_ARRAY_MAX);
}

static void fill_numbers(uint32_t *numbers, uint64_t *seed)
{
    for (int i = 0; i < MESSAGES_ARRAY_MAX; i++)
        numbers[i] = any_u32(seed);
}

static void make_plan(struct proto_plan *plan, struct message_memory *memory, uint64_t *seed)
{
    *plan = (struct proto_plan){
        .plan = any_u32(seed),
        .frame = {.w = 1 + (int32_t)random_below(seed, PROTO_FRAME_SIDE_MAX),
                  .h = 1 + (int32_t)random_below(seed, PROTO_FRAME_SIDE_MAX)},
        .candidate_threshold = any_float(seed),
        .depth = any_u32(seed),
        .frame_bytes_max = any_u64(seed),
        .tile_count = 1 + random_below(seed, MESSAGES_ARRAY_MAX - 1),
        .tiles = memory->tiles,
        .mine_count = any_count(seed),
        .mine = memory->numbers[0],
    };
    for (uint32_t i = 0; i < plan->tile_count; i++)
        memory->tiles[i] =
            (struct proto_plan_tile){random_below(seed, PROTO_LEVELS_MAX),
                                     random_below(seed, 30000), random_below(seed, 30000),
                                     1 + random_below(seed, 30000), 1 + random_below(seed, 30000)};
    for (uint32_t i = 0; i < plan->mine_count; i++)
        memory->numbers[0][i] = random_below(seed, plan->tile_count);
}

static void make_frame(struct proto_frame *frame, struct message_memory *memory, uint64_t *seed)
{
    *frame = (struct proto_frame){
        .plan = any_u32(seed),
        .seq = any_u64(seed),
        .assignment = any_u32(seed),
        .tile_count = any_count(seed),
        .tiles = memory->numbers[0],
        .band_count = any_count(seed),
        .bands = memory->bands,
        .pixel_bytes = random_below(seed, 1000),
    };
    fill_numbers(memory->numbers[0], seed);
    for (uint32_t i = 0; i < frame->band_count; i++) {
        int32_t y0 = (int32_t)random_below(seed, PROTO_FRAME_SIDE_MAX);
        int32_t rows = 1 + (int32_t)random_below(seed, (uint32_t)(PROTO_FRAME_SIDE_MAX - y0));
        memory->bands[i] =
            (struct proto_band){(int32_t)random_below(seed, PROTO_BASES_MAX), y0, y0 + rows};
    }
}

static void make_result(struct proto_result *result, struct message_memory *memory, uint64_t *seed)
{
    *result = (struct proto_result){
        .plan = any_u32(seed),
        .seq = any_u64(seed),
        .assignment = any_u32(seed),
        .status = any_i32(seed),
        .text = any_text(memory->texts[0], seed),
        .tile_count = any_count(seed),
        .tiles = memory->numbers[0],
        .tile_us = memory->numbers[1],
        .received_us = any_u64(seed),
        .started_us = any_u64(seed),
        .finished_us = any_u64(seed),
        .survivor_count = any_count(seed),
        .survivors = memory->survivors,
    };
    fill_numbers(memory->numbers[0], seed);
    fill_numbers(memory->numbers[1], seed);
    for (uint32_t i = 0; i < result->survivor_count; i++)
        memory->survivors[i] = (struct proto_survivor){
            .tile = any_u32(seed),
            .row = (uint16_t)any_u32(seed),
            .col = (uint16_t)any_u32(seed),
            .score = any_float(seed),
            .flags = random_below(seed, 4),
        };
}

void message_make_random(struct proto_message *message, enum proto_message_kind kind,
                         struct message_memory *memory, uint64_t *seed)
{
    *message = (struct proto_message){.kind = kind};
    switch (kind) {
    case PROTO_MESSAGE_HELLO:
        message->hello = (struct proto_hello){
            .version = PROTO_WIRE_VERSION,
            .host = any_text(memory->texts[0], seed),
            .pid = any_u32(seed),
            .device = any_text(memory->texts[1], seed),
            .kernels = any_text(memory->texts[2], seed),
            .model_hash = any_text(memory->texts[3], seed),
            .threads = any_u32(seed),
        };
        break;
    case PROTO_MESSAGE_PLAN:
        make_plan(&message->plan, memory, seed);
        break;
    case PROTO_MESSAGE_READY:
        message->ready = (struct proto_ready){.plan = any_u32(seed),
                                              .status = any_i32(seed),
                                              .text = any_text(memory->texts[0], seed),
                                              .memory_bytes = any_u64(seed)};
        break;
    case PROTO_MESSAGE_FRAME:
        make_frame(&message->frame, memory, seed);
        break;
    case PROTO_MESSAGE_RESULT:
        make_result(&message->result, memory, seed);
        break;
    case PROTO_MESSAGE_BEAT:
        message->beat = (struct proto_beat){.count = any_u64(seed),
                                            .state = random_below(seed, PROTO_WORKER_FAILED + 1),
                                            .queued = any_u32(seed)};
        if (random_below(seed, 2)) { /* optional keys: there or not */
            message->beat.power = any_text(memory->texts[0], seed);
            message->beat.power_own = random_below(seed, 2);
            message->beat.power_period_us = any_u32(seed);
            message->beat.power_us = any_u64(seed);
            message->beat.power_samples = any_u64(seed);
            message->beat.power_mw = any_u32(seed);
            message->beat.energy_uj = any_u64(seed);
        }
        break;
    case PROTO_MESSAGE_STOP:
        message->stop.status = any_i32(seed);
        break;
    }
}

static bool same_bytes(const void *a, uint32_t a_count, const void *b, uint32_t b_count,
                       size_t each)
{
    return a_count == b_count && (a_count == 0 || memcmp(a, b, a_count * each) == 0);
}

static bool plans_equal(const struct proto_plan *a, const struct proto_plan *b)
{
    return a->plan == b->plan && a->frame.w == b->frame.w && a->frame.h == b->frame.h &&
           memcmp(&a->candidate_threshold, &b->candidate_threshold, sizeof(float)) == 0 &&
           a->depth == b->depth && a->frame_bytes_max == b->frame_bytes_max &&
           same_bytes(a->tiles, a->tile_count, b->tiles, b->tile_count, sizeof(*a->tiles)) &&
           same_bytes(a->mine, a->mine_count, b->mine, b->mine_count, sizeof(*a->mine));
}

static bool frames_equal(const struct proto_frame *a, const struct proto_frame *b)
{
    return a->plan == b->plan && a->seq == b->seq && a->assignment == b->assignment &&
           a->pixel_bytes == b->pixel_bytes &&
           same_bytes(a->tiles, a->tile_count, b->tiles, b->tile_count, sizeof(*a->tiles)) &&
           same_bytes(a->bands, a->band_count, b->bands, b->band_count, sizeof(*a->bands));
}

static bool results_equal(const struct proto_result *a, const struct proto_result *b)
{
    return a->plan == b->plan && a->seq == b->seq && a->assignment == b->assignment &&
           a->status == b->status && strcmp(a->text, b->text) == 0 &&
           a->received_us == b->received_us && a->started_us == b->started_us &&
           a->finished_us == b->finished_us &&
           same_bytes(a->tiles, a->tile_count, b->tiles, b->tile_count, sizeof(*a->tiles)) &&
           same_bytes(a->tile_us, a->tile_count, b->tile_us, b->tile_count, sizeof(*a->tile_us)) &&
           same_bytes(a->survivors, a->survivor_count, b->survivors, b->survivor_count,
                      sizeof(*a->survivors));
}

bool messages_equal(const struct proto_message *a, const struct proto_message *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case PROTO_MESSAGE_HELLO:
        return a->hello.version == b->hello.version && strcmp(a->hello.host, b->hello.host) == 0 &&
               a->hello.pid == b->hello.pid && strcmp(a->hello.device, b->hello.device) == 0 &&
               strcmp(a->hello.kernels, b->hello.kernels) == 0 &&
               strcmp(a->hello.model_hash, b->hello.model_hash) == 0 &&
               a->hello.threads == b->hello.threads;
    case PROTO_MESSAGE_PLAN:
        return plans_equal(&a->plan, &b->plan);
    case PROTO_MESSAGE_READY:
        return a->ready.plan == b->ready.plan && a->ready.status == b->ready.status &&
               strcmp(a->ready.text, b->ready.text) == 0 &&
               a->ready.memory_bytes == b->ready.memory_bytes;
    case PROTO_MESSAGE_FRAME:
        return frames_equal(&a->frame, &b->frame);
    case PROTO_MESSAGE_RESULT:
        return results_equal(&a->result, &b->result);
    case PROTO_MESSAGE_BEAT:
        return a->beat.count == b->beat.count && a->beat.state == b->beat.state &&
               a->beat.queued == b->beat.queued && !a->beat.power == !b->beat.power &&
               (!a->beat.power || strcmp(a->beat.power, b->beat.power) == 0) &&
               a->beat.power_own == b->beat.power_own &&
               a->beat.power_period_us == b->beat.power_period_us &&
               a->beat.power_us == b->beat.power_us &&
               a->beat.power_samples == b->beat.power_samples &&
               a->beat.power_mw == b->beat.power_mw && a->beat.energy_uj == b->beat.energy_uj;
    case PROTO_MESSAGE_STOP:
        return a->stop.status == b->stop.status;
    }
    return false;
}
