#include "certificate.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "printable.h"
#include "strbuf.h"

enum {
  NAMES_MAX = 100, /* bytes of a certificate's names that a detail shows */
};

/* RFC 8461 section 4.2: a DNS-ID, whose `*` is one whole label. */
static const unsigned host_flags =
    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;

bool mtasts_certificate_names(X509 *certificate, const char *host) {
  return X509_check_host(certificate, host, 0, host_flags, NULL) == 1;
}

/* "a.example, b.example and 3 more"; empty if the certificate has no DNS-ID. */
static void list_names(const X509 *certificate, char *out, size_t size) {
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  struct mtasts_strbuf text = {.data = out, .size = size};
  int hidden = 0;
  out[0] = '\0';
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
    if (type != GEN_DNS)
      continue;
    struct mtasts_span bytes = {(const char *)ASN1_STRING_get0_data(value),
                                (size_t)ASN1_STRING_length(value)};
    if (text.len + bytes.len > NAMES_MAX && text.len > 0) {
      hidden++;
      continue;
    }
    char name[NAMES_MAX];
    mtasts_printable(bytes, name, sizeof name);
    mtasts_strbuf_printf(&text, "%s%s", text.len > 0 ? ", " : "", name);
  }
  if (hidden > 0)
    mtasts_strbuf_printf(&text, " and %d more", hidden);
  GENERAL_NAMES_free(names);
}

static void format_day(const ASN1_TIME *time, char *out, size_t size) {
  struct tm day;
  if (!ASN1_TIME_to_tm(time, &day) || strftime(out, size, "%Y-%m-%d", &day) == 0)
    snprintf(out, size, "at an unreadable time");
}

void mtasts_certificate_issuer(const X509 *certificate, char *out, size_t size) {
  const X509_NAME *issuer = X509_get_issuer_name(certificate);
  int at = X509_NAME_get_index_by_NID(issuer, NID_commonName, -1);
  if (at < 0)
    at = X509_NAME_get_index_by_NID(issuer, NID_organizationName, -1);
  const X509_NAME_ENTRY *entry = at < 0 ? NULL : X509_NAME_get_entry(issuer, at);
  const ASN1_STRING *name = entry ? X509_NAME_ENTRY_get_data(entry) : NULL;
  if (name)
    mtasts_printable((struct mtasts_span){(const char *)ASN1_STRING_get0_data(name),
                                          (size_t)ASN1_STRING_length(name)},
                     out, size);
  else
    snprintf(out, size, "without a name");
}

/* Writes the fault, as the end of a sentence that begins with the certificate. */
static void describe(struct mtasts_strbuf *detail, int error, const X509 *certificate) {
  char text[2 * NAMES_MAX + 32];
  switch (error) {
  case X509_V_ERR_CERT_HAS_EXPIRED:
    format_day(X509_get0_notAfter(certificate), text, sizeof text);
    mtasts_strbuf_printf(detail, " expired %s", text);
    break;
  case X509_V_ERR_CERT_NOT_YET_VALID:
    format_day(X509_get0_notBefore(certificate), text, sizeof text);
    mtasts_strbuf_printf(detail, " is not valid before %s", text);
    break;
  case X509_V_ERR_HOSTNAME_MISMATCH:
    list_names(certificate, text, sizeof text);
    if (text[0])
      mtasts_strbuf_printf(detail, " is not for that name (it names %s)", text);
    else
      mtasts_strbuf_put(detail, " has no subjectAltName");
    break;
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    mtasts_strbuf_put(detail, " is self-signed");
    break;
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    mtasts_certificate_issuer(certificate, text, NAMES_MAX);
    mtasts_strbuf_printf(detail, " is signed by an unknown authority (%s)", text);
    break;
  default:
    mtasts_strbuf_printf(detail, " is refused: %s", X509_verify_cert_error_string(error));
  }
}

static int verify(int accepted, X509_STORE_CTX *store) {
  const SSL *tls = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  struct mtasts_tls_watch *watch = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));
  const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
  if (accepted || !watch || watch->detail[0])
    return accepted;
  struct mtasts_strbuf detail = MTASTS_STRBUF(watch->detail);
  bool leaf = X509_STORE_CTX_get_error_depth(store) == 0;
  mtasts_strbuf_printf(&detail, "%s of %s", leaf ? "certificate" : "an issuer's certificate",
                       watch->host);
  int error = X509_STORE_CTX_get_error(store);
  watch->dated = error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
  if (certificate)
    describe(&detail, error, certificate);
  else
    mtasts_strbuf_put(&detail, " is refused");
  return 0;
}

static void note_progress(const SSL *tls, int where, int value) {
  struct mtasts_tls_watch *watch = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));
  if (!watch)
    return;
  if (where & SSL_CB_HANDSHAKE_DONE)
    watch->secured = true;
  if (!(where & SSL_CB_ALERT))
    return;
  /* The low byte is the alert, the high one its level. */
  int alert = value & 0xff;
  if (alert == SSL_AD_PROTOCOL_VERSION)
    watch->too_old = true;
  if (where & SSL_CB_READ) {
    watch->closed = watch->closed || alert == SSL_AD_CLOSE_NOTIFY;
    watch->alert = value >> 8 == SSL3_AL_FATAL ? alert : watch->alert;
  }
}

bool mtasts_certificate_watch(SSL_CTX *tls, struct mtasts_tls_watch *watch) {
  X509_VERIFY_PARAM *param = SSL_CTX_get0_param(tls);
  X509_VERIFY_PARAM_set_hostflags(param, host_flags);
  if (watch->any_certificate)
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
  else
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, verify);
  SSL_CTX_set_info_callback(tls, note_progress);
  if (X509_VERIFY_PARAM_set1_host(param, watch->host, 0) != 1 ||
      SSL_CTX_set_app_data(tls, watch) != 1 || SSL_CTX_up_ref(tls) != 1)
    return false;
  mtasts_certificate_unwatch(watch);
  watch->context = tls;
  return true;
}

void mtasts_certificate_unwatch(struct mtasts_tls_watch *watch) {
  if (!watch->context)
    return;
  SSL_CTX_set_app_data(watch->context, NULL);
  SSL_CTX_free(watch->context);
  watch->context = NULL;
}
