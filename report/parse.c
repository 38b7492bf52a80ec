#include "parse.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"
#include "instant.h"
#include "printable.h"
#include "span.h"

static const uint64_t count_max = (uint64_t)1 << 53; /* exclusive: 2^53 - 1 is the largest */

enum warning {
  WARN_COUNT_FORM,
  WARN_COUNT_WRONG,
  WARN_NO_ZONE,
  WARN_SPACE,
  WARN_DATE_MISSING,
  WARN_DATE_ORDER,
  WARN_POLICY_TYPE,
  WARN_RESULT_TYPE,
  WARN_MX_SPELLING,
  WARN_SHAPE,
  WARN_DOMAIN,
};

/* Text that is written once and freed all at once. */
struct chunk {
  struct chunk *next;
  size_t used, size;
  char data[];
};

struct mtasts_report_parser {
  struct mtasts_report_policy *policies;
  struct mtasts_report_detail *details;
  size_t policy_room, detail_room; /* elements that there is memory for */
  size_t detail_count;
  struct chunk *chunks; /* the first one is kept between reports */
  bool no_memory;
  unsigned warned; /* bits of enum warning */
  mtasts_report_warn_fn *warn;
  void *context;
};

enum {
  CHUNK_BYTES = 16384,
};

/* memory */

struct mtasts_report_parser *mtasts_report_parser_new(void) {
  return calloc(1, sizeof(struct mtasts_report_parser));
}

static void free_chunks(struct chunk *chunk) {
  while (chunk) {
    struct chunk *next = chunk->next;
    free(chunk);
    chunk = next;
  }
}

void mtasts_report_parser_free(struct mtasts_report_parser *parser) {
  if (!parser)
    return;
  free_chunks(parser->chunks);
  free(parser->policies);
  free(parser->details);
  free(parser);
}

static void reset(struct mtasts_report_parser *parser) {
  if (parser->chunks) {
    free_chunks(parser->chunks->next);
    parser->chunks->next = NULL;
    parser->chunks->used = 0;
  }
  parser->detail_count = 0;
  parser->warned = 0;
  parser->no_memory = false;
}

/* Memory for a text of so many bytes; NULL if there is none, and the parser notes that. */
static char *text_room(struct mtasts_report_parser *parser, size_t len) {
  struct chunk *chunk = parser->chunks;
  if (!chunk || len > chunk->size - chunk->used) {
    size_t size = len > CHUNK_BYTES ? len : CHUNK_BYTES;
    struct chunk *fresh = malloc(sizeof *fresh + size);
    parser->no_memory |= !fresh;
    if (!fresh)
      return NULL;
    *fresh = (struct chunk){.next = chunk, .size = size};
    parser->chunks = chunk = fresh;
  }
  chunk->used += len;
  return chunk->data + chunk->used - len;
}

/* Makes room for one more element. Returns false without memory. */
static bool element_room(struct mtasts_report_parser *parser, void **elements, size_t count,
                         size_t *room, size_t size) {
  if (count < *room)
    return true;
  size_t larger = *room ? *room * 2 : 16;
  void *grown = reallocarray(*elements, larger, size);
  parser->no_memory |= !grown;
  if (!grown)
    return false;
  *elements = grown;
  *room = larger;
  return true;
}

/* warnings */

/* Where it stands how it should be. */
static const char *section_of(enum warning kind) {
  switch (kind) {
  case WARN_NO_ZONE:
  case WARN_SPACE:
    return "RFC 8460 section 4.4, RFC 3339 section 5.6";
  case WARN_RESULT_TYPE:
    return "RFC 8460 section 4.3";
  case WARN_COUNT_FORM:
  case WARN_COUNT_WRONG:
  case WARN_DATE_MISSING:
  case WARN_DATE_ORDER:
  case WARN_POLICY_TYPE:
  case WARN_MX_SPELLING:
  case WARN_SHAPE:
  case WARN_DOMAIN:
    break;
  }
  return "RFC 8460 section 4.4";
}

__attribute__((format(printf, 3, 4))) static void warn(struct mtasts_report_parser *parser,
                                                       enum warning kind, const char *format, ...) {
  char text[384];
  va_list arguments;
  if (parser->warned & 1U << kind)
    return;
  parser->warned |= 1U << kind;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  size_t len = strlen(text);
  snprintf(text + len, sizeof text - len, " (%s)", section_of(kind));
  parser->warn(parser->context, text);
}

