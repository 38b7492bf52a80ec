#include "dns_message.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "printable.h"
#include "unit.h"

/* The bytes of a hex field, in memory of just that size, so that a sanitizer sees the first byte
 * read too far. */
static unsigned char *from_hex(const struct unit_field *hex, size_t *size) {
  unsigned char *bytes = malloc(hex->len / 2 + 1);
  *size = hex->len / 2;
  for (size_t i = 0; i < *size; i++) {
    char digits[] = {hex->data[2 * i], hex->data[2 * i + 1], '\0'};
    bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
  }
  return realloc(bytes, *size ? *size : 1);
}

static uint16_t type_of(const char *name) {
  if (strcmp(name, "TXT") == 0)
    return MTASTS_RR_TXT;
  if (strcmp(name, "MX") == 0)
    return MTASTS_RR_MX;
  if (strcmp(name, "TLSA") == 0)
    return MTASTS_RR_TLSA;
  return strcmp(name, "A") == 0 ? MTASTS_RR_A : MTASTS_RR_AAAA;
}

/* " alias=b.example", if there are CNAMEs. */
static size_t show_alias(const struct mtasts_dns_message *message, char *out, size_t size) {
  struct mtasts_domain target;
  enum mtasts_status status = mtasts_dns_message_alias(message, "example", &target);
  if (message->cnames == 0) {
    CU_ASSERT_EQUAL(status, MTASTS_ABSENT);
    return 0;
  }
  return (size_t)snprintf(out, size, " alias=%s",
                          status == MTASTS_OK       ? target.name
                          : status == MTASTS_ABSENT ? "-"
                                                    : "!");
}

static size_t show(const struct mtasts_rr *rr, uint16_t type, char *out, size_t size) {
  char text[4096];
  uint16_t preference;
  struct mtasts_domain exchange;
  if (type == MTASTS_RR_TXT) {
    text[mtasts_rr_txt(rr, text)] = '\0';
  } else if (type == MTASTS_RR_MX) {
    if (mtasts_rr_mx(rr, &preference, &exchange) == MTASTS_OK) {
      unit_check(strlen(exchange.name) == exchange.len, "%s: length", exchange.name);
      snprintf(text, sizeof text, "%u %s", preference, exchange.name);
    } else if (mtasts_rr_mx_raw(rr, &preference, &exchange) == MTASTS_INVALID) {
      char shown[1024];
      mtasts_printable((struct mtasts_span){exchange.name, exchange.len}, shown, sizeof shown);
      snprintf(text, sizeof text, "!%u %s", preference, shown);
    } else {
      memcpy(text, "!", 2);
    }
  } else if (type == MTASTS_RR_TLSA) {
    text[0] = '\0';
    for (size_t i = 0; i < rr->rdata_size; i++)
      snprintf(text + 2 * i, 3, "%02x", rr->message[rr->rdata + i]);
  } else {
    inet_ntop(type == MTASTS_RR_A ? AF_INET : AF_INET6, rr->message + rr->rdata, text, sizeof text);
  }
  return (size_t)snprintf(out, size, " [%s]", text);
}

static void check(unsigned line, const struct unit_field *fields, size_t count) {
  char read[4096] = "invalid";
  size_t size;
  CU_ASSERT_EQUAL_FATAL(count, 4);
  uint16_t type = type_of(fields[2].data);
  unsigned char *bytes = from_hex(&fields[1], &size);
  struct mtasts_dns_message message;
  if (mtasts_dns_message_read(bytes, size, type, &message) == MTASTS_OK) {
    size_t length = (size_t)snprintf(read, sizeof read, "rcode=%u ttl=%u cnames=%zu", message.rcode,
                                     (unsigned)message.ttl, message.cnames);
    length += show_alias(&message, read + length, sizeof read - length);
    if (message.rrsigs > 0)
      length +=
          (size_t)snprintf(read + length, sizeof read - length, " rrsigs=%zu", message.rrsigs);
    struct mtasts_rr rr;
    size_t records = 0;
    for (size_t cursor = 0; mtasts_dns_message_next(&message, &cursor, &rr); records++)
      length += show(&rr, type, read + length, sizeof read - length);
    unit_check(records == message.count, "line %u: %zu of %zu records", line, records,
               message.count);
  }
  unit_check(strcmp(read, fields[3].data) == 0, "line %u: %s: %s", line, fields[0].data, read);
  free(bytes);
}

static void messages(void) {
  unit_vectors("tests/data/dns_message.tsv", 100, check);
}

const char *const unit_name = "net/dns_message";
const struct unit_test unit_tests[] = {
    {"each message is read as it is, or is invalid", messages},
    {NULL, NULL},
};
