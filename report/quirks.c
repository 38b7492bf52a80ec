#include "quirks.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "instant.h"
#include "printable.h"
#include "span.h"
#include "tally.h"

struct quirks {
  mtasts_report_warn_fn *quirk;
  void *context;
};

__attribute__((format(printf, 2, 3))) static void say(const struct quirks *quirks,
                                                      const char *format, ...) {
  char text[384];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  quirks->quirk(quirks->context, text);
}

struct shown {
  char text[80];
};

static struct shown shown(struct mtasts_span name) {
  struct shown out = {.text = "a policy without a domain"};
  if (name.len > 0)
    mtasts_printable(name, out.text, sizeof out.text);
  return out;
}

/* the whole report */

static void check_period(const struct quirks *quirks, const struct mtasts_tls_report *report) {
  int64_t length = report->end - report->start;
  bool midnight = report->start == mtasts_day_of(report->start);
  if (length == MTASTS_DAY_SECONDS && midnight)
    say(quirks, "end-datetime is the first second of the next day (RFC 8460 section 4.1: a report "
                "covers a day, 00:00 to 24:00 UTC)");
  else if (length < MTASTS_DAY_SECONDS - 60 || length > MTASTS_DAY_SECONDS || !midnight)
    say(quirks,
        "the report covers %" PRId64 ".%" PRId64 " hours%s (RFC 8460 section 4.1: a day, 00:00 to "
        "24:00 UTC)",
        length / 3600, length % 3600 * 10 / 3600, midnight ? "" : " and begins at no midnight");
}

static void check_names(const struct quirks *quirks, const json_t *root,
                        const struct mtasts_tls_report *report) {
  if (report->organization.len == 0)
    say(quirks, "organization-name is missing or empty (RFC 8460 section 4.4)");
  if (report->id.len == 0)
    say(quirks, "report-id is missing or empty (RFC 8460 section 4.4)");
  if (report->contact.len == 0)
    say(quirks, "contact-info is %s (RFC 8460 section 4.4)",
        json_object_get(root, "contact-info") ? "empty or no string" : "missing");
  if (json_is_object(json_object_get(root, "policies")))
    say(quirks, "policies is an object (RFC 8460 section 4.4: an array)");
}

/* a policy */

static void check_details(const struct quirks *quirks, const struct mtasts_report_policy *policy) {
  uint64_t sum = 0;
  size_t unnamed = 0;
  for (size_t i = 0; i < policy->detail_count; i++) {
    const struct mtasts_report_detail *detail = &policy->details[i];
    sum = mtasts_sum(sum, detail->sessions);
    unnamed += detail->source.len == 0 || detail->mx.len == 0;
  }
  struct shown name = shown(policy->domain);
  if (policy->detail_count == 0 && policy->failed > 0)
    say(quirks, "%s: %" PRIu64 " failed, without failure-details (RFC 8460 section 4.4)", name.text,
        policy->failed);
  else if (sum != policy->failed)
    say(quirks,
        "%s: the failure details count %" PRIu64 " sessions, the summary %" PRIu64
        " (RFC 8460 section 4.4 lets details overlap; only the summary counts)",
        name.text, sum, policy->failed);
  if (unnamed > 0)
    say(quirks,
        "%s: %zu of %zu failure details name no sending-mta-ip or no receiving-mx-hostname "
        "(RFC 8460 section 4.4)",
        name.text, unnamed, policy->detail_count);
}

static void check_policy_string(const struct quirks *quirks, const json_t *policy,
                                const struct mtasts_report_policy *read) {
  const json_t *strings = json_object_get(policy, "policy-string");
  const char *first =
      json_string_value(json_is_array(strings) ? json_array_get(strings, 0) : strings);
  struct shown name = shown(read->domain);
  bool none = mtasts_span_equal(read->type, MTASTS_SPAN("no-policy-found"));
  if (!none && (!first || !*first))
    say(quirks, "%s: policy-string is missing or empty (RFC 8460 section 4.4)", name.text);
  else if (json_is_string(strings))
    say(quirks, "%s: policy-string is a string (RFC 8460 section 4.4: an array of strings)",
        name.text);
  else if (first && *first == '[')
    say(quirks,
        "%s: policy-string holds an array as text (RFC 8460 section 4.4: a string for each record)",
        name.text);
  if (json_is_string(json_object_get(policy, "mx-host")))
    say(quirks, "%s: mx-host is a string (RFC 8460 section 4.4 with erratum 6241: an array)",
        name.text);
}

static void check_helo(const struct quirks *quirks, const json_t *details) {
  for (size_t i = 0; i < json_array_size(details); i++) {
    const char *helo =
        json_string_value(json_object_get(json_array_get(details, i), "receiving-mx-helo"));
    if (helo && strpbrk(helo, "\r\n")) {
      say(quirks, "receiving-mx-helo has several lines (RFC 8460 section 4.4: the host name of the "
                  "HELO or EHLO reply)");
      return;
    }
  }
}

void mtasts_report_quirks(const json_t *root, const struct mtasts_tls_report *report,
                          mtasts_report_warn_fn *quirk, void *context) {
  const struct quirks quirks = {quirk, context};
  const json_t *policies = json_object_get(root, "policies");
  size_t at = 0;
  check_names(&quirks, root, report);
  check_period(&quirks, report);
  if (json_is_object(policies) || report->policy_count == 0) {
    if (report->policy_count == 1)
      check_details(&quirks, &report->policies[0]);
    return;
  }
  for (size_t i = 0; i < json_array_size(policies) && at < report->policy_count; i++) {
    const json_t *element = json_array_get(policies, i);
    if (!json_is_object(element))
      continue;
    check_details(&quirks, &report->policies[at]);
    check_policy_string(&quirks, json_object_get(element, "policy"), &report->policies[at]);
    check_helo(&quirks, json_object_get(element, "failure-details"));
    at++;
  }
}
