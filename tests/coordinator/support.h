/* What several tests of this folder need: a scratch directory, seeded pictures, whole files.
 */
#ifndef TESTS_COORDINATOR_SUPPORT_H
#define TESTS_COORDINATOR_SUPPORT_H

#include <stdint.h>

#include "coordinator/image.h"

/* A new, empty directory below the system's temporary one; removed with all its files by
 * support_dir_remove. For cmocka: group setup and teardown, the directory is support_dir. */
extern char support_dir[];
int support_dir_make(void **state);
int support_dir_remove(void **state);
/* support_dir/NAME in one of a few static buffers. */
const char *support_path(const char *name);

/* xorshift: the next of a seeded row of numbers. *state is not 0. */
uint32_t support_random(uint32_t *state);
/* A picture of noise; free it with coordinator_image_free. */
struct coordinator_image support_noise(int32_t w, int32_t h, uint32_t seed);
/* A smooth picture, which JPEG keeps well. */
struct coordinator_image support_gradient(int32_t w, int32_t h);

/* A file's bytes with a zero behind them, NULL if there is none; free them. */
char *support_file(const char *path, size_t *len_bytes);
void support_file_write(const char *path, const void *data, size_t len_bytes);

/* Log lines are counted, and the last one kept, instead of shown. */
extern char support_log[1024];
extern int support_log_lines;
void support_log_catch(void);

#endif
