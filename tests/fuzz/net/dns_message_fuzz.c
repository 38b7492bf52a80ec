/* Any bytes as a DNS message. The first byte of the input is the type that was asked for. */
#include <stdlib.h>

#include "dane.h"
#include "dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint16_t types[] = {MTASTS_RR_TXT,  MTASTS_RR_MX,   MTASTS_RR_A,
                                   MTASTS_RR_AAAA, MTASTS_RR_TLSA, MTASTS_RR_CNAME};
  struct mtasts_dns_message message;
  if (size < 1)
    return 0;
  uint16_t type = types[data[0] % (sizeof types / sizeof *types)];
  if (mtasts_dns_message_read(data + 1, size - 1, type, &message) != MTASTS_OK)
    return 0;
  struct mtasts_domain target;
  if (mtasts_dns_message_alias(&message, "example", &target) == MTASTS_OK &&
      (target.len == 0 || target.len > MTASTS_DOMAIN_MAX || target.name[target.len] != '\0'))
    abort();
  struct mtasts_rr rr;
  size_t count = 0;
  for (size_t cursor = 0; mtasts_dns_message_next(&message, &cursor, &rr); count++) {
    uint16_t preference;
    struct mtasts_domain exchange;
    char *text = malloc(rr.rdata_size + 1);
    if (text && type == MTASTS_RR_TXT && mtasts_rr_txt(&rr, text) >= rr.rdata_size)
      abort();
    if (type == MTASTS_RR_TLSA)
      mtasts_tlsa_usable(rr.message + rr.rdata, rr.rdata_size);
    if (type == MTASTS_RR_MX && mtasts_rr_mx(&rr, &preference, &exchange) == MTASTS_OK &&
        exchange.len > MTASTS_DOMAIN_MAX)
      abort();
    if (type == MTASTS_RR_MX &&
        (mtasts_rr_mx_raw(&rr, &preference, &exchange) == MTASTS_CORRUPT ||
         exchange.len > MTASTS_DOMAIN_MAX || exchange.name[exchange.len] != '\0'))
      abort();
    free(text);
  }
  if (count != message.count)
    abort();
  return 0;
}
