/*
 * smtp_probe.h: asks one address of a mail server how it speaks TLS, on a libevent loop: greeting,
 * EHLO, STARTTLS, handshake, QUIT. Sends no mail, and no other command.
 *
 * It waits for the greeting, however long that takes within its time limit, and never speaks before
 * the server has. Replies are read whole, and bounded (smtp_reply.h). After a refusal and after a
 * bad certificate it says QUIT, too. Bytes that arrive in the clear behind the reply to STARTTLS
 * are an injection (RFC 3207 section 6): there is no handshake then.
 *
 * The handshake admits TLS 1.0 and any key, and completes whatever the certificate is worth: the
 * certificate is described (certificate_facts.h) and judged by others. The MX host's name is the
 * SNI.
 *
 * The callback comes from the loop, never from inside a call. All in one thread. The whole process
 * ignores SIGPIPE from the first probe on.
 */
#ifndef MTASTS_SMTP_PROBE_H
#define MTASTS_SMTP_PROBE_H

#include <openssl/x509_vfy.h>

#include "arena.h"
#include "observation.h"

struct event_base;
struct mtasts_smtp_probe;

/* The texts of the server are the arena's. */
typedef void mtasts_smtp_probe_fn(void *context, const struct mtasts_seen_mail_server *server);

struct mtasts_smtp_probe_options {
  struct event_base *base;
  struct in6_addr address; /* IPv4 is mapped */
  uint16_t port;
  bool allow_private; /* else an address that is not globally routable is not connected to */
  const char *host;   /* the MX host */
  const char *helo;   /* in EHLO; NULL: the name of this host if it has a dot, else the address
                         literal of the connection's local end (RFC 5321 section 4.1.3) */
  X509_STORE *trust;
  int64_t now;      /* seconds since the epoch: for dates of certificates */
  uint32_t timeout; /* milliseconds, from connect to the end of QUIT */
  struct mtasts_arena *arena;
  mtasts_smtp_probe_fn *done;
  void *context;
};

/* Starts. The strings must live until the callback. MTASTS_NO_MEMORY */
enum mtasts_status mtasts_smtp_probe_start(const struct mtasts_smtp_probe_options *options,
                                           struct mtasts_smtp_probe **probe);

/* Closes the connection, without a callback. NULL is fine; not to be called after the callback. */
void mtasts_smtp_probe_cancel(struct mtasts_smtp_probe *probe);

#endif
