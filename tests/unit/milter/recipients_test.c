#include "recipients.h"

#include "ascii.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

const char *const unit_name = "milter/recipients";

static struct mtasts_recipients recipients;
static const struct mtasts_strings none = {.count = 0};

static void add(const char *path, bool stays) {
  size_t len = strlen(path);
  char *exact = malloc(len ? len : 1); /* so that a sanitizer sees a byte read too far */
  CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
  memcpy(exact, path, len);
  mtasts_recipients_add(&recipients, (struct mtasts_span){exact, len}, stays, &none);
  free(exact);
}

/* The domains in their order, parted by spaces. */
static const char *domains(void) {
  static char text[4096];
  size_t at = 0;
  size_t count;
  struct mtasts_span *all = mtasts_recipients_domains(&recipients, &count);
  text[0] = '\0';
  for (size_t i = 0; all && i < count; i++)
    at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s", i > 0 ? " " : "", (int)all[i].len,
                           all[i].data);
  free(all);
  return text;
}

/* domain NULL: the recipient is local. */
static void check_path(const char *path, const char *domain) {
  add(path, false);
  unit_check(recipients.local == !domain && strcmp(domains(), domain ? domain : "") == 0,
             "%s: %s, %s", path, domains(), recipients.local ? "local" : "not local");
  CU_ASSERT_FALSE(recipients.cut);
  mtasts_recipients_clear(&recipients);
}

static void paths(void) {
  check_path("<user@example.com>", "example.com");
  check_path("user@example.com", "example.com");
  check_path("<User@EXAMPLE.Com>", "example.com");
  check_path("<user@example.com.>", "example.com");
  check_path("<user%there@example.com>", "example.com");
  check_path("<@relay.example,@other.example:user@example.com>", "example.com");
  check_path("<user@b\xc3\xbc"
             "cher.example>",
             "xn--bcher-kva.example");
  check_path("<us\xc3\xa9r@xn--bcher-kva.example>", "xn--bcher-kva.example");
  check_path("<u@a_b.example>", "a_b.example");
}

static void quoted(void) {
  check_path("<\"a@b\"@example.com>", "example.com");
  check_path("<\"a@b>\"@example.com>", "example.com");
  check_path("<\"a\\\"@b\"@example.com>", "example.com");
  check_path("<\"a\\\\\"@example.com>", "example.com");
  check_path("<\"a b\"@example.com>", "example.com");
  check_path("<\"user@example.com\">", NULL);
  check_path("<\"user@example.com>", NULL);
  check_path("<\"user\\", NULL);
}

static void without_domain(void) {
  check_path("", NULL);
  check_path("<", NULL);
  check_path(">", NULL);
  check_path("<>", NULL);
  check_path("<postmaster>", NULL);
  check_path("<user@>", NULL);
  check_path("<@>", NULL);
  check_path("@", NULL);
}

/* What can have no policy is kept as it is, in lower case. */
static void no_policy_domain(void) {
  check_path("<user@[192.0.2.1]>", "[192.0.2.1]");
  check_path("<user@[IPv6:2001:DB8::1]>", "[ipv6:2001:db8::1]");
  check_path("<user@192.0.2.1>", "192.0.2.1");
  check_path("<user@.>", ".");
  check_path("<user@.Example>", ".example");
  check_path("<user@a..b>", "a..b");
  check_path("<user@a b>", "a b");
  check_path("<user@a;protected=yes>", "a;protected=yes");
  check_path("<user@\xff\xfe.example>", "\xff\xfe.example");
}

static void stays_here(void) {
  add("<user@example.com>", true);
  CU_ASSERT(recipients.local);
  CU_ASSERT_STRING_EQUAL(domains(), "");
  add("<user@example.net>", false);
  CU_ASSERT(recipients.local);
  CU_ASSERT_STRING_EQUAL(domains(), "example.net");
  mtasts_recipients_clear(&recipients);
  CU_ASSERT_FALSE(recipients.local);
  CU_ASSERT_STRING_EQUAL(domains(), "");
}

/* The order reveals nothing of the recipients' order. */
static void each_once(void) {
  static const char *const all[] = {"<a@c.example>",  "<b@c.example>", "<a@A.example>",
                                    "<x@C.Example.>", "<a@b.example>", "<a@a.example>",
                                    "<a@a.exampl>",   "<a@aa.example>"};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    add(all[i], false);
  CU_ASSERT_STRING_EQUAL(domains(), "a.exampl a.example aa.example b.example c.example");
  mtasts_recipients_clear(&recipients);
}

static void add_numbered(unsigned user, int width, unsigned domain) {
  char path[80];
  snprintf(path, sizeof path, "<u%u@d%0*u.example>", user, width, domain);
  mtasts_recipients_add(&recipients, (struct mtasts_span){path, strlen(path)}, false, &none);
}

