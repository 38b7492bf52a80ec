#include "answer_text.h"

#include "ascii.h"
#include "mx_mismatch.h"
#include "printable.h"
#include "rfc3339.h"
#include "utf8.h"

enum {
  CLEAN_MAX = 1024, /* bytes kept of a text that is not UTF-8 */
};

struct writer {
  char *at;
  char *end;
  bool full; /* a piece did not fit: nothing is an answer any more */
};

static inline void put(struct writer *w, struct mtasts_span piece) {
  if ((size_t)(w->end - w->at) < piece.len) {
    w->full = true;
    return;
  }
  memcpy(w->at, piece.data, piece.len);
  w->at += piece.len;
}

#define PUT(w, literal) put(w, MTASTS_SPAN(literal))

static void put_number(struct writer *w, uint32_t number) {
  char digits[10];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  put(w, (struct mtasts_span){digits + at, sizeof digits - at});
}

/* Visible ASCII and spaces that a JSON string holds as they are (RFC 8259 section 7). */
static inline bool is_plain(char c) {
  return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* The same of eight characters at once: no byte has its top bit, nor gets it when a space, or one
 * of what it is where it equals an exception, is taken away. */
static inline bool are_plain(const char *eight) {
  const uint64_t each = 0x0101010101010101;
  uint64_t bytes;
  memcpy(&bytes, eight, sizeof bytes);
  uint64_t odd = bytes | (bytes - each * ' ') | ((bytes ^ each * '"') - each) |
                 ((bytes ^ each * '\\') - each) | ((bytes ^ each * 0x7f) - each);
  return (odd & each * 0x80) == 0;
}

static bool all_plain(struct mtasts_span text) {
  size_t i = 0;
  while (i + 8 <= text.len && are_plain(text.data + i))
    i += 8;
  while (i < text.len && is_plain(text.data[i]))
    i++;
  return i == text.len;
}

static bool is_utf8(struct mtasts_span text) {
  size_t len = 1;
  for (; text.len > 0 && len > 0; text.data += len, text.len -= len)
    len = (unsigned char)text.data[0] < 0x80 ? 1 : mtasts_utf8_len(text);
  return len > 0;
}

/* UTF-8 stays what it is; in anything else, bytes become \xHH. */
static void put_escaped(struct writer *w, struct mtasts_span text) {
  static const char hex[] = "0123456789abcdef";
  char clean[CLEAN_MAX];
  if (!is_utf8(text))
    text = (struct mtasts_span){clean, mtasts_printable(text, clean, sizeof clean)};
  PUT(w, "\"");
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.data[i];
    char quoted[] = {'\\', (char)c};
    char numbered[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    if (c == '"' || c == '\\')
      put(w, (struct mtasts_span){quoted, sizeof quoted});
    else if (c < ' ' || c == 0x7f)
      put(w, (struct mtasts_span){numbered, sizeof numbered});
    else
      put(w, (struct mtasts_span){text.data + i, 1});
  }
  PUT(w, "\"");
}

static inline void put_quoted(struct writer *w, struct mtasts_span text) {
  if ((size_t)(w->end - w->at) < text.len + 2) {
    w->full = true;
    return;
  }
  *w->at++ = '"';
  if (text.len > 0)
    memcpy(w->at, text.data, text.len);
  w->at += text.len;
  *w->at++ = '"';
}

/* Bytes from outside. */
static void put_string(struct writer *w, struct mtasts_span text) {
  if (all_plain(text))
    put_quoted(w, text);
  else
    put_escaped(w, text);
}

/* One of our own constants. */
static void put_word(struct writer *w, const char *word) {
  put_quoted(w, (struct mtasts_span){word, strlen(word)});
}

static void put_string_or_null(struct writer *w, const char *text) {
  if (*text)
    put_string(w, (struct mtasts_span){text, strlen(text)});
  else
    PUT(w, "null");
}

/* null where there is no such time: 0, or a year that RFC 3339 cannot write. */
static void put_time_or_null(struct writer *w, int64_t seconds) {
  char text[MTASTS_RFC3339_SIZE];
  if (seconds != 0 && mtasts_rfc3339_format(seconds, text))
    put_word(w, text);
  else
    PUT(w, "null");
}

static void put_record(struct writer *w, const struct mtasts_entry *entry) {
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

/* The policy that governs. An override has neither id nor max_age: it ends by its date. */
static void put_policy(struct writer *w, const struct mtasts_answer *answer) {
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
    put_number(w, policy->max_age);
  else
    PUT(w, "null");
  PUT(w, ",\"mx\":[");
  for (size_t cursor = 0, n = 0; mtasts_names_next(&policy->mx, &cursor, &pattern); n++) {
    if (n > 0)
      PUT(w, ",");
    put_string(w, pattern);
  }
  PUT(w, "],\"fetched\":");
  put_time_or_null(w, own ? entry->fetched : 0);
  PUT(w, ",\"expires\":");
  put_time_or_null(w, own ? entry->expires : answer->override ? answer->override->until : 0);
  PUT(w, "}");
}

static void put_hosts(struct writer *w, const struct mtasts_entry *entry,
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
    put_string(w, mx.host);
    PUT(w, ",\"preference\":");
    put_number(w, mx.preference);
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

static void put_error(struct writer *w, const struct mtasts_entry *entry) {
  if (!entry || entry->error == MTASTS_ERROR_NONE) {
    PUT(w, "null");
    return;
  }
  PUT(w, "{\"type\":");
  put_word(w, mtasts_error_name(entry->error));
  PUT(w, ",\"detail\":");
  put_string(w, entry->detail);
  PUT(w, "}");
}

size_t mtasts_answer_text(const struct mtasts_answer *answer, char *out, size_t size) {
  const struct mtasts_entry *entry = answer->entry;
  const struct mtasts_decision *decision = answer->decision;
  struct writer w = {out, out + size, false};
  PUT(&w, "{\"domain\":");
  put_string(&w, answer->text);
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
  return w.full ? 0 : (size_t)(w.at - out);
}
