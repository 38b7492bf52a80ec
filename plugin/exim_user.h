/*
 * exim_user.h: in Exim's routers the process is root. What it reads of the cache it reads as
 * Exim's own user and group, whose rights the cache's owner has given.
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

/* False: it cannot, or could not be root again afterwards; nothing has changed then. A process
 * that is not root stays who it is. */
bool mtasts_exim_user_become(struct mtasts_exim_user *was);
void mtasts_exim_user_return(const struct mtasts_exim_user *was);

#endif
