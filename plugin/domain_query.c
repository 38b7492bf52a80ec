#include "domain_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ascii.h"
#include "ask.h"
#include "clock.h"
#include "exim_api.h"
#include "exim_user.h"
#include "fallback.h"
#include "idn.h"
#include "netstring.h"
#include "strbuf.h"
#include "tree_check.h"

enum {
  REMEMBERED = 60,    /* seconds; no TXT record is valid for less */
  AWAY = 30,          /* seconds without asking, after a failure */
  RECHECK_WAIT = 100, /* milliseconds for mtastsd to take the request */
};

/* Identifies the file that was read, and its state. All zero if there was none. */
struct file_state {
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec modified, changed;
};

static struct {
  bool config_read;
  bool config_logged; /* its error was logged */
  pid_t config_pid;   /* the process that has compared config_file with the file */
  struct file_state config_file;
  struct mtasts_config *config; /* NULL: it could not be read, see config_error */
  char config_error[MTASTS_ERROR_TEXT];
  bool away_logged;
  int64_t away_until; /* on the monotonic clock, in seconds */
  int64_t remembered_until;
  struct mtasts_domain_decision decided;
  char buffer[MTASTS_NETSTRING_HEAD + MTASTS_ENTRY_REPLY_MAX + 1]; /* `decided` points into it */
} source;

static struct file_state state_of(const char *path) {
  struct stat info;
  struct file_state state;
  memset(&state, 0, sizeof state); /* The padding is zeroed too: states are compared as bytes. */
  if (stat(path, &info) == 0) {
    state.device = info.st_dev;
    state.inode = info.st_ino;
    state.size = info.st_size;
    state.modified = info.st_mtim;
    state.changed = info.st_ctim;
  }
  return state;
}

/*
 * Reads the file unless its state is that of the last read. The state is taken before the read, so
 * the next process notices a change made during it.
 *
 * MTASTS_CONFIG names another file. A process that has more rights than its caller ignores it:
 * secure_getenv.
 */
static void read_config(void) {
  const char *path = secure_getenv("MTASTS_CONFIG");
  struct file_state state = state_of(path ? path : MTASTS_CONFIG_PATH);
  if (source.config_read && memcmp(&state, &source.config_file, sizeof state) == 0)
    return;
  source.config_read = true;
  source.config_logged = false;
  source.config_file = state;
  source.remembered_until = 0; /* the remembered decision may point into the old configuration */
  mtasts_config_free(source.config);
  source.config = NULL;
  if (mtasts_config_load_guest(path, source.config_error, &source.config) != MTASTS_OK)
    source.config = NULL;
}

/* A process keeps the configuration that it has read. A forked process compares the file's state
 * once. */
const struct mtasts_config *mtasts_domain_query_config(void) {
  pid_t self = getpid();
  if (source.config_pid != self) {
    source.config_pid = self;
    read_config();
    if (!source.config && !source.config_logged)
      mtasts_exim_api_log(
          "MTA-STS: configuration: %s: mail for other hosts is deferred until it is "
          "corrected",
          source.config_error);
    source.config_logged = true;
  }
  return source.config;
}

/* Logs nothing, since each caller of Exim would see it. The first process that needs the
 * configuration logs its error. */
void mtasts_domain_query_preload(void) {
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
      .buffer = source.buffer,
      .buffer_size = sizeof source.buffer,
  };
  enum mtasts_status status =
      mtasts_ask(&request, (struct mtasts_span){domain->name, domain->len}, &payload);
  return status == MTASTS_OK ? mtasts_entry_reply_read(payload, &source.decided.entry_reply)
                             : status;
}

static void decide_by_fallback(const struct mtasts_domain *domain,
                               const struct mtasts_entry *entry) {
  mtasts_fallback_reply(source.config, domain, entry, (int64_t)time(NULL), source.buffer,
                        &source.decided.entry_reply);
}

/* Reads as Exim's user, and leaves no descriptor open for Exim's children. */
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
    decide_by_fallback(domain, &entry);
  return status;
}

