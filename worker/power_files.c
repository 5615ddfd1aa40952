/* Files of one number: see power_sampler.h. */
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/config.h"
#include "proto/status.h"
#include "worker/power_sampler.h"

static bool read_line(int fd, char *text, size_t size)
{
    const ssize_t got = pread(fd, text, size - 1, 0);
    if (got <= 0)
        return false;
    text[got] = '\0';
    size_t len = strcspn(text, "\r\n");
    while (len > 0 && text[len - 1] == ' ')
        len--;
    text[len] = '\0';
    return len > 0;
}

bool worker_power_text(const char *path, char *text, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const bool read = read_line(fd, text, size);
    close(fd);
    return read;
}

bool worker_power_number(int fd, double *out)
{
    char text[64];
    return read_line(fd, text, sizeof text) && proto_config_number(text, out) == PROTO_OK;
}

void worker_power_glob(const char *root, const char *pattern,
                       void (*found)(void *arg, const char *path), void *arg)
{
    char path[4096];
    size_t used = 0;
    glob_t list;
    for (const char *at = root; *at && used + 2 < sizeof path; at++) {
        if (strchr("*?[\\", *at)) /* the root is meant as it is */
            path[used++] = '\\';
        path[used++] = *at;
    }
    if (used + strlen(pattern) >= sizeof path)
        return;
    strcpy(path + used, pattern);
    if (glob(path, 0, NULL, &list) == 0)
        for (size_t i = 0; i < list.gl_pathc; i++)
            found(arg, list.gl_pathv[i]);
    globfree(&list);
}
