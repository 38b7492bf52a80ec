/*
 * soak: runs mtastsd in a world that changes and breaks, asks it all the time, and checks each
 * answer.
 *
 *   soak BUILD SECONDS [SEED]   BUILD: the folder of mtastsd, and of tests/proof/clock.so
 *
 * A DNS server and policy hosts of its own serve domains whose records, policies and faults change
 * (world.c). mtastsd is asked by every front end's way: the maps `postfix` and `sts`, `entry` and
 * `decision` of the ask socket, the mapped file as the milter reads it, and its pages as the plugin
 * does. Meanwhile it is killed, stopped in order, paused and reloaded. Its clock runs 100 times as
 * fast. The oracle (oracle.c) knows what the world answered to mtastsd, and when.
 *
 * Prints a line of figures, and `N passed, N failed`.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ask.h"
#include "entry_json.h"
#include "scratch.h"
#include "soak.h"
#include "tree_check.h"

enum {
  ROOM = 1 << 18,     /* bytes of an answer */
  ASK_MS = 60000,     /* for one answer: more than mtastsd ever takes */
  ASK_DEADLINE = 2,   /* seconds, in its configuration */
  STS_DEADLINE = 4,   /* seconds, its own */
  MTA_DEADLINE = 30,  /* seconds, its own */
  START_SECONDS = 20, /* at most, until it answers */
  END_SECONDS = 60,   /* at most, until it has every domain's newest policy */
  ASKERS = 10,
  PAUSE_US = 3000, /* between two questions of one asker */
  LIFE = 7 * 86400,
};

static const char *build;
static char base[PATH_SIZE], cache[PATH_SIZE], ask_path[PATH_SIZE], map_path[PATH_SIZE];
static atomic_bool over;
static atomic_ulong wrong_ends, late_starts, kills, ends, pauses, reloads;
static int log_fd;

static int64_t day(double at) {
  return (int64_t)soak_day(at);
}

/* what an answer says */

struct asker {
  const char *front;
  /* Asks and fills in the answer. False: no answer. */
  bool (*ask)(struct asker *asker, const struct mtasts_domain *domain, struct answer *answer);
  const char *map;
  double patience;
  bool uncommitted;
  unsigned seed;
  pthread_t thread;
  struct mtasts_cache *cache;
  struct mtasts_reader *reader;
  char room[ROOM];
};

/* A domain's version by its mode and its patterns, of which the first is read. False: they do not
 * go together. */
static bool take_version(struct answer *answer, enum mtasts_mode mode, const char *pattern) {
  answer->said = SAID_POLICY;
  answer->version = world_version(pattern, answer->domain);
  if (answer->version > 0 && world_mode(answer->version) == mode)
    return true;
  soak_complain("%s: d%u: the policy of %s has mode %s", answer->front, answer->domain, pattern,
                mtasts_mode_name(mode));
  return false;
}

static bool take_policy(struct answer *answer, const struct mtasts_policy *policy) {
  struct mtasts_span first = {"", 0};
  char pattern[MTASTS_DOMAIN_MAX + 1];
  size_t cursor = 0;
  mtasts_names_next(&policy->mx, &cursor, &first);
  snprintf(pattern, sizeof pattern, "%.*s", (int)first.len, first.data);
  return take_version(answer, policy->mode, pattern);
}

static bool ask_daemon(struct asker *asker, const char *path, const struct mtasts_domain *domain,
                       struct mtasts_span *reply) {
  return mtasts_ask(&(struct mtasts_ask){.socket = path,
                                         .map = asker->map,
                                         .deadline = ASK_MS,
                                         .buffer = asker->room,
                                         .buffer_size = sizeof asker->room},
                    (struct mtasts_span){domain->name, domain->len}, reply) == MTASTS_OK;
}

/* The maps of MTAs: `OK secure match=…`, with all the patterns, or nothing to enforce. */
static bool ask_map(struct asker *asker, const struct mtasts_domain *domain,
                    struct answer *answer) {
  static const char secure[] = "OK secure match=";
  char reply[2 * WORDS_SIZE], patterns[WORDS_SIZE], expected[2 * WORDS_SIZE];
  struct mtasts_span payload;
  if (!ask_daemon(asker, map_path, domain, &payload))
    return false;
  snprintf(reply, sizeof reply, "%.*s", (int)payload.len, payload.data);
  if (strcmp(reply, "NOTFOUND ") == 0) {
    answer->said = SAID_PLAIN;
    return true;
  }
  if (strncmp(reply, secure, strlen(secure)) == 0) {
    world_patterns(answer->domain, world_version(reply + strlen(secure), answer->domain), ":",
                   patterns);
    snprintf(expected, sizeof expected, "%s%s servername=hostname", secure, patterns);
    if (strcmp(reply, expected) == 0)
      return take_version(answer, MTASTS_MODE_ENFORCE, patterns);
  }
  soak_complain("%s: d%u: %s", answer->front, answer->domain, reply);
  return false;
}

