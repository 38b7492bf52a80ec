/*
 * process.h: what a process inherits from the one that starts it, put right. For a process with one
 * thread.
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

/* Raises the limit of descriptors to the most that the process may have. Returns how many that is;
 * 0: it is not known. */
unsigned long mtasts_process_descriptors(void);

#endif
