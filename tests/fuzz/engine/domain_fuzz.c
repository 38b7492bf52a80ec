/* The input is what an MTA calls the next hop. A policy domain is its own policy domain, whatever
 * an MTA puts around it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mtasts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
  if (!ok)
    abort();
}

static void check_same(const struct mtasts_domain *domain, const char *before, const char *after) {
  char text[MTASTS_DOMAIN_MAX + 16];
  struct mtasts_domain again;
  snprintf(text, sizeof text, "%s%s%s", before, domain->name, after);
  struct mtasts_span span = {text, strlen(text)};
  require(mtasts_domain_parse(span, &again) == MTASTS_OK);
  require(again.len == domain->len && strcmp(again.name, domain->name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mtasts_domain domain;
  struct mtasts_span text = {(const char *)data, size};
  enum mtasts_status status = mtasts_domain_parse(text, &domain);
  require(status == MTASTS_OK || status == MTASTS_NO_POLICY || status == MTASTS_NOT_ASCII ||
          status == MTASTS_INVALID);
  if (status != MTASTS_OK)
    return 0;
  require(domain.len >= 1 && domain.len <= MTASTS_DOMAIN_MAX);
  require(strlen(domain.name) == domain.len);
  require(strspn(domain.name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == domain.len);
  check_same(&domain, "", "");
  check_same(&domain, "", ".");
  check_same(&domain, "", ":25");
  check_same(&domain, "[", "]");
  check_same(&domain, "[", ".]:65535");
  return 0;
}
