#include "privilege.h"

#include <errno.h>
#include <grp.h>
#include <unistd.h>

/* Could the process become root once more, by its user or by its group? Not asked of one that stays
 * root: it may take any group, and is meant to. */
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
  /* A user namespace, as ordinary users make them, has a root that may change no groups: it is
   * no less than what the configuration asks for. */
  if (config->uid == 0 && config->gid == getegid())
    return MTASTS_OK;
  /* The user last: who is not root any more may change no groups. */
  if (setgroups(0, NULL) != 0 || setresgid(config->gid, config->gid, config->gid) != 0 ||
      setresuid(config->uid, config->uid, config->uid) != 0)
    return MTASTS_PERMISSION;
  if (could_return(config)) {
    errno = EPERM;
    return MTASTS_PERMISSION;
  }
  return MTASTS_OK;
}
