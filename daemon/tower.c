#include "tower.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "entry_codec.h"
#include "log.h"
#include "news.h"
#include "places.h"
#include "status.h"

enum {
  COMMIT_MS = 20, /* from the first of a group to its commit */
  COMPLAIN_MS = 60000,
  KEPT_MOST = 512, /* results that the store did not take */
};

static void on_commit(evutil_socket_t fd, short what, void *context);
static void on_turn(evutil_socket_t fd, short what, void *context);

bool mtasts_tower_open(struct mtasts_tower *tower) {
  mtasts_flights_init(&tower->flights, tower);
  tower->net.admit = mtasts_places_admit;
  tower->agenda = mtasts_agenda_new(MTASTS_AGENDA_MOST);
  tower->commit = evtimer_new(tower->base, on_commit, tower);
  tower->turn = evtimer_new(tower->base, on_turn, tower);
  return tower->agenda && tower->commit && tower->turn &&
         mtasts_reader_new(mtasts_store_cache(tower->store), &tower->reader) == MTASTS_OK;
}

/* answers */

void mtasts_tower_answer(struct mtasts_tower *tower, struct mtasts_job *job,
                         enum mtasts_status status) {
  job->status = status;
  if (job->token)
    mtasts_queue_give(tower->to_front, job);
  else
    mtasts_job_free(job);
}

static void keep_answer(struct mtasts_flight *flight, const struct mtasts_entry *entry,
                        enum mtasts_freshness freshness) {
  size_t size = mtasts_entry_size(entry);
  unsigned char *value = malloc(size);
  if (value)
    mtasts_entry_encode(entry, value);
  free(flight->value); /* which the entry may point into */
  flight->value = value;
  flight->value_size = value ? size : 0;
  flight->freshness = freshness;
}

static void forget_answer(struct mtasts_flight *flight) {
  free(flight->value);
  flight->value = NULL;
  flight->value_size = 0;
  flight->unsaved = false;
}

static enum mtasts_status copy_answer(const struct mtasts_flight *flight, struct mtasts_job *job) {
  job->value = flight->value ? malloc(flight->value_size) : NULL;
  if (!job->value)
    return MTASTS_NO_MEMORY;
  memcpy(job->value, flight->value, flight->value_size);
  job->value_size = flight->value_size;
  job->freshness = flight->freshness;
  return MTASTS_OK;
}

/* The front loop answers from the cache, so it is told of what is not there, and when that is over.
 */
static void tell_front(struct mtasts_tower *tower, struct mtasts_flight *flight) {
  if ((!flight->unsaved && !flight->told) || !tower->to_front)
    return;
  struct mtasts_job *job = mtasts_job_new(MTASTS_JOB_NEWER);
  if (!job)
    return;
  job->domain = flight->domain;
  if (flight->unsaved)
    copy_answer(flight, job);
  flight->told = flight->unsaved;
  mtasts_queue_give(tower->to_front, job);
}

static void answer_all(struct mtasts_tower *tower, const struct mtasts_flight *flight,
                       struct mtasts_demand *demand, enum mtasts_status status) {
  struct mtasts_job *job;
  while ((job = STAILQ_FIRST(&demand->jobs))) {
    STAILQ_REMOVE_HEAD(&demand->jobs, link);
    mtasts_tower_answer(tower, job, status == MTASTS_OK ? copy_answer(flight, job) : status);
  }
}

static enum mtasts_flight_list turn_of(enum mtasts_urgency urgency) {
  switch (urgency) {
  case MTASTS_URGENCY_BEHIND:
    return MTASTS_FLIGHT_BEHIND;
  case MTASTS_URGENCY_NETWORK:
    return MTASTS_FLIGHT_NETWORK;
  case MTASTS_URGENCY_WAITED:
    break;
  }
  return MTASTS_FLIGHT_WAITED;
}

/* A store that fails must not have a busy domain looked up for each question. */
static void keep(struct mtasts_tower *tower, struct mtasts_flight *flight) {
  struct mtasts_flights *flights = &tower->flights;
  mtasts_flights_move(flights, flight, MTASTS_FLIGHT_KEPT);
  if (flights->counts[MTASTS_FLIGHT_KEPT] <= KEPT_MOST)
    return;
  struct mtasts_flight *oldest = TAILQ_FIRST(&flights->lists[MTASTS_FLIGHT_KEPT]);
  oldest->unsaved = false;
  tell_front(tower, oldest);
  mtasts_flights_remove(flights, oldest);
}

