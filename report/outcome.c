#include "outcome.h"

#include <arpa/inet.h>
#include <jansson.h>

#include "idn.h"
#include "span.h"
#include "uri.h"
#include "utf8.h"

enum {
  HELO_PREFIX = sizeof "250" - 1, /* and one more byte begin a line of an EHLO reply */
};

const char *mtasts_outcome_refusal_name(enum mtasts_outcome_refusal refusal) {
  static const char *const names[MTASTS_OUTCOME_REFUSALS] = {
      [MTASTS_OUTCOME_ACCEPTED] = "",
      [MTASTS_OUTCOME_EMPTY] = "empty",
      [MTASTS_OUTCOME_OVERSIZED] = "oversized",
      [MTASTS_OUTCOME_NO_OBJECT] = "no-object",
      [MTASTS_OUTCOME_BAD_VERSION] = "bad-version",
      [MTASTS_OUTCOME_BAD_DOMAIN] = "bad-domain",
      [MTASTS_OUTCOME_BAD_TYPE] = "bad-policy-type",
      [MTASTS_OUTCOME_BAD_FLAG] = "bad-flag",
      [MTASTS_OUTCOME_NO_ROOM] = "no-room",
  };
  return refusal < MTASTS_OUTCOME_REFUSALS ? names[refusal] : "";
}

/* JSON */

/* libtlsrpt passes bytes from 0x80 up unchanged. Each that begins no UTF-8 becomes U+FFFD. */
static json_t *load_repaired(struct mtasts_span text, size_t flags) {
  struct mtasts_bytes repaired = {0};
  json_t *root = NULL;
  while (text.len > 0) {
    size_t len = (unsigned char)text.data[0] < 0x80 ? 1 : mtasts_utf8_len(text);
    if (len > 0)
      mtasts_bytes_add(&repaired, (struct mtasts_span){text.data, len});
    else
      mtasts_bytes_add(&repaired, MTASTS_SPAN("\xef\xbf\xbd"));
    mtasts_span_drop(&text, len > 0 ? len : 1);
  }
  if (!repaired.failed)
    root = json_loadb(repaired.data, repaired.len, flags, NULL);
  mtasts_bytes_free(&repaired);
  return root;
}

static bool is_utf8(struct mtasts_span text) {
  size_t len = 1;
  for (; text.len > 0 && len > 0; text.data += len, text.len -= len)
    len = (unsigned char)text.data[0] < 0x80 ? 1 : mtasts_utf8_len(text);
  return len > 0;
}

/* A number that is too large for an integer is no reason to refuse all: it is read once more, with
 * every number as a real. */
static json_t *load(struct mtasts_span text) {
  json_error_t error;
  json_t *root = json_loadb(text.data, text.len, JSON_ALLOW_NUL, &error);
  if (root)
    return root;
  if (json_error_code(&error) == json_error_numeric_overflow)
    return load_repaired(text, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL);
  return is_utf8(text) ? NULL : load_repaired(text, JSON_ALLOW_NUL);
}

/* The span of a string; empty for anything else. */
static struct mtasts_span text_of(const json_t *value) {
  const char *text = json_string_value(value);
  return text ? (struct mtasts_span){text, json_string_length(value)} : MTASTS_SPAN("");
}

/* A whole number from 0 to 999; -1 for anything else. */
static int small_number(const json_t *value) {
  double number = json_is_number(value) ? json_number_value(value) : -1;
  int whole = number >= 0 && number <= 999 ? (int)number : -1;
  return number - whole == 0 ? whole : -1;
}

/* texts */

/* A host name: neither an address nor a next hop with brackets or a port. */
static bool host_name(struct mtasts_span text, struct mtasts_domain *domain) {
  for (size_t i = 0; i < text.len; i++)
    if (text.data[i] == '[' || text.data[i] == ':')
      return false;
  return text.len > 0 && mtasts_domain_from_text(text, domain) == MTASTS_OK;
}

