#include "cert_names.h"

#include "domain_decision_fixture.h"
#include "mx_list.h"

const char *const unit_name = "plugin/cert_names";

static struct fixture fixture;

static void check_vector(unsigned line, const struct unit_field *fields, size_t count) {
  unit_check(count == 3, "line %u: three fields", line);
  if (count != 3)
    return;
  bool expected = strcmp(fields[2].data, "yes") == 0;
  bool covers = mtasts_cert_names_cover((struct mtasts_span){fields[0].data, fields[0].len},
                                        (struct mtasts_span){fields[1].data, fields[1].len});
  unit_check(covers == expected, "line %u: %s for %s", line, fields[0].data, fields[1].data);
}

static void test_cover(void) {
  unit_vectors("tests/data/certificate-names.tsv", 30, check_vector);
}

static void judge(const struct mtasts_domain_decision *made, const char *names, const char *host,
                  const char *expected) {
  char room[4096] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(room);
  mtasts_cert_names_check(made, span(names), span(host), &text);
  expect(&text, expected);
}

#define REMEDY                                                                                     \
  "; policy id id1; if the domain has a new policy: mtasts query --refresh good.example"

static void test_judge(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  judge(made, "a.example:mx1.good.example", "mx1.good.example", "");
  judge(made, "", "mx1.good.example",
        "MTA-STS: the certificate of mx1.good.example is not for that name (RFC 8461 section 4.2) "
        "nor for any other: it has no DNS name in its subjectAltName" REMEDY);
  judge(made, "b.example:*.c.example:x\"\n", "mx1.good.example",
        "MTA-STS: the certificate of mx1.good.example is not for that name (RFC 8461 section 4.2) "
        "but for b.example, *.c.example, x??" REMEDY);
  judge(made, "1:2:3:4:5:6:7:8:9", "mx1.good.example",
        "MTA-STS: the certificate of mx1.good.example is not for that name (RFC 8461 section 4.2) "
        "but for 1, 2, 3, 4, 5, 6, 7, 8 and others" REMEDY);
  made->entry_reply.monitor = true;
  judge(made, "b.example", "mx1.good.example", "");
  judge(decided(&fixture, TESTING), "b.example", "mx1.good.example", "");
  judge(decided(&fixture, NULL), "b.example", "mx1.good.example", "");
}

static void refuses(const struct mtasts_domain_decision *made) {
  char room[4096] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(room);
  mtasts_cert_names_check(made, span(""), span("mx1.good.example"), &text);
  CU_ASSERT(text.len > 0);
}

static void test_dane(void) {
  struct mtasts_domain_decision *made = decided(&fixture, ENFORCE);
  struct mtasts_mx_host host = {10, MTASTS_DANE_USABLE, {"mx1.good.example", 16}};
  mtasts_mx_list_pack(&host, 1, fixture.hosts, &made->entry_reply.entry.mx);
  made->entry_reply.entry.dane = MTASTS_DANE_USABLE;
  made->entry_reply.entry.dane_expires = made->now - 86400 + 1;
  judge(made, "", "mx1.good.example", "");
  /* The policy asks for one if DANE counts no more, does not govern, or is off by an override. */
  made->entry_reply.entry.dane_expires = made->now - 86400;
  refuses(made);
  made->entry_reply.entry.dane_expires = made->now;
  made->entry_reply.entry.dane = MTASTS_DANE_UNKNOWN;
  refuses(made);
  made->entry_reply.entry.dane = MTASTS_DANE_USABLE;
  made->entry_reply.dane_off = true;
  refuses(made);
  made->entry_reply.dane_off = false;
  judge(made, "", "mx1.good.example", "");
  host.dane = MTASTS_DANE_UNUSABLE;
  mtasts_mx_list_pack(&host, 1, fixture.hosts, &made->entry_reply.entry.mx);
  refuses(made);
}

static void test_lost(void) {
  struct mtasts_domain_decision *made = decided(&fixture, NULL);
  made->entry_reply.has_entry = false;
  decide(&fixture);
  snprintf(made->why, sizeof made->why, "nothing is known");
  judge(made, "mx1.good.example", "mx1.good.example", "nothing is known");
  made->entry_reply.monitor = true;
  judge(made, "mx1.good.example", "mx1.good.example", "");
}

static void unsure(const struct mtasts_domain_decision *made, const char *expected) {
  char room[4096] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(room);
  mtasts_cert_names_unsure(made, span("end.example"), &text);
  expect(&text, expected);
}

static void test_unsure(void) {
  unsure(
      decided(&fixture, ENFORCE),
      "MTA-STS: the DNS does not say which MX host of good.example is an alias of end.example, so "
      "no name can be asked of its certificate (RFC 8461 section 4.2)");
  unsure(decided(&fixture, TESTING), "");
}

const struct unit_test unit_tests[] = {
    {"which hosts a certificate's names cover", test_cover},
    {"what is wrong is said in a sentence", test_judge},
    {"DANE asks for no name", test_dane},
    {"what cannot be known any more is refused", test_lost},
    {"an alias that the DNS does not resolve", test_unsure},
    {NULL, NULL},
};
