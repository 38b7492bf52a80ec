#include "tlsrpt.h"

/* The names themselves, not pointers: without relocations the table stays shared between
 * processes. */
struct word {
  unsigned number;
  char name[28];
};

static const struct word results[] = {
    {MTASTS_RESULT_NO_STARTTLS, "starttls-not-supported"},
    {MTASTS_RESULT_HOST_MISMATCH, "certificate-host-mismatch"},
    {MTASTS_RESULT_NOT_TRUSTED, "certificate-not-trusted"},
    {MTASTS_RESULT_EXPIRED, "certificate-expired"},
    {MTASTS_RESULT_VALIDATION, "validation-failure"},
    {MTASTS_RESULT_POLICY_FETCH, "sts-policy-fetch-error"},
    {MTASTS_RESULT_POLICY_INVALID, "sts-policy-invalid"},
    {MTASTS_RESULT_WEBPKI_INVALID, "sts-webpki-invalid"},
    {MTASTS_RESULT_TLSA_INVALID, "tlsa-invalid"},
    {MTASTS_RESULT_DNSSEC_INVALID, "dnssec-invalid"},
    {MTASTS_RESULT_DANE_REQUIRED, "dane-required"},
};

static const struct word policies[] = {
    {MTASTS_POLICY_TYPE_TLSA, "tlsa"},
    {MTASTS_POLICY_TYPE_STS, "sts"},
    {MTASTS_POLICY_TYPE_NOT_FOUND, "no-policy-found"},
};

static const char *name_of(const struct word *words, size_t count, unsigned number) {
  for (size_t i = 0; i < count; i++)
    if (words[i].number == number)
      return words[i].name;
  return "";
}

const char *mtasts_result_type_name(unsigned number) {
  return name_of(results, sizeof results / sizeof *results, number);
}

const char *mtasts_policy_type_name(unsigned number) {
  return name_of(policies, sizeof policies / sizeof *policies, number);
}

enum mtasts_result_type mtasts_result_of_error(enum mtasts_error error) {
  switch (error) {
  case MTASTS_ERROR_POLICY_FETCH:
    return MTASTS_RESULT_POLICY_FETCH;
  case MTASTS_ERROR_POLICY_INVALID:
    return MTASTS_RESULT_POLICY_INVALID;
  case MTASTS_ERROR_WEBPKI_INVALID:
    return MTASTS_RESULT_WEBPKI_INVALID;
  case MTASTS_ERROR_NONE:
  case MTASTS_ERROR_DNS:
  case MTASTS_ERROR_DNSSEC:
  case MTASTS_ERROR_RECORD_INVALID:
    break;
  }
  return MTASTS_RESULT_SUCCESS;
}
