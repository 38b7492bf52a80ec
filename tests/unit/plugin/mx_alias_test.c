#include "mx_alias.h"

#include "domain_decision_fixture.h"

const char *const unit_name = "plugin/mx_alias";

static struct fixture fixture;
static struct mtasts_aliases aliases;
static unsigned asked;

/* TYPE=NAME, and what the DNS says; NULL: it does not. Closed by an empty question. */
struct answer {
  const char *question, *answer;
};

static bool ask(void *context, const char *type, const struct mtasts_domain *name,
                struct mtasts_span *answer) {
  char question[300];
  const struct answer *answers = context;
  snprintf(question, sizeof question, "%s=%s", type, name->name);
  asked++;
  *answer = (struct mtasts_span){"", 0};
  for (; answers->question; answers++)
    if (strcmp(answers->question, question) == 0) {
      if (answers->answer)
        *answer = span(answers->answer);
      return answers->answer != NULL;
    }
  return true;
}

static void find(struct answer *answers) {
  struct mtasts_alias_dns dns = {answers, ask};
  asked = 0;
  mtasts_aliases_find(&fixture.decided, &dns, &aliases);
}

/* expected NULL: no name. */
static void name(const char *host, const char *names, const char *expected) {
  struct mtasts_domain parsed;
  CU_ASSERT_EQUAL(mtasts_domain_parse(span(host), &parsed), MTASTS_OK);
  const struct mtasts_domain *found = mtasts_aliases_name(&aliases, &parsed, span(names));
  const char *got = found ? found->name : "none";
  expected = expected ? expected : "none";
  unit_check(strcmp(got, expected) == 0, "%s: %s in place of %s", host, got, expected);
}

static void unlisted(const char *expected) {
  static char room[MTASTS_UNLISTED_MAX];
  struct mtasts_strbuf text = MTASTS_STRBUF(room);
  mtasts_aliases_unlisted(&aliases, &text);
  expect(&text, expected);
}

static void test_known_names(void) {
  decided(&fixture, ENFORCE);
  find((struct answer[]){{"cname=mx1.good.example", "A.hop.example."},
                         {"cname=a.hop.example", "b.hop.example"},
                         {"cname=b.hop.example", "END.example"},
                         {NULL, NULL}});
  CU_ASSERT_EQUAL(asked, 4); /* mtastsd knew the MX host; nothing lists the domain itself */
  name("end.example", "", "mx1.good.example");
  unlisted("<; !^end[.]example$ ; *");
}

static void test_out_of_date(void) {
  decided(&fixture, ENFORCE)->entry_reply.entry.mx_expires = NOW;
  struct answer answers[] = {{"mxh=good.example", "a.wild.example:.:192.0.2.1:B.wild.example."},
                             {"cname=a.wild.example", "end.example"},
                             {"cname=b.wild.example", "end.example"},
                             {NULL, NULL}};
  find(answers);
  name("end.example", "", "a.wild.example");
  name("end.example", "c.wild.example:b.wild.example", "b.wild.example");
  unlisted("<; !^end[.]example$ ; !^end[.]example$ ; *");
  answers[0].answer = NULL; /* so those that mtastsd knew */
  find(answers);
  CU_ASSERT_TRUE(aliases.unsure);
  name("mx1.good.example", "", "mx1.good.example");
}

static struct mtasts_domain_decision *with_mx(const char *policy, const char *first,
                                              const char *second) {
  struct mtasts_domain_decision *made = decided(&fixture, policy);
  struct mtasts_mx_host hosts[] = {{10, MTASTS_DANE_NONE, span(first)},
                                   {20, MTASTS_DANE_NONE, span(second)}};
  mtasts_mx_list_pack(hosts, 2, fixture.hosts, &made->entry_reply.entry.mx);
  return made;
}

/* Two MX records that lead to one host: the listed one counts. */
static void test_one_listed(void) {
  struct answer answers[] = {{"cname=mx1.good.example", "end.example"},
                             {"cname=mx9.good.example", "end.example"},
                             {NULL, NULL}};
  with_mx(ENFORCE, "mx9.good.example", "mx1.good.example");
  find(answers);
  CU_ASSERT_EQUAL(asked, 2); /* nothing goes to mx9 */
  name("end.example", "mx9.good.example", "mx1.good.example");
  unlisted("<; !^end[.]example$ ; *");
  with_mx(TESTING, "mx9.good.example", "mx8.good.example");
  find(answers); /* a host that is not refused is reported by its MX name */
  name("end.example", "", "mx9.good.example");
  unlisted("<; *");
}

