/*
 * scripted_https.h: an HTTPS server in threads, with a certificate for each host
 * name, that answers from a table and misbehaves as the table says.
 */
#ifndef TEST_SCRIPTED_HTTPS_H
#define TEST_SCRIPTED_HTTPS_H

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum https_certificate {
  CERT_GOOD,
  CERT_SELF_SIGNED,
  CERT_UNKNOWN_CA, /* the authority's certificate is not sent */
  CERT_CN_ONLY,
};

enum https_manner {
  HTTPS_ANSWER,
  HTTPS_SILENT,  /* reads the request and waits */
  HTTPS_ENDLESS, /* sends `x` for ever after the response */
  HTTPS_SLOW,    /* the same, ten a second */
  HTTPS_TLS11,   /* speaks nothing newer */
  HTTPS_ABRUPT,  /* closes without TLS's word for it */
  HTTPS_LATE,    /* closes in order, a while after its response */
  HTTPS_OPEN,    /* keeps the connection open after its response */
};

/* How a connection ends after its response. */
enum https_ending {
  HTTPS_NOTIFIED, /* close_notify, and then the TCP connection */
  HTTPS_CLOSED,   /* the TCP connection alone */
  HTTPS_RESET,    /* the same, by RST */
};

struct https_site {
  const char *host;     /* in SNI */
  const char *response; /* status line, header and body; NULL: the good one */
  const char *names;    /* subjectAltName as OpenSSL has it; NULL: DNS:host */
  enum https_certificate certificate;
  int from;  /* days from today */
  int until; /* 0: 30 */
  enum https_manner manner;
};

#define HTTPS_POLICY        "version: STSv1\nmode: enforce\nmx: *.example\nmax_age: 604800\n"
#define HTTPS_GOOD_RESPONSE "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" HTTPS_POLICY

enum {
  HTTPS_SITES_MAX = 64,
  HTTPS_CONNECTIONS_MAX = 1024,
};

struct https_server {
  const struct https_site *sites; /* ends with a NULL host */
  SSL_CTX *contexts[HTTPS_SITES_MAX];
  int listeners[2];
  int stop[2];
  atomic_uint connections;
  /* For all sites, while no connection is open: */
  size_t cut; /* bytes that are missing at the end of each response */
  enum https_ending ending;
  int tls_version;    /* at most; 0: the newest */
  char request[2048]; /* the last one; under the lock, as each connection has its thread */
  pthread_mutex_t lock;
  pthread_t acceptor;
  pthread_t workers[HTTPS_CONNECTIONS_MAX];
};

/* An authority and its key. */
struct https_authority {
  X509 *certificate;
  EVP_PKEY *key;
};

static X509 *https_certificate(const char *cn, const char *names, int from, int until,
                               EVP_PKEY *key, const struct https_authority *issuer) {
  static long serial = 1;
  X509 *certificate = X509_new();
  X509_NAME *name = X509_get_subject_name(certificate);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
  X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer->certificate) : name);
  X509_time_adj_ex(X509_getm_notBefore(certificate), from, -60, NULL);
  X509_time_adj_ex(X509_getm_notAfter(certificate), until, 0, NULL);
  X509_set_pubkey(certificate, key);
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer ? issuer->certificate : certificate, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension =
      names ? X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, names)
            : X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints, "critical,CA:TRUE");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(certificate, issuer ? issuer->key : key, EVP_sha256());
  return certificate;
}

static struct https_authority https_authority(const char *cn) {
  struct https_authority made = {.key = EVP_EC_gen("P-256")};
  made.certificate = https_certificate(cn, NULL, -1000, 1000, made.key, NULL);
  return made;
}

static void https_authority_free(struct https_authority *authority) {
  X509_free(authority->certificate);
  EVP_PKEY_free(authority->key);
}

__attribute__((unused)) static bool https_write_bundle(const struct https_authority *authority,
                                                       const char *path) {
  FILE *file = fopen(path, "we");
  bool ok = file && PEM_write_X509(file, authority->certificate) == 1;
  if (file)
    fclose(file);
  return ok;
}

