/* The text of the policy: what the engine's parser says of it, and what its values mean. */
#include <string.h>

#include "judge_private.h"
#include "span.h"

enum {
  DAY = 86400, /* seconds */
  WEEK = 7 * DAY,
  UNUSED_MAX = 32, /* patterns that no MX matches; more are not listed */
};

static void add(const struct mtasts_judgement *j, enum mtasts_found found,
                enum mtasts_severity severity, uint32_t line, const char *message,
                const char *remedy) {
  mtasts_findings_add(j->findings, &(struct mtasts_finding){.found = found,
                                                            .severity = severity,
                                                            .subject = j->url,
                                                            .message = message,
                                                            .remedy = remedy,
                                                            .line = line});
}

/* The text of a line, counted from 1, without its end. */
static struct mtasts_span line_of(struct mtasts_span body, uint32_t number) {
  struct mtasts_span line = {NULL, 0};
  for (uint32_t i = 0; i < number && body.len > 0; i++)
    mtasts_span_cut(&body, '\n', &line);
  if (line.len > 0 && line.data[line.len - 1] == '\r')
    line.len--;
  return line;
}

/* A line for each MX host of today. */
static const char *mx_lines(const struct mtasts_judgement *j) {
  const struct mtasts_observation *seen = j->seen;
  const char *lines = "";
  size_t listed = 0;
  for (size_t i = 0; i < seen->mx_count && listed < MTASTS_JUDGE_LISTED; i++)
    if (!seen->mx[i].is_address && mtasts_judge_is_first(seen, i)) {
      lines = mtasts_judge_text(j, "%s\nmx: %s", lines, mtasts_judge_shown(j, seen->mx[i].host));
      listed++;
    }
  return listed > 0 ? lines : "\nmx: HOST";
}

static const char *remedy_of(const struct mtasts_judgement *j,
                             const struct mtasts_policy_diagnostic *error, const char *line) {
  switch (error->fault) {
  case MTASTS_POLICY_FAULT_VERSION:
    return "Write this line, exactly so:\nversion: STSv1";
  case MTASTS_POLICY_FAULT_MODE:
    return "Write one of these lines:\nmode: testing\nmode: enforce\nmode: none";
  case MTASTS_POLICY_FAULT_MAX_AGE:
    return "Give a number of seconds and nothing else, as two weeks:\nmax_age: 1209600";
  case MTASTS_POLICY_FAULT_MX_MISSING:
    return mtasts_judge_text(j, "Add a line for each MX host of today:%s", mx_lines(j));
  case MTASTS_POLICY_FAULT_MX:
    return mtasts_judge_text(
        j,
        "Give each pattern an \"mx:\" line of its own. A pattern is a host name, or \"*.\" and "
        "a domain, in A-labels. Today's hosts:%s",
        mx_lines(j));
  case MTASTS_POLICY_FAULT_NONE:
  case MTASTS_POLICY_FAULT_GRAMMAR:
  case MTASTS_POLICY_FAULT_TOO_LARGE:
  case MTASTS_POLICY_FAULT_REPEATED:
  case MTASTS_POLICY_FAULT_NOT_STRICT:
  case MTASTS_POLICY_FAULT_UNKNOWN:
  case MTASTS_POLICY_FAULT_MAX_AGE_LONG:
    break;
  }
  return mtasts_judge_text(j,
                           "Correct line %u, \"%s\": each line is a field name, a colon and a "
                           "value, without comments or blank lines.",
                           error->line, line);
}

static enum mtasts_found found_of(enum mtasts_policy_fault fault) {
  switch (fault) {
  case MTASTS_POLICY_FAULT_VERSION:
    return MTASTS_FOUND_POLICY_VERSION;
  case MTASTS_POLICY_FAULT_MODE:
    return MTASTS_FOUND_POLICY_MODE;
  case MTASTS_POLICY_FAULT_MAX_AGE:
    return MTASTS_FOUND_POLICY_MAX_AGE;
  case MTASTS_POLICY_FAULT_MX_MISSING:
    return MTASTS_FOUND_POLICY_MX_MISSING;
  case MTASTS_POLICY_FAULT_MX:
    return MTASTS_FOUND_POLICY_MX_INVALID;
  case MTASTS_POLICY_FAULT_REPEATED:
    return MTASTS_FOUND_POLICY_DUPLICATE_KEY;
  case MTASTS_POLICY_FAULT_NOT_STRICT:
    return MTASTS_FOUND_POLICY_NOT_STRICT;
  case MTASTS_POLICY_FAULT_UNKNOWN:
    return MTASTS_FOUND_POLICY_UNKNOWN_KEY;
  case MTASTS_POLICY_FAULT_MAX_AGE_LONG:
    return MTASTS_FOUND_POLICY_MAX_AGE_LONG;
  case MTASTS_POLICY_FAULT_NONE:
  case MTASTS_POLICY_FAULT_GRAMMAR:
  case MTASTS_POLICY_FAULT_TOO_LARGE:
    break;
  }
  return MTASTS_FOUND_POLICY_INVALID;
}

