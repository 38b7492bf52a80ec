#include "inquiry.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alone.h"
#include "ascii.h"
#include "ask.h"
#include "clock.h"
#include "netstring.h"
#include "tree_check.h"

enum {
  STALLED_PAUSE = 30, /* seconds in which a daemon that let a deadline pass is not asked again */
};

/* One message's questions. */
struct asking {
  const struct mtasts_config *config;
  const struct mtasts_span *domains;
  struct mtasts_fate *fates;
  struct mtasts_span *keys; /* of those that can have a policy; NULL once its fate is known */
  size_t *places;           /* which domain each key is */
  size_t count;             /* of keys */
  bool heard;               /* something of mtastsd */
  struct asking_room {
    char reply[MTASTS_NETSTRING_HEAD + MTASTS_RULING_MAX + 1];
    unsigned char value[MTASTS_ENTRY_SIZE_MAX];
  } * room;
};

static void decide(const struct mtasts_ruling *ruling, struct mtasts_span domain,
                   struct mtasts_fate *fate) {
  struct mtasts_known known = {.ruling = *ruling, .now = (int64_t)time(NULL)};
  known.decision = mtasts_ruling_decide(ruling, known.now);
  *fate = mtasts_fate_of(&known, domain);
}

static void take_reply(void *context, size_t index, struct mtasts_span payload) {
  struct asking *asking = context;
  size_t place = asking->places[index];
  struct mtasts_ruling ruling;
  asking->heard = true;
  if (mtasts_ruling_read(payload, &ruling) != MTASTS_OK)
    return; /* mtastsd always rules: what is no ruling is taken for its silence */
  asking->keys[index].data = NULL;
  decide(&ruling, asking->domains[place], &asking->fates[place]);
}

static void read_cache(struct asking *asking, size_t index) {
  const struct mtasts_config *config = asking->config;
  size_t place = asking->places[index];
  struct mtasts_domain domain;
  struct mtasts_entry entry;
  struct mtasts_ruling ruling;
  if (mtasts_domain_parse(asking->keys[index], &domain) != MTASTS_OK)
    return;
  bool found =
      mtasts_tree_read(config->cache.directory, &domain, asking->room->value, &entry) == MTASTS_OK;
  mtasts_alone_rule(config, &domain, found ? &entry : NULL, (int64_t)time(NULL),
                    asking->room->reply, &ruling);
  decide(&ruling, asking->domains[place], &asking->fates[place]);
}

/* Once when it goes away, and once when it is back. */
static void note(struct mtasts_inquiry *inquiry, const struct mtasts_config *config,
                 enum mtasts_status status) {
  bool away = status != MTASTS_OK;
  if (status == MTASTS_TIMEOUT)
    atomic_store(&inquiry->stalled_till, mtasts_clock_ms() / 1000 + STALLED_PAUSE);
  if (atomic_exchange(&inquiry->away, away) == away)
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

static bool is_stalled(struct mtasts_inquiry *inquiry) {
  return mtasts_clock_ms() / 1000 < atomic_load(&inquiry->stalled_till);
}

/* Those that can have a policy are to be asked for; the others' fate is known. */
static void sort_out(struct asking *asking, size_t count) {
  static const struct mtasts_ruling none = {
      .known = true,
      .entry = {.record = MTASTS_RECORD_ABSENT},
  };
  struct mtasts_domain domain;
  for (size_t i = 0; i < count; i++) {
    if (mtasts_domain_parse(asking->domains[i], &domain) != MTASTS_OK) {
      decide(&none, asking->domains[i], &asking->fates[i]);
    } else {
      asking->keys[asking->count] = asking->domains[i];
      asking->places[asking->count++] = i;
    }
  }
}

static void ask(struct mtasts_inquiry *inquiry, struct asking *asking, int64_t deadline) {
  const struct mtasts_config *config = asking->config;
  uint32_t left = left_until(deadline);
  if (asking->count == 0)
    return;
  if (left > 0 && !is_stalled(inquiry)) {
    const struct mtasts_ask request = {
        .socket = config->ask.socket,
        .map = "entry",
        .deadline = left,
        .room = asking->room->reply,
        .room_size = sizeof asking->room->reply,
        .kept = &inquiry->kept,
    };
    enum mtasts_status status =
        mtasts_ask_all(&request, asking->keys, asking->count, take_reply, asking);
    /* One that had not all its time, or has answered part of many questions, has not stalled. */
    if (status != MTASTS_TIMEOUT || (left >= config->ask.deadline && !asking->heard))
      note(inquiry, config, status);
  }
  for (size_t i = 0; i < asking->count; i++)
    if (asking->keys[i].data)
      read_cache(asking, i);
}

/* Without memory all is unknown, and on_unknown decides. */
static void know_nothing(const struct mtasts_config *config, const struct mtasts_span *domains,
                         size_t count, struct mtasts_fate *fates) {
  const struct mtasts_ruling ruling = {
      .monitor = config->site_mode == MTASTS_SITE_MONITOR,
      .defer = config->ask.on_unknown == MTASTS_UNKNOWN_DEFER,
  };
  mtasts_log(MTASTS_LOG_ERROR, "out of memory: %zu domains are not looked up", count);
  for (size_t i = 0; i < count; i++)
    decide(&ruling, domains[i], &fates[i]);
}

void mtasts_inquiry_ask(struct mtasts_inquiry *inquiry, const struct mtasts_config *config,
                        const struct mtasts_span *domains, size_t count, int64_t deadline,
                        struct mtasts_fate *fates) {
  struct asking asking = {
      .config = config,
      .domains = domains,
      .fates = fates,
      .keys = calloc(count, sizeof *asking.keys),
      .places = calloc(count, sizeof *asking.places),
      .room = malloc(sizeof *asking.room),
  };
  if (asking.keys && asking.places && asking.room) {
    sort_out(&asking, count);
    ask(inquiry, &asking, deadline);
  } else {
    know_nothing(config, domains, count, fates);
  }
  free(asking.keys);
  free(asking.places);
  free(asking.room);
}

static void note_done(void *context, size_t index, struct mtasts_span payload) {
  (void)index;
  *(bool *)context = mtasts_span_starts(payload, MTASTS_SPAN("OK "));
}

void mtasts_inquiry_recheck(struct mtasts_inquiry *inquiry, const struct mtasts_config *config,
                            const struct mtasts_span *domains, size_t count, int64_t deadline,
                            struct mtasts_fate *fates) {
  static const size_t room_size = 1 << 20; /* a decision as JSON */
  char *room = malloc(room_size);
  for (size_t i = 0; i < count; i++) {
    if (!fates[i].at_risk)
      continue;
    bool done = false;
    const struct mtasts_ask request = {
        .socket = config->ask.socket,
        .map = "recheck",
        .deadline = left_until(deadline),
        .room = room,
        .room_size = room_size,
        .kept = &inquiry->kept,
    };
    if (room && !is_stalled(inquiry))
      mtasts_ask_all(&request, &domains[i], 1, note_done, &done);
    if (done)
      mtasts_inquiry_ask(inquiry, config, &domains[i], 1, deadline, &fates[i]);
    else
      fates[i].certain = false;
  }
  free(room);
}
