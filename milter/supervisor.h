/*
 * supervisor.h: the milter is two processes. libmilter takes SIGHUP for an end and gives no say in
 * it; so signals go to a supervisor, which tells the filter, its child, to reload or to stop
 * through a socket that both hold. Where either of them ends, the other does.
 */
#ifndef MTASTS_MILTER_SUPERVISOR_H
#define MTASTS_MILTER_SUPERVISOR_H

#include <stdbool.h>
#include <sys/types.h>

struct mtasts_supervisor {
  pid_t child; /* 0 in the child itself */
  int control; /* this process's end of the socket */
};

/* Blocks the signals that the supervisor waits for, and forks. In a process with one thread. False:
 * errno is set. */
bool mtasts_supervisor_fork(struct mtasts_supervisor *supervisor);

/* The supervisor's part, until the child has ended: returns its exit code. ready: called once the
 * child serves. */
int mtasts_supervisor_watch(const struct mtasts_supervisor *supervisor, void (*ready)(void));

enum {
  MTASTS_SUPERVISOR_CHECK = 10, /* seconds between checks */
};

/* The child's part: what it is told, in a thread of its own. */
struct mtasts_supervisor_commands {
  void (*reload)(void);
  void (*check)(void); /* is all still as it was? Every MTASTS_SUPERVISOR_CHECK seconds */
  void (*stop)(void);  /* does not return */
};

/* Says that it serves, and waits for orders from now on. False: no thread. commands: static. */
bool mtasts_supervisor_serve(const struct mtasts_supervisor *supervisor,
                             const struct mtasts_supervisor_commands *commands);

#endif
