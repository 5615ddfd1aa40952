/* cuDNN's fused convolution, as plain loops; see emulation.h. */
#include <cudnn.h>

#include <vector>

#include "gpu/cuda/half.h"
#include "tests/gpu/emulation/runtime.h"

struct emulated_dnn {
    cudaStream_t stream;
};

struct emulated_tensor {
    cudnnTensorFormat_t format;
    cudnnDataType_t type;
    int n, c, h, w;
};

struct emulated_filter {
    cudnnTensorFormat_t format;
    cudnnDataType_t type;
    int k, c, h, w;
};

struct emulated_convolution {
    int sh, sw;
    cudnnDataType_t sums;
    cudnnMathType_t math;
};

struct emulated_activation {
    cudnnActivationMode_t mode;
};

namespace
{

enum { WORKSPACE = 1000 };

/* As a GPU, with the names of its errors. */
cudnnStatus_t call()
{
    return emulated_call() ? CUDNN_STATUS_EXECUTION_FAILED : CUDNN_STATUS_SUCCESS;
}

std::vector<float> floats_of(const void *memory, size_t count, cudnnDataType_t type)
{
    std::vector<float> values(count);
    for (size_t i = 0; i < count; i++)
        values[i] = type == CUDNN_DATA_HALF ? cuda_half_to_float(((const uint16_t *)memory)[i])
                                            : ((const float *)memory)[i];
    return values;
}

struct problem {
    emulated_tensor in, out;
    emulated_filter filter;
    emulated_convolution conv;
    bool relu;
};

/* One output pixel, all channels; weights: h x w x c x k, so that channels of the output lie side by side. */
void pixel_run(const problem &p, const std::vector<float> &in, const std::vector<float> &weights,
               int y, int x, std::vector<float> &sums)
{
    const size_t k = (size_t)p.out.c;
    std::fill(sums.begin(), sums.end(), 0.0f);
    const float *weight = weights.data();
    for (int i = 0; i < p.filter.h; i++)
        for (int j = 0; j < p.filter.w; j++) {
            const size_t pixel =
                (size_t)(y * p.conv.sh + i) * (size_t)p.in.w + (size_t)(x * p.conv.sw + j);
            const float *from = &in[pixel * (size_t)p.in.c];
            for (int c = 0; c < p.in.c; c++, weight += k) {
                const float value = from[c];
                float *sum = sums.data();
                for (size_t o = 0; o < k; o++)
                    sum[o] += value * weight[o];
            }
        }
}

void run(const problem &p, const void *in_memory, const void *weights_memory,
         const void *bias_memory, void *out_memory)
{
    const size_t k = (size_t)p.out.c, c = (size_t)p.in.c;
    const size_t taps = (size_t)p.filter.h * (size_t)p.filter.w;
    const std::vector<float> in =
        floats_of(in_memory, (size_t)p.in.h * (size_t)p.in.w * c, p.in.type);
    const std::vector<float> packed = floats_of(weights_memory, k * taps * c, p.in.type);
    const std::vector<float> bias = floats_of(bias_memory, k, p.in.type);
    std::vector<float> weights(packed.size()), sums(k);
    for (size_t o = 0; o < k; o++)
        for (size_t i = 0; i < taps * c; i++)
            weights[i * k + o] = packed[o * taps * c + i];
    for (int y = 0; y < p.out.h; y++)
        for (int x = 0; x < p.out.w; x++) {
            pixel_run(p, in, weights, y, x, sums);
            const size_t at = ((size_t)y * (size_t)p.out.w + (size_t)x) * k;
            for (size_t o = 0; o < k; o++) {
                float value = sums[o] + bias[o];
                value = p.relu && !(value > 0.0f) ? 0.0f : value;
                if (p.out.type == CUDNN_DATA_HALF)
                    ((uint16_t *)out_memory)[at + o] = cuda_half_from_float(value);
                else
                    ((float *)out_memory)[at + o] = value;
            }
        }
    cuda_emulation.convolutions++;
}

bool fits(const emulated_tensor *in, const emulated_filter *filter,
          const emulated_convolution *conv, const emulated_tensor *out)
{
    return in->format == CUDNN_TENSOR_NHWC && out->format == CUDNN_TENSOR_NHWC &&
           filter->format == CUDNN_TENSOR_NHWC && in->type == out->type &&
           in->type == filter->type && conv->sums == CUDNN_DATA_FLOAT && in->n == 1 &&
           out->n == 1 && in->c == filter->c && out->c == filter->k &&
           out->h == (in->h - filter->h) / conv->sh + 1 &&
           out->w == (in->w - filter->w) / conv->sw + 1 && in->c % (in->type ? 8 : 4) == 0 &&
           out->c % (in->type ? 8 : 4) == 0;
}

size_t tensor_bytes(const emulated_tensor *t)
{
    return (size_t)t->n * (size_t)t->c * (size_t)t->h * (size_t)t->w * (t->type ? 2 : 4);
}

bool is_aligned_gpu(const void *memory, size_t bytes)
{
    return emulated_is_gpu(memory, bytes) && (uintptr_t)memory % 16 == 0;
}

} // namespace

extern "C" {

size_t cudnnGetVersion(void)
{
    return CUDNN_MAJOR >= 9 ? 91900 : 8204;
}

const char *cudnnGetErrorString(cudnnStatus_t status)
{
    return status == CUDNN_STATUS_BAD_PARAM          ? "CUDNN_STATUS_BAD_PARAM"
           : status == CUDNN_STATUS_EXECUTION_FAILED ? "CUDNN_STATUS_EXECUTION_FAILED"
                                                     : "an emulated status";
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle)
{
    *handle = new emulated_dnn{nullptr};
    return call();
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
    delete handle;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return call();
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *tensor)
{
    *tensor = new emulated_tensor();
    return call();
}

cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor)
{
    delete tensor;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w)
{
    if (n < 1 || c < 1 || h < 1 || w < 1)
        return CUDNN_STATUS_BAD_PARAM;
    *tensor = {format, type, n, c, h, w};
    return call();
}

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t *filter)
{
    *filter = new emulated_filter();
    return call();
}

cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t filter)
{
    delete filter;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filter, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w)
{
    *filter = {format, type, k, c, h, w};
    return call();
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t *convolution)
{
    *convolution = new emulated_convolution();
    return call();
}

cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t convolution)
{
    delete convolution;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t convolution, int pad_h,
                                              int pad_w, int stride_h, int stride_w, int dilation_h,
                                              int dilation_w, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t sums)
{
    if (pad_h || pad_w || dilation_h != 1 || dilation_w != 1 || mode != CUDNN_CROSS_CORRELATION)
        return CUDNN_STATUS_BAD_PARAM;
    *convolution = {stride_h, stride_w, sums, CUDNN_DEFAULT_MATH};
    return call();
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t convolution,
                                          cudnnMathType_t math)
{
    convolution->math = math;
    return call();
}

cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t *activation)
{
    *activation = new emulated_activation();
    return call();
}

cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t activation)
{
    delete activation;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t activation,
                                           cudnnActivationMode_t mode, cudnnNanPropagation_t nans,
                                           double limit)
{
    (void)nans;
    (void)limit;
    activation->mode = mode;
    return call();
}

/* In an order that a caller has to choose from: the first ones are not what it may take. */
cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(
    cudnnHandle_t handle, cudnnTensorDescriptor_t in, cudnnFilterDescriptor_t filter,
    cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t out, int cap, int *count,
    cudnnConvolutionFwdAlgoPerf_t *perf)
{
    (void)handle;
    if (!fits(in, filter, convolution, out))
        return CUDNN_STATUS_BAD_PARAM;
    if (cuda_emulation.no_half && in->type == CUDNN_DATA_HALF)
        return CUDNN_STATUS_NOT_SUPPORTED_LAYOUT;
    const cudnnConvolutionFwdAlgoPerf_t list[] = {
        {CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED,
         CUDNN_STATUS_SUCCESS,
         -1,
         (size_t)1 << 40,
         CUDNN_DETERMINISTIC,
         CUDNN_TENSOR_OP_MATH,
         {}},
        {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
         CUDNN_STATUS_NOT_SUPPORTED,
         -1,
         0,
         CUDNN_DETERMINISTIC,
         CUDNN_DEFAULT_MATH,
         {}},
        {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
         CUDNN_STATUS_SUCCESS,
         -1,
         WORKSPACE,
         CUDNN_DETERMINISTIC,
         in->type == CUDNN_DATA_HALF ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH,
         {}},
    };
    *count = 0;
    for (int i = 0; i < 3 && i < cap; i++)
        perf[(*count)++] = list[i];
    return call();
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(
    cudnnHandle_t handle, cudnnTensorDescriptor_t in, cudnnFilterDescriptor_t filter,
    cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t out,
    cudnnConvolutionFwdAlgo_t algorithm, size_t *bytes)
{
    (void)handle;
    (void)in;
    (void)filter;
    (void)convolution;
    (void)out;
    *bytes = WORKSPACE;
    return algorithm == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM
               ? call()
               : CUDNN_STATUS_NOT_SUPPORTED;
}

cudnnStatus_t cudnnConvolutionBiasActivationForward(
    cudnnHandle_t handle, const void *alpha1, cudnnTensorDescriptor_t in_tensor, const void *in,
    cudnnFilterDescriptor_t filter, const void *weights, cudnnConvolutionDescriptor_t convolution,
    cudnnConvolutionFwdAlgo_t algorithm, void *workspace, size_t workspace_bytes,
    const void *alpha2, cudnnTensorDescriptor_t z_tensor, const void *z,
    cudnnTensorDescriptor_t bias_tensor, const void *bias, cudnnActivationDescriptor_t activation,
    cudnnTensorDescriptor_t out_tensor, void *out)
{
    const size_t element = in_tensor->type ? 2 : 4;
    const size_t weight_bytes =
        (size_t)filter->k * (size_t)filter->c * (size_t)filter->h * (size_t)filter->w * element;
    const cudnnMathType_t math = in_tensor->type ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH;
    if (!fits(in_tensor, filter, convolution, out_tensor) || convolution->math != math ||
        *(const float *)alpha1 != 1.0f || *(const float *)alpha2 != 0.0f ||
        bias_tensor->c != out_tensor->c || bias_tensor->type != in_tensor->type || !z ||
        tensor_bytes(z_tensor) != tensor_bytes(out_tensor) ||
        algorithm != CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM ||
        workspace_bytes < WORKSPACE || !emulated_is_gpu(workspace, WORKSPACE) ||
        !is_aligned_gpu(in, tensor_bytes(in_tensor)) ||
        !is_aligned_gpu(out, tensor_bytes(out_tensor)) || !is_aligned_gpu(weights, weight_bytes) ||
        !is_aligned_gpu(bias, (size_t)out_tensor->c * element))
        return CUDNN_STATUS_BAD_PARAM;
    const cudnnStatus_t status = call();
    if (status)
        return status;
    const problem p = {*in_tensor, *out_tensor, *filter, *convolution,
                       activation->mode == CUDNN_ACTIVATION_RELU};
    emulated_submit(handle->stream, EMULATED_KERNEL, [=] {
        std::memset(workspace, 0xff, WORKSPACE);
        run(p, in, weights, bias, out);
    });
    return CUDNN_STATUS_SUCCESS;
}

} // extern "C"
