#include "certificate_facts.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "certificate.h"
#include "strbuf.h"

enum {
  RSA_BITS_MIN = 2048,     /* RFC 9325 section 4.5 */
  SECURITY_BITS_MIN = 112, /* of RSA with so many bits; for keys of other kinds */
  NAMES_MAX = 1000,        /* that are kept */
  CHAIN_MAX = 32,          /* certificates that are kept */
  TEXT_MAX = 256,
};

static int64_t seconds_of(const ASN1_TIME *time) {
  struct tm day;
  return ASN1_TIME_to_tm(time, &day) ? timegm(&day) : 0;
}

static void take_names(const X509 *certificate, struct mtasts_arena *arena,
                       struct mtasts_seen_certificate *seen) {
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  int count = sk_GENERAL_NAME_num(names);
  count = count < NAMES_MAX ? count : NAMES_MAX;
  struct mtasts_span *kept = mtasts_arena_array(arena, count > 0 ? (size_t)count : 0, sizeof *kept);
  for (int i = 0; kept && i < count; i++) {
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
    if (type == GEN_DNS)
      kept[seen->name_count++] =
          mtasts_arena_copy(arena, (struct mtasts_span){(const char *)ASN1_STRING_get0_data(value),
                                                        (size_t)ASN1_STRING_length(value)});
  }
  seen->names = kept;
  GENERAL_NAMES_free(names);
}

static void take_chain(STACK_OF(X509) * chain, struct mtasts_arena *arena,
                       struct mtasts_seen_certificate *seen) {
  int count = sk_X509_num(chain);
  count = count < CHAIN_MAX ? count : CHAIN_MAX;
  struct mtasts_span *kept = mtasts_arena_array(arena, (size_t)count, sizeof *kept);
  for (int i = 0; kept && i < count; i++) {
    unsigned char *der = NULL;
    int size = i2d_X509(sk_X509_value(chain, i), &der);
    if (size <= 0)
      break;
    kept[seen->chain_count++] =
        mtasts_arena_copy(arena, (struct mtasts_span){(const char *)der, (size_t)size});
    OPENSSL_free(der);
  }
  seen->chain = kept;
}

static bool is_self_signed(X509 *certificate) {
  return X509_self_signed(certificate, 0) == 1;
}

static bool has_weak_key(X509 *certificate) {
  const EVP_PKEY *key = X509_get0_pubkey(certificate);
  if (!key)
    return false;
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA || EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA_PSS)
    return EVP_PKEY_get_bits(key) < RSA_BITS_MIN;
  return EVP_PKEY_get_security_bits(key) < SECURITY_BITS_MIN;
}

static bool has_weak_signature(X509 *certificate) {
  int digest = NID_undef;
  if (is_self_signed(certificate) ||
      X509_get_signature_info(certificate, &digest, NULL, NULL, NULL) != 1)
    return false;
  return digest == NID_sha1 || digest == NID_md5 || digest == NID_md5_sha1 || digest == NID_md4 ||
         digest == NID_md2;
}

/* "RSA 1024 bits, sha1WithRSAEncryption" */
static struct mtasts_span key_text(X509 *certificate, bool issuer, struct mtasts_arena *arena) {
  const EVP_PKEY *key = X509_get0_pubkey(certificate);
  const char *kind = key ? OBJ_nid2sn(EVP_PKEY_get_base_id(key)) : "unknown key";
  if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
    kind = "RSA";
  else if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
    kind = "EC";
  return mtasts_arena_printf(arena, "%s%s %d bits, %s", issuer ? "issuer's certificate: " : "",
                             kind, key ? EVP_PKEY_get_bits(key) : 0,
                             OBJ_nid2ln(X509_get_signature_nid(certificate)));
}

