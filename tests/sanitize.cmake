# ctest reads this first in builds with MUSTER_SANITIZE: the environment of all tests, unless given.
function(sanitizer_default variable value)
    if(NOT DEFINED ENV{${variable}})
        set(ENV{${variable}} "${value}")
    endif()
endfunction()

# A finding is a failure that no test takes for an exit code of ours.
sanitizer_default(ASAN_OPTIONS exitcode=99)
# fontconfig keeps its list of fonts until the process ends.
sanitizer_default(LSAN_OPTIONS suppressions=${CMAKE_CURRENT_LIST_DIR}/sanitize.supp:print_suppressions=0)
sanitizer_default(UBSAN_OPTIONS halt_on_error=1:print_stacktrace=1:exitcode=99)
# MPI's and OpenMP's libraries are not built for ThreadSanitizer: it sees neither their locks nor their barriers.
sanitizer_default(TSAN_OPTIONS
    exitcode=99:ignore_noninstrumented_modules=1:suppressions=${CMAKE_CURRENT_LIST_DIR}/sanitize_thread.supp)
# UCX, which comes with MPI, hooks madvise, where ThreadSanitizer crashes when a thread ends.
sanitizer_default(UCX_MEM_EVENTS no)
# Of one run in tests/cluster; everything takes longer.
sanitizer_default(TEST_LIMIT_S 500)