static void take_verdict(struct answer *answer, enum mtasts_verdict verdict) {
  answer->said = verdict == MTASTS_VERDICT_UNKNOWN ? SAID_UNKNOWN : SAID_NONE;
  if (verdict != MTASTS_VERDICT_UNKNOWN && verdict != MTASTS_VERDICT_NONE)
    soak_complain("%s: d%u: %s without a policy", answer->front, answer->domain,
                  mtasts_verdict_name(verdict));
}

/* As the plugin and the milter do. */
static bool ask_entry(struct asker *asker, const struct mtasts_domain *domain,
                      struct answer *answer) {
  struct mtasts_entry_reply ruling;
  struct mtasts_span payload;
  if (!ask_daemon(asker, ask_path, domain, &payload))
    return false;
  if (mtasts_entry_reply_read(payload, &ruling) != MTASTS_OK) {
    soak_complain("%s: d%u: cannot be read", answer->front, answer->domain);
    return false;
  }
  struct mtasts_decision decision = mtasts_entry_reply_decide(&ruling, day(answer->asked));
  if (decision.policy)
    return take_policy(answer, decision.policy);
  take_verdict(answer, decision.verdict);
  return true;
}

static bool ask_decision(struct asker *asker, const struct mtasts_domain *domain,
                         struct answer *answer) {
  struct mtasts_span payload;
  const char *verdict = "", *mode = NULL, *pattern = NULL;
  json_t *json = NULL, *mx = NULL;
  bool told = false;
  if (!ask_daemon(asker, ask_path, domain, &payload))
    return false;
  if (payload.len > 3 && memcmp(payload.data, "OK ", 3) == 0)
    json = json_loadb(payload.data + 3, payload.len - 3, 0, NULL);
  if (!json || json_unpack(json, "{s:s, s?:{s:s, s:o}}", "verdict", &verdict, "policy", "mode",
                           &mode, "mx", &mx) != 0)
    mode = NULL;
  if (mode && (pattern = json_string_value(json_array_get(mx, 0))) && strcmp(mode, verdict) == 0) {
    enum mtasts_mode told_mode = MTASTS_MODE_NONE;
    while (told_mode < MTASTS_MODE_ENFORCE && strcmp(mtasts_mode_name(told_mode), mode) != 0)
      told_mode++;
    told = take_version(answer, told_mode, pattern);
  } else if (!mode && (strcmp(verdict, "none") == 0 || strcmp(verdict, "unknown") == 0)) {
    answer->said = verdict[0] == 'n' ? SAID_NONE : SAID_UNKNOWN;
    told = true;
  } else {
    soak_complain("%s: d%u: %.*s", answer->front, answer->domain, (int)payload.len, payload.data);
  }
  json_decref(json);
  return told;
}

/* From the file: what it holds is decided upon as it is. */
static bool take_read(struct answer *answer, enum mtasts_status status,
                      const struct mtasts_entry *entry) {
  answer->said = SAID_NONE;
  if (status == MTASTS_ABSENT)
    return true;
  if (status != MTASTS_OK)
    return false;
  struct mtasts_decision decision = mtasts_decide(entry, NULL, MTASTS_CACHED, day(answer->asked));
  return !decision.policy || take_policy(answer, decision.policy);
}

static void unmap(struct asker *asker) {
  mtasts_reader_free(asker->reader);
  mtasts_cache_close(asker->cache);
  asker->reader = NULL;
  asker->cache = NULL;
}

static bool read_mapped(struct asker *asker, const struct mtasts_domain *domain,
                        struct answer *answer) {
  struct mtasts_entry entry;
  enum mtasts_status status = MTASTS_OK;
  if (!asker->cache && mtasts_cache_open(cache, &asker->cache) != MTASTS_OK) {
    asker->cache = NULL;
    return false;
  }
  if (!asker->reader)
    status = mtasts_reader_new(asker->cache, &asker->reader);
  if (status == MTASTS_OK)
    status = mtasts_reader_get(asker->reader, domain, &entry);
  bool told = take_read(answer, status, &entry);
  if (!told || rand_r(&asker->seed) % 64 == 0)
    unmap(asker);
  return told;
}

