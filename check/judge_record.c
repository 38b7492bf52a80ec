#include <string.h>

#include "judge_private.h"
#include "record_fields.h"
#include "span.h"
#include "version_slip.h"

enum {
  TTL_LONG = 86400, /* seconds; exactly a day is fine */
};

static void add(const struct mtasts_judgement *j, enum mtasts_found found,
                enum mtasts_severity severity, const char *message, const char *remedy) {
  mtasts_judge_add(j, found, severity, j->record_name, message, remedy);
}

static void say_absent(const struct mtasts_judgement *j) {
  add(j, MTASTS_FOUND_RECORD_ABSENT, MTASTS_SEVERITY_INFO,
      "There is no MTA-STS record: the domain does not use MTA-STS.",
      mtasts_judge_text(j, "Serve a policy with \"mode: testing\" at %s to begin, then publish\n%s",
                        j->url, mtasts_judge_record_line(j)));
}

static void say_version(const struct mtasts_judgement *j, struct mtasts_span text) {
  add(j, MTASTS_FOUND_RECORD_VERSION, MTASTS_SEVERITY_ERROR,
      mtasts_judge_text(j,
                        "The TXT record '%s' does not begin with \"v=STSv1;\", so senders ignore "
                        "it.",
                        mtasts_judge_shown(j, text)),
      mtasts_judge_text(j, "Publish it in exactly this form:\n%s", mtasts_judge_record_line(j)));
}

static void say_multiple(const struct mtasts_judgement *j, size_t found) {
  const struct mtasts_seen_txt *txt = &j->seen->record;
  const char *list = "";
  size_t listed = 0;
  for (size_t i = 0; i < txt->count; i++) {
    struct mtasts_span text = txt->texts[i];
    if (mtasts_record_begin(&text) && listed++ < MTASTS_JUDGE_LISTED)
      list = mtasts_judge_text(j, "%s\n\"%s\"", list, mtasts_judge_shown(j, txt->texts[i]));
  }
  add(j, MTASTS_FOUND_RECORD_MULTIPLE, MTASTS_SEVERITY_ERROR,
      mtasts_judge_text(j, "%zu records begin with v=STSv1: senders take none of them.", found),
      mtasts_judge_text(j,
                        "Keep the one that belongs to the served policy; remove the other of "
                        "these:%s",
                        list));
}

static void say_fields(const struct mtasts_judgement *j, struct mtasts_span fields) {
  struct mtasts_span name;
  for (size_t i = 0; i < MTASTS_JUDGE_LISTED && mtasts_record_next(&fields, &name); i++)
    if (!mtasts_span_equal(name, MTASTS_SPAN("id")))
      add(j, MTASTS_FOUND_RECORD_UNKNOWN_FIELD, MTASTS_SEVERITY_INFO,
          mtasts_judge_text(j, "The record has a field \"%s\", which senders ignore.",
                            mtasts_judge_shown(j, name)),
          "Nothing has to be done if the field is meant. If it is a slip of the pen, mend it.");
}

static void say_dns_error(const struct mtasts_judgement *j) {
  add(j, MTASTS_FOUND_RECORD_DNS_ERROR, MTASTS_SEVERITY_ERROR,
      mtasts_judge_text(j, "The TXT look-up fails%s.",
                        mtasts_judge_detail(j, j->seen->record.answer.detail)),
      mtasts_judge_text(j,
                        "Check that all name servers of the zone answer for TXT at %s, and that "
                        "its DNSSEC signatures are valid.",
                        j->record_name));
}

/* The one record that begins with the version. */
static void judge_one(struct mtasts_judgement *j, struct mtasts_span text) {
  const char *why = NULL;
  struct mtasts_span fields = text;
  if (mtasts_record_parse(&text, 1, &j->id, &why) == MTASTS_OK) {
    j->record = MTASTS_JUDGED_VALID;
    mtasts_record_begin(&fields);
    say_fields(j, fields);
    return;
  }
  j->record = MTASTS_JUDGED_INVALID;
  add(j, MTASTS_FOUND_RECORD_INVALID, MTASTS_SEVERITY_ERROR,
      mtasts_judge_text(j, "The record is malformed, so senders ignore it: %s.",
                        why ? why : "it breaks the grammar"),
      mtasts_judge_text(j, "What is published is '%s'. Write instead:\n%s",
                        mtasts_judge_shown(j, text), mtasts_judge_record_line(j)));
}

static void judge_texts(struct mtasts_judgement *j) {
  const struct mtasts_seen_txt *txt = &j->seen->record;
  struct mtasts_span one = {NULL, 0};
  struct mtasts_span odd = {NULL, 0};
  size_t found = 0;
  for (size_t i = 0; i < txt->count; i++) {
    struct mtasts_span text = txt->texts[i];
    if (mtasts_record_begin(&text)) {
      one = txt->texts[i];
      found++;
    } else if (!odd.data && mtasts_version_slip(text, MTASTS_SPAN("STSv"))) {
      odd = text;
    }
  }
  if (found > 1) {
    j->record = MTASTS_JUDGED_MULTIPLE;
    say_multiple(j, found);
  } else if (found == 1) {
    judge_one(j, one);
  } else if (odd.data) {
    j->record = MTASTS_JUDGED_VERSION;
  } else {
    j->record = MTASTS_JUDGED_ABSENT;
    say_absent(j);
  }
  if (odd.data)
    say_version(j, odd);
  if (found > 0 && txt->answer.ttl > TTL_LONG)
    add(j, MTASTS_FOUND_RECORD_TTL_LONG, MTASTS_SEVERITY_WARNING,
        mtasts_judge_text(j, "The record's TTL is %u s: senders see a new policy as late as that.",
                          txt->answer.ttl),
        "Lower the TTL to an hour (3600) or less, and do so before the next change of the policy.");
}

void mtasts_judge_record(struct mtasts_judgement *j) {
  const struct mtasts_seen_answer *answer = &j->seen->record.answer;
  if (mtasts_judge_answered(answer)) {
    judge_texts(j);
  } else if (mtasts_judge_failed(answer)) {
    j->record = MTASTS_JUDGED_FAILED;
    say_dns_error(j);
  }
}

void mtasts_judge_unannounced(const struct mtasts_judgement *j, bool vanished) {
  if (j->policy && !vanished)
    add(j, MTASTS_FOUND_RECORD_POLICY_UNANNOUNCED, MTASTS_SEVERITY_WARNING,
        mtasts_judge_text(j,
                          "A valid policy (mode %s) is served, but no record announces it: "
                          "senders never see it.",
                          mtasts_mode_name(j->policy->mode)),
        mtasts_judge_text(j, "Publish the record:\n%s", mtasts_judge_record_line(j)));
}