/* Answers, and makes room for the next one to the same domain, if that is wanted. */
void mtasts_tower_finish(struct mtasts_tower *tower, struct mtasts_flight *flight,
                         enum mtasts_status status) {
  tell_front(tower, flight);
  answer_all(tower, flight, &flight->demand, status);
  bool wanted = flight->next.wanted;
  if (!wanted && !flight->unsaved) {
    mtasts_flights_remove(&tower->flights, flight);
    return;
  }
  if (!flight->unsaved)
    forget_answer(flight);
  flight->demand.kind = flight->next.kind;
  flight->demand.waited = flight->next.waited;
  flight->demand.urgency = flight->next.urgency;
  STAILQ_CONCAT(&flight->demand.jobs, &flight->next.jobs);
  flight->next.wanted = flight->next.waited = false;
  flight->next.urgency = MTASTS_URGENCY_BEHIND;
  flight->next.kind = MTASTS_JOB_LOOK_UP;
  if (wanted)
    mtasts_flights_move(&tower->flights, flight, turn_of(flight->demand.urgency));
  else
    keep(tower, flight);
}

/* commits */

/* Then nothing is written yet, and what is learnt is kept. */
static bool is_checked_still(const struct mtasts_tower *tower) {
  return mtasts_cache_waits(mtasts_store_cache(tower->store));
}

static void settle(struct mtasts_tower *tower, enum mtasts_status commit) {
  struct mtasts_flight *flight;
  evtimer_del(tower->commit);
  atomic_store_explicit(&tower->stats->store_fails, mtasts_store_fails(tower->store),
                        memory_order_relaxed);
  while ((flight = TAILQ_FIRST(&tower->flights.lists[MTASTS_FLIGHT_LANDED]))) {
    flight->unsaved = commit != MTASTS_OK;
    mtasts_tower_finish(tower, flight, MTASTS_OK);
  }
}

enum mtasts_status mtasts_tower_complain(struct mtasts_tower *tower, enum mtasts_status status) {
  int error = errno;
  /* That it is full, or spares its room, the store says itself. */
  if (status == MTASTS_OK || status == MTASTS_FULL || is_checked_still(tower))
    return status;
  mtasts_count(tower->stats, MTASTS_COUNT_STORE_FAILURES);
  if (mtasts_seldom(&tower->complained, COMPLAIN_MS))
    mtasts_log(MTASTS_LOG_WARNING, "the cache fails, and goes on with what it has: %s",
               mtasts_env_reason(status, error));
  return status;
}

static enum mtasts_status commit(struct mtasts_tower *tower) {
  enum mtasts_status status = mtasts_tower_complain(tower, mtasts_store_flush(tower->store));
  settle(tower, status);
  return status;
}

static void on_commit(evutil_socket_t fd, short what, void *context) {
  struct mtasts_tower *tower = context;
  (void)fd;
  (void)what;
  commit(tower);
  mtasts_tower_launch(tower);
}

/* Puts those that the store did not take into it, `most` of them, as if they had just landed. */
static size_t put_again(struct mtasts_tower *tower, size_t most) {
  struct mtasts_flight *flight = TAILQ_FIRST(&tower->flights.lists[MTASTS_FLIGHT_KEPT]);
  struct mtasts_flight *next;
  size_t count = 0;
  for (; flight && count < most; flight = next) {
    struct mtasts_entry entry;
    next = TAILQ_NEXT(flight, link);
    if (!flight->value ||
        mtasts_entry_decode(flight->value, flight->value_size, &entry) != MTASTS_OK) {
      mtasts_flights_remove(&tower->flights, flight); /* there was no memory to keep it */
      continue;
    }
    enum mtasts_status status = mtasts_tower_complain(
        tower, mtasts_store_put(tower->store, &flight->domain, &entry, tower->net.now()));
    if (status == MTASTS_OK) {
      mtasts_flights_move(&tower->flights, flight, MTASTS_FLIGHT_LANDED);
      count++;
    }
    if (mtasts_store_pending(tower->store) == 0)
      settle(tower, status); /* that one has made a group full */
    if (status != MTASTS_OK)
      break;
  }
  return count;
}

void mtasts_tower_save_again(struct mtasts_tower *tower) {
  if (tower->flights.counts[MTASTS_FLIGHT_KEPT] > 0 && put_again(tower, 1) == 1 &&
      commit(tower) == MTASTS_OK && put_again(tower, KEPT_MOST) > 0)
    commit(tower);
}

void mtasts_tower_commit_soon(struct mtasts_tower *tower) {
  const struct timeval wait = {.tv_usec = COMMIT_MS * 1000};
  if (mtasts_store_pending(tower->store) > 0 && !evtimer_pending(tower->commit, NULL))
    evtimer_add(tower->commit, &wait);
}

