/* What the launcher (mpirun, mpiexec, srun) says in the environment, and what MPICH's process manager,
 * hydra, has to be told on its socket (PMI-1, one line a command). No MPI here.
 */
#ifndef PROTO_LAUNCHER_H
#define PROTO_LAUNCHER_H

#include <stdbool.h>

bool proto_launcher_present(void); /* started by a launcher */
int proto_launcher_rank(void);     /* -1: it does not say */
int proto_launcher_size(void);     /* 0: it does not say */

/* The socket to hydra, or -1: another launcher, or proto_launcher_goodbye was said. */
int proto_launcher_hydra(void);
/* This process (or the one it answers for) is done: hydra expects no more of it, and what becomes of it
 * does not concern the others. Closes the socket. */
void proto_launcher_goodbye(void);
/* End the job with this code, now: hydra kills what it has started and mpirun ends. */
void proto_launcher_abort(int code);

#endif
