/* Memory that a rank and its device process share: messages are received into it and computed from
 * where they are, answers come back the same way. Mapped before the processes part, so that it lies at
 * one address in all of them; a device process started later finds it as it is.
 *
 * Only the rank allocates. The reservation is large and costs nothing until it is touched.
 */
#ifndef WORKER_SHM_H
#define WORKER_SHM_H

#include <stddef.h>
#include <stdint.h>

struct worker_shm;

/* Returns PROTO_OK or PROTO_NO_MEMORY. */
int worker_shm_open(struct worker_shm **out);
void worker_shm_close(struct worker_shm *shm); /* NULL is fine */

/* Page-aligned memory, or NULL. `shm` is a struct worker_shm: the link and the compute know it as
 * where to get memory from, no more. */
void *worker_shm_alloc(void *shm, size_t size_bytes);
void worker_shm_free(void *shm, void *memory); /* NULL is fine */

/* Where something lies, for the other process; it must lie inside. */
uint64_t worker_shm_offset(const struct worker_shm *shm, const void *memory);
/* The memory at an offset, NULL unless all of it lies inside. */
void *worker_shm_at(const struct worker_shm *shm, uint64_t offset, uint64_t size_bytes);

#endif
