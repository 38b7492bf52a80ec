#include "privilege.h"

#include <errno.h>
#include <grp.h>
#include <unistd.h>

/* Could the process become root again, by its user or by its group? Not checked if the configured
 * user is root: it may take any group, as intended. */
static bool could_return(const struct mtasts_config *config) {
  if (config->uid == 0)
    return false;
  return seteuid(0) == 0 || (config->gid != 0 && setegid(0) == 0);
}

enum mtasts_status mtasts_privilege_drop(const struct mtasts_config *config) {
  if (geteuid() != 0)
    return MTASTS_OK;
  if (config->user_missing) {
    mtasts_log(MTASTS_LOG_WARNING, "user %s or group %s does not exist: running on as root",
               config->user, config->group);
    return MTASTS_OK;
  }
  /* The root of an ordinary user's namespace may not change groups. Nothing has to change then:
   * user and group are the configured ones. */
  if (config->uid == 0 && config->gid == getegid())
    return MTASTS_OK;
  /* The user last: a process that is no longer root may not change groups. */
  if (setgroups(0, NULL) != 0 || setresgid(config->gid, config->gid, config->gid) != 0 ||
      setresuid(config->uid, config->uid, config->uid) != 0)
    return MTASTS_PERMISSION;
  if (could_return(config)) {
    errno = EPERM;
    return MTASTS_PERMISSION;
  }
  return MTASTS_OK;
}
