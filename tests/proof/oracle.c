/* Records what the world answered to mtastsd, and derives from RFC 8461 which answers of mtastsd
 * are correct. */
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "soak.h"

enum {
  SETTLING = 4,         /* whole rounds after which mtastsd has processed an input */
  DUTY_ROUNDS = 10,     /* in which it has to ask for what is due */
  SLACK = 2,            /* mtastsd's seconds: it counts in whole ones */
  WRONG_SHOWN = 20,     /* faults that are described */
  ATTEMPTS_AT_ONCE = 8, /* of a domain, at most, that are under way */
  CANDIDATES = 64,   /* fetches of one domain that may govern at a moment; more are not checked */
  DUTIES_MAX = 4096, /* waiting to be checked; more are dropped */
};

static const double duty_seconds = 0.5; /* and at least so long */

struct moment {
  double at;
  size_t rounds; /* that had ended */
  unsigned life;
};

struct look {
  struct moment when;
  enum look_kind kind;
  unsigned id;
  bool late;
};

struct attempt {
  double tried; /* the address was asked for */
  struct moment begun, sent, ended;
  bool open, handed, whole;
  bool maybe; /* it may be that nothing has failed */
  unsigned version;
  unsigned id; /* the highest id that had been answered */
  double seen; /* an answer showed it; INFINITY: not yet */
};

struct record {
  struct look *looks;
  size_t look_count;
  struct attempt *attempts;
  size_t attempt_count;
  double tried;
  struct moment tried_when;
  unsigned highest; /* id that was answered */
};

