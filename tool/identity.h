/*
 * identity.h: who a command is that root runs, and what root opens for it before.
 *
 * The cache belongs to a user of its own, who could put links in the place of its files, and damage
 * in them; and policy hosts are strangers. So root gives up being root, for good, before a command
 * opens the cache or the network:
 *
 *   the directory is another user's   it becomes that user
 *   it is root's, and only root may   it stays user root, without any capability
 *   write to it
 *   anything else                     it becomes the configured user; where that is root or does
 *                                     not exist, `nobody`; and where there is no directory and a
 *                                     user namespace has no such user, itself without a capability
 *
 * A command that is not root's stays who it is. Of one thread.
 */
#ifndef MTASTS_TOOL_IDENTITY_H
#define MTASTS_TOOL_IDENTITY_H

#include "command.h"
#include "config.h"

enum {
  MTASTS_IDENTITY_PATH = 32, /* bytes, "/proc/self/fd/N" */
};

struct mtasts_identity {
  /* Leads to the directory that was judged, whatever its name leads to since, and also where the
   * new user may not go through what lies above it. "": use its name. */
  char path[MTASTS_IDENTITY_PATH];
  int directory; /* the descriptor of that */
  int refused;   /* errno of opening or making the directory; 0: none */
  bool changed;  /* is it another user now than the one who ran it? */
  /* Likewise of a file of certificates that only root may read; "": use its name. */
  char ca_file[MTASTS_IDENTITY_PATH];
  int ca_copy;
};

/*
 * Becomes somebody else, if it is root's process. creating: the directory is made where it is
 * missing, for the configured user. ca_file: NULL, or what is to be read later. Complains and
 * returns an exit code on failure, MTASTS_EXIT_DENIED: it cannot give up root.
 */
int mtasts_identity_take(const struct mtasts_config *config, const char *directory, bool creating,
                         const char *ca_file, struct mtasts_identity *identity);

/* Closes what it holds open. Nobody becomes root again. */
void mtasts_identity_release(struct mtasts_identity *identity);

#endif
