#include "answer.h"

#include <stdarg.h>
#include <string.h>

#include "idn.h"
#include "mx_mismatch.h"
#include "printable.h"

bool mtasts_read_domain(const char *text, struct mtasts_domain *domain) {
  enum mtasts_status status =
      mtasts_domain_from_text((struct mtasts_span){text, strlen(text)}, domain);
  if (status == MTASTS_OK)
    return true;
  mtasts_print_error(text, "%s",
                     status == MTASTS_NO_POLICY
                         ? "an address or .parent has no policy domain"
                         : "not a domain name; write it as example.com or [mail.example.com]:587");
  return false;
}

enum mtasts_colour mtasts_mode_colour(enum mtasts_mode mode) {
  switch (mode) {
  case MTASTS_MODE_ENFORCE:
    return MTASTS_GREEN;
  case MTASTS_MODE_TESTING:
    return MTASTS_YELLOW;
  case MTASTS_MODE_NONE:
    break;
  }
  return MTASTS_PLAIN;
}

enum mtasts_colour mtasts_verdict_colour(enum mtasts_verdict verdict) {
  switch (verdict) {
  case MTASTS_VERDICT_ENFORCE:
  case MTASTS_VERDICT_DANE:
  case MTASTS_VERDICT_ENCRYPT:
    return MTASTS_GREEN;
  case MTASTS_VERDICT_TESTING:
    return MTASTS_YELLOW;
  case MTASTS_VERDICT_DEFER:
    return MTASTS_RED;
  case MTASTS_VERDICT_UNKNOWN:
  case MTASTS_VERDICT_NONE:
    break;
  }
  return MTASTS_PLAIN;
}

/* A line of the report: "label     text". */
__attribute__((format(printf, 2, 3))) static void line(const char *label, const char *format, ...) {
  va_list arguments;
  printf("  %s%-9s%s ", mtasts_colour_on(MTASTS_DIM), label, mtasts_colour_off(MTASTS_DIM));
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
}

static void time_line(const char *label, const char *what, int64_t time, int64_t now) {
  char relative[MTASTS_OUT_TEXT_MAX];
  char absolute[MTASTS_OUT_TEXT_MAX];
  line(label, "%s %s (%s)", what, mtasts_relative_time(time, now, relative),
       mtasts_absolute_time(time, absolute));
}

static void print_record(const struct mtasts_entry *entry, int64_t now) {
  bool valid = entry->record == MTASTS_RECORD_VALID;
  line("record", "%s%s%s", mtasts_record_state_name(entry->record), valid ? ", id " : "",
       valid ? entry->record_id : "");
  if (entry->checked > 0)
    time_line("", "checked", entry->checked, now);
  if (entry->next_check > 0)
    time_line("", entry->next_check > now ? "next check" : "next check due", entry->next_check,
              now);
}

static void print_patterns(const struct mtasts_names *patterns) {
  const char *label = "patterns";
  struct mtasts_span pattern;
  for (size_t cursor = 0; mtasts_names_next(patterns, &cursor, &pattern); label = "")
    line(label, "%.*s", (int)pattern.len, pattern.data);
}

static void print_cached_policy(const struct mtasts_entry *entry, int64_t now) {
  char words[MTASTS_OUT_TEXT_MAX];
  const struct mtasts_policy *policy = &entry->policy;
  line("policy", "%s, id %s, max_age %s", mtasts_mode_name(policy->mode),
       *entry->policy_id ? entry->policy_id : "unknown", mtasts_duration(policy->max_age, words));
  time_line("", "fetched", entry->fetched, now);
  time_line("", entry->expires > now ? "expires" : "expired", entry->expires, now);
  print_patterns(&policy->mx);
}

static void print_override(const struct mtasts_override *override, int64_t now) {
  if (override->dane_off)
    line("override", "dane = \"off\": as if the domain had no DANE");
  if (!override->no_policy)
    line("policy", "%s, by an override in the configuration",
         mtasts_mode_name(override->policy.mode));
  if (override->until != INT64_MAX)
    time_line("", "ends", override->until, now);
  print_patterns(&override->policy.mx);
}

