/* The policy host: what each of its addresses comes to (mtasts_judge_fetch), and what is said. */
#include <string.h>

#include "judge_certificate.h"
#include "judge_private.h"
#include "span.h"

#define BIT(found) (1U << ((found)-MTASTS_FOUND_HOST_NO_ADDRESS))

/* "text/plain", parameters and case free (RFC 8461 section 3.2). */
static bool is_text_plain(struct mtasts_span type) {
  struct mtasts_span media;
  mtasts_span_cut(&type, ';', &media);
  mtasts_span_skip_wsp(&media);
  mtasts_span_trim_wsp(&media);
  return mtasts_span_equal_nocase(media, MTASTS_SPAN("text/plain"));
}

static uint32_t fault_of_http(const struct mtasts_seen_https *https) {
  if (!https->complete)
    return BIT(MTASTS_FOUND_HTTP_FAILED);
  if (https->status >= 300 && https->status < 400)
    return BIT(MTASTS_FOUND_HTTP_REDIRECT);
  if (https->status != 200)
    return BIT(MTASTS_FOUND_HTTP_STATUS);
  uint32_t faults = 0;
  if (!https->has_type || !is_text_plain(https->type))
    faults |= BIT(MTASTS_FOUND_HTTP_MEDIA_TYPE);
  if (https->too_large)
    faults |= BIT(MTASTS_FOUND_HTTP_TOO_LARGE);
  /* A sender refuses it for another reason, such as a content coding that it did not ask for. */
  if (faults == 0 && !https->accepted)
    faults = BIT(MTASTS_FOUND_HTTP_FAILED);
  return faults;
}

static uint32_t faults_of_certificate(const struct mtasts_seen_certificate *certificate,
                                      int64_t now) {
  static const struct {
    unsigned fault;
    enum mtasts_found found;
  } table[] = {
      {MTASTS_CERTIFICATE_EXPIRED, MTASTS_FOUND_HOST_CERT_EXPIRED},
      {MTASTS_CERTIFICATE_UNTRUSTED, MTASTS_FOUND_HOST_CERT_UNTRUSTED},
      {MTASTS_CERTIFICATE_NAME, MTASTS_FOUND_HOST_CERT_NAME},
      {MTASTS_CERTIFICATE_EXPIRING, MTASTS_FOUND_HOST_CERT_EXPIRING},
  };
  unsigned faults = mtasts_certificate_faults(certificate, now);
  uint32_t bits = 0;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (faults & table[i].fault)
      bits |= BIT(table[i].found);
  return bits;
}

static uint32_t faults_of(const struct mtasts_seen_https *https, int64_t now) {
  switch (https->tls) {
  case MTASTS_TLS_TOO_OLD:
    return BIT(MTASTS_FOUND_HOST_TLS_VERSION);
  case MTASTS_TLS_NOT_TRIED:
  case MTASTS_TLS_FAILED:
    return BIT(MTASTS_FOUND_HOST_TLS_FAILED);
  case MTASTS_TLS_DONE:
    break;
  }
  uint32_t faults = faults_of_certificate(&https->certificate, now);
  /* Where the policy host fails, nothing about HTTP; a certificate that ends soon is no failure. */
  if ((faults & ~BIT(MTASTS_FOUND_HOST_CERT_EXPIRING)) == 0)
    faults |= fault_of_http(https);
  return faults;
}

static bool no_memory(struct mtasts_judgement *j) {
  j->findings->no_memory = true;
  return false;
}

/* Reads the body of an answer without a fault. Returns false without memory. */
static bool read_body(struct mtasts_judgement *j, struct mtasts_judged_fetch *fetch) {
  struct mtasts_span body = fetch->https->body;
  unsigned char *store = mtasts_arena_alloc(&j->findings->arena, body.len + 1);
  if (!store)
    return no_memory(j);
  fetch->read = true;
  fetch->valid = mtasts_policy_parse(body, store, &fetch->policy, &fetch->report) == MTASTS_OK;
  return true;
}

