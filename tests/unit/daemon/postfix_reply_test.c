/* The bounds of replies; what they say is in map_reply_test. */
#include "postfix_reply.h"

#include <stdio.h>
#include <string.h>

#include "ascii.h"
#include "mx_list.h"
#include "unit.h"

const char *const unit_name = "daemon/postfix_reply";

enum {
  LABEL = 63,
  NAME = 191, /* three labels */
};

static const struct mtasts_domain domain = {.name = "example.com", .len = 11};
static char out[MTASTS_POSTFIX_REPLY_MAX + 1];

static unsigned char store[2 * MTASTS_POSTFIX_REPLY_MAX];
static struct mtasts_policy policy;

static void begin(enum mtasts_mode mode) {
  policy = (struct mtasts_policy){.mode = mode, .max_age = 86400, .mx = {.data = store}};
}

static void add(const char *pattern, size_t len) {
  store[policy.mx.size] = (unsigned char)len;
  memcpy(store + policy.mx.size + 1, pattern, len);
  policy.mx.size += 1 + len;
  policy.mx.count++;
}

/* A name of just that many characters, all of them different. */
static void add_long(size_t len) {
  char name[MTASTS_DOMAIN_MAX + 1];
  int head = snprintf(name, sizeof name, "mx%05zu", policy.mx.count);
  for (size_t i = (size_t)head; i < len; i++)
    name[i] = (i + 1) % (LABEL + 1) == 0 && i + 1 < len ? '.' : 'a';
  add(name, len);
}

static size_t reply(enum mtasts_dialect dialect, const struct mtasts_entry *entry) {
  struct mtasts_decision decision = {
      .verdict =
          policy.mode == MTASTS_MODE_ENFORCE ? MTASTS_VERDICT_ENFORCE : MTASTS_VERDICT_TESTING,
      .policy = &policy,
  };
  struct mtasts_postfix_settings settings = {.dialect = dialect, .plain_level = MTASTS_PLAIN_MAY};
  memset(out, '#', sizeof out);
  return mtasts_postfix_reply(&decision, &domain, entry, &settings, out);
}

static bool begins(const char *text) {
  return strncmp(out, text, strlen(text)) == 0;
}

static bool holds(size_t size, const char *text) {
  return memmem(out, size, text, strlen(text)) != NULL;
}

static size_t times(size_t size, const char *text) {
  size_t n = 0;
  for (const char *at = out; (at = memmem(at, size - (size_t)(at - out), text, strlen(text)));)
    n++, at++;
  return n;
}

/* As many hosts as fit, and one more. */
static void test_plain(void) {
  size_t size = 0;
  begin(MTASTS_MODE_ENFORCE);
  do {
    add_long(NAME);
    size = reply(MTASTS_DIALECT_POSTFIX, NULL);
    CU_ASSERT(size <= MTASTS_POSTFIX_REPLY_MAX);
  } while (size == 35 + (NAME + 1) * policy.mx.count);
  CU_ASSERT(begins("TEMP the MTA-STS policy of example.com lists more MX hosts than one reply"));
  CU_ASSERT_EQUAL(policy.mx.count, (MTASTS_POSTFIX_REPLY_MAX - 35) / (NAME + 1) + 1);
}

/* To the last byte. */
static void test_exact(void) {
  static const size_t spare = (MTASTS_POSTFIX_REPLY_MAX - 35) % (NAME + 1);
  for (size_t more = 0; more < 2; more++) {
    begin(MTASTS_MODE_ENFORCE);
    while (policy.mx.count + 1 < (MTASTS_POSTFIX_REPLY_MAX - 35) / (NAME + 1))
      add_long(NAME);
    add_long(NAME + spare - 100);
    add_long(99 + more);
    size_t size = reply(MTASTS_DIALECT_POSTFIX, NULL);
    CU_ASSERT(more ? begins("TEMP ") : begins("OK ") && size == MTASTS_POSTFIX_REPLY_MAX);
  }
}

