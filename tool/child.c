#include "child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "out.h"

enum {
  CHUNK = 65536,
};

_Noreturn static void run_child(mtasts_child_fn *work, void *context, int to_parent) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  FILE *stream = fdopen(to_parent, "w");
  int code = stream ? work(context, stream) : MTASTS_EXIT_MEMORY;
  if (stream && fclose(stream) != 0 && code == MTASTS_EXIT_OK)
    code = MTASTS_EXIT_IO;
  fflush(NULL);
  _exit(code);
}

/* Returns false if there is too much, no memory, or an error. */
static bool read_all(int fd, size_t max, char **text) {
  char *bytes = NULL;
  size_t size = 0;
  ssize_t got = 1;
  while (got > 0 && size <= max) {
    char *more = realloc(bytes, size + CHUNK + 1);
    if (!more)
      break;
    bytes = more;
    do
      got = read(fd, bytes + size, CHUNK);
    while (got < 0 && errno == EINTR);
    size += got > 0 ? (size_t)got : 0;
  }
  if (got != 0 || !bytes) {
    free(bytes);
    return false;
  }
  bytes[size] = '\0';
  *text = bytes;
  return true;
}

static int wait_for(pid_t pid) {
  int ended;
  while (waitpid(pid, &ended, 0) < 0)
    if (errno != EINTR)
      return MTASTS_EXIT_IO;
  if (WIFEXITED(ended))
    return WEXITSTATUS(ended);
  mtasts_print_error("mtasts", "its child was ended by signal %d (%s)", WTERMSIG(ended),
                     strsignal(WTERMSIG(ended)));
  return MTASTS_EXIT_IO;
}

int mtasts_child_run(mtasts_child_fn *work, void *context, size_t max, char **text) {
  int ends[2];
  fflush(NULL);
  pid_t pid = pipe(ends) == 0 ? fork() : -1;
  if (pid < 0) {
    mtasts_print_error("mtasts", "cannot begin: %s", strerror(errno));
    return MTASTS_EXIT_MEMORY;
  }
  if (pid == 0) {
    close(ends[0]);
    run_child(work, context, ends[1]);
  }
  close(ends[1]);
  char *bytes = NULL;
  bool whole = read_all(ends[0], max, &bytes);
  close(ends[0]);
  int code = wait_for(pid);
  if (code == MTASTS_EXIT_OK && !whole) {
    mtasts_print_error("mtasts", "what its child said could not be read");
    code = MTASTS_EXIT_MEMORY;
  }
  if (code == MTASTS_EXIT_OK)
    *text = bytes;
  else
    free(bytes);
  return code;
}
