#include "mailbox_list.h"

#include <string.h>

#include "ascii.h"
#include "unit.h"

const char *const unit_name = "common/mailbox_list";

static const struct {
  const char *text;
  const char *domain; /* NULL: it is invalid */
} cases[] = {
    {"a@b.example", "b.example"},
    {"\"a b\"@b.example", "b.example"},
    {"\"a\\\"@,\"@b.example", "b.example"},
    {"\"\"@b.example", "b.example"},
    {"a.b@b.example,\"c\"@[192.0.2.1]", ""},
    {"a@[IPv6:2001:db8::1]", ""},
    {"\xc3\xa4@b.example", "b.example"},
    {"a@b\xc3\xbc"
     "cher.example",
     "xn--bcher-kva.example"},
    {"", NULL},
    {"a", NULL},
    {"a@", NULL},
    {"@b.example", NULL},
    {"a@b", NULL},
    {"a@b.example,", NULL},
    {",a@b.example", NULL},
    {"a@b.example,c", NULL},
    {"a..b@b.example", NULL},
    {".a@b.example", NULL},
    {"a.@b.example", NULL},
    {"a b@b.example", NULL},
    {"\"a@b.example", NULL},
    {"\"a\\", NULL},
    {"\"a\nb\"@b.example", NULL},
    {"a@[192.0.2]", NULL},
    {"a@[192.0.2.1", NULL},
    {"a@[192.0.2.1]x", NULL},
    {"a@192.0.2.1", NULL},
    {"a@b.example:25", NULL},
    {"\xff@b.example", NULL},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.example", NULL},
};

static void each(void) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct mtasts_domain domain = {.len = 0};
    bool valid = mtasts_mailbox_list_is_valid(mtasts_span_of(cases[i].text), &domain);
    unit_check(valid == (cases[i].domain != NULL), "%s", cases[i].text);
    unit_check(!valid || !cases[i].domain || strcmp(domain.name, cases[i].domain) == 0, "%s: %s",
               cases[i].text, domain.name);
  }
}

const struct unit_test unit_tests[] = {
    {"addresses as mailto: may have them", each},
    {NULL, NULL},
};
