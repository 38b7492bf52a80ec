/*
 * crash: kills writers of the cache at random moments, and checks every read meanwhile.
 *
 *   crash BUILD CYCLES [SEED]       BUILD: the folder of mtastsd and mtasts
 *   crash --store DIRECTORY MEMORY  internal: writes versions of domains until it is killed
 *
 * Each domain has a version, which only grows; the id of its policy contains it. A cycle starts one
 * writer and kills it by SIGKILL. The writer is mtastsd with imports, the store itself,
 * `mtasts cache import`, or `mtasts warm` with a resolver that does not exist. A version is
 * acknowledged when the writer has reported its commit. Three readers run all the time: one maps
 * the file, one reads its pages as the plugin does, one asks mtastsd. A read is wrong if its
 * version is older than one acknowledged before the read began, or newer than any sent before it
 * ended. While a writer runs, a read must not fail. Prints `N passed, N failed`.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "entry_json.h"
#include "scratch.h"
#include "store.h"
#include "tree_check.h"

enum {
  DOMAINS = 64,
  LIFE = 7 * 86400,      /* seconds that a policy lives */
  KILL_US = 40000,       /* at most, from a writer's first commit to its end */
  START_MS = 10000,      /* at most, until a writer has committed something */
  ASK_MS = 5000,         /* for one answer of mtastsd */
  WRONG_SHOWN = 20,      /* reads that are described */
  READ_PAUSE_US = 200,   /* between two reads of one reader: the writers need the processor too */
  ANSWER_SIZE = 1 << 18, /* bytes */
  SPAWN_FAILED = 70,     /* exit status of a writer that could not be run */
};

enum writer {
  DAEMON,
  STORE,
  IMPORT,
  WARM,
  WRITERS
};

static const char *const writer_names[WRITERS] = {"mtastsd", "the store", "mtasts cache import",
                                                  "mtasts warm"};

struct subject {
  struct mtasts_domain domain;
  atomic_uint sent;         /* the newest version that a writer may have committed */
  atomic_uint acknowledged; /* the newest version that is committed for sure */
};

static struct subject *subjects; /* shared with the storing child */
static int subjects_fd = -1;
static int log_fd = -1; /* what writers say */
static const char *build;
static char base[PATH_SIZE], cache[PATH_SIZE], config[PATH_SIZE], ask_path[PATH_SIZE];

static atomic_bool over;
static atomic_uint epoch; /* odd while a writer is at work */
static atomic_ulong reads, wrong, failed_reads;
static unsigned long self_ended; /* writers that ended before they were killed */

/* entries */

/* The bytes that an entry points into. */
struct version {
  struct mtasts_entry entry;
  unsigned char patterns[64];
};

static void make_version(struct version *made, unsigned number) {
  struct mtasts_entry *entry = &made->entry;
  int64_t now = (int64_t)time(NULL);
  int length =
      snprintf((char *)made->patterns + 1, sizeof made->patterns - 1, "mx%u.crash.example", number);
  made->patterns[0] = (unsigned char)length;
  *entry = (struct mtasts_entry){
      .has_policy = true,
      .policy = {MTASTS_MODE_ENFORCE, LIFE, {made->patterns, (size_t)length + 1, 1}},
      .fetched = now,
      .expires = now + LIFE,
      .record = MTASTS_RECORD_VALID,
      .checked = now,
      .next_check = now + 3600,
      .mx_state = MTASTS_MX_UNKNOWN,
  };
  snprintf(entry->policy_id, sizeof entry->policy_id, "v%u", number);
  memcpy(entry->record_id, entry->policy_id, sizeof entry->record_id);
}

