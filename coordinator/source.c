#include "coordinator/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "coordinator/natural.h"
#include "proto/log.h"
#include "proto/status.h"

enum { PATH_BYTES = 4096, FILES_MAX = 10000000 };

/* One way to find frames. open fills source->files, count, or whatever `name` needs.
 *
 * takes  is `input` of this kind? The first row that says yes is used.
 * open   returns as coordinator_source_open
 * name   path of the frame after `index` ones; false at the end
 */
struct source_kind {
    const char *what;
    bool (*takes)(const char *input);
    int (*open)(struct coordinator_source *source, const char *input);
    bool (*name)(const struct coordinator_source *source, uint64_t index, char path[PATH_BYTES]);
};

struct coordinator_source {
    const struct source_kind *kind;
    char *input;
    size_t prefix_bytes; /* of a frame's path that its source name leaves out */
    uint64_t frames_max;
    bool loop;
    uint64_t cycle; /* loop: pictures there are; 0 before the end was reached once */
    uint64_t seq;
    int64_t count; /* -1: not known */
    char **files;  /* directory: names in order; owned */
    size_t file_count;
    struct coordinator_pattern pattern; /* sequence */
    uint64_t first;                     /* sequence: number of its first frame */
};

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* --- a directory of pictures --- */

static int by_natural_order(const void *a, const void *b)
{
    return coordinator_natural_compare(*(char *const *)a, *(char *const *)b);
}

static int list_add(struct coordinator_source *source, const char *name, size_t *cap)
{
    if (source->file_count == *cap) {
        size_t more = *cap ? *cap * 2 : 64;
        char **files = realloc(source->files, more * sizeof *files);
        if (!files)
            return PROTO_NO_MEMORY;
        source->files = files;
        *cap = more;
    }
    char *copy = strdup(name);
    if (!copy)
        return PROTO_NO_MEMORY;
    source->files[source->file_count++] = copy;
    return PROTO_OK;
}

static int directory_list(struct coordinator_source *source, const char *input, DIR *dir)
{
    size_t cap = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno == 0)
                return PROTO_OK;
            proto_log_error("coordinator", "%s: %s", input, strerror(errno));
            return PROTO_IO;
        }
        if (entry->d_name[0] == '.' ||
            coordinator_image_kind(entry->d_name) == COORDINATOR_IMAGE_OTHER)
            continue;
        if (source->file_count == FILES_MAX ||
            strlen(input) + 1 + strlen(entry->d_name) >= PATH_BYTES) {
            proto_log_error("coordinator", "%s: too many files, or too long a name: %s", input,
                            entry->d_name);
            return PROTO_LIMIT;
        }
        int status = list_add(source, entry->d_name, &cap);
        if (status != PROTO_OK)
            return status;
    }
}

static int directory_open(struct coordinator_source *source, const char *input)
{
    DIR *dir = opendir(input);
    if (!dir) {
        proto_log_error("coordinator", "%s: %s", input, strerror(errno));
        return PROTO_IO;
    }
    int status = directory_list(source, input, dir);
    closedir(dir);
    if (status != PROTO_OK)
        return status;
    if (source->file_count == 0) {
        proto_log_error("coordinator",
                        "%s: no pictures in this directory (looked for *.jpg, *.jpeg, *.png)",
                        input);
        return PROTO_NOT_FOUND;
    }
    qsort(source->files, source->file_count, sizeof *source->files, by_natural_order);
    source->count = (int64_t)source->file_count;
    source->prefix_bytes = strlen(input) + 1;
    return PROTO_OK;
}

static bool directory_name(const struct coordinator_source *source, uint64_t index,
                           char path[PATH_BYTES])
{
    if (index >= source->file_count)
        return false;
    snprintf(path, PATH_BYTES, "%s/%s", source->input, source->files[index]);
    return true;
}

/* --- a numbered sequence --- */

static bool sequence_takes(const char *input)
{
    return strchr(input, '%') && !is_file(input);
}

static int sequence_open(struct coordinator_source *source, const char *input)
{
    const char *why = coordinator_pattern_parse(&source->pattern, input);
    if (why) {
        proto_log_error("coordinator", "%s: %s", input, why);
        return PROTO_INVALID;
    }
    if (coordinator_image_kind(input) == COORDINATOR_IMAGE_OTHER) {
        proto_log_error("coordinator", "%s: the pattern must end in .jpg, .jpeg or .png", input);
        return PROTO_UNSUPPORTED;
    }
    char path[PATH_BYTES];
    for (source->first = 0; source->first < 2; source->first++)
        if (coordinator_pattern_format(&source->pattern, source->first, path, sizeof path) &&
            is_file(path))
            break;
    if (source->first == 2) {
        bool fits = coordinator_pattern_format(&source->pattern, 0, path, sizeof path);
        proto_log_error("coordinator", "%s: no such picture, nor number 1 of this pattern",
                        fits ? path : input);
        return PROTO_NOT_FOUND;
    }
    /* Names are relative to the last folder before the number. */
    size_t length = 0;
    for (const char *at = input; at < input + source->pattern.number_at; at++) {
        at += *at == '%'; /* %% is one character of a path */
        length++;
        if (*at == '/')
            source->prefix_bytes = length;
    }
    return PROTO_OK;
}

