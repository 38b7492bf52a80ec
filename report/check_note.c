#include "check_note.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "span.h"

enum {
  FACTS_SHOWN = 3,
  BYTES_SHOWN = 120, /* of a name */
  RESULT_FIRST = MTASTS_RESULT_NO_STARTTLS,
  RESULT_LAST = MTASTS_RESULT_DANE_REQUIRED,
};

/* The domains that failed with one result. */
struct failed {
  bool checked[MTASTS_REPORT_CHECK_MAX];
  bool any;                     /* is one of them checked? */
  struct mtasts_span unchecked; /* the first by name; data NULL: none */
  bool more;                    /* others are not checked, too */
};

static bool precedes(struct mtasts_span a, struct mtasts_span b) {
  int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
  return order != 0 ? order < 0 : a.len < b.len;
}

static void note_unchecked(struct failed *failed, struct mtasts_span domain) {
  if (!failed->unchecked.data)
    failed->unchecked = domain;
  if (mtasts_span_equal(failed->unchecked, domain))
    return;
  failed->more = true;
  if (precedes(domain, failed->unchecked))
    failed->unchecked = domain;
}

static void note_domain(struct failed *failed, const struct mtasts_report_check *check,
                        struct mtasts_span domain) {
  for (size_t i = 0; i < check->domain_count && i < MTASTS_REPORT_CHECK_MAX; i++)
    if (mtasts_span_equal(check->domains[i], domain)) {
      failed->checked[i] = true;
      failed->any = true;
      return;
    }
  note_unchecked(failed, domain);
}

static struct failed failed_with(const struct mtasts_sums *sums, const struct mtasts_span *domain,
                                 struct mtasts_span result) {
  struct failed failed = {.any = false};
  for (size_t i = 0; i < sums->causes.room; i++) {
    const struct mtasts_count *cause = sums->causes.counts[i];
    if (cause && cause->failed > 0 && mtasts_span_equal(mtasts_count_part(cause, 1), result) &&
        (!domain || mtasts_span_equal(mtasts_count_part(cause, 0), *domain)))
      note_domain(&failed, sums->check, mtasts_count_part(cause, 0));
  }
  return failed;
}

__attribute__((format(printf, 2, 3))) static void say(struct mtasts_check_note *note,
                                                      const char *format, ...) {
  size_t used = strlen(note->text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(note->text + used, sizeof note->text - used, format, arguments);
  va_end(arguments);
}

/* The facts of the failed domains that show, or hide, a result. False: there is none. */
static bool say_facts(struct mtasts_check_note *note, const struct mtasts_report_check *check,
                      const struct failed *failed, uint32_t bit, bool shows) {
  size_t said = 0;
  for (size_t i = 0; i < check->fact_count; i++) {
    const struct mtasts_check_fact *fact = &check->facts[i];
    if (!failed->checked[fact->domain] || ((shows ? fact->shows : fact->hides) & bit) == 0)
      continue;
    if (said == 0)
      say(note, "%s: ", shows ? "still so" : "not judged");
    if (said++ < FACTS_SHOWN)
      say(note, "%s%s %.*s", said > 1 ? ", " : "", fact->id, BYTES_SHOWN, fact->subject);
  }
  if (said > FACTS_SHOWN)
    say(note, ", and %zu more", said - FACTS_SHOWN);
  return said > 0;
}

static void say_unchecked(struct mtasts_check_note *note, const struct failed *failed) {
  int len = failed->unchecked.len < BYTES_SHOWN ? (int)failed->unchecked.len : BYTES_SHOWN;
  if (failed->unchecked.data)
    say(note, "; not checked: %.*s%s", len > 0 ? len : 9,
        len > 0 ? failed->unchecked.data : "(no name)", failed->more ? " and others" : "");
}

/* Why a check cannot say that the result is no more; NULL: it can. */
static const char *limit_of(const struct mtasts_report_check *check, const struct failed *failed,
                            enum mtasts_result_type type) {
  if (!failed->any)
    return "none of its domains was checked";
  if (type == MTASTS_RESULT_DANE_REQUIRED)
    return "a check does not see what a sender requires";
  if ((type == MTASTS_RESULT_TLSA_INVALID || type == MTASTS_RESULT_DNSSEC_INVALID) &&
      !check->validates)
    return "DNSSEC is not validated here";
  /* RFC 8460 section 4.3.1: a reason that fits no other type. */
  if (type == MTASTS_RESULT_VALIDATION)
    return "no handshake fails now; only the sender knows other causes";
  return failed->unchecked.data ? "not seen in the domains that were checked" : NULL;
}

/* 0 for a name that RFC 8460 does not know. */
static enum mtasts_result_type type_of(struct mtasts_span result) {
  for (unsigned type = RESULT_FIRST; type <= RESULT_LAST; type++) {
    const char *name = mtasts_result_type_name(type);
    if (*name && mtasts_span_equal(result, (struct mtasts_span){name, strlen(name)}))
      return (enum mtasts_result_type)type;
  }
  return MTASTS_RESULT_SUCCESS;
}

bool mtasts_check_note(const struct mtasts_sums *sums, const struct mtasts_span *domain,
                       struct mtasts_span result, struct mtasts_check_note *note) {
  enum mtasts_result_type type = type_of(result);
  if (!sums->check || type == MTASTS_RESULT_SUCCESS)
    return false;
  const struct failed failed = failed_with(sums, domain, result);
  const char *limit = limit_of(sums->check, &failed, type);
  uint32_t bit = MTASTS_RESULT_BIT(type);
  note->text[0] = '\0';
  note->verdict = "not-judged";
  if (say_facts(note, sums->check, &failed, bit, true)) {
    note->verdict = "still-so";
  } else if (say_facts(note, sums->check, &failed, bit, false)) {
    note->verdict = "not-judged";
  } else if (limit) {
    say(note, "not judged: %s", limit);
  } else {
    note->verdict = "not-seen";
    say(note, "not seen by a check of now");
  }
  say_unchecked(note, &failed);
  return true;
}