struct duty {
  unsigned domain;
  bool fetch;   /* else a look at the record */
  double since; /* from when on it counts */
  size_t looks; /* that there were */
  struct moment when;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct record records[DOMAINS];
static struct moment *rounds; /* when each ended */
static size_t round_count;
static double *ends; /* of each life */
static unsigned life;
static struct duty duties[DUTIES_MAX];
static size_t duty_count;
static struct figures figures;
static int64_t real_begin, monotonic_begin; /* nanoseconds */

/* Makes room for one more in a list that only grows. */
static void *grow(void *list, size_t count, size_t size) {
  if (count & (count - 1))
    return list;
  void *grown = realloc(list, (count ? 2 * count : 1) * size);
  if (!grown)
    abort();
  return grown;
}

/* time */

static int64_t nanoseconds(clockid_t id) {
  struct timespec now;
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

double soak_now(void) {
  return (double)nanoseconds(CLOCK_MONOTONIC) / 1e9;
}

const char *soak_clock_words(void) {
  static char words[128];
  if (real_begin == 0) {
    real_begin = nanoseconds(CLOCK_REALTIME);
    monotonic_begin = nanoseconds(CLOCK_MONOTONIC);
    snprintf(words, sizeof words, "MTASTS_CLOCK=%d %lld %lld", SPEED, (long long)real_begin,
             (long long)monotonic_begin);
  }
  return words;
}

double soak_day(double at) {
  return (double)real_begin / 1e9 + (at - (double)monotonic_begin / 1e9) * SPEED;
}

static struct moment moment(void) {
  return (struct moment){soak_now(), round_count, life};
}

/* what happened */

void soak_begin_life(void) {
  pthread_mutex_lock(&lock);
  ends = grow(ends, life, sizeof *ends);
  ends[life++] = soak_now();
  pthread_mutex_unlock(&lock);
}

void soak_end_life(void) {
  soak_begin_life();
}

unsigned soak_life(void) {
  pthread_mutex_lock(&lock);
  unsigned now = life;
  pthread_mutex_unlock(&lock);
  return now;
}

void soak_round(void) {
  pthread_mutex_lock(&lock);
  rounds = grow(rounds, round_count, sizeof *rounds);
  rounds[round_count] = moment();
  round_count++;
  figures.rounds++;
  pthread_mutex_unlock(&lock);
}

static void add_duty(const struct duty *duty) {
  if (duty_count < DUTIES_MAX)
    duties[duty_count++] = *duty;
}

void soak_look(unsigned domain, enum look_kind kind, unsigned id, bool late) {
  struct record *record = &records[domain];
  pthread_mutex_lock(&lock);
  /* mtastsd may also have given up if the question was put before, without an answer or with a late
   * one. */
  const struct look *last = record->look_count > 0 ? &record->looks[record->look_count - 1] : NULL;
  double ago = last ? soak_now() - last->when.at : 0;
  late |= last && ((last->kind == LOOK_DROPPED && ago < 2.0 * DNS_TIMEOUT) ||
                   (last->late && ago < DNS_TIMEOUT));
  record->looks = grow(record->looks, record->look_count, sizeof *record->looks);
  struct look *look = &record->looks[record->look_count++];
  *look = (struct look){moment(), kind, id, late};
  figures.looks++;
  figures.failed_looks += kind != LOOK_VALID;
  /* RFC 8461 section 3.1: a new id means a new policy. A late answer may have been dropped, so
   * nothing follows from it. */
  if (kind == LOOK_VALID && id > record->highest) {
    record->highest = id;
    if (!late)
      add_duty(&(struct duty){domain, true, look->when.at, record->look_count, look->when});
  }
  pthread_mutex_unlock(&lock);
}

static size_t add_attempt(struct record *record) {
  record->attempts = grow(record->attempts, record->attempt_count, sizeof *record->attempts);
  struct moment now = moment();
  record->attempts[record->attempt_count] = (struct attempt){.tried = record->tried,
                                                             .begun = now,
                                                             .sent = now,
                                                             .ended = now,
                                                             .id = record->highest,
                                                             .seen = INFINITY};
  return record->attempt_count++;
}

size_t soak_connect(unsigned domain) {
  pthread_mutex_lock(&lock);
  size_t attempt = add_attempt(&records[domain]);
  records[domain].attempts[attempt].open = true;
  pthread_mutex_unlock(&lock);
  return attempt;
}

void soak_hand(unsigned domain, size_t attempt, unsigned version) {
  pthread_mutex_lock(&lock);
  struct attempt *made = &records[domain].attempts[attempt];
  made->handed = true;
  made->version = version;
  made->sent = moment();
  pthread_mutex_unlock(&lock);
}

void soak_close(unsigned domain, size_t attempt, bool whole) {
  pthread_mutex_lock(&lock);
  struct attempt *made = &records[domain].attempts[attempt];
  made->open = false;
  made->whole = whole;
  made->ended = moment();
  figures.fetches += whole;
  figures.failed_fetches += !whole;
  pthread_mutex_unlock(&lock);
}

/* processed inputs */

/* The time by which mtastsd had surely processed its inputs of that moment; INFINITY: none. */
static double settled(struct moment when) {
  size_t last = when.rounds + SETTLING; /* the first one may have begun before the moment */
  return when.life % 2 == 1 && last < round_count && rounds[last].life == when.life
             ? rounds[last].at
             : INFINITY;
}

/* The time after which it did not take it in any more. It may have died meanwhile: it was gone for
 * certain when the next one was begun. */
static double latest(struct moment when) {
  double sure = settled(when);
  unsigned gone = when.life + when.life % 2;
  return sure == INFINITY && gone < life ? ends[gone] : sure;
}

/* The time at which mtastsd gives up an unanswered query. */
static double look_latest(const struct look *look) {
  return latest(look->when) + (look->kind == LOOK_DROPPED ? 2.0 * DNS_TIMEOUT : 0.0);
}

/* The time at which a policy was surely processed. A slow one may have come too late. */
static double taken(const struct attempt *attempt) {
  double sure = attempt->whole && attempt->begun.life == attempt->ended.life
                    ? settled(attempt->ended)
                    : INFINITY;
  if (sure - attempt->tried > HTTPS_TIMEOUT / 2.0)
    sure = INFINITY;
  return sure < attempt->seen ? sure : attempt->seen;
}

/* asking for the policy host */

/* With the lock held. */
static void fail_attempt(struct record *record) {
  add_attempt(record);
  figures.failed_fetches++;
}

/* mtastsd's seconds since a fetch under the same id surely failed, and mtastsd took that in;
 * INFINITY if that was not the last thing to happen. */
static double since_failure(const struct record *record) {
  const struct attempt *last =
      record->attempt_count > 0 ? &record->attempts[record->attempt_count - 1] : NULL;
  if (!last || last->open || last->handed || last->maybe || last->id != record->highest ||
      settled(last->ended) == INFINITY)
    return INFINITY;
  /* A look that found no record forgets the failure. */
  for (size_t i = record->look_count; i-- > 0 && record->looks[i].when.at > last->begun.at;)
    if (record->looks[i].kind != LOOK_VALID)
      return INFINITY;
  return soak_day(soak_now()) - soak_day(last->begun.at);
}

void soak_address(unsigned domain, bool failed) {
  struct record *record = &records[domain];
  pthread_mutex_lock(&lock);
  record->tried_when = moment();
  record->tried = record->tried_when.at;
  double gap = since_failure(record);
  if (gap < RETRY_MIN - SLACK)
    soak_complain("d%u: fetched again %.0f s after a failure (RFC 8461 section 3.3)", domain, gap);
  if (failed)
    fail_attempt(record);
  pthread_mutex_unlock(&lock);
}

void soak_no_other_address(unsigned domain) {
  struct record *record = &records[domain];
  bool open = false;
  pthread_mutex_lock(&lock);
  record->tried_when = moment();
  for (size_t i = record->attempt_count; i-- > 0 && i + ATTEMPTS_AT_ONCE >= record->attempt_count;)
    open |= record->attempts[i].open;
  if (!open) { /* it may have been asked for in good time, and a policy be there by now */
    fail_attempt(record);
    record->attempts[record->attempt_count - 1].maybe = true;
  }
  pthread_mutex_unlock(&lock);
}

/* Was the record valid when it was looked at last before that moment? */
static bool record_was_valid(const struct record *record, double at) {
  for (size_t i = record->look_count; i-- > 0;)
    if (record->looks[i].when.at <= at)
      return record->looks[i].kind == LOOK_VALID && !record->looks[i].late;
  return false;
}

/* How long a failure counts: doubles with each in a row, of which there were no more than those
 * since the last success, of the record and the fetch. */
static double back_off(const struct record *record, double first, double until) {
  double since = -INFINITY, wait = first;
  for (size_t i = record->attempt_count; i-- > 0 && since == -INFINITY;)
    if (taken(&record->attempts[i]) <= until &&
        record_was_valid(record, record->attempts[i].begun.at))
      since = record->attempts[i].begun.at;
  unsigned failures = 0;
  for (size_t i = record->look_count; i-- > 0 && record->looks[i].when.at > since && failures < 9;)
    failures += record->looks[i].kind != LOOK_VALID && record->looks[i].when.at <= until;
  for (size_t i = record->attempt_count;
       i-- > 0 && record->attempts[i].begun.at > since && failures < 9;)
    failures += record->attempts[i].begun.at <= until;
  while (failures-- > 1 && wait < RETRY_MAX)
    wait *= 2;
  return wait < RETRY_MAX ? wait : RETRY_MAX;
}

/* Is what happened at the latest then, and counts so long, still of force? */
static bool counts(double at, double wait, double now) {
  return at == INFINITY || soak_day(now) <= soak_day(at) + wait + SLACK;
}

/* RFC 8461 section 3.3: a fetch under that id has failed, or may have, and is left alone. */
static bool fetch_failed(const struct record *record, unsigned id, const struct answer *answer) {
  double first = -INFINITY;
  for (size_t i = record->look_count; i-- > 0;) {
    if (record->looks[i].kind == LOOK_VALID && record->looks[i].id != id)
      break;
    if (record->looks[i].kind == LOOK_VALID)
      first = record->looks[i].when.at;
  }
  double wait = back_off(record, RETRY_MIN, answer->answered);
  for (size_t i = record->attempt_count; i-- > 0;) {
    const struct attempt *attempt = &record->attempts[i];
    if (attempt->begun.at < first)
      break;
    if (attempt->begun.at > answer->answered)
      continue;
    if (taken(attempt) <= answer->asked)
      return false;
    if (counts(attempt->open ? INFINITY : latest(attempt->ended), wait, answer->asked))
      return true;
  }
  return false;
}

/* Was the look-up that began with this look still fetching the policy? Requests that arrive
 * meanwhile are answered when it ends. */
static bool under_way(const struct record *record, size_t look, double asked) {
  double next = look + 1 < record->look_count ? record->looks[look + 1].when.at : INFINITY;
  for (size_t i = record->attempt_count; i-- > 0;) {
    const struct attempt *attempt = &record->attempts[i];
    if (attempt->begun.at < record->looks[look].when.at)
      return false;
    if (attempt->begun.at < next && (attempt->open || latest(attempt->ended) >= asked))
      return true;
  }
  return false;
}

/* Without a policy in force, a look at the record that still counts has to say so. */
static const char *reason_for_none(const struct record *record, const struct answer *answer) {
  for (size_t i = record->look_count; i-- > 0;) {
    const struct look *look = &record->looks[i];
    if (look->when.at > answer->answered)
      continue;
    bool failed = look->kind == LOOK_FAILED || look->kind == LOOK_DROPPED || look->late;
    double wait = failed ? back_off(record, CHECK, answer->answered) : CHECK;
    double last = look_latest(look);
    if (counts(last, wait, answer->asked) || under_way(record, i, answer->asked)) {
      if (look->kind != LOOK_VALID || look->late)
        return "the record";
      if (fetch_failed(record, look->id, answer))
        return "the policy host";
    }
    if (!failed && settled(look->when) <= answer->asked)
      return NULL; /* nothing older counts */
  }
  return NULL;
}

/* judging */

void soak_complain(const char *format, ...) {
  va_list args;
  if (__atomic_fetch_add(&figures.wrong, 1, __ATOMIC_SEQ_CST) >= WRONG_SHOWN)
    return;
  va_start(args, format);
  printf("%.3f ", soak_now());
  vprintf(format, args);
  va_end(args);
  putchar('\n');
}

struct candidates {
  const struct attempt *base; /* the last one that was surely processed; NULL: none */
  struct attempt *all[CANDIDATES];
  size_t count;
};

/* The fetches that an answer may come from, the newest first. */
static struct candidates candidates(struct record *record, const struct answer *answer) {
  struct candidates found = {.count = 0};
  for (size_t i = record->attempt_count; i-- > 0 && found.count < CANDIDATES && !found.base;) {
    struct attempt *attempt = &record->attempts[i];
    if (!attempt->handed || attempt->sent.at > answer->answered)
      continue;
    found.all[found.count++] = attempt;
    if (taken(attempt) <= answer->asked)
      found.base = attempt;
  }
  return found;
}

/* May this fetch's policy be in force? */
static bool may_live(const struct attempt *attempt, const struct answer *answer) {
  double last = attempt->open ? INFINITY : latest(attempt->ended);
  return counts(last, world_max_age(answer->domain), answer->asked);
}

/* The latest answers for a domain, the newest first. */
static void describe(const struct record *record, char out[WORDS_SIZE]) {
  static const char *const kinds[] = {"valid", "absent", "invalid", "failed", "dropped"};
  size_t length = (size_t)snprintf(out, WORDS_SIZE, "looks:");
  for (size_t i = record->look_count; i-- > 0 && i + 5 > record->look_count;)
    length += (size_t)snprintf(out + length, WORDS_SIZE - length, " %s %u at %.3f (life %u)",
                               kinds[record->looks[i].kind], record->looks[i].id,
                               record->looks[i].when.at, record->looks[i].when.life);
  length += (size_t)snprintf(out + length, WORDS_SIZE - length, "; fetches:");
  for (size_t i = record->attempt_count; i-- > 0 && i + 5 > record->attempt_count;) {
    const struct attempt *attempt = &record->attempts[i];
    length += (size_t)snprintf(out + length, WORDS_SIZE - length, " %s%u at %.3f to %.3f (life %u)",
                               attempt->open    ? "open "
                               : attempt->whole ? "version "
                                                : "failed ",
                               attempt->version, attempt->begun.at, attempt->ended.at,
                               attempt->begun.life);
  }
}

/* Describes an answer that is wrong, and what was known. */
static void accuse(const struct answer *answer, const struct record *record,
                   const struct candidates *found, const char *why) {
  static const char *const saids[] = {"policy", "none", "plain", "unknown"};
  char words[WORDS_SIZE];
  describe(record, words);
  soak_complain("%s: d%u: %s %u, asked at %.3f in life %u: %s; surely fetched: %u; %s",
                answer->front, answer->domain, saids[answer->said], answer->version, answer->asked,
                answer->life, why, found->base ? found->base->version : 0, words);
}

static void judge_policy(const struct answer *answer, struct record *record,
                         struct candidates *found) {
  struct attempt *shown = NULL;
  for (size_t i = 0; i < found->count; i++)
    if (found->all[i]->version == answer->version && may_live(found->all[i], answer))
      shown = found->all[i]; /* the oldest */
  if (!shown && found->count < CANDIDATES)
    accuse(answer, record, found, "this policy cannot be in force");
  else if (shown && shown != found->base && !answer->uncommitted && shown->seen == INFINITY)
    shown->seen = answer->answered; /* an answer is given after its commit */
}

static void judge_without(const struct answer *answer, struct record *record,
                          const struct candidates *found, bool governed) {
  bool other_mode = false;
  for (size_t i = 0; i < found->count; i++)
    other_mode |= world_mode(found->all[i]->version) != MTASTS_MODE_ENFORCE &&
                  may_live(found->all[i], answer);
  if (answer->said == SAID_PLAIN && other_mode)
    return;
  if (governed) {
    accuse(answer, record, found, "an unexpired policy governs (RFC 8461 section 3.3)");
    return;
  }
  if (answer->patience == 0 || answer->life != life || life % 2 == 0)
    return;
  bool waited = answer->answered - answer->asked >= answer->patience - 0.2;
  if (answer->said != SAID_NONE && waited)
    figures.unknowns++;
  else if (answer->said == SAID_UNKNOWN)
    accuse(answer, record, found, "unknown, and no peer waited");
  else if (!reason_for_none(record, answer))
    accuse(answer, record, found, "no look that still counts found none");
  else
    figures.nones++;
}

/* RFC 8461 section 3.1: a use after the TTL has the record looked up. */
static void add_look_duty(const struct answer *answer, const struct record *record) {
  if (record->look_count > 0) {
    const struct look *look = &record->looks[record->look_count - 1];
    bool failed = look->kind == LOOK_FAILED || look->kind == LOOK_DROPPED || look->late;
    double wait = failed ? back_off(record, CHECK, answer->answered) : CHECK;
    if (counts(look_latest(look), wait, answer->asked))
      return;
  }
  /* A look-up that is under way will do. */
  for (size_t i = record->attempt_count;
       i-- > 0 && i + ATTEMPTS_AT_ONCE >= record->attempt_count;) {
    const struct attempt *attempt = &record->attempts[i];
    if (attempt->open || latest(attempt->ended) > answer->asked)
      return;
  }
  if (latest(record->tried_when) > answer->asked)
    return;
  add_duty(&(struct duty){answer->domain, false, answer->asked, record->look_count, moment()});
}

void soak_judge(const struct answer *answer) {
  struct record *record = &records[answer->domain];
  pthread_mutex_lock(&lock);
  struct candidates found = candidates(record, answer);
  /* mtastsd's clock had not passed the policy's end when it was asked last. */
  bool governed = found.base && soak_day(answer->answered) < soak_day(found.base->sent.at) +
                                                                 world_max_age(answer->domain) -
                                                                 SLACK;
  figures.answers++;
  figures.governed += governed;
  figures.policies += answer->said == SAID_POLICY;
  if (answer->said == SAID_POLICY)
    judge_policy(answer, record, &found);
  else
    judge_without(answer, record, &found, governed);
  if (answer->patience > 0 && answer->life % 2 == 1 && answer->life == life)
    add_look_duty(answer, record);
  pthread_mutex_unlock(&lock);
}

static void judge_duty(const struct duty *duty) {
  const struct record *record = &records[duty->domain];
  char words[WORDS_SIZE];
  bool done = duty->fetch ? record->tried >= duty->since : record->look_count > duty->looks;
  figures.duties++;
  if (done)
    return;
  figures.neglected++;
  describe(record, words);
  soak_complain("d%u: %s since %.3f, and mtastsd did not ask; %s", duty->domain,
                duty->fetch ? "the record has a new id" : "the record is to be looked up",
                duty->since, words);
}

void soak_judge_duties(void) {
  size_t left = 0;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < duty_count; i++) {
    const struct duty *duty = &duties[i];
    size_t last = duty->when.rounds + DUTY_ROUNDS;
    if (duty->when.life != life || duty->when.life % 2 == 0)
      continue; /* it died before it could */
    if (last >= round_count || soak_now() < duty->when.at + duty_seconds)
      duties[left++] = *duty;
    else
      judge_duty(duty);
  }
  duty_count = left;
  pthread_mutex_unlock(&lock);
}

struct figures soak_figures(void) {
  pthread_mutex_lock(&lock);
  struct figures now = figures;
  pthread_mutex_unlock(&lock);
  return now;
}
