/*
 * exim_checks.h: checks for the program that stands in for Exim, whose cases run in children: of
 * anything, and that a call has left the process as it was.
 */
#ifndef EXIM_CHECKS_H
#define EXIM_CHECKS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

extern unsigned exim_bad; /* checks of this process that failed */

__attribute__((format(printf, 2, 3))) void check(bool ok, const char *format, ...);

struct exim_process {
  unsigned descriptors, threads;
  uid_t uid[3];
  gid_t gid[3];
  mode_t mask;
  sigset_t blocked;
  void (*handlers[64])(int);
};

struct exim_process exim_observe(void);

/* Nothing of it is different but what memory there is; and there is no child. name: of what was
 * called. */
void exim_check_process(const struct exim_process *before, const char *name);

#endif