void mtasts_judge_fetch(struct mtasts_judgement *j) {
  const struct mtasts_observation *seen = j->seen;
  struct mtasts_judged_fetch *fetches =
      mtasts_arena_array(&j->findings->arena, seen->https_count, sizeof *fetches);
  if (!fetches) {
    no_memory(j);
    return;
  }
  j->fetches = fetches;
  j->fetch_count = seen->https_count;
  for (size_t i = 0; i < seen->https_count; i++) {
    struct mtasts_judged_fetch *fetch = &fetches[i];
    fetch->https = &seen->https[i];
    fetch->tried = fetch->https->connect == MTASTS_CONNECT_DONE ||
                   fetch->https->connect == MTASTS_CONNECT_FAILED;
    if (fetch->https->connect != MTASTS_CONNECT_DONE)
      continue;
    fetch->faults = faults_of(fetch->https, j->options->now);
    if ((fetch->faults & ~BIT(MTASTS_FOUND_HOST_CERT_EXPIRING)) == 0 && !read_body(j, fetch))
      return;
    /* If the addresses differ, the strictest policy judges: some senders have it. */
    if (fetch->valid && (!j->policy || fetch->policy.mode > j->policy->mode)) {
      j->governing = fetch;
      j->policy = &fetch->policy;
    }
  }
}

/* what is said */

static struct mtasts_certificate_words words_of_tls(const struct mtasts_judgement *j,
                                                    enum mtasts_found found,
                                                    const struct mtasts_seen_https *https) {
  const char *detail = mtasts_judge_detail(j, https->detail);
  if (found == MTASTS_FOUND_HOST_TLS_VERSION)
    return (struct mtasts_certificate_words){
        "The web server offers nothing from TLS 1.2 up.",
        "Enable TLS 1.2 and TLS 1.3 in the web server; RFC 8461 wants at least 1.2."};
  return (struct mtasts_certificate_words){
      mtasts_judge_text(j, "The TLS handshake on port 443 fails%s.", detail),
      mtasts_judge_text(j,
                        "Let the web server listen with TLS on port 443 and have a certificate "
                        "for %s. What was received%s.",
                        j->policy_host, *detail ? detail : ": nothing")};
}

static struct mtasts_certificate_words words_of_http(const struct mtasts_judgement *j,
                                                     enum mtasts_found found,
                                                     const struct mtasts_seen_https *https) {
  const char *detail = mtasts_judge_detail(j, https->detail);
  if (found == MTASTS_FOUND_HTTP_REDIRECT)
    return (struct mtasts_certificate_words){
        mtasts_judge_text(j, "The answer is a redirect (status %ld)%s%s; senders do not follow it.",
                          https->status, https->target.len > 0 ? " to " : "",
                          mtasts_judge_shown(j, https->target)),
        mtasts_judge_text(j, "Serve the policy itself at %s, with status 200.", j->url)};
  if (found == MTASTS_FOUND_HTTP_STATUS)
    return (struct mtasts_certificate_words){
        mtasts_judge_text(j, "The status of the answer is %ld, not 200.", https->status),
        mtasts_judge_text(j,
                          "Serve the policy as a plain file at %s (for example from "
                          "www/.well-known/mta-sts.txt, readable for the web server).",
                          j->url)};
  if (found == MTASTS_FOUND_HTTP_MEDIA_TYPE)
    return (struct mtasts_certificate_words){
        https->has_type ? mtasts_judge_text(j, "The media type is \"%s\", not text/plain.",
                                            mtasts_judge_shown(j, https->type))
                        : "The answer has no media type; it must be text/plain.",
        "Configure the web server to send \"Content-Type: text/plain\" for this file."};
  if (found == MTASTS_FOUND_HTTP_TOO_LARGE)
    return (struct mtasts_certificate_words){
        "The answer has more than 65536 bytes; senders refuse it.",
        "Shorten the policy: patterns such as \"mx: *.example.com\" stand for many hosts."};
  return (struct mtasts_certificate_words){
      https->complete ? mtasts_judge_text(j, "Senders refuse the HTTP answer%s.", detail)
                      : mtasts_judge_text(j, "No whole HTTP answer arrived%s.", detail),
      mtasts_judge_text(j, "See what the web server's log has of GET %s at this time.", j->url)};
}

static struct mtasts_certificate_words words_of(const struct mtasts_judgement *j,
                                                enum mtasts_found found,
                                                const struct mtasts_seen_https *https) {
  const struct mtasts_seen_certificate *certificate = &https->certificate;
  enum mtasts_certificate_fault fault;
  if (found >= MTASTS_FOUND_HTTP_REDIRECT)
    return words_of_http(j, found, https);
  if (found == MTASTS_FOUND_HOST_CERT_EXPIRED)
    fault = MTASTS_CERTIFICATE_EXPIRED;
  else if (found == MTASTS_FOUND_HOST_CERT_UNTRUSTED)
    fault = MTASTS_CERTIFICATE_UNTRUSTED;
  else if (found == MTASTS_FOUND_HOST_CERT_NAME)
    fault = MTASTS_CERTIFICATE_NAME;
  else if (found == MTASTS_FOUND_HOST_CERT_EXPIRING)
    fault = MTASTS_CERTIFICATE_EXPIRING;
  else
    return words_of_tls(j, found, https);
  return mtasts_certificate_words(j, fault, certificate, j->policy_host, "web server");
}

