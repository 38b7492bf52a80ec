/*
 * discover.h: policy discovery (RFC 8461 sections 3 and 5.1) as a pure state machine. Its input is
 * the known entry and the answers of the network. Its output is what it needs next and, at the end,
 * what to store. It never waits. mtastsd, the tool and the scenario tests run the same machine.
 *
 *   needs = mtasts_discover_begin(…);
 *   while (needs) { look up what each bit says; needs = the call with its answer }
 *   store discovery.entry if discovery.changed
 *
 * TXT and MX may be queried at the same time. MTASTS_NEED_POLICY appears after the TXT answer,
 * MTASTS_NEED_DANE after the MX answer. Each function returns the bits that are still open.
 *
 * Memory: discovery.entry points into the known entry and into the answers; all of them must live
 * until the entry is stored or copied.
 */
#ifndef MTASTS_DISCOVER_H
#define MTASTS_DISCOVER_H

#include "mtasts.h"

enum mtasts_need {
  MTASTS_NEED_TXT = 1,
  MTASTS_NEED_POLICY = 2,
  MTASTS_NEED_MX = 4,
  MTASTS_NEED_DANE = 8, /* of the hosts of a secure MX answer */
};

struct mtasts_discover_settings {
  int64_t refresh_interval; /* seconds between fetches of a policy in use */
  int64_t retry_min;        /* seconds, first step of the back-off, at least MTASTS_RETRY_MIN */
  int64_t retry_max;        /* seconds, its last */
  bool dane;                /* look DANE up: RFC 7672 */
  /* When the resolver began to work again, in seconds since the epoch; 0: never. A DNS failure
   * before that was the resolver's, so it delays no domain any longer (RFC 9520 section 3.2). */
  int64_t resolver_back;
  /* The resolver does not work now, for any name. A query that it fails to answer is a fault of
   * this host, and says nothing of the domain. */
  bool resolver_out;
  /* The clock has jumped and may be wrong. A certificate that seems expired or not yet valid says
   * nothing of the domain either. */
  bool clock_in_doubt;
  /* The clock has not run evenly for long and may be ahead: an expired policy is not removed. */
  bool keep_expired;
};

/* The outcome of a DNS query. */
enum mtasts_dns_status {
  MTASTS_DNS_ANSWER,   /* there are records of the type */
  MTASTS_DNS_NODATA,   /* the name has none of the type */
  MTASTS_DNS_NXDOMAIN, /* there is no such name */
  MTASTS_DNS_FAILED,   /* SERVFAIL, time-out, malformed answer */
  MTASTS_DNS_BOGUS,    /* DNSSEC validation failed */
};

struct mtasts_txt_answer {
  enum mtasts_dns_status outcome;
  uint32_t ttl;                    /* seconds; without records that of the negative answer */
  const struct mtasts_span *texts; /* one for each record, its strings joined */
  size_t count;
  struct mtasts_span detail; /* why it failed, printable, at most MTASTS_DETAIL_MAX */
  bool local;                /* a fault of this host made it fail */
};
struct mtasts_policy_answer {
  enum mtasts_error error;   /* MTASTS_ERROR_NONE: a body arrived */
  bool unresolved;           /* the DNS gave no addresses of the policy host */
  bool local;                /* a fault of this host made it fail */
  bool dated;                /* by this clock the certificate has expired, or is not yet valid */
  struct mtasts_span body;   /* if one arrived */
  unsigned char *store;      /* body.len bytes for the parsed patterns */
  char *detail_store;        /* MTASTS_DETAIL_MAX bytes, for the reason a body is invalid */
  struct mtasts_span detail; /* without a body: why, printable, at most MTASTS_DETAIL_MAX */
};

/* What DNSSEC says of an answer. */
enum mtasts_security {
  MTASTS_SECURITY_UNKNOWN, /* nothing can be validated here */
  MTASTS_SECURITY_INSECURE,
  MTASTS_SECURITY_SECURE,
  MTASTS_SECURITY_BOGUS,
};

struct mtasts_mx_answer {
  enum mtasts_mx_state state; /* all but UNKNOWN; ERROR if it is bogus */
  uint32_t ttl;               /* seconds */
  struct mtasts_mx_list mx;   /* LISTED and IMPLICIT */
  enum mtasts_security security;
  struct mtasts_span detail; /* why it is bogus, printable, at most MTASTS_DETAIL_MAX */
  bool local;                /* an ERROR, caused by a fault of this host */
};

