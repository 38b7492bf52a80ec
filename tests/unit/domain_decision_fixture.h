/* domain_decision_fixture.h: what is known of a domain, made from a policy as text. */
#ifndef DOMAIN_DECISION_FIXTURE_H
#define DOMAIN_DECISION_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "domain_decision.h"
#include "mx_list.h"
#include "strbuf.h"
#include "unit.h"

enum {
  NOW = 1800000000, /* 2027-01-15T08:00:00Z */
};

static inline struct mtasts_span span(const char *text) {
  return (struct mtasts_span){text, strlen(text)};
}

struct fixture {
  struct mtasts_domain_decision decided;
  unsigned char store[MTASTS_POLICY_MAX];
  unsigned char hosts[1024];
};

static inline void decide(struct fixture *fixture) {
  fixture->decided.decision = mtasts_entry_reply_decide(&fixture->decided.entry_reply, NOW);
}

/* Of good.example. policy NULL: it has no record. */
static inline struct mtasts_domain_decision *decided(struct fixture *fixture, const char *policy) {
  struct mtasts_domain_decision *made = &fixture->decided;
  struct mtasts_entry *entry = &made->entry_reply.entry;
  *made = (struct mtasts_domain_decision){
      .entry_reply = {.has_entry = true, .freshness = MTASTS_CACHED}, .now = NOW};
  CU_ASSERT_EQUAL_FATAL(mtasts_domain_parse(span("good.example"), &made->domain), MTASTS_OK);
  entry->record = policy ? MTASTS_RECORD_VALID : MTASTS_RECORD_ABSENT;
  if (policy) {
    entry->has_policy = true;
    CU_ASSERT_EQUAL_FATAL(mtasts_policy_parse(span(policy), fixture->store, &entry->policy, NULL),
                          MTASTS_OK);
    entry->fetched = NOW - 60;
    entry->expires = entry->fetched + entry->policy.max_age;
    snprintf(entry->policy_id, sizeof entry->policy_id, "id1");
    struct mtasts_mx_host mx = {.host = span("mx1.good.example")};
    mtasts_mx_list_pack(&mx, 1, fixture->hosts, &entry->mx);
    entry->mx_state = MTASTS_MX_LISTED;
    entry->mx_expires = NOW + 300;
  }
  decide(fixture);
  return made;
}

#define ENFORCE                                                                                    \
  "version: STSv1\nmode: enforce\nmx: mx1.good.example\nmx: *.wild.example\nmax_age: 86400\n"
#define TESTING "version: STSv1\nmode: testing\nmx: mx1.good.example\nmax_age: 86400\n"

static inline void expect(const struct mtasts_strbuf *text, const char *expected) {
  unit_check(strcmp(text->data, expected) == 0, "\n%s\nin place of\n%s", text->data, expected);
}

#endif
