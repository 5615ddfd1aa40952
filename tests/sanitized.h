/* Tests of thousands of seeds take a tenth of them in builds with sanitizers, which are ten times slower. */
#ifndef TESTS_SANITIZED_H
#define TESTS_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { TESTS_SHARE = 10 };
#else
enum { TESTS_SHARE = 1 };
#endif

#endif
