#include "changes.h"

#include <string.h>

struct search {
  const json_t *earlier;
  const struct mtasts_findings *findings;
  json_t *next;
  mtasts_changed_fn *changed;
  void *context;
};

/* If a finding of the first kind is there, those of the second could not be judged. A kind is an
 * id, or a group with its dot. */
static const struct mask {
  const char *present, *masked;
  bool same_subject;
} masks[] = {
    {"check.resolver", "", false},
    {"check.deadline", "", false},
    {"record.dns-error", "record.", false},
    {"record.dns-error", "change.", false},
    {"host.dns-error", "host.", false},
    {"host.", "http.", false},
    {"host.", "policy.", false},
    {"host.", "mx.not-in-policy", false},
    {"host.", "tlsrpt.absent", false}, /* of no severity without a policy */
    {"http.", "policy.", false},
    {"http.", "mx.not-in-policy", false},
    {"http.", "tlsrpt.absent", false},
    {"policy.", "mx.not-in-policy", false},
    {"policy.", "tlsrpt.absent", false},
    {"mx.dns-error", "mx.", false},
    {"mx.dns-error", "smtp.", false},
    {"mx.dns-error", "dane.", false},
    {"smtp.not-judged", "smtp.", true},
    {"smtp.unreachable", "smtp.", true},
    {"smtp.protocol", "smtp.", true},
    {"check.no-route", "smtp.", true},
    {"tlsrpt.dns-error", "tlsrpt.", false},
};

static bool is_kind(const char *id, const char *kind) {
  return strncmp(id, kind, strlen(kind)) == 0;
}

static const char *text_of(const json_t *item, const char *key) {
  const char *text = json_string_value(json_object_get(item, key));
  return text ? text : "";
}

/* Is a host.* or http.* finding one that leaves the rest unjudged? Warnings do not. */
static bool blocks(const struct mtasts_finding *finding) {
  return finding->severity == MTASTS_SEVERITY_ERROR ||
         finding->severity == MTASTS_SEVERITY_UNKNOWN ||
         finding->found == MTASTS_FOUND_CHECK_NO_ROUTE || is_kind(finding->id, "smtp.") ||
         is_kind(finding->id, "tlsrpt.");
}

static bool is_masked(const struct search *search, const char *id, const char *subject) {
  for (size_t i = 0; i < search->findings->count; i++) {
    const struct mtasts_finding *finding = &search->findings->items[i];
    for (size_t k = 0; k < sizeof masks / sizeof *masks && blocks(finding); k++)
      if (is_kind(finding->id, masks[k].present) && is_kind(id, masks[k].masked) &&
          (!masks[k].same_subject || strcmp(finding->subject, subject) == 0))
        return true;
  }
  return false;
}

/* severity NULL: any. */
static const json_t *find(const json_t *list, const char *id, const char *subject,
                          const char *severity) {
  size_t index;
  json_t *item;
  json_array_foreach(list, index, item) {
    if (strcmp(text_of(item, "id"), id) == 0 && strcmp(text_of(item, "subject"), subject) == 0 &&
        (!severity || strcmp(text_of(item, "severity"), severity) == 0))
      return item;
  }
  return NULL;
}

/* Is there no valid policy because of an error? Then other findings have the severity that they
 * have without one, and that is no news. */
static bool lacks_policy(const struct search *search) {
  for (size_t i = 0; i < search->findings->count; i++) {
    const struct mtasts_finding *finding = &search->findings->items[i];
    if (finding->severity == MTASTS_SEVERITY_ERROR &&
        (is_kind(finding->id, "host.") || is_kind(finding->id, "http.") ||
         is_kind(finding->id, "policy.")))
      return true;
  }
  return false;
}

static void take(struct search *search, const struct mtasts_finding *finding) {
  const char *severity = mtasts_severity_name(finding->severity);
  const json_t *old = find(search->earlier, finding->id, finding->subject, severity);
  if (!old && finding->severity > MTASTS_SEVERITY_UNKNOWN && lacks_policy(search)) {
    old = find(search->earlier, finding->id, finding->subject, NULL);
    severity = old ? text_of(old, "severity") : severity;
  }
  const struct mtasts_changed changed = {true, finding->id, severity, finding->subject, finding};
  bool told = json_is_true(json_object_get(old, "told"));
  if (finding->severity == MTASTS_SEVERITY_INFO) {
    if (is_kind(finding->id, "change."))
      search->changed(search->context, &changed);
    return;
  }
  if (!told && (finding->severity != MTASTS_SEVERITY_UNKNOWN || old)) {
    search->changed(search->context, &changed);
    told = true;
  }
  json_array_append_new(search->next,
                        json_pack("{s:s, s:s, s:s, s:b}", "id", finding->id, "severity", severity,
                                  "subject", finding->subject, "told", told));
}

static void compare_old(struct search *search, json_t *item) {
  const struct mtasts_changed changed = {false, text_of(item, "id"), text_of(item, "severity"),
                                         text_of(item, "subject"), NULL};
  if (!*changed.id || find(search->next, changed.id, changed.subject, NULL))
    return;
  if (is_masked(search, changed.id, changed.subject))
    json_array_append(search->next, item);
  else if (json_is_true(json_object_get(item, "told")))
    search->changed(search->context, &changed);
}

json_t *mtasts_changes_find(const json_t *earlier, const struct mtasts_findings *findings,
                            mtasts_changed_fn *changed, void *context) {
  struct search search = {earlier, findings, json_array(), changed, context};
  size_t index;
  json_t *item;
  if (!search.next)
    return NULL;
  for (size_t i = 0; i < findings->count; i++)
    take(&search, &findings->items[i]);
  json_array_foreach(earlier, index, item) {
    compare_old(&search, item);
  }
  return search.next;
}
