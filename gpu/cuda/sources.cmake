# The files of the CUDA device, for every build that has it: the program, its tests, tests/gpu/on_gpu.
set(MUSTER_CUDA_HOST_SOURCES
    chain.c cuda.c dnn.c frame.c lane.c net.c operation.c sequence.c single.c status.c transfer.c)
set(MUSTER_CUDA_KERNEL_SOURCES conv.cu first.cu head.cu nms.cu operation.cu pool.cu sample.cu)
