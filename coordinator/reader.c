/* Frames from the thread pool. */
#include "coordinator/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/status.h"

struct slot {
    struct coordinator_reader_slot read; /* belongs to the pool's thread while it is being read */
    struct coordinator_reader *reader;
    int index;
    bool in_use;
    struct proto_size size; /* of the bands */
    uv_work_t work;
};

struct coordinator_reader {
    uv_loop_t *loop;
    struct coordinator_source *source;
    const struct partition_model *model;
    void (*on_read)(void *arg, int slot);
    void *arg;
    bool busy, ended;
    int count;
    struct slot *slots;
};

static uint64_t thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int bases_build(struct slot *slot)
{
    const struct coordinator_image *image = &slot->read.frame.image;
    struct partition_pyramid pyramid;

    if (!slot->read.bands || image->size.w != slot->size.w || image->size.h != slot->size.h) {
        coordinator_bands_close(slot->read.bands);
        slot->read.bands = NULL;
        slot->size = image->size;
        int status = partition_pyramid_init(&pyramid, slot->reader->model, image->size);
        if (!status)
            status = coordinator_bands_open(&pyramid, &slot->read.bands);
        if (status)
            return status;
    }
    return coordinator_bands_build(slot->read.bands, image);
}

/* In the thread pool. */
static void read_slot(uv_work_t *work)
{
    struct slot *slot = work->data;
    struct coordinator_reader_slot *read = &slot->read;

    read->begin_us = uv_hrtime() / 1000;
    read->bases_cpu_ns = 0;
    read->status = coordinator_source_next(slot->reader->source, &read->frame);
    if (read->status == PROTO_OK) {
        const uint64_t before_ns = thread_cpu_ns();
        read->status = bases_build(slot);
        read->bases_cpu_ns = thread_cpu_ns() - before_ns;
        if (read->status)
            snprintf(read->frame.error, sizeof read->frame.error, "no pyramid: %s",
                     proto_status_text(read->status));
    }
    read->end_us = uv_hrtime() / 1000;
}

static void slot_is_read(uv_work_t *work, int canceled)
{
    struct slot *slot = work->data;
    struct coordinator_reader *reader = slot->reader;

    (void)canceled; /* nobody cancels */
    reader->busy = false;
    if (slot->read.status == PROTO_END) {
        slot->in_use = false;
        reader->ended = true;
    }
    reader->on_read(reader->arg, slot->index);
}

int coordinator_reader_open(uv_loop_t *loop, struct coordinator_source *source,
                            const struct partition_model *model, int slots,
                            void (*on_read)(void *arg, int slot), void *arg,
                            struct coordinator_reader **out)
{
    struct coordinator_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return PROTO_NO_MEMORY;
    *reader = (struct coordinator_reader){.loop = loop,
                                          .source = source,
                                          .model = model,
                                          .on_read = on_read,
                                          .arg = arg,
                                          .count = slots};
    reader->slots = calloc((size_t)slots, sizeof *reader->slots);
    if (!reader->slots) {
        free(reader);
        return PROTO_NO_MEMORY;
    }
    for (int i = 0; i < slots; i++) {
        reader->slots[i].reader = reader;
        reader->slots[i].index = i;
        reader->slots[i].work.data = &reader->slots[i];
    }
    *out = reader;
    return PROTO_OK;
}

void coordinator_reader_close(struct coordinator_reader *reader)
{
    if (!reader)
        return;
    for (int i = 0; i < reader->count; i++) {
        coordinator_bands_close(reader->slots[i].read.bands);
        coordinator_frame_free(&reader->slots[i].read.frame);
    }
    free(reader->slots);
    free(reader);
}

void coordinator_reader_next(struct coordinator_reader *reader)
{
    for (int i = 0; i < reader->count && !reader->busy && !reader->ended; i++) {
        struct slot *slot = &reader->slots[i];
        if (slot->in_use)
            continue;
        reader->busy = uv_queue_work(reader->loop, &slot->work, read_slot, slot_is_read) == 0;
        slot->in_use = reader->busy;
    }
}

bool coordinator_reader_stop(struct coordinator_reader *reader)
{
    reader->ended = true;
    return reader->busy;
}

void coordinator_reader_release(struct coordinator_reader *reader, int slot)
{
    reader->slots[slot].in_use = false;
}

const struct coordinator_reader_slot *
coordinator_reader_slot(const struct coordinator_reader *reader, int slot)
{
    return &reader->slots[slot].read;
}