struct shown {
  char text[80];
};

static struct shown shown(struct mtasts_span text) {
  struct shown out = {.text = ""};
  mtasts_printable(text, out.text, sizeof out.text);
  return out;
}

/* values */

static struct mtasts_span string_of(const json_t *value) {
  if (!json_is_string(value))
    return MTASTS_SPAN("");
  return (struct mtasts_span){json_string_value(value), json_string_length(value)};
}

static struct mtasts_span text_at(const json_t *object, const char *key) {
  return string_of(json_object_get(object, key));
}

static bool has_upper(struct mtasts_span text) {
  for (size_t i = 0; i < text.len; i++)
    if (mtasts_is_upper(text.data[i]))
      return true;
  return false;
}

/* ASCII in lower case. */
static struct mtasts_span lower(struct mtasts_report_parser *parser, struct mtasts_span text) {
  char *copy = has_upper(text) ? text_room(parser, text.len) : NULL;
  if (!copy)
    return text;
  for (size_t i = 0; i < text.len; i++)
    copy[i] = mtasts_lower(text.data[i]);
  return (struct mtasts_span){copy, text.len};
}

static struct mtasts_span name_of(struct mtasts_report_parser *parser, struct mtasts_span text) {
  if (text.len > 1 && text.data[text.len - 1] == '.')
    text.len--;
  return lower(parser, text);
}

static bool is_space(char c) {
  return mtasts_is_wsp(c) || c == '\r' || c == '\n';
}

static struct mtasts_span trimmed(struct mtasts_span text) {
  while (text.len > 0 && is_space(text.data[0]))
    mtasts_span_drop(&text, 1);
  while (text.len > 0 && is_space(text.data[text.len - 1]))
    text.len--;
  return text;
}

/* RFC 5952; what is no address stays as it is. */
static struct mtasts_span address_of(struct mtasts_report_parser *parser, struct mtasts_span text) {
  char plain[INET6_ADDRSTRLEN];
  char canonical[INET6_ADDRSTRLEN];
  unsigned char bytes[sizeof(struct in6_addr)];
  if (text.len >= sizeof plain || memchr(text.data, '\0', text.len))
    return text;
  memcpy(plain, text.data, text.len);
  plain[text.len] = '\0';
  if (inet_pton(AF_INET6, plain, bytes) != 1 ||
      !inet_ntop(AF_INET6, bytes, canonical, sizeof canonical))
    return text; /* IPv4 has one form */
  size_t len = strlen(canonical);
  char *copy = text_room(parser, len);
  if (!copy)
    return text;
  memcpy(copy, canonical, len);
  return (struct mtasts_span){copy, len};
}

/* counts */

static bool count_of_digits(struct mtasts_span text, uint64_t *count) {
  *count = 0;
  if (!mtasts_span_is_digits(text))
    return false;
  for (size_t i = 0; i < text.len && *count < count_max; i++)
    *count = *count * 10 + (uint64_t)(text.data[i] - '0');
  return *count < count_max;
}

static bool count_of_real(double value, uint64_t *count) {
  if (!(value >= 0) || value >= (double)count_max || value != (double)(uint64_t)value)
    return false;
  *count = (uint64_t)value;
  return true;
}

static uint64_t count_at(struct mtasts_report_parser *parser, const json_t *object,
                         const char *key) {
  const json_t *value = json_object_get(object, key);
  uint64_t count = 0;
  bool read = false;
  if (json_is_integer(value)) {
    json_int_t integer = json_integer_value(value);
    if (integer >= 0 && (uint64_t)integer < count_max)
      return (uint64_t)integer;
  } else if (json_is_string(value)) {
    read = count_of_digits(string_of(value), &count);
  } else if (json_is_real(value)) {
    read = count_of_real(json_real_value(value), &count);
  }
  if (read)
    warn(parser, WARN_COUNT_FORM, "%s is not written as an integer", key);
  else
    warn(parser, WARN_COUNT_WRONG, "%s is %s: 0 is taken", key, value ? "no count" : "missing");
  return read ? count : 0;
}

/* details */

static struct mtasts_span mx_of(struct mtasts_report_parser *parser, const json_t *detail) {
  const json_t *value = json_object_get(detail, "receiving-mx-hostname");
  const json_t *other = json_object_get(detail, "receiving-mx-host-name");
  if (!json_is_string(value) && other) {
    value = other;
    warn(parser, WARN_MX_SPELLING, "receiving-mx-host-name is read as receiving-mx-hostname");
  }
  return name_of(parser, string_of(value));
}