static bool sequence_name(const struct coordinator_source *source, uint64_t index,
                          char path[PATH_BYTES])
{
    return coordinator_pattern_format(&source->pattern, source->first + index, path, PATH_BYTES) &&
           is_file(path);
}

/* --- one picture --- */

static int picture_open(struct coordinator_source *source, const char *input)
{
    if (coordinator_image_kind(input) == COORDINATOR_IMAGE_OTHER) {
        proto_log_error("coordinator",
                        "%s: not a picture (.jpg, .jpeg, .png), directory or pattern", input);
        return PROTO_UNSUPPORTED;
    }
    const char *slash = strrchr(input, '/');
    source->prefix_bytes = slash ? (size_t)(slash - input) + 1 : 0;
    source->count = 1;
    return PROTO_OK;
}

static bool picture_name(const struct coordinator_source *source, uint64_t index,
                         char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s", source->input);
    return index == 0;
}

static int nothing_open(struct coordinator_source *source, const char *input)
{
    (void)source;
    proto_log_error("coordinator", "%s: %s", input, strerror(ENOENT));
    return PROTO_NOT_FOUND;
}

static bool anything(const char *input)
{
    (void)input;
    return true;
}

static const struct source_kind kinds[] = {
    {"directory", is_directory, directory_open, directory_name},
    {"sequence", sequence_takes, sequence_open, sequence_name},
    {"picture", is_file, picture_open, picture_name},
    {"nothing", anything, nothing_open, NULL},
};

/* --- all kinds --- */

void coordinator_source_defaults(struct coordinator_source_settings *settings)
{
    *settings = (struct coordinator_source_settings){.frames_max = 0};
}

int coordinator_source_open(const char *input, const struct coordinator_source_settings *settings,
                            struct coordinator_source **out)
{
    if (strlen(input) >= PATH_BYTES || settings->frames_max < 0) {
        proto_log_error("coordinator", "%.64s: path too long, or a negative number of frames",
                        input);
        return PROTO_INVALID;
    }
    struct coordinator_source *source = calloc(1, sizeof *source);
    int status = PROTO_NO_MEMORY;
    if (!source || !(source->input = strdup(input)))
        goto fail;
    source->count = -1;
    source->loop = settings->loop;
    source->frames_max = settings->frames_max ? (uint64_t)settings->frames_max : UINT64_MAX;
    const struct source_kind *kind = kinds;
    while (!kind->takes(input))
        kind++;
    source->kind = kind;
    status = kind->open(source, source->input);
    if (status != PROTO_OK)
        goto fail;
    const bool limited = source->frames_max <= INT64_MAX;
    if (source->loop)
        source->count = limited ? (int64_t)source->frames_max : -1;
    else if (source->count >= 0 && (uint64_t)source->count > source->frames_max)
        source->count = (int64_t)source->frames_max;
    proto_log_debug("coordinator", "%s: %s, %lld frames", input, kind->what,
                    (long long)source->count);
    *out = source;
    return PROTO_OK;
fail:
    coordinator_source_close(source);
    return status;
}

void coordinator_source_close(struct coordinator_source *source)
{
    if (!source)
        return;
    for (size_t i = 0; i < source->file_count; i++)
        free(source->files[i]);
    free(source->files);
    free(source->input);
    free(source);
}

static double ms_between(const struct timespec *a, const struct timespec *b)
{
    return (double)(b->tv_sec - a->tv_sec) * 1e3 + (double)(b->tv_nsec - a->tv_nsec) * 1e-6;
}

/* Path of the next frame; false at the end. */
static bool next_path(struct coordinator_source *source, char path[PATH_BYTES])
{
    if (source->seq >= source->frames_max)
        return false;
    const uint64_t index = source->cycle ? source->seq % source->cycle : source->seq;
    if (source->kind->name(source, index, path))
        return true;
    if (!source->loop || index == 0)
        return false;
    source->cycle = index; /* index is the first that is not there */
    return source->kind->name(source, 0, path);
}

int coordinator_source_next(struct coordinator_source *source, struct coordinator_frame *frame)
{
    char path[PATH_BYTES];
    if (!next_path(source, path))
        return PROTO_END;
    struct timespec real, begin, end;
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    frame->seq = source->seq++;
    frame->stamp_ns = (int64_t)real.tv_sec * 1000000000 + real.tv_nsec;
    /* File names fit; of a long path with folders after its number the end tells more. */
    const char *name = path + source->prefix_bytes;
    size_t bytes = strlen(name) + 1;
    size_t kept = bytes < sizeof frame->source ? bytes : sizeof frame->source;
    memcpy(frame->source, name + bytes - kept, kept);
    frame->error[0] = '\0';
    int status = coordinator_image_read(path, &frame->image, frame->error);
    clock_gettime(CLOCK_MONOTONIC, &end);
    frame->capture_ms = ms_between(&begin, &end);
    return status;
}

bool coordinator_source_reads_from(const struct coordinator_source *source, const char *dir)
{
    char path[PATH_BYTES];
    struct stat a, b;
    if (!source->kind->name(source, source->cycle ? source->seq % source->cycle : source->seq,
                            path))
        return false;
    char *slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = '\0';
    return stat(slash ? path : ".", &a) == 0 && stat(dir, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

int64_t coordinator_source_count(const struct coordinator_source *source)
{
    return source->count;
}

void coordinator_frame_free(struct coordinator_frame *frame)
{
    coordinator_image_free(&frame->image);
}