static bool domain_name(struct mtasts_span text, struct mtasts_domain *domain) {
  return host_name(text, domain) && memchr(domain->name, '.', domain->len);
}

static struct mtasts_span domain_span(const struct mtasts_domain *domain) {
  return (struct mtasts_span){domain->name, domain->len};
}

static bool is_control(struct mtasts_span character) {
  unsigned char c = (unsigned char)character.data[0];
  bool c1 = character.len == 2 && c == 0xc2 && (unsigned char)character.data[1] < 0xa0;
  return character.len == 1 ? c < ' ' || c == 0x7f : c1;
}

/* Adds a text of at most `max` bytes. A run of control characters becomes one space; there are no
 * spaces at the ends. The text is UTF-8. */
static void add_clean(struct mtasts_bytes *bytes, struct mtasts_span text, size_t max) {
  size_t start = bytes->len;
  size_t end = start; /* after the last character that is no blank */
  bool was_control = false;
  while (text.len > 0) {
    size_t len = (unsigned char)text.data[0] < 0x80 ? 1 : mtasts_utf8_len(text);
    struct mtasts_span next = {text.data, len > 0 ? len : 1};
    bool control = len == 0 || is_control(next);
    bool blank = control || next.data[0] == ' ';
    mtasts_span_drop(&text, next.len);
    if ((control && was_control) || (blank && bytes->len == start))
      continue;
    if (bytes->len - start + next.len > max)
      break;
    mtasts_bytes_add(bytes, control ? MTASTS_SPAN(" ") : next);
    was_control = control;
    if (!blank)
      end = bytes->len;
  }
  bytes->len = end;
}

/* details */

/* An address in the form of RFC 5952; empty if it is none. */
static struct mtasts_span address_of(struct mtasts_span text, char out[INET6_ADDRSTRLEN]) {
  char copy[INET6_ADDRSTRLEN];
  unsigned char address[sizeof(struct in6_addr)];
  if (text.len == 0 || text.len >= sizeof copy || memchr(text.data, '\0', text.len))
    return MTASTS_SPAN("");
  memcpy(copy, text.data, text.len);
  copy[text.len] = '\0';
  int family = memchr(copy, ':', text.len) ? AF_INET6 : AF_INET;
  if (inet_pton(family, copy, address) != 1 || !inet_ntop(family, address, out, INET6_ADDRSTRLEN))
    return MTASTS_SPAN("");
  return mtasts_span_of(out);
}

static struct mtasts_span host_of(struct mtasts_span text, struct mtasts_domain *host) {
  return host_name(text, host) ? domain_span(host) : MTASTS_SPAN("");
}

/* The host name of an EHLO reply. Postfix gives the whole reply, all its lines with their codes
 * (RFC 5321 section 4.1.1.1). */
static struct mtasts_span helo_of(struct mtasts_span text, struct mtasts_domain *host) {
  if (text.len > HELO_PREFIX && mtasts_span_starts(text, MTASTS_SPAN("250")) &&
      (text.data[HELO_PREFIX] == '-' || text.data[HELO_PREFIX] == ' '))
    mtasts_span_drop(&text, HELO_PREFIX + 1);
  mtasts_span_skip_wsp(&text);
  size_t len = 0;
  while (len < text.len && (unsigned char)text.data[len] > ' ')
    len++;
  return host_of((struct mtasts_span){text.data, len}, host);
}

static struct mtasts_span uri_of(struct mtasts_span text) {
  return text.len <= MTASTS_OUTCOME_REASON_MAX && mtasts_uri_valid(text) ? text : MTASTS_SPAN("");
}

