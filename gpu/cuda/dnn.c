/* See dnn.h. The legacy calls, not the graph API: docs/gpu-notes.md says why. */
#include "gpu/cuda/dnn.h"

#include <stdio.h>
#include <stdlib.h>

#include "gpu/cuda/compat.h"
#include "gpu/cuda/status.h"

struct cuda_dnn {
    cudnnHandle_t handle;
};

struct cuda_dnn_conv {
    cudnnTensorDescriptor_t in, bias, out;
    cudnnFilterDescriptor_t weights;
    cudnnConvolutionDescriptor_t conv;
    cudnnActivationDescriptor_t activation;
    cudnnConvolutionFwdAlgo_t algorithm;
    size_t workspace;
};

int cuda_dnn_open(cudaStream_t stream, struct cuda_dnn **out)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return PROTO_NO_MEMORY;
    int status = CUDA_DNN_STATUS(cudnnCreate(&(*out)->handle));
    if (status == PROTO_OK)
        status = CUDA_DNN_STATUS(cudnnSetStream((*out)->handle, stream));
    if (status != PROTO_OK) {
        cuda_dnn_close(*out);
        *out = NULL;
    }
    return status;
}

void cuda_dnn_close(struct cuda_dnn *dnn)
{
    if (dnn && dnn->handle)
        (void)CUDA_DNN_STATUS(cudnnDestroy(dnn->handle));
    free(dnn);
}

void cuda_dnn_version(char text[32])
{
    /* 8: major * 1000 + minor * 100 + patch; since 9: major * 10000 + minor * 100 + patch. */
    const unsigned version = (unsigned)cudnnGetVersion();
    const unsigned major = version >= 90000 ? version / 10000 : version / 1000;
    snprintf(text, 32, "cudnn_%u.%u.%u", major, version / 100 % (version >= 90000 ? 100 : 10),
             version % 100);
}

static cudnnStatus_t descriptors_create(struct cuda_dnn_conv *conv)
{
    cudnnStatus_t error = cudnnCreateTensorDescriptor(&conv->in);
    if (!error)
        error = cudnnCreateTensorDescriptor(&conv->bias);
    if (!error)
        error = cudnnCreateTensorDescriptor(&conv->out);
    if (!error)
        error = cudnnCreateFilterDescriptor(&conv->weights);
    if (!error)
        error = cudnnCreateConvolutionDescriptor(&conv->conv);
    if (!error)
        error = cudnnCreateActivationDescriptor(&conv->activation);
    return error;
}

static cudnnStatus_t tensor_set(cudnnTensorDescriptor_t tensor, cudnnDataType_t type, int c, int h,
                                int w)
{
    return cudnnSetTensor4dDescriptor(tensor, CUDNN_TENSOR_NHWC, type, 1, c, h, w);
}