/* requests */

static size_t in_wait(const struct mtasts_tower *tower) {
  const size_t *counts = tower->flights.counts;
  return counts[MTASTS_FLIGHT_WAITED] + counts[MTASTS_FLIGHT_NETWORK] +
         counts[MTASTS_FLIGHT_BEHIND] + counts[MTASTS_FLIGHT_HELD];
}

bool mtasts_tower_room(const struct mtasts_tower *tower, bool waited) {
  const size_t *counts = tower->flights.counts;
  if (!waited && counts[MTASTS_FLIGHT_BEHIND] >= MTASTS_NET_WAITING_MAX / 2)
    return false;
  return in_wait(tower) < MTASTS_NET_WAITING_MAX;
}

static bool waits(const struct mtasts_flight *flight) {
  return flight->list == MTASTS_FLIGHT_WAITED || flight->list == MTASTS_FLIGHT_NETWORK ||
         flight->list == MTASTS_FLIGHT_BEHIND;
}

enum mtasts_status mtasts_tower_request(struct mtasts_tower *tower,
                                        const struct mtasts_domain *domain,
                                        enum mtasts_job_kind kind, enum mtasts_urgency urgency,
                                        struct mtasts_job *job) {
  struct mtasts_flight *flight = mtasts_flights_find(&tower->flights, domain);
  bool kept = flight && flight->list == MTASTS_FLIGHT_KEPT;
  if ((!flight || kept) && !mtasts_tower_room(tower, urgency != MTASTS_URGENCY_BEHIND))
    return MTASTS_FULL;
  if (kept)
    mtasts_flights_move(&tower->flights, flight, turn_of(urgency));
  if (!flight && !(flight = mtasts_flights_add(&tower->flights, domain, turn_of(urgency))))
    return MTASTS_NO_MEMORY;
  bool in_time = waits(flight) || flight->serves >= kind;
  mtasts_demand_add(in_time ? &flight->demand : &flight->next, kind, urgency, job);
  if (waits(flight) && flight->list != turn_of(flight->demand.urgency))
    mtasts_flights_move(&tower->flights, flight, turn_of(flight->demand.urgency));
  return MTASTS_OK;
}

/* flights */

const struct mtasts_entry *mtasts_tower_known(struct mtasts_tower *tower,
                                              const struct mtasts_domain *domain,
                                              struct mtasts_entry *entry) {
  enum mtasts_status status = mtasts_reader_get(tower->reader, domain, entry);
  if (status != MTASTS_OK) {
    mtasts_count_read(tower->stats, status);
    return NULL;
  }
  mtasts_discover_heed(&tower->net.settings, entry);
  return entry;
}

void mtasts_tower_mind(struct mtasts_tower *tower, const struct mtasts_domain *domain,
                       const struct mtasts_entry *entry) {
  int64_t due = mtasts_discover_look_again(&tower->net.settings, entry, tower->net.now());
  if (due < INT64_MAX && mtasts_use_known(tower->use, domain))
    mtasts_agenda_set(tower->agenda, domain, due);
  else
    mtasts_agenda_drop(tower->agenda, domain);
}

static void landed(void *context, const struct mtasts_discovery *discovery) {
  struct mtasts_flight *flight = context;
  struct mtasts_tower *tower = flight->owner;
  const struct mtasts_entry *entry = &discovery->entry;
  const struct mtasts_news news = {.domain = &flight->domain,
                                   .before = &flight->before,
                                   .discovery = discovery,
                                   .waited = flight->demand.waited,
                                   .now = tower->net.now()};
  enum mtasts_status status = MTASTS_OK;
  mtasts_news_tell(&news, tower->stats);
  mtasts_tower_mind(tower, &flight->domain, entry);
  keep_answer(flight, entry, discovery->freshness);
  if (discovery->changed)
    status = mtasts_tower_complain(
        tower, mtasts_store_put(tower->store, &flight->domain, entry, news.now));
  bool pending = discovery->changed && status == MTASTS_OK;
  if (discovery->changed)
    flight->unsaved = !pending;
  bool urgent = discovery->urgent;
  mtasts_flights_move(&tower->flights, flight, MTASTS_FLIGHT_LANDED);
  mtasts_places_leave(tower, flight);
  if (!pending)
    mtasts_tower_finish(tower, flight, MTASTS_OK);
  if (mtasts_store_pending(tower->store) == 0)
    settle(tower, status); /* that one has made a group full */
  else if (urgent || mtasts_places_taken(tower) == 0)
    commit(tower); /* nothing to wait for: its group is complete */
  else
    mtasts_tower_commit_soon(tower);
  mtasts_tower_launch(tower);
}

