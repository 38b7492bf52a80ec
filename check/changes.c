#include "changes.h"

#include <stdlib.h>
#include <string.h>

#include "span.h"

struct search {
  const struct mtasts_changes_options *options;
  const json_t *earlier;
  const struct mtasts_findings *findings;
  const json_t **matches; /* of each finding: the same of the earlier ones; NULL: it is new */
  json_t *next;
};

/* Which subjects does a finding leave unjudged? */
enum reach {
  ALL,
  SUBJECT, /* the same subject */
  HOST,    /* all that is of the host that is its subject, or all if that is the domain */
};

/* If a finding of the first kind is there, those of the second could not be judged. A kind is an
 * id, or the beginning of ids up to a dot or hyphen. */
static const struct mask {
  const char *present, *masked;
  enum reach reach;
} masks[] = {
    {"check.resolver", "", ALL},
    {"check.deadline", "", ALL},
    {"record.dns-error", "record.", ALL},
    {"record.dns-error", "change.", ALL},
    {"host.dns-error", "host.", ALL},
    {"host.no-address", "host.", ALL},
    {"host.private-address", "host.", ALL},
    {"host.unreachable", "host.", ALL},
    {"host.tls-", "host.cert-", ALL},
    {"host.cert-", "host.cert-expiring", ALL},
    {"host.", "http.", ALL},
    {"host.", "policy.", ALL},
    {"http.", "policy.", ALL},
    {"check.no-route", "host.", SUBJECT},
    {"mx.dns-error", "mx.", HOST},
    {"mx.dns-error", "smtp.", HOST},
    {"mx.dns-error", "dane.", HOST},
    {"mx.dns-error", "policy.mx-unused", ALL},
    {"dane.bogus", "mx.", HOST},
    {"dane.bogus", "smtp.", HOST},
    {"dane.bogus", "dane.", HOST},
    {"dane.bogus", "dane.", SUBJECT},
    {"dane.bogus", "policy.mx-unused", ALL},
    {"smtp.not-judged", "smtp.", SUBJECT},
    {"smtp.unreachable", "smtp.", SUBJECT},
    {"smtp.protocol", "smtp.", SUBJECT},
    {"check.no-route", "smtp.", SUBJECT},
    {"smtp.starttls-", "smtp.tls-", SUBJECT},
    {"smtp.starttls-", "smtp.cert-", SUBJECT},
    {"smtp.tls-", "smtp.cert-", SUBJECT},
    {"smtp.cert-expired", "smtp.cert-weak", SUBJECT},
    {"smtp.cert-untrusted", "smtp.cert-weak", SUBJECT},
    {"smtp.cert-name", "smtp.cert-weak", SUBJECT},
    {"smtp.cert-untrusted", "smtp.cert-expiring", SUBJECT},
    {"smtp.cert-name", "smtp.cert-expiring", SUBJECT},
    {"smtp.not-judged", "dane.mismatch", HOST},
    {"smtp.unreachable", "dane.mismatch", HOST},
    {"smtp.protocol", "dane.mismatch", HOST},
    {"check.no-route", "dane.mismatch", HOST},
    {"smtp.starttls-", "dane.mismatch", HOST},
    {"smtp.tls-", "dane.mismatch", HOST},
    {"tlsrpt.dns-error", "tlsrpt.", ALL},
    {"tlsrpt.multiple", "tlsrpt.rua-", ALL},
};

/* What is judged by the policy alone, so not if there is none that is valid. */
static const char *const of_policy[] = {
    "mx.not-in-policy",  "mx.null",
    "mx.absent",         "tlsrpt.absent",
    "policy.mode-",      "policy.max-age-",
    "policy.mx-unused",  "policy.duplicate-key",
    "policy.not-strict", "change.id-unchanged",
    "expect.",
};

static bool is_kind(const char *id, const char *kind) {
  size_t len = strlen(kind);
  bool whole = len > 0 && kind[len - 1] != '.' && kind[len - 1] != '-';
  return whole ? strcmp(id, kind) == 0 : strncmp(id, kind, len) == 0;
}

static const char *text_of(const json_t *item, const char *key) {
  const char *text = json_string_value(json_object_get(item, key));
  return text ? text : "";
}