/* The version of an entry; 0: it has none. *torn: its parts are of different versions. */
static unsigned version_of(const struct mtasts_entry *entry, bool *torn) {
  char expected[64];
  struct mtasts_span pattern;
  size_t cursor = 0;
  if (!entry->has_policy || entry->policy_id[0] != 'v')
    return 0;
  unsigned number = (unsigned)strtoul(entry->policy_id + 1, NULL, 10);
  snprintf(expected, sizeof expected, "mx%u.crash.example", number);
  *torn = !mtasts_names_next(&entry->policy.mx, &cursor, &pattern) ||
          pattern.len != strlen(expected) || memcmp(pattern.data, expected, pattern.len) != 0;
  return number;
}

static struct mtasts_span line_of(const struct subject *subject, unsigned number, char *out,
                                  size_t size) {
  struct version made;
  make_version(&made, number);
  json_t *json = mtasts_entry_json(&subject->domain, &made.entry);
  size_t length = json ? json_dumpb(json, out, size, JSON_COMPACT) : 0;
  json_decref(json);
  if (length == 0 || length > size)
    die("a line of JSON");
  return (struct mtasts_span){out, length};
}

static void map_subjects(int fd) {
  subjects = mmap(NULL, DOMAINS * sizeof *subjects, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (subjects == MAP_FAILED)
    die("mmap");
}

/* readers */

typedef enum mtasts_status read_fn(void *state, const struct mtasts_domain *domain,
                                   struct mtasts_entry *entry);

struct reader {
  const char *name;
  read_fn *read;
  void *state;
  bool may_fail; /* also while a writer is at work, as it may be another one than mtastsd */
  pthread_t thread;
};

struct mapped {
  struct mtasts_cache *cache;
  struct mtasts_reader *reader;
  unsigned reads; /* since the file was opened */
};

static void unmap(struct mapped *mapped) {
  mtasts_reader_free(mapped->reader);
  mtasts_cache_close(mapped->cache);
  *mapped = (struct mapped){.reads = 0};
}

/* Keeps the file open, as the milter does without mtastsd, and opens it again now and then. */
static enum mtasts_status read_mapped(void *state, const struct mtasts_domain *domain,
                                      struct mtasts_entry *entry) {
  struct mapped *mapped = state;
  enum mtasts_status status = MTASTS_OK;
  if (!mapped->cache) {
    status = mtasts_cache_open(cache, &mapped->cache);
    if (status != MTASTS_OK) {
      mapped->cache = NULL;
      return status;
    }
    status = mtasts_reader_new(mapped->cache, &mapped->reader);
  }
  if (status == MTASTS_OK)
    status = mtasts_reader_get(mapped->reader, domain, entry);
  if (status != MTASTS_OK || ++mapped->reads == 64) { /* unmaps, so the entry is copied first */
    static _Thread_local unsigned char kept[MTASTS_ENTRY_SIZE_MAX];
    if (status == MTASTS_OK) {
      mtasts_entry_encode(entry, kept);
      if (mtasts_entry_decode(kept, mtasts_entry_size(entry), entry) != MTASTS_OK)
        status = MTASTS_CORRUPT;
    }
    unmap(mapped);
  }
  return status;
}

static enum mtasts_status read_pages(void *state, const struct mtasts_domain *domain,
                                     struct mtasts_entry *entry) {
  return mtasts_tree_read(cache, domain, state, entry);
}

static enum mtasts_status read_answer(void *state, const struct mtasts_domain *domain,
                                      struct mtasts_entry *entry) {
  static struct mtasts_entry_reply entry_reply; /* only one thread asks */
  struct mtasts_span payload;
  enum mtasts_status status = mtasts_ask(&(struct mtasts_ask){.socket = ask_path,
                                                              .map = "entry",
                                                              .deadline = ASK_MS,
                                                              .buffer = state,
                                                              .buffer_size = ANSWER_SIZE},
                                         (struct mtasts_span){domain->name, domain->len}, &payload);
  if (status == MTASTS_OK)
    status = mtasts_entry_reply_read(payload, &entry_reply);
  if (status == MTASTS_OK && !entry_reply.has_entry)
    return MTASTS_ABSENT;
  *entry = entry_reply.entry;
  return status;
}

__attribute__((format(printf, 1, 2))) static void print_wrong(const char *format, ...) {
  va_list args;
  if (atomic_fetch_add(&wrong, 1) >= WRONG_SHOWN)
    return;
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  putchar('\n');
}

/* Checks one read. `least` was taken before it began, and `most` after it ended. */
static void check_read(const struct reader *reader, const struct subject *subject,
                       enum mtasts_status status, const struct mtasts_entry *entry, unsigned least,
                       unsigned most, bool steady) {
  bool torn = false;
  unsigned number = status == MTASTS_OK ? version_of(entry, &torn) : 0;
  atomic_fetch_add(&reads, 1);
  if (status != MTASTS_OK && status != MTASTS_ABSENT) {
    atomic_fetch_add(&failed_reads, 1);
    /* A writer may be too fast for a reader that reads page by page (tree_check.h). */
    if (steady && !reader->may_fail && status != MTASTS_LOCKED)
      print_wrong("%s: %s: a read failed beside a writer: %s", reader->name, subject->domain.name,
                  mtasts_status_name(status));
  } else if (torn || number < least || number > most) {
    print_wrong("%s: %s: version %u%s, not from %u to %u", reader->name, subject->domain.name,
                number, torn ? " torn" : "", least, most);
  }
}

static void *read_on(void *context) {
  const struct reader *reader = context;
  struct mtasts_entry entry;
  unsigned seed = (unsigned)(uintptr_t)context;
  while (!atomic_load(&over)) {
    struct subject *subject = &subjects[(unsigned)rand_r(&seed) % DOMAINS];
    unsigned began = atomic_load(&epoch);
    unsigned least = atomic_load(&subject->acknowledged);
    enum mtasts_status status = reader->read(reader->state, &subject->domain, &entry);
    unsigned most = atomic_load(&subject->sent);
    bool steady = began % 2 == 1 && atomic_load(&epoch) == began;
    check_read(reader, subject, status, &entry, least, most, steady);
    usleep(READ_PAUSE_US);
  }
  return NULL;
}

/* writers */

static pid_t spawn(char *const argv[], int input, int output) {
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0)
    die("fork");
  if (pid > 0)
    return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(SPAWN_FAILED);
  if (dup2(log_fd, 2) >= 0 && dup2(input, 0) >= 0 && dup2(output, 1) >= 0)
    execv(argv[0], argv);
  dprintf(log_fd, "crash: cannot run %s: %s\n", argv[0],
          strerror(errno)); /* perhaps it is being built */
  _exit(SPAWN_FAILED);
}

