#include "postfix_reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "ascii.h"
#include "mx_mismatch.h"
#include "printable.h"
#include "span.h"
#include "strbuf.h"
#include "tlsrpt.h"

enum {
  MATCHING_MAX = 2 * MTASTS_SENDMAIL_MATCH_MAX, /* bytes of packed patterns */
};

static const char not_found[] = "NOTFOUND ";
static const char too_many[] = "lists more MX hosts than one reply can hold";

/* writing */

static size_t reply_text(const char *text, char *out) {
  size_t size = strlen(text);
  memcpy(out, text, size);
  return size;
}

__attribute__((format(printf, 2, 3))) static size_t temp(char *out, const char *format, ...) {
  static const size_t max = 1024;
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(out, max, format, arguments);
  va_end(arguments);
  return n < 0 ? 0 : (size_t)n < max ? (size_t)n : max - 1;
}

/* mx patterns */

/* Is it a keyword of match=, by which Postfix accepts a host of its own choice? No policy may set
 * one. */
static bool is_keyword(struct mtasts_span name) {
  return mtasts_span_equal(name, MTASTS_SPAN("hostname")) ||
         mtasts_span_equal(name, MTASTS_SPAN("nexthop")) ||
         mtasts_span_equal(name, MTASTS_SPAN("dot-nexthop"));
}

/* The pattern as text; empty if it has a character that no host name has. */
static struct mtasts_span spell(struct mtasts_span pattern, char out[MTASTS_DOMAIN_MAX]) {
  const struct mtasts_span none = {NULL, 0};
  size_t n = 0;
  if (mtasts_span_starts(pattern, MTASTS_SPAN("*."))) {
    out[n++] = '*';
    out[n++] = '.';
    mtasts_span_drop(&pattern, 2);
  }
  if (pattern.len == 0 || pattern.data[0] == '.')
    return none;
  for (size_t i = 0; i < pattern.len; i++) {
    char c = mtasts_domain_chars[(unsigned char)pattern.data[i]];
    if (c == '\0')
      return none;
    out[n++] = c;
  }
  struct mtasts_span rebuilt = {out, n};
  return is_keyword(rebuilt) ? none : rebuilt;
}

/* How a list of patterns is written: the text before the first, between two, and after the last. */
struct form {
  struct mtasts_span first, between, last;
  bool starless; /* writes `*.x` as `.x` */
};

#define TEXT(literal)                                                                              \
  { .data = "" literal, .len = sizeof(literal) - 1 }
static const struct form secure = {TEXT("OK secure match="), TEXT(":"),
                                   TEXT(" servername=hostname"), true};
static const struct form host_patterns = {TEXT(" mx_host_pattern="), TEXT(" mx_host_pattern="),
                                          TEXT(""), false};
static const struct form strings = {TEXT(" { policy_string = mx: "),
                                    TEXT(" } { policy_string = mx: "), TEXT(" }"), false};

/* Returns NULL, or why the patterns cannot be written. */
static const char *put_patterns(struct mtasts_strbuf *text, const struct mtasts_names *patterns,
                                const struct form *form) {
  char name[MTASTS_DOMAIN_MAX];
  struct mtasts_span pattern;
  size_t start = text->len;
  for (size_t cursor = 0; mtasts_names_next(patterns, &cursor, &pattern);) {
    struct mtasts_span spelt = spell(pattern, name);
    if (spelt.len == 0)
      return "lists an MX host whose name the mail server cannot take";
    mtasts_strbuf_add(text, text->len == start ? form->first : form->between);
    if (form->starless)
      mtasts_span_take(&spelt, '*');
    mtasts_strbuf_add(text, spelt);
    if (text->full)
      return too_many;
  }
  if (text->len == start)
    return "lists no MX host";
  mtasts_strbuf_add(text, form->last);
  return text->full ? too_many : NULL;
}

/* attributes for reports */

/* Postfix refuses the whole reply if a label of policy_domain begins or ends in a hyphen. */
static bool is_hostname(const char *name) {
  for (const char *at = name; (at = strchr(at, '-')); at++)
    if (at == name || at[-1] == '.' || at[1] == '.' || at[1] == '\0')
      return false;
  return true;
}