/* Is what is known enough, so that nobody is asked? */
static bool is_enough(const struct mtasts_discover_settings *settings,
                      const struct mtasts_flight *flight, const struct mtasts_entry *known,
                      int64_t now) {
  if (flight->demand.kind == MTASTS_JOB_REFRESH)
    return false;
  if (flight->demand.kind == MTASTS_JOB_RECHECK)
    return now >= known->checked && now - known->checked < MTASTS_RECHECK_EVERY;
  return mtasts_discover_due(settings, known, now) == 0;
}

/*
 * A refresh ahead of use had to wait for its turn. What was in the air meanwhile may have done it,
 * or failed, and then the policy host is left alone until its next try (RFC 8461 section 3.3). A
 * refresh that somebody asked for is made whatever was before.
 */
static bool is_done_already(const struct mtasts_tower *tower, const struct mtasts_flight *flight,
                            const struct mtasts_entry *known, int64_t now) {
  return flight->demand.kind == MTASTS_JOB_REFRESH && STAILQ_EMPTY(&flight->demand.jobs) &&
         !mtasts_discover_refresh_due(&tower->net.settings, known, now);
}

/* What this look-up does for whoever else may come: one that asks for the record at all is as good
 * as a recheck. */
static enum mtasts_job_kind service_of(const struct mtasts_tower *tower,
                                       const struct mtasts_flight *flight,
                                       const struct mtasts_entry *known, int64_t now) {
  bool asks_txt = !known || mtasts_discover_due(&tower->net.settings, known, now) & MTASTS_NEED_TXT;
  return flight->demand.kind == MTASTS_JOB_LOOK_UP && asks_txt ? MTASTS_JOB_RECHECK
                                                               : flight->demand.kind;
}

/* With what the domain is looked up: without DANE, if an override says so. */
static const struct mtasts_net *net_for(struct mtasts_tower *tower,
                                        const struct mtasts_domain *domain, int64_t now) {
  const struct mtasts_override *override =
      tower->config ? mtasts_config_override_at(tower->config, domain, now) : NULL;
  if (!override || !override->dane_off)
    return &tower->net;
  tower->without_dane = tower->net;
  tower->without_dane.validator = NULL;
  tower->without_dane.settings.dane = false;
  return &tower->without_dane;
}

/* The last result, where the store did not take it; else what the cache holds. */
static enum mtasts_status read_known(struct mtasts_tower *tower, const struct mtasts_flight *flight,
                                     struct mtasts_entry *entry) {
  if (flight->value && mtasts_entry_decode(flight->value, flight->value_size, entry) == MTASTS_OK)
    return MTASTS_OK;
  enum mtasts_status status = mtasts_reader_get(tower->reader, &flight->domain, entry);
  if (status != MTASTS_OK)
    mtasts_count_read(tower->stats, status);
  return status;
}

/* Begins a flight that is in the air already. */
static void start(struct mtasts_tower *tower, struct mtasts_flight *flight) {
  struct mtasts_entry entry;
  enum mtasts_status read = read_known(tower, flight, &entry);
  const struct mtasts_entry *known = read == MTASTS_OK ? &entry : NULL;
  int64_t now = tower->net.now();
  /* A cache that cannot be read may hold a policy: nothing that is learnt without it may take its
   * place (RFC 8461 section 5.1). What is damaged, or not there, is no policy. */
  if (read != MTASTS_OK && read != MTASTS_ABSENT && read != MTASTS_CORRUPT) {
    mtasts_tower_finish(tower, flight, read);
    return;
  }
  const struct mtasts_net *net = net_for(tower, &flight->domain, now);
  if (known)
    mtasts_discover_heed(&net->settings, &entry);
  if (known && is_done_already(tower, flight, known, now))
    flight->demand.kind = MTASTS_JOB_LOOK_UP;
  if (known && is_enough(&net->settings, flight, known, now)) {
    keep_answer(flight, known, MTASTS_CACHED);
    mtasts_tower_finish(tower, flight, MTASTS_OK);
    return;
  }
  flight->before = known ? entry : (struct mtasts_entry){.has_policy = false};
  if (flight->demand.kind == MTASTS_JOB_RECHECK) {
    mtasts_count(tower->stats, MTASTS_COUNT_RECHECKS);
    entry.next_check = 0;
  }
  flight->serves = service_of(tower, flight, known, now);
  const struct mtasts_lookup_options options = {
      .net = net,
      .base = tower->base,
      .domain = &flight->domain,
      .known = known,
      .forced = flight->demand.kind == MTASTS_JOB_REFRESH,
      .done = landed,
      .context = flight,
  };
  if (mtasts_lookup_start(&options, &flight->lookup) != MTASTS_OK)
    mtasts_tower_finish(tower, flight, MTASTS_NO_MEMORY);
}

