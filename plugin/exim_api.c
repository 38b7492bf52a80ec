#include "exim_api.h"

#include <local_scan.h>
#include <stdarg.h>
#include <stdio.h>

#include "ascii.h"
#include "log.h"
#include "printable.h"
#include "span.h"

void mtasts_exim_api_log(const char *format, ...) {
  char text[MTASTS_LOG_LINE_MAX];
  char line[MTASTS_LOG_LINE_MAX];
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (n < 0)
    return;
  size_t len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
  mtasts_printable((struct mtasts_span){text, len}, line, sizeof line);
  log_write(0, LOG_MAIN, "%s", line);
}

/* Reads a number as Exim's expansions write it; false if it is none. */
static bool read_number(const unsigned char *expanded, unsigned *number) {
  if (!expanded)
    return false;
  struct mtasts_span digits = {CCS expanded, strlen(CCS expanded)};
  *number = 0;
  for (size_t i = 0; i < digits.len; i++)
    if (__builtin_mul_overflow(*number, 10U, number) ||
        __builtin_add_overflow(*number, (unsigned)(digits.data[i] - '0'), number))
      return false;
  return mtasts_span_is_digits(digits);
}

bool mtasts_exim_api_user(uid_t *uid, gid_t *gid) {
  static bool asked;
  static bool decided;
  static unsigned ids[2];
  if (!asked) {
    asked = true;
    decided = read_number(expand_string(US "$exim_uid"), &ids[0]) &&
              read_number(expand_string(US "$exim_gid"), &ids[1]);
  }
  *uid = ids[0];
  *gid = ids[1];
  return decided;
}

bool mtasts_exim_api_has_message(void) {
  const unsigned char *id = expand_string(US "$message_exim_id");
  return id && *id;
}

/* The name may come from a message or from the DNS, and becomes a part of an expansion. So it may
 * have only the characters of a host name. */
bool mtasts_exim_api_lookup(const char *type, struct mtasts_span name, struct mtasts_span *answer) {
  char text[sizeof "${lookup dnsdb{>: =}{$value}{}}" + 16 + MTASTS_DOMAIN_MAX];
  for (size_t i = 0; i < name.len; i++)
    if (!mtasts_is_alnum(name.data[i]) && !strchr("-._", name.data[i]))
      return false;
  int n = snprintf(text, sizeof text, "${lookup dnsdb{>: %s=%.*s}{$value}{}}", type, (int)name.len,
                   name.data);
  if (name.len == 0 || n < 0 || (size_t)n >= sizeof text)
    return false;
  const unsigned char *found = expand_string(US text);
  if (!found)
    return false;
  answer->data = CCS found;
  answer->len = strlen(answer->data);
  return true;
}

unsigned char *mtasts_exim_api_string(struct mtasts_span text, bool tainted) {
  unsigned char *copy = store_get((int)text.len + 1, tainted ? GET_TAINTED : GET_UNTAINTED);
  memcpy(copy, text.data, text.len);
  copy[text.len] = '\0';
  return copy;
}