static void put_policy_domain(struct mtasts_strbuf *text, const char *name) {
  mtasts_strbuf_add(text, MTASTS_SPAN(" policy_type=sts"));
  if (is_hostname(name)) {
    mtasts_strbuf_add(text, MTASTS_SPAN(" policy_domain="));
    mtasts_strbuf_put(text, name);
  }
}

/* Writes the policy's text, for TLS reports only; left out if it does not fit. */
static void put_policy_text(struct mtasts_strbuf *text, const struct mtasts_policy *policy) {
  size_t start = text->len;
  mtasts_strbuf_add(text,
                    MTASTS_SPAN(" { policy_string = version: STSv1 } { policy_string = mode: "));
  mtasts_strbuf_put(text, mtasts_mode_name(policy->mode));
  mtasts_strbuf_add(text, MTASTS_SPAN(" } { policy_string = max_age: "));
  mtasts_strbuf_number(text, policy->max_age);
  mtasts_strbuf_add(text, MTASTS_SPAN(" }"));
  if (put_patterns(text, &policy->mx, &strings) != NULL)
    mtasts_strbuf_cut(text, start);
}

static const char *put_report(struct mtasts_strbuf *text, const struct mtasts_policy *policy,
                              const char *name) {
  put_policy_domain(text, name);
  const char *why = put_patterns(text, &policy->mx, &host_patterns);
  if (!why)
    put_policy_text(text, policy);
  return why;
}

/* The result type of RFC 8460 section 4.3.2.2 for a failed discovery. NULL: there is a policy, or
 * no type for the failure. */
static const char *policy_failure(const struct mtasts_decision *decision,
                                  const struct mtasts_entry *entry) {
  if (decision->policy || !entry || mtasts_result_of_error(entry->error) == MTASTS_RESULT_SUCCESS)
    return NULL;
  return mtasts_result_type_name(mtasts_result_of_error(entry->error));
}

/* verdicts */

/* The patterns that the hosts match, until they are certainly too long for Sendmail. */
static struct mtasts_names matching(const struct mtasts_decision *decision,
                                    const struct mtasts_entry *entry,
                                    unsigned char store[MATCHING_MAX + 1 + MTASTS_DOMAIN_MAX]) {
  struct mtasts_names found = {.data = store};
  struct mtasts_span matches[MTASTS_MX_HOSTS_MAX];
  struct mtasts_mx_host mx;
  size_t n = 0;
  mtasts_policy_against_mx(decision, entry, matches);
  for (size_t cursor = 0; found.size <= MATCHING_MAX && n < MTASTS_MX_HOSTS_MAX &&
                          mtasts_mx_next(&entry->mx, &cursor, &mx);
       n++) {
    struct mtasts_span pattern = matches[n];
    if (!pattern.data || mtasts_mx_match(&found, mx.host).data)
      continue;
    store[found.size] = (unsigned char)pattern.len;
    memcpy(store + found.size + 1, pattern.data, pattern.len);
    found.size += 1 + pattern.len;
    found.count++;
  }
  return found;
}

static const char *enforce_by_sendmail(struct mtasts_strbuf *text,
                                       const struct mtasts_decision *decision,
                                       const struct mtasts_entry *entry) {
  unsigned char store[MATCHING_MAX + 1 + MTASTS_DOMAIN_MAX];
  text->size = secure.first.len + MTASTS_SENDMAIL_MATCH_MAX + secure.last.len + 1;
  const char *why = put_patterns(text, &decision->policy->mx, &secure);
  if (why != too_many || !entry)
    return why;
  struct mtasts_names found = matching(decision, entry, store);
  mtasts_strbuf_cut(text, 0);
  return put_patterns(text, &found, &secure) ? too_many : NULL;
}

/* RFC 8461 section 5: only to a host that a pattern matches, with a certificate for it. If no MX of
 * the domain is listed (mx_mismatch.h), the MTA refuses each host, and the mail waits. */