static bool read_pages(struct asker *asker, const struct mtasts_domain *domain,
                       struct answer *answer) {
  struct mtasts_entry entry;
  return take_read(answer, mtasts_tree_read(cache, domain, (unsigned char *)asker->room, &entry),
                   &entry);
}

/* askers */

static struct asker askers[ASKERS] = {
    {.front = "postfix", .ask = ask_map, .map = "postfix", .patience = MTA_DEADLINE},
    {.front = "postfix", .ask = ask_map, .map = "postfix", .patience = MTA_DEADLINE},
    {.front = "sts", .ask = ask_map, .map = "sts", .patience = STS_DEADLINE},
    {.front = "sts", .ask = ask_map, .map = "sts", .patience = STS_DEADLINE},
    {.front = "entry", .ask = ask_entry, .map = "entry", .patience = ASK_DEADLINE},
    {.front = "entry", .ask = ask_entry, .map = "entry", .patience = ASK_DEADLINE},
    {.front = "decision", .ask = ask_decision, .map = "decision", .patience = ASK_DEADLINE},
    {.front = "decision", .ask = ask_decision, .map = "decision", .patience = ASK_DEADLINE},
    {.front = "the mapped file", .ask = read_mapped},
    {.front = "the file's pages", .ask = read_pages, .uncommitted = true},
};

static void *ask_on(void *context) {
  struct asker *asker = context;
  struct mtasts_domain domain;
  while (!atomic_load(&over)) {
    struct answer answer = {.front = asker->front,
                            .domain = (unsigned)rand_r(&asker->seed) % DOMAINS,
                            .patience = asker->patience,
                            .uncommitted = asker->uncommitted,
                            .life = soak_life(),
                            .asked = soak_now()};
    world_domain(answer.domain, &domain);
    bool told = asker->ask(asker, &domain, &answer);
    answer.answered = soak_now();
    if (told)
      soak_judge(&answer);
    else if (answer.life % 2 == 1 && soak_life() == answer.life)
      soak_complain("%s: d%u: no answer, asked %.3f", asker->front, answer.domain, answer.asked);
    usleep(PAUSE_US);
  }
  unmap(asker);
  return NULL;
}

/* One import that is acknowledged, with a question to the DNS after it: a round. */
static void *go_round(void *context) {
  static char room[ROOM], line[2048];
  static struct mtasts_domain domain = {"round.example", 13};
  (void)context;
  while (!atomic_load(&over)) {
    unsigned life = soak_life();
    int64_t now = day(soak_now());
    struct mtasts_entry entry = {.record = MTASTS_RECORD_ABSENT, .checked = now, .next_check = now};
    struct mtasts_span payload;
    json_t *json = mtasts_entry_json(&domain, &entry);
    size_t length = json ? json_dumpb(json, line, sizeof line, JSON_COMPACT) : 0;
    json_decref(json);
    bool done = mtasts_ask(&(struct mtasts_ask){.socket = ask_path,
                                                .map = "import",
                                                .deadline = ASK_MS,
                                                .buffer = room,
                                                .buffer_size = sizeof room},
                           (struct mtasts_span){line, length}, &payload) == MTASTS_OK;
    if (done && memcmp(payload.data, "OK ", 3) != 0)
      soak_complain("an import was refused: %.*s", (int)payload.len, payload.data);
    else if (done && world_dns_answers() && soak_life() == life && life % 2 == 1)
      soak_round();
    usleep(PAUSE_US);
  }
  return NULL;
}

/* mtastsd's lives */

static pid_t spawn(void) {
  char program[PATH_SIZE], config[PATH_SIZE], clock[PATH_SIZE];
  char *const argv[] = {program, "--config", config, "--foreground", NULL};
  char options[PATH_SIZE];
  const char *set = getenv("ASAN_OPTIONS");
  pid_t parent = getpid();
  path_format(options, "%s%sverify_asan_link_order=0", set ? set : "", set ? ":" : "");
  path_format(program, "%s/mtastsd", build);
  path_format(config, "%s/mtasts.conf", base);
  path_format(clock, "%s/tests/proof/clock.so", build);
  pid_t pid = fork();
  if (pid != 0)
    return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent || dup2(log_fd, 1) < 0 || dup2(log_fd, 2) < 0)
    _exit(70);
  putenv((char *)(uintptr_t)soak_clock_words());
  setenv("LD_PRELOAD", clock, 1);
  setenv("ASAN_OPTIONS", options, 1);
  execv(program, argv);
  _exit(70);
}

