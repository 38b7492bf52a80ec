/*
 * observe.h: asks DNS, HTTPS and SMTP all that `mtasts check` wants to know of some domains, and
 * returns it as plain values (check/observation.h). Judges nothing.
 *
 * For each domain: TXT at _mta-sts. and _smtp._tls., the policy host, the MX hosts with their
 * addresses and TLSA records, and the targets of the TLSRPT record. Each address of the policy host
 * gets one connection and one GET. Each address of an MX host gets one connection, also if several
 * domains share the host. A domain that is named twice is asked once.
 *
 * All of it runs side by side on one loop. The number of connections is bounded by the process's
 * descriptors, and for one address. The call takes no longer than the DNS, HTTPS and SMTP limits
 * together. What is not known then is marked: `deadline` of the observation is set.
 *
 * MX hosts, their addresses and TLSA records are validated by DNSSEC unless it is off. TXT records
 * and policy hosts are not, as in net/lookup.h. dns.dnssec = "require" counts as "auto" here: on a
 * host whose resolver strips signatures, answers say nothing of DNSSEC.
 *
 * With https.proxy there is one GET, by the proxy: `https` then has one item, whose address is
 * unspecified. A proxy that fails is a fault of this host's: NO_ROUTE. The targets of the TLSRPT
 * record are then looked up, and not connected to.
 *
 * The whole process ignores SIGPIPE from the call on. The caller's thread does all of it.
 */
#ifndef MTASTS_OBSERVE_H
#define MTASTS_OBSERVE_H

#include "config.h"
#include "observation.h"

struct mtasts_observations;

/* How far the call is: connections and look-ups that have ended, and all that are known of. Called
 * ten times a second, from inside mtasts_observe, whether that has changed or not. */
typedef void mtasts_observe_progress_fn(void *context, size_t ended, size_t known);

struct mtasts_observe_options {
  const struct mtasts_config *config; /* its `dns` and `https` */
  const char *resolver;               /* ADDR[@PORT] in place of dns.servers; NULL: those */
  const char *ca_file;                /* PEM; NULL or "": the system's */
  bool smtp;                          /* connect to mail servers */
  bool mx_only;                       /* ask for MX, addresses and TLSA of mail servers alone: the
                                         records, policy host and rua count as not asked */
  uint32_t smtp_timeout;              /* seconds for one connection to a mail server, at least 1 */
  const char *helo;                   /* the name in EHLO; NULL: see net/smtp_probe.h */
  int64_t now;                        /* seconds since the epoch: for dates of certificates */
  mtasts_observe_progress_fn *progress; /* may be NULL */
  void *context;                        /* of progress */
};

/*
 * Asks all, and returns when all is known or the time is over. error: see error_text.h.
 *   MTASTS_INVALID                     a DNS server is no address; the bundle holds no certificate
 *   MTASTS_NO_FILE, MTASTS_PERMISSION  the bundle of CA certificates cannot be read
 *   MTASTS_NO_MEMORY, MTASTS_IO
 */
enum mtasts_status mtasts_observe(const struct mtasts_observe_options *options,
                                  const struct mtasts_domain *domains, size_t count,
                                  char error[MTASTS_ERROR_TEXT],
                                  struct mtasts_observations **observations);

/* Of the domain at this place of the list. Good until mtasts_observations_free. */
const struct mtasts_observation *
mtasts_observations_at(const struct mtasts_observations *observations, size_t at);

/* Frees all observations of the call. NULL is fine. */
void mtasts_observations_free(struct mtasts_observations *observations);

#endif