/* "mx.example" of "mx.example [192.0.2.1]" */
static struct mtasts_span host_of(const char *subject) {
  const char *end = strstr(subject, " [");
  return (struct mtasts_span){subject, end ? (size_t)(end - subject) : strlen(subject)};
}

/* what is not judged */

static bool is_policy_host(const struct search *search, const char *subject) {
  static const char label[] = "mta-sts.";
  struct mtasts_span host = host_of(subject);
  struct mtasts_span domain = mtasts_span_of(search->options->domain);
  return host.len == sizeof label - 1 + domain.len &&
         memcmp(host.data, label, sizeof label - 1) == 0 &&
         memcmp(host.data + sizeof label - 1, domain.data, domain.len) == 0;
}

/* No address of the policy host was reached, for a fault of this host or of its proxy. */
static bool lacks_route(const struct search *search) {
  for (size_t i = 0; i < search->findings->count; i++) {
    const struct mtasts_finding *finding = &search->findings->items[i];
    if (finding->found == MTASTS_FOUND_CHECK_NO_ROUTE &&
        finding->severity == MTASTS_SEVERITY_UNKNOWN && is_policy_host(search, finding->subject))
      return true;
  }
  return false;
}

/* Is it a fault of the policy host, its answer or its policy because of which there is no valid
 * policy? If only some addresses are at fault, the subject names them. */
static bool refuses_policy(const struct mtasts_finding *finding) {
  return finding->severity == MTASTS_SEVERITY_ERROR && !strstr(finding->subject, " [") &&
         finding->found != MTASTS_FOUND_HOST_CERT_EXPIRING &&
         finding->found != MTASTS_FOUND_HTTP_DIFFERS &&
         (is_kind(finding->id, "host.") || is_kind(finding->id, "http.") ||
          is_kind(finding->id, "policy."));
}

/* Is there no valid policy because of an error, or because of this host? Then other findings have
 * the severity that they have without one, and that is no change. */
static bool lacks_policy(const struct search *search) {
  for (size_t i = 0; i < search->findings->count; i++)
    if (refuses_policy(&search->findings->items[i]))
      return true;
  return lacks_route(search);
}

static bool blocks(const struct mtasts_finding *finding) {
  if (is_kind(finding->id, "host.") || is_kind(finding->id, "http.") ||
      is_kind(finding->id, "policy."))
    return refuses_policy(finding);
  return true;
}

static bool reaches(const struct search *search, enum reach reach, const char *present,
                    const char *subject) {
  static const char tlsa[] = "_25._tcp.";
  struct mtasts_span host = host_of(present);
  switch (reach) {
  case ALL:
    return true;
  case SUBJECT:
    return strcmp(present, subject) == 0;
  case HOST:
    break;
  }
  if (strncmp(subject, tlsa, sizeof tlsa - 1) == 0)
    subject += sizeof tlsa - 1;
  return mtasts_span_equal(host, host_of(subject)) || strcmp(present, search->options->domain) == 0;
}

static bool is_masked(const struct search *search, const char *id, const char *subject) {
  if (!search->options->smtp && (is_kind(id, "smtp.") || is_kind(id, "dane.mismatch")))
    return true;
  if (lacks_route(search) &&
      (is_kind(id, "host.") || is_kind(id, "http.") || is_kind(id, "policy.")))
    return true;
  for (size_t i = 0; i < sizeof of_policy / sizeof *of_policy; i++)
    if (is_kind(id, of_policy[i]) && lacks_policy(search))
      return true;
  for (size_t i = 0; i < search->findings->count; i++) {
    const struct mtasts_finding *finding = &search->findings->items[i];
    for (size_t k = 0; k < sizeof masks / sizeof *masks && blocks(finding); k++)
      if (is_kind(finding->id, masks[k].present) && is_kind(id, masks[k].masked) &&
          reaches(search, masks[k].reach, finding->subject, subject))
        return true;
  }
  return false;
}

/* which are the same */

/* What a message quotes first: the URI, line or record that is at fault. The rest of it, such as a
 * date or the reason, may be another the next time. */
static struct mtasts_span quoted(const char *message) {
  for (const char *at = message; *at; at++) {
    const char *end = NULL;
    if (*at == '"' || (*at == '\'' && at > message && at[-1] == ' '))
      end = strchr(at + 1, *at);
    if (end)
      return (struct mtasts_span){at, (size_t)(end - at)};
  }
  return (struct mtasts_span){message, 0};
}

