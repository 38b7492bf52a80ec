#include "policy_request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "connect.h"

enum {
  BUFFER_SIZE = 4096, /* libcurl's, for each connection */
};

/* callbacks of libcurl */

static CURLcode set_up_tls(CURL *easy, void *tls, void *context) {
  struct mtasts_policy_request *request = context;
  (void)easy;
  request->response.connected = true;
  if (X509_STORE_up_ref(request->trust) != 1)
    return CURLE_OUT_OF_MEMORY;
  SSL_CTX_set_cert_store(tls, request->trust);
  if (request->response.tls.any_certificate)
    SSL_CTX_set_security_level(tls, 0);
  return mtasts_certificate_watch(tls, &request->response.tls) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/* Gives libcurl the connected socket. libcurl may itself open a socket to a proxy. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *to) {
  struct mtasts_policy_request *request = context;
  if (purpose == CURLSOCKTYPE_IPCXN && request->response.by_proxy)
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  int fd = request->socket;
  request->socket = -1;
  if (fd < 0)
    errno = EACCES;
  return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int set_up_socket(void *context, curl_socket_t fd, curlsocktype purpose) {
  const struct mtasts_policy_request *request = context;
  (void)fd;
  (void)purpose;
  return request->response.by_proxy ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ALREADY_CONNECTED;
}

/* Stops libcurl from using its own resolver. */
static int refuse_to_resolve(void *resolver, void *reserved, void *context) {
  (void)resolver;
  (void)reserved;
  (void)context;
  return 1;
}

/* its life */

/* Sets the host's address for libcurl; sets nothing if a proxy looks it up. */
static bool pin(struct mtasts_policy_request *request, const struct in6_addr *address) {
  char text[INET6_ADDRSTRLEN];
  char entry[MTASTS_DOMAIN_MAX + sizeof ":443:[]" + sizeof text + 1];
  if (request->response.by_proxy)
    return true;
  mtasts_address_text(address, text, sizeof text);
  snprintf(entry, sizeof entry, strchr(text, ':') ? "%.253s:%d:[%s]" : "%.253s:%d:%s",
           request->response.tls.host, MTASTS_HTTPS_PORT, text);
  request->pin = curl_slist_append(NULL, entry);
  return request->pin != NULL;
}

bool mtasts_policy_request_set_up(struct mtasts_policy_request *request,
                                  const struct mtasts_policy_request_options *options) {
  char url[MTASTS_DOMAIN_MAX + sizeof "https:///.well-known/mta-sts.txt"];
  bool any = request->response.tls.any_certificate;
  CURL *easy = curl_easy_init();
  request->share = curl_share_init();
  request->response.easy = easy;
  request->socket = options->socket;
  request->response.by_proxy = options->socket < 0;
  if (X509_STORE_up_ref(options->trust) == 1)
    request->trust = options->trust;
  if (!easy || !request->share || !request->trust || !pin(request, options->address) ||
      curl_share_setopt(request->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) != CURLSHE_OK)
    return false;
  snprintf(url, sizeof url, "https://%.253s/.well-known/mta-sts.txt", request->response.tls.host);
  bool ok = mtasts_response_collect(&request->response, easy);
#define SET(option, value) (ok = curl_easy_setopt(easy, option, value) == CURLE_OK && ok)
  SET(CURLOPT_URL, url);
  SET(CURLOPT_PROTOCOLS_STR, "https");
  SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  SET(CURLOPT_USERAGENT, "mtasts/" MTASTS_VERSION);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_PRIVATE, options->item);
  SET(CURLOPT_TIMEOUT_MS, options->timeout);
  SET(CURLOPT_CONNECTTIMEOUT_MS, options->connect_timeout);
  SET(CURLOPT_BUFFERSIZE, (long)BUFFER_SIZE);
  SET(CURLOPT_MAXFILESIZE, (long)MTASTS_POLICY_MAX);
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  /* "" also ignores the proxies of the environment */
  SET(CURLOPT_PROXY, options->proxy);
  SET(CURLOPT_NOPROXY, "");
  SET(CURLOPT_SHARE, request->share);
  SET(CURLOPT_RESOLVE, request->pin);
  if (!request->response.by_proxy)
    SET(CURLOPT_RESOLVER_START_FUNCTION, refuse_to_resolve);
  SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  SET(CURLOPT_OPENSOCKETDATA, request);
  SET(CURLOPT_SOCKOPTFUNCTION, set_up_socket);
  SET(CURLOPT_SOCKOPTDATA, request);
  SET(CURLOPT_FRESH_CONNECT, 1L);
  SET(CURLOPT_FORBID_REUSE, 1L);
  SET(CURLOPT_SSL_SESSIONID_CACHE, 0L); /* a resumed session is not verified */
  SET(CURLOPT_SSLVERSION, any ? (long)CURL_SSLVERSION_TLSv1_0 : (long)CURL_SSLVERSION_TLSv1_2);
  SET(CURLOPT_SSL_VERIFYPEER, any ? 0L : 1L);
  SET(CURLOPT_SSL_VERIFYHOST, any ? 0L : 2L);
  /* set_up_tls sets the certificates: without the 0, libcurl keeps the first ones for a day. */
  SET(CURLOPT_CA_CACHE_TIMEOUT, 0L);
  SET(CURLOPT_CAINFO, NULL);
  SET(CURLOPT_CAPATH, NULL);
  SET(CURLOPT_SSL_CTX_FUNCTION, set_up_tls);
  SET(CURLOPT_SSL_CTX_DATA, request);
#undef SET
  return ok;
}

void mtasts_policy_request_clear(struct mtasts_policy_request *request) {
  if (request->response.easy)
    curl_easy_cleanup(request->response.easy);
  mtasts_certificate_unwatch(&request->response.tls);
  if (request->share)
    curl_share_cleanup(request->share);
  curl_slist_free_all(request->pin);
  X509_STORE_free(request->trust);
  if (request->socket >= 0)
    close(request->socket);
}