static size_t enforce(const struct mtasts_decision *decision, const struct mtasts_entry *entry,
                      const char *name, enum mtasts_dialect dialect, char *out) {
  const struct mtasts_policy *policy = decision->policy;
  struct mtasts_strbuf text = {.data = out, .size = MTASTS_POSTFIX_REPLY_MAX + 1};
  const char *why = dialect == MTASTS_DIALECT_SENDMAIL ? enforce_by_sendmail(&text, decision, entry)
                                                       : put_patterns(&text, &policy->mx, &secure);
  if (!why && dialect == MTASTS_DIALECT_TLSRPT)
    why = put_report(&text, policy, name);
  if (!why)
    return text.len;
  return temp(out, "TEMP the MTA-STS policy of %s %s; see: mtasts query %s", name, why, name);
}

/* RFC 8461 section 5: mail is delivered in any case, so a policy that reports cannot name is left
 * out. */
static size_t report_testing(const struct mtasts_policy *policy, const char *name, char *out) {
  struct mtasts_strbuf text = {.data = out, .size = MTASTS_POSTFIX_REPLY_MAX + 1};
  mtasts_strbuf_add(&text, MTASTS_SPAN("OK may"));
  return put_report(&text, policy, name) == NULL ? text.len : reply_text(not_found, out);
}

static size_t report_failure(const char *failure, const char *name, char *out) {
  struct mtasts_strbuf text = {.data = out, .size = MTASTS_POSTFIX_REPLY_MAX + 1};
  mtasts_strbuf_add(&text, MTASTS_SPAN("OK may"));
  put_policy_domain(&text, name);
  mtasts_strbuf_add(&text, MTASTS_SPAN(" policy_failure="));
  mtasts_strbuf_put(&text, failure);
  return text.len;
}

static size_t defer(const char *name, const struct mtasts_entry *entry, char *out) {
  char why[2 * MTASTS_DETAIL_MAX] = "";
  if (entry)
    mtasts_printable(entry->detail, why, sizeof why);
  return temp(out,
              "TEMP DNSSEC forbids delivery to %s for now: %s; it will be tried again, see: mtasts "
              "query %s",
              name, *why ? why : "a look-up of its MX hosts failed validation", name);
}

size_t mtasts_postfix_reply(const struct mtasts_decision *decision,
                            const struct mtasts_domain *domain, const struct mtasts_entry *entry,
                            const struct mtasts_postfix_settings *settings, char *out) {
  const char *name = domain ? domain->name : "";
  const struct mtasts_policy *policy = decision->policy;
  const char *failure;
  bool sendmail = settings->dialect == MTASTS_DIALECT_SENDMAIL;
  bool reports =
      settings->dialect == MTASTS_DIALECT_TLSRPT && settings->plain_level == MTASTS_PLAIN_MAY;
  if (settings->site_mode == MTASTS_SITE_MONITOR)
    return reply_text(not_found, out);
  switch (decision->verdict) {
  case MTASTS_VERDICT_ENFORCE:
    return enforce(decision, entry, name, settings->dialect, out);
  case MTASTS_VERDICT_DANE:
    if (!sendmail)
      return reply_text("OK dane-only", out);
    if (policy && policy->mode == MTASTS_MODE_ENFORCE)
      return enforce(decision, entry, name, settings->dialect, out);
    break;
  case MTASTS_VERDICT_ENCRYPT:
    if (!sendmail)
      return reply_text("OK encrypt", out);
    break;
  case MTASTS_VERDICT_DEFER:
    return defer(name, entry, out);
  case MTASTS_VERDICT_UNKNOWN:
    if (settings->on_unknown == MTASTS_UNKNOWN_DEFER)
      return temp(out,
                  "TEMP the MTA-STS policy of %s could not be looked up in time, and on_unknown "
                  "says to defer; see: mtasts query %s",
                  name, name);
    break;
  case MTASTS_VERDICT_TESTING:
    if (reports)
      return report_testing(policy, name, out);
    break;
  case MTASTS_VERDICT_NONE:
    if (reports && (failure = policy_failure(decision, entry)))
      return report_failure(failure, name, out);
    break;
  }
  return reply_text(not_found, out);
}
