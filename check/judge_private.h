/*
 * judge_private.h: what the files judge*.c share. Each judges one group of findings.
 */
#ifndef MTASTS_JUDGE_PRIVATE_H
#define MTASTS_JUDGE_PRIVATE_H

#include "ascii.h"
#include "judge.h"

enum {
  MTASTS_JUDGE_LISTED = 12, /* names that a text lists; of more it says how many */
};

enum mtasts_judged_record {
  MTASTS_JUDGED_UNKNOWN,  /* not asked, or this host could not */
  MTASTS_JUDGED_FAILED,   /* the look-up failed */
  MTASTS_JUDGED_ABSENT,   /* no TXT record has to do with MTA-STS */
  MTASTS_JUDGED_VERSION,  /* one looks as if it had, and senders ignore it */
  MTASTS_JUDGED_MULTIPLE, /* senders take none */
  MTASTS_JUDGED_INVALID,
  MTASTS_JUDGED_VALID,
};

/* What one address of the policy host comes to. */
struct mtasts_judged_fetch {
  const struct mtasts_seen_https *https;
  uint32_t faults; /* bits: 1 << (found - MTASTS_FOUND_HOST_NO_ADDRESS) */
  bool tried;      /* a connection was made, or refused */
  bool read;       /* there is a body to judge: `report` says what it is */
  bool valid;      /* the body is a policy */
  struct mtasts_policy policy;
  struct mtasts_policy_report report;
};

struct mtasts_judgement {
  const struct mtasts_observation *seen;
  const struct mtasts_judge_options *options;
  struct mtasts_findings *findings;
  const struct mtasts_memory *memory; /* of the check before; or NULL */

  /* names, for subjects and texts */
  const char *domain, *record_name, *policy_host, *url, *tlsrpt_name;
  const char *new_id; /* one that may be published next */

  /* L of the catalogue: an error if no address is left that answers as an SMTP server */
  enum mtasts_severity severity_l;

  enum mtasts_judged_record record;
  struct mtasts_record id;                   /* VALID */
  const struct mtasts_judged_fetch *fetches; /* one for each address of the policy host */
  size_t fetch_count;
  const struct mtasts_judged_fetch *governing; /* the fetch that `policy` is of, or NULL */
  const struct mtasts_policy *policy;          /* judges MX, SMTP and TLSRPT; NULL: none is valid */
};

/* the groups */

void mtasts_judge_record(struct mtasts_judgement *j);       /* sets record and id */
void mtasts_judge_fetch(struct mtasts_judgement *j);        /* sets fetches and policy; silent */
void mtasts_judge_host(const struct mtasts_judgement *j);   /* host.*, http.* */
void mtasts_judge_policy(const struct mtasts_judgement *j); /* policy.* */
void mtasts_judge_mx(const struct mtasts_judgement *j);     /* mx.* */
void mtasts_judge_smtp(const struct mtasts_judgement *j);   /* smtp.*, check.no-route */
void mtasts_judge_dane(const struct mtasts_judgement *j);   /* dane.* */
void mtasts_judge_tlsrpt(const struct mtasts_judgement *j); /* tlsrpt.* */
void mtasts_judge_change(const struct mtasts_judgement *j, struct mtasts_memory *memory);
void mtasts_judge_unannounced(const struct mtasts_judgement *j, bool vanished);

/* Is the record gone, of a domain that the memory knows with a policy that senders still have? */
bool mtasts_judge_vanished(const struct mtasts_judgement *j, const struct mtasts_memory *memory);

/* severities */

/* M of the catalogue: a sender refuses mail for it if an enforce policy is served. */
enum mtasts_severity mtasts_judge_severity_m(const struct mtasts_judgement *j);

/* Is the policy in force of this mode, or of enforce or testing? False without one. */
bool mtasts_judge_mode_is(const struct mtasts_judgement *j, enum mtasts_mode mode);
bool mtasts_judge_is_active(const struct mtasts_judgement *j);

/* answers */

/* The name servers said what there is; or they failed to, by no fault of this host. */
bool mtasts_judge_answered(const struct mtasts_seen_answer *answer);
bool mtasts_judge_failed(const struct mtasts_seen_answer *answer);
bool mtasts_judge_bogus(const struct mtasts_seen_answer *answer);
/* There are no addresses, and both look-ups say so. */
bool mtasts_judge_no_address(const struct mtasts_seen_addresses *addresses);
/* There are none, and a look-up failed: the answer that did. NULL: it is not so. */
const struct mtasts_seen_answer *
mtasts_judge_address_failure(const struct mtasts_seen_addresses *addresses);

/* The first entry of this host in the MX list. An MX host may be listed twice. */
bool mtasts_judge_is_first(const struct mtasts_observation *seen, size_t at);

/* texts; all are of the list's arena, none is NULL */

#define mtasts_judge_text(j, ...) mtasts_findings_text((j)->findings, __VA_ARGS__)

void mtasts_judge_add(const struct mtasts_judgement *j, enum mtasts_found found,
                      enum mtasts_severity severity, const char *subject, const char *message,
                      const char *remedy);
const char *mtasts_judge_shown(const struct mtasts_judgement *j, struct mtasts_span bytes);
/* ": why", if there is a why; else "". */
const char *mtasts_judge_detail(const struct mtasts_judgement *j, struct mtasts_span why);
/* "192.0.2.1" or "2001:db8::1" */
const char *mtasts_judge_address(const struct mtasts_judgement *j, const struct in6_addr *address);
/* "host [192.0.2.1]"; the host alone if the address is unspecified, as by a proxy */
const char *mtasts_judge_place(const struct mtasts_judgement *j, const char *host,
                               const struct in6_addr *address);
/* "2026-12-01 00:00:00 UTC" */
const char *mtasts_judge_time(const struct mtasts_judgement *j, int64_t seconds);
/* "3 days", "90 minutes" */
const char *mtasts_judge_period(const struct mtasts_judgement *j, int64_t seconds);
/* `_mta-sts.example.com. IN TXT "v=STSv1; id=…;"` with a new id. */
const char *mtasts_judge_record_line(const struct mtasts_judgement *j);

#endif
