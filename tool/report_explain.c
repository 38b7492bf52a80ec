#include "report_explain.h"

#include <inttypes.h>
#include <string.h>

#include "advice.h"
#include "command.h"
#include "json.h"
#include "out.h"
#include "quirks.h"
#include "report_reader.h"
#include "report_text.h"
#include "rfc3339.h"

enum {
  QUIRKS_MAX = 100, /* of one report */
};

struct explain {
  const struct mtasts_options *options;
  const struct mtasts_report_filter *filter;
  json_t *quirks; /* texts, of the report that is being read */
  uint64_t shown;
};

static void add_quirk(void *context, const char *text) {
  struct explain *explain = context;
  if (!text)
    json_array_clear(explain->quirks);
  else if (json_array_size(explain->quirks) < QUIRKS_MAX)
    json_array_append_new(explain->quirks,
                          mtasts_json_text((struct mtasts_span){text, strlen(text)}));
}

static const char *signed_text(enum mtasts_signed found) {
  switch (found) {
  case MTASTS_SIGNED_YES:
    return "yes";
  case MTASTS_SIGNED_NO:
    return "no";
  case MTASTS_SIGNED_UNKNOWN:
    break;
  }
  return "unknown";
}

/* text for people */

static void print_detail(const struct mtasts_report_detail *detail) {
  struct mtasts_advice advice;
  mtasts_report_line(4, "%" PRIu64 " x %.*s%s%.*s%s%.*s%s%.*s%s", detail->sessions,
                     detail->result.len > 0 ? (int)detail->result.len : 16,
                     detail->result.len > 0 ? detail->result.data : "(no result-type)",
                     detail->source.len > 0 ? ", from " : "", (int)detail->source.len,
                     detail->source.data, detail->mx.len > 0 ? " to " : "", (int)detail->mx.len,
                     detail->mx.data, detail->address.len > 0 ? " (" : "", (int)detail->address.len,
                     detail->address.data, detail->address.len > 0 ? ")" : "");
  if (detail->reason.len > 0)
    mtasts_report_line(8, "reason: %.*s", (int)detail->reason.len, detail->reason.data);
  if (detail->more.len > 0)
    mtasts_report_line(8, "more: %.*s", (int)detail->more.len, detail->more.data);
  if (!mtasts_advice_find(detail->result, &advice))
    return;
  mtasts_report_line(8, "%s", advice.meaning);
  mtasts_report_line(8, "%s", advice.remedy);
}

static void print_policy(const struct mtasts_report_policy *policy) {
  putchar('\n');
  mtasts_report_line(2, "%.*s%s, policy %.*s%s%.*s: %" PRIu64 " succeeded, %" PRIu64 " failed",
                     policy->domain.len > 0 ? (int)policy->domain.len : 11,
                     policy->domain.len > 0 ? policy->domain.data : "(no domain)",
                     policy->domain_of_mail ? " (named by the mail)" : "", (int)policy->type.len,
                     policy->type.data, policy->mode.len > 0 ? " in mode " : "",
                     (int)policy->mode.len, policy->mode.data, policy->successful, policy->failed);
  for (size_t i = 0; i < policy->detail_count; i++)
    print_detail(&policy->details[i]);
}

static void print_report(const struct explain *explain, const struct mtasts_read_report *read) {
  const struct mtasts_tls_report *report = read->report;
  char start[MTASTS_OUT_TEXT_MAX];
  char end[MTASTS_OUT_TEXT_MAX];
  if (explain->shown > 1)
    putchar('\n');
  mtasts_report_line(0, "Report %.*s of %.*s", (int)report->id.len, report->id.data,
                     (int)report->organization.len, report->organization.data);
  mtasts_report_line(2, "in %s", read->path);
  mtasts_report_line(2, "from %s to %s", mtasts_absolute_time(report->start, start),
                     mtasts_absolute_time(report->end, end));
  if (report->contact.len > 0)
    mtasts_report_line(2, "contact: %.*s", (int)report->contact.len, report->contact.data);
  if (report->signature.submitter.len > 0)
    mtasts_report_line(2, "signed by %.*s, as %s: %s", (int)report->signature.submitter.len,
                       report->signature.submitter.data,
                       explain->options->authserv_id ? "your host found" : "the mail says",
                       signed_text(report->signature.found));
  for (size_t i = 0; i < report->policy_count; i++)
    if (mtasts_filter_policy(explain->filter, &report->policies[i]))
      print_policy(&report->policies[i]);
  mtasts_report_line(0, "%s", "");
  if (json_array_size(explain->quirks) == 0) {
    mtasts_report_line(2, "The report is as RFC 8460 wants it.");
    return;
  }
  mtasts_report_line(2, "Not as RFC 8460 wants it:");
  for (size_t i = 0; i < json_array_size(explain->quirks); i++)
    mtasts_report_line(4, "- %s", json_string_value(json_array_get(explain->quirks, i)));
}

