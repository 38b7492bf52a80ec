#include "daemon_query.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ascii.h"
#include "ask.h"
#include "clock.h"
#include "fallback.h"
#include "netstring.h"
#include "tree_check.h"

enum {
  STALLED_PAUSE = 30, /* seconds without asking, after mtastsd let a deadline pass */
};

/* The requests of one message. */
struct asking {
  const struct mtasts_config *config;
  const struct mtasts_span *domains;
  struct mtasts_assessment *assessments;
  struct mtasts_span *keys; /* domains that can have a policy; NULL once assessed */
  size_t *indices;          /* the index of each key's domain */
  size_t count;             /* of keys */
  bool heard;               /* mtastsd has sent something */
  struct asking_buffer {
    char reply[MTASTS_NETSTRING_HEAD + MTASTS_ENTRY_REPLY_MAX + 1];
    unsigned char value[MTASTS_ENTRY_SIZE_MAX];
  } * buffer;
};

static void decide(const struct mtasts_entry_reply *entry_reply, struct mtasts_span domain,
                   struct mtasts_assessment *assessment) {
  struct mtasts_domain_decision decided = {.entry_reply = *entry_reply, .now = (int64_t)time(NULL)};
  decided.decision = mtasts_entry_reply_decide(entry_reply, decided.now);
  *assessment = mtasts_assessment_of(&decided, domain);
}

static void take_reply(void *context, size_t index, struct mtasts_span payload) {
  struct asking *asking = context;
  size_t at = asking->indices[index];
  struct mtasts_entry_reply entry_reply;
  asking->heard = true;
  if (mtasts_entry_reply_read(payload, &entry_reply) != MTASTS_OK)
    return; /* mtastsd always decides: a malformed reply counts as no reply */
  asking->keys[index].data = NULL;
  decide(&entry_reply, asking->domains[at], &asking->assessments[at]);
}

static void read_cache(struct asking *asking, size_t index) {
  const struct mtasts_config *config = asking->config;
  size_t at = asking->indices[index];
  struct mtasts_domain domain;
  struct mtasts_entry entry;
  struct mtasts_entry_reply entry_reply;
  if (mtasts_domain_parse(asking->keys[index], &domain) != MTASTS_OK)
    return;
  bool found = mtasts_tree_read(config->cache.directory, &domain, asking->buffer->value, &entry) ==
               MTASTS_OK;
  mtasts_fallback_reply(config, &domain, found ? &entry : NULL, (int64_t)time(NULL),
                        asking->buffer->reply, &entry_reply);
  decide(&entry_reply, asking->domains[at], &asking->assessments[at]);
}

/* Logs once when mtastsd stops answering, and once when it answers again. */
static void note(struct mtasts_daemon_query *daemon_query, const struct mtasts_config *config,
                 enum mtasts_status status) {
  bool away = status != MTASTS_OK;
  if (status == MTASTS_TIMEOUT)
    atomic_store(&daemon_query->stalled_till, mtasts_clock_ms() / 1000 + STALLED_PAUSE);
  if (atomic_exchange(&daemon_query->away, away) == away)
    return;
  if (away)
    mtasts_log(MTASTS_LOG_WARNING,
               "mtastsd does not answer at %s (%s): the cache is read instead; see `systemctl "
               "status mtastsd`",
               config->ask.socket, mtasts_status_name(status));
  else
    mtasts_log(MTASTS_LOG_INFO, "mtastsd answers again at %s", config->ask.socket);
}

static uint32_t left_until(int64_t deadline) {
  int64_t left = deadline - mtasts_clock_ms();
  return left > 0 ? (uint32_t)left : 0;
}

static bool is_stalled(struct mtasts_daemon_query *daemon_query) {
  return mtasts_clock_ms() / 1000 < atomic_load(&daemon_query->stalled_till);
}

