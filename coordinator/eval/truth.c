#include "coordinator/eval/truth.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "coordinator/eval/array.h"
#include "coordinator/eval/truth_rows.h"
#include "proto/log.h"

enum { ROWS_MAX = 20000000, PATH_SIZE = 4096 };

int eval_truth_label(const char *label)
{
    static const char *const ignored[] = {"people", "person?", "ignore"};
    if (!strcmp(label, "person"))
        return 0;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
        if (!strcmp(label, ignored[i]))
            return 1;
    return -1;
}

int eval_truth_rows_add(struct eval_truth_rows *rows, const struct eval_truth_row *row)
{
    void *data = rows->row;
    int status =
        eval_array_reserve(&data, &rows->cap, rows->count + 1, sizeof(*rows->row), ROWS_MAX);
    rows->row = data;
    char *name = status ? NULL : strdup(row->name);
    if (!name) {
        status = status ? status : PROTO_NO_MEMORY;
        proto_log_error("eval", "truth of %zu boxes: %s", rows->count, proto_status_text(status));
        return status;
    }
    rows->row[rows->count] = *row;
    rows->row[rows->count++].name = name;
    return PROTO_OK;
}

static void rows_free(struct eval_truth_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        free(rows->row[i].name);
    free(rows->row);
}

static int is_text_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 4 && entry->d_name[0] != '.' && !strcmp(entry->d_name + len - 4, ".txt");
}

static int read_directory(const char *path, struct eval_truth_rows *rows)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_text_file, alphasort);
    int status = count > 0 ? PROTO_OK : PROTO_FORMAT;
    if (count <= 0)
        proto_log_error("eval", "%s: %s", path,
                        count < 0 ? strerror(errno) : "no truth here (no .txt file)");
    for (int i = 0; i < count; i++) {
        char file[PATH_SIZE];
        if (!status &&
            snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name) >= (int)sizeof(file)) {
            proto_log_error("eval", "%s: the path is too long", path);
            status = PROTO_LIMIT;
        }
        if (!status)
            status = eval_truth_bbgt_read(file, rows);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return status;
}

static bool begins_as_bbgt(const char *path)
{
    char start[6] = "";
    FILE *file = fopen(path, "rb");
    bool yes = file && fread(start, 1, 6, file) == 6 && !memcmp(start, "% bbGt", 6);
    if (file)
        fclose(file);
    return yes;
}

static int compare_rows(const void *a, const void *b)
{
    const struct eval_truth_row *p = a, *q = b;
    int order = strcmp(p->name, q->name);
    return order ? order : (p->line > q->line) - (p->line < q->line);
}

static bool all_digits(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= 18 && strspn(text, "0123456789") == len;
}

static bool is_picture(const char *name)
{
    static const char *const extensions[] = {".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof(extensions) / sizeof(*extensions); i++)
        if (!strcmp(dot, extensions[i]))
            return true;
    return false;
}

static enum eval_naming naming_of(const struct eval_truth *truth)
{
    bool numbers = true, pictures = false;
    for (size_t i = 0; i < truth->frame_count; i++) {
        numbers &= all_digits(truth->frames[i].name);
        pictures |= is_picture(truth->frames[i].name);
    }
    if (numbers)
        return EVAL_NAMING_NUMBER;
    return pictures ? EVAL_NAMING_FILE : EVAL_NAMING_STEM;
}

static bool same_person(const struct eval_truth_row *a, const struct eval_truth_row *b)
{
    const struct eval_box *p = &a->truth.box, *q = &b->truth.box;
    return !a->empty && !b->empty && !a->truth.ignore && !b->truth.ignore && p->x == q->x &&
           p->y == q->y && p->w == q->w && p->h == q->h;
}

/* A person listed twice could be found once at best, so it would always count as a miss. */
static int refuse_duplicates(const char *path, const struct eval_truth_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        for (size_t j = i + 1; j < rows->count && !strcmp(rows->row[i].name, rows->row[j].name);
             j++) {
            if (same_person(&rows->row[i], &rows->row[j])) {
                proto_log_error("eval", "%s line %d: repeats the person of line %d (frame %s)",
                                path, rows->row[j].line, rows->row[i].line, rows->row[i].name);
                return PROTO_FORMAT;
            }
        }
    }
    return PROTO_OK;
}

/* Turn sorted rows into frames with their boxes behind each other. Takes the names out of the rows. */
static int group_rows(struct eval_truth_rows *rows, struct eval_truth *truth)
{
    truth->frames = calloc(rows->count + 1, sizeof(*truth->frames));
    truth->boxes = calloc(rows->count + 1, sizeof(*truth->boxes));
    if (!truth->frames || !truth->boxes)
        return PROTO_NO_MEMORY;
    for (size_t i = 0; i < rows->count; i++) {
        struct eval_truth_frame *frame = &truth->frames[truth->frame_count];
        if (truth->frame_count == 0 || strcmp(frame[-1].name, rows->row[i].name) != 0) {
            frame->name = rows->row[i].name;
            rows->row[i].name = NULL;
            frame->boxes = &truth->boxes[truth->box_count];
            truth->frame_count++;
        } else {
            frame--;
            free(rows->row[i].name);
            rows->row[i].name = NULL;
        }
        if (!rows->row[i].empty) {
            truth->boxes[truth->box_count++] = rows->row[i].truth;
            frame->box_count++;
        }
    }
    return PROTO_OK;
}

