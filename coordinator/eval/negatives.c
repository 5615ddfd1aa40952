#include "coordinator/eval/negatives.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "coordinator/eval/array.h"
#include "coordinator/eval/text.h"
#include "proto/log.h"

enum { NAMES_MAX = 10000000 };

static int add_name(struct eval_negatives *negatives, const char *path)
{
    const char *slash = strrchr(path, '/');
    void *data = negatives->names;
    int status = eval_array_reserve(&data, &negatives->cap, negatives->count + 1,
                                    sizeof(*negatives->names), NAMES_MAX);
    negatives->names = data;
    if (status)
        return status;
    char *name = strdup(slash ? slash + 1 : path);
    if (!name)
        return PROTO_NO_MEMORY;
    negatives->names[negatives->count++] = name;
    return PROTO_OK;
}

static int add_directory(struct eval_negatives *negatives, const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return PROTO_IO;
    int status = PROTO_OK;
    struct dirent *entry;
    while (!status && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            status = add_name(negatives, entry->d_name);
    closedir(dir);
    return status;
}

static int add_list(struct eval_negatives *negatives, const char *path)
{
    struct eval_text text;
    int status = eval_text_open(path, &text);
    char *line;
    while (!status && (line = eval_text_next(&text)))
        status = add_name(negatives, line);
    eval_text_close(&text);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int eval_negatives_open(const char *path, struct eval_negatives *negatives)
{
    struct stat info;
    bool directory = !stat(path, &info) && S_ISDIR(info.st_mode);
    *negatives = (struct eval_negatives){0};
    int status = directory ? add_directory(negatives, path) : add_list(negatives, path);
    if (status && directory)
        proto_log_error("eval", "%s: %s", path,
                        status == PROTO_IO ? strerror(errno) : proto_status_text(status));
    if (!status && !negatives->count) {
        proto_log_error("eval", "%s: names no picture", path);
        status = PROTO_FORMAT;
    }
    if (!status)
        qsort(negatives->names, negatives->count, sizeof(*negatives->names), compare_names);
    return status;
}

void eval_negatives_close(struct eval_negatives *negatives)
{
    for (size_t i = 0; i < negatives->count; i++)
        free(negatives->names[i]);
    free(negatives->names);
    *negatives = (struct eval_negatives){0};
}

bool eval_negatives_contain(const struct eval_negatives *negatives, const char *name)
{
    return negatives->count && bsearch(&name, negatives->names, negatives->count,
                                       sizeof(*negatives->names), compare_names);
}