struct mtasts_dane_answer {
  struct mtasts_mx_list mx;  /* the hosts of the MX answer, each with its state */
  uint32_t ttl;              /* seconds: the least TTL of all answers that the states come from */
  struct mtasts_span detail; /* of the first bogus or failing look-up, as above */
  bool unvalidated;          /* an answer could not be validated: nothing is known of DANE */
};

/* Public, so that a struct can contain it. Callers read only `entry`, `changed`, `urgent`,
 * `freshness` and `report`. */
struct mtasts_discovery {
  struct mtasts_entry entry;
  bool changed; /* something is to be stored */
  bool urgent;  /* another id or mode, or the first policy: commit at once */
  enum mtasts_freshness freshness;
  struct mtasts_policy_report report; /* of the last body that was parsed */

  const struct mtasts_discover_settings *settings;
  enum mtasts_mx_state cached_mx_state; /* before the MX answer */
  struct mtasts_mx_list cached_mx;
  bool forced;
  unsigned needs;
};

/*
 * Begins. cached: what the cache holds, or NULL. forced: look everything up
 * again, whatever its age and past failures.
 */
unsigned mtasts_discover_begin(struct mtasts_discovery *d,
                               const struct mtasts_discover_settings *settings,
                               const struct mtasts_entry *cached, bool forced, int64_t now);

unsigned mtasts_discover_txt(struct mtasts_discovery *d, const struct mtasts_txt_answer *answer,
                             int64_t now);
unsigned mtasts_discover_policy(struct mtasts_discovery *d,
                                const struct mtasts_policy_answer *answer, int64_t now);
unsigned mtasts_discover_mx(struct mtasts_discovery *d, const struct mtasts_mx_answer *answer,
                            int64_t now);

unsigned mtasts_discover_dane(struct mtasts_discovery *d, const struct mtasts_dane_answer *answer,
                              int64_t now);

/* Removes from a stored entry what the settings exclude: if DANE is not looked up, the domain's
 * DANE and that of each host. */
void mtasts_discover_apply_settings(const struct mtasts_discover_settings *settings,
                                    struct mtasts_entry *entry);

/* What a use of the entry at `now` would need; 0 if the cached entry suffices. */
unsigned mtasts_discover_due(const struct mtasts_discover_settings *settings,
                             const struct mtasts_entry *entry, int64_t now);

/* May the entry answer a request while a background look-up refreshes it? Yes if an unexpired
 * policy governs (RFC 8461 section 5.1) and DANE, which has precedence, has not been unknown for
 * long. */
bool mtasts_discover_answers(const struct mtasts_discover_settings *settings,
                             const struct mtasts_entry *entry, int64_t now);

/*
 * For the refresh sweep, which visits a policy once in refresh_interval, and a short-lived one
 * twice. Should this visit fetch the policy again? True from half-way between a fetch and the next
 * due fetch. If the sweep waited until the fetch is due, it would skip every second visit: a policy
 * that its last visit fetched is due one second after this visit. A policy that a request has
 * fetched recently is not fetched twice.
 */
bool mtasts_discover_refresh_due(const struct mtasts_discover_settings *settings,
                                 const struct mtasts_entry *entry, int64_t now);

/* Is half of the policy's life over before the next visit of the refresh sweep? Then the sweep
 * visits it twice in refresh_interval. */
bool mtasts_discover_short_lived(const struct mtasts_discover_settings *settings,
                                 const struct mtasts_entry *entry);

/*
 * When to look the domain up, if the refresh sweep would come too late: at the end of a failing
 * domain's back-off, or after half of a life too short for two visits. INT64_MAX: the sweep comes
 * in time, or there is no live policy to keep; then the next use does what is due.
 */
int64_t mtasts_discover_look_again_at(const struct mtasts_discover_settings *settings,
                                      const struct mtasts_entry *entry, int64_t now);

/* For status output. Is it an enforce policy near its end: within MTASTS_NEAR_END, or past half of
 * a shorter life? */
bool mtasts_discover_near_end(const struct mtasts_entry *entry, int64_t now);

/* For status output. Did the domain's last look-up fail? False if its policy is of mode none: a
 * domain that gives MTA-STS up is no reason for an alert (RFC 8461 section 3.3). */
bool mtasts_discover_failing(const struct mtasts_entry *entry, int64_t now);

#endif