/* How closely two must agree to be the same, from the closest. */
enum closeness {
  SAME_MESSAGE,
  SAME_SEVERITY,
  OTHER_SEVERITY,
  CLOSENESS_COUNT
};

static bool is_same(const json_t *item, const struct mtasts_finding *finding,
                    enum closeness closeness) {
  const char *message = text_of(item, "message");
  if (strcmp(text_of(item, "id"), finding->id) != 0 ||
      strcmp(text_of(item, "subject"), finding->subject) != 0)
    return false;
  if (closeness != OTHER_SEVERITY &&
      strcmp(text_of(item, "severity"), mtasts_severity_name(finding->severity)) != 0)
    return false;
  return closeness == SAME_MESSAGE ? strcmp(message, finding->message) == 0
                                   : mtasts_span_equal(quoted(message), quoted(finding->message));
}

static bool is_matched(const struct search *search, const json_t *item) {
  for (size_t i = 0; i < search->findings->count; i++)
    if (search->matches[i] == item)
      return true;
  return false;
}

static const json_t *find(const struct search *search, const struct mtasts_finding *finding,
                          enum closeness closeness) {
  size_t index;
  json_t *item;
  json_array_foreach(search->earlier, index, item) {
    if (is_same(item, finding, closeness) && !is_matched(search, item))
      return item;
  }
  return NULL;
}

/* Each earlier finding is the same as one at most. */
static void match(struct search *search) {
  for (int closeness = 0; closeness < CLOSENESS_COUNT; closeness++)
    for (size_t i = 0; i < search->findings->count; i++)
      if (!search->matches[i] && search->findings->items[i].severity != MTASTS_SEVERITY_INFO)
        search->matches[i] = find(search, &search->findings->items[i], (enum closeness)closeness);
}

/* what has changed */

static void call(const struct search *search, const struct mtasts_changed *changed) {
  search->options->changed(search->options->context, changed);
}

static void take(struct search *search, size_t at) {
  const struct mtasts_finding *finding = &search->findings->items[at];
  const char *severity = mtasts_severity_name(finding->severity);
  const json_t *old = search->matches[at];
  if (old && strcmp(text_of(old, "severity"), severity) != 0) {
    if (finding->severity > MTASTS_SEVERITY_UNKNOWN && lacks_policy(search))
      severity = text_of(old, "severity");
    else
      old = NULL;
  }
  const struct mtasts_changed changed = {true, finding->id, severity, finding->subject, finding};
  bool reported = json_is_true(json_object_get(old, "reported"));
  if (finding->severity == MTASTS_SEVERITY_INFO) {
    if (is_kind(finding->id, "change."))
      call(search, &changed);
    return;
  }
  if (!reported && (finding->severity != MTASTS_SEVERITY_UNKNOWN || old)) {
    call(search, &changed);
    reported = true;
  }
  json_array_append_new(search->next, json_pack("{s:s, s:s, s:s, s:s, s:b}", "id", finding->id,
                                                "severity", severity, "subject", finding->subject,
                                                "message", finding->message, "reported", reported));
}

static void compare_old(struct search *search, json_t *item) {
  const struct mtasts_changed changed = {false, text_of(item, "id"), text_of(item, "severity"),
                                         text_of(item, "subject"), NULL};
  if (!*changed.id || is_matched(search, item))
    return;
  if (is_masked(search, changed.id, changed.subject))
    json_array_append(search->next, item);
  else if (json_is_true(json_object_get(item, "reported")))
    call(search, &changed);
}

json_t *mtasts_changes_find(const struct mtasts_changes_options *options, const json_t *earlier,
                            const struct mtasts_findings *findings) {
  struct search search = {options, earlier, findings, NULL, json_array()};
  size_t index;
  json_t *item;
  search.matches = calloc(findings->count + 1, sizeof(const json_t *));
  if (!search.next || !search.matches) {
    json_decref(search.next);
    free((void *)search.matches);
    return NULL;
  }
  match(&search);
  for (size_t i = 0; i < findings->count; i++)
    take(&search, i);
  json_array_foreach(earlier, index, item) {
    compare_old(&search, item);
  }
  free((void *)search.matches);
  return search.next;
}
