/* See gemm.h. */
#include "tests/gpu/on_gpu/gemm.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include "gpu/cuda/half.h"
#include "tests/gpu/nets.h"

enum { RUNS = 15 };

/* Random values: on zeros a GPU may run faster than on any real data. */
static int fill(void *gpu, size_t count)
{
    uint16_t *values = malloc(count * sizeof *values);
    struct test_random random = {count};
    if (!values)
        return -1;
    for (size_t i = 0; i < count; i++)
        values[i] = cuda_half_from_float(test_random_float(&random, -1.0f, 1.0f));
    const cudaError_t error =
        cudaMemcpy(gpu, values, count * sizeof *values, cudaMemcpyHostToDevice);
    free(values);
    return error;
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float median_ms(cublasHandle_t handle, int n, void *const matrices[3])
{
    const float one = 1, zero = 0;
    float ms[RUNS] = {0};
    cudaEvent_t begin, end;
    if (cudaEventCreateWithFlags(&begin, cudaEventDefault) ||
        cudaEventCreateWithFlags(&end, cudaEventDefault))
        return 0;
    for (int i = -3; i < RUNS; i++) {
        cudaEventRecord(begin, 0);
        if (cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, n, n, n, &one, matrices[0], CUDA_R_16F,
                         n, matrices[1], CUDA_R_16F, n, &zero, matrices[2], CUDA_R_16F, n,
                         CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT))
            return 0;
        cudaEventRecord(end, 0);
        if (cudaEventSynchronize(end))
            return 0;
        if (i >= 0)
            cudaEventElapsedTime(&ms[i], begin, end);
    }
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
    qsort(ms, RUNS, sizeof ms[0], compare);
    return ms[RUNS / 2];
}

static double tflops(cublasHandle_t handle, int n)
{
    const size_t count = (size_t)n * (size_t)n;
    void *matrices[3] = {NULL, NULL, NULL};
    float ms = 0;
    int failed = 0;
    for (int i = 0; i < 3 && !failed; i++)
        failed = cudaMalloc(&matrices[i], count * 2) || fill(matrices[i], count);
    if (!failed)
        ms = median_ms(handle, n, matrices);
    for (int i = 0; i < 3; i++)
        cudaFree(matrices[i]);
    return ms > 0 ? 2.0 * (double)n * (double)n * (double)n / ((double)ms * 1e9) : 0;
}

double gemm_best_tflops(void)
{
    const int sizes[] = {2048, 4096, 8192};
    cublasHandle_t handle;
    double best = 0;
    if (cublasCreate(&handle))
        return 0;
    for (int i = 0; i < 3; i++) {
        const double rate = tflops(handle, sizes[i]);
        fprintf(stderr, "gemm %d: %.1f TFLOP/s\n", sizes[i], rate);
        best = rate > best ? rate : best;
    }
    cublasDestroy(handle);
    (void)cudaGetLastError();
    return best;
}