/* The policy to match hosts with. May be NULL; a policy of mode none has nothing to match. */
static const struct mtasts_policy *matched_policy(const struct mtasts_answer *answer) {
  const struct mtasts_policy *policy = answer->decision->policy;
  return policy && policy->mode != MTASTS_MODE_NONE ? policy : NULL;
}

static const char *no_hosts(enum mtasts_mx_state state) {
  switch (state) {
  case MTASTS_MX_NULL:
    return "none: the domain takes no mail (RFC 7505)";
  case MTASTS_MX_NXDOMAIN:
    return "none: there is no such domain";
  case MTASTS_MX_ERROR:
    return "not known: the look-up failed";
  case MTASTS_MX_UNKNOWN:
  case MTASTS_MX_LISTED:
  case MTASTS_MX_IMPLICIT:
    break;
  }
  return "none";
}

/* The text about a host's DANE; nothing if it has none. */
static const char *dane_of(const struct mtasts_mx_host *mx) {
  static const char *const words[] = {
      [MTASTS_DANE_USABLE] = "DANE",
      [MTASTS_DANE_UNUSABLE] = "DANE, not usable",
      [MTASTS_DANE_BOGUS] = "DNSSEC bogus",
      [MTASTS_DANE_ERROR] = "its TLSA records cannot be looked up",
      [MTASTS_DANE_LOST] = "its addresses cannot be looked up",
      [MTASTS_DANE_GONE] = NULL,
  };
  return words[mx->dane] ? words[mx->dane] : "";
}

static void print_hosts(const struct mtasts_answer *answer) {
  const struct mtasts_entry *entry = answer->entry;
  const struct mtasts_policy *policy = matched_policy(answer);
  const char *label = "mx";
  int width = 0;
  size_t n = 0;
  struct mtasts_span found[MTASTS_MX_HOSTS_MAX];
  struct mtasts_mx_host mx;
  mtasts_policy_against_mx(answer->decision, entry, found);
  for (size_t cursor = 0; mtasts_mx_next(&entry->mx, &cursor, &mx);)
    width = (int)mx.host.len > width ? (int)mx.host.len : width;
  for (size_t cursor = 0; n < MTASTS_MX_HOSTS_MAX && mtasts_mx_next(&entry->mx, &cursor, &mx);
       n++, label = "") {
    bool ok = policy && found[n].data;
    enum mtasts_colour colour = ok ? MTASTS_GREEN : MTASTS_RED;
    const char *dane = dane_of(&mx);
    const char *parted = *dane ? "  " : "";
    if (policy)
      line(label, "%5u %-*.*s %s%s%s%s%s%s", mx.preference, width, (int)mx.host.len, mx.host.data,
           mtasts_colour_on(colour), mtasts_yes_mark(ok), ok ? "" : " not in the policy",
           mtasts_colour_off(colour), parted, dane);
    else if (*dane)
      line(label, "%5u %-*.*s%s%s", mx.preference, width, (int)mx.host.len, mx.host.data, parted,
           dane);
    else
      line(label, "%5u %.*s", mx.preference, (int)mx.host.len, mx.host.data);
  }
  if (entry->mx.count == 0 && entry->mx_state != MTASTS_MX_UNKNOWN)
    line("mx", "%s", no_hosts(entry->mx_state));
}

void mtasts_answer_print(const struct mtasts_answer *answer, int64_t now) {
  const struct mtasts_entry *entry = answer->entry;
  const struct mtasts_decision *decision = answer->decision;
  enum mtasts_colour colour = mtasts_verdict_colour(decision->verdict);
  char name[1024];
  mtasts_printable(answer->text, name, sizeof name);
  printf("%s%s%s\n", mtasts_colour_on(MTASTS_BOLD), answer->domain ? answer->domain->name : name,
         mtasts_colour_off(MTASTS_BOLD));
  line("verdict", "%s%s%s", mtasts_colour_on(colour), mtasts_verdict_name(decision->verdict),
       mtasts_colour_off(colour));
  line("why", "%s", decision->rule);
  if (entry && entry->error != MTASTS_ERROR_NONE)
    line("error", "%s%s%s%s%.*s", mtasts_colour_on(MTASTS_RED), mtasts_error_name(entry->error),
         mtasts_colour_off(MTASTS_RED), entry->detail.len > 0 ? ": " : "", (int)entry->detail.len,
         entry->detail.data);
  line("source", "%s", mtasts_source_name(decision->source));
  if (answer->monitor)
    line("site", "site_mode is monitor: nothing is enforced");
  bool overridden = decision->source == MTASTS_SOURCE_OVERRIDE;
  if (overridden)
    print_override(answer->override, now);
  if ((!overridden || answer->override->no_policy) && entry && entry->has_policy)
    print_cached_policy(entry, now);
  if (entry) {
    print_hosts(answer);
    print_record(entry, now);
  }
}

