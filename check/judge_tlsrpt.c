/* The TLSRPT record and where its reports go. Mail flows without it: nothing here is an error. */
#include "judge_private.h"
#include "tlsrpt_record.h"

static void add(const struct mtasts_judgement *j, enum mtasts_found found, const char *message,
                const char *remedy) {
  mtasts_judge_add(j, found, MTASTS_SEVERITY_WARNING, j->tlsrpt_name, message, remedy);
}

static const char *record_line(const struct mtasts_judgement *j) {
  return mtasts_judge_text(j, "%s. IN TXT \"v=TLSRPTv1; rua=mailto:tls-reports@%s\"",
                           j->tlsrpt_name, j->domain);
}

static void say_absent(const struct mtasts_judgement *j) {
  bool active = mtasts_judge_is_active(j);
  mtasts_judge_add(
      j, MTASTS_FOUND_TLSRPT_ABSENT, active ? MTASTS_SEVERITY_WARNING : MTASTS_SEVERITY_INFO,
      j->tlsrpt_name,
      active ? "There is no TLSRPT record: no sender reports what fails."
             : "There is no TLSRPT record.",
      mtasts_judge_text(j,
                        "Publish this record, with an address that is read; without it, mode "
                        "testing tells nothing:\n%s",
                        record_line(j)));
}

/* Has this URI bytes that the grammar does not allow? Then `flaw` has told of it. */
static bool is_flawed(struct mtasts_span uri) {
  for (size_t i = 0; i < uri.len; i++)
    if (uri.data[i] == '!' || !mtasts_rua_is_uri_byte(uri.data[i]))
      return true;
  return uri.len == 0;
}

static void judge_uri(const struct mtasts_judgement *j, struct mtasts_span uri) {
  struct mtasts_rua rua;
  mtasts_rua_parse(uri, &rua);
  if (rua.meant != MTASTS_RUA_UNUSABLE || is_flawed(uri))
    return;
  const char *shown = mtasts_judge_shown(j, uri);
  add(j, MTASTS_FOUND_TLSRPT_RUA_INVALID,
      mtasts_judge_text(j, "The rua \"%s\" is of no use: %s.", shown, rua.why),
      mtasts_judge_text(j,
                        "Write an address as \"mailto:tls-reports@%s\", or a URL that begins with "
                        "\"https://\".",
                        j->domain));
}

static void judge_items(const struct mtasts_judgement *j,
                        const struct mtasts_tlsrpt_record *record) {
  struct mtasts_tlsrpt_cursor cursor = mtasts_tlsrpt_begin(record);
  struct mtasts_tlsrpt_item item;
  while (mtasts_tlsrpt_next(&cursor, &item)) {
    if (item.kind == MTASTS_TLSRPT_RUA)
      judge_uri(j, item.text);
    else
      mtasts_judge_add(
          j, MTASTS_FOUND_TLSRPT_UNKNOWN_FIELD, MTASTS_SEVERITY_INFO, j->tlsrpt_name,
          mtasts_judge_text(j, "The record has a field \"%s\", which senders ignore.",
                            mtasts_judge_shown(j, item.text)),
          "Nothing has to be done if the field is meant. If it is a slip of the pen, mend it.");
  }
}

/* Why no report gets there; NULL: it may. */
static const char *find_obstacle(const struct mtasts_judgement *j,
                                 const struct mtasts_seen_rua *rua) {
  bool no_address = mtasts_judge_no_address(&rua->addresses) ||
                    (rua->mx.asked && rua->mx.outcome == MTASTS_DNS_NXDOMAIN);
  const char *host = mtasts_judge_shown(j, rua->host);
  if (rua->https) {
    if (no_address)
      return mtasts_judge_text(j, "%s has no address", host);
    if (rua->connect == MTASTS_CONNECT_FAILED)
      return mtasts_judge_text(j, "%s accepts no connection on its port", host);
    return NULL;
  }
  if (rua->null_mx)
    return mtasts_judge_text(j, "%s has a null MX and takes no mail", host);
  if (mtasts_judge_answered(&rua->mx) && !rua->has_mx && no_address)
    return mtasts_judge_text(j, "%s has neither MX nor address", host);
  return NULL;
}

static void judge_targets(const struct mtasts_judgement *j) {
  for (size_t i = 0; i < j->seen->rua_count; i++) {
    const struct mtasts_seen_rua *rua = &j->seen->rua[i];
    const char *why = rua->host.data ? find_obstacle(j, rua) : NULL;
    if (why)
      add(j, MTASTS_FOUND_TLSRPT_RUA_UNDELIVERABLE,
          mtasts_judge_text(j, "No report reaches \"%s\": %s.", mtasts_judge_shown(j, rua->uri),
                            why),
          "Name a mail address or a URL that works, or make that host take reports.");
  }
}

/* A record that looks as if it were one is said also beside one that is. */
static void judge_versions(const struct mtasts_judgement *j) {
  struct mtasts_tlsrpt_record record;
  for (size_t i = 0; i < j->seen->tlsrpt.count; i++) {
    mtasts_tlsrpt_record_parse(&j->seen->tlsrpt.texts[i], 1, &record);
    if (record.state != MTASTS_TLSRPT_VERSION)
      continue;
    add(j, MTASTS_FOUND_TLSRPT_VERSION,
        mtasts_judge_text(j,
                          "The TXT record '%s' does not begin with \"v=TLSRPTv1;\", so senders "
                          "ignore it.",
                          mtasts_judge_shown(j, record.text)),
        mtasts_judge_text(j, "Publish it in this form:\n%s", record_line(j)));
  }
}

static void judge_record(const struct mtasts_judgement *j) {
  struct mtasts_tlsrpt_record record;
  judge_versions(j);
  mtasts_tlsrpt_record_parse(j->seen->tlsrpt.texts, j->seen->tlsrpt.count, &record);
  const char *text = mtasts_judge_shown(j, record.text);
  switch (record.state) {
  case MTASTS_TLSRPT_ABSENT:
    say_absent(j);
    return;
  case MTASTS_TLSRPT_VERSION:
    return;
  case MTASTS_TLSRPT_MULTIPLE:
    add(j, MTASTS_FOUND_TLSRPT_MULTIPLE,
        "Several records begin with v=TLSRPTv1: senders take none of them.",
        mtasts_judge_text(j, "Keep one; it may name several targets, separated by commas:\n%s",
                          record_line(j)));
    return;
  case MTASTS_TLSRPT_INVALID:
  case MTASTS_TLSRPT_VALID:
    break;
  }
  const char *why = record.why ? record.why : record.flaw;
  if (why)
    add(j, MTASTS_FOUND_TLSRPT_INVALID,
        mtasts_judge_text(j, "The record breaks the grammar: %s.", why),
        mtasts_judge_text(j, "What is published is '%s'. Write it in this form:\n%s", text,
                          record_line(j)));
  judge_items(j, &record);
  judge_targets(j);
}

void mtasts_judge_tlsrpt(const struct mtasts_judgement *j) {
  const struct mtasts_seen_answer *answer = &j->seen->tlsrpt.answer;
  if (mtasts_judge_answered(answer))
    judge_record(j);
  else if (mtasts_judge_failed(answer))
    add(j, MTASTS_FOUND_TLSRPT_DNS_ERROR,
        mtasts_judge_text(j, "The TXT look-up fails%s.", mtasts_judge_detail(j, answer->detail)),
        mtasts_judge_text(j, "Check that all name servers of the zone answer for TXT at %s.",
                          j->tlsrpt_name));
}
