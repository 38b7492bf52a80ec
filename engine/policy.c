#include "span.h"
#include "utf8.h"

enum {
  SEEN_MAX = 16384, /* more than the patterns of the largest body, each at least `mx:a` and LF */
  PROBES_MAX = 64   /* bounds the time if a policy's patterns are made to collide */
};

struct parser {
  struct mtasts_policy policy;
  struct mtasts_policy_report *report;
  unsigned char *store;
  uint32_t line;
  uint32_t blank; /* the line of the first blank line, or 0 */
  bool has_version;
  bool has_mode;
  bool has_max_age;
  bool has_mx;
  bool needs_mx;           /* the mode is enforce or testing */
  uint16_t seen[SEEN_MAX]; /* a hash table: the offset of a pattern in the store, plus 1 */
};

/* Returns whether parsing goes on to find further errors: not if the grammar is broken. */
static bool fail(struct parser *p, enum mtasts_policy_fault fault, const char *text) {
  struct mtasts_policy_report *report = p->report;
  struct mtasts_policy_diagnostic found = {.line = p->line, .text = text, .fault = fault};
  if (!report->error.text)
    report->error = found;
  else if (report->more_count < MTASTS_ERRORS_MAX)
    report->more[report->more_count++] = found;
  return fault != MTASTS_POLICY_FAULT_GRAMMAR;
}

/* A required field is nowhere: the last line stands for it. */
static void lack(struct parser *p, enum mtasts_policy_fault fault, const char *text) {
  struct mtasts_policy_report *report = p->report;
  size_t more = report->more_count;
  bool first = !report->error.text;
  fail(p, fault, text);
  if (first)
    report->error.missing = true;
  else if (report->more_count > more)
    report->more[more].missing = true;
}

static void warn(struct parser *p, uint32_t line, enum mtasts_policy_fault fault,
                 const char *text) {
  if (p->report->error.text)
    return;
  size_t at = p->report->warning_count++;
  if (at < MTASTS_WARNINGS_MAX)
    p->report->warnings[at] =
        (struct mtasts_policy_diagnostic){.line = line, .text = text, .fault = fault};
}

/* sts-policy-ext-value of RFC 8461 section 3.2, or nothing: visible ASCII, spaces and UTF-8. */
static bool is_text(struct mtasts_span value) {
  while (value.len > 0) {
    bool ascii = value.data[0] == ' ' || mtasts_is_visible(value.data[0]);
    size_t len = ascii ? 1 : mtasts_utf8_len(value);
    if (len == 0)
      return false;
    mtasts_span_drop(&value, len);
  }
  return true;
}

static bool read_version(struct parser *p, struct mtasts_span value) {
  return mtasts_span_equal(value, MTASTS_SPAN("STSv1")) ||
         fail(p, MTASTS_POLICY_FAULT_VERSION, "the version is not STSv1");
}

static bool read_mode(struct parser *p, struct mtasts_span value) {
  p->report->mode_line = p->line;
  if (mtasts_span_equal(value, MTASTS_SPAN("enforce")))
    p->policy.mode = MTASTS_MODE_ENFORCE;
  else if (mtasts_span_equal(value, MTASTS_SPAN("testing")))
    p->policy.mode = MTASTS_MODE_TESTING;
  else if (mtasts_span_equal(value, MTASTS_SPAN("none")))
    p->policy.mode = MTASTS_MODE_NONE;
  else
    return fail(p, MTASTS_POLICY_FAULT_MODE, "the mode is none of enforce, testing and none");
  p->needs_mx = p->policy.mode != MTASTS_MODE_NONE;
  return true;
}

static bool read_max_age(struct parser *p, struct mtasts_span value) {
  p->report->max_age_line = p->line;
  if (!mtasts_span_is_digits(value) || value.len > MTASTS_MAX_AGE_DIGITS)
    return fail(p, MTASTS_POLICY_FAULT_MAX_AGE, "max_age is not 1 to 10 digits");
  uint64_t seconds = 0;
  for (size_t i = 0; i < value.len; i++)
    seconds = seconds * 10 + (uint64_t)(value.data[i] - '0');
  /* RFC 8461 section 3.2 names a maximum, but its grammar allows ten digits. So a larger value is
   * not an error, and counts as the maximum of about a year. */
  if (seconds > MTASTS_MAX_AGE_MAX) {
    warn(p, p->line, MTASTS_POLICY_FAULT_MAX_AGE_LONG,
         "max_age is more than 31557600 seconds and counts as that");
    seconds = MTASTS_MAX_AGE_MAX;
  }
  p->policy.max_age = (uint32_t)seconds;
  return true;
}

/* Has the policy had this pattern before? If not, it is recorded as the next one in the store. If
 * the table has no free slot for it, it is not recorded. Then a repeat stays in the list, which
 * does no harm. */
static bool is_repeat(struct parser *p, struct mtasts_span pattern) {
  uint32_t hash = 2166136261U; /* FNV-1a */
  for (size_t i = 0; i < pattern.len; i++)
    hash = (hash ^ (unsigned char)pattern.data[i]) * 16777619U;
  for (uint32_t i = 0; i < PROBES_MAX; i++) {
    uint16_t *place = &p->seen[(hash + i) % SEEN_MAX];
    if (*place == 0) {
      *place = (uint16_t)(p->policy.mx.size + 1);
      return false;
    }
    const unsigned char *entry = p->store + *place - 1;
    if (mtasts_span_equal((struct mtasts_span){(const char *)entry + 1, entry[0]}, pattern))
      return true;
  }
  return false;
}