static bool answers(void) {
  static char room[ROOM];
  struct mtasts_span payload;
  return mtasts_ask(&(struct mtasts_ask){.socket = ask_path,
                                         .map = "stats",
                                         .deadline = ASK_MS,
                                         .buffer = room,
                                         .buffer_size = sizeof room},
                    (struct mtasts_span){"", 0}, &payload) == MTASTS_OK;
}

static pid_t begin_life(void) {
  double end = soak_now() + START_SECONDS;
  pid_t pid = spawn();
  if (pid < 0)
    die("fork");
  while (!answers() && soak_now() < end && waitpid(pid, NULL, WNOHANG) == 0)
    usleep(2000);
  if (!answers())
    atomic_fetch_add(&late_starts, 1);
  soak_begin_life();
  return pid;
}

/* It ends at a signal, and in order if that is SIGTERM. */
static void end_life(pid_t pid, int signal) {
  int status = 0;
  soak_end_life();
  bool alive = waitpid(pid, NULL, WNOHANG) == 0;
  if (alive)
    kill(pid, signal);
  if (!alive || waitpid(pid, &status, 0) != pid || (signal == SIGTERM && status != 0))
    atomic_fetch_add(&wrong_ends, 1);
}

/* interval: refresh.interval of policies in use; the oracle does not depend on it. */
static void write_config(int interval) {
  char path[PATH_SIZE], written[PATH_SIZE];
  path_format(path, "%s/mtasts.conf", base);
  path_format(written, "%s/mtasts.conf.new", base);
  FILE *file = fopen(written, "w");
  if (!file)
    die(written);
  fprintf(file,
          "cache { directory = \"%s\" }\n"
          "dns { servers = {\"127.0.0.1@%d\"} dnssec = \"off\" timeout = %d }\n"
          "https { ca_file = \"%s/ca.pem\" allow_private = yes timeout = %d }\n"
          "refresh { interval = %d retry_min = %d retry_max = %d }\n"
          "ask { socket = \"%s\" deadline = %d }\n"
          "socketmap { listen = {\"unix:%s\"} }\n"
          "outcome { socket = \"%s/outcome.sock\" }\n"
          "log = \"stderr\"\n%s",
          cache, DNS_PORT, DNS_TIMEOUT, base, HTTPS_TIMEOUT, interval, RETRY_MIN, RETRY_MAX,
          ask_path, ASK_DEADLINE, map_path, base,
          geteuid() == 0 ? "user = \"root\"\ngroup = \"root\"\n" : "");
  if (fclose(file) != 0 || rename(written, path) != 0)
    die(path);
}

/* Something happens to mtastsd. Returns its process, maybe another one. */
static pid_t disturb(pid_t pid, unsigned *seed) {
  int what = rand_r(seed) % 100;
  if (what < 60) {
    write_config(rand_r(seed) % 2 ? 86400 : 3600);
    kill(pid, SIGHUP);
    atomic_fetch_add(&reloads, 1);
  } else if (what < 80) {
    kill(pid, SIGSTOP);
    usleep((useconds_t)(rand_r(seed) % 1000000));
    kill(pid, SIGCONT);
    atomic_fetch_add(&pauses, 1);
  } else {
    int signal = what < 92 ? SIGKILL : SIGTERM;
    end_life(pid, signal);
    atomic_fetch_add(signal == SIGKILL ? &kills : &ends, 1);
    usleep((useconds_t)(rand_r(seed) % 200000));
    pid = begin_life();
  }
  return pid;
}

/* set-up and end */

static void set_up(void) {
  char bundle[PATH_SIZE], log[PATH_SIZE];
  scratch_make(base, "soak");
  path_format(cache, "%s/cache", base);
  path_format(ask_path, "%s/ask.sock", base);
  path_format(map_path, "%s/map.sock", base);
  path_format(bundle, "%s/ca.pem", base);
  path_format(log, "%s/log", base);
  write_config(86400);
  log_fd = open(log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0)
    die(log);
  if (!world_start(bundle))
    die("the world");
}

