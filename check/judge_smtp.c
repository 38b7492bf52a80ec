/* Each address of each MX host: how far a sender gets. */
#include "judge_certificate.h"
#include "judge_dane.h"
#include "judge_private.h"

/* One mail server of one MX host. */
struct visit {
  const struct mtasts_judgement *j;
  const struct mtasts_seen_mx *mx;
  const struct mtasts_seen_mail_server *server;
  const char *host, *place;
};

static void add(const struct visit *visit, enum mtasts_found found, enum mtasts_severity severity,
                const char *message, const char *remedy) {
  mtasts_judge_add(visit->j, found, severity, visit->place, message, remedy);
}

static const char *detail_of(const struct visit *visit) {
  const struct mtasts_seen_mail_server *server = visit->server;
  return mtasts_judge_detail(visit->j, server->detail.len > 0 ? server->detail : server->reply);
}

static void judge_certificate(const struct visit *visit) {
  static const struct {
    unsigned fault;
    enum mtasts_found found;
  } table[] = {
      {MTASTS_CERTIFICATE_EXPIRED, MTASTS_FOUND_SMTP_CERT_EXPIRED},
      {MTASTS_CERTIFICATE_UNTRUSTED, MTASTS_FOUND_SMTP_CERT_UNTRUSTED},
      {MTASTS_CERTIFICATE_NAME, MTASTS_FOUND_SMTP_CERT_NAME},
      {MTASTS_CERTIFICATE_EXPIRING, MTASTS_FOUND_SMTP_CERT_EXPIRING},
      {MTASTS_CERTIFICATE_WEAK, MTASTS_FOUND_SMTP_CERT_WEAK},
  };
  const struct mtasts_judgement *j = visit->j;
  const struct mtasts_seen_certificate *certificate = &visit->server->certificate;
  unsigned faults = mtasts_certificate_faults(certificate, j->options->now);
  /* Without a policy that asks for more, a certificate that DANE vouches for is right. */
  if (!mtasts_judge_is_active(j))
    faults &= ~mtasts_judge_dane_forgives(j, visit->mx, visit->server);
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    enum mtasts_certificate_fault fault = (enum mtasts_certificate_fault)table[i].fault;
    if ((faults & table[i].fault) == 0)
      continue;
    bool grave = fault == MTASTS_CERTIFICATE_EXPIRING ? (faults & MTASTS_CERTIFICATE_NEAR_END) != 0
                                                      : fault != MTASTS_CERTIFICATE_WEAK;
    struct mtasts_certificate_words words =
        mtasts_certificate_words(j, fault, certificate, visit->host, "mail server");
    add(visit, table[i].found, grave ? mtasts_judge_severity_m(j) : MTASTS_SEVERITY_WARNING,
        words.message, words.remedy);
  }
}

static void judge_tls(const struct visit *visit) {
  const struct mtasts_judgement *j = visit->j;
  enum mtasts_severity severity = mtasts_judge_severity_m(j);
  switch (visit->server->tls) {
  case MTASTS_TLS_TOO_OLD:
    add(visit, MTASTS_FOUND_SMTP_TLS_VERSION, severity,
        "The mail server offers nothing from TLS 1.2 up.",
        "Enable TLS 1.2 and TLS 1.3 in the mail server; a new version of its TLS library may be "
        "needed.");
    break;
  case MTASTS_TLS_NOT_TRIED:
  case MTASTS_TLS_FAILED:
    add(visit, MTASTS_FOUND_SMTP_TLS_FAILED, severity,
        mtasts_judge_text(j, "The TLS handshake after STARTTLS fails%s.", detail_of(visit)),
        mtasts_judge_text(j, "See the mail server's log of this time. What was received here%s.",
                          *detail_of(visit) ? detail_of(visit) : ": nothing"));
    break;
  case MTASTS_TLS_DONE:
    judge_certificate(visit);
    break;
  }
}

