/* The core on libuv and a link: frames are read and their octave bases built in the thread pool,
 * FRAMEs are packed and sent, RESULTs decoded and given to the core, reports to the sinks.
 *
 * open makes the coordinator's end ready to be sent to, so that in one process the workers' threads
 * may start between open and run. All of it happens in the thread that calls run, which must own
 * the link.
 */
#ifndef COORDINATOR_SHELL_H
#define COORDINATOR_SHELL_H

#include "coordinator/core.h"
#include "coordinator/knowledge.h"
#include "coordinator/sink.h"
#include "coordinator/source.h"
#include "proto/link.h"

enum { COORDINATOR_SINKS_MAX = 8 };

struct coordinator_shell_settings {
    struct coordinator_core_settings core; /* workers and slots are set from the link and depth */
    struct proto_link *link;               /* borrowed; rank 0's end */
    /* NULL: none. Rank 0's end of an in-process link of two; its worker, a thread of this process, is
     * the last one and gets work only while no other can. Borrowed. */
    struct proto_link *reserve;
    const struct coordinator_knowledge *knowledge; /* borrowed; NULL: nothing is known of speeds */
    int launcher; /* an fd that fails when mpirun has gone (proto_launcher_output); -1: none */
    struct coordinator_source *source; /* borrowed */
    /* No frame is read any more once so much time has passed since the first FRAME was sent and
     * iterations frames have been reported; 0: until the input ends. */
    uint64_t duration_us;
    uint64_t iterations;
    int sink_count;
    struct coordinator_sink *sinks[COORDINATOR_SINKS_MAX]; /* borrowed; called in this order */
};

struct coordinator_shell;

int coordinator_shell_open(const struct coordinator_shell_settings *settings,
                           struct coordinator_shell **out);
/* Until the input has ended (or SIGINT, SIGTERM: the frames in flight are finished; a second one:
 * at once) and the workers have said goodbye. The launcher's end is like a second signal, unless a worker
 * went with it: mpirun ends when it loses a host, and then the others go on. Returns PROTO_OK however frames fared, PROTO_IO when
 * a sink failed, or why no frame could be searched. */
int coordinator_shell_run(struct coordinator_shell *shell);
/* Fills what the shell knows: times, workers, tiles, MACs, depth, status. Valid until close. */
void coordinator_shell_describe(const struct coordinator_shell *shell, struct coordinator_run *run);
/* After run: every worker has said goodbye. */
bool coordinator_shell_all_left(const struct coordinator_shell *shell);
void coordinator_shell_close(
    struct coordinator_shell *shell); /* NULL is fine; borrowed things stay open */

#endif