static bool add_detail(struct mtasts_report_parser *parser, const json_t *value) {
  if (!json_is_object(value)) {
    warn(parser, WARN_SHAPE, "an element of failure-details is no object, and ignored");
    return true;
  }
  void *details = parser->details;
  bool room = element_room(parser, &details, parser->detail_count, &parser->detail_room,
                           sizeof *parser->details);
  parser->details = details;
  if (!room)
    return false;
  struct mtasts_report_detail *detail = &parser->details[parser->detail_count++];
  *detail = (struct mtasts_report_detail){
      .result = lower(parser, trimmed(text_at(value, "result-type"))),
      .source = address_of(parser, text_at(value, "sending-mta-ip")),
      .mx = mx_of(parser, value),
      .address = address_of(parser, text_at(value, "receiving-ip")),
      .reason = text_at(value, "failure-reason-code"),
      .more = text_at(value, "additional-information"),
      .sessions = count_at(parser, value, "failed-session-count"),
  };
  if (detail->result.len == 0)
    warn(parser, WARN_RESULT_TYPE, "result-type is missing");
  else if (!mtasts_advice_known(detail->result))
    warn(parser, WARN_RESULT_TYPE, "result-type %s is unknown", shown(detail->result).text);
  return true;
}

/* An array, or an object that stands for an array of one. Others hold nothing. */
static size_t list_count(const json_t *list) {
  return json_is_object(list) ? 1 : json_array_size(list);
}

static json_t *list_at(json_t *list, size_t i) {
  return json_is_object(list) ? list : json_array_get(list, i);
}

/* policies */

/* The mode in one line or several of a policy. */
static bool mode_in(struct mtasts_report_parser *parser, struct mtasts_span lines,
                    struct mtasts_span *mode) {
  const struct mtasts_span modes[] = {MTASTS_SPAN("enforce"), MTASTS_SPAN("testing"),
                                      MTASTS_SPAN("none")};
  struct mtasts_span line;
  struct mtasts_span key;
  while (lines.len > 0) {
    mtasts_span_cut(&lines, '\n', &line);
    if (!mtasts_span_cut(&line, ':', &key) ||
        !mtasts_span_equal(lower(parser, trimmed(key)), MTASTS_SPAN("mode")))
      continue;
    struct mtasts_span found = lower(parser, trimmed(line));
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
      if (mtasts_span_equal(found, modes[i]))
        *mode = modes[i];
    return true; /* the first one counts, RFC 8461 section 3.2 */
  }
  return false;
}

static struct mtasts_span mode_of(struct mtasts_report_parser *parser, const json_t *policy) {
  const json_t *strings = json_object_get(policy, "policy-string");
  struct mtasts_span mode = MTASTS_SPAN("");
  if (json_is_string(strings))
    mode_in(parser, string_of(strings), &mode);
  for (size_t i = 0; i < json_array_size(strings); i++)
    if (mode_in(parser, string_of(json_array_get(strings, i)), &mode))
      break;
  return mode;
}

static struct mtasts_span type_of(struct mtasts_report_parser *parser, const json_t *policy) {
  struct mtasts_span type = lower(parser, trimmed(text_at(policy, "policy-type")));
  if (type.len == 0)
    warn(parser, WARN_POLICY_TYPE, "policy-type is missing");
  else if (!mtasts_span_equal(type, MTASTS_SPAN("sts")) &&
           !mtasts_span_equal(type, MTASTS_SPAN("tlsa")) &&
           !mtasts_span_equal(type, MTASTS_SPAN("no-policy-found")))
    warn(parser, WARN_POLICY_TYPE, "policy-type %s is unknown", shown(type).text);
  return type;
}

static void read_domain(struct mtasts_report_parser *parser, const json_t *policy,
                        struct mtasts_span domain, struct mtasts_report_policy *added) {
  added->domain = name_of(parser, text_at(policy, "policy-domain"));
  if (added->domain.len > 0 || domain.len == 0)
    return;
  added->domain = name_of(parser, domain);
  added->domain_of_mail = true;
  warn(parser, WARN_DOMAIN, "policy-domain is missing: %s is taken from the mail",
       shown(added->domain).text);
}

