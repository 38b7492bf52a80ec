/*
 * mtasts cache backup: copies the cache to one file while mtastsd writes to it.
 *
 * Two processes do it, so that root can write where only root may and yet opens no cache as root
 * (identity.h). The child makes an empty file of its own, gives up root, and copies. The parent
 * waits, and then gives the file its name, or removes it. It reads nothing from the child but its
 * counts.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backup.h"
#include "cache_access.h"
#include "error_map.h"
#include "json.h"
#include "out.h"
#include "progress.h"
#include "salvage.h"
#include "target.h"
#include "walk.h"

enum {
  DRAWS = 5 /* per second */
};

struct showing {
  struct mtasts_progress progress;
  double drawn; /* when */
};

static void show(void *context, uint64_t domains) {
  struct showing *showing = context;
  double now = mtasts_seconds();
  if (now - showing->drawn < 1.0 / DRAWS)
    return;
  showing->drawn = now;
  mtasts_progress_draw(&showing->progress, domains);
}

static int print_file_error(const struct mtasts_target *target, enum mtasts_status status,
                            int error) {
  mtasts_print_error(target->path, "cannot be written: %s", mtasts_env_reason(status, error));
  return status == MTASTS_NO_MEMORY ? MTASTS_EXIT_MEMORY : MTASTS_EXIT_IO;
}

static int copy(struct mtasts_backup *backup, const struct mtasts_cache_access *access,
                const struct mtasts_target *target, struct mtasts_backup_counts *counts) {
  struct showing showing = {.drawn = 0};
  struct mtasts_cache_space space = {.domains = {0}};
  const bool shown = isatty(STDERR_FILENO);
  if (shown)
    mtasts_cache_space(access->cache, &space); /* if it fails there is no total to show */
  mtasts_progress_begin(&showing.progress, shown,
                        space.domains[MTASTS_WALK_POLICIES] + space.domains[MTASTS_WALK_ABSENT]);
  enum mtasts_status status = mtasts_backup_copy(backup, access->cache, show, &showing, counts);
  int error = errno;
  mtasts_wipe();
  if (status == MTASTS_OK)
    return MTASTS_EXIT_OK;
  if (mtasts_backup_file_failed(backup))
    return print_file_error(target, status, error);
  errno = error;
  return mtasts_cache_access_print_error(access, status);
}

/* In the child: makes the empty file as the user that runs the command, before root is given up. */
static int work(const struct mtasts_options *options, const struct mtasts_target *target,
                struct mtasts_backup_counts *counts) {
  struct mtasts_backup *backup;
  struct mtasts_cache_access access = {0};
  enum mtasts_status status = mtasts_backup_begin(target->fd, &backup);
  if (status != MTASTS_OK)
    return print_file_error(target, status, errno);
  int code = mtasts_cache_access_open(options, MTASTS_CACHE_ACCESS_READ, &access);
  if (code == MTASTS_EXIT_OK)
    code = copy(backup, &access, target, counts);
  /* Until a salvage ends, a part of the domains is in the damaged file alone. */
  if (code == MTASTS_EXIT_OK && mtasts_salvage_marked(mtasts_cache_access_path(&access))) {
    mtasts_print_error(access.directory, "what a damaged cache held is still being salvaged; try "
                                         "again later");
    code = MTASTS_EXIT_LATER;
  }
  mtasts_backup_free(backup);
  return mtasts_cache_access_close(&access, code);
}

_Noreturn static void child(const struct mtasts_options *options,
                            const struct mtasts_target *target, int to_parent) {
  struct mtasts_backup_counts counts = {0};
  int code = work(options, target, &counts);
  if (code == MTASTS_EXIT_OK && write(to_parent, &counts, sizeof counts) != (ssize_t)sizeof counts)
    code = MTASTS_EXIT_IO;
  fflush(NULL);
  _exit(code);
}

