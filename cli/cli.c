/* Exit codes. */
#include "cli/cli.h"

#include <ctype.h>
#include <stdlib.h>

#include "proto/status.h"

int cli_exit_code(int status)
{
    switch (status) {
    case PROTO_OK:
        return CLI_DONE;
    case PROTO_INVALID:
    case PROTO_FORMAT:
    case PROTO_UNSUPPORTED:
    case PROTO_NOT_FOUND:
    case PROTO_MISMATCH:
        return CLI_USAGE;
    default:
        return CLI_FAILED;
    }
}

static bool side(const char **text, int32_t *out)
{
    char *end;
    if (!isdigit((unsigned char)**text))
        return false;
    const long value = strtol(*text, &end, 10);
    *out = (int32_t)value;
    *text = end;
    return value >= 1 && value <= PROTO_FRAME_SIDE_MAX;
}

bool cli_parse_size(const char *text, struct proto_size *size)
{
    struct proto_size read;
    if (!side(&text, &read.w) || *text++ != 'x' || !side(&text, &read.h) || *text)
        return false;
    *size = read;
    return true;
}
