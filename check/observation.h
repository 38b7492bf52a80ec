/*
 * observation.h: all that DNS, HTTPS and SMTP said of one domain, as a plain value. net/observe.h
 * fills it; judge.h turns it into findings. Nothing here judges.
 *
 * All memory belongs to the call that filled it (mtasts_observations_free). Text from outside is a
 * span of raw bytes: the code that shows it escapes it.
 */
#ifndef MTASTS_CHECK_OBSERVATION_H
#define MTASTS_CHECK_OBSERVATION_H

#include <netinet/in.h>

#include "discover.h"

/* How one DNS look-up ended. */
struct mtasts_seen_answer {
  bool asked;
  enum mtasts_dns_status outcome;
  enum mtasts_security security;
  bool local;                /* FAILED by a fault of this host: says nothing of the domain */
  uint32_t ttl;              /* seconds; as the servers give it */
  struct mtasts_span detail; /* FAILED and BOGUS: why, printable */
};

struct mtasts_seen_txt {
  struct mtasts_seen_answer answer;
  const struct mtasts_span *texts; /* one for each record, its strings joined */
  size_t count;
};

/* A or AAAA of one name. An IPv4 address is stored mapped. */
struct mtasts_seen_addresses {
  struct mtasts_seen_answer a, aaaa;
  const struct in6_addr *items; /* of both, those of IPv4 first, in their order; each once */
  size_t count;
  struct mtasts_span alias; /* the name that a CNAME leads to; data NULL: no alias */
};

/* The certificate that a server presented, whatever it is worth. */
struct mtasts_seen_certificate {
  bool present;
  int64_t not_before, not_after; /* seconds since the epoch */
  bool trusted;                  /* a chain to a trusted authority, dates and names left out */
  bool self_signed;
  bool names_host;                 /* a DNS-ID covers the host that was asked for */
  struct mtasts_span trust_detail; /* not trusted: OpenSSL's reason */
  const struct mtasts_span *names; /* dNSName of the subjectAltName, raw */
  size_t name_count;
  bool weak_key;               /* RSA under 2048 bits */
  bool weak_signature;         /* signed with SHA-1 or MD5; a self-signed root's does not count */
  struct mtasts_span key_text; /* "RSA 1024 bits, sha1WithRSAEncryption" */
  const struct mtasts_span *chain; /* DER as presented, the server's first */
  size_t chain_count;
};

enum mtasts_seen_connect {
  MTASTS_CONNECT_NOT_TRIED, /* --no-smtp, or a private address */
  MTASTS_CONNECT_DONE,
  MTASTS_CONNECT_FAILED,   /* refused, reset, no answer */
  MTASTS_CONNECT_NO_ROUTE, /* this host has no route to that family */
  MTASTS_CONNECT_DEADLINE, /* the time of the call ran out first */
};

enum mtasts_seen_tls {
  MTASTS_TLS_NOT_TRIED,
  MTASTS_TLS_DONE,    /* the handshake is complete; the certificate is judged afterwards */
  MTASTS_TLS_TOO_OLD, /* the server has nothing from TLS 1.2 up */
  MTASTS_TLS_FAILED,  /* no TLS, an alert, closed */
};

/* One address of the policy host: one connection and one GET. */
struct mtasts_seen_https {
  struct in6_addr address;
  bool private_address; /* not globally reachable, and https.allow_private is false */
  enum mtasts_seen_connect connect;
  enum mtasts_seen_tls tls;
  struct mtasts_span detail; /* of what failed: an alert, an error, printable */
  struct mtasts_seen_certificate certificate;
  bool complete;             /* a whole HTTP answer arrived, or one that is too large */
  bool accepted;             /* a sender takes the body for the policy's text: certificate, status,
                                media type and length are right */
  long status;               /* 0: none */
  bool has_type;             /* there is a Content-Type field */
  struct mtasts_span type;   /* its value, raw; of several fields joined by ", " */
  struct mtasts_span target; /* Location of a redirect, raw */
  bool too_large;            /* more than MTASTS_POLICY_MAX bytes */
  struct mtasts_span body;
};

enum mtasts_seen_smtp {
  MTASTS_SMTP_NOT_TRIED,
  MTASTS_SMTP_OK,       /* as far as asked: EHLO was answered 250 */
  MTASTS_SMTP_PROTOCOL, /* no greeting in time, closed, another protocol, a reply without end */
  MTASTS_SMTP_REFUSED,  /* greeting or EHLO answered 4xx or 5xx */
};

enum {
  MTASTS_STARTTLS_GARBAGE = 1, /* in place of a code: what came is no reply */
};

/* One address of one MX host: one connection in one call, also if several domains share it. */
struct mtasts_seen_mail_server {
  struct in6_addr address;
  bool private_address;
  enum mtasts_seen_connect connect;
  enum mtasts_seen_smtp smtp;
  bool offers_starttls;
  unsigned starttls_reply;  /* code of the reply to STARTTLS, or GARBAGE; 0: not asked, no reply */
  struct mtasts_span reply; /* the reply that decided, raw, its last line */
  enum mtasts_seen_tls tls;
  struct mtasts_span detail;   /* of what failed, printable */
  struct mtasts_span tls_text; /* "TLSv1.3, TLS_AES_256_GCM_SHA384" */
  struct mtasts_seen_certificate certificate;
};

struct mtasts_seen_tlsa {
  struct mtasts_seen_answer answer;
  struct mtasts_span name;           /* "_25._tcp.mx.example.com": where the records were found */
  const struct mtasts_span *records; /* rdata */
  size_t count;
};

struct mtasts_seen_mx {
  struct mtasts_span host; /* lower case, no trailing dot; raw if it is no host name */
  uint16_t preference;
  bool is_address; /* the record holds an IP address in place of a name */
  struct mtasts_seen_addresses addresses;
  struct mtasts_seen_tlsa tlsa;
  const struct mtasts_seen_mail_server *servers; /* one for each address */
  size_t server_count;
};

/* The target of one rua of the TLSRPT record, in the order of the record. */
struct mtasts_seen_rua {
  struct mtasts_span uri;  /* as in the record */
  struct mtasts_span host; /* the mail domain or the HTTPS host; data NULL: the URI is unusable */
  bool https;
  struct mtasts_seen_answer mx; /* mailto */
  bool null_mx, has_mx;
  struct mtasts_seen_addresses addresses;
  enum mtasts_seen_connect connect; /* https: to its port */
};

struct mtasts_observation {
  struct mtasts_domain domain;
  int64_t now;                /* when it was made */
  bool resolver_dead;         /* no DNS server answered any question but with a failure */
  bool validates;             /* the resolver validates DNSSEC, and the answers carry it */
  bool smtp;                  /* mail servers were asked: no --no-smtp */
  bool deadline;              /* the time of the call ran out before something was judged */
  struct mtasts_span servers; /* the DNS servers that were asked, "127.0.0.1@53, ::1@53" */

  struct mtasts_seen_txt record; /* _mta-sts. */
  struct mtasts_seen_txt tlsrpt; /* _smtp._tls. */
  struct mtasts_seen_addresses policy_host;
  const struct mtasts_seen_https *https; /* one for each address of the policy host */
  size_t https_count;

  struct mtasts_seen_answer mx_answer;
  bool null_mx;     /* there is an MX record "0 ." */
  bool implicit_mx; /* no MX record: `mx` holds the domain itself, if it has an address */
  const struct mtasts_seen_mx *mx; /* by preference, then by name; without null MX */
  size_t mx_count;

  const struct mtasts_seen_rua *rua;
  size_t rua_count;
};

#endif
