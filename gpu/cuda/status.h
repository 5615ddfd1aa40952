/* CUDA's and cuDNN's errors as status codes: logged once where they are first seen, and cleared, so that
 * the next call does not report them again.
 */
#ifndef GPU_CUDA_STATUS_H
#define GPU_CUDA_STATUS_H

#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "proto/status.h"

/* PROTO_OK; PROTO_NO_MEMORY; or PROTO_DEVICE. call: its text, for the log. */
int cuda_status(cudaError_t error, const char *call);
int cuda_dnn_status(cudnnStatus_t error, const char *call);

#define CUDA_STATUS(call)     cuda_status((call), #call)
#define CUDA_DNN_STATUS(call) cuda_dnn_status((call), #call)

/* Forget CUDA's last error. */
void cuda_error_clear(void);

/* Memory of the GPU. PROTO_NO_MEMORY is not logged: the caller knows what it was for. bytes 0 gives NULL. */
int cuda_memory_open(size_t bytes, void **out);
void cuda_memory_close(void *memory); /* NULL is fine */
/* Copy to the GPU, and be done: a plain cudaMemcpy may return before the last bytes are there, and streams that do not
 * wait for the default one would run ahead of it. */
int cuda_memory_upload(void *gpu, const void *from, size_t bytes);

#endif