static int64_t milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct writing {
  enum writer kind;
  pid_t pid;
  off_t log_begin; /* where what it says begins */
  int feed;        /* the writer's standard input, or -1 */
  int said;        /* its standard output, or -1 */
  char answer[ANSWER_SIZE];
};

static void open_writer(struct writing *writing) {
  static char program[PATH_SIZE], list[PATH_SIZE];
  static char memory[16];
  char *const store[] = {"/proc/self/exe", "--store", cache, memory, NULL};
  char *const daemon[] = {program, "--config", config, "--foreground", NULL};
  char *const import[] = {program, "--config", config, "cache", "import", NULL};
  char *const warm[] = {program, "--config", config, "warm", list, NULL};
  char *const *const all[WRITERS] = {
      [DAEMON] = daemon, [STORE] = store, [IMPORT] = import, [WARM] = warm};
  int in[2], out[2];
  snprintf(memory, sizeof memory, "%d", subjects_fd);
  path_format(list, "%s/list", base);
  path_format(program, "%s/%s", build, writing->kind == DAEMON ? "mtastsd" : "mtasts");
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
    die("pipe");
  writing->log_begin = lseek(log_fd, 0, SEEK_END);
  writing->pid = spawn(all[writing->kind], in[0], out[1]);
  close(in[0]);
  close(out[1]);
  writing->feed = in[1];
  writing->said = out[0];
}

