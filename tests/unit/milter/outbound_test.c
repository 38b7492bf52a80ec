#include "outbound.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "unit.h"

const char *const unit_name = "milter/outbound";

static struct mtasts_config *configured(const char *text) {
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_config *config = NULL;
  enum mtasts_status status =
      mtasts_config_parse((struct mtasts_span){text, strlen(text)}, "t", error, &config);
  unit_check(status == MTASTS_OK, "%s: %s", text, error);
  CU_ASSERT_PTR_NOT_NULL_FATAL(config);
  return config;
}

/* An address as libmilter passes it; "" is a unix socket. */
static struct mtasts_smtp_client client_at(const char *address) {
  struct sockaddr_in ipv4 = {.sin_family = AF_INET};
  struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
  struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
  if (inet_pton(AF_INET, address, &ipv4.sin_addr) == 1)
    return mtasts_smtp_client_of((const struct sockaddr *)&ipv4);
  if (inet_pton(AF_INET6, address, &ipv6.sin6_addr) == 1)
    return mtasts_smtp_client_of((const struct sockaddr *)&ipv6);
  CU_ASSERT_STRING_EQUAL(address, "");
  return mtasts_smtp_client_of((const struct sockaddr *)&local);
}

static void check_sends(const struct mtasts_config *config, const char *address, bool authenticated,
                        bool expected) {
  struct mtasts_smtp_client client = client_at(address);
  unit_check(mtasts_smtp_client_sends(&client, authenticated, config) == expected, "%s%s", address,
             authenticated ? ", authenticated" : "");
}

static void local(void) {
  static const char *const here[] = {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", ""};
  static const char *const there[] = {"192.0.2.1", "128.0.0.1",        "2001:db8::1",
                                      "::",        "::ffff:192.0.2.1", "::127.0.0.1"};
  struct mtasts_config *config = configured("");
  struct mtasts_config *only_authenticated =
      configured("milter { outbound = {\"authenticated\"} }");
  for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
    CU_ASSERT(client_at(here[i]).local);
    check_sends(config, here[i], false, true);
    check_sends(only_authenticated, here[i], false, false);
  }
  for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
    CU_ASSERT_FALSE(client_at(there[i]).local);
    check_sends(config, there[i], false, false);
  }
  CU_ASSERT(mtasts_smtp_client_of(NULL).local); /* sendmail -bs */
  mtasts_config_free(config);
  mtasts_config_free(only_authenticated);
}

static void authenticated(void) {
  struct mtasts_config *config = configured("");
  struct mtasts_config *only_local = configured("milter { outbound = {\"local\"} }");
  struct mtasts_config *none = configured("milter { outbound = {} }");
  check_sends(config, "192.0.2.1", true, true);
  check_sends(only_local, "192.0.2.1", true, false);
  check_sends(only_local, "::1", false, true);
  check_sends(none, "192.0.2.1", true, false);
  check_sends(none, "127.0.0.1", true, false);
  mtasts_config_free(config);
  mtasts_config_free(only_local);
  mtasts_config_free(none);
}

static void networks(void) {
  struct mtasts_config *config = configured(
      "milter { outbound = {} networks = {\"192.0.2.0/25\", \"2001:db8::/33\", \"203.0.113.7\"} }");
  check_sends(config, "192.0.2.0", false, true);
  check_sends(config, "192.0.2.127", false, true);
  check_sends(config, "::ffff:192.0.2.5", false, true);
  check_sends(config, "192.0.2.128", false, false);
  check_sends(config, "203.0.113.7", false, true);
  check_sends(config, "203.0.113.8", false, false);
  check_sends(config, "2001:db8:7fff::1", false, true);
  check_sends(config, "2001:db8:8000::1", false, false);
  check_sends(config, "127.0.0.1", false, false);
  check_sends(config, "", false, false);
  mtasts_config_free(config);
}

static void mailers(void) {
  struct mtasts_config *config = configured("");
  struct mtasts_config *own = configured("milter { local_mailers = {\"dovecot\"} }");
  CU_ASSERT(mtasts_mailer_is_local("local", config));
  CU_ASSERT(mtasts_mailer_is_local("virtual", config));
  CU_ASSERT_FALSE(mtasts_mailer_is_local("esmtp", config));
  CU_ASSERT_FALSE(mtasts_mailer_is_local("relay", config));
  CU_ASSERT_FALSE(mtasts_mailer_is_local("smtp", config));
  CU_ASSERT_FALSE(mtasts_mailer_is_local("", config));
  CU_ASSERT_FALSE(mtasts_mailer_is_local("locals", config));
  CU_ASSERT(mtasts_mailer_is_local("dovecot", own));
  CU_ASSERT_FALSE(mtasts_mailer_is_local("local", own));
  mtasts_config_free(config);
  mtasts_config_free(own);
}

const struct unit_test unit_tests[] = {{"this host", local},
                                       {"authenticated clients", authenticated},
                                       {"networks", networks},
                                       {"mailers whose mail stays here", mailers},
                                       {NULL, NULL}};
