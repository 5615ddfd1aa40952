/* What the launcher (mpirun, mpiexec, srun) says in the environment, and what MPICH's process manager,
 * hydra, has to be told on its socket (PMI-1, one line a command). No MPI here.
 */
#ifndef PROTO_LAUNCHER_H
#define PROTO_LAUNCHER_H

#include <stdbool.h>

bool proto_launcher_present(void); /* started by a launcher */
int proto_launcher_rank(void);     /* -1: it does not say */
int proto_launcher_size(void);     /* 0: it does not say */

/* Close what hydra's proxy has let slip into its children: its own connection to mpirun and its ends of
 * earlier children's pipes, which would seem alive as long as this process is. Standard streams, the
 * socket to hydra, and what an argument names as /dev/fd/N stay. Before anything else is opened. */
void proto_launcher_close_inherited(int argc, char **argv);

/* A file descriptor whose reader is the launcher's proxy on this host, so that it becomes an error when
 * that is gone; -1: there is none. */
int proto_launcher_output(void);

/* The socket to hydra, or -1: another launcher, or proto_launcher_goodbye was said. */
int proto_launcher_hydra(void);
/* This process (or the one it answers for) is done: hydra expects no more of it, and what becomes of it
 * does not concern the others. Closes the socket. */
void proto_launcher_goodbye(void);
/* End the job with this code, now: hydra kills what it has started and mpirun ends. */
void proto_launcher_abort(int code);

#endif
