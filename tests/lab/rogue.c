/*
 * rogue: an HTTPS server that misbehaves as nginx cannot.
 *
 *   rogue CERTS ADDRESS DROP
 *
 * Listens on ADDRESS port 443. A client that asks for mta-sts.BEHAVIOUR.… by SNI gets
 * that behaviour of the table below, with the certificate CERTS/<SNI>.crt. One process
 * a connection, for a minute at most. On DROP it holds port 53 open and never answers.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIFETIME 60 /* seconds */

static const char policy_head[] = "Content-Type: text/plain\r\n";

/* Without TLS. */

static void say_nothing(int fd) {
  (void)fd;
  pause();
}

static void reset(int fd) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void talk_garbage(int fd) {
  static const char garbage[] = "220 mail.example ESMTP, this is no TLS at all\r\n";
  if (write(fd, garbage, sizeof garbage - 1) > 0)
    pause();
}

/* Inside TLS, after the request. */

static int say(SSL *tls, const char *text) {
  return SSL_write(tls, text, (int)strlen(text)) > 0;
}

static int say_policy(SSL *tls) {
  char body[300];
  snprintf(body, sizeof body, "version: STSv1\nmode: enforce\nmx: mx.%s\nmax_age: 86400\n",
           SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name) + strlen("mta-sts."));
  return say(tls, body);
}

static void stay_silent(SSL *tls) {
  (void)tls;
  pause();
}

static void good(SSL *tls) {
  if (say(tls, "HTTP/1.1 200 OK\r\nConnection: close\r\n") && say(tls, policy_head) &&
      say(tls, "\r\n"))
    say_policy(tls);
}

static void http_1_0(SSL *tls) {
  if (say(tls, "HTTP/1.0 200 OK\r\n") && say(tls, policy_head) && say(tls, "\r\n"))
    say_policy(tls);
}

static void endless(SSL *tls) {
  good(tls);
  while (say(tls, "padding: there is always one more line than the reader has patience for\n"))
    continue;
}

static void drip(SSL *tls) {
  if (!say(tls, "HTTP/1.1 200 OK\r\n") || !say(tls, policy_head) || !say(tls, "\r\n"))
    return;
  while (say(tls, "v"))
    sleep(1);
}

static void cut_short(SSL *tls) {
  if (say(tls, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n") && say(tls, policy_head) &&
      say(tls, "\r\n"))
    say_policy(tls);
}

static void header_flood(SSL *tls) {
  if (!say(tls, "HTTP/1.1 200 OK\r\n"))
    return;
  while (say(tls, "X-Flood: there is always one more field than the reader has room for\r\n"))
    continue;
}

static const struct behaviour {
  const char *name;
  void (*plain)(int fd);
  void (*secure)(SSL *tls);
  int tls_version; /* the only one spoken; 0: any */
} behaviours[] = {
    {"silent", say_nothing, NULL, 0},
    {"reset", reset, NULL, 0},
    {"no-tls", talk_garbage, NULL, 0},
    {"silent-after-tls", NULL, stay_silent, 0},
    {"http-1-0", NULL, http_1_0, 0},
    {"endless", NULL, endless, 0},
    {"drip", NULL, drip, 0},
    {"cut-short", NULL, cut_short, 0},
    {"many-headers", NULL, header_flood, 0},
    {"old-tls", NULL, good, TLS1_1_VERSION},
};

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* The SNI of the ClientHello that waits in the socket: the only "mta-sts." in it. */
static const struct behaviour *asked_for(int fd, char host[256]) {
  char hello[4096];
  ssize_t size = recv(fd, hello, sizeof hello, MSG_PEEK);
  char *start = size > 0 ? memmem(hello, (size_t)size, "mta-sts.", 8) : NULL;
  if (!start || start < hello + 2)
    return NULL;
  size_t length = (unsigned char)start[-1]; /* a name of under 256 characters */
  if (length > (size_t)(hello + size - start))
    return NULL;
  snprintf(host, 256, "%.*s", (int)length, start);
  const char *label = host + 8;
  size_t label_size = strcspn(label, ".");
  for (size_t i = 0; i < sizeof behaviours / sizeof *behaviours; i++)
    if (strlen(behaviours[i].name) == label_size && !strncmp(behaviours[i].name, label, label_size))
      return &behaviours[i];
  return NULL;
}

static void serve_tls(int fd, const char *certs, const char *host,
                      const struct behaviour *behaviour) {
  char cert[4096], key[4096], request[4096];
  snprintf(cert, sizeof cert, "%s/%s.crt", certs, host);
  snprintf(key, sizeof key, "%s/%s.key", certs, host);
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  /* OpenSSL 3 speaks TLS 1.1 at security level 0 only. */
  if (!context || !SSL_CTX_set_cipher_list(context, "DEFAULT@SECLEVEL=0") ||
      !SSL_CTX_set_min_proto_version(context, TLS1_VERSION) ||
      !SSL_CTX_set_max_proto_version(context, behaviour->tls_version) ||
      SSL_CTX_use_certificate_file(context, cert, SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
    die(cert);
  SSL *tls = SSL_new(context);
  if (!tls || !SSL_set_fd(tls, fd))
    die(host);
  if (SSL_accept(tls) == 1 && SSL_read(tls, request, sizeof request) > 0) {
    behaviour->secure(tls);
    SSL_shutdown(tls);
  }
  SSL_free(tls);
  SSL_CTX_free(context);
}

static void serve(int fd, const char *certs) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(LIFETIME);
  char host[256];
  const struct behaviour *behaviour = asked_for(fd, host);
  if (!behaviour)
    return;
  if (behaviour->plain)
    behaviour->plain(fd);
  else
    serve_tls(fd, certs, host, behaviour);
}

static int bound(const char *address, uint16_t port, int type) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  int on = 1;
  int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, (const struct sockaddr *)&at, sizeof at) != 0)
    die(address);
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fputs("usage: rogue CERTS ADDRESS DROP\n", stderr);
    return 64;
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN); /* children are reaped by the kernel */
  bound(argv[3], 53, SOCK_DGRAM);
  int listener = bound(argv[2], 443, SOCK_STREAM);
  if (listen(listener, 64) != 0)
    die("listen");
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
      continue;
    pid_t child = fork();
    if (child == 0) {
      serve(fd, argv[1]);
      _exit(0);
    }
    close(fd);
  }
}
