/*
 * supervisor.h: the milter is two processes. libmilter treats SIGHUP as a request to stop, which
 * cannot be changed. So the signals go to a supervisor. It orders its child, the filter, to reload
 * or to stop through a socket between them. If either process ends, the other ends too.
 */
#ifndef MTASTS_MILTER_SUPERVISOR_H
#define MTASTS_MILTER_SUPERVISOR_H

#include <stdbool.h>
#include <sys/types.h>

struct mtasts_supervisor {
  pid_t child; /* 0 in the child itself */
  int control; /* this process's end of the socket */
};

/* Blocks the signals that the supervisor waits for, and forks. The process must have one thread.
 * False: errno is set. */
bool mtasts_supervisor_fork(struct mtasts_supervisor *supervisor);

/* Runs the supervisor until the child has ended, and returns the child's exit code. ready: called
 * once the child serves. */
int mtasts_supervisor_watch(const struct mtasts_supervisor *supervisor, void (*ready)(void));

enum {
  MTASTS_SUPERVISOR_CHECK = 10, /* seconds between checks */
};

/* The functions of the child that the orders call, in a thread of its own. */
struct mtasts_supervisor_commands {
  void (*reload)(void);
  void (*check)(void); /* Is everything unchanged? Called every MTASTS_SUPERVISOR_CHECK seconds */
  void (*stop)(void);  /* does not return */
};

/* Tells the supervisor that the child serves, and starts to wait for orders. False: no thread.
 * commands: static. */
bool mtasts_supervisor_serve(const struct mtasts_supervisor *supervisor,
                             const struct mtasts_supervisor_commands *commands);

#endif