static void log_away(enum mtasts_status status) {
  if (source.away_logged)
    return;
  source.away_logged = true;
  mtasts_exim_api_log("MTA-STS: mtastsd does not answer at %s (%s): the cache is read instead; see "
                      "`systemctl status mtastsd`",
                      source.config->ask.socket, mtasts_status_name(status));
}

/* Fills in the reply, and `why` if nothing is known. */
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
      decide_by_fallback(domain, NULL);
  }
  if (source.decided.entry_reply.has_entry)
    return;
  const char *cache = asked == MTASTS_OK   ? "left to mtastsd"
                      : found == MTASTS_OK ? "out of date"
                                           : mtasts_status_name(found);
  snprintf(source.decided.why, sizeof source.decided.why,
           "MTA-STS: nothing is known of %s (mtastsd: %s; cache: %s); remedy: mtasts query %s",
           domain->name, asked == MTASTS_OK ? "no answer yet" : mtasts_status_name(asked), cache,
           domain->name);
}

static void explain_defer(void) {
  const struct mtasts_domain_decision *decided = &source.decided;
  const struct mtasts_span detail = decided->entry_reply.entry.detail;
  snprintf(source.decided.why, sizeof source.decided.why,
           "MTA-STS: mail for %s is deferred: %s %.*s; remedy: mtasts query --refresh %s",
           decided->domain.name, decided->decision.rule, (int)detail.len,
           detail.data ? detail.data : "", decided->domain.name);
}

static const struct mtasts_domain_decision *fixed_verdict(enum mtasts_verdict verdict) {
  source.decided.domain = (struct mtasts_domain){.len = 0};
  source.decided.entry_reply = (struct mtasts_entry_reply){.has_entry = false};
  source.decided.decision = (struct mtasts_decision){.verdict = verdict, .rule = ""};
  source.remembered_until = 0;
  return &source.decided;
}

static const struct mtasts_domain_decision *cannot(const char *what, const char *remedy) {
  struct mtasts_strbuf why = MTASTS_STRBUF(source.decided.why);
  mtasts_strbuf_printf(&why, "MTA-STS: %s; remedy: %s", what, remedy);
  return fixed_verdict(MTASTS_VERDICT_DEFER);
}

const struct mtasts_domain_decision *mtasts_domain_query_get(struct mtasts_span text) {
  struct mtasts_domain_decision *decided = &source.decided;
  struct mtasts_domain domain;
  decided->why[0] = '\0';
  if (!mtasts_domain_query_config())
    return cannot(source.config_error, "correct that file");
  if (text.len == 0)
    return cannot("no domain was given", "multi_domain = false on Exim's transport");
  /* An address literal, or a text that is no DNS name, cannot have a policy. Mail for it goes as it
   * would without us. */
  if (mtasts_domain_from_text(text, &domain) != MTASTS_OK)
    return fixed_verdict(MTASTS_VERDICT_NONE);
  bool remembered = mtasts_clock_seconds() < source.remembered_until &&
                    decided->domain.len == domain.len &&
                    memcmp(decided->domain.name, domain.name, domain.len) == 0;
  decided->domain = domain;
  if (!remembered)
    learn(&domain);
  decided->now = (int64_t)time(NULL);
  decided->decision = mtasts_entry_reply_decide(&decided->entry_reply, decided->now);
  bool unknown = decided->decision.verdict == MTASTS_VERDICT_UNKNOWN;
  if (!remembered)
    source.remembered_until = unknown ? 0 : mtasts_clock_seconds() + REMEMBERED;
  if (decided->decision.verdict == MTASTS_VERDICT_DEFER || (unknown && !decided->why[0]))
    explain_defer();
  return decided;
}

void mtasts_domain_query_recheck(const struct mtasts_domain *domain) {
  char buffer[1024];
  struct mtasts_span payload;
  if (source.config && domain->len > 0 && mtasts_clock_seconds() >= source.away_until) {
    const struct mtasts_ask request = {
        .socket = source.config->ask.socket,
        .map = "recheck",
        .deadline = RECHECK_WAIT,
        .buffer = buffer,
        .buffer_size = sizeof buffer,
    };
    mtasts_ask(&request, (struct mtasts_span){domain->name, domain->len}, &payload);
  }
  source.remembered_until = 0;
}
