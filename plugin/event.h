/*
 * event.h: from the events of Exim's smtp transport to the outcome of each SMTP session, for
 * TLS-RPT (RFC 8460 section 4). Pure.
 *
 * For each connection of a delivery, Exim raises tcp:connect, smtp:ehlo (twice with TLS), tls:cert
 * and tcp:close. mtasts_cert receives tls:cert. If the delivery to this host fails, msg:host:defer
 * follows. dane:fail comes if a host with secure TLSA records fails, whether Exim can use the
 * records or not. A process has one session at a time.
 *
 * If a handshake fails and TLS is not required, Exim connects once more and goes on in clear. That
 * connection belongs to the session that failed. Exim may pass a connection in clear to another
 * process: the last one raises tcp:close alone, so the session is counted once.
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
  bool handshake;            /* a TLS handshake was begun */
  bool usable;               /* Exim has TLSA records that it can use */
  bool self_signed;          /* the certificate is its own issuer */
  struct mtasts_span sender; /* our own address; may be empty */
};

/* Reads the arguments of mtasts_event that follow the domain. extra: words in any order; the first
 * may be the error's number: `-37 cv=1 ver=TLS1.3 dane=yes ip=192.0.2.1 sni=a.example tlsa=8
 * self=yes`. `sni`: anything if a handshake was begun. */
struct mtasts_event mtasts_event_read(struct mtasts_span name, struct mtasts_span host,
                                      struct mtasts_span address, struct mtasts_span data,
                                      struct mtasts_span extra);

/* The session in progress; all zeros at the start. */
struct mtasts_smtp_session {
  char host[MTASTS_DOMAIN_MAX + 1]; /* as Exim names it */
  char mx[MTASTS_DOMAIN_MAX + 1];   /* its MX name; "" until it was looked for */
  char address[64];
  char helo[MTASTS_DOMAIN_MAX + 1];
  bool connected;                      /* this process made the connection */
  bool greeted;                        /* EHLO was answered, */
  bool offered;                        /* and the answer offered STARTTLS */
  bool counted;                        /* its outcome has been reported */
  bool retried;                        /* and Exim may connect once more, in clear */
  bool dane_failed;                    /* dane:fail: the deferral that follows is DANE's */
  bool presented;                      /* mtasts_cert has seen a certificate, */
  bool nameless;                       /* which has no DNS name, */
  enum mtasts_result_type certificate; /* and this is its fault, if any */
};

struct mtasts_smtp_session_ending {
  enum mtasts_result_type result;
  bool dane;                 /* DANE held or failed, not the policy */
  bool ours;                 /* the fault is this host's: it is logged and not reported */
  const char *rule;          /* constant: RFC and section of a failure */
  struct mtasts_span reason; /* failure-reason-code; empty: none. Of the event, or constant */
};

/* The endings if there is no session: the policy does not list the MX host, or lists none of them;
 * or what the DNS says of the MX hosts is not valid. */
extern const struct mtasts_smtp_session_ending mtasts_smtp_session_ending_unlisted;
extern const struct mtasts_smtp_session_ending mtasts_smtp_session_ending_bogus;

/* Takes in an event. True: the event may end the session; call mtasts_smtp_session_end. */
bool mtasts_smtp_session_follow(struct mtasts_smtp_session *session,
                                const struct mtasts_event *event);

/* True: this event ends the session. True only once for each session. */
bool mtasts_smtp_session_end(struct mtasts_smtp_session *session, const struct mtasts_event *event,
                             const struct mtasts_domain_decision *decided,
                             struct mtasts_smtp_session_ending *ending);

/* Sets the session's MX name. It differs from Exim's host name if the MX host is an alias (CNAME).
 */
void mtasts_smtp_session_is_mx(struct mtasts_smtp_session *session, struct mtasts_span mx);

/* The MX name; Exim's host name if no other is known. */
struct mtasts_span mtasts_smtp_session_mx(const struct mtasts_smtp_session *session);

/* Sets the fault that mtasts_cert found in the host's certificate: its names do not match the host,
 * or it has expired. names: its DNS names. */
void mtasts_smtp_session_certificate(struct mtasts_smtp_session *session, struct mtasts_span host,
                                     struct mtasts_span names, enum mtasts_result_type seen);

#endif
