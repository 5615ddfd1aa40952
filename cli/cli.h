/* One function a subcommand; main.c holds their table. Each returns the exit code:
 * 0 done, 1 the run failed, 2 usage or bad config or input.
 * argv[0] is the subcommand's name. Options are parsed with getopt_long; --help goes to stdout with
 * examples and exits 0; an unknown option says which and points to --help.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>

#include "proto/types.h"

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

int cli_bench(int argc, char **argv);
int cli_detect(int argc, char **argv);
int cli_model(int argc, char **argv);
int cli_scene(int argc, char **argv);
int cli_eval(int argc, char **argv);
int cli_camera(int argc, char **argv);
int cli_plan(int argc, char **argv);
int cli_profile(int argc, char **argv);
int cli_simulate(int argc, char **argv);

/* Exit code for a status: PROTO_OK 0; what the user gave was wrong (INVALID, FORMAT, UNSUPPORTED, NOT_FOUND, MISMATCH) 2; others 1. */
int cli_exit_code(int status);

/* "640x480", sides of 1 to PROTO_FRAME_SIDE_MAX. */
bool cli_parse_size(const char *text, struct proto_size *size);

#endif