static void launch(struct mtasts_tower *tower, enum mtasts_flight_list from,
                   enum mtasts_flight_list to) {
  struct mtasts_flights *flights = &tower->flights;
  size_t share = tower->in_flight / 4 > 0 ? tower->in_flight / 4 : 1;
  struct mtasts_flight *flight;
  while ((flight = mtasts_flights_next(flights, from, share))) {
    if (!mtasts_places_find(tower, to))
      break;
    mtasts_flights_move(flights, flight, to);
    flight->since = mtasts_uptime();
    start(tower, flight);
  }
}

static void on_turn(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  mtasts_tower_launch(context);
}

void mtasts_tower_launch(struct mtasts_tower *tower) {
  mtasts_places_go(tower);
  launch(tower, MTASTS_FLIGHT_WAITED, MTASTS_FLIGHT_AIR);
  launch(tower, MTASTS_FLIGHT_NETWORK, MTASTS_FLIGHT_AIR_NETWORK);
  launch(tower, MTASTS_FLIGHT_BEHIND, MTASTS_FLIGHT_AIR_BEHIND);
  mtasts_count_set(tower->stats, MTASTS_COUNT_IN_FLIGHT, mtasts_places_taken(tower));
  mtasts_count_set(tower->stats, MTASTS_COUNT_WAITING, in_wait(tower));
}

enum mtasts_status mtasts_tower_changed(struct mtasts_tower *tower,
                                        const struct mtasts_domain *domain) {
  enum mtasts_status status = commit(tower);
  struct mtasts_flight *flight = mtasts_flights_find(&tower->flights, domain);
  if (flight) {
    forget_answer(flight);
    tell_front(tower, flight);
    if (flight->list == MTASTS_FLIGHT_KEPT) {
      mtasts_flights_remove(&tower->flights, flight);
      return status;
    }
  }
  if (flight && flight->lookup) {
    mtasts_places_leave(tower, flight);
    start(tower, flight);
  }
  return status;
}

static const enum mtasts_flight_list in_air[] = {MTASTS_FLIGHT_AIR, MTASTS_FLIGHT_AIR_NETWORK,
                                                 MTASTS_FLIGHT_AIR_BEHIND, MTASTS_FLIGHT_AIR_SLOW};

void mtasts_tower_abort(struct mtasts_tower *tower) {
  struct mtasts_flight *flight;
  /* These have no place in which they could begin again, and may be many. */
  while ((flight = TAILQ_FIRST(&tower->flights.lists[MTASTS_FLIGHT_HELD]))) {
    mtasts_places_leave(tower, flight);
    mtasts_flights_move(&tower->flights, flight, turn_of(flight->demand.urgency));
  }
  for (size_t i = 0; i < sizeof in_air / sizeof *in_air; i++)
    TAILQ_FOREACH(flight, &tower->flights.lists[in_air[i]], link) {
      /* cppcheck-suppress uninitvar */
      mtasts_places_leave(tower, flight);
    }
}

void mtasts_tower_resume(struct mtasts_tower *tower) {
  struct mtasts_flight *next;
  for (size_t i = 0; i < sizeof in_air / sizeof *in_air; i++)
    for (struct mtasts_flight *flight = TAILQ_FIRST(&tower->flights.lists[in_air[i]]); flight;
         flight = next) {
      next = TAILQ_NEXT(flight, link);
      flight->since = mtasts_uptime();
      start(tower, flight);
    }
  mtasts_tower_launch(tower);
}

/* the end */

void mtasts_tower_clear(struct mtasts_tower *tower) {
  commit(tower);
  for (struct mtasts_flight *flight; (flight = mtasts_flights_any(&tower->flights));) {
    mtasts_places_leave(tower, flight);
    answer_all(tower, flight, &flight->demand, MTASTS_TIMEOUT);
    answer_all(tower, flight, &flight->next, MTASTS_TIMEOUT);
    mtasts_flights_remove(&tower->flights, flight);
  }
}

void mtasts_tower_close(struct mtasts_tower *tower) {
  if (tower->commit) {
    mtasts_tower_clear(tower);
    event_free(tower->commit);
    if (tower->turn)
      event_free(tower->turn);
  }
  mtasts_reader_free(tower->reader);
  mtasts_agenda_free(tower->agenda);
}
