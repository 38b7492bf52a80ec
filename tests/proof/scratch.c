#include "scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void die(const char *what) {
  fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
  exit(70);
}

void path_format(char out[PATH_SIZE], const char *format, ...) {
  va_list args;
  va_start(args, format);
  int length = vsnprintf(out, PATH_SIZE, format, args);
  va_end(args);
  if (length < 0 || length >= PATH_SIZE) {
    errno = ENAMETOOLONG;
    die(format);
  }
}

void scratch_make(char out[PATH_SIZE], const char *proof) {
  path_format(out, "%s/mtasts-%s-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
              proof);
  if (!mkdtemp(out))
    die(out);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
  (void)status;
  (void)kind;
  (void)place;
  return remove(path);
}

void scratch_remove(const char *path) {
  nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