static SSL_CTX *https_context(const struct https_site *site, const struct https_authority *known,
                              const struct https_authority *unknown) {
  char names[512];
  EVP_PKEY *key = EVP_EC_gen("P-256");
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  int until = site->until ? site->until : 30;
  snprintf(names, sizeof names, "DNS:%s", site->host);
  const struct https_authority *issuer = known;
  if (site->certificate == CERT_SELF_SIGNED)
    issuer = NULL;
  else if (site->certificate == CERT_UNKNOWN_CA)
    issuer = unknown;
  X509 *certificate = https_certificate(site->host, site->names ? site->names : names, site->from,
                                        until, key, issuer);
  if (site->certificate == CERT_CN_ONLY) {
    X509_EXTENSION_free(X509_delete_ext(certificate, 0));
    X509_sign(certificate, known->key, EVP_sha256());
  }
  if (site->manner == HTTPS_TLS11)
    SSL_CTX_set_security_level(context, 0);
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

static int https_choose(SSL *tls, int *alert, void *argument) {
  struct https_server *server = argument;
  const char *host = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
  (void)alert;
  for (size_t i = 0; host && server->sites[i].host; i++)
    if (strcmp(server->sites[i].host, host) == 0) {
      SSL_set_SSL_CTX(tls, server->contexts[i]);
      SSL_set_app_data(tls, (void *)(uintptr_t)&server->sites[i]);
      return SSL_TLSEXT_ERR_OK;
    }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* The version is chosen before SNI is looked at: finds the name of a TLS 1.1 site by itself. */
static int https_hello(SSL *tls, int *alert, void *argument) {
  const struct https_server *server = argument;
  const unsigned char *name;
  size_t size;
  (void)alert;
  if (!SSL_client_hello_get0_ext(tls, TLSEXT_TYPE_server_name, &name, &size) || size < 5)
    return SSL_CLIENT_HELLO_SUCCESS;
  for (const struct https_site *site = server->sites; site->host; site++)
    if (site->manner == HTTPS_TLS11 && strlen(site->host) == size - 5 &&
        memcmp(site->host, name + 5, size - 5) == 0) {
      SSL_set_security_level(tls, 0);
      SSL_set_max_proto_version(tls, TLS1_1_VERSION);
    }
  return SSL_CLIENT_HELLO_SUCCESS;
}

/* Waits; returns true when the server is to stop. */
static bool https_wait(const struct https_server *server, int milliseconds) {
  struct pollfd stop = {.fd = server->stop[0], .events = POLLIN};
  return poll(&stop, 1, milliseconds) > 0;
}

static void https_answer(struct https_server *server, SSL *tls) {
  const struct https_site *site = SSL_get_app_data(tls);
  char request[2048] = "";
  int size = SSL_read(tls, request, sizeof request - 1);
  if (size <= 0 || !site)
    return;
  pthread_mutex_lock(&server->lock);
  memcpy(server->request, request, sizeof request);
  pthread_mutex_unlock(&server->lock);
  if (site->manner == HTTPS_SILENT) {
    https_wait(server, -1);
    return;
  }
  const char *response = site->response ? site->response : HTTPS_GOOD_RESPONSE;
  int length = (int)(strlen(response) - server->cut);
  bool open = length == 0 || SSL_write(tls, response, length) > 0;
  while (open && (site->manner == HTTPS_ENDLESS || site->manner == HTTPS_SLOW)) {
    bool slow = site->manner == HTTPS_SLOW;
    char filler[1000];
    memset(filler, 'x', sizeof filler);
    open = !https_wait(server, slow ? 100 : 0) && SSL_write(tls, filler, slow ? 1 : 1000) > 0;
  }
  if (site->manner == HTTPS_OPEN)
    https_wait(server, 5000);
  if (site->manner == HTTPS_LATE)
    https_wait(server, 300);
  if (open && site->manner != HTTPS_ABRUPT && server->ending == HTTPS_NOTIFIED)
    SSL_shutdown(tls);
  if (server->ending == HTTPS_RESET)
    setsockopt(SSL_get_fd(tls), SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
               sizeof(struct linger));
}

struct https_connection {
  struct https_server *server;
  int fd;
};

static void *https_serve(void *context) {
  struct https_connection connection = *(struct https_connection *)context;
  free(context);
  /* No client can block a worker for longer than a test lasts. */
  setsockopt(connection.fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){5, 0},
             sizeof(struct timeval));
  SSL *tls = SSL_new(connection.server->contexts[0]);
  if (connection.server->tls_version)
    SSL_set_max_proto_version(tls, connection.server->tls_version);
  SSL_set_fd(tls, connection.fd);
  if (SSL_accept(tls) == 1)
    https_answer(connection.server, tls);
  SSL_free(tls);
  close(connection.fd);
  return NULL;
}

static void *https_accept(void *context) {
  struct https_server *server = context;
  struct pollfd sockets[] = {
      {.fd = server->stop[0], .events = POLLIN},
      {.fd = server->listeners[0], .events = POLLIN},
      {.fd = server->listeners[1], .events = POLLIN},
  };
  while (poll(sockets, 3, -1) > 0 && !sockets[0].revents &&
         server->connections < HTTPS_CONNECTIONS_MAX)
    for (size_t i = 1; i < 3; i++) {
      if (!sockets[i].revents)
        continue;
      struct https_connection *connection = malloc(sizeof *connection);
      *connection = (struct https_connection){server, accept(sockets[i].fd, NULL, NULL)};
      pthread_create(&server->workers[server->connections], NULL, https_serve, connection);
      server->connections++;
    }
  return NULL;
}

static int https_listen(const char *text) {
  struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(443)};
  struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(443)};
  bool is_ipv4 = inet_pton(AF_INET, text, &ipv4.sin_addr) == 1;
  inet_pton(AF_INET6, text, &ipv6.sin6_addr);
  const struct sockaddr *address = is_ipv4 ? (struct sockaddr *)&ipv4 : (struct sockaddr *)&ipv6;
  int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(fd, address, is_ipv4 ? sizeof ipv4 : sizeof ipv6) != 0 || listen(fd, 128) != 0) {
    perror(text);
    close(fd);
    return -1;
  }
  return fd;
}

