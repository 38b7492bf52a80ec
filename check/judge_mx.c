/* The MX records and their hosts' addresses. */
#include "judge_private.h"

static void add(const struct mtasts_judgement *j, enum mtasts_found found,
                enum mtasts_severity severity, const char *message, const char *remedy) {
  mtasts_judge_add(j, found, severity, j->domain, message, remedy);
}

/* The domain takes no mail: that is a fault only if a policy says how mail is to be sent to it. */
static enum mtasts_severity severity_of_none(const struct mtasts_judgement *j) {
  return mtasts_judge_is_active(j) ? MTASTS_SEVERITY_ERROR : MTASTS_SEVERITY_INFO;
}

static void judge_set(const struct mtasts_judgement *j) {
  const struct mtasts_observation *seen = j->seen;
  const struct mtasts_seen_answer *answer = &seen->mx_answer;
  if (mtasts_judge_bogus(answer))
    return; /* dane.bogus says so */
  if (mtasts_judge_failed(answer)) {
    add(j, MTASTS_FOUND_MX_DNS_ERROR, MTASTS_SEVERITY_ERROR,
        mtasts_judge_text(j, "The look-up of the MX records fails%s.",
                          mtasts_judge_detail(j, answer->detail)),
        "Check that all name servers of the zone answer for MX, and that its DNSSEC signatures are "
        "valid.");
  } else if (seen->null_mx && seen->mx_count > 0) {
    add(j, MTASTS_FOUND_MX_NULL_AND_OTHERS, MTASTS_SEVERITY_ERROR,
        "There is a null MX (\"0 .\") beside other MX records.",
        mtasts_judge_text(j,
                          "Remove the record \"%s. IN MX 0 .\", or all others if the domain is "
                          "to take no mail.",
                          j->domain));
  } else if (seen->null_mx) {
    add(j, MTASTS_FOUND_MX_NULL, severity_of_none(j), "The domain has a null MX: it takes no mail.",
        mtasts_judge_is_active(j)
            ? "Remove the policy and its record (publish mode none first), or the "
              "null MX if mail is to come."
            : "Nothing has to be done if no mail is to come.");
  } else if (seen->implicit_mx && seen->mx_count > 0 && seen->mx[0].addresses.count > 0) {
    add(j, MTASTS_FOUND_MX_IMPLICIT, MTASTS_SEVERITY_INFO,
        "There is no MX record, but an address: the domain is its own MX.",
        mtasts_judge_text(j, "Better publish one, as in\n%s. IN MX 10 %s.", j->domain, j->domain));
  } else if (mtasts_judge_answered(answer) && seen->mx_count == 0) {
    add(j, MTASTS_FOUND_MX_ABSENT, severity_of_none(j),
        "The domain has neither MX nor address: mail to it cannot be delivered.",
        mtasts_judge_text(j, "Publish an MX record if mail is to come, as in\n%s. IN MX 10 HOST.",
                          j->domain));
  }
}

static void judge_match(const struct mtasts_judgement *j, const struct mtasts_seen_mx *mx,
                        const char *host) {
  if (!mtasts_judge_is_active(j) || mtasts_mx_match(&j->policy->mx, mx->host).data)
    return;
  mtasts_judge_add(
      j, MTASTS_FOUND_MX_NOT_IN_POLICY,
      j->policy->mode == MTASTS_MODE_ENFORCE ? MTASTS_SEVERITY_ERROR : MTASTS_SEVERITY_WARNING,
      host, "No mx pattern of the policy matches this MX host.",
      mtasts_judge_text(j,
                        "Add this line to the policy, before the host is used as an MX:\nmx: %s\n"
                        "Then bump the id:\n%s",
                        host, mtasts_judge_record_line(j)));
}

static void judge_addresses(const struct mtasts_judgement *j, const struct mtasts_seen_mx *mx,
                            const char *host) {
  const struct mtasts_seen_addresses *addresses = &mx->addresses;
  const struct mtasts_seen_answer *failure = mtasts_judge_address_failure(addresses);
  size_t private_count = 0;
  if (mtasts_judge_bogus(&addresses->a) || mtasts_judge_bogus(&addresses->aaaa))
    return; /* dane.bogus says so */
  if (failure)
    mtasts_judge_add(j, MTASTS_FOUND_MX_DNS_ERROR, MTASTS_SEVERITY_ERROR, host,
                     mtasts_judge_text(j, "The look-up of its addresses fails%s.",
                                       mtasts_judge_detail(j, failure->detail)),
                     "Check that all name servers of the host's zone answer for A and AAAA, and "
                     "that its DNSSEC signatures are valid.");
  else if (mtasts_judge_no_address(addresses))
    mtasts_judge_add(j, MTASTS_FOUND_MX_NO_ADDRESS, j->severity_l, host,
                     "This MX host has neither A nor AAAA.",
                     mtasts_judge_text(j,
                                       "Publish its address, or remove the MX record:\n%s. IN A "
                                       "ADDRESS",
                                       host));
  for (size_t i = 0; i < mx->server_count; i++)
    private_count += mx->servers[i].private_address;
  if (mx->server_count > 0 && private_count == mx->server_count)
    mtasts_judge_add(j, MTASTS_FOUND_MX_PRIVATE_ADDRESS, j->severity_l, host,
                     mtasts_judge_text(j, "Its only address is not globally reachable: %s.",
                                       mtasts_judge_address(j, &mx->servers[0].address)),
                     "Publish a public address of the host, or remove the MX record; a resolver "
                     "inside of the site may give the private one.");
}

static void judge_host(const struct mtasts_judgement *j, const struct mtasts_seen_mx *mx) {
  const char *host = mtasts_judge_shown(j, mx->host);
  if (mx->is_address) {
    mtasts_judge_add(j, MTASTS_FOUND_MX_ADDRESS, MTASTS_SEVERITY_ERROR, host,
                     "An MX record holds an IP address in place of a host name.",
                     "Give the host a name with an A or AAAA record, and let the MX record hold "
                     "that name.");
    return;
  }
  judge_match(j, mx, host);
  /* If the domain is its own MX, an alias of it is no MX record's. */
  if (mx->addresses.alias.data && !j->seen->implicit_mx)
    mtasts_judge_add(j, MTASTS_FOUND_MX_CNAME, MTASTS_SEVERITY_WARNING, host,
                     "This MX host is an alias (CNAME): some senders refuse it.",
                     mtasts_judge_text(j,
                                       "Let the MX record hold the name it points to, \"%s\"; "
                                       "before that, add it to the policy.",
                                       mtasts_judge_shown(j, mx->addresses.alias)));
  judge_addresses(j, mx, host);
}

void mtasts_judge_mx(const struct mtasts_judgement *j) {
  judge_set(j);
  if (mtasts_judge_bogus(&j->seen->mx_answer))
    return;
  for (size_t i = 0; i < j->seen->mx_count; i++)
    if (mtasts_judge_is_first(j->seen, i))
      judge_host(j, &j->seen->mx[i]);
}
