#include "judge.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "judge_private.h"
#include "rfc3339.h"

enum {
  DAY = 86400, /* seconds */
  ID_SIZE = MTASTS_RFC3339_SIZE,
};

/* answers */

bool mtasts_judge_bogus(const struct mtasts_seen_answer *answer) {
  return answer->asked &&
         (answer->outcome == MTASTS_DNS_BOGUS || answer->security == MTASTS_SECURITY_BOGUS);
}

bool mtasts_judge_failed(const struct mtasts_seen_answer *answer) {
  return answer->asked && !answer->local &&
         (answer->outcome == MTASTS_DNS_FAILED || answer->outcome == MTASTS_DNS_BOGUS);
}

bool mtasts_judge_answered(const struct mtasts_seen_answer *answer) {
  return answer->asked && answer->outcome != MTASTS_DNS_FAILED &&
         answer->outcome != MTASTS_DNS_BOGUS;
}

bool mtasts_judge_no_address(const struct mtasts_seen_addresses *addresses) {
  return addresses->count == 0 && mtasts_judge_answered(&addresses->a) &&
         mtasts_judge_answered(&addresses->aaaa);
}

const struct mtasts_seen_answer *
mtasts_judge_address_failure(const struct mtasts_seen_addresses *addresses) {
  if (addresses->count > 0)
    return NULL;
  if (mtasts_judge_failed(&addresses->a))
    return &addresses->a;
  return mtasts_judge_failed(&addresses->aaaa) ? &addresses->aaaa : NULL;
}

bool mtasts_judge_is_first(const struct mtasts_observation *seen, size_t at) {
  for (size_t i = 0; i < at; i++)
    if (mtasts_span_equal(seen->mx[i].host, seen->mx[at].host))
      return false;
  return true;
}

/* severities */

bool mtasts_judge_mode_is(const struct mtasts_judgement *j, enum mtasts_mode mode) {
  return j->policy && j->policy->mode == mode;
}

bool mtasts_judge_is_active(const struct mtasts_judgement *j) {
  return j->policy && j->policy->mode != MTASTS_MODE_NONE;
}

enum mtasts_severity mtasts_judge_severity_m(const struct mtasts_judgement *j) {
  return mtasts_judge_mode_is(j, MTASTS_MODE_ENFORCE) ? MTASTS_SEVERITY_ERROR
                                                      : MTASTS_SEVERITY_WARNING;
}

/* Does this address answer as an SMTP server? One that was not asked, or had no time, may. */
static bool may_answer(const struct mtasts_observation *seen,
                       const struct mtasts_seen_mail_server *server) {
  return server->smtp == MTASTS_SMTP_OK || server->smtp == MTASTS_SMTP_REFUSED ||
         server->connect == MTASTS_CONNECT_DEADLINE || (!seen->smtp && !server->private_address);
}

/* L of the catalogue: an error if no address of the domain is left that answers as an SMTP server.
 */
static enum mtasts_severity find_severity_l(const struct mtasts_observation *seen) {
  for (size_t i = 0; i < seen->mx_count; i++)
    for (size_t k = 0; k < seen->mx[i].server_count; k++)
      if (may_answer(seen, &seen->mx[i].servers[k]))
        return MTASTS_SEVERITY_WARNING;
  return MTASTS_SEVERITY_ERROR;
}

/* texts */

void mtasts_judge_add(const struct mtasts_judgement *j, enum mtasts_found found,
                      enum mtasts_severity severity, const char *subject, const char *message,
                      const char *remedy) {
  mtasts_findings_add(j->findings, &(struct mtasts_finding){.found = found,
                                                            .severity = severity,
                                                            .subject = subject,
                                                            .message = message,
                                                            .remedy = remedy});
}

const char *mtasts_judge_shown(const struct mtasts_judgement *j, struct mtasts_span bytes) {
  return mtasts_findings_shown(j->findings, bytes);
}

const char *mtasts_judge_detail(const struct mtasts_judgement *j, struct mtasts_span why) {
  return why.len > 0 ? mtasts_judge_text(j, ": %s", mtasts_judge_shown(j, why)) : "";
}

const char *mtasts_judge_address(const struct mtasts_judgement *j, const struct in6_addr *address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (IN6_IS_ADDR_V4MAPPED(address))
    inet_ntop(AF_INET, address->s6_addr + 12, text, sizeof text);
  else
    inet_ntop(AF_INET6, address, text, sizeof text);
  return mtasts_judge_text(j, "%s", text);
}

const char *mtasts_judge_place(const struct mtasts_judgement *j, const char *host,
                               const struct in6_addr *address) {
  if (IN6_IS_ADDR_UNSPECIFIED(address))
    return host;
  return mtasts_judge_text(j, "%s [%s]", host, mtasts_judge_address(j, address));
}