/* Does every domain get its newest policy, now that all is well? */
static bool all_newest(void) {
  static struct asker last = {.front = "at the end", .ask = ask_decision, .map = "decision"};
  double end = soak_now() + END_SECONDS;
  unsigned done = 0;
  while (done < DOMAINS && soak_now() < end) {
    struct answer answer = {.front = last.front, .domain = done};
    struct mtasts_domain domain;
    world_domain(done, &domain);
    if (last.ask(&last, &domain, &answer) && answer.said == SAID_POLICY &&
        answer.version == world_newest(done))
      done++;
    else
      usleep(20000);
  }
  if (done < DOMAINS)
    printf("d%u does not get version %u\n", done, world_newest(done));
  return done == DOMAINS;
}

static bool say(bool held, const char *what) {
  printf("%s  %s\n", held ? "ok    " : "FAILED", what);
  return held;
}

/* Ten seconds with faults, five without, and so on. Returns mtastsd's process. */
static pid_t soak(double seconds, unsigned seed) {
  double begin = soak_now(), next_turn = begin, next_disturbance = begin + 0.5, next_line = 600;
  pid_t pid = begin_life();
  while (soak_now() < begin + seconds) {
    double now = soak_now();
    bool faults = (long)(now - begin) % 15 < 10;
    if (now >= next_turn && faults) {
      world_turn(&seed);
      next_turn = now + 0.03;
    }
    if (now >= next_disturbance && faults) {
      pid = disturb(pid, &seed);
      next_disturbance = soak_now() + 0.05 + (double)(rand_r(&seed) % 100) / 100;
    }
    if (now - begin >= next_line) {
      struct figures figures = soak_figures();
      printf("%.0f s: %lu answers, %lu wrong\n", next_line, figures.answers, figures.wrong);
      next_line += 600;
    }
    soak_judge_duties();
    usleep(5000);
  }
  world_heal();
  return pid;
}

static void print_figures(double seconds, const struct figures *f) {
  printf("%.0f s, %.1f h of mtastsd's clock: %lu answers (%lu with a policy in force for sure, "
         "%lu policies, %lu none, %lu unknown in time); %lu looks (%lu failed or found none), "
         "%lu fetches (%lu failed), %lu duties; %lu kills, %lu ends, %lu pauses, %lu reloads; "
         "%lu wrong, %lu duties neglected\n",
         seconds, seconds * SPEED / 3600, f->answers, f->governed, f->policies, f->nones,
         f->unknowns, f->looks, f->failed_looks, f->fetches + f->failed_fetches, f->failed_fetches,
         f->duties, atomic_load(&kills), atomic_load(&ends), atomic_load(&pauses),
         atomic_load(&reloads), f->wrong - f->neglected, f->neglected);
}

int main(int argc, char **argv) {
  pthread_t rounds;
  if (argc != 3 && argc != 4) {
    fprintf(stderr, "usage: soak BUILD SECONDS [SEED]\n");
    return 64;
  }
  build = argv[1];
  double seconds = strtod(argv[2], NULL);
  unsigned seed = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : (unsigned)time(NULL);
  signal(SIGPIPE, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("seed %u\n", seed);
  if (!world_enter())
    return 77;
  set_up();
  soak_clock_words();
  for (unsigned i = 0; i < ASKERS; i++)
    askers[i].seed = seed + i;
  for (unsigned i = 0; i < ASKERS; i++)
    if (pthread_create(&askers[i].thread, NULL, ask_on, &askers[i]) != 0)
      die("a thread");
  if (pthread_create(&rounds, NULL, go_round, NULL) != 0)
    die("a thread");
  double begin = soak_now();
  pid_t pid = soak(seconds, seed);
  bool newest = all_newest();
  atomic_store(&over, true);
  for (unsigned i = 0; i < ASKERS; i++)
    pthread_join(askers[i].thread, NULL);
  pthread_join(rounds, NULL);
  soak_judge_duties();
  end_life(pid, SIGTERM);
  struct figures figures = soak_figures();
  print_figures(soak_now() - begin, &figures);
  int held = say(figures.wrong == figures.neglected && figures.governed > 0 && figures.nones > 0,
                 "no answer was wrong");
  held += say(figures.neglected == 0 && figures.duties > 0,
              "each record was looked up when it was due, each new id's policy fetched");
  held += say(newest, "each domain gets its newest policy in the end");
  held += say(atomic_load(&wrong_ends) == 0 && atomic_load(&late_starts) == 0,
              "mtastsd ended when it was asked to, and answered after each start");
  if (held == 4)
    scratch_remove(base);
  else
    printf("kept: %s\n", base);
  printf("%d passed, %d failed\n", held, 4 - held);
  return held == 4 ? 0 : 1;
}