static void pack_detail(const json_t *object, enum mtasts_result_type result,
                        struct mtasts_bytes *details) {
  struct mtasts_outcome_detail detail = {.result = result};
  char sending[INET6_ADDRSTRLEN];
  char receiving[INET6_ADDRSTRLEN];
  struct mtasts_domain mx;
  struct mtasts_domain helo;
  struct mtasts_bytes reason = {0};
  add_clean(&reason, text_of(json_object_get(object, "f")), MTASTS_OUTCOME_REASON_MAX);
  detail.fields[MTASTS_FIELD_SENDING_IP] =
      address_of(text_of(json_object_get(object, "s")), sending);
  detail.fields[MTASTS_FIELD_MX] = host_of(text_of(json_object_get(object, "n")), &mx);
  detail.fields[MTASTS_FIELD_HELO] = helo_of(text_of(json_object_get(object, "h")), &helo);
  detail.fields[MTASTS_FIELD_RECEIVING_IP] =
      address_of(text_of(json_object_get(object, "r")), receiving);
  detail.fields[MTASTS_FIELD_INFORMATION] = uri_of(text_of(json_object_get(object, "a")));
  detail.fields[MTASTS_FIELD_REASON] = mtasts_bytes_span(&reason);
  size_t at = details->len;
  mtasts_bytes_number(details, 0, 4);
  mtasts_pack_detail(details, &detail);
  mtasts_bytes_patch(details, at, (uint32_t)(details->len - at - 4));
  details->failed |= reason.failed;
  mtasts_bytes_free(&reason);
}

/* A detail of an unknown code is left out; its session counts all the same. Returns how many were
 * packed. */
static size_t pack_details(const json_t *policy, struct mtasts_bytes *details) {
  size_t count = 0;
  size_t i;
  const json_t *object;
  json_array_foreach(json_object_get(policy, "failure-details"), i, object) {
    int code = small_number(json_object_get(object, "c"));
    if (code <= 0 || !*mtasts_result_type_name((unsigned)code))
      continue;
    pack_detail(object, (enum mtasts_result_type)code, details);
    count++;
  }
  return count;
}

/* policies */

/* A text of mtasts_bytes_text, made clean. False: nothing is left of it, and nothing is added. */
static bool add_clean_text(struct mtasts_bytes *packed, struct mtasts_span text, size_t max) {
  size_t at = packed->len;
  mtasts_bytes_number(packed, 0, 4);
  add_clean(packed, text, max);
  if (packed->failed || packed->len == at + 4) {
    packed->len = at;
    return false;
  }
  mtasts_bytes_patch(packed, at, (uint32_t)(packed->len - at - 4));
  return true;
}

/* A name, or a pattern: `*.` and a name (RFC 8461 section 3.2). Any other text is left out. */
static bool add_host_pattern(struct mtasts_bytes *packed, struct mtasts_span text) {
  struct mtasts_domain host;
  struct mtasts_bytes pattern = {0};
  bool star = mtasts_span_starts(text, MTASTS_SPAN("*."));
  if (!host_name((struct mtasts_span){text.data + 2 * star, text.len - 2 * star}, &host))
    return false;
  mtasts_bytes_add(&pattern, star ? MTASTS_SPAN("*.") : MTASTS_SPAN(""));
  mtasts_bytes_add(&pattern, domain_span(&host));
  mtasts_bytes_text(packed, mtasts_bytes_span(&pattern));
  packed->failed |= pattern.failed;
  mtasts_bytes_free(&pattern);
  return true;
}

/* An array of strings; one string counts as an array of it. names: hosts or patterns of them. */
static void pack_texts(const json_t *value, bool names, struct mtasts_bytes *packed,
                       struct mtasts_texts *texts) {
  size_t items = json_is_string(value) ? 1 : json_array_size(value);
  for (size_t i = 0; i < items; i++) {
    struct mtasts_span item = text_of(json_is_string(value) ? value : json_array_get(value, i));
    texts->count +=
        names ? add_host_pattern(packed, item) : add_clean_text(packed, item, MTASTS_OUTCOME_MAX);
  }
  texts->packed = mtasts_bytes_span(packed);
}

