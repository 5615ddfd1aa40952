/* The status table as text. */
#include "proto/status.h"

const char *proto_status_name(int status)
{
    switch (status) {
/* clang-format off */
#define X(name, number, text) case number: return #name;
    PROTO_STATUS_MAP(X)
#undef X
    /* clang-format on */
    default:
        return "UNKNOWN";
    }
}

const char *proto_status_text(int status)
{
    switch (status) {
/* clang-format off */
#define X(name, number, text) case number: return text;
    PROTO_STATUS_MAP(X)
#undef X
    /* clang-format on */
    default:
        return "UNKNOWN";
    }
}
