#include "config_private.h"

#include "addr_spec.h"
#include "ascii.h"
#include "idn.h"
#include "rfc3339.h"

#include <grp.h>
#include <pwd.h>
#include <sys/un.h>

static bool is_visible(const char *text) {
  while (mtasts_is_visible(*text))
    text++;
  return *text == '\0';
}

static bool starts(const char *text, const char *start) {
  return mtasts_span_starts(mtasts_span_of(text), mtasts_span_of(start));
}

/* Reads digits, and if `decimals` is not 0 a point and up to that many digits; gives the number
 * times 10^decimals. */
static bool read_number(const char *text, unsigned decimals, uint64_t *number) {
  uint64_t value = 0;
  const char *point = NULL;
  if (!mtasts_is_digit(*text))
    return false;
  for (; *text; text++) {
    if (*text == '.' && !point && decimals > 0) {
      point = text;
      continue;
    }
    if (!mtasts_is_digit(*text) || value > UINT64_MAX / 10 - 9 || (point && decimals-- == 0))
      return false;
    value = value * 10 + (uint64_t)(*text - '0');
  }
  for (; decimals > 0; decimals--) {
    if (value > UINT64_MAX / 10)
      return false;
    value *= 10;
  }
  *number = value;
  return true;
}

static const char *read_size(const struct mtasts_config_key *key, const char *text, void *out) {
  uint64_t value;
  if (!read_number(text, key->decimals, &value))
    return "is not a number";
  if (value < key->min || value > key->max)
    return "is out of range";
  memcpy(out, &value, sizeof value);
  return NULL;
}

static const char *read_count(const struct mtasts_config_key *key, const char *text, void *out) {
  uint64_t value;
  const char *why = read_size(key, text, &value);
  if (!why)
    *(uint32_t *)out = (uint32_t)value;
  return why;
}

static const char *read_flag(const struct mtasts_config_key *key, const char *text, void *out) {
  static const char *const words[] = {"false", "true", "no", "yes", "off", "on", NULL};
  (void)key;
  for (size_t i = 0; words[i]; i++) {
    if (strcmp(text, words[i]) == 0) {
      *(bool *)out = i % 2 == 1;
      return NULL;
    }
  }
  return "is neither true nor false";
}

static const char *read_choice(const struct mtasts_config_key *key, const char *text, void *out) {
  for (unsigned i = 0; key->choices[i]; i++) {
    if (strcmp(text, key->choices[i]) == 0) {
      *(unsigned *)out = i;
      return NULL;
    }
  }
  return "is not a value of this key";
}

static const char *read_bit(const struct mtasts_config_key *key, const char *text, void *out) {
  unsigned bit;
  const char *why = read_choice(key, text, &bit);
  if (!why)
    *(unsigned *)out |= 1U << bit;
  return why;
}

/* Octal, with or without the leading 0: a decimal 660 is never meant. */
static const char *read_mode(const struct mtasts_config_key *key, const char *text, void *out) {
  mode_t mode = 0;
  (void)key;
  size_t len = strlen(text);
  if (len < 3 || len > 4 || (len == 4 && *text != '0'))
    return "is not a mode such as 0660";
  for (; *text; text++) {
    if (*text < '0' || *text > '7')
      return "is not a mode such as 0660";
    mode = mode * 8 + (mode_t)(*text - '0');
  }
  *(mode_t *)out = mode;
  return NULL;
}

static const char *read_text(const struct mtasts_config_key *key, const char *text, void *out) {
  (void)key;
  *(const char **)out = text;
  return NULL;
}

static const char *read_path(const struct mtasts_config_key *key, const char *text, void *out) {
  return *text == '/' ? read_text(key, text, out) : "is not an absolute path";
}

static const char *read_path_or_none(const struct mtasts_config_key *key, const char *text,
                                     void *out) {
  return *text ? read_path(key, text, out) : read_text(key, text, out);
}