static int compare_frame_numbers(const void *a, const void *b)
{
    long p = strtol(((const struct eval_truth_frame *)a)->name, NULL, 10);
    long q = strtol(((const struct eval_truth_frame *)b)->name, NULL, 10);
    return (p > q) - (p < q);
}

/* Numbers are compared as numbers: "007" and "7" would be the same frame. */
static int sort_by_number(const char *path, struct eval_truth *truth)
{
    if (truth->frame_count)
        qsort(truth->frames, truth->frame_count, sizeof(*truth->frames), compare_frame_numbers);
    for (size_t i = 1; i < truth->frame_count; i++) {
        if (compare_frame_numbers(&truth->frames[i - 1], &truth->frames[i]) == 0) {
            proto_log_error("eval", "%s: frames %s and %s are the same number", path,
                            truth->frames[i - 1].name, truth->frames[i].name);
            return PROTO_FORMAT;
        }
    }
    return PROTO_OK;
}

int eval_truth_open(const char *path, struct eval_truth **out)
{
    struct eval_truth_rows rows = {0};
    struct stat info;
    bool directory = !stat(path, &info) && S_ISDIR(info.st_mode);
    bool bbgt = directory || begins_as_bbgt(path);
    struct eval_truth *truth = calloc(1, sizeof(*truth));
    int status = PROTO_NO_MEMORY;
    if (!truth)
        goto fail;
    if (directory)
        status = read_directory(path, &rows);
    else
        status = bbgt ? eval_truth_bbgt_read(path, &rows) : eval_truth_csv_read(path, &rows);
    if (status)
        goto fail;
    if (rows.count)
        qsort(rows.row, rows.count, sizeof(*rows.row), compare_rows);
    status = refuse_duplicates(path, &rows);
    if (!status)
        status = group_rows(&rows, truth);
    if (status)
        goto fail;
    truth->naming = bbgt ? EVAL_NAMING_STEM : naming_of(truth);
    if (truth->naming == EVAL_NAMING_NUMBER)
        status = sort_by_number(path, truth);
    if (status)
        goto fail;
    rows_free(&rows);
    *out = truth;
    return PROTO_OK;
fail:
    rows_free(&rows);
    eval_truth_close(truth);
    return status;
}

void eval_truth_close(struct eval_truth *truth)
{
    if (!truth)
        return;
    for (size_t i = 0; i < truth->frame_count; i++)
        free(truth->frames[i].name);
    free(truth->frames);
    free(truth->boxes);
    free(truth);
}

static int compare_name(const void *key, const void *element)
{
    return strcmp(key, ((const struct eval_truth_frame *)element)->name);
}

static const struct eval_truth_frame *find_name(const struct eval_truth *truth, const char *name)
{
    return bsearch(name, truth->frames, truth->frame_count, sizeof(*truth->frames), compare_name);
}

static int compare_number(const void *key, const void *element)
{
    long number = *(const long *)key;
    long other = strtol(((const struct eval_truth_frame *)element)->name, NULL, 10);
    return (number > other) - (number < other);
}

static const struct eval_truth_frame *find_number(const struct eval_truth *truth, long number)
{
    return bsearch(&number, truth->frames, truth->frame_count, sizeof(*truth->frames),
                   compare_number);
}

/* Try the whole path, then what follows each slash: "a/b/c.jpg", "b/c.jpg", "c.jpg". */
static const struct eval_truth_frame *find_path(const struct eval_truth *truth, const char *path)
{
    for (const char *name = path; name;) {
        const struct eval_truth_frame *frame = find_name(truth, name);
        if (frame)
            return frame;
        const char *slash = strchr(name, '/');
        name = slash ? slash + 1 : NULL;
    }
    return NULL;
}

const struct eval_truth_frame *eval_truth_find(const struct eval_truth *truth, const char *source,
                                               long number)
{
    if (truth->naming == EVAL_NAMING_NUMBER)
        return number >= 0 ? find_number(truth, number) : NULL;
    if (!source)
        return NULL;
    if (truth->naming == EVAL_NAMING_FILE)
        return find_path(truth, source);
    char stem[PATH_SIZE];
    size_t len = is_picture(source) ? (size_t)(strrchr(source, '.') - source) : strlen(source);
    if (len >= sizeof(stem))
        return NULL;
    memcpy(stem, source, len);
    stem[len] = 0;
    return find_path(truth, stem);
}