const char *mtasts_judge_time(const struct mtasts_judgement *j, int64_t seconds) {
  char stamp[MTASTS_RFC3339_SIZE];
  if (!mtasts_rfc3339_format(seconds, stamp))
    return mtasts_judge_text(j, "%" PRId64 " s after 1970", seconds);
  return mtasts_judge_text(j, "%.10s %.8s UTC", stamp, stamp + 11);
}

const char *mtasts_judge_period(const struct mtasts_judgement *j, int64_t seconds) {
  static const struct {
    int64_t seconds;
    const char *name;
  } units[] = {{DAY, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  size_t i = 0;
  while (i < 3 && seconds < 2 * units[i].seconds && seconds != units[i].seconds)
    i++;
  int64_t count = seconds / units[i].seconds;
  return mtasts_judge_text(j, "%" PRId64 " %s%s", count, units[i].name, count == 1 ? "" : "s");
}

const char *mtasts_judge_record_line(const struct mtasts_judgement *j) {
  return mtasts_judge_text(j, "%s. IN TXT \"v=STSv1; id=%s;\"", j->record_name, j->new_id);
}

/* "20261201T000000Z": the time, without what an id may not have. */
static const char *make_id(const struct mtasts_judgement *j) {
  char stamp[MTASTS_RFC3339_SIZE];
  char id[ID_SIZE];
  size_t len = 0;
  mtasts_rfc3339_format(j->options->now, stamp);
  for (const char *c = stamp; *c; c++)
    if (mtasts_is_alnum(*c))
      id[len++] = *c;
  id[len] = '\0';
  return mtasts_judge_text(j, "%s", len > 0 ? id : "1");
}

static struct mtasts_judgement begin(const struct mtasts_observation *seen,
                                     const struct mtasts_judge_options *options,
                                     struct mtasts_findings *findings) {
  struct mtasts_judgement j = {.seen = seen, .options = options, .findings = findings};
  j.domain = mtasts_judge_text(&j, "%.*s", (int)seen->domain.len, seen->domain.name);
  j.record_name = mtasts_judge_text(&j, "_mta-sts.%s", j.domain);
  j.policy_host = mtasts_judge_text(&j, "mta-sts.%s", j.domain);
  j.url = mtasts_judge_text(&j, "https://%s/.well-known/mta-sts.txt", j.policy_host);
  j.tlsrpt_name = mtasts_judge_text(&j, "_smtp._tls.%s", j.domain);
  j.new_id = make_id(&j);
  j.severity_l = find_severity_l(seen);
  return j;
}

/* the groups expect and check */

static void judge_expect(const struct mtasts_judgement *j) {
  const struct mtasts_judge_options *options = j->options;
  if (!options->has_expect || mtasts_judge_mode_is(j, options->expect))
    return;
  const char *wanted = mtasts_mode_name(options->expect);
  /* What could not be asked from here says nothing of the domain. */
  bool unknown = j->record == MTASTS_JUDGED_UNKNOWN;
  unknown = unknown || j->seen->policy_host.a.local || j->seen->policy_host.aaaa.local;
  for (size_t i = 0; i < j->fetch_count; i++)
    unknown = unknown || (!j->fetches[i].tried && !j->fetches[i].https->private_address);
  if (!j->policy && unknown)
    return;
  mtasts_judge_add(
      j, MTASTS_FOUND_EXPECT_MODE, MTASTS_SEVERITY_ERROR, j->url,
      j->policy
          ? mtasts_judge_text(j, "The policy's mode is %s, but %s is expected.",
                              mtasts_mode_name(j->policy->mode), wanted)
          : mtasts_judge_text(j, "No valid policy is served, but mode %s is expected.", wanted),
      mtasts_judge_text(j,
                        "Serve a policy with \"mode: %s\" and publish a new id with it:\n%s\n"
                        "If the change was meant, change --expect.",
                        wanted, mtasts_judge_record_line(j)));
}

static void add_waiting(const struct mtasts_judgement *j, const char **list, size_t *count,
                        const char *place) {
  if (*count < MTASTS_JUDGE_LISTED)
    *list = mtasts_judge_text(j, "%s%s%s", *list, *count > 0 ? ", " : ": ", place);
  ++*count;
}

static void judge_deadline(const struct mtasts_judgement *j) {
  const struct mtasts_observation *seen = j->seen;
  const char *list = "";
  size_t count = 0;
  if (!seen->deadline)
    return;
  for (size_t i = 0; i < seen->https_count; i++)
    if (seen->https[i].connect == MTASTS_CONNECT_DEADLINE)
      add_waiting(j, &list, &count, mtasts_judge_place(j, j->policy_host, &seen->https[i].address));
  for (size_t i = 0; i < seen->mx_count; i++)
    for (size_t k = 0; k < seen->mx[i].server_count; k++)
      if (seen->mx[i].servers[k].connect == MTASTS_CONNECT_DEADLINE)
        add_waiting(j, &list, &count,
                    mtasts_judge_place(j, mtasts_judge_shown(j, seen->mx[i].host),
                                       &seen->mx[i].servers[k].address));
  const char *more = count > MTASTS_JUDGE_LISTED
                         ? mtasts_judge_text(j, " and %zu more", count - MTASTS_JUDGE_LISTED)
                         : "";
  mtasts_judge_add(j, MTASTS_FOUND_CHECK_DEADLINE, MTASTS_SEVERITY_UNKNOWN, j->domain,
                   mtasts_judge_text(j, "Time ran out before all was judged%s%s.", list, more),
                   "Check again with a longer --timeout, or fewer domains in one call.");
}

static bool is_local(const struct mtasts_seen_answer *answer) {
  return answer->asked && answer->local;
}

/* Did an answer fail by a fault of this host? */
static bool any_local(const struct mtasts_observation *seen) {
  if (is_local(&seen->record.answer) || is_local(&seen->tlsrpt.answer) ||
      is_local(&seen->policy_host.a) || is_local(&seen->policy_host.aaaa) ||
      is_local(&seen->mx_answer))
    return true;
  for (size_t i = 0; i < seen->mx_count; i++)
    if (is_local(&seen->mx[i].addresses.a) || is_local(&seen->mx[i].addresses.aaaa))
      return true;
  return false;
}

static void judge_resolver(const struct mtasts_judgement *j) {
  const struct mtasts_seen_answer *answer = &j->seen->record.answer;
  const char *servers = mtasts_judge_shown(j, j->seen->servers);
  /* Failures of a server that fails for every question. */
  const char *failure = j->seen->resolver_dead && mtasts_judge_failed(answer)
                            ? mtasts_judge_detail(j, answer->detail)
                            : "";
  mtasts_judge_add(
      j, MTASTS_FOUND_CHECK_RESOLVER, MTASTS_SEVERITY_UNKNOWN, j->domain,
      mtasts_judge_text(j, "No DNS server answered%s; asked: %s%s.",
                        j->seen->resolver_dead ? " any question" : " every question",
                        *servers ? servers : "none", failure),
      "See that this host reaches its DNS servers (dns.servers in mtasts.conf, else resolv.conf) "
      "and that they work, or name one with --resolver.");
}

void mtasts_judge(const struct mtasts_observation *seen, const struct mtasts_judge_options *options,
                  struct mtasts_memory *memory, struct mtasts_findings *findings) {
  struct mtasts_judgement j = begin(seen, options, findings);
  j.memory = memory;
  if (seen->resolver_dead) {
    judge_resolver(&j);
    return;
  }
  mtasts_judge_record(&j);
  if (j.record == MTASTS_JUDGED_VALID && strcmp(j.new_id, j.id.id) == 0)
    j.new_id = mtasts_judge_text(&j, "%s1", j.new_id);
  mtasts_judge_fetch(&j);
  bool vanished = memory && mtasts_judge_vanished(&j, memory);
  if (j.record != MTASTS_JUDGED_ABSENT) {
    mtasts_judge_host(&j);
    mtasts_judge_policy(&j);
  } else {
    mtasts_judge_unannounced(&j, vanished);
  }
  mtasts_judge_mx(&j);
  mtasts_judge_smtp(&j);
  mtasts_judge_dane(&j);
  mtasts_judge_tlsrpt(&j);
  if (memory)
    mtasts_judge_change(&j, memory);
  judge_expect(&j);
  if (any_local(seen))
    judge_resolver(&j);
  judge_deadline(&j);
  findings->no_memory = findings->no_memory || findings->arena.failed;
  mtasts_findings_sort(findings);
}

void mtasts_judge_planned(const struct mtasts_observation *seen, const struct mtasts_policy *policy,
                          const struct mtasts_judge_options *options,
                          struct mtasts_findings *findings) {
  struct mtasts_judgement j = begin(seen, options, findings);
  j.policy = policy;
  if (seen->resolver_dead) {
    judge_resolver(&j);
    return;
  }
  mtasts_judge_mx(&j);
  mtasts_judge_smtp(&j);
  mtasts_judge_dane(&j);
  findings->no_memory = findings->no_memory || findings->arena.failed;
  mtasts_findings_sort(findings);
}