/* The details stand in one array; where they begin is known once it grows no more. */
static bool add_policy(struct mtasts_report_parser *parser, json_t *element,
                       struct mtasts_span domain, size_t *count) {
  if (!json_is_object(element)) {
    warn(parser, WARN_SHAPE, "an element of policies is no object, and ignored");
    return true;
  }
  void *policies = parser->policies;
  bool room =
      element_room(parser, &policies, *count, &parser->policy_room, sizeof *parser->policies);
  parser->policies = policies;
  if (!room)
    return false;
  json_t *policy = json_object_get(element, "policy");
  json_t *summary = json_object_get(element, "summary");
  json_t *details = json_object_get(element, "failure-details");
  struct mtasts_report_policy *added = &parser->policies[(*count)++];
  *added = (struct mtasts_report_policy){
      .type = type_of(parser, policy),
      .successful = count_at(parser, summary, "total-successful-session-count"),
      .failed = count_at(parser, summary, "total-failure-session-count"),
  };
  read_domain(parser, policy, domain, added);
  if (mtasts_span_equal(added->type, MTASTS_SPAN("sts")))
    added->mode = mode_of(parser, policy);
  size_t before = parser->detail_count;
  for (size_t i = 0; i < list_count(details); i++)
    if (!add_detail(parser, list_at(details, i)))
      return false;
  added->detail_count = parser->detail_count - before;
  return true;
}

static void place_details(struct mtasts_report_parser *parser, size_t policy_count) {
  const struct mtasts_report_detail *next = parser->details;
  for (size_t i = 0; i < policy_count; i++) {
    if (parser->policies[i].detail_count == 0)
      continue;
    parser->policies[i].details = next;
    next += parser->policies[i].detail_count;
  }
}

/* dates */

static bool date_at(struct mtasts_report_parser *parser, const json_t *range, const char *key,
                    struct mtasts_span *text, int64_t *seconds) {
  *text = text_at(range, key);
  enum mtasts_instant instant = mtasts_instant_parse(*text, seconds);
  if (instant == MTASTS_INSTANT_NO_ZONE || instant == MTASTS_INSTANT_SPACE_NO_ZONE)
    warn(parser, WARN_NO_ZONE, "%s has no time zone: UTC is taken", key);
  if (instant == MTASTS_INSTANT_SPACE || instant == MTASTS_INSTANT_SPACE_NO_ZONE)
    warn(parser, WARN_SPACE, "%s has a space for the T of RFC 3339", key);
  return instant != MTASTS_INSTANT_WRONG;
}

static bool read_dates(struct mtasts_report_parser *parser, const json_t *range,
                       struct mtasts_tls_report *report) {
  bool start = date_at(parser, range, "start-datetime", &report->start_text, &report->start);
  bool end = date_at(parser, range, "end-datetime", &report->end_text, &report->end);
  if (!start && !end)
    return false;
  if (!start)
    report->start = report->end;
  if (!end)
    report->end = report->start;
  if (!start || !end)
    warn(parser, WARN_DATE_MISSING, "%s is missing or no date: %s is taken for it",
         start ? "end-datetime" : "start-datetime", start ? "start-datetime" : "end-datetime");
  else if (report->end < report->start)
    warn(parser, WARN_DATE_ORDER, "end-datetime is before start-datetime");
  return true;
}

const char *mtasts_report_parse(struct mtasts_report_parser *parser, json_t *root,
                                struct mtasts_span domain, mtasts_report_warn_fn *warn_fn,
                                void *context, struct mtasts_tls_report *report) {
  reset(parser);
  parser->warn = warn_fn;
  parser->context = context;
  json_t *policies = json_object_get(root, "policies");
  size_t count = 0;
  if (!json_is_array(policies) && !json_is_object(policies))
    return "JSON without policies: no TLS report (RFC 8460 section 4.4)";
  *report = (struct mtasts_tls_report){
      .organization = text_at(root, "organization-name"),
      .contact = text_at(root, "contact-info"),
      .id = text_at(root, "report-id"),
  };
  if (!read_dates(parser, json_object_get(root, "date-range"), report))
    return "neither start-datetime nor end-datetime is a date (RFC 8460 section 4.4)";
  for (size_t i = 0; i < list_count(policies) && !parser->no_memory; i++)
    add_policy(parser, list_at(policies, i), domain, &count);
  if (parser->no_memory)
    return "no memory to read the report";
  place_details(parser, count);
  report->policies = parser->policies;
  report->policy_count = count;
  return NULL;
}
