#include "exim_offers.h"

#include <local_scan.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  EXIM_ID = 65534, /* whom the host calls Exim's user and group */
};

struct exim_stored *exim_stored;
char exim_logged[65536];
unsigned exim_log_lines;
unsigned exim_lookups;
bool exim_has_message = true;

void *store_get_3(int size, const void *proto_mem, const char *function, int line) {
  (void)function;
  (void)line;
  struct exim_stored *made = malloc(sizeof *made + (size_t)size);
  if (size <= 0 || !made)
    abort();
  *made = (struct exim_stored){.next = exim_stored, .tainted = proto_mem == GET_TAINTED};
  exim_stored = made;
  return made->bytes;
}

/* What Exim's dnsdb finds; NULL: no answer. */
static struct {
  const char *query, *answer;
} const dns[] = {
    {"mxh=alias.example", "MX1.good.example:a.wild.example"},
    {"cname=mx1.good.example", "hop.host.example"},
    {"cname=hop.host.example", "end.host.example"},
    {"mxh=monitor.example", "other.good.example"},
    {"cname=other.good.example", "end.host.example"},
    {"mxh=testing.example", "mx1.good.example"},
    {"mxh=enforce.example", NULL},
};
static uschar *look_up(const char *query, size_t len) {
  const char *answer = "";
  exim_lookups++;
  for (size_t i = 0; i < sizeof dns / sizeof *dns; i++)
    if (strlen(dns[i].query) == len && memcmp(dns[i].query, query, len) == 0)
      answer = dns[i].answer;
  if (!answer)
    return NULL;
  uschar *copy = store_get_3((int)strlen(answer) + 1, GET_TAINTED, "", 0);
  memcpy(copy, answer, strlen(answer) + 1);
  return copy;
}

uschar *expand_string(uschar *text) {
  static const char begin[] = "${lookup dnsdb{>: ";
  static const char end[] = "}{$value}{}}";
  size_t len = strlen(CCS text);
  if (strncmp(CCS text, begin, sizeof begin - 1) == 0) {
    if (strcmp(CCS text + len + 1 - sizeof end, end) != 0 ||
        strcspn(CCS text + sizeof begin - 1, "{}$\\\"\n ") + sizeof begin - 1 + sizeof end - 1 !=
            len)
      abort(); /* a name has become a part of the expansion */
    return look_up(CCS text + sizeof begin - 1, len + 2 - sizeof begin - sizeof end);
  }
  if (strcmp(CCS text, "$message_exim_id") == 0)
    return exim_has_message ? US "1rAbCd-00000000001-abcd" : US "";
  bool decided = strcmp(CCS text, "$exim_uid") == 0 || strcmp(CCS text, "$exim_gid") == 0;
  uschar *number = store_get_3(16, GET_UNTAINTED, "", 0);
  snprintf(CS number, 16, "%d", EXIM_ID);
  return decided ? number : NULL;
}

void log_write(unsigned selector, int flags, const char *format, ...) {
  va_list arguments;
  size_t len = strlen(exim_logged);
  (void)selector;
  (void)flags;
  va_start(arguments, format);
  vsnprintf(exim_logged + len, sizeof exim_logged - len, format, arguments);
  va_end(arguments);
  exim_log_lines++;
}