static enum mtasts_outcome_refusal read_head(const json_t *object, struct mtasts_outcome *outcome,
                                             struct mtasts_outcome_policy *policy,
                                             struct mtasts_domain *domain, int *flag) {
  int type = small_number(json_object_get(object, "policy-type"));
  const json_t *named = json_object_get(object, "policy-domain");
  *flag = small_number(json_object_get(object, "f"));
  *domain = outcome->domain;
  if (!json_is_object(object))
    return MTASTS_OUTCOME_NO_OBJECT;
  if (type <= 0 || !*mtasts_policy_type_name((unsigned)type))
    return MTASTS_OUTCOME_BAD_TYPE;
  if (named && !domain_name(text_of(named), domain))
    return MTASTS_OUTCOME_BAD_DOMAIN;
  if (*flag != 0 && *flag != 1)
    return MTASTS_OUTCOME_BAD_FLAG;
  policy->type = (enum mtasts_policy_type)type;
  policy->domain = domain_span(domain);
  return MTASTS_OUTCOME_ACCEPTED;
}

/* The first failure, for the log. */
static void note_failure(struct mtasts_outcome *outcome, const struct mtasts_bytes *details) {
  struct mtasts_bytes_reader reader = {.rest = mtasts_bytes_span(details)};
  struct mtasts_outcome_detail first;
  if (outcome->failed)
    return;
  outcome->failed = true;
  if (details->len == 0 || !mtasts_unpack_detail(mtasts_bytes_take_text(&reader), &first))
    return;
  outcome->result = (unsigned)first.result;
  memcpy(outcome->mx, first.fields[MTASTS_FIELD_MX].data, first.fields[MTASTS_FIELD_MX].len);
}

static enum mtasts_outcome_refusal read_policy(const json_t *object, bool is_first,
                                               struct mtasts_outcome *outcome) {
  struct mtasts_outcome_policy policy = {0};
  struct mtasts_domain domain;
  struct mtasts_bytes strings = {0};
  struct mtasts_bytes hosts = {0};
  struct mtasts_bytes details = {0};
  struct mtasts_bytes packed = {0};
  int flag;
  enum mtasts_outcome_refusal refusal = read_head(object, outcome, &policy, &domain, &flag);
  if (refusal != MTASTS_OUTCOME_ACCEPTED)
    return refusal;
  /* Where there is no policy, there is none to quote (RFC 8460 section 4.4). */
  if (policy.type != MTASTS_POLICY_TYPE_NOT_FOUND) {
    pack_texts(json_object_get(object, "policy-string"), false, &strings, &policy.strings);
    pack_texts(json_object_get(object, "mx-host"), true, &hosts, &policy.hosts);
  }
  struct mtasts_outcome_session session = {.failed = flag == 1};
  session.detail_count = pack_details(object, &details);
  session.asks_discovery = policy.type == MTASTS_POLICY_TYPE_NOT_FOUND ||
                           (policy.type == MTASTS_POLICY_TYPE_STS && policy.strings.count == 0 &&
                            json_array_size(json_object_get(object, "failure-details")) == 0);
  session.details = mtasts_bytes_span(&details);
  mtasts_pack_policy(&packed, &policy);
  session.policy = mtasts_bytes_span(&packed);
  mtasts_pack_session(&outcome->packed, &session);
  if (is_first)
    outcome->policy = policy.type;
  outcome->asks_discovery |= session.asks_discovery;
  if (session.failed)
    note_failure(outcome, &details);
  if (strings.failed || hosts.failed || details.failed || packed.failed || outcome->packed.failed)
    refusal = MTASTS_OUTCOME_NO_ROOM;
  mtasts_bytes_free(&strings);
  mtasts_bytes_free(&hosts);
  mtasts_bytes_free(&details);
  mtasts_bytes_free(&packed);
  return refusal;
}

