/*
 * identity.h: which user a command becomes if root runs it, and what root opens for it before.
 *
 * The cache belongs to a user of its own. That user could replace its files by links, and damage
 * them; and policy hosts are not trusted. So before a command opens the cache or the network, root
 * gives up its rights for good:
 *
 *  the directory is another user's   it becomes that user
 *  it is root's, and only root may   it stays user root, without any capability
 *  write to it
 *  anything else                     it becomes the configured user; if that is root or does
 *                                    not exist, `nobody`; if there is no directory and the
 *                                    user namespace has no such user, it stays root without
 *                                    capabilities
 *
 * A command that root does not run keeps its user. The process must have one thread.
 */
#ifndef MTASTS_TOOL_IDENTITY_H
#define MTASTS_TOOL_IDENTITY_H

#include "command.h"
#include "config.h"

/* What the command is going to do: bits. */
enum mtasts_identity_plan {
  MTASTS_IDENTITY_CREATES = 1,  /* the directory is made for the configured user if it is missing */
  MTASTS_IDENTITY_RUNS_MTA = 2, /* it runs sendmail(8), which is set-user-ID or set-group-ID on most
                                   hosts: so the programs that it runs may regain rights */
};

enum {
  MTASTS_IDENTITY_PATH = 32, /* bytes, "/proc/self/fd/N" */
};

struct mtasts_identity {
  /* A path to the directory that was examined. It stays valid if the directory is renamed, and if
   * the new user may not pass through the directories above it. "": use its name. */
  char path[MTASTS_IDENTITY_PATH];
  int directory; /* the descriptor that the path names */
  int refused;   /* errno of opening or making the directory; 0: no error */
  bool changed;  /* did the process change to another user? */
  /* The same for a file of certificates that only root may read; "": use its name. */
  char ca_file[MTASTS_IDENTITY_PATH];
  int ca_copy;
};

/*
 * Changes the user if root runs the process. plan: bits of enum mtasts_identity_plan. ca_file:
 * NULL, or a file that is read later. On failure prints an error and returns MTASTS_EXIT_DENIED: it
 * cannot give up root.
 */
int mtasts_identity_take(const struct mtasts_config *config, const char *directory, unsigned plan,
                         const char *ca_file, struct mtasts_identity *identity);

/* Closes the descriptors. The process does not become root again. */
void mtasts_identity_release(struct mtasts_identity *identity);

#endif