/* Looks at all that a sender relies on; the root is the sender's own. */
static void take_strength(STACK_OF(X509) * chain, struct mtasts_arena *arena,
                          struct mtasts_seen_certificate *seen) {
  X509 *shown = sk_X509_value(chain, 0);
  for (int i = 0; i < sk_X509_num(chain); i++) {
    X509 *certificate = sk_X509_value(chain, i);
    if (i > 0 && is_self_signed(certificate))
      break;
    bool weak_key = has_weak_key(certificate);
    bool weak_signature = has_weak_signature(certificate);
    if ((weak_key || weak_signature) && !seen->weak_key && !seen->weak_signature)
      shown = certificate;
    seen->weak_key = seen->weak_key || weak_key;
    seen->weak_signature = seen->weak_signature || weak_signature;
  }
  seen->key_text = key_text(shown, shown != sk_X509_value(chain, 0), arena);
}

/* The dates of the certificate itself are judged apart. */
static int on_error(int accepted, X509_STORE_CTX *store) {
  int error = X509_STORE_CTX_get_error(store);
  bool dates = error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
  if (!accepted && dates && X509_STORE_CTX_get_error_depth(store) == 0) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  return accepted;
}

static struct mtasts_span describe(X509_STORE_CTX *store, struct mtasts_arena *arena) {
  int error = X509_STORE_CTX_get_error(store);
  const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
  bool issuer = X509_STORE_CTX_get_error_depth(store) > 0;
  char name[TEXT_MAX];
  if (!certificate)
    return mtasts_arena_printf(arena, "%s", X509_verify_cert_error_string(error));
  mtasts_certificate_issuer(certificate, name, sizeof name);
  return mtasts_arena_printf(arena, "%s%s; issued by %s", issuer ? "an issuer's certificate: " : "",
                             X509_verify_cert_error_string(error), name);
}

static void take_trust(X509 *certificate, STACK_OF(X509) * presented,
                       const struct mtasts_certificate_context *context,
                       struct mtasts_seen_certificate *seen) {
  X509_STORE_CTX *store = X509_STORE_CTX_new();
  if (!store || X509_STORE_CTX_init(store, context->trust, certificate, presented) != 1 ||
      X509_STORE_CTX_set_default(store, "ssl_server") != 1) {
    seen->trust_detail = mtasts_arena_printf(context->arena, "out of memory");
    context->arena->failed = true;
    goto done;
  }
  X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
  X509_VERIFY_PARAM_set_time(param, (time_t)context->now);
  X509_VERIFY_PARAM_set_auth_level(param, context->level);
  X509_STORE_CTX_set_verify_cb(store, on_error);
  seen->trusted = X509_verify_cert(store) == 1;
  if (!seen->trusted)
    seen->trust_detail = describe(store, context->arena);
  STACK_OF(X509) *built = seen->trusted ? X509_STORE_CTX_get0_chain(store) : NULL;
  take_strength(built ? built : presented, context->arena, seen);
done:
  X509_STORE_CTX_free(store);
}

void mtasts_certificate_facts(const SSL *tls, const struct mtasts_certificate_context *context,
                              struct mtasts_seen_certificate *seen) {
  STACK_OF(X509) *presented = SSL_get_peer_cert_chain(tls);
  X509 *certificate = sk_X509_num(presented) > 0 ? sk_X509_value(presented, 0) : NULL;
  *seen = (struct mtasts_seen_certificate){.present = certificate != NULL};
  if (!certificate)
    return;
  seen->not_before = seconds_of(X509_get0_notBefore(certificate));
  seen->not_after = seconds_of(X509_get0_notAfter(certificate));
  seen->self_signed = is_self_signed(certificate);
  seen->names_host = mtasts_certificate_names(certificate, context->host);
  take_names(certificate, context->arena, seen);
  take_chain(presented, context->arena, seen);
  take_trust(certificate, presented, context, seen);
}

bool mtasts_certificate_is_good(const struct mtasts_seen_certificate *seen, int64_t now) {
  return seen->present && seen->trusted && seen->names_host && seen->not_before <= now &&
         now <= seen->not_after;
}