/* Words that begin with a small letter, as a sentence. */
static const char *sentence(const struct mtasts_judgement *j, const char *words) {
  return mtasts_judge_text(j, "%c%s.", *words - 'a' + 'A', words + 1);
}

static void say_error(const struct mtasts_judgement *j, const struct mtasts_judged_fetch *fetch,
                      const struct mtasts_policy_diagnostic *error) {
  const char *line = mtasts_judge_shown(j, line_of(fetch->https->body, error->line));
  enum mtasts_found found = found_of(error->fault);
  const char *quote = *line ? "\"" : "";
  /* No line is at fault for a field that is missing. */
  if (error->missing)
    add(j, found, MTASTS_SEVERITY_ERROR, 0, sentence(j, error->text), remedy_of(j, error, line));
  else
    add(j, found, MTASTS_SEVERITY_ERROR, error->line,
        mtasts_judge_text(j, "Line %u: %s%s%s%s%s.", error->line, error->text, *line ? ": " : "",
                          quote, line, quote),
        remedy_of(j, error, line));
}

static void say_warning(const struct mtasts_judgement *j, const struct mtasts_judged_fetch *fetch,
                        const struct mtasts_policy_diagnostic *warning) {
  enum mtasts_found found = found_of(warning->fault);
  const char *line = mtasts_judge_shown(j, line_of(fetch->https->body, warning->line));
  const char *message =
      mtasts_judge_text(j, "Line %u: %s: \"%s\".", warning->line, warning->text, line);
  enum mtasts_severity severity = MTASTS_SEVERITY_WARNING;
  const char *remedy = "";
  if (found == MTASTS_FOUND_POLICY_DUPLICATE_KEY) {
    remedy = "Remove the one of the two lines that is not meant: only the first counts.";
  } else if (found == MTASTS_FOUND_POLICY_NOT_STRICT) {
    remedy = "Take the dot or the blank line away: strict senders refuse the whole policy for it.";
  } else if (found == MTASTS_FOUND_POLICY_MAX_AGE_LONG) {
    remedy = "Lower it to a year at most (31557600), or to weeks, as 1209600: some senders refuse "
             "a policy with more.";
  } else {
    severity = MTASTS_SEVERITY_INFO;
    remedy = "Nothing has to be done if it is an extension; if it is a slip of the pen, mend it.";
  }
  add(j, found, severity, warning->line, message, remedy);
}

static void say_text(const struct mtasts_judgement *j, const struct mtasts_judged_fetch *fetch) {
  const struct mtasts_policy_report *report = &fetch->report;
  if (report->error.text)
    say_error(j, fetch, &report->error);
  for (size_t i = 0; i < report->more_count; i++)
    say_error(j, fetch, &report->more[i]);
  for (size_t i = 0; i < report->warning_count && i < MTASTS_WARNINGS_MAX; i++)
    say_warning(j, fetch, &report->warnings[i]);
}

/* RFC 8461 section 8.3 */
static const char *when_to_leave(const struct mtasts_judgement *j) {
  if (j->memory && j->memory->enforce_until > j->options->now)
    return mtasts_judge_text(j,
                             "Keep record and policy until %s, when the last enforce policy that "
                             "was seen here runs out. Then remove the record, and last of all the "
                             "policy.",
                             mtasts_judge_time(j, j->memory->enforce_until));
  return "The record may be removed when the max_age of the policy from before mode none has run "
         "out, counted from the day when none was published. Remove the policy last of all.";
}