static bool read_mx(struct parser *p, struct mtasts_span value) {
  char text[MTASTS_DOMAIN_MAX];
  struct mtasts_span pattern = {text, mtasts_mx_pattern(value, text)};
  p->has_mx = true;
  if (pattern.len == 0)
    return fail(p, MTASTS_POLICY_FAULT_MX, "mx is neither a host name nor \"*.\" and a domain");
  if (value.data[value.len - 1] == '.')
    warn(p, p->line, MTASTS_POLICY_FAULT_NOT_STRICT, "mx ends in a dot, which is left out");
  if (is_repeat(p, pattern))
    return true;
  /* The store is as large as the body, and `mx:` in the body takes more than the length byte. */
  struct mtasts_names *mx = &p->policy.mx;
  p->store[mx->size] = (unsigned char)pattern.len;
  memcpy(p->store + mx->size + 1, pattern.data, pattern.len);
  mx->size += 1 + pattern.len;
  mx->count++;
  return true;
}

/* RFC 8461 section 3.2: of a field that is repeated "all entries except for the first SHALL be
 * ignored", so a later one may be any text. */
static bool read_once(struct parser *p, struct mtasts_span value, bool *has,
                      bool (*read)(struct parser *, struct mtasts_span)) {
  if (*has) {
    warn(p, p->line, MTASTS_POLICY_FAULT_REPEATED,
         "this field has been given before and is ignored here");
    return true;
  }
  *has = true;
  return read(p, value);
}

static bool read_field(struct parser *p, struct mtasts_span line) {
  struct mtasts_span name;
  if (!mtasts_span_take_name(&line, ':', &name))
    return fail(p, MTASTS_POLICY_FAULT_GRAMMAR,
                "the line does not begin with a field name and \":\"");
  mtasts_span_skip_wsp(&line);
  mtasts_span_trim_wsp(&line);
  if (!is_text(line))
    return fail(p, MTASTS_POLICY_FAULT_GRAMMAR,
                "the value has a control character or is not UTF-8");

  if (mtasts_span_equal(name, MTASTS_SPAN("version")))
    return read_once(p, line, &p->has_version, read_version);
  if (mtasts_span_equal(name, MTASTS_SPAN("mode")))
    return read_once(p, line, &p->has_mode, read_mode);
  if (mtasts_span_equal(name, MTASTS_SPAN("max_age")))
    return read_once(p, line, &p->has_max_age, read_max_age);
  if (mtasts_span_equal(name, MTASTS_SPAN("mx")))
    return read_mx(p, line);
  if (line.len == 0)
    return fail(p, MTASTS_POLICY_FAULT_GRAMMAR, "the field has no value");
  warn(p, p->line, MTASTS_POLICY_FAULT_UNKNOWN, "this field is not known and is ignored");
  return true;
}

static bool read_line(struct parser *p, struct mtasts_span line) {
  p->line++;
  struct mtasts_span visible = line;
  mtasts_span_skip_wsp(&visible);
  if (visible.len == 0) {
    if (p->blank == 0)
      p->blank = p->line;
    return true;
  }
  if (p->blank != 0) {
    p->line = p->blank;
    return fail(p, MTASTS_POLICY_FAULT_GRAMMAR, "a blank line stands before a field");
  }
  return read_field(p, line);
}

static bool read_body(struct parser *p, struct mtasts_span body) {
  while (body.len > 0) {
    struct mtasts_span line;
    /* sts-policy-term is LF or CRLF: a CR without LF stays in the line, as an error. */
    if (mtasts_span_cut(&body, '\n', &line) && line.len > 0 && line.data[line.len - 1] == '\r')
      line.len--;
    if (!read_line(p, line))
      return false;
  }
  if (p->blank != 0)
    warn(p, p->blank, MTASTS_POLICY_FAULT_NOT_STRICT, "the policy ends in a blank line");

  /* RFC 8461 section 3.2: a policy that lacks a required field is invalid. */
  if (p->line == 0)
    p->line = 1;
  if (!p->has_version)
    lack(p, MTASTS_POLICY_FAULT_VERSION, "the policy has no version");
  if (!p->has_mode)
    lack(p, MTASTS_POLICY_FAULT_MODE, "the policy has no mode");
  if (!p->has_max_age)
    lack(p, MTASTS_POLICY_FAULT_MAX_AGE, "the policy has no max_age");
  if (!p->has_mx && p->needs_mx)
    lack(p, MTASTS_POLICY_FAULT_MX_MISSING,
         "the policy has no mx, which only mode none may leave out");
  return p->report->error.text == NULL;
}

enum mtasts_status mtasts_policy_parse(struct mtasts_span body, unsigned char *store,
                                       struct mtasts_policy *policy,
                                       struct mtasts_policy_report *report) {
  struct mtasts_policy_report unread = {.warning_count = 0};
  struct parser p = {.policy.mx.data = store, .store = store, .report = report ? report : &unread};
  *p.report = (struct mtasts_policy_report){.warning_count = 0};
  if (body.len > MTASTS_POLICY_MAX) {
    p.line = 1;
    fail(&p, MTASTS_POLICY_FAULT_TOO_LARGE, "the policy has more than 65536 bytes");
    return MTASTS_TOO_LARGE;
  }
  if (!read_body(&p, body))
    return MTASTS_INVALID;
  *policy = p.policy;
  return MTASTS_OK;
}
