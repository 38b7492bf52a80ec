#include "organisation.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

static void names(void) {
  static const struct {
    const char *domain;
    const char *name;
  } cases[] = {
      {"example.com", "example.com"},
      {"a.example.com", "example.com"},
      {"x1.b.a.example.com", "example.com"},
      {"com", "com"},
      {"", ""},
      {"example.co.uk", "example.co.uk"},
      {"mail.example.co.uk", "example.co.uk"},
      {"co.uk", "co.uk"},
      {"a.ab.de", "ab.de"}, /* short, but an organisation's own */
      {"x.example.ac.jp", "example.ac.jp"},
      {"x.com.example", "com.example"}, /* not below a country */
      {"co.example.uk", "example.uk"},
      {"x.xn--p1ai", "x.xn--p1ai"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *domain = cases[i].domain;
    const char *name = domain + mtasts_organisation_start(domain, strlen(domain));
    unit_check(strcmp(name, cases[i].name) == 0, "%s: %s", domain, name);
  }
}

const char *const unit_name = "engine/organisation";
const struct unit_test unit_tests[] = {
    {"the organisational domain is the end of a name", names},
    {NULL, NULL},
};