static size_t count_domains(void) {
  size_t count;
  struct mtasts_span *all = mtasts_recipients_domains(&recipients, &count);
  bool sorted = true;
  CU_ASSERT_PTR_NOT_NULL(all);
  for (size_t i = 1; all && i < count; i++) {
    size_t both = all[i].len < all[i - 1].len ? all[i].len : all[i - 1].len;
    int order = memcmp(all[i - 1].data, all[i].data, both);
    sorted = sorted && (order < 0 || (order == 0 && all[i - 1].len < all[i].len));
  }
  CU_ASSERT(sorted);
  free(all);
  return count;
}

static void fifty_thousand(void) {
  for (unsigned i = 0; i < 50000; i++)
    add_numbered(0, 1, i);
  CU_ASSERT_FALSE(recipients.cut);
  CU_ASSERT_EQUAL(count_domains(), 50000);
  mtasts_recipients_clear(&recipients);

  for (unsigned i = 0; i < 50000; i++)
    add_numbered(i, 1, 1);
  CU_ASSERT_EQUAL(recipients.size, sizeof "d1.example"); /* a domain in a row is kept once */
  mtasts_recipients_clear(&recipients);

  for (unsigned i = 0; i < 50000; i++)
    add_numbered(i, 1, i % 100);
  CU_ASSERT_FALSE(recipients.cut);
  CU_ASSERT_EQUAL(count_domains(), 100);
  mtasts_recipients_clear(&recipients);
}

static void cut_at_the_limit(void) {
  unsigned added = 0;
  while (!recipients.cut && added < MTASTS_RECIPIENTS_MAX)
    add_numbered(0, 19, added++);
  CU_ASSERT(recipients.cut);
  CU_ASSERT_EQUAL(added - 1, MTASTS_RECIPIENTS_MAX / 29); /* 28 bytes and one of length */
  CU_ASSERT_EQUAL(recipients.count, added - 1);
  CU_ASSERT(recipients.size <= MTASTS_RECIPIENTS_MAX);
  CU_ASSERT_EQUAL(count_domains(), added - 1);
  add("<u@another.example.com.example.net>", false);
  CU_ASSERT_EQUAL(count_domains(), added - 1);
  mtasts_recipients_clear(&recipients);
  CU_ASSERT_FALSE(recipients.cut);
}

/* Kilobytes of each byte, as local part, as domain, and as all there is. */
static void hostile_lengths(void) {
  static const size_t sizes[] = {252, 253, 254, 255, 256, 1011, 1012, 1013, 5000};
  static const char bytes[] = "a.@\"\\<>[:\xc3\xff ;";
  static char path[5020];
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (const char *byte = bytes; *byte; byte++) {
      memset(path, *byte, sizes[i]);
      path[sizes[i]] = '\0';
      add(path, false);
      memcpy(path + sizes[i], "@example.com>", 14);
      add(path, false);
      memcpy(path, "u@", 2);
      memset(path + 2, *byte, sizes[i]);
      path[2 + sizes[i]] = '\0';
      add(path, false);
      CU_ASSERT_FALSE(recipients.cut);
      size_t count;
      struct mtasts_span *all = mtasts_recipients_domains(&recipients, &count);
      for (size_t d = 0; all && d < count; d++)
        unit_check(all[d].len > 0 && all[d].len <= MTASTS_DOMAIN_MAX, "%zu of %c", sizes[i], *byte);
      free(all);
      mtasts_recipients_clear(&recipients);
    }
}

static void local_domains(void) {
  static const char *const names[] = {"Here.Example", "b\xc3\xbc"
                                                      "cher.example."};
  static const struct mtasts_strings ours = {names, 2};
  static const struct {
    const char *path;
    bool local;
  } paths_to[] = {{"<a@here.example>", true},          {"<a@HERE.example.>", true},
                  {"<a@xn--bcher-kva.example>", true}, {"<a@sub.here.example>", false},
                  {"<a@here.example.org>", false},     {"<a@example>", false}};
  for (size_t i = 0; i < sizeof paths_to / sizeof *paths_to; i++) {
    struct mtasts_span path = {paths_to[i].path, strlen(paths_to[i].path)};
    mtasts_recipients_add(&recipients, path, false, &ours);
    unit_check(recipients.local == paths_to[i].local &&
                   (recipients.count == 0) == paths_to[i].local,
               "%s", paths_to[i].path);
    mtasts_recipients_clear(&recipients);
  }
}

const struct unit_test unit_tests[] = {
    {"domains of this host", local_domains},
    {"the domain of a path", paths},
    {"quoted local parts", quoted},
    {"paths without a domain are local", without_domain},
    {"what is no policy domain", no_policy_domain},
    {"what stays here is local", stays_here},
    {"each domain once, sorted", each_once},
    {"fifty thousand recipients", fifty_thousand},
    {"what finds no room is known to be missing", cut_at_the_limit},
    {"kilobytes of anything", hostile_lengths},
    {NULL, NULL}};
