#include "tests/coordinator/support.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/log.h"
#include "proto/status.h"

char support_dir[256];
char support_log[1024];
int support_log_lines;

int support_dir_make(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(support_dir, sizeof support_dir, "%s/muster-test-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(support_dir) ? 0 : -1;
}

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char child[2048];
    while (dir && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        if (unlink(child) != 0)
            remove_tree(child);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

int support_dir_remove(void **state)
{
    (void)state;
    remove_tree(support_dir);
    return 0;
}

const char *support_path(const char *name)
{
    static char paths[8][1024];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", support_dir, name);
    return path;
}

uint32_t support_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

struct coordinator_image support_noise(int32_t w, int32_t h, uint32_t seed)
{
    struct coordinator_image image = {0};
    assert_int_equal(coordinator_image_init(&image, (struct proto_size){w, h}), PROTO_OK);
    uint32_t state = seed * 2654435761u | 1;
    for (size_t i = 0; i < (size_t)w * (size_t)h * PROTO_CHANNELS; i++)
        image.data[i] = (uint8_t)(support_random(&state) >> 11);
    return image;
}

struct coordinator_image support_gradient(int32_t w, int32_t h)
{
    struct coordinator_image image = {0};
    assert_int_equal(coordinator_image_init(&image, (struct proto_size){w, h}), PROTO_OK);
    uint8_t *p = image.data;
    for (int32_t y = 0; y < h; y++)
        for (int32_t x = 0; x < w; x++, p += PROTO_CHANNELS) {
            p[0] = (uint8_t)(255 * x / w);
            p[1] = (uint8_t)(255 * y / h);
            p[2] = 128;
        }
    return image;
}

char *support_file(const char *path, size_t *len_bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    size_t len = 0, cap = 1 << 16;
    char *data = malloc(cap + 1);
    assert_non_null(data);
    size_t n;
    while ((n = fread(data + len, 1, cap - len, file)) > 0) {
        len += n;
        if (len == cap) {
            cap *= 2;
            data = realloc(data, cap + 1);
            assert_non_null(data);
        }
    }
    fclose(file);
    data[len] = '\0';
    if (len_bytes)
        *len_bytes = len;
    return data;
}

void support_file_write(const char *path, const void *data, size_t len_bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len_bytes, file), len_bytes);
    assert_int_equal(fclose(file), 0);
}

static void keep_line(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg;
    (void)level;
    (void)area;
    support_log_lines++;
    snprintf(support_log, sizeof support_log, "%s", text);
}

void support_log_catch(void)
{
    support_log_lines = 0;
    support_log[0] = '\0';
    proto_log_set_sink(keep_line, NULL);
}
