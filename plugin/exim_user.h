/*
 * exim_user.h: in Exim's routers the process is root. It reads the cache as Exim's own user and
 * group, to which the owner of the cache has given access.
 */
#ifndef MTASTS_PLUGIN_EXIM_USER_H
#define MTASTS_PLUGIN_EXIM_USER_H

#include <stdbool.h>
#include <sys/types.h>

struct mtasts_exim_user {
  bool changed;
  uid_t uid;
  gid_t gid;
};

/* False: the change failed, or could not be reverted later; nothing is changed then. A process that
 * is not root keeps its user. */
bool mtasts_exim_user_become(struct mtasts_exim_user *was);
void mtasts_exim_user_return(const struct mtasts_exim_user *was);

#endif
