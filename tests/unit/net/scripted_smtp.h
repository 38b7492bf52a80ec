/*
 * scripted_smtp.h: an SMTP server in threads, one site for each address of port 25, that speaks
 * from a table and misbehaves as the table says. It records what its clients say.
 */
#ifndef TEST_SCRIPTED_SMTP_H
#define TEST_SCRIPTED_SMTP_H

#include "scripted_https.h"

enum smtp_manner {
  SMTP_PLAY,
  SMTP_SILENT,    /* accepts, and says nothing */
  SMTP_CLOSES,    /* accepts, and closes */
  SMTP_ENDLESS,   /* sends the greeting's bytes for ever */
  SMTP_NO_TLS,    /* sends a line in the clear for a handshake */
  SMTP_TLS_HANGS, /* reads the handshake, and says nothing */
};

struct smtp_site {
  const char *address;
  const char *greeting; /* NULL: a good one. What is sent is the text as it is */
  const char *ehlo;     /* reply; NULL: with STARTTLS */
  const char *starttls; /* reply; NULL: 220 */
  enum smtp_manner manner;
  int delay;   /* milliseconds before the greeting */
  int tls_max; /* 0: the newest */
  int dribble; /* milliseconds between bytes of the greeting */
  struct https_site tls;
};

enum {
  SMTP_SITES_MAX = 64,
  SMTP_CONNECTIONS_MAX = 256,
};

struct smtp_server {
  const struct smtp_site *sites; /* ends with a NULL address */
  int listeners[SMTP_SITES_MAX];
  SSL_CTX *contexts[SMTP_SITES_MAX];
  char said[SMTP_SITES_MAX][256]; /* all that clients have said, and "<TLS name>" at a handshake */
  unsigned connected[SMTP_SITES_MAX];
  size_t count;
  int stop[2];
  pthread_mutex_t lock;
  pthread_t acceptor;
  size_t connections;
  pthread_t workers[SMTP_CONNECTIONS_MAX];
};

struct smtp_session {
  struct smtp_server *server;
  size_t site;
  int fd;
  SSL *tls;
};

static void smtp_note(struct smtp_session *session, const char *text) {
  char *said = session->server->said[session->site];
  pthread_mutex_lock(&session->server->lock);
  size_t at = strlen(said);
  snprintf(said + at, sizeof session->server->said[0] - at, "%s", text);
  pthread_mutex_unlock(&session->server->lock);
}

/* Waits; returns true when the server is to stop. */
static bool smtp_wait(const struct smtp_server *server, int milliseconds) {
  struct pollfd stop = {.fd = server->stop[0], .events = POLLIN};
  return poll(&stop, 1, milliseconds) > 0;
}

static bool smtp_send(struct smtp_session *session, const char *text) {
  ssize_t size = (ssize_t)strlen(text);
  if (size == 0)
    return true;
  return session->tls ? SSL_write(session->tls, text, (int)size) == size
                      : send(session->fd, text, (size_t)size, MSG_NOSIGNAL) == size;
}

/* Reads one line, and notes it. */
static bool smtp_hear(struct smtp_session *session, char line[128]) {
  size_t length = 0;
  while (length < 127) {
    ssize_t size = session->tls ? SSL_read(session->tls, line + length, 1)
                                : recv(session->fd, line + length, 1, 0);
    if (size <= 0)
      break;
    if (line[length++] == '\n')
      break;
  }
  line[length] = '\0';
  smtp_note(session, line);
  return length > 0;
}

static bool smtp_shake(struct smtp_session *session) {
  const struct smtp_site *site = &session->server->sites[session->site];
  char name[300];
  if (site->manner == SMTP_TLS_HANGS) {
    smtp_wait(session->server, 5000);
    return false;
  }
  if (site->manner == SMTP_NO_TLS) {
    /* Not before the client has begun its handshake: bytes behind the 220 are another fault. */
    struct pollfd hello = {.fd = session->fd, .events = POLLIN};
    poll(&hello, 1, 5000);
    smtp_send(session, "454 no TLS today, sorry\r\n");
    smtp_wait(session->server, 300);
    return false;
  }
  session->tls = SSL_new(session->server->contexts[session->site]);
  SSL_set_fd(session->tls, session->fd);
  if (SSL_accept(session->tls) != 1)
    return false;
  const char *host = SSL_get_servername(session->tls, TLSEXT_NAMETYPE_host_name);
  snprintf(name, sizeof name, "<%s %s>", SSL_get_version(session->tls), host ? host : "no SNI");
  smtp_note(session, name);
  return true;
}

static bool smtp_greet(struct smtp_session *session) {
  const struct smtp_site *site = &session->server->sites[session->site];
  const char *greeting = site->greeting ? site->greeting : "220 mail.example ESMTP\r\n";
  /* What comes before the greeting was said too early. */
  struct pollfd early = {.fd = session->fd, .events = POLLIN};
  if (site->delay > 0 && poll(&early, 1, site->delay) > 0)
    smtp_note(session, "TOO EARLY ");
  do {
    if (site->dribble == 0) {
      if (!smtp_send(session, greeting))
        return false;
    } else {
      for (const char *c = greeting; *c; c++)
        if (!smtp_send(session, (char[]){*c, '\0'}) || smtp_wait(session->server, site->dribble))
          return false;
    }
  } while (site->manner == SMTP_ENDLESS && !smtp_wait(session->server, 0));
  return true;
}