/* Sends the next version of a domain to mtastsd. False: it is not there, or not yet. */
static bool import_one(struct writing *writing, unsigned *seed) {
  static char line[4096];
  struct subject *subject = &subjects[(unsigned)rand_r(seed) % DOMAINS];
  unsigned number = atomic_load(&subject->sent) + 1;
  struct mtasts_span payload;
  atomic_store(&subject->sent, number);
  if (mtasts_ask(&(struct mtasts_ask){.socket = ask_path,
                                      .map = "import",
                                      .deadline = ASK_MS,
                                      .buffer = writing->answer,
                                      .buffer_size = sizeof writing->answer},
                 line_of(subject, number, line, sizeof line), &payload) != MTASTS_OK)
    return false;
  bool stored = payload.len >= 3 && memcmp(payload.data, "OK ", 3) == 0;
  if (stored)
    atomic_store(&subject->acknowledged, number);
  else if (!memmem(payload.data, payload.len, "cache is checked", 16)) /* in the background */
    print_wrong("mtastsd refused an import: %.*s", (int)payload.len, payload.data);
  return stored;
}

/* Feeds `mtasts cache import` a few lines. Nothing is acknowledged: it is killed before its end. */
static bool feed_import(struct writing *writing, unsigned *seed) {
  static char line[4096];
  for (int i = 0; i < 16; i++) {
    struct subject *subject = &subjects[(unsigned)rand_r(seed) % DOMAINS];
    unsigned number = atomic_load(&subject->sent) + 1;
    atomic_store(&subject->sent, number);
    struct mtasts_span text = line_of(subject, number, line, sizeof line - 1);
    line[text.len] = '\n';
    if (write(writing->feed, line, text.len + 1) != (ssize_t)text.len + 1)
      return false;
  }
  return true;
}

/* A step of the writer's work. False: nothing was committed by it as far as is known. */
static bool work(struct writing *writing, unsigned *seed) {
  switch (writing->kind) {
  case DAEMON:
    return import_one(writing, seed);
  case IMPORT:
    usleep(500);
    return feed_import(writing, seed);
  case STORE:
  case WARM:
  case WRITERS:
    break;
  }
  usleep(500);
  return true;
}

/* Counts and describes a writer that was not killed by us: how it ended, and its last words.
 * `warm` may come to the end of its list, and says by its status that the resolver was away. */
static void judge_end(const struct writing *writing, int status) {
  char words[1024];
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
    return;
  if (writing->kind == WARM && WIFEXITED(status) && WEXITSTATUS(status) != SPAWN_FAILED)
    return;
  if (self_ended++ >= WRONG_SHOWN)
    return;
  ssize_t got = pread(log_fd, words, sizeof words, writing->log_begin);
  printf("%s ended by itself, with %s %d; it said: %.*s\n", writer_names[writing->kind],
         WIFSIGNALED(status) ? "signal" : "status",
         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), got > 0 ? (int)got : 7,
         got > 0 ? words : "nothing");
}

/* Has it ended by itself? Then it is no process of ours any more, and its number may be another's.
 */
static bool has_ended(struct writing *writing) {
  int status;
  if (waitpid(writing->pid, &status, WNOHANG) != writing->pid)
    return false;
  judge_end(writing, status);
  writing->pid = -1;
  return true;
}

static void end_writer(struct writing *writing) {
  int status;
  if (writing->pid < 0)
    return;
  kill(writing->pid, SIGKILL);
  if (waitpid(writing->pid, &status, 0) != writing->pid)
    die("waitpid");
  judge_end(writing, status);
}

/* Waits for the writer's first step. False: it does not come. */
static bool await_start(struct writing *writing, unsigned *seed) {
  int64_t end = milliseconds() + START_MS;
  char byte;
  if (writing->kind == STORE)
    return read(writing->said, &byte, 1) == 1;
  while (milliseconds() < end) {
    if (work(writing, seed))
      return true;
    if (has_ended(writing))
      return false;
    usleep(500);
  }
  return false;
}