static enum mtasts_severity severity_of(const struct mtasts_judgement *j, enum mtasts_found found,
                                        const struct mtasts_seen_https *https) {
  if (found != MTASTS_FOUND_HOST_CERT_EXPIRING)
    return MTASTS_SEVERITY_ERROR;
  return mtasts_certificate_faults(&https->certificate, j->options->now) &
                 MTASTS_CERTIFICATE_NEAR_END
             ? MTASTS_SEVERITY_ERROR
             : MTASTS_SEVERITY_WARNING;
}

/* Is it one fault at all addresses that were tried: as grave, and in the same words? How TLS or
 * HTTP broke off may be told in other words for each, with the seconds that it took; it is one
 * fault. */
static bool is_common(const struct mtasts_judgement *j, enum mtasts_found found) {
  bool any_words = found == MTASTS_FOUND_HOST_TLS_FAILED || found == MTASTS_FOUND_HTTP_FAILED;
  const struct mtasts_seen_https *first = NULL;
  const char *message = NULL;
  for (size_t i = 0; i < j->fetch_count; i++) {
    const struct mtasts_judged_fetch *fetch = &j->fetches[i];
    if (!fetch->tried)
      continue;
    if ((fetch->faults & BIT(found)) == 0)
      return false;
    const char *words = words_of(j, found, fetch->https).message;
    if (first && (severity_of(j, found, first) != severity_of(j, found, fetch->https) ||
                  (!any_words && strcmp(message, words) != 0)))
      return false;
    first = fetch->https;
    message = words;
  }
  return true;
}

/* One finding if all addresses have the same fault, else one for each that has one. */
static void say_fault(const struct mtasts_judgement *j, enum mtasts_found found) {
  const char *place = found >= MTASTS_FOUND_HTTP_REDIRECT ? j->url : j->policy_host;
  bool common = is_common(j, found);
  for (size_t i = 0; i < j->fetch_count; i++) {
    const struct mtasts_judged_fetch *fetch = &j->fetches[i];
    if ((fetch->faults & BIT(found)) == 0)
      continue;
    struct mtasts_certificate_words words = words_of(j, found, fetch->https);
    mtasts_judge_add(j, found, severity_of(j, found, fetch->https),
                     common ? place : mtasts_judge_place(j, place, &fetch->https->address),
                     words.message, words.remedy);
    if (common)
      return;
  }
}

/* others: an address answers, or had no time to: it may. */
static void say_unreachable(const struct mtasts_judgement *j, bool others) {
  for (size_t i = 0; i < j->fetch_count; i++) {
    const struct mtasts_seen_https *https = j->fetches[i].https;
    if (https->connect != MTASTS_CONNECT_FAILED)
      continue;
    const char *detail = mtasts_judge_detail(j, https->detail);
    if (!others) {
      mtasts_judge_add(
          j, MTASTS_FOUND_HOST_UNREACHABLE, MTASTS_SEVERITY_ERROR, j->policy_host,
          mtasts_judge_text(j, "No address accepts a connection on port 443%s.", detail),
          "Start the web server, let it listen on port 443 of each address, and open "
          "the firewall for it.");
      return;
    }
    mtasts_judge_add(
        j, MTASTS_FOUND_HOST_ADDRESS_UNREACHABLE, MTASTS_SEVERITY_WARNING,
        mtasts_judge_place(j, j->policy_host, &https->address),
        mtasts_judge_text(j,
                          "This address accepts no connection on port 443%s; senders that begin "
                          "with it fail or wait.",
                          detail),
        "Let the web server serve this address as well, or remove its record from the DNS.");
  }
}

/* By a proxy there is one request, and what fails before the policy host answers is the proxy. */
static void say_proxy(const struct mtasts_judgement *j, const struct mtasts_seen_https *https) {
  mtasts_judge_add(j, MTASTS_FOUND_CHECK_NO_ROUTE, MTASTS_SEVERITY_UNKNOWN, j->policy_host,
                   mtasts_judge_text(j,
                                     "The proxy fails%s. The policy host was not "
                                     "judged.",
                                     mtasts_judge_detail(j, https->detail)),
                   "See that the proxy of https.proxy in mtasts.conf runs and lets this host use "
                   "CONNECT to port 443, or remove that setting.");
}

