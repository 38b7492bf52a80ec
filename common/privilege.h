/*
 * privilege.h: a daemon that root has started changes to the configured user.
 */
#ifndef MTASTS_PRIVILEGE_H
#define MTASTS_PRIVILEGE_H

#include "config.h"

/*
 * If the process runs as root, it changes for good to the configuration's user and group, with no
 * supplementary groups. If the configured user is root, only the groups change. If the default user
 * is missing (config->user_missing), the user stays, and this is logged. If the process does not
 * run as root, nothing changes. Call it in a process with one thread.
 *   MTASTS_PERMISSION  the change failed, or could be undone; errno is set
 */
enum mtasts_status mtasts_privilege_drop(const struct mtasts_config *config);

#endif
