#include "bus_error.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "ascii.h"
#include "files.h"

enum {
  LINE_SIZE = 4352, /* bytes of a line: PATH_MAX and the fields before the path */
  NUMBER_BASE = 16,
};

/* All data that the handler uses. It may call no function that takes a lock or allocates memory. */
static struct {
  const char *program;
  size_t page_size;
  int pipe[2]; /* writing an unreadable page to it fails with EFAULT, without another signal */
  atomic_uint count;
  atomic_flag busy; /* one thread at a time */
} state = {.pipe = {-1, -1}, .busy = ATOMIC_FLAG_INIT};

/* The file in whose map the error was; empty: not known. */
static char failed_file[LINE_SIZE];

/* Reads lines of /proc/self/maps, byte by byte out of a block. */
struct lines {
  int fd;
  size_t used, size; /* of the block */
  char block[1024];
  char line[LINE_SIZE];
};

static bool next_line(struct lines *lines) {
  size_t len = 0;
  for (;;) {
    if (lines->used == lines->size) {
      ssize_t got = read(lines->fd, lines->block, sizeof lines->block);
      if (got <= 0)
        return false;
      lines->size = (size_t)got;
      lines->used = 0;
    }
    char byte = lines->block[lines->used++];
    if (byte == '\n')
      break;
    if (len < sizeof lines->line - 1)
      lines->line[len++] = byte;
  }
  lines->line[len] = '\0';
  return true;
}

static const char *parse_address(const char *at, uintptr_t *address) {
  for (*address = 0; mtasts_is_digit(*at) || (*at >= 'a' && *at <= 'f'); at++)
    *address =
        *address * NUMBER_BASE + (uintptr_t)(mtasts_is_digit(*at) ? *at - '0' : *at - 'a' + 10);
  return at;
}

enum place {
  PLACE_OTHER,
  PLACE_LOCK,   /* in a writable map of lock.mdb */
  PLACE_MEMORY, /* in no file: another thread has replaced the page already */
};

/* start-end perms offset device inode path */
static enum place place_of_line(const char *line, uintptr_t address, bool *within) {
  static const char name[] = "/" MTASTS_FILE_LOCK;
  uintptr_t start;
  uintptr_t end;
  const char *at = parse_address(line, &start);
  at = parse_address(at + (*at == '-'), &end);
  *within = address >= start && address < end;
  if (!*within)
    return PLACE_OTHER;
  const char *path = strchr(at, '/');
  if (!path)
    return PLACE_MEMORY;
  size_t len = strlen(path);
  memcpy(failed_file, path, len + 1); /* shorter than its line */
  bool writable = strncmp(at, " rw-s", 5) == 0;
  return writable && strstr(path, name) ? PLACE_LOCK : PLACE_OTHER;
}

static enum place find_place(uintptr_t address) {
  static struct lines lines; /* too large for a thread's stack; `busy` is held */
  enum place place = PLACE_OTHER;
  bool within = false;
  lines.used = lines.size = 0;
  failed_file[0] = '\0';
  lines.fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (lines.fd < 0)
    return PLACE_OTHER;
  while (!within && next_line(&lines))
    place = place_of_line(lines.line, address, &within);
  close(lines.fd);
  return place;
}

/* Replaces the page by a copy, atomically: other threads may be reading it. */
static bool take_page(unsigned char *page) {
  const size_t size = state.page_size;
  unsigned char *copy =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED)
    return false;
  if (write(state.pipe[1], page, size) == (ssize_t)size &&
      read(state.pipe[0], copy, size) == (ssize_t)size &&
      mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, page) == page)
    return true;
  munmap(copy, size);
  return false;
}

static void say(const char *text) {
  (void)!write(STDERR_FILENO, text, strlen(text));
}

__attribute__((noreturn)) static void end(void) {
  say(state.program);
  say(": ");
  say(*failed_file ? failed_file : "a file");
  say(" is mapped, and could not be read or written (SIGBUS): its disk is full or fails, or the "
      "file was truncated; see the kernel's log. The next start checks it\n");
  _exit(EX_IOERR);
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
  const int error = errno;
  (void)context;
  if (info->si_code <= 0) { /* sent by a process */
    signal(number, SIG_DFL);
    raise(number);
    return;
  }
  while (atomic_flag_test_and_set(&state.busy))
    sched_yield();
  uintptr_t address = (uintptr_t)info->si_addr;
  enum place place = find_place(address);
  if (info->si_code != BUS_ADRERR)
    end(); /* the memory itself fails, and would again */
  unsigned char *page = (unsigned char *)info->si_addr - address % state.page_size;
  bool taken = place == PLACE_LOCK && take_page(page);
  if (taken)
    atomic_fetch_add(&state.count, 1);
  atomic_flag_clear(&state.busy);
  if (!taken && place != PLACE_MEMORY)
    end();
  errno = error;
}

bool mtasts_bus_error_catch(const char *program) {
  struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
  state.program = program;
  state.page_size = (size_t)sysconf(_SC_PAGESIZE);
  sigemptyset(&action.sa_mask);
  if (state.pipe[0] < 0 && pipe2(state.pipe, O_CLOEXEC | O_NONBLOCK) != 0)
    return false;
  return sigaction(SIGBUS, &action, NULL) == 0;
}

unsigned mtasts_bus_error_count(void) {
  return atomic_load(&state.count);
}
