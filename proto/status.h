/* Status codes of the whole project.
 *
 * One table makes the enum, the short name and the text. The numbers travel in messages
 * (RESULT, READY), so a number never changes its meaning; new ones go to the end.
 */
#ifndef PROTO_STATUS_H
#define PROTO_STATUS_H

/* clang-format off */
#define PROTO_STATUS_MAP(X)                                                    \
    X(OK,            0, "success")                                             \
    X(INVALID,      -1, "invalid value")                                       \
    X(NO_MEMORY,    -2, "out of memory")                                       \
    X(IO,           -3, "input/output error")                                  \
    X(FORMAT,       -4, "malformed data")                                      \
    X(LIMIT,        -5, "a limit was exceeded")                                \
    X(UNSUPPORTED,  -6, "not supported")                                       \
    X(NOT_FOUND,    -7, "not found")                                           \
    X(VERSION,      -8, "protocol version differs")                            \
    X(DEVICE,       -9, "device error")                                        \
    X(LOST,        -10, "worker lost")                                         \
    X(CANCELED,    -11, "canceled")                                            \
    X(TIMEOUT,     -12, "deadline passed")                                     \
    X(MISMATCH,    -13, "the two sides disagree")                              \
    X(BUSY,        -14, "busy")                                                \
    X(END,         -15, "end of input")

enum proto_status {
#define X(name, number, text) PROTO_##name = number,
    PROTO_STATUS_MAP(X)
#undef X
};
/* clang-format on */

/* Short name ("NO_MEMORY") and text ("out of memory") of a code; "UNKNOWN" for any other number. */
const char *proto_status_name(int status);
const char *proto_status_text(int status);

#endif
