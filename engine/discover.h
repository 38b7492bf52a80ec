/*
 * discover.h: policy discovery (RFC 8461 sections 3 and 5.1) as a pure state
 * machine. It is told what is known and what the network answered, and says
 * what it needs next and, at the end, what to store. It never waits, and the
 * same machine runs in mtastsd, in the tool and in the scenario tests.
 *
 *   needs = mtasts_discover_begin(…);
 *   while (needs) { ask for each bit; hand its answer in; needs = … }
 *   store discovery.entry if discovery.changed
 *
 * TXT and MX may be asked at the same time; MTASTS_NEED_POLICY appears once the
 * TXT answer is in, MTASTS_NEED_DANE once the MX answer is. Each function returns the bits that are
 * still open.
 *
 * Memory: discovery.entry points into the known entry and into the answers;
 * all of them must live until the entry is stored or copied.
 */
#ifndef MTASTS_DISCOVER_H
#define MTASTS_DISCOVER_H

#include "mtasts.h"

enum mtasts_need {
  MTASTS_NEED_TXT = 1,
  MTASTS_NEED_POLICY = 2,
  MTASTS_NEED_MX = 4,
  MTASTS_NEED_DANE = 8, /* of the hosts of the MX answer, once that is in and secure */
};

struct mtasts_discover_settings {
  int64_t refresh_interval; /* seconds between fetches of a policy in use */
  int64_t retry_min;        /* seconds, first step of the back-off, at least MTASTS_RETRY_MIN */
  int64_t retry_max;        /* seconds, its last */
  bool dane;                /* look DANE up: RFC 7672 */
  /* When the resolver worked again: a failure of the DNS up to then makes no domain wait any
   * longer, as it was the resolver's (RFC 9520 section 3.2). Seconds since the epoch; 0: never. */
  int64_t resolver_back;
  /* The resolver does not work now, whatever is asked for: what it fails to answer is a fault of
   * this host's, and no word of a domain's. */
  bool resolver_out;
  /* The clock has jumped, and may be wrong: a certificate that it finds expired or not yet valid
   * is no word of the domain's either. */
  bool clock_in_doubt;
  /* It has not run on evenly for long: it may be ahead, and an expired policy is not removed. */
  bool keep_expired;
};

/* What a look-up came to. */
enum mtasts_dns_status {
  MTASTS_DNS_ANSWER,   /* there are records of the type */
  MTASTS_DNS_NODATA,   /* the name has none of the type */
  MTASTS_DNS_NXDOMAIN, /* there is no such name */
  MTASTS_DNS_FAILED,   /* SERVFAIL, time-out, malformed answer */
  MTASTS_DNS_BOGUS,    /* DNSSEC validation failed */
};

struct mtasts_txt_answer {
  enum mtasts_dns_status outcome;
  uint32_t ttl;                    /* seconds; of the negative answer where there is none */
  const struct mtasts_span *texts; /* one a record, its strings joined */
  size_t count;
  struct mtasts_span detail; /* where it failed: what, printable, at most MTASTS_DETAIL_MAX */
  bool local;                /* it failed by a fault of this host's */
};

struct mtasts_policy_answer {
  enum mtasts_error error;   /* MTASTS_ERROR_NONE: a body arrived */
  bool unresolved;           /* the DNS failed to tell the policy host's addresses */
  bool local;                /* it failed by a fault of this host's */
  bool dated;                /* by this clock the certificate has expired, or is not yet valid */
  struct mtasts_span body;   /* where it did */
  unsigned char *store;      /* body.len bytes for the parsed patterns */
  char *detail_store;        /* MTASTS_DETAIL_MAX bytes, for the reason a body is invalid */
  struct mtasts_span detail; /* where it did not: what, printable, at most MTASTS_DETAIL_MAX */
};

/* What DNSSEC says of an answer. */
enum mtasts_security {
  MTASTS_SECURITY_UNKNOWN, /* nothing can be validated here */
  MTASTS_SECURITY_INSECURE,
  MTASTS_SECURITY_SECURE,
  MTASTS_SECURITY_BOGUS,
};

struct mtasts_mx_answer {
  enum mtasts_mx_state state; /* all but UNKNOWN; ERROR where it is bogus */
  uint32_t ttl;               /* seconds */
  struct mtasts_mx_list mx;   /* LISTED and IMPLICIT */
  enum mtasts_security security;
  struct mtasts_span detail; /* of a bogus one: what, printable, at most MTASTS_DETAIL_MAX */
  bool local;                /* an ERROR by a fault of this host's */
};

struct mtasts_dane_answer {
  struct mtasts_mx_list mx;  /* the hosts of the MX answer, each with its state */
  uint32_t ttl;              /* seconds: the least of all that the states rest on */
  struct mtasts_span detail; /* of the first bogus or failing look-up, as above */
  bool unvalidated;          /* an answer could not be validated: nothing is known of DANE */
};

/* Visible so that it can live in its owner; only `entry`, `changed`, `urgent`,
 * `freshness` and `report` are for others to read. */
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

/* Takes out of a stored entry what the settings rule out: DANE, and the hosts with theirs, where it
 * is not looked up. */
void mtasts_discover_apply_settings(const struct mtasts_discover_settings *settings,
                                    struct mtasts_entry *entry);

/* What a use of the entry at `now` would need; 0 where the cache answers alone. */
unsigned mtasts_discover_due(const struct mtasts_discover_settings *settings,
                             const struct mtasts_entry *entry, int64_t now);

/* May a use be answered by the entry while what is due is looked up behind it? RFC 8461
 * section 5.1: where an unexpired policy governs; and DANE, which comes first, has not been unknown
 * for long. */
bool mtasts_discover_answers(const struct mtasts_discover_settings *settings,
                             const struct mtasts_entry *entry, int64_t now);

/*
 * For whoever refreshes policies in use ahead of their uses. Is the policy to be fetched anew
 * by a visitor that comes once in refresh_interval, and twice to the short-lived? True from half of
 * the way between a fetch and the next one due. A visitor waits for no exact moment: a policy that
 * its last visit fetched will be due a second after this one, and would be left alone every second
 * time; one that was fetched for a use of late is not fetched twice.
 */
bool mtasts_discover_refresh_due(const struct mtasts_discover_settings *settings,
                                 const struct mtasts_entry *entry, int64_t now);

/* Is half of its life over before that visitor comes once more, so that it has to come twice? */
bool mtasts_discover_short_lived(const struct mtasts_discover_settings *settings,
                                 const struct mtasts_entry *entry);

/*
 * When that visitor would come too late: the end of a failing domain's back-off, and half of a
 * life so short that even two visits do not do. INT64_MAX: it does not, or there is no live policy
 * to be kept, and the next use does what is due.
 */
int64_t mtasts_discover_look_again_at(const struct mtasts_discover_settings *settings,
                                      const struct mtasts_entry *entry, int64_t now);

/* For people. Is it an enforce policy near its end: within MTASTS_NEAR_END, or past half of a
 * shorter life? */
bool mtasts_discover_near_end(const struct mtasts_entry *entry, int64_t now);

/* For people. Has the domain's MTA-STS failed of late? Not where its policy is of mode none: a
 * domain on its way out is no reason to alert anybody (RFC 8461 section 3.3). */
bool mtasts_discover_failing(const struct mtasts_entry *entry, int64_t now);

#endif