/* The table */

struct mtasts_table *mtasts_answer_table(void) {
  static const char *const headers[] = {"DOMAIN", "RECORD",  "POLICY", "ID",
                                        "MX",     "VERDICT", "WHY",    NULL};
  return mtasts_table_new(stdout, headers);
}

static void policy_cells(struct mtasts_table *table, const struct mtasts_answer *answer) {
  const struct mtasts_entry *entry = answer->entry;
  const struct mtasts_policy *policy = answer->decision->policy;
  bool own = entry && policy == &entry->policy;
  mtasts_table_cell(table, policy ? mtasts_mode_colour(policy->mode) : MTASTS_DIM, "%s",
                    policy ? mtasts_mode_name(policy->mode) : "-");
  mtasts_table_cell(table, own ? MTASTS_PLAIN : MTASTS_DIM, "%s",
                    own && *entry->policy_id ? entry->policy_id : "-");
}

static void mx_cell(struct mtasts_table *table, const struct mtasts_answer *answer,
                    const struct mtasts_mx_comparison *mx) {
  if (matched_policy(answer) && mx->hosts > 0)
    mtasts_table_cell(table, mx->matched == mx->hosts ? MTASTS_GREEN : MTASTS_RED, "%zu/%zu",
                      mx->matched, mx->hosts);
  else
    mtasts_table_cell(table, MTASTS_DIM, "-");
}

/* The error, if any; else the rule without its RFC section, which only the report of one domain
 * shows. */
static void why_cell(struct mtasts_table *table, const struct mtasts_answer *answer,
                     const struct mtasts_mx_comparison *mx) {
  const struct mtasts_entry *entry = answer->entry;
  const char *rule = answer->decision->rule;
  const char *section = strstr(rule, " (");
  if (entry && entry->detail.len > 0)
    mtasts_table_cell(table, MTASTS_RED, "%.*s", (int)entry->detail.len, entry->detail.data);
  else if (mtasts_mx_mismatch(answer->decision, mx->listed))
    mtasts_table_cell(table, MTASTS_RED,
                      "enforce: not one MX host is in the policy, mail must wait");
  else
    mtasts_table_cell(table, MTASTS_PLAIN, "%.*s",
                      (int)(section ? (size_t)(section - rule) : strlen(rule)), rule);
}

void mtasts_answer_row(struct mtasts_table *table, const struct mtasts_answer *answer) {
  const struct mtasts_entry *entry = answer->entry;
  const struct mtasts_decision *decision = answer->decision;
  struct mtasts_mx_comparison mx = {.listed = MTASTS_NO_MX};
  char name[1024];
  if (entry)
    mx = mtasts_policy_against_mx(decision, entry, NULL);
  mtasts_printable(answer->text, name, sizeof name);
  mtasts_table_cell(table, MTASTS_PLAIN, "%s", answer->domain ? answer->domain->name : name);
  bool looked = entry && entry->record != MTASTS_RECORD_UNKNOWN;
  mtasts_table_cell(table, looked ? MTASTS_PLAIN : MTASTS_DIM, "%s",
                    looked ? mtasts_record_state_name(entry->record) : "-");
  policy_cells(table, answer);
  mx_cell(table, answer, &mx);
  mtasts_table_cell(table, mtasts_verdict_colour(decision->verdict), "%s",
                    mtasts_verdict_name(decision->verdict));
  why_cell(table, answer, &mx);
}