/* First the policy's text goes, then the reply. */
static void test_report(void) {
  size_t with_text = 0;
  size_t without = 0;
  size_t size;
  begin(MTASTS_MODE_ENFORCE);
  for (;;) {
    add_long(24);
    size = reply(MTASTS_DIALECT_TLSRPT, NULL);
    if (!begins("OK "))
      break;
    CU_ASSERT(size <= MTASTS_POSTFIX_REPLY_MAX);
    CU_ASSERT_EQUAL(times(size, " mx_host_pattern=mx"), policy.mx.count);
    size_t strings = times(size, " { policy_string = ");
    CU_ASSERT(strings == 0 || (strings == policy.mx.count + 3 && without == 0));
    if (strings > 0)
      with_text = policy.mx.count;
    else
      without = policy.mx.count;
  }
  CU_ASSERT(begins("TEMP the MTA-STS policy of example.com lists more MX hosts than one reply"));
  unit_check(with_text >= 600 && without >= 1400, "%zu hosts with the text, %zu without", with_text,
             without);

  /* Mail to a domain in testing never waits for that. */
  policy.mode = MTASTS_MODE_TESTING;
  size = reply(MTASTS_DIALECT_TLSRPT, NULL);
  CU_ASSERT(begins("OK may ") && times(size, " mx_host_pattern=mx") == policy.mx.count);
  while (policy.mx.count < 3000)
    add_long(24);
  CU_ASSERT(reply(MTASTS_DIALECT_TLSRPT, NULL) == 9 && begins("NOTFOUND "));
}

static void test_three_hundred(void) {
  begin(MTASTS_MODE_ENFORCE);
  while (policy.mx.count < 300)
    add_long(30);
  CU_ASSERT(reply(MTASTS_DIALECT_POSTFIX, NULL) > 300 * 30 && begins("OK secure match=mx00000"));
  size_t size = reply(MTASTS_DIALECT_TLSRPT, NULL);
  CU_ASSERT(holds(size, " mx_host_pattern=mx00299") &&
            holds(size, " { policy_string = mx: mx00299"));
}

/* What is known of the domain's MX hosts. */
static struct mtasts_entry known(struct mtasts_mx_host *hosts, size_t count) {
  static unsigned char packed[MTASTS_MX_LIST_MAX];
  struct mtasts_entry entry = {.mx_state = MTASTS_MX_LISTED};
  mtasts_mx_list_pack(hosts, count, packed, &entry.mx);
  return entry;
}

/* Sendmail takes 255 bytes of names, and never gets more: it would cut one in the middle. */
static void test_sendmail(void) {
  struct mtasts_mx_host hosts[] = {
      {.preference = 10, .host = MTASTS_SPAN("a.wild.example")},
      {.preference = 20, .host = MTASTS_SPAN("b.wild.example")},
      {.preference = 20, .host = MTASTS_SPAN("unlisted.example")},
      {.preference = 30, .host = MTASTS_SPAN("mx.example.com")},
  };
  struct mtasts_entry entry = known(hosts, 4);
  for (size_t more = 0; more < 2; more++) {
    begin(MTASTS_MODE_ENFORCE);
    add_long(NAME);
    add_long(255 - NAME - 1 + more);
    size_t size = reply(MTASTS_DIALECT_SENDMAIL, &entry);
    CU_ASSERT(more ? begins("TEMP ") : begins("OK secure match=mx00000a") && size == 36 + 255);
  }

  add("mx.example.com", 14);
  add("*.wild.example", 14);
  add("other.example.com", 17);
  static const char of_hosts[] = "OK secure match=.wild.example:mx.example.com servername=hostname";
  CU_ASSERT_EQUAL(reply(MTASTS_DIALECT_SENDMAIL, &entry), sizeof of_hosts - 1);
  CU_ASSERT(begins(of_hosts));
  CU_ASSERT(reply(MTASTS_DIALECT_SENDMAIL, NULL) > 0 && begins("TEMP "));
  entry.mx = (struct mtasts_mx_list){NULL, 0, 0};
  CU_ASSERT(reply(MTASTS_DIALECT_SENDMAIL, &entry) > 0 && begins("TEMP "));
}

