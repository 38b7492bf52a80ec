/*
 * event.h: from the events of Exim's smtp transport to the outcome of each SMTP session, for
 * TLS-RPT (RFC 8460 section 4). Pure.
 *
 * Exim raises, for each connection of a delivery: tcp:connect, smtp:ehlo (twice with TLS),
 * tls:cert (mtasts_cert sees that one), tcp:close; where it did not do, msg:host:defer behind
 * that; dane:fail whenever DANE does not hold. A process has one session at a time, and a retry
 * in clear after a failed handshake belongs to the session that failed.
 */
#ifndef MTASTS_PLUGIN_EVENT_H
#define MTASTS_PLUGIN_EVENT_H

#include "domain_decision.h"
#include "tlsrpt.h"

enum mtasts_event_name {
  MTASTS_EVENT_OTHER,
  MTASTS_EVENT_CONNECT,
  MTASTS_EVENT_EHLO,
  MTASTS_EVENT_CLOSE,
  MTASTS_EVENT_HOST_DEFER,
  MTASTS_EVENT_DANE_FAIL,
};

struct mtasts_event {
  enum mtasts_event_name name;
  struct mtasts_span host; /* empty in a callout, which is no session */
  struct mtasts_span address;
  struct mtasts_span data;
  long error;                /* $event_defer_errno */
  bool tls;                  /* the session had TLS, */
  bool verified;             /* with a verified certificate, */
  bool dane;                 /* by DANE */
  struct mtasts_span sender; /* our own address; may be empty */
};

/* The arguments of mtasts_event behind the domain. extra: words in any order, the first of them
 * perhaps the error's number: `-37 cv=1 ver=TLS1.3 dane=yes ip=192.0.2.1`. */
struct mtasts_event mtasts_event_read(struct mtasts_span name, struct mtasts_span host,
                                      struct mtasts_span address, struct mtasts_span data,
                                      struct mtasts_span extra);

/* The session that is under way; begins as zeros. */
struct mtasts_smtp_session {
  char host[MTASTS_DOMAIN_MAX + 1]; /* as Exim calls it */
  char mx[MTASTS_DOMAIN_MAX + 1];   /* its MX name; "" before it was looked for */
  char address[64];
  char helo[MTASTS_DOMAIN_MAX + 1];
  bool greeted;                        /* EHLO was answered, */
  bool offered;                        /* and STARTTLS was in the answer */
  bool counted;                        /* its outcome has been told */
  bool failed;                         /* and was a failure */
  bool presented;                      /* mtasts_cert has seen a certificate, */
  enum mtasts_result_type certificate; /* and this is wrong with it */
};

struct mtasts_smtp_session_ending {
  enum mtasts_result_type result;
  bool dane;        /* it is DANE that held or did not */
  const char *rule; /* constant: RFC and section of a failure */
  const char *code; /* constant: failure-reason-code; "" none */
};

/* Of a session with an MX host that the policy does not list, or that there is none for its sake.
 */
extern const struct mtasts_smtp_session_ending mtasts_smtp_session_ending_unlisted;

/* Follows an event. True: it may end the session, and mtasts_smtp_session_end is to be asked. */
bool mtasts_smtp_session_follow(struct mtasts_smtp_session *session,
                                const struct mtasts_event *event);

/* True: the session has come to this end, now and once. */
bool mtasts_smtp_session_end(struct mtasts_smtp_session *session, const struct mtasts_event *event,
                             const struct mtasts_domain_decision *decided,
                             struct mtasts_smtp_session_ending *ending);

/* The name of the session's host in the MX record, which differs from Exim's if that is an alias.
 */
void mtasts_smtp_session_is_mx(struct mtasts_smtp_session *session, struct mtasts_span mx);

/* That name; Exim's own if there is no other. */
struct mtasts_span mtasts_smtp_session_mx(const struct mtasts_smtp_session *session);

/* What mtasts_cert saw of a host's certificate: its names do not cover the host, or it has
 * expired. */
void mtasts_smtp_session_certificate(struct mtasts_smtp_session *session, struct mtasts_span host,
                                     enum mtasts_result_type seen);

#endif