/* Collects the domains that can have a policy as keys; sets the assessment of all others. */
static void sort_out(struct asking *asking, size_t count) {
  static const struct mtasts_entry_reply none = {
      .has_entry = true,
      .entry = {.record = MTASTS_RECORD_ABSENT},
  };
  struct mtasts_domain domain;
  for (size_t i = 0; i < count; i++) {
    if (mtasts_domain_parse(asking->domains[i], &domain) != MTASTS_OK) {
      decide(&none, asking->domains[i], &asking->assessments[i]);
    } else {
      asking->keys[asking->count] = asking->domains[i];
      asking->indices[asking->count++] = i;
    }
  }
}

static void ask(struct mtasts_daemon_query *daemon_query, struct asking *asking, int64_t deadline) {
  const struct mtasts_config *config = asking->config;
  uint32_t left = left_until(deadline);
  if (asking->count == 0)
    return;
  if (left > 0 && !is_stalled(daemon_query)) {
    const struct mtasts_ask request = {
        .socket = config->ask.socket,
        .map = "entry",
        .deadline = left,
        .buffer = asking->buffer->reply,
        .buffer_size = sizeof asking->buffer->reply,
        .kept = &daemon_query->kept,
    };
    enum mtasts_status status =
        mtasts_ask_all(&request, asking->keys, asking->count, take_reply, asking);
    /* mtastsd has stalled only if it had all its time and answered none of the requests. */
    if (status != MTASTS_TIMEOUT || (left >= config->ask.deadline && !asking->heard))
      note(daemon_query, config, status);
  }
  for (size_t i = 0; i < asking->count; i++)
    if (asking->keys[i].data)
      read_cache(asking, i);
}

/* Without memory every decision is unknown, and on_unknown decides. */
static void set_all_unknown(const struct mtasts_config *config, const struct mtasts_span *domains,
                            size_t count, struct mtasts_assessment *assessments) {
  const struct mtasts_entry_reply entry_reply = {
      .monitor = config->site_mode == MTASTS_SITE_MONITOR,
      .defer = config->ask.on_unknown == MTASTS_UNKNOWN_DEFER,
  };
  mtasts_log(MTASTS_LOG_ERROR, "out of memory: %zu domains are not looked up", count);
  for (size_t i = 0; i < count; i++)
    decide(&entry_reply, domains[i], &assessments[i]);
}

void mtasts_daemon_query_ask(struct mtasts_daemon_query *daemon_query,
                             const struct mtasts_config *config, const struct mtasts_span *domains,
                             size_t count, int64_t deadline,
                             struct mtasts_assessment *assessments) {
  struct asking asking = {
      .config = config,
      .domains = domains,
      .assessments = assessments,
      .keys = calloc(count, sizeof *asking.keys),
      .indices = calloc(count, sizeof *asking.indices),
      .buffer = malloc(sizeof *asking.buffer),
  };
  if (asking.keys && asking.indices && asking.buffer) {
    sort_out(&asking, count);
    ask(daemon_query, &asking, deadline);
  } else {
    set_all_unknown(config, domains, count, assessments);
  }
  free(asking.keys);
  free(asking.indices);
  free(asking.buffer);
}

static void log_change(void *context, size_t index, struct mtasts_span payload) {
  (void)index;
  *(bool *)context = mtasts_span_starts(payload, MTASTS_SPAN("OK "));
}

void mtasts_daemon_query_recheck(struct mtasts_daemon_query *daemon_query,
                                 const struct mtasts_config *config,
                                 const struct mtasts_span *domains, size_t count, int64_t deadline,
                                 struct mtasts_assessment *assessments) {
  static const size_t buffer_size = 1 << 20; /* a decision as JSON */
  char *buffer = malloc(buffer_size);
  for (size_t i = 0; i < count; i++) {
    if (!assessments[i].at_risk)
      continue;
    bool done = false;
    const struct mtasts_ask request = {
        .socket = config->ask.socket,
        .map = "recheck",
        .deadline = left_until(deadline),
        .buffer = buffer,
        .buffer_size = buffer_size,
        .kept = &daemon_query->kept,
    };
    if (buffer && !is_stalled(daemon_query))
      mtasts_ask_all(&request, &domains[i], 1, log_change, &done);
    if (done)
      mtasts_daemon_query_ask(daemon_query, config, &domains[i], 1, deadline, &assessments[i]);
    else
      assessments[i].certain = false;
  }
  free(buffer);
}