/* Its hosts alone are too many. */
static void test_sendmail_hosts(void) {
  struct mtasts_mx_host hosts[MTASTS_MX_HOSTS_MAX];
  begin(MTASTS_MODE_ENFORCE);
  for (size_t i = 0; i < MTASTS_MX_HOSTS_MAX; i++) {
    add_long(MTASTS_DOMAIN_MAX);
    hosts[i] = (struct mtasts_mx_host){
        .host = {(const char *)store + policy.mx.size - MTASTS_DOMAIN_MAX, MTASTS_DOMAIN_MAX}};
  }
  for (size_t count = 1; count <= MTASTS_MX_HOSTS_MAX; count++) {
    struct mtasts_entry entry = known(hosts, count);
    size_t size = reply(MTASTS_DIALECT_SENDMAIL, &entry);
    CU_ASSERT(size > 0 && begins(count == 1 ? "OK secure match=mx" : "TEMP "));
  }
}

/* Postfix refuses all of an answer whose policy_domain it takes for malformed. */
static void test_policy_domain(void) {
  static const struct {
    const char *name;
    bool told;
  } cases[] = {{"example.com", true},   {"a-b.example", true}, {"a_b.example", true},
               {"-a.example", false},   {"a-.example", false}, {"a.-b.example", false},
               {"a.b-.example", false}, {"a.example-", false}, {"x--y.example", true},
               {"a.-", false}};
  struct mtasts_postfix_settings settings = {.dialect = MTASTS_DIALECT_TLSRPT};
  begin(MTASTS_MODE_ENFORCE);
  add("a.b", 3);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct mtasts_domain asked = {.len = strlen(cases[i].name)};
    struct mtasts_decision decision = {.verdict = MTASTS_VERDICT_ENFORCE, .policy = &policy};
    memcpy(asked.name, cases[i].name, asked.len + 1);
    size_t size = mtasts_postfix_reply(&decision, &asked, NULL, &settings, out);
    unit_check(holds(size, " policy_domain=") == cases[i].told, "%s", cases[i].name);
    unit_check(holds(size, " policy_type=sts ") && holds(size, " mx_host_pattern=a.b "), "%s",
               cases[i].name);
  }
}

static void test_no_entry(void) {
  static const char want[] =
      "TEMP DNSSEC forbids delivery to example.com for now: a look-up of "
      "its MX hosts failed validation; it will be tried again, see: mtasts query "
      "example.com";
  struct mtasts_decision decision = {.verdict = MTASTS_VERDICT_DEFER};
  struct mtasts_postfix_settings settings = {.dialect = MTASTS_DIALECT_TLSRPT,
                                             .plain_level = MTASTS_PLAIN_MAY};
  CU_ASSERT_EQUAL(mtasts_postfix_reply(&decision, &domain, NULL, &settings, out), sizeof want - 1);
  CU_ASSERT_EQUAL(memcmp(out, want, sizeof want - 1), 0);
  decision.verdict = MTASTS_VERDICT_NONE;
  CU_ASSERT_EQUAL(mtasts_postfix_reply(&decision, NULL, NULL, &settings, out), 9);
}

const struct unit_test unit_tests[] = {
    {"no reply is longer than Postfix takes, and none is cut", test_plain},
    {"the last byte counts", test_exact},
    {"a reply with reports gives up the policy's text first", test_report},
    {"300 hosts are no trouble", test_three_hundred},
    {"Sendmail gets as many names as it takes", test_sendmail},
    {"and of nothing where that is not enough", test_sendmail_hosts},
    {"a policy domain that Postfix would not take is left out", test_policy_domain},
    {"nothing but the decision is known", test_no_entry},
    {NULL, NULL},
};
