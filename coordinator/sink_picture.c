#include "coordinator/sink_picture.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "coordinator/draw.h"
#include "proto/log.h"
#include "proto/status.h"

enum {
    BUFFERS = 4,          /* pictures waiting to be written */
    DETECTIONS_MAX = 4096 /* drawn; the best ones come first */
};

struct picture {
    struct coordinator_image image;
    char path[PATH_MAX];
    uint32_t count;
    struct proto_detection detections[DETECTIONS_MAX];
};

struct sink_picture {
    struct coordinator_sink sink;
    char *dir;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock. Pictures [done, taken) are in use, number n in buffer n % BUFFERS. */
    uint64_t done, taken;
    bool stop;
    int status;
    struct picture pictures[BUFFERS];
};

static int write_picture(struct picture *picture)
{
    int status = coordinator_draw_detections(&picture->image, picture->detections, picture->count);
    if (status != PROTO_OK) {
        proto_log_error("coordinator", "%s: %s", picture->path, proto_status_text(status));
        return status;
    }
    return coordinator_image_write(picture->path, &picture->image);
}

static void *write_pictures(void *arg)
{
    struct sink_picture *sink = arg;
    pthread_mutex_lock(&sink->lock);
    for (;;) {
        while (sink->done == sink->taken && !sink->stop)
            pthread_cond_wait(&sink->changed, &sink->lock);
        if (sink->done == sink->taken)
            break;
        struct picture *picture = &sink->pictures[sink->done % BUFFERS];
        bool skip = sink->status != PROTO_OK;
        pthread_mutex_unlock(&sink->lock);
        int status = skip ? PROTO_OK : write_picture(picture);
        pthread_mutex_lock(&sink->lock);
        if (sink->status == PROTO_OK)
            sink->status = status;
        sink->done++;
        pthread_cond_signal(&sink->changed);
    }
    pthread_mutex_unlock(&sink->lock);
    return NULL;
}

static int make_directories(const char *dir)
{
    char *path = strdup(dir);
    if (!path)
        return PROTO_NO_MEMORY;
    int failed = 0;
    for (char *at = path + 1; !failed && *path; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char was = *at;
        *at = '\0';
        failed = mkdir(path, 0777) != 0 && errno != EEXIST;
        *at = was;
        if (was == '\0')
            break;
    }
    struct stat st;
    if (!failed && (failed = stat(dir, &st) != 0) == 0 && !S_ISDIR(st.st_mode)) {
        failed = 1;
        errno = ENOTDIR;
    }
    if (failed)
        proto_log_error("coordinator", "%s: can't make this directory: %s", dir, strerror(errno));
    free(path);
    return failed ? PROTO_IO : PROTO_OK;
}

/* dir/NAME; a name with folders in it is flattened so that it stays inside dir. */
static int picture_path(const struct sink_picture *sink, const char *source, char path[PATH_MAX])
{
    int n = snprintf(path, PATH_MAX, "%s/%s", sink->dir, source);
    if (n < 0 || n >= PATH_MAX) {
        proto_log_error("coordinator", "%s/%s: path too long", sink->dir, source);
        return PROTO_IO;
    }
    for (char *at = path + strlen(sink->dir) + 1; *at; at++)
        if (*at == '/')
            *at = '_';
    return PROTO_OK;
}

static int fill(const struct sink_picture *sink, struct picture *picture,
                const struct coordinator_frame_report *report,
                const struct coordinator_image *image)
{
    int status = picture_path(sink, report->source, picture->path);
    if (status == PROTO_OK)
        status = coordinator_image_resize(&picture->image, (uint64_t)image->size.w,
                                          (uint64_t)image->size.h);
    if (status != PROTO_OK)
        return status;
    memcpy(picture->image.data, image->data,
           (size_t)image->size.w * (size_t)image->size.h * PROTO_CHANNELS);
    picture->count =
        report->detection_count < DETECTIONS_MAX ? report->detection_count : DETECTIONS_MAX;
    if (picture->count)
        memcpy(picture->detections, report->detections,
               picture->count * sizeof *picture->detections);
    return PROTO_OK;
}

static int picture_frame(struct coordinator_sink *base,
                         const struct coordinator_frame_report *report,
                         const struct coordinator_image *image)
{
    struct sink_picture *sink = (struct sink_picture *)base;
    if (!image)
        return PROTO_OK;
    pthread_mutex_lock(&sink->lock);
    while (sink->taken - sink->done == BUFFERS)
        pthread_cond_wait(&sink->changed, &sink->lock);
    int status = sink->status;
    pthread_mutex_unlock(&sink->lock);
    if (status != PROTO_OK)
        return status;
    /* Only this thread takes buffers, so the free one stays free without the lock. */
    status = fill(sink, &sink->pictures[sink->taken % BUFFERS], report, image);
    pthread_mutex_lock(&sink->lock);
    if (status == PROTO_OK)
        sink->taken++;
    else
        sink->status = status;
    pthread_cond_signal(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
    return status;
}

static void stop(struct sink_picture *sink)
{
    if (!sink->started)
        return;
    pthread_mutex_lock(&sink->lock);
    sink->stop = true;
    pthread_cond_signal(&sink->changed);
    pthread_mutex_unlock(&sink->lock);
    pthread_join(sink->thread, NULL);
    sink->started = false;
}

static int picture_finish(struct coordinator_sink *base, const struct coordinator_run *run)
{
    (void)run;
    struct sink_picture *sink = (struct sink_picture *)base;
    stop(sink);
    return sink->status;
}

static void picture_close(struct coordinator_sink *base)
{
    struct sink_picture *sink = (struct sink_picture *)base;
    stop(sink);
    for (int i = 0; i < BUFFERS; i++)
        coordinator_image_free(&sink->pictures[i].image);
    pthread_cond_destroy(&sink->changed);
    pthread_mutex_destroy(&sink->lock);
    free(sink->dir);
    free(sink);
}

static const struct coordinator_sink_ops picture_ops = {
    .name = "picture",
    .frame = picture_frame,
    .finish = picture_finish,
    .close = picture_close,
};

int coordinator_sink_picture_open(const char *dir, struct coordinator_sink **out)
{
    int status = make_directories(dir);
    if (status != PROTO_OK)
        return status;
    struct sink_picture *sink = calloc(1, sizeof *sink);
    if (!sink)
        return PROTO_NO_MEMORY;
    sink->sink.ops = &picture_ops;
    pthread_mutex_init(&sink->lock, NULL);
    pthread_cond_init(&sink->changed, NULL);
    status = PROTO_NO_MEMORY;
    sink->dir = strdup(dir);
    if (!sink->dir)
        goto fail;
    if (pthread_create(&sink->thread, NULL, write_pictures, sink) != 0)
        goto fail;
    sink->started = true;
    *out = &sink->sink;
    return PROTO_OK;
fail:
    picture_close(&sink->sink);
    return status;
}
