/* Runs a FRAME's tiles on one device: the one place where partition and gpu meet, and the narrow
 * interface behind which computing may live in a thread or in a process of its own.
 */
#ifndef WORKER_EXEC_H
#define WORKER_EXEC_H

#include "gpu/device.h"
#include "partition/model.h"
#include "proto/message.h"

struct worker_exec;

/* Open the device and load the nets. `model` is borrowed until close.
 * Returns what gpu_device_open or gpu_net_open returns. */
int worker_exec_open(const char *device_spec, const struct gpu_settings *settings,
                     const struct partition_model *model, struct worker_exec **out);
void worker_exec_close(struct worker_exec *exec);

const char *worker_exec_device(const struct worker_exec *exec);  /* "cpu,f32" */
const char *worker_exec_kernels(const struct worker_exec *exec); /* see gpu_device_kernels */

/* Make ready for a plan: pyramid, tiles, a chain for each shape among `mine`, room for results.
 * The plan is copied. Replaces the last plan. Returns PROTO_OK, PROTO_INVALID (a tile outside its
 * level), PROTO_NO_MEMORY, PROTO_DEVICE. */
int worker_exec_plan(struct worker_exec *exec, const struct proto_plan *plan);

/* Compute a frame. `pixels` are the packed bands of `frame`. The result's arrays belong to exec and
 * stay valid until the next run or plan. A tile that was not among `mine` is made ready on first use.
 * result->status is also the return value; result->text says why. received_us is left to the caller. */
int worker_exec_run(struct worker_exec *exec, const struct proto_frame *frame,
                    const uint8_t *pixels, struct proto_result *result);

#endif