/* JSON */

static json_t *detail_json(const struct mtasts_report_detail *detail) {
  return json_pack(
      "{s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "result_type", mtasts_json_text(detail->result),
      "sending_mta_ip", mtasts_json_text(detail->source), "receiving_mx_hostname",
      mtasts_json_text(detail->mx), "receiving_ip", mtasts_json_text(detail->address),
      "failure_reason_code", mtasts_json_text(detail->reason), "additional_information",
      mtasts_json_text(detail->more), "sessions", (json_int_t)detail->sessions);
}

static json_t *policy_json(const struct mtasts_report_policy *policy) {
  json_t *details = json_array();
  for (size_t i = 0; i < policy->detail_count; i++)
    json_array_append_new(details, detail_json(&policy->details[i]));
  return json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "policy_domain",
                   mtasts_json_text(policy->domain), "policy_type", mtasts_json_text(policy->type),
                   "mode", policy->mode.len > 0 ? mtasts_json_text(policy->mode) : json_null(),
                   "successful", (json_int_t)policy->successful, "failed",
                   (json_int_t)policy->failed, "details", details);
}

static bool print_json(const struct explain *explain, const struct mtasts_read_report *read) {
  const struct mtasts_tls_report *report = read->report;
  char start[MTASTS_RFC3339_SIZE];
  char end[MTASTS_RFC3339_SIZE];
  json_t *policies = json_array();
  for (size_t i = 0; i < report->policy_count; i++)
    if (mtasts_filter_policy(explain->filter, &report->policies[i]))
      json_array_append_new(policies, policy_json(&report->policies[i]));
  mtasts_rfc3339_format(report->start, start);
  mtasts_rfc3339_format(report->end, end);
  return mtasts_json_print(json_pack(
             "{s:o, s:o, s:o, s:s, s:s, s:o, s:s, s:o, s:O}", "file",
             mtasts_json_text((struct mtasts_span){read->path, strlen(read->path)}), "organization",
             mtasts_json_text(report->organization), "report_id", mtasts_json_text(report->id),
             "start", start, "end", end, "contact", mtasts_json_text(report->contact), "signed",
             signed_text(report->signature.found), "policies", policies, "quirks",
             explain->quirks)) == MTASTS_EXIT_OK;
}

static bool take_report(void *context, const struct mtasts_read_report *read) {
  struct explain *explain = context;
  bool done = true;
  mtasts_report_quirks(read->found->root, read->report, add_quirk, explain);
  if (mtasts_filter_report(explain->filter, read->report)) {
    explain->shown++;
    if (explain->options->json)
      done = print_json(explain, read);
    else
      print_report(explain, read);
  }
  json_array_clear(explain->quirks);
  return done;
}

int mtasts_report_explain(const struct mtasts_options *options,
                          const struct mtasts_report_filter *filter) {
  struct explain explain = {.options = options, .filter = filter};
  int code = MTASTS_EXIT_MEMORY;
  struct mtasts_report_reader *reader = mtasts_report_reader_new(take_report, &explain, false);
  explain.quirks = json_array();
  if (reader && explain.quirks) {
    mtasts_report_reader_authserv_id(reader, options->authserv_id);
    mtasts_report_reader_on_warning(reader, add_quirk);
    code = mtasts_report_reader_run(reader, &options->arguments);
  }
  mtasts_report_reader_free(reader);
  json_decref(explain.quirks);
  return code;
}