static void smtp_converse(struct smtp_session *session) {
  const struct smtp_site *site = &session->server->sites[session->site];
  char line[128];
  if (site->manner == SMTP_CLOSES)
    return;
  if (site->manner == SMTP_SILENT) {
    smtp_wait(session->server, 5000);
    return;
  }
  if (!smtp_greet(session))
    return;
  while (smtp_hear(session, line)) {
    bool ok = true;
    if (strncmp(line, "EHLO ", 5) == 0) {
      ok = smtp_send(session,
                     site->ehlo ? site->ehlo : "250-mail.example\r\n250-SIZE\r\n250 starttls\r\n");
    } else if (strcmp(line, "STARTTLS\r\n") == 0) {
      const char *reply = site->starttls ? site->starttls : "220 2.0.0 go\r\n";
      ok = smtp_send(session, reply);
      if (ok && !*reply)
        return;
      if (ok && strncmp(reply, "220", 3) == 0)
        ok = smtp_shake(session);
    } else {
      smtp_send(session, strcmp(line, "QUIT\r\n") == 0 ? "221 bye\r\n" : "500 what?\r\n");
      ok = strcmp(line, "QUIT\r\n") != 0;
    }
    if (!ok)
      break;
  }
}

static void *smtp_serve(void *context) {
  struct smtp_session session = *(struct smtp_session *)context;
  free(context);
  setsockopt(session.fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){5, 0}, sizeof(struct timeval));
  smtp_converse(&session);
  SSL_free(session.tls);
  close(session.fd);
  return NULL;
}

static void *smtp_accept(void *context) {
  struct smtp_server *server = context;
  struct pollfd sockets[SMTP_SITES_MAX + 1];
  for (size_t i = 0; i < server->count; i++)
    sockets[i] = (struct pollfd){.fd = server->listeners[i], .events = POLLIN};
  sockets[server->count] = (struct pollfd){.fd = server->stop[0], .events = POLLIN};
  while (poll(sockets, (nfds_t)server->count + 1, -1) > 0 && !sockets[server->count].revents)
    for (size_t i = 0; i < server->count; i++) {
      if (!sockets[i].revents || server->connections == SMTP_CONNECTIONS_MAX)
        continue;
      struct smtp_session *session = calloc(1, sizeof *session);
      *session = (struct smtp_session){
          .server = server, .site = i, .fd = accept(sockets[i].fd, NULL, NULL)};
      pthread_mutex_lock(&server->lock);
      server->connected[i]++;
      pthread_mutex_unlock(&server->lock);
      pthread_create(&server->workers[server->connections++], NULL, smtp_serve, session);
    }
  return NULL;
}

static int smtp_listen(const char *text) {
  struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(25)};
  struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(25)};
  bool is_ipv4 = inet_pton(AF_INET, text, &ipv4.sin_addr) == 1;
  inet_pton(AF_INET6, text, &ipv6.sin6_addr);
  const struct sockaddr *address = is_ipv4 ? (struct sockaddr *)&ipv4 : (struct sockaddr *)&ipv6;
  int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(fd, address, is_ipv4 ? sizeof ipv4 : sizeof ipv6) != 0 || listen(fd, 64) != 0) {
    perror(text);
    close(fd);
    return -1;
  }
  return fd;
}

__attribute__((unused)) static bool smtp_start(struct smtp_server *server,
                                               const struct smtp_site *sites,
                                               const struct https_authority *known,
                                               const struct https_authority *unknown) {
  memset(server, 0, sizeof *server);
  pthread_mutex_init(&server->lock, NULL);
  server->sites = sites;
  for (; sites[server->count].address; server->count++) {
    size_t i = server->count;
    struct https_site tls = sites[i].tls;
    tls.host = tls.host ? tls.host : "mx.mail.example";
    server->contexts[i] = https_context(&tls, known, unknown);
    SSL_CTX_set_security_level(server->contexts[i], 0);
    SSL_CTX_set_min_proto_version(server->contexts[i], TLS1_VERSION);
    SSL_CTX_set_max_proto_version(server->contexts[i], sites[i].tls_max);
    server->listeners[i] = smtp_listen(sites[i].address);
    if (server->listeners[i] < 0)
      return false;
  }
  return pipe(server->stop) == 0 &&
         pthread_create(&server->acceptor, NULL, smtp_accept, server) == 0;
}

__attribute__((unused)) static void smtp_stop(struct smtp_server *server) {
  if (write(server->stop[1], "", 1) == 1)
    pthread_join(server->acceptor, NULL);
  for (size_t i = 0; i < server->connections; i++)
    pthread_join(server->workers[i], NULL);
  for (size_t i = 0; i < server->count; i++) {
    SSL_CTX_free(server->contexts[i]);
    close(server->listeners[i]);
  }
  close(server->stop[0]);
  close(server->stop[1]);
}

#endif
