# Is there a CUDA toolkit (10.2 .. 13) with cuDNN (8 .. 9)? WITH_CUDA defaults to the answer: a machine without
# them builds everything else. Asked for with -DWITH_CUDA=ON, a missing part is an error that names it.
#
# Sets MUSTER_CUDART and MUSTER_CUDNN (libraries) and MUSTER_CUDA_INCLUDE (folders) when WITH_CUDA is on.
#
# CMAKE_CUDA_ARCHITECTURES: what the toolkit itself supports, one real architecture a generation, unless given
# (the presets jetpack4 .. jetpack7 and desktop give it).
include(CheckLanguage)

# The toolkit often lies outside of PATH.
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    find_program(MUSTER_NVCC nvcc HINTS ENV CUDA_PATH ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
    if(MUSTER_NVCC)
        set(CMAKE_CUDA_COMPILER "${MUSTER_NVCC}")
    endif()
endif()
# CMake asks the host compiler of the toolkit for C++; without one there is no nvcc either.
check_language(CXX)
set(muster_cuda_missing "")
if(NOT CMAKE_CUDA_COMPILER)
    set(muster_cuda_missing "nvcc")
elseif(NOT CMAKE_CXX_COMPILER)
    set(muster_cuda_missing "a C++ compiler for nvcc")
else()
    get_filename_component(muster_cuda_bin "${CMAKE_CUDA_COMPILER}" REALPATH)
    get_filename_component(muster_cuda_bin "${muster_cuda_bin}" DIRECTORY)
    get_filename_component(MUSTER_CUDA_ROOT "${muster_cuda_bin}" DIRECTORY)
    set(hints HINTS "${MUSTER_CUDA_ROOT}" ENV CUDNN_PATH PATH_SUFFIXES)
    find_path(MUSTER_CUDART_INCLUDE cuda_runtime_api.h ${hints} include targets/x86_64-linux/include
        targets/aarch64-linux/include)
    find_path(MUSTER_CUDNN_INCLUDE cudnn.h ${hints} include targets/aarch64-linux/include)
    find_library(MUSTER_CUDART_LIBRARY NAMES cudart_static ${hints} lib64 lib
        targets/x86_64-linux/lib targets/aarch64-linux/lib)
    find_library(MUSTER_CUDNN_LIBRARY NAMES cudnn libcudnn.so.9 libcudnn.so.8 ${hints} lib64 lib)
    foreach(part CUDART_INCLUDE CUDART_LIBRARY CUDNN_INCLUDE CUDNN_LIBRARY)
        if(NOT MUSTER_${part})
            set(muster_cuda_missing "${muster_cuda_missing} ${part}")
        endif()
    endforeach()
endif()

if(muster_cuda_missing)
    set(muster_cuda_found OFF)
else()
    set(muster_cuda_found ON)
endif()
option(WITH_CUDA "Build the CUDA device (needs CUDA Toolkit and cuDNN)" ${muster_cuda_found})
if(WITH_CUDA AND muster_cuda_missing)
    message(FATAL_ERROR "WITH_CUDA: not found: ${muster_cuda_missing}")
elseif(WITH_CUDA)
    if(NOT CMAKE_CUDA_ARCHITECTURES AND NOT CMAKE_VERSION VERSION_LESS 3.23)
        set(CMAKE_CUDA_ARCHITECTURES all-major)
    endif()
    enable_language(CXX)
    enable_language(CUDA)
    if(CMAKE_VERSION VERSION_LESS 3.18) # which knows the variable, but not what to do with it
        foreach(architecture ${CMAKE_CUDA_ARCHITECTURES})
            set(CMAKE_CUDA_FLAGS "${CMAKE_CUDA_FLAGS} -gencode=arch=compute_${architecture},code=sm_${architecture}")
        endforeach()
    endif()
    set(CMAKE_CUDA_STANDARD 14) # the newest that CUDA 10.2 knows
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    set(MUSTER_CUDA_INCLUDE ${MUSTER_CUDART_INCLUDE} ${MUSTER_CUDNN_INCLUDE})
    set(MUSTER_CUDART ${MUSTER_CUDART_LIBRARY})
    set(MUSTER_CUDNN ${MUSTER_CUDNN_LIBRARY})
    message(STATUS "CUDA device: nvcc ${CMAKE_CUDA_COMPILER_VERSION}, ${MUSTER_CUDNN}, "
        "architectures ${CMAKE_CUDA_ARCHITECTURES}")
elseif(muster_cuda_missing)
    message(STATUS "CUDA device: not built (missing: ${muster_cuda_missing})")
else()
    message(STATUS "CUDA device: not built (WITH_CUDA is off)")
endif()
