/*
 * process.h: what a process inherits from the one that starts it, put right; and how it shares out
 * its descriptors. What changes the process is for one with one thread.
 */
#ifndef MTASTS_PROCESS_H
#define MTASTS_PROCESS_H

/*
 * The first call of each main, before anything is opened.
 *
 * A standard descriptor that is closed is taken: else a socket, the cache or a signalfd would get
 * its number, and would be written to as standard error, or replaced on the way into the
 * background. Reading from it and writing to it still fail, so that what is written to nobody is
 * not a success.
 *
 * SIGCHLD gets its default: some starters ignore it, and then no child can be waited for.
 */
void mtasts_process_begin(void);

/* Raises the limit of descriptors to the most that the process may have. Before anything is opened
 * that lives by it. */
void mtasts_process_raise_descriptors(void);

enum {
  MTASTS_DESCRIPTORS_RESERVE = 48, /* the loops' own, the cache, the log, metrics, and some spare */
  MTASTS_DESCRIPTORS_LOOKUP = 2, /* of a look-up, for HTTPS: the addresses of a policy host race */
};

/* Who may have how many of the descriptors, so that none runs out of them because of another: a
 * look-up without a descriptor would look like a failure of the domain. */
struct mtasts_descriptors {
  unsigned peers;   /* connections to us */
  unsigned lookups; /* at a time, MTASTS_DESCRIPTORS_LOOKUP each */
  unsigned queries; /* DNS, each with a socket of its own */
};

/* The shares by the limit in force: a third each of what is left of it beside the reserve. Never
 * less than what one domain at a time needs, so with a limit below 70 they may not hold. */
struct mtasts_descriptors mtasts_process_descriptors(void);

#endif
