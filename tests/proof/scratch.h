/*
 * scratch.h: what the proofs share: a directory of their own, in memory if that can be, and the end
 * of a proof that cannot go on.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

enum {
  PATH_SIZE = 256, /* bytes of each path */
};

/* Ends the process with 70, and says what failed, with errno. */
__attribute__((noreturn)) void die(const char *what);

/* Formats a path. A longer one ends the process. */
__attribute__((format(printf, 2, 3))) void path_format(char out[PATH_SIZE], const char *format,
                                                       ...);

/* Makes a directory whose name has this proof's in it. */
void scratch_make(char out[PATH_SIZE], const char *proof);

/* Removes a directory and all that is in it. */
void scratch_remove(const char *path);

#endif