static void say_no_route(const struct mtasts_judgement *j, bool others) {
  for (size_t i = 0; i < j->fetch_count; i++)
    if (j->fetches[i].https->connect != MTASTS_CONNECT_NO_ROUTE)
      continue;
    else if (IN6_IS_ADDR_UNSPECIFIED(&j->fetches[i].https->address))
      say_proxy(j, j->fetches[i].https);
    else
      mtasts_judge_add(j, MTASTS_FOUND_CHECK_NO_ROUTE,
                       others ? MTASTS_SEVERITY_INFO : MTASTS_SEVERITY_UNKNOWN,
                       mtasts_judge_place(j, j->policy_host, &j->fetches[i].https->address),
                       "This host has no route to that address: it was not judged.",
                       "Run the check on a host that has addresses of that family, such as IPv6.");
}

static void say_addresses(const struct mtasts_judgement *j) {
  const struct mtasts_seen_addresses *addresses = &j->seen->policy_host;
  const struct mtasts_seen_answer *failure = mtasts_judge_address_failure(addresses);
  if (failure)
    mtasts_judge_add(j, MTASTS_FOUND_HOST_DNS_ERROR, MTASTS_SEVERITY_ERROR, j->policy_host,
                     mtasts_judge_text(j, "The look-up of its addresses fails%s.",
                                       mtasts_judge_detail(j, failure->detail)),
                     "Check that all name servers of the zone answer for A and AAAA of this name, "
                     "and that its DNSSEC signatures are valid.");
  else if (mtasts_judge_no_address(addresses))
    mtasts_judge_add(j, MTASTS_FOUND_HOST_NO_ADDRESS, MTASTS_SEVERITY_ERROR, j->policy_host,
                     "The policy host has no address.",
                     mtasts_judge_text(j,
                                       "Publish the address of the web server, or an alias:\n"
                                       "%s. IN A ADDRESS\n%s. IN CNAME HOST.",
                                       j->policy_host, j->policy_host));
}

static bool differ(const struct mtasts_policy *a, const struct mtasts_policy *b) {
  struct mtasts_remembered_policy x;
  struct mtasts_remembered_policy y;
  return !mtasts_policy_remember(a, &x) || !mtasts_policy_remember(b, &y) ||
         !mtasts_remembered_equal(&x, &y);
}

static void say_differs(const struct mtasts_judgement *j) {
  const struct mtasts_judged_fetch *first = NULL;
  const char *list = "";
  bool found = false;
  for (size_t i = 0; i < j->fetch_count; i++) {
    const struct mtasts_judged_fetch *fetch = &j->fetches[i];
    if (!fetch->valid)
      continue;
    if (!first)
      first = fetch;
    found = found || differ(&first->policy, &fetch->policy);
    list = mtasts_judge_text(j, "%s\n%s: mode %s, max_age %u, %zu mx%s", list,
                             mtasts_judge_address(j, &fetch->https->address),
                             mtasts_mode_name(fetch->policy.mode), fetch->policy.max_age,
                             fetch->policy.mx.count,
                             differ(&first->policy, &fetch->policy) ? " (differs)" : "");
  }
  if (found)
    mtasts_judge_add(
        j, MTASTS_FOUND_HTTP_DIFFERS, MTASTS_SEVERITY_ERROR, j->url,
        "The addresses of the policy host serve different policies.",
        mtasts_judge_text(j, "Deploy the same policy to all of them. They serve:%s", list));
}

void mtasts_judge_host(const struct mtasts_judgement *j) {
  size_t private_count = 0;
  bool tried = false;
  bool may_answer = false;
  say_addresses(j);
  for (size_t i = 0; i < j->fetch_count; i++) {
    private_count += j->fetches[i].https->private_address;
    tried = tried || j->fetches[i].tried;
    may_answer = may_answer || j->fetches[i].https->connect == MTASTS_CONNECT_DONE ||
                 j->fetches[i].https->connect == MTASTS_CONNECT_DEADLINE;
  }
  if (j->fetch_count > 0 && private_count == j->fetch_count)
    mtasts_judge_add(j, MTASTS_FOUND_HOST_PRIVATE_ADDRESS, MTASTS_SEVERITY_ERROR, j->policy_host,
                     mtasts_judge_text(j, "Its only address is not globally reachable: %s.",
                                       mtasts_judge_address(j, &j->fetches[0].https->address)),
                     "Publish a public address of the web server: senders elsewhere cannot reach "
                     "this one.");
  say_unreachable(j, may_answer);
  for (int found = MTASTS_FOUND_HOST_TLS_VERSION; found <= MTASTS_FOUND_HTTP_FAILED; found++)
    say_fault(j, (enum mtasts_found)found);
  say_differs(j);
  say_no_route(j, tried);
}
