#include "tests/proto/support.h"

#include <stdio.h>

void keep_line(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)level, (void)area;
    snprintf(arg, 512, "%s", text);
}
