/* Exit codes. */
#include "cli/cli.h"

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