/* The end of an alias is an MX host, which the policy does not list: it gets no mail by that name.
 */
static void test_end_unlisted(void) {
  struct answer answers[] = {{"cname=mx1.good.example", "mx9.good.example"}, {NULL, NULL}};
  with_mx(ENFORCE, "mx1.good.example", "mx9.good.example");
  find(answers);
  name("mx9.good.example", "mx9.good.example", "mx1.good.example");
  unlisted("<; *");
}

static void test_both_listed(void) {
  struct mtasts_domain end;
  struct answer answers[] = {{"cname=a.wild.example", "b.wild.example"}, {NULL, NULL}};
  with_mx(ENFORCE, "a.wild.example", "b.wild.example");
  find(answers);
  name("b.wild.example", "", "a.wild.example");
  name("b.wild.example", "b.wild.example", "b.wild.example");
  CU_ASSERT_EQUAL(mtasts_domain_parse(span("b.wild.example"), &end), MTASTS_OK);
  const struct mtasts_domain *other = mtasts_aliases_other(&aliases, &end, &end);
  CU_ASSERT_PTR_NOT_NULL_FATAL(other);
  CU_ASSERT_STRING_EQUAL(other->name, "a.wild.example");
  CU_ASSERT_PTR_NULL(mtasts_aliases_other(&aliases, other, &end));
}

/* Some names lead elsewhere with each answer, and Exim's was another than ours. */
static void test_elsewhere(void) {
  struct answer answers[] = {{"cname=mx1.good.example", "end2.example"}, {NULL, NULL}};
  with_mx(ENFORCE, "a.wild.example", "mx1.good.example");
  find(answers);
  name("end1.example", "", "mx1.good.example");
  with_mx(ENFORCE, "a.wild.example", "b.wild.example");
  find(answers);
  name("end1.example", "", NULL);
}

/* A smart host, and a domain without MX records. */
static void test_own_host(void) {
  struct answer answers[] = {{"cname=good.example", "end.example"}, {NULL, NULL}};
  decided(&fixture, "version: STSv1\nmode: enforce\nmx: good.example\nmax_age: 86400\n");
  fixture.decided.entry_reply.entry.mx = (struct mtasts_mx_list){.count = 0};
  find(answers);
  name("end.example", "", "good.example");
  unlisted("<; !^end[.]example$ ; *");
}

static void test_hostile(void) {
  struct answer circle[] = {{"cname=mx1.good.example", "b.example"},
                            {"cname=b.example", "mx1.good.example"},
                            {NULL, NULL}};
  struct answer silent[] = {{"cname=a.wild.example", NULL}, {NULL, NULL}};
  struct answer junk[] = {{"mxh=good.example", "${run{x}}:a b:*:\xff:*.wild.example:\"\":-"},
                          {"cname=mx1.good.example", "$ ; *:x"},
                          {NULL, NULL}};
  static char many[40 * 32];
  decided(&fixture, ENFORCE);
  find(circle);
  CU_ASSERT_EQUAL(asked, MTASTS_ALIAS_STEPS);
  with_mx(ENFORCE, "a.wild.example", "b.wild.example");
  find(silent);
  CU_ASSERT_EQUAL(asked, 1);
  CU_ASSERT_TRUE(aliases.unsure);
  decided(&fixture, ENFORCE);
  find(junk);
  unlisted("<; *");
  fixture.decided.entry_reply.entry.mx_expires = NOW;
  find(junk);
  unlisted("<; *");
  for (unsigned i = 0; i < 40; i++)
    snprintf(many + strlen(many), sizeof many - strlen(many), "m%u.wild.example:", i);
  find((struct answer[]){{"mxh=good.example", many}, {NULL, NULL}});
  CU_ASSERT_EQUAL(aliases.count, MTASTS_ALIASES_MAX);
  CU_ASSERT_EQUAL(asked, 1 + MTASTS_ALIASES_MAX);
}

const struct unit_test unit_tests[] = {
    {"the MX hosts that mtastsd knows", test_known_names},
    {"their list is out of date", test_out_of_date},
    {"one end, one of two names listed", test_one_listed},
    {"an end that is an MX host of its own", test_end_unlisted},
    {"and is listed", test_both_listed},
    {"an alias that leads elsewhere now", test_elsewhere},
    {"a domain that is its own host", test_own_host},
    {"answers that are none", test_hostile},
    {NULL, NULL},
};