/* Serves at port 443 of two addresses. */
__attribute__((unused)) static bool https_start(struct https_server *server, const char *address,
                                                const char *other, const struct https_site *sites,
                                                const struct https_authority *known,
                                                const struct https_authority *unknown) {
  memset(server, 0, sizeof *server);
  server->sites = sites;
  for (size_t i = 0; sites[i].host; i++) {
    server->contexts[i] = https_context(&sites[i], known, unknown);
    SSL_CTX_set_tlsext_servername_callback(server->contexts[i], https_choose);
    SSL_CTX_set_tlsext_servername_arg(server->contexts[i], server);
  }
  SSL_CTX_set_min_proto_version(server->contexts[0], TLS1_VERSION);
  SSL_CTX_set_client_hello_cb(server->contexts[0], https_hello, server);
  server->listeners[0] = https_listen(address);
  server->listeners[1] = https_listen(other);
  return server->listeners[0] >= 0 && server->listeners[1] >= 0 && pipe(server->stop) == 0 &&
         pthread_create(&server->acceptor, NULL, https_accept, server) == 0;
}

__attribute__((unused)) static void https_stop(struct https_server *server) {
  if (write(server->stop[1], "", 1) == 1)
    pthread_join(server->acceptor, NULL);
  for (size_t i = 0; i < server->connections; i++)
    pthread_join(server->workers[i], NULL);
  for (size_t i = 0; server->sites[i].host; i++)
    SSL_CTX_free(server->contexts[i]);
  close(server->listeners[0]);
  close(server->listeners[1]);
  close(server->stop[0]);
  close(server->stop[1]);
}

#endif
