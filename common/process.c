#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
  LEAST = 6,                 /* of a share */
  DESCRIPTORS_MAX = 1 << 20, /* more descriptors than these are of no use */
};

/* open takes the lowest free descriptor, which is `fd`, because those below it are open. Standard
 * input cannot be read, and the others cannot be written to. Not close-on-exec, like all standard
 * descriptors. */
static void take(int fd) {
  if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
    return;
  /* A chroot may have no /dev/null. */
  if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
    (void)!open("/", O_PATH);
}

void mtasts_process_begin(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    take(fd);
  signal(SIGCHLD, SIG_DFL);
}

void mtasts_process_raise_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit); /* if it fails, the limit stays */
}

struct mtasts_descriptors mtasts_process_descriptors(void) {
  struct rlimit limit;
  unsigned share = LEAST;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > DESCRIPTORS_MAX)
    limit.rlim_cur = DESCRIPTORS_MAX;
  if (limit.rlim_cur > MTASTS_DESCRIPTORS_RESERVE + 3 * LEAST)
    share = (unsigned)(limit.rlim_cur - MTASTS_DESCRIPTORS_RESERVE) / 3;
  return (struct mtasts_descriptors){
      .peers = share, .lookups = share / MTASTS_DESCRIPTORS_LOOKUP, .queries = share};
}
