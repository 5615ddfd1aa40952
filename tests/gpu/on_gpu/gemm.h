/* The rate to measure against: the best large matrix product in half with fp32 sums, in the same run. */
#ifndef TESTS_GPU_ON_GPU_GEMM_H
#define TESTS_GPU_ON_GPU_GEMM_H

/* TFLOP/s of the best of a few sizes, median of many runs each, on random values; 0 where there is no
 * cuBLAS. */
double gemm_best_tflops(void);

#endif
