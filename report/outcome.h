/*
 * outcome.h: reads the datagrams by which MTAs report the outcomes of sessions: libtlsrpt's JSON,
 * one object a datagram. The bytes may be hostile: reading is bounded, repairs invalid UTF-8 and
 * ignores unknown keys. Pure.
 *
 * A datagram has the outcome of one SMTP session under each of its policies. It counts as a whole,
 * or it is refused as a whole.
 */
#ifndef MTASTS_REPORT_OUTCOME_H
#define MTASTS_REPORT_OUTCOME_H

#include "outcome_form.h"

enum {
  MTASTS_OUTCOME_MAX = 64 << 10,    /* bytes of a datagram */
  MTASTS_OUTCOME_REASON_MAX = 1024, /* bytes kept of a failure reason; and of a URI, or none */
};

/* Why a datagram is not counted. */
enum mtasts_outcome_refusal {
  MTASTS_OUTCOME_ACCEPTED,
  MTASTS_OUTCOME_EMPTY,
  MTASTS_OUTCOME_OVERSIZED,
  MTASTS_OUTCOME_NO_OBJECT,   /* not a JSON object, or without an array `policies` of objects */
  MTASTS_OUTCOME_BAD_VERSION, /* `dpv` is there, and is not "1" */
  MTASTS_OUTCOME_BAD_DOMAIN,  /* `d` or a policy-domain is no domain name of two labels */
  MTASTS_OUTCOME_BAD_TYPE,    /* an unknown policy-type */
  MTASTS_OUTCOME_BAD_FLAG,    /* an `f` that is neither 0 nor 1 */
  MTASTS_OUTCOME_NO_ROOM,     /* more outcomes wait to be written than memory is meant for */
  MTASTS_OUTCOME_REFUSALS,
};

/* As in "bad-domain"; "" for ACCEPTED. */
const char *mtasts_outcome_refusal_name(enum mtasts_outcome_refusal refusal);

struct mtasts_outcome {
  struct mtasts_domain domain;    /* the recipient's */
  enum mtasts_policy_type policy; /* the first policy's type */
  bool failed;                    /* under any policy */
  unsigned result;                /* the first failure's code, 201 to 306; 0: none given */
  char mx[MTASTS_DOMAIN_MAX + 1]; /* the first failure's receiving MX; "" unknown */
  bool asks_discovery;            /* of any session: outcome_form.h */
  struct mtasts_bytes packed;     /* outcome_form.h; freed by mtasts_bytes_free */
};

/* outcome: written on ACCEPTED only. Out of memory is NO_ROOM. */
enum mtasts_outcome_refusal mtasts_outcome_read(struct mtasts_span datagram,
                                                struct mtasts_outcome *outcome);

/*
 * Has discovery failed for a policy domain that has no live policy? Returns the result type, and
 * *reason says more, or is empty; SUCCESS: it has not. *reason must live until the next call.
 */
typedef enum mtasts_result_type mtasts_discovery_fn(void *context, struct mtasts_span domain,
                                                    struct mtasts_span *reason);

/*
 * The outcome as it is recorded, if discovery has failed for a policy domain whose session asks
 * (RFC 8460 section 4.3.2.2): the session is `sts` without policy-string, failed, with one detail.
 * MTAs do not know of that failure: at level may, Postfix reports such a session as a success.
 * False: discovery has failed for none, and *packed is as it was.
 */
bool mtasts_outcome_apply_discovery(const struct mtasts_outcome *outcome,
                                    mtasts_discovery_fn *discovery, void *context,
                                    struct mtasts_bytes *packed);

#endif
