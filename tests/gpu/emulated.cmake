# gpu/cuda/ compiled against emulation/: its headers stand before all others, .cu files are C++ then.
enable_language(CXX)
set(CMAKE_CXX_STANDARD 14)
set(CMAKE_CXX_EXTENSIONS ON)
include(${CMAKE_SOURCE_DIR}/gpu/cuda/sources.cmake)
set(host ${MUSTER_CUDA_HOST_SOURCES})
set(kernels ${MUSTER_CUDA_KERNEL_SOURCES})
list(TRANSFORM host PREPEND ${CMAKE_SOURCE_DIR}/gpu/cuda/)
list(TRANSFORM kernels PREPEND ${CMAKE_SOURCE_DIR}/gpu/cuda/)
set_source_files_properties(${kernels} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")

add_library(muster_emulated STATIC
    ${CMAKE_SOURCE_DIR}/gpu/device.c ${CMAKE_SOURCE_DIR}/gpu/cuda/backends.c ${host} ${kernels}
    emulation/dnn.cpp emulation/fibers.cpp emulation/runtime.cpp
    ${CMAKE_SOURCE_DIR}/worker/chain_cache.c ${CMAKE_SOURCE_DIR}/worker/exec.c)
target_include_directories(muster_emulated BEFORE PUBLIC emulation ${CMAKE_SOURCE_DIR})
target_link_libraries(muster_emulated PUBLIC muster_partition muster_gpu_base muster_proto)
target_compile_definitions(muster_emulated PRIVATE _POSIX_C_SOURCE=200809L)
# Loops that the compiler is to vectorise; the pragmas are nvcc's.
target_compile_options(muster_emulated PRIVATE -O3 -ffp-contract=off -Wall -Wextra
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-unknown-pragmas> $<$<BOOL:${MUSTER_WERROR}>:-Werror>)

# muster_emulated_test(NAME SOURCE ENVIRONMENT ARGUMENT...)
function(muster_emulated_test name program environment)
    add_test(NAME ${name} COMMAND ${program} ${ARGN})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77
        ENVIRONMENT "CUDA_EMULATION=${environment}" LABELS cuda)
endfunction()

foreach(test ops exact device operations)
    add_executable(test_${test}_emulated test_${test}.c)
    target_link_libraries(test_${test}_emulated PRIVATE muster_emulated muster_test_nets
        PkgConfig::CMOCKA)
endforeach()
add_library(muster_emulated_frames STATIC frames.c ${CMAKE_SOURCE_DIR}/tests/worker/exec_support.c)
target_link_libraries(muster_emulated_frames PUBLIC muster_emulated muster_test_nets
    PkgConfig::CMOCKA)
foreach(test cuda frames)
    add_executable(test_${test}_emulated test_${test}.c)
    target_link_libraries(test_${test}_emulated PRIVATE muster_emulated_frames)
endforeach()
muster_emulated_test(test_cuda test_cuda_emulated "")
muster_emulated_test(test_frames_emulated test_frames_emulated "")
muster_emulated_test(test_device_emulated test_device_emulated "")
foreach(precision f32 f16)
    muster_emulated_test(test_ops_emulated_${precision} test_ops_emulated ""
        cuda:0,${precision})
    muster_emulated_test(test_operations_emulated_${precision} test_operations_emulated ""
        cuda:0,${precision})
    muster_emulated_test(test_exact_emulated_${precision} test_exact_emulated ""
        cuda:0,${precision} small)
endforeach()
# Threads from the last to the first, no copies, no kernels of cuDNN for halves: our own, then.
muster_emulated_test(test_ops_emulated_other test_ops_emulated "integrated,backwards,nohalf"
    cuda:0,f16)
# The project of run-on-gpu is none of this build's targets: here it is built, on the emulation, and tried.
add_test(NAME on_gpu_builds COMMAND ${CMAKE_CTEST_COMMAND} --build-and-test
    ${CMAKE_CURRENT_SOURCE_DIR}/on_gpu ${CMAKE_CURRENT_BINARY_DIR}/on_gpu
    --build-generator ${CMAKE_GENERATOR} --build-options -DEMULATED=ON
    -DCMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER}
    -DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}
    --test-command test_ops cuda:0,f16)
set_tests_properties(on_gpu_builds PROPERTIES TIMEOUT 300 LABELS cuda)