static cudnnStatus_t descriptors_set(struct cuda_dnn_conv *conv, const struct cuda_layer_size *s,
                                     bool half, bool relu)
{
    const cudnnDataType_t type = half ? CUDNN_DATA_HALF : CUDNN_DATA_FLOAT;
    cudnnStatus_t error = tensor_set(conv->in, type, s->in_c, s->in_h, s->in_w);
    if (!error)
        error = tensor_set(conv->out, type, s->out_c, s->out_h, s->out_w);
    if (!error)
        error = tensor_set(conv->bias, type, s->out_c, 1, 1);
    if (!error)
        error = cudnnSetFilter4dDescriptor(conv->weights, type, CUDNN_TENSOR_NHWC, s->out_c,
                                           s->in_c, s->kh, s->kw);
    /* Sums in fp32 either way. */
    if (!error)
        error = cudnnSetConvolution2dDescriptor(conv->conv, 0, 0, s->sh, s->sw, 1, 1,
                                                CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
    /* f32 means f32: the default would allow TF32 with its 10 bits. */
    if (!error)
        error =
            cudnnSetConvolutionMathType(conv->conv, half ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH);
    if (!error)
        error = cudnnSetActivationDescriptor(
            conv->activation, relu ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY,
            CUDNN_NOT_PROPAGATE_NAN, 0.0);
    return error;
}

/* Winograd and FFT round differently and badly in half; of the GEMMs only this one takes NHWC on tensor cores,
 * and it alone may be fused with no activation. */
static bool algorithm_fits(const cudnnConvolutionFwdAlgoPerf_t *perf, size_t workspace_max)
{
    return perf->status == CUDNN_STATUS_SUCCESS && perf->determinism == CUDNN_DETERMINISTIC &&
           perf->algo == CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM &&
           perf->memory <= workspace_max;
}

static int algorithm_choose(struct cuda_dnn *dnn, struct cuda_dnn_conv *conv, bool half,
                            size_t workspace_max)
{
    cudnnConvolutionFwdAlgoPerf_t perf[CUDNN_CONVOLUTION_FWD_ALGO_COUNT];
    int count = 0;
    cudnnStatus_t error = cudnnGetConvolutionForwardAlgorithm_v7(
        dnn->handle, conv->in, conv->weights, conv->conv, conv->out,
        CUDNN_CONVOLUTION_FWD_ALGO_COUNT, &count, perf);
    if (cuda_dnn_is_unsupported(error))
        return PROTO_UNSUPPORTED;
    if (error)
        return cuda_dnn_status(error, "cudnnGetConvolutionForwardAlgorithm_v7");
    for (int i = 0; i < count; i++) {
        if (!algorithm_fits(&perf[i], workspace_max))
            continue;
        conv->algorithm = perf[i].algo;
        /* As the ranking may have assumed another math type; fp32 stays without TF32. */
        error =
            half ? cudnnSetConvolutionMathType(conv->conv, perf[i].mathType) : CUDNN_STATUS_SUCCESS;
        if (!error)
            error = cudnnGetConvolutionForwardWorkspaceSize(dnn->handle, conv->in, conv->weights,
                                                            conv->conv, conv->out, conv->algorithm,
                                                            &conv->workspace);
        if (!cuda_dnn_is_unsupported(error) && (error || conv->workspace <= workspace_max))
            return cuda_dnn_status(error, "cudnnGetConvolutionForwardWorkspaceSize");
    }
    return PROTO_UNSUPPORTED;
}

int cuda_dnn_conv_open(struct cuda_dnn *dnn, const struct cuda_layer_size *size, bool half,
                       bool relu, size_t workspace_max, struct cuda_dnn_conv **out)
{
    struct cuda_dnn_conv *conv = calloc(1, sizeof *conv);
    *out = NULL;
    if (!conv)
        return PROTO_NO_MEMORY;
    cudnnStatus_t error = descriptors_create(conv);
    if (!error)
        error = descriptors_set(conv, size, half, relu);
    int status;
    if (cuda_dnn_is_unsupported(error))
        status = PROTO_UNSUPPORTED;
    else
        status = cuda_dnn_status(error, "a convolution's descriptors");
    if (status == PROTO_OK)
        status = algorithm_choose(dnn, conv, half, workspace_max);
    if (status != PROTO_OK) {
        cuda_dnn_conv_close(conv);
        return status;
    }
    *out = conv;
    return PROTO_OK;
}

void cuda_dnn_conv_close(struct cuda_dnn_conv *conv)
{
    if (!conv)
        return;
    if (conv->in)
        (void)cudnnDestroyTensorDescriptor(conv->in);
    if (conv->bias)
        (void)cudnnDestroyTensorDescriptor(conv->bias);
    if (conv->out)
        (void)cudnnDestroyTensorDescriptor(conv->out);
    if (conv->weights)
        (void)cudnnDestroyFilterDescriptor(conv->weights);
    if (conv->conv)
        (void)cudnnDestroyConvolutionDescriptor(conv->conv);
    if (conv->activation)
        (void)cudnnDestroyActivationDescriptor(conv->activation);
    free(conv);
}

size_t cuda_dnn_conv_workspace(const struct cuda_dnn_conv *conv)
{
    return conv->workspace;
}

int cuda_dnn_conv_run(struct cuda_dnn *dnn, const struct cuda_dnn_conv *conv, const void *in,
                      const void *weights, const void *bias, void *workspace, void *out)
{
    const float one = 1.0f, zero = 0.0f;
    /* z is not read (alpha2 is 0), but must be given. */
    return CUDA_DNN_STATUS(cudnnConvolutionBiasActivationForward(
        dnn->handle, &one, conv->in, in, conv->weights, weights, conv->conv, conv->algorithm,
        workspace, conv->workspace, &zero, conv->out, out, conv->bias, bias, conv->activation,
        conv->out, out));
}
