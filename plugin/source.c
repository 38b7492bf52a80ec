#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alone.h"
#include "ascii.h"
#include "ask.h"
#include "clock.h"
#include "exim_user.h"
#include "host.h"
#include "idn.h"
#include "netstring.h"
#include "text.h"
#include "tree_check.h"

enum {
  REMEMBERED = 60,    /* seconds; no TXT record counts for less */
  AWAY = 30,          /* seconds */
  RECHECK_WAIT = 100, /* milliseconds for the daemon to take the request */
};

/* Which file was read, and in which state. All zero if there was none. */
struct file_state {
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec modified, changed;
};

static struct {
  bool config_read;
  bool config_logged; /* its error */
  pid_t config_pid;   /* the process that has compared config_file with the file */
  struct file_state config_file;
  struct mtasts_config *config; /* NULL: failed, see config_error */
  char config_error[MTASTS_ERROR_TEXT];
  bool away_logged;
  int64_t away_until; /* on the monotonic clock, in seconds */
  int64_t known_until;
  struct mtasts_known known;
  char room[MTASTS_NETSTRING_HEAD + MTASTS_RULING_MAX + 1]; /* that `known` points into */
} source;

static struct file_state state_of(const char *path) {
  struct stat info;
  struct file_state state;
  memset(&state, 0, sizeof state); /* with its padding: it is compared as bytes */
  if (stat(path, &info) == 0) {
    state.device = info.st_dev;
    state.inode = info.st_ino;
    state.size = info.st_size;
    state.modified = info.st_mtim;
    state.changed = info.st_ctim;
  }
  return state;
}

/* Reads the file unless it is the one that was read. The state is taken first: a change after that
 * is seen by the next process.
 *
 * MTASTS_CONFIG names another file, but never to a process that has more rights than who started
 * it: secure_getenv. */
static void read_config(void) {
  const char *path = secure_getenv("MTASTS_CONFIG");
  struct file_state state = state_of(path ? path : MTASTS_CONFIG_PATH);
  if (source.config_read && memcmp(&state, &source.config_file, sizeof state) == 0)
    return;
  source.config_read = true;
  source.config_logged = false;
  source.config_file = state;
  source.known_until = 0; /* what is known may point into the old one */
  mtasts_config_free(source.config);
  source.config = NULL;
  if (mtasts_config_load_guest(path, source.config_error, &source.config) != MTASTS_OK)
    source.config = NULL;
}

/* A process keeps what it has read. A process that was forked off compares once. */
const struct mtasts_config *mtasts_source_config(void) {
  pid_t self = getpid();
  if (source.config_pid != self) {
    source.config_pid = self;
    read_config();
    if (!source.config && !source.config_logged)
      mtasts_host_log("MTA-STS: configuration: %s: mail for other hosts is deferred until it is "
                      "mended",
                      source.config_error);
    source.config_logged = true;
  }
  return source.config;
}

/* Not to be said to each caller of Exim: the first process that needs the configuration logs what
 * is wrong with it. */
void mtasts_source_preload(void) {
  read_config();
  if (!source.config)
    source.config_read = false; /* perhaps this user may not read it */
}

static enum mtasts_status ask(const struct mtasts_domain *domain) {
  struct mtasts_span payload;
  const struct mtasts_ask request = {
      .socket = source.config->ask.socket,
      .map = "entry",
      .deadline = source.config->ask.deadline + MTASTS_ASK_GRACE,
      .room = source.room,
      .room_size = sizeof source.room,
  };
  enum mtasts_status status =
      mtasts_ask(&request, (struct mtasts_span){domain->name, domain->len}, &payload);
  return status == MTASTS_OK ? mtasts_ruling_read(payload, &source.known.ruling) : status;
}

static void rule_alone(const struct mtasts_domain *domain, const struct mtasts_entry *entry) {
  mtasts_alone_rule(source.config, domain, entry, (int64_t)time(NULL), source.room,
                    &source.known.ruling);
}

/* As Exim's user, and with nothing left open for Exim's children. */
static enum mtasts_status read_cache(const struct mtasts_domain *domain) {
  static unsigned char value[MTASTS_ENTRY_SIZE_MAX];
  struct mtasts_entry entry;
  struct mtasts_exim_user was;
  if (!mtasts_exim_user_become(&was))
    return MTASTS_PERMISSION;
  enum mtasts_status status =
      mtasts_tree_read(source.config->cache.directory, domain, value, &entry);
  mtasts_exim_user_return(&was);
  if (status == MTASTS_OK)
    rule_alone(domain, &entry);
  return status;
}

