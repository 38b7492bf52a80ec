/*
 * privilege.h: a daemon that root starts becomes somebody who may do less.
 */
#ifndef MTASTS_PRIVILEGE_H
#define MTASTS_PRIVILEGE_H

#include "config.h"

/*
 * Where the process is root's: gives up root for good for the configuration's user and group,
 * with no supplementary groups. A configuration that names root as the user changes the groups
 * alone. Where the default user is missing (config->user_missing), or
 * the process is not root's, it stays who it is; the former is logged. Call it in a process with
 * one thread.
 *   MTASTS_PERMISSION  it cannot, or could take root back; errno is set
 */
enum mtasts_status mtasts_privilege_drop(const struct mtasts_config *config);

#endif
