/* One run of `muster detect` as the bench sees it: the program started under mpirun, and the two files
 * it leaves behind read (--report, --json).
 */
#ifndef COORDINATOR_BENCH_RUN_H
#define COORDINATOR_BENCH_RUN_H

#include "coordinator/bench/result.h"

/* Start a program (found through PATH) and wait for it; its output goes to the end of the file `log`.
 * SIGINT and SIGTERM are passed on and end the wait: *interrupted is set. After limit_s its whole
 * process group is killed. Returns PROTO_OK (exit code 0), PROTO_CANCELED (interrupted), PROTO_TIMEOUT,
 * PROTO_IO (could not be started, or failed); logged with the command's last line of output. */
int bench_run_command(char *const argv[], const char *log, double limit_s);

/* Read what a run left behind. warmup_ms: frames done earlier after the first FRAME was sent don't
 * count. Returns PROTO_OK; PROTO_INVALID with fewer than two frames after the warm-up, PROTO_FORMAT, PROTO_IO: logged
 * with the file. */
int bench_run_read(const char *report, const char *lines, double warmup_ms, struct bench_run *run);

/* A digest of a run's detections, without what differs from run to run (FNV-1a over frame number, detections
 * and coverage of each picture, up to `pictures` frames). Two runs that found the same have the same.
 * Returns PROTO_OK, PROTO_IO, PROTO_FORMAT. */
int bench_run_digest(const char *lines, uint64_t pictures, uint64_t *digest);

#endif