static void log_away(enum mtasts_status status) {
  if (source.away_logged)
    return;
  source.away_logged = true;
  mtasts_host_log("MTA-STS: mtastsd does not answer at %s (%s): the cache is read instead; see "
                  "`systemctl status mtastsd`",
                  source.config->ask.socket, mtasts_status_name(status));
}

/* Fills in the ruling, and `why` where nothing is known. */
static void learn(const struct mtasts_domain *domain) {
  enum mtasts_status asked = MTASTS_AWAY;
  enum mtasts_status found = MTASTS_OK;
  if (mtasts_clock_seconds() >= source.away_until) {
    asked = ask(domain);
    if (asked != MTASTS_OK) {
      log_away(asked);
      source.away_until = mtasts_clock_seconds() + AWAY;
    }
  }
  if (asked != MTASTS_OK) {
    found = read_cache(domain);
    if (found != MTASTS_OK)
      rule_alone(domain, NULL);
  }
  if (source.known.ruling.known)
    return;
  const char *cache = asked == MTASTS_OK   ? "left to mtastsd"
                      : found == MTASTS_OK ? "out of date"
                                           : mtasts_status_name(found);
  snprintf(source.known.why, sizeof source.known.why,
           "MTA-STS: nothing is known of %s (mtastsd: %s; cache: %s); remedy: mtasts query %s",
           domain->name, asked == MTASTS_OK ? "knows nothing in time" : mtasts_status_name(asked),
           cache, domain->name);
}

static void explain_defer(void) {
  const struct mtasts_known *known = &source.known;
  const struct mtasts_span detail = known->ruling.entry.detail;
  snprintf(source.known.why, sizeof source.known.why,
           "MTA-STS: mail for %s is deferred: %s %.*s; remedy: mtasts query --refresh %s",
           known->domain.name, known->decision.rule, (int)detail.len,
           detail.data ? detail.data : "", known->domain.name);
}

static const struct mtasts_known *decided(enum mtasts_verdict verdict) {
  source.known.domain = (struct mtasts_domain){.len = 0};
  source.known.ruling = (struct mtasts_ruling){.known = false};
  source.known.decision = (struct mtasts_decision){.verdict = verdict, .rule = ""};
  source.known_until = 0;
  return &source.known;
}

static const struct mtasts_known *cannot(const char *what, const char *remedy) {
  struct mtasts_text why = MTASTS_TEXT(source.known.why);
  mtasts_text_printf(&why, "MTA-STS: %s; remedy: %s", what, remedy);
  return decided(MTASTS_VERDICT_DEFER);
}

const struct mtasts_known *mtasts_source_get(struct mtasts_span text) {
  struct mtasts_known *known = &source.known;
  struct mtasts_domain domain;
  known->why[0] = '\0';
  if (!mtasts_source_config())
    return cannot(source.config_error, "mend that file");
  if (text.len == 0)
    return cannot("no domain was given", "multi_domain = false on Exim's transport");
  /* What no policy can be for, an address literal or no name of the DNS at all, fares as it does
   * without us. */
  if (mtasts_domain_from_text(text, &domain) != MTASTS_OK)
    return decided(MTASTS_VERDICT_NONE);
  bool remembered = mtasts_clock_seconds() < source.known_until &&
                    known->domain.len == domain.len &&
                    memcmp(known->domain.name, domain.name, domain.len) == 0;
  known->domain = domain;
  if (!remembered)
    learn(&domain);
  known->now = (int64_t)time(NULL);
  known->decision = mtasts_ruling_decide(&known->ruling, known->now);
  bool unknown = known->decision.verdict == MTASTS_VERDICT_UNKNOWN;
  if (!remembered)
    source.known_until = unknown ? 0 : mtasts_clock_seconds() + REMEMBERED;
  if (known->decision.verdict == MTASTS_VERDICT_DEFER || (unknown && !known->why[0]))
    explain_defer();
  return known;
}

void mtasts_source_recheck(const struct mtasts_domain *domain) {
  char room[1024];
  struct mtasts_span payload;
  if (source.config && domain->len > 0 && mtasts_clock_seconds() >= source.away_until) {
    const struct mtasts_ask request = {
        .socket = source.config->ask.socket,
        .map = "recheck",
        .deadline = RECHECK_WAIT,
        .room = room,
        .room_size = sizeof room,
    };
    mtasts_ask(&request, (struct mtasts_span){domain->name, domain->len}, &payload);
  }
  source.known_until = 0;
}
