#include "mtasts.h"

/* The names of every enumeration, as JSON, logs and reports have them. */

const char *mtasts_status_name(enum mtasts_status status) {
  switch (status) {
  case MTASTS_OK:
    return "ok";
  case MTASTS_ABSENT:
    return "absent";
  case MTASTS_NO_POLICY:
    return "never has a policy";
  case MTASTS_NOT_ASCII:
    return "not ASCII";
  case MTASTS_INVALID:
    return "invalid";
  case MTASTS_TOO_LARGE:
    return "too large";
  case MTASTS_CORRUPT:
    return "corrupt";
  case MTASTS_FULL:
    return "full";
  case MTASTS_LOCKED:
    return "locked by another writer";
  case MTASTS_PERMISSION:
    return "not permitted";
  case MTASTS_NO_FILE:
    return "no such file or directory";
  case MTASTS_NO_MEMORY:
    return "out of memory";
  case MTASTS_FORKED:
    return "opened by the parent process";
  case MTASTS_AWAY:
    return "nobody listens";
  case MTASTS_TIMEOUT:
    return "no answer in time";
  case MTASTS_IO:
    return "input/output error";
  }
  return "unknown status";
}

const char *mtasts_mode_name(enum mtasts_mode mode) {
  switch (mode) {
  case MTASTS_MODE_NONE:
    return "none";
  case MTASTS_MODE_TESTING:
    return "testing";
  case MTASTS_MODE_ENFORCE:
    return "enforce";
  }
  return "none";
}

const char *mtasts_record_state_name(enum mtasts_record_state state) {
  switch (state) {
  case MTASTS_RECORD_UNKNOWN:
    return "unknown";
  case MTASTS_RECORD_VALID:
    return "valid";
  case MTASTS_RECORD_ABSENT:
    return "absent";
  case MTASTS_RECORD_INVALID:
    return "invalid";
  case MTASTS_RECORD_ERROR:
    return "error";
  }
  return "unknown";
}

const char *mtasts_error_name(enum mtasts_error error) {
  switch (error) {
  case MTASTS_ERROR_NONE:
    return "";
  case MTASTS_ERROR_POLICY_FETCH:
    return "sts-policy-fetch-error";
  case MTASTS_ERROR_POLICY_INVALID:
    return "sts-policy-invalid";
  case MTASTS_ERROR_WEBPKI_INVALID:
    return "sts-webpki-invalid";
  case MTASTS_ERROR_DNS:
    return "dns-error";
  case MTASTS_ERROR_DNSSEC:
    return "dnssec-invalid";
  case MTASTS_ERROR_RECORD_INVALID:
    return "record-invalid";
  }
  return "";
}

const char *mtasts_mx_state_name(enum mtasts_mx_state state) {
  switch (state) {
  case MTASTS_MX_UNKNOWN:
    return "unknown";
  case MTASTS_MX_LISTED:
    return "listed";
  case MTASTS_MX_IMPLICIT:
    return "implicit";
  case MTASTS_MX_NULL:
    return "null";
  case MTASTS_MX_NXDOMAIN:
    return "nxdomain";
  case MTASTS_MX_ERROR:
    return "error";
  }
  return "unknown";
}

const char *mtasts_dane_name(enum mtasts_dane dane) {
  switch (dane) {
  case MTASTS_DANE_NONE:
  case MTASTS_DANE_GONE:
    return "none";
  case MTASTS_DANE_USABLE:
  case MTASTS_DANE_MIXED:
    return "usable";
  case MTASTS_DANE_UNUSABLE:
    return "unusable";
  case MTASTS_DANE_BOGUS:
    return "bogus";
  case MTASTS_DANE_ERROR:
  case MTASTS_DANE_LOST:
  case MTASTS_DANE_UNKNOWN:
    return "error";
  }
  return "none";
}

const char *mtasts_verdict_name(enum mtasts_verdict verdict) {
  switch (verdict) {
  case MTASTS_VERDICT_UNKNOWN:
    return "unknown";
  case MTASTS_VERDICT_NONE:
    return "none";
  case MTASTS_VERDICT_TESTING:
    return "testing";
  case MTASTS_VERDICT_ENFORCE:
    return "enforce";
  case MTASTS_VERDICT_DANE:
    return "dane";
  case MTASTS_VERDICT_ENCRYPT:
    return "encrypt";
  case MTASTS_VERDICT_DEFER:
    return "defer";
  }
  return "unknown";
}

const char *mtasts_source_name(enum mtasts_source source) {
  switch (source) {
  case MTASTS_SOURCE_NONE:
    return "none";
  case MTASTS_SOURCE_NETWORK:
    return "network";
  case MTASTS_SOURCE_CACHE:
    return "cache";
  case MTASTS_SOURCE_STALE:
    return "stale";
  case MTASTS_SOURCE_OVERRIDE:
    return "override";
  }
  return "none";
}