/* Has the writer opened the cache, so that no read may fail? This is known for two of the four. */
static bool opens_first(enum writer kind) {
  return kind == DAEMON || kind == STORE;
}

/* One writer from its start to its end. False: it did not start. */
static bool cycle(enum writer kind, unsigned *seed) {
  static struct writing writing;
  writing.kind = kind;
  open_writer(&writing);
  bool started = await_start(&writing, seed);
  int64_t end = milliseconds() + 1 + rand_r(seed) % (KILL_US / 1000);
  if (started && opens_first(kind))
    atomic_fetch_add(&epoch, 1);
  while (started && milliseconds() < end && work(&writing, seed))
    ;
  usleep((useconds_t)(rand_r(seed) % 2000));
  if (started && opens_first(kind))
    atomic_fetch_add(&epoch, 1);
  end_writer(&writing);
  close(writing.feed);
  close(writing.said);
  return started;
}

/* The storing child: a commit of one to eight domains at a time. Says a byte after the first. */
static int store_on(const char *directory, int memory) {
  struct mtasts_store *store;
  unsigned seed = (unsigned)getpid();
  map_subjects(memory);
  if (mtasts_store_open(directory, &mtasts_store_defaults, &store) != MTASTS_OK)
    return 70;
  for (bool said = false;; said = true) {
    unsigned count = 1 + (unsigned)rand_r(&seed) % 8, first = (unsigned)rand_r(&seed) % DOMAINS;
    for (unsigned i = 0; i < count; i++) {
      struct version made;
      struct subject *subject = &subjects[(first + i) % DOMAINS];
      make_version(&made, atomic_fetch_add(&subject->sent, 1) + 1);
      if (mtasts_store_put(store, &subject->domain, &made.entry, (int64_t)time(NULL)) != MTASTS_OK)
        return 71;
    }
    if (mtasts_store_flush(store) != MTASTS_OK)
      return 72;
    for (unsigned i = 0; i < count; i++) {
      struct subject *subject = &subjects[(first + i) % DOMAINS];
      atomic_store(&subject->acknowledged, atomic_load(&subject->sent));
    }
    if (!said && write(STDOUT_FILENO, "", 1) != 1)
      return 74;
  }
}

/* set-up and end */

static void write_file(const char *name, const char *text) {
  char path[PATH_SIZE];
  path_format(path, "%s/%s", base, name);
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) == EOF || fclose(file) != 0)
    die(path);
}

/* The resolver is a port where nothing listens: each look-up fails at once. */
static void set_up(void) {
  static char text[4096], log[PATH_SIZE];
  scratch_make(base, "crash");
  path_format(cache, "%s/cache", base);
  path_format(config, "%s/mtasts.conf", base);
  path_format(ask_path, "%s/ask.sock", base);
  snprintf(text, sizeof text,
           "cache { directory = \"%s\" }\n"
           "dns { servers = {\"127.0.0.1@1\"} dnssec = \"off\" timeout = 1 }\n"
           "ask { socket = \"%s\" }\n"
           "socketmap { listen = {\"unix:%s/map.sock\"} }\n"
           "outcome { socket = \"%s/outcome.sock\" }\n"
           "log = \"stderr\"\n%s",
           cache, ask_path, base, base,
           geteuid() == 0 ? "user = \"root\"\ngroup = \"root\"\n" : "");
  write_file("mtasts.conf", text);
  path_format(log, "%s/log", base);
  log_fd = open(log, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0)
    die(log);
  subjects_fd = memfd_create("subjects", 0);
  if (subjects_fd < 0 || ftruncate(subjects_fd, DOMAINS * sizeof *subjects) != 0)
    die("memfd");
  map_subjects(subjects_fd);
  size_t length = 0;
  for (int i = 0; i < DOMAINS; i++) {
    struct mtasts_domain *domain = &subjects[i].domain;
    domain->len = (size_t)snprintf(domain->name, sizeof domain->name, "d%d.crash.example", i);
    length += (size_t)snprintf(text + length, sizeof text - length, "%s\n", domain->name);
  }
  write_file("list", text);
}

