#include "exim_user.h"

#include <unistd.h>

#include "exim_api.h"

bool mtasts_exim_user_become(struct mtasts_exim_user *was) {
  uid_t real;
  uid_t effective;
  uid_t saved;
  uid_t uid;
  gid_t gid;
  *was = (struct mtasts_exim_user){.uid = geteuid(), .gid = getegid()};
  if (was->uid != 0)
    return true;
  if (!mtasts_exim_api_user(&uid, &gid) || uid == 0 || getresuid(&real, &effective, &saved) != 0 ||
      (real != 0 && saved != 0))
    return false;
  /* The group first, while the process is still root and may change it. */
  if (setegid(gid) != 0)
    return false;
  if (seteuid(uid) != 0) {
    mtasts_exim_user_return(&(struct mtasts_exim_user){true, 0, was->gid});
    return false;
  }
  was->changed = true;
  return true;
}

void mtasts_exim_user_return(const struct mtasts_exim_user *was) {
  if (!was->changed)
    return;
  /* The user first: only root may change to any group. The process may become root again because
   * its real or saved user is root. */
  if (seteuid(was->uid) != 0 || setegid(was->gid) != 0)
    mtasts_exim_api_log("MTA-STS: the process could not take its user or group back");
}