static int wait_for(pid_t pid, const char *path) {
  int ended;
  while (waitpid(pid, &ended, 0) < 0)
    if (errno != EINTR)
      return MTASTS_EXIT_IO;
  if (WIFEXITED(ended))
    return WEXITSTATUS(ended);
  mtasts_print_error(path, "the backup was ended by signal %d (%s), and nothing is written",
                     WTERMSIG(ended), strsignal(WTERMSIG(ended)));
  return MTASTS_EXIT_IO;
}

static volatile sig_atomic_t copying; /* the child's pid */

static void pass_on(int signal) {
  kill((pid_t)copying, signal);
}

/* So that no file is left over: the child ends by the signal, and the parent cleans up. */
static void pass_signals_on(pid_t pid) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  copying = pid;
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    sigaction(signals[i], &(struct sigaction){.sa_handler = pass_on}, NULL);
}

/* Returns an exit code. */
static int copy_in_child(const struct mtasts_options *options, const struct mtasts_target *target,
                         struct mtasts_backup_counts *counts) {
  int ends[2];
  fflush(NULL);
  pid_t pid = pipe(ends) == 0 ? fork() : -1;
  if (pid < 0) {
    mtasts_print_error("mtasts", "cannot begin: %s", strerror(errno));
    return MTASTS_EXIT_MEMORY;
  }
  if (pid == 0) {
    close(ends[0]);
    child(options, target, ends[1]);
  }
  pass_signals_on(pid);
  close(ends[1]);
  int code =
      wait_for(pid, target->path); /* the counts fit into the pipe, so the child never blocks */
  if (code == MTASTS_EXIT_OK && read(ends[0], counts, sizeof *counts) != (ssize_t)sizeof *counts)
    code = MTASTS_EXIT_IO;
  close(ends[0]);
  return code;
}

static int print_counts(const struct mtasts_options *options,
                        const struct mtasts_backup_counts *counts) {
  char size[MTASTS_OUT_TEXT_MAX];
  if (options->json)
    return mtasts_json_print(json_pack("{s:I,s:I,s:I}", "domains", (json_int_t)counts->domains,
                                       "damaged", (json_int_t)counts->damaged, "bytes",
                                       (json_int_t)counts->bytes));
  printf("%" PRIu64 " domains, %s", counts->domains, mtasts_human_size(counts->bytes, size));
  if (counts->damaged > 0)
    printf("; %" PRIu64 " damaged, and left out", counts->damaged);
  putchar('\n');
  return MTASTS_EXIT_OK;
}

static int run(const struct mtasts_options *options) {
  struct mtasts_backup_counts counts = {0};
  struct mtasts_target target;
  const char *path = options->arguments.items[0];
  if (strcmp(path, "-") == 0) {
    mtasts_print_error("cache backup", "needs the name of a file; mtasts cache export writes to "
                                       "standard output");
    return MTASTS_EXIT_USAGE;
  }
  int code = mtasts_target_open(path, &target);
  if (code != MTASTS_EXIT_OK)
    return code;
  code = copy_in_child(options, &target, &counts);
  if (code != MTASTS_EXIT_OK) {
    mtasts_target_drop(&target);
    return code;
  }
  code = mtasts_target_keep(&target);
  if (code == MTASTS_EXIT_OK)
    code = print_counts(options, &counts);
  return code == MTASTS_EXIT_OK && counts.damaged > 0 ? MTASTS_EXIT_DATA : code;
}

const struct mtasts_command mtasts_command_cache_backup = {
    .name = "cache backup",
    .arguments = "FILE",
    .summary = "Copies the cache to a file, while mtastsd writes",
    .help =
        "FILE becomes a data.mdb that holds all domains; an earlier backup of that name is\n"
        "replaced once the new one is whole. To restore it: stop mtastsd, put it in the place\n"
        "of data.mdb (owner mtasts, mode 0640), remove lock.mdb, and start mtastsd. Exit 65 if\n"
        "damaged values were left out.\n\n"
        "Examples:\n"
        "  mtasts cache backup /var/backups/mtasts.mdb\n",
    .least = 1,
    .max = 1,
    .run = run,
};
