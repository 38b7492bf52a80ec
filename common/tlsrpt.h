/*
 * tlsrpt.h: the result types and policy types of TLS reports (RFC 8460 sections 4.3 and 4.4), each
 * with its number in libtlsrpt's datagrams. Pure.
 */
#ifndef MTASTS_TLSRPT_H
#define MTASTS_TLSRPT_H

#include "mtasts.h"

/* Why a session failed, or why there is no policy. */
enum mtasts_result_type {
  MTASTS_RESULT_SUCCESS = 0,

  /* negotiation (section 4.3.1) */
  MTASTS_RESULT_NO_STARTTLS = 201,   /* the MX host does not offer STARTTLS, or refuses it */
  MTASTS_RESULT_HOST_MISMATCH = 202, /* the certificate is not for the MX host's name */
  MTASTS_RESULT_NOT_TRUSTED = 203,   /* no chain to a trusted authority */
  MTASTS_RESULT_EXPIRED = 204,       /* the certificate has expired */
  MTASTS_RESULT_VALIDATION = 205,    /* any other failure of validation */

  /* MTA-STS (section 4.3.2.2) */
  MTASTS_RESULT_POLICY_FETCH = 301,   /* the policy could not be fetched */
  MTASTS_RESULT_POLICY_INVALID = 302, /* the fetched body is not a valid policy */
  MTASTS_RESULT_WEBPKI_INVALID = 303, /* the policy host's certificate is not valid */

  /* DANE (section 4.3.2.1) */
  MTASTS_RESULT_TLSA_INVALID = 304,   /* the TLSA records match none of the certificates */
  MTASTS_RESULT_DNSSEC_INVALID = 305, /* no valid answer from the DNS */
  MTASTS_RESULT_DANE_REQUIRED = 306,  /* the site demands DANE, and there is none */
};

enum mtasts_policy_type {
  MTASTS_POLICY_TYPE_TLSA = 1,
  MTASTS_POLICY_TYPE_STS = 2,
  MTASTS_POLICY_TYPE_NOT_FOUND = 9,
};

/* RFC 8460's name of a result type, as in "starttls-not-supported"; "" for success, and for any
 * other number. */
const char *mtasts_result_type_name(unsigned number);

/* "tlsa", "sts" or "no-policy-found"; "" for any other number. */
const char *mtasts_policy_type_name(unsigned number);

/* The result type for a look-up's error, if the domain publishes MTA-STS and its policy could not
 * be got (section 4.3.2.2). SUCCESS: RFC 8460 has no result type for it. */
enum mtasts_result_type mtasts_result_of_error(enum mtasts_error error);

#endif