static void say_mode(const struct mtasts_judgement *j) {
  enum mtasts_severity severity =
      j->options->has_expect ? MTASTS_SEVERITY_INFO : MTASTS_SEVERITY_WARNING;
  uint32_t line = j->governing->report.mode_line;
  if (j->policy->mode == MTASTS_MODE_TESTING)
    add(j, MTASTS_FOUND_POLICY_MODE_TESTING, severity, line,
        "The mode is testing: senders report failures, and enforce nothing.",
        mtasts_judge_text(j,
                          "Read the TLS reports; when they show no failures for some weeks, write "
                          "\"mode: enforce\" and publish a new id:\n%s",
                          mtasts_judge_record_line(j)));
  if (j->policy->mode == MTASTS_MODE_NONE)
    add(j, MTASTS_FOUND_POLICY_MODE_NONE, severity, line,
        "The mode is none: the domain has given MTA-STS up.", when_to_leave(j));
}

static void say_max_age(const struct mtasts_judgement *j) {
  uint32_t max_age = j->policy->max_age;
  if (j->policy->mode != MTASTS_MODE_ENFORCE || max_age >= WEEK)
    return;
  add(j, MTASTS_FOUND_POLICY_MAX_AGE_SHORT,
      max_age < DAY ? MTASTS_SEVERITY_WARNING : MTASTS_SEVERITY_INFO,
      j->governing->report.max_age_line,
      mtasts_judge_text(j, "max_age is %u s (%s): protection lapses for those who send seldom.",
                        max_age, mtasts_judge_period(j, max_age)),
      "Use weeks once all works, as in\nmax_age: 1209600");
}

/* The line that has this pattern first; 0 if it cannot be found. */
static uint32_t line_of_pattern(struct mtasts_span body, struct mtasts_span pattern) {
  for (uint32_t number = 1; body.len > 0; number++) {
    struct mtasts_span line;
    struct mtasts_span name;
    char text[MTASTS_DOMAIN_MAX] = "";
    mtasts_span_cut(&body, '\n', &line);
    if (line.len > 0 && line.data[line.len - 1] == '\r')
      line.len--;
    if (!mtasts_span_take_name(&line, ':', &name) || !mtasts_span_equal(name, MTASTS_SPAN("mx")))
      continue;
    mtasts_span_skip_wsp(&line);
    mtasts_span_trim_wsp(&line);
    if (mtasts_span_equal(pattern, (struct mtasts_span){text, mtasts_mx_pattern(line, text)}))
      return number;
  }
  return 0;
}

/* Does any MX host match this one pattern, by the engine's own rule? */
static bool is_used(const struct mtasts_observation *seen, struct mtasts_span pattern) {
  unsigned char one[1 + MTASTS_DOMAIN_MAX];
  one[0] = (unsigned char)pattern.len;
  memcpy(one + 1, pattern.data, pattern.len);
  struct mtasts_names names = {.data = one, .size = 1 + pattern.len, .count = 1};
  for (size_t i = 0; i < seen->mx_count; i++)
    if (mtasts_mx_match(&names, seen->mx[i].host).data)
      return true;
  return false;
}

static void say_unused(const struct mtasts_judgement *j) {
  struct mtasts_span pattern;
  size_t said = 0;
  if (!mtasts_judge_is_active(j) || !mtasts_judge_answered(&j->seen->mx_answer) ||
      mtasts_judge_bogus(&j->seen->mx_answer))
    return;
  for (size_t cursor = 0;
       said < UNUSED_MAX && mtasts_names_next(&j->policy->mx, &cursor, &pattern);) {
    if (is_used(j->seen, pattern))
      continue;
    said++;
    add(j, MTASTS_FOUND_POLICY_MX_UNUSED, MTASTS_SEVERITY_INFO,
        line_of_pattern(j->governing->https->body, pattern),
        mtasts_judge_text(j, "No MX host matches \"mx: %s\".", mtasts_judge_shown(j, pattern)),
        "Leave it if the host is planned or spare; remove the line if it is gone for good.");
  }
}

void mtasts_judge_policy(const struct mtasts_judgement *j) {
  for (size_t i = 0; i < j->fetch_count; i++)
    if (j->fetches[i].read)
      say_text(j, &j->fetches[i]);
  if (!j->governing)
    return;
  say_mode(j);
  say_max_age(j);
  say_unused(j);
}
