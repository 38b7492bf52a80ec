#include "tlsa_match.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "dane.h"

enum {
  HEAD = 3, /* usage, selector, matching type */
};

/* Copies a name as a C string. Returns false if it is none that a certificate could cover. */
static bool copy_name(struct mtasts_span name, char out[MTASTS_DOMAIN_MAX + 1]) {
  if (name.len == 0 || name.len > MTASTS_DOMAIN_MAX || memchr(name.data, '\0', name.len))
    return false;
  memcpy(out, name.data, name.len);
  out[name.len] = '\0';
  return true;
}

/* An SSL that never connects: OpenSSL keeps records and names for DANE in it. NULL: no memory, or
 * no name. */
static SSL *dane_new(SSL_CTX *context, const struct mtasts_tlsa_question *question) {
  char name[MTASTS_DOMAIN_MAX + 1];
  SSL *made = SSL_new(context);
  size_t named = 0;
  for (size_t i = 0; made && i < question->name_count; i++) {
    if (!copy_name(question->names[i], name))
      continue;
    int done = named++ == 0 ? SSL_dane_enable(made, name) : SSL_add1_host(made, name);
    if (done != 1)
      named = 0;
    if (named == 0)
      break;
  }
  if (named == 0) {
    SSL_free(made);
    return NULL;
  }
  SSL_set_hostflags(made,
                    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  /* RFC 7672 section 3.1.1: DANE-EE binds the key, whatever the names and dates. */
  SSL_dane_set_flags(made, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  return made;
}

/* Returns the number of records that can be used. */
static size_t add_records(SSL *dane, const struct mtasts_tlsa_question *question) {
  size_t added = 0;
  for (size_t i = 0; i < question->record_count; i++) {
    const unsigned char *rdata = (const unsigned char *)question->records[i].data;
    size_t size = question->records[i].len;
    if (mtasts_tlsa_usable(rdata, size) &&
        SSL_dane_tlsa_add(dane, rdata[0], rdata[1], rdata[2], rdata + HEAD, size - HEAD) == 1)
      added++;
  }
  return added;
}

/* The certificates of the chain that can be read, up to the first that cannot. */
static STACK_OF(X509) * read_chain(const struct mtasts_tlsa_question *question) {
  STACK_OF(X509) *chain = sk_X509_new_null();
  for (size_t i = 0; chain && i < question->chain_count; i++) {
    const unsigned char *der = (const unsigned char *)question->chain[i].data;
    X509 *certificate = d2i_X509(NULL, &der, (long)question->chain[i].len);
    if (!certificate)
      break;
    if (sk_X509_push(chain, certificate) <= 0) {
      X509_free(certificate);
      break;
    }
  }
  return chain;
}

static bool verify(SSL *dane, X509_STORE *none, STACK_OF(X509) * chain, int64_t now) {
  X509_STORE_CTX *store = X509_STORE_CTX_new();
  bool matches = false;
  if (store && X509_STORE_CTX_init(store, none, sk_X509_value(chain, 0), chain) == 1 &&
      X509_STORE_CTX_set_default(store, "ssl_server") == 1) {
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
    X509_VERIFY_PARAM_set1(param, SSL_get0_param(dane));
    X509_VERIFY_PARAM_set_time(param, (time_t)now);
    X509_VERIFY_PARAM_set_auth_level(param, 0);
    X509_STORE_CTX_set0_dane(store, SSL_get0_dane(dane));
    matches = X509_verify_cert(store) == 1;
  }
  X509_STORE_CTX_free(store);
  return matches;
}

enum mtasts_status mtasts_tlsa_match(const struct mtasts_tlsa_question *question) {
  enum mtasts_status status = MTASTS_NO_MEMORY;
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  X509_STORE *none = X509_STORE_new(); /* DANE has no authorities but those of the records */
  STACK_OF(X509) *chain = read_chain(question);
  SSL *dane = NULL;
  if (context && SSL_CTX_dane_enable(context) == 1)
    dane = dane_new(context, question);
  if (!dane || !none || !chain)
    goto done;
  if (add_records(dane, question) == 0)
    status = MTASTS_ABSENT;
  else if (sk_X509_num(chain) > 0 && verify(dane, none, chain, question->now))
    status = MTASTS_OK;
  else
    status = MTASTS_INVALID;
done:
  SSL_free(dane);
  sk_X509_pop_free(chain, X509_free);
  X509_STORE_free(none);
  SSL_CTX_free(context);
  return status;
}