/* The next process that opens the cache must find all that was committed. */
static bool nothing_lost(void) {
  static unsigned char value[MTASTS_ENTRY_SIZE_MAX];
  struct reader last = {.name = "after the last kill", .read = read_pages, .state = value};
  unsigned long before = atomic_load(&wrong);
  struct mtasts_store *store;
  struct mtasts_entry entry;
  if (mtasts_store_open(cache, &mtasts_store_defaults, &store) != MTASTS_OK) {
    print_wrong("the cache cannot be opened after the last kill");
    return false;
  }
  mtasts_store_close(store);
  for (int i = 0; i < DOMAINS; i++) {
    struct subject *subject = &subjects[i];
    check_read(&last, subject, read_pages(value, &subject->domain, &entry), &entry,
               atomic_load(&subject->acknowledged), atomic_load(&subject->sent), true);
  }
  return atomic_load(&wrong) == before;
}

static bool say(bool held, const char *what) {
  printf("%s  %s\n", held ? "ok    " : "FAILED", what);
  return held;
}

int main(int argc, char **argv) {
  static struct mapped mapped;
  static unsigned char value[MTASTS_ENTRY_SIZE_MAX];
  static char answer[ANSWER_SIZE];
  struct reader readers[] = {
      {.name = "mapped", .read = read_mapped, .state = &mapped},
      {.name = "as the plugin", .read = read_pages, .state = value},
      {.name = "mtastsd", .read = read_answer, .state = answer, .may_fail = true}};
  enum {
    READERS = sizeof readers / sizeof *readers
  };
  unsigned long kills[WRITERS] = {0}, unstarted = 0;
  if (argc == 4 && strcmp(argv[1], "--store") == 0)
    return store_on(argv[2], (int)strtoul(argv[3], NULL, 10));
  if (argc != 3 && argc != 4) {
    fprintf(stderr, "usage: crash BUILD CYCLES [SEED]\n");
    return 64;
  }
  build = argv[1];
  unsigned long cycles = strtoul(argv[2], NULL, 10);
  unsigned seed = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : (unsigned)time(NULL);
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("seed %u\n", seed);
  set_up();
  unstarted += !cycle(STORE, &seed); /* so that there is a cache to read */
  for (int i = 0; i < READERS; i++)
    if (pthread_create(&readers[i].thread, NULL, read_on, &readers[i]) != 0)
      die("a thread");
  for (unsigned long i = 0; i < cycles; i++) {
    enum writer kind = (enum writer)(rand_r(&seed) % WRITERS);
    kills[kind]++;
    if (!cycle(kind, &seed) && unstarted++ < WRONG_SHOWN)
      printf("%s did not start (cycle %lu)\n", writer_names[kind], i);
    if ((i + 1) % 1000 == 0)
      printf("%lu of %lu kills, %lu reads, %lu wrong\n", i + 1, cycles, atomic_load(&reads),
             atomic_load(&wrong));
  }
  atomic_store(&over, true);
  for (int i = 0; i < READERS; i++)
    pthread_join(readers[i].thread, NULL);
  unmap(&mapped);
  for (int kind = 0; kind < WRITERS; kind++)
    printf("%lu kills of %s\n", kills[kind], writer_names[kind]);
  printf("%lu reads, of which %lu failed without a writer\n", atomic_load(&reads),
         atomic_load(&failed_reads));
  int held = say(atomic_load(&wrong) == 0, "no read was wrong, beside writers and after each kill");
  held += say(nothing_lost(), "every acknowledged version is there after the last kill");
  held += say(unstarted == 0, "each writer started again after the kill before it");
  held += say(self_ended == 0, "no writer ended before it was killed");
  if (held == 4)
    scratch_remove(base);
  else
    printf("kept: %s\n", base);
  printf("%d passed, %d failed\n", held, 4 - held);
  return held == 4 ? 0 : 1;
}
