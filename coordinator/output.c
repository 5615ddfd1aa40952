#include "coordinator/output.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/log.h"
#include "proto/status.h"

static int fail_with(struct coordinator_output *output, const char *doing, int error)
{
    if (output->status == PROTO_OK) {
        output->status = error == EPIPE ? PROTO_END : PROTO_IO;
        if (error != EPIPE)
            proto_log_error("coordinator", "%s: %s: %s", output->path, doing, strerror(error));
    }
    return output->status;
}

int coordinator_output_open(struct coordinator_output *output, const char *path)
{
    bool is_stdout = strcmp(path, "-") == 0;
    output->path = strdup(is_stdout ? "stdout" : path);
    if (!output->path)
        return PROTO_NO_MEMORY;
    int status;
    struct stat st;
    if (is_stdout) {
        output->file = stdout;
        return PROTO_OK;
    }
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) {
        status = fail_with(output, "can't write", EISDIR);
        goto fail;
    }
    /* A device or pipe has nothing to rename. */
    bool direct = exists && !S_ISREG(st.st_mode);
    if (!direct) {
        size_t room = strlen(path) + sizeof ".part";
        output->part = malloc(room);
        if (!output->part) {
            status = PROTO_NO_MEMORY;
            goto fail;
        }
        snprintf(output->part, room, "%s.part", path);
    }
    output->file = fopen(direct ? path : output->part, "w");
    if (!output->file) {
        status = fail_with(output, "can't write", errno);
        goto fail;
    }
    return PROTO_OK;
fail:
    if (!output->file) { /* never opened: a .part of that name is not ours to remove */
        free(output->part);
        output->part = NULL;
    }
    coordinator_output_close(output);
    return status;
}

int coordinator_output_flush(struct coordinator_output *output)
{
    if (output->status != PROTO_OK)
        return output->status;
    /* Where an earlier write failed its buffer is gone, and errno is all that tells why. */
    bool failed = ferror(output->file) != 0;
    if (failed || fflush(output->file) != 0)
        return fail_with(output, "can't write", errno ? errno : EIO);
    return PROTO_OK;
}

int coordinator_output_finish(struct coordinator_output *output)
{
    if (!output->file)
        return output->status;
    int status = coordinator_output_flush(output);
    if (output->file == stdout) {
        output->file = NULL;
        return status;
    }
    if (status == PROTO_OK && output->part && fsync(fileno(output->file)) != 0 && errno != EINVAL)
        status = fail_with(output, "can't write", errno);
    FILE *file = output->file;
    output->file = NULL;
    if (fclose(file) != 0 && status == PROTO_OK)
        status = fail_with(output, "can't write", errno);
    if (!output->part)
        return status;
    if (status == PROTO_OK && rename(output->part, output->path) != 0)
        status = fail_with(output, "can't rename its .part file", errno);
    if (status != PROTO_OK)
        unlink(output->part);
    free(output->part);
    output->part = NULL;
    return status;
}

void coordinator_output_close(struct coordinator_output *output)
{
    if (output->file && output->file != stdout)
        fclose(output->file);
    if (output->part)
        unlink(output->part);
    free(output->part);
    free(output->path);
    *output = (struct coordinator_output){0};
}