static enum mtasts_outcome_refusal read_object(const json_t *root, struct mtasts_outcome *outcome) {
  const json_t *version = json_object_get(root, "dpv");
  const json_t *policies = json_object_get(root, "policies");
  enum mtasts_outcome_refusal refusal = MTASTS_OUTCOME_ACCEPTED;
  if (!json_is_object(root))
    return MTASTS_OUTCOME_NO_OBJECT;
  if (version && !mtasts_span_equal(text_of(version), MTASTS_SPAN("1")))
    return MTASTS_OUTCOME_BAD_VERSION;
  if (!domain_name(text_of(json_object_get(root, "d")), &outcome->domain))
    return MTASTS_OUTCOME_BAD_DOMAIN;
  if (json_array_size(policies) == 0)
    return MTASTS_OUTCOME_NO_OBJECT;
  mtasts_bytes_text(&outcome->packed, domain_span(&outcome->domain));
  for (size_t i = 0; i < json_array_size(policies) && refusal == MTASTS_OUTCOME_ACCEPTED; i++)
    refusal = read_policy(json_array_get(policies, i), i == 0, outcome);
  return refusal;
}

enum mtasts_outcome_refusal mtasts_outcome_read(struct mtasts_span datagram,
                                                struct mtasts_outcome *outcome) {
  struct mtasts_outcome read = {0};
  if (datagram.len == 0)
    return MTASTS_OUTCOME_EMPTY;
  if (datagram.len > MTASTS_OUTCOME_MAX)
    return MTASTS_OUTCOME_OVERSIZED;
  json_t *root = load(datagram);
  enum mtasts_outcome_refusal refusal = read_object(root, &read);
  json_decref(root);
  if (refusal == MTASTS_OUTCOME_ACCEPTED)
    *outcome = read;
  else
    mtasts_bytes_free(&read.packed);
  return refusal;
}

/* discovery */

static void pack_discovery(struct mtasts_span domain, enum mtasts_result_type result,
                           struct mtasts_span reason, struct mtasts_bytes *packed) {
  const struct mtasts_outcome_policy policy = {.type = MTASTS_POLICY_TYPE_STS, .domain = domain};
  struct mtasts_outcome_detail detail = {.result = result};
  struct mtasts_bytes clean = {0};
  struct mtasts_bytes one = {0};
  struct mtasts_bytes details = {0};
  struct mtasts_bytes whole = {0};
  add_clean(&clean, reason, MTASTS_OUTCOME_REASON_MAX);
  detail.fields[MTASTS_FIELD_REASON] = mtasts_bytes_span(&clean);
  mtasts_pack_detail(&one, &detail);
  mtasts_bytes_text(&details, mtasts_bytes_span(&one));
  mtasts_pack_policy(&whole, &policy);
  const struct mtasts_outcome_session session = {.failed = true,
                                                 .policy = mtasts_bytes_span(&whole),
                                                 .details = mtasts_bytes_span(&details),
                                                 .detail_count = 1};
  mtasts_pack_session(packed, &session);
  packed->failed |= clean.failed || one.failed || details.failed || whole.failed;
  mtasts_bytes_free(&clean);
  mtasts_bytes_free(&one);
  mtasts_bytes_free(&details);
  mtasts_bytes_free(&whole);
}

bool mtasts_outcome_apply_discovery(const struct mtasts_outcome *outcome,
                                    mtasts_discovery_fn *discovery, void *context,
                                    struct mtasts_bytes *packed) {
  struct mtasts_bytes_reader reader = {.rest = mtasts_bytes_span(&outcome->packed)};
  struct mtasts_bytes changed = {0};
  struct mtasts_outcome_session session;
  bool failed = false;
  mtasts_bytes_text(&changed, mtasts_unpack_domain(&reader));
  while (mtasts_unpack_session(&reader, &session)) {
    struct mtasts_outcome_policy policy;
    struct mtasts_span reason = MTASTS_SPAN("");
    enum mtasts_result_type result = MTASTS_RESULT_SUCCESS;
    if (session.asks_discovery && mtasts_unpack_policy(session.policy, &policy))
      result = discovery(context, policy.domain, &reason);
    if (result == MTASTS_RESULT_SUCCESS)
      mtasts_pack_session(&changed, &session);
    else
      pack_discovery(policy.domain, result, reason, &changed);
    failed |= result != MTASTS_RESULT_SUCCESS;
  }
  if (failed && !changed.failed) {
    *packed = changed;
    return true;
  }
  mtasts_bytes_free(&changed);
  return false;
}