static void judge_starttls(const struct visit *visit) {
  const struct mtasts_judgement *j = visit->j;
  const struct mtasts_seen_mail_server *server = visit->server;
  enum mtasts_severity severity = mtasts_judge_severity_m(j);
  if (!server->offers_starttls)
    add(visit, MTASTS_FOUND_SMTP_STARTTLS_MISSING, severity, "EHLO does not offer STARTTLS.",
        "Switch TLS on in the mail server (Postfix: smtpd_tls_security_level = may, with a "
        "certificate). If it is on, see whether a firewall in between strips STARTTLS.");
  else if (server->starttls_reply == 0 && server->tls == MTASTS_TLS_FAILED)
    judge_tls(visit); /* closed in place of a reply: nothing was refused */
  else if (server->starttls_reply != 220)
    add(visit, MTASTS_FOUND_SMTP_STARTTLS_REFUSED, severity,
        mtasts_judge_text(j, "STARTTLS is offered, but refused%s.", detail_of(visit)),
        "Check the files of certificate and key that the mail server is configured with, their "
        "permissions, and its log.");
  else
    judge_tls(visit);
}

static void judge_connected(const struct visit *visit) {
  const struct mtasts_judgement *j = visit->j;
  switch (visit->server->smtp) {
  case MTASTS_SMTP_NOT_TRIED:
    break;
  case MTASTS_SMTP_PROTOCOL:
    add(visit, MTASTS_FOUND_SMTP_PROTOCOL, j->severity_l,
        mtasts_judge_text(j, "Port 25 accepts connections, but speaks no SMTP%s.",
                          detail_of(visit)),
        "Let an SMTP server answer there, with a greeting (220) within the time that senders "
        "wait; or remove the address.");
    break;
  case MTASTS_SMTP_REFUSED:
    add(visit, MTASTS_FOUND_SMTP_NOT_JUDGED, MTASTS_SEVERITY_UNKNOWN,
        mtasts_judge_text(j, "The server does not talk to this host%s. Its TLS was not judged.",
                          detail_of(visit)),
        "Let this host in (rate limit, greylisting, block list), or run the check elsewhere.");
    break;
  case MTASTS_SMTP_OK:
    judge_starttls(visit);
    break;
  }
}

/* Does the host have an address that could be asked from here? */
static bool has_route(const struct mtasts_seen_mx *mx) {
  for (size_t i = 0; i < mx->server_count; i++)
    if (mx->servers[i].connect != MTASTS_CONNECT_NO_ROUTE && !mx->servers[i].private_address)
      return true;
  return false;
}

static void judge_server(const struct visit *visit) {
  const struct mtasts_judgement *j = visit->j;
  switch (visit->server->connect) {
  case MTASTS_CONNECT_NOT_TRIED:
  case MTASTS_CONNECT_DEADLINE: /* check.deadline says so */
    break;
  case MTASTS_CONNECT_NO_ROUTE:
    add(visit, MTASTS_FOUND_CHECK_NO_ROUTE,
        has_route(visit->mx) ? MTASTS_SEVERITY_INFO : MTASTS_SEVERITY_UNKNOWN,
        "This host has no route to that address: it was not judged.",
        "Run the check on a host that has addresses of that family, such as IPv6.");
    break;
  case MTASTS_CONNECT_FAILED:
    add(visit, MTASTS_FOUND_SMTP_UNREACHABLE, j->severity_l,
        mtasts_judge_text(j, "Port 25 accepts no connection%s.", detail_of(visit)),
        "Start the mail server and open the firewall, or remove the address. Many networks block "
        "outgoing port 25: is it open here? If not, use --no-smtp, or check elsewhere.");
    break;
  case MTASTS_CONNECT_DONE:
    judge_connected(visit);
    break;
  }
}

void mtasts_judge_smtp(const struct mtasts_judgement *j) {
  const struct mtasts_observation *seen = j->seen;
  if (!seen->smtp)
    return;
  for (size_t i = 0; i < seen->mx_count; i++) {
    const struct mtasts_seen_mx *mx = &seen->mx[i];
    const char *host = mtasts_judge_shown(j, mx->host);
    if (!mtasts_judge_is_first(seen, i))
      continue;
    for (size_t k = 0; k < mx->server_count; k++)
      judge_server(&(struct visit){
          .j = j,
          .mx = mx,
          .server = &mx->servers[k],
          .host = host,
          .place = mtasts_judge_place(j, host, &mx->servers[k].address),
      });
  }
}