static const char *read_socket(const struct mtasts_config_key *key, const char *text, void *out) {
  if (strlen(text) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
    return "is longer than the path of a unix socket may be";
  return read_path(key, text, out);
}

static const char *read_endpoint(const struct mtasts_config_key *key, const char *text, void *out) {
  struct sockaddr_storage address;
  socklen_t size;
  if (!mtasts_endpoint_parse(text, &address, &size))
    return "is not unix:/PATH or inet:ADDRESS:PORT";
  return read_text(key, text, out);
}

static const char *read_endpoint_or_none(const struct mtasts_config_key *key, const char *text,
                                         void *out) {
  return *text ? read_endpoint(key, text, out) : read_text(key, text, out);
}

static const char *read_server(const struct mtasts_config_key *key, const char *text, void *out) {
  const char *fault = mtasts_endpoint_dns_server_error(text);
  return fault ? fault : read_text(key, text, out);
}

static const char *read_network(const struct mtasts_config_key *key, const char *text, void *out) {
  (void)key;
  return mtasts_network_parse(text, out) ? NULL : "is not a network such as 192.0.2.0/24";
}

static const char *read_proxy(const struct mtasts_config_key *key, const char *text, void *out) {
  if (*text && (!is_visible(text) || !starts(text, "http://")))
    return "is not a URL with http://";
  return read_text(key, text, out);
}

static const char *read_shared(const struct mtasts_config_key *key, const char *text, void *out) {
  bool redis = starts(text, "redis://") && text[8] != '\0' && is_visible(text);
  if (*text && !redis && !starts(text, "unix:/"))
    return "is not redis://HOST:PORT/DB or unix:/PATH";
  return read_text(key, text, out);
}

static const char *read_mailbox(const struct mtasts_config_key *key, const char *text, void *out) {
  struct mtasts_addr_spec address;
  if (*text && mtasts_addr_spec_parse(mtasts_span_of(text), &address) != NULL)
    return "is not a mail address such as tls-reports@example.com";
  return read_text(key, text, out);
}

/* ftext of RFC 5322 section 3.6.8. */
static const char *read_header(const struct mtasts_config_key *key, const char *text, void *out) {
  size_t len = strlen(text);
  if (len == 0 || len > 64 || !is_visible(text) || strchr(text, ':'))
    return "is not the name of a header field";
  return read_text(key, text, out);
}

static const char *read_domain(const struct mtasts_config_key *key, const char *text, void *out) {
  struct mtasts_domain domain;
  return mtasts_domain_from_text(mtasts_span_of(text), &domain) == MTASTS_OK
             ? read_text(key, text, out)
             : "is not a domain";
}

static const char *read_suppressed(const struct mtasts_config_key *key, const char *text,
                                   void *out) {
  struct mtasts_addr_spec address;
  struct mtasts_domain domain;
  bool ok = strchr(text, '@') ? mtasts_addr_spec_parse(mtasts_span_of(text), &address) == NULL
                              : mtasts_domain_from_text(mtasts_span_of(text), &domain) == MTASTS_OK;
  return ok ? read_text(key, text, out) : "is neither a mail address nor a domain";
}

/* A zone of the DNS: neither a next hop nor the root, which dnssec = "off" is for. */
static const char *read_zone(const struct mtasts_config_key *key, const char *text, void *out) {
  return strpbrk(text, "[]:") ? "is not a zone such as corp.example.com"
                              : read_domain(key, text, out);
}

static const char *read_hop(const struct mtasts_config_key *key, const char *text, void *out) {
  struct mtasts_domain domain;
  enum mtasts_status status =
      *text ? mtasts_domain_from_text(mtasts_span_of(text), &domain) : MTASTS_OK;
  if (status != MTASTS_OK && status != MTASTS_NO_POLICY)
    return "is not a next hop";
  return read_text(key, text, out);
}

/* The name is kept even if it is unknown: the default user may be missing. */
static const char *read_user(const struct mtasts_config_key *key, const char *text, void *out) {
  read_text(key, text, out);
  return !mtasts_config_wants_accounts() || getpwnam(text) ? NULL : "is not a user of this system";
}

static const char *read_group(const struct mtasts_config_key *key, const char *text, void *out) {
  read_text(key, text, out);
  return !mtasts_config_wants_accounts() || getgrnam(text) ? NULL : "is not a group of this system";
}

/* A socket's own group; (gid_t)-1 stands for the configuration's. */
static const char *read_gid(const struct mtasts_config_key *key, const char *text, void *out) {
  (void)key;
  bool wanted = *text && mtasts_config_wants_accounts();
  const struct group *group = wanted ? getgrnam(text) : NULL;
  *(gid_t *)out = group ? group->gr_gid : (gid_t)-1;
  return wanted && !group ? "is not a group of this system" : NULL;
}

/* In force to the end of that day, in UTC. */
static const char *read_until(const struct mtasts_config_key *key, const char *text, void *out) {
  int64_t midnight = INT64_MAX - 86400;
  (void)key;
  if (*text && !mtasts_date_parse(mtasts_span_of(text), &midnight))
    return "is not a date such as 2027-01-31";
  *(int64_t *)out = midnight + 86400;
  return NULL;
}

static const char *read_pattern(const struct mtasts_config_key *key, const char *text, void *out) {
  char pattern[MTASTS_DOMAIN_MAX];
  return mtasts_mx_pattern(mtasts_span_of(text), pattern)
             ? read_text(key, text, out)
             : "is not an mx pattern (RFC 8461 section 3.2)";
}

static const char *const dnssec_words[] = {"auto", "require", "off", NULL};
static const char *const unknown_words[] = {"deliver", "defer", NULL};
static const char *const plain_words[] = {"", "may", NULL};
static const char *const scope_words[] = {"single", "all", "never", NULL};
static const char *const risk_words[] = {"accept", "quarantine", "tempfail", "reject", NULL};
static const char *const outbound_words[] = {"authenticated", "local", NULL};
static const char *const site_words[] = {"enforce", "monitor", NULL};
static const char *const log_words[] = {"syslog", "stderr", NULL};
static const char *const without_ad_words[] = {"dane", "policy", NULL};
static const char *const dane_words[] = {"on", "off", NULL};
static const char *const mode_words[] = {"none", "testing", "enforce", NULL};

#define AT(member)    .offset = offsetof(struct mtasts_config, member)
#define DRAFT(member) .offset = offsetof(struct mtasts_override_draft, member)
#define STRINGS       .element = sizeof(const char *)
#define YEAR          31536000
/* Sendmail's mailers and Postfix's transports that deliver on this host, or not at all. */
#define LOCAL_MAILERS                                                                              \
  "local\0virtual\0lmtp\0prog\0*file*\0*include*\0error\0retry\0discard\0cyrusv2\0procmail\0"      \
  "maildrop\0dovecot\0"

/* clang-format off */
const struct mtasts_config_key mtasts_config_keys[] = {
  {"cache", "directory", "/var/lib/mtasts", read_path, AT(cache.directory)},
  {"cache", "map_size", "1073741824", read_size, AT(cache.map_size), .min = 1 << 20, .max = 1ULL << 44},
  {"cache", "map_size_max", "8589934592", read_size, AT(cache.map_size_max), .min = 1 << 20, .max = 1ULL << 44},
  {"cache", "max_policies", "1000000", read_size, AT(cache.max_policies), .min = 1, .max = 1000000000},
  {"cache", "max_absent", "1000000", read_size, AT(cache.max_absent), .min = 1, .max = 1000000000},
  {"dns", "servers", "", read_server, AT(dns.servers), STRINGS},
  {"dns", "dnssec", "auto", read_choice, AT(dns.dnssec), .choices = dnssec_words},
  {"dns", "trust_anchor", "/usr/share/dns/root.key", read_path, AT(dns.trust_anchor)},
  {"dns", "insecure", "", read_zone, AT(dns.insecure), STRINGS},
  {"dns", "without_ad", "dane", read_choice, AT(dns.without_ad), .choices = without_ad_words},
  {"dns", "timeout", "5", read_count, AT(dns.timeout), .min = 1, .max = 60},
  {"https", "ca_file", "", read_path_or_none, AT(https.ca_file)},
  {"https", "timeout", "60", read_count, AT(https.timeout), .min = 1, .max = 60},
  {"https", "allow_private", "false", read_flag, AT(https.allow_private)},
  {"https", "proxy", "", read_proxy, AT(https.proxy)},
  {"refresh", "interval", "86400", read_count, AT(refresh.interval), .min = 300, .max = YEAR},
  {"refresh", "retry_min", "300", read_count, AT(refresh.retry_min), .min = 300, .max = YEAR},
  {"refresh", "retry_max", "86400", read_count, AT(refresh.retry_max), .min = 300, .max = YEAR},
  {"refresh", "in_flight", "256", read_count, AT(refresh.in_flight), .min = 1, .max = 10000},
  {"refresh", "deadline", "20", read_count, AT(refresh.deadline), .min = 1, .max = 300},
  {"ask", "socket", "/run/mtasts/ask.sock", read_socket, AT(ask.socket)},
  {"ask", "deadline", "5", read_count, AT(ask.deadline), .decimals = 3, .min = 10, .max = 300000},
  {"ask", "on_unknown", "deliver", read_choice, AT(ask.on_unknown), .choices = unknown_words},
  {"ask", "mode", "0660", read_mode, AT(ask.access.mode)},
  {"ask", "group", "", read_gid, AT(ask.access.gid)},
  {"socketmap", "listen", "unix:/run/mtasts/socketmap.sock\0inet:127.0.0.1:8461\0", read_endpoint, AT(socketmap.listen), STRINGS},
  {"socketmap", "mode", "0660", read_mode, AT(socketmap.access.mode)},
  {"socketmap", "group", "", read_gid, AT(socketmap.access.gid)},
  {"socketmap", "bracketed", "true", read_flag, AT(socketmap.bracketed)},
  {"socketmap", "plain_level", "", read_choice, AT(socketmap.plain_level), .choices = plain_words},
  {"socketmap", "network_connections", "2048", read_count, AT(socketmap.network_connections), .min = 1, .max = 16384},
  {"socketmap", "network_lookups", "1024", read_count, AT(socketmap.network_lookups), .min = 1, .max = 4096},
  {"outcome", "socket", "/run/mtasts/tlsrpt.sock", read_socket, AT(outcome.socket)},
  {"outcome", "record", "true", read_flag, AT(outcome.record)},
  {"outcome", "keep_days", "30", read_count, AT(outcome.keep_days), .min = 1, .max = 3650},
  {"outcome", "directory", "", read_path_or_none, AT(outcome.directory)},
  {"outcome", "max_size", "8589934592", read_size, AT(outcome.max_size), .min = 1 << 20, .max = 1ULL << 44},
  {"outcome", "mode", "0660", read_mode, AT(outcome.access.mode)},
  {"outcome", "group", "", read_gid, AT(outcome.access.gid)},
  {"metrics", "listen", "", read_endpoint_or_none, AT(metrics.listen)},
  {"metrics", "mode", "0660", read_mode, AT(metrics.access.mode)},
  {"metrics", "group", "", read_gid, AT(metrics.access.gid)},
  {"milter", "listen", "unix:/run/mtasts/milter.sock", read_endpoint, AT(milter.listen)},
  {"milter", "mode", "0660", read_mode, AT(milter.access.mode)},
  {"milter", "group", "", read_gid, AT(milter.access.gid)},
  {"milter", "header", "X-MTA-STS", read_header, AT(milter.header)},
  {"milter", "header_scope", "single", read_choice, AT(milter.header_scope), .choices = scope_words},
  {"milter", "on_at_risk", "accept", read_choice, AT(milter.on_at_risk), .choices = risk_words},
  {"milter", "header_limit", "32", read_count, AT(milter.header_limit), .min = 1, .max = 1000},
  {"milter", "on_header_limit", "reject", read_choice, AT(milter.on_header_limit), .choices = risk_words},
  {"milter", "outbound", "authenticated\0local\0", read_bit, AT(milter.outbound), .set = true, .choices = outbound_words},
  {"milter", "networks", "", read_network, AT(milter.networks), .element = sizeof(struct mtasts_network)},
  {"milter", "local_mailers", LOCAL_MAILERS, read_text, AT(milter.local_mailers), STRINGS},
  {"milter", "local_domains", "", read_domain, AT(milter.local_domains), STRINGS},
  {"milter", "relayhost", "", read_hop, AT(milter.relayhost)},
  {"report", "organization", "", read_text, AT(report.organization)},
  {"report", "contact", "", read_mailbox, AT(report.contact)},
  {"report", "from", "", read_mailbox, AT(report.from)},
  {"report", "sendmail", "/usr/sbin/sendmail", read_path, AT(report.sendmail)},
  {"report", "timeout", "60", read_count, AT(report.timeout), .min = 1, .max = 600},
  {"report", "suppress", "", read_suppressed, AT(report.suppress), STRINGS},
  {"report", "success", "true", read_flag, AT(report.success)},
  {"watch", "domains", "", read_domain, AT(watch.domains), STRINGS},
  {"watch", "mail", "", read_mailbox, AT(watch.mail)},
  {"watch", "command", "", read_text, AT(watch.command)},
  {"watch", "metrics", "", read_path_or_none, AT(watch.metrics)},
  {"shared", "url", "", read_shared, AT(shared.url)},
  {"shared", "timeout", "0.2", read_count, AT(shared.timeout), .decimals = 3, .min = 1, .max = 60000},
  {"override", "mode", NULL, read_choice, DRAFT(mode), .choices = mode_words},
  {"override", "dane", "on", read_choice, DRAFT(dane_off), .choices = dane_words},
  {"override", "until", "", read_until, DRAFT(until)},
  {"override", "mx", "", read_pattern, DRAFT(mx), STRINGS},
  {"root", "site_mode", "enforce", read_choice, AT(site_mode), .choices = site_words},
  {"root", "user", "mtasts", read_user, AT(user)},
  {"root", "group", "mtasts", read_group, AT(group)},
  {"root", "log", "syslog", read_choice, AT(log), .choices = log_words},
};
/* clang-format on */

_Static_assert(sizeof mtasts_config_keys / sizeof *mtasts_config_keys < MTASTS_CONFIG_KEYS_MAX,
               "MTASTS_KEYS_MAX");
const size_t mtasts_config_key_count = sizeof mtasts_config_keys / sizeof *mtasts_config_keys;
