#include "reverse_names.h"

#include "unit.h"

#include <string.h>

const char *const unit_name = "reverse_names";

/* What a DNS server answers is tested with the tool (tests/tool/report_views.sh). */
static void queries(void) {
  static const struct {
    const char *address, *query; /* NULL: not asked for */
  } cases[] = {
      {"9.8.7.6", "6.7.8.9.in-addr.arpa"},
      {"::ffff:9.8.7.6", "6.7.8.9.in-addr.arpa"},
      {"2606:4700::1f", "f.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.4.6.0.6.2.ip6.arpa"},
      {"10.0.0.1", NULL},
      {"127.0.0.1", NULL},
      {"192.0.2.1", NULL},
      {"169.254.1.1", NULL},
      {"::1", NULL},
      {"fe80::1", NULL},
      {"fd00::1", NULL},
      {"::ffff:10.0.0.1", NULL},
      {"", NULL},
      {"9.8.7", NULL},
      {"9.8.7.6 ", NULL},
      {"mail.example", NULL},
      {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd", NULL},
  };
  char query[MTASTS_REVERSE_QUERY];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct mtasts_span address = {cases[i].address, strlen(cases[i].address)};
    bool asked = mtasts_reverse_query(address, query);
    unit_check(asked == (cases[i].query != NULL), "%s", cases[i].address);
    if (asked && cases[i].query)
      CU_ASSERT_STRING_EQUAL(query, cases[i].query);
  }
  CU_ASSERT(!mtasts_reverse_query((struct mtasts_span){"9.8.7.6\0x", 9}, query));
}

const struct unit_test unit_tests[] = {
    {"what is asked for an address", queries},
    {NULL, NULL},
};
