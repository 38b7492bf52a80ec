/*
 * process.h: corrects what a process inherits from its parent, and divides its descriptors among
 * their uses. Functions that change the process are for a process with one thread.
 */
#ifndef MTASTS_PROCESS_H
#define MTASTS_PROCESS_H

/*
 * The first call of each main, before anything is opened.
 *
 * Opens each standard descriptor that is closed. Otherwise a socket, the cache or a signalfd could
 * get its number: messages for standard error would go there, or going into the background would
 * replace it. Reading and writing such a descriptor still fail, so that lost output does not count
 * as a success.
 *
 * SIGCHLD gets its default action: some parents ignore it, and then no child can be waited for.
 */
void mtasts_process_begin(void);

/* Raises the limit of descriptors to the most that the process may have. Call it before anything is
 * opened that depends on the limit. */
void mtasts_process_raise_descriptors(void);

enum {
  MTASTS_DESCRIPTORS_RESERVE = 48, /* the loops' own, the cache, the log, metrics, and some spare */
  MTASTS_DESCRIPTORS_LOOKUP =
      2, /* of a look-up, for HTTPS: two addresses of a policy host are tried at once */
};

/* The descriptors that each use may have, so that no use can exhaust them for another. A look-up
 * without a descriptor would look like a failure of the domain. */
struct mtasts_descriptors {
  unsigned peers;   /* connections to us */
  unsigned lookups; /* at a time, MTASTS_DESCRIPTORS_LOOKUP each */
  unsigned queries; /* DNS, each with a socket of its own */
};

/* The shares under the current limit: a third each of what remains after the reserve. Never less
 * than one domain at a time needs; so with a limit below 70 the shares may exceed it. */
struct mtasts_descriptors mtasts_process_descriptors(void);

#endif
