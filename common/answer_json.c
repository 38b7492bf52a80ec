#include "answer_json.h"

#include "mx_mismatch.h"
#include "rfc3339.h"
#include "strbuf.h"

#define PUT(text, literal) mtasts_strbuf_add(text, MTASTS_SPAN(literal))

/* Writes one of our own constants, which needs no escape. */
static void put_word(struct mtasts_strbuf *w, const char *word) {
  mtasts_strbuf_quote(w, (struct mtasts_span){word, strlen(word)});
}

static void put_string_or_null(struct mtasts_strbuf *w, const char *text) {
  if (*text)
    mtasts_strbuf_json(w, (struct mtasts_span){text, strlen(text)});
  else
    PUT(w, "null");
}

/* null if there is no such time: 0, or a year that RFC 3339 cannot express. */
static void put_time_or_null(struct mtasts_strbuf *w, int64_t seconds) {
  char text[MTASTS_RFC3339_SIZE];
  if (seconds != 0 && mtasts_rfc3339_format(seconds, text))
    put_word(w, text);
  else
    PUT(w, "null");
}

static void put_record(struct mtasts_strbuf *w, const struct mtasts_entry *entry) {
  if (!entry || entry->record == MTASTS_RECORD_UNKNOWN) {
    PUT(w, "null");
    return;
  }
  PUT(w, "{\"status\":");
  put_word(w, mtasts_record_state_name(entry->record));
  PUT(w, ",\"id\":");
  put_string_or_null(w, entry->record == MTASTS_RECORD_VALID ? entry->record_id : "");
  PUT(w, "}");
}

/* The governing policy. An override has neither id nor max_age: it ends at its date. */
static void put_policy(struct mtasts_strbuf *w, const struct mtasts_answer *answer) {
  const struct mtasts_policy *policy = answer->decision->policy;
  const struct mtasts_entry *entry = answer->entry;
  struct mtasts_span pattern;
  if (!policy) {
    PUT(w, "null");
    return;
  }
  bool own = entry && (answer->decision->source != MTASTS_SOURCE_OVERRIDE ||
                       (answer->override && answer->override->no_policy));
  PUT(w, "{\"mode\":");
  put_word(w, mtasts_mode_name(policy->mode));
  PUT(w, ",\"id\":");
  put_string_or_null(w, own ? entry->policy_id : "override");
  PUT(w, ",\"max_age\":");
  if (own)
    mtasts_strbuf_number(w, policy->max_age);
  else
    PUT(w, "null");
  PUT(w, ",\"mx\":[");
  for (size_t cursor = 0, n = 0; mtasts_names_next(&policy->mx, &cursor, &pattern); n++) {
    if (n > 0)
      PUT(w, ",");
    mtasts_strbuf_json(w, pattern);
  }
  PUT(w, "],\"fetched\":");
  put_time_or_null(w, own ? entry->fetched : 0);
  PUT(w, ",\"expires\":");
  put_time_or_null(w, own ? entry->expires : answer->override ? answer->override->until : 0);
  PUT(w, "}");
}

static void put_hosts(struct mtasts_strbuf *w, const struct mtasts_entry *entry,
                      const struct mtasts_decision *decision) {
  struct mtasts_span found[MTASTS_MX_HOSTS_MAX];
  struct mtasts_mx_host mx;
  if (entry)
    mtasts_policy_against_mx(decision, entry, found);
  PUT(w, "[");
  for (size_t cursor = 0, n = 0; entry && mtasts_mx_next(&entry->mx, &cursor, &mx); n++) {
    if (n > 0)
      PUT(w, ",");
    PUT(w, "{\"host\":");
    mtasts_strbuf_json(w, mx.host);
    PUT(w, ",\"preference\":");
    mtasts_strbuf_number(w, mx.preference);
    /* cppcheck-suppress uninitvar */
    if (n < MTASTS_MX_HOSTS_MAX && found[n].data)
      PUT(w, ",\"match\":true,\"dane\":");
    else
      PUT(w, ",\"match\":false,\"dane\":");
    put_word(w, mtasts_dane_name(mx.dane));
    PUT(w, "}");
  }
  PUT(w, "]");
}

static void put_error(struct mtasts_strbuf *w, const struct mtasts_entry *entry) {
  if (!entry || entry->error == MTASTS_ERROR_NONE) {
    PUT(w, "null");
    return;
  }
  PUT(w, "{\"type\":");
  put_word(w, mtasts_error_name(entry->error));
  PUT(w, ",\"detail\":");
  mtasts_strbuf_json(w, entry->detail);
  PUT(w, "}");
}

size_t mtasts_answer_json(const struct mtasts_answer *answer, char *out, size_t size) {
  const struct mtasts_entry *entry = answer->entry;
  const struct mtasts_decision *decision = answer->decision;
  struct mtasts_strbuf w = {.data = out, .size = size};
  PUT(&w, "{\"domain\":");
  mtasts_strbuf_json(&w, answer->text);
  PUT(&w, ",\"policy_domain\":");
  put_string_or_null(&w, answer->domain ? answer->domain->name : "");
  PUT(&w, ",\"verdict\":");
  put_word(&w, mtasts_verdict_name(decision->verdict));
  PUT(&w, ",\"source\":");
  put_word(&w, mtasts_source_name(decision->source));
  PUT(&w, ",\"record\":");
  put_record(&w, entry);
  PUT(&w, ",\"policy\":");
  put_policy(&w, answer);
  PUT(&w, ",\"mx\":");
  put_hosts(&w, entry, decision);
  PUT(&w, ",\"dane\":");
  put_word(&w, mtasts_dane_name(entry ? entry->dane : MTASTS_DANE_NONE));
  PUT(&w, ",\"error\":");
  put_error(&w, entry);
  if (answer->monitor)
    PUT(&w, ",\"site_mode\":\"monitor\"");
  PUT(&w, "}");
  return w.full ? 0 : w.len;
}
