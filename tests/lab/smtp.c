/*
 * smtp: receiving mail servers, correct ones and faulty ones.
 *
 *   smtp CERTS MAIL ADDRESS=BEHAVIOUR…
 *
 * Listens on port 25 of each ADDRESS and does there what the table below says of BEHAVIOUR. The
 * certificate is CERTS/<SNI>.crt; a client without SNI gets that of `no-sni`. One process a
 * connection, for a minute at most. Each message taken is one line at the end of the file MAIL:
 *
 *   from=… to=…,… at=ADDRESS tls=TLSv1.3|no sni=…|- helo=… dkim=yes|no flag=…|- connection=PID
 *
 * The flag is what its X-MTA-STS header fields say, without spaces.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIFETIME 60 /* seconds */

enum {
  ADDRESSES_MAX = 32,
  LINE_SIZE = 1024,
  MESSAGE_SIZE = 8192 /* the line about one message, a hundred recipients */
};

/* NULL: as a good server does it. */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order of the table */
static const struct behaviour {
  const char *name, *starttls_reply;
  bool offers_tls;
  bool handshake;       /* after that reply; else nonsense */
  const char *greeting; /* sent as it is; "": none, and the connection stays open */
  unsigned delay;       /* seconds before the greeting */
  bool endless;         /* the greeting again and again */
  bool closes;          /* after the greeting; after STARTTLS, if that has no reply */
  const char *ehlo_reply;
  bool old;        /* knows HELO and no EHLO */
  int tls_version; /* the only one spoken; 0: any */
} behaviours[] = {
    {"tls", "220 go ahead", true, true},
    {"plain", "502 not here", false, false},
    {"refuses-454", "454 TLS not available now", true, false},
    {"refuses-502", "502 not after all", true, false},
    {"junk", "220 go ahead", true, false},
    {"old", "502 not here", .old = true},
    /* for `mtasts check` */
    {"slow", "220 go ahead", true, true, .delay = 15},
    {"busy-421", .greeting = "421 4.7.0 too many connections\r\n", .closes = true},
    {"blocked-554", .greeting = "554-no mail from there\r\n554 see our list\r\n"},
    {"greylists", .ehlo_reply = "450 4.7.1 come back later"},
    {"multi-line", "220-go\r\n220 ahead", true, true,
     .greeting = "220-lab\r\n220-no spam\r\n220 ESMTP\r\n"},
    {"silent", .greeting = ""},
    {"closes", .greeting = "", .closes = true},
    {"web", .greeting = "HTTP/1.1 400 Bad Request\r\nServer: lab\r\n\r\n", .closes = true},
    {"endless", .greeting = "220-there is always one more line\r\n", .endless = true},
    {"old-tls", "220 go ahead", true, true, .tls_version = TLS1_1_VERSION},
    {"future-tls", "220 go ahead", true, true, .tls_version = -1},
    {"injects", "220 go ahead\r\n250-lab\r\n250 AUTH PLAIN", true, true},
    {"hangs-up", NULL, true, false, .closes = true},
};

struct receiver {
  const char *address;
  const struct behaviour *behaviour;
  int fd;
};

static const char *certs, *mail_file;

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* One connection. */
struct session {
  const struct receiver *receiver;
  int fd;
  SSL *tls; /* NULL: in clear */
  char buffer[LINE_SIZE];
  size_t used; /* bytes in the buffer, read and not yet asked for */
  char helo[LINE_SIZE], from[LINE_SIZE], to[MESSAGE_SIZE];
};

static void say(struct session *session, const char *text) {
  char line[LINE_SIZE];
  int size = snprintf(line, sizeof line, "%s\r\n", text);
  bool sent = session->tls ? SSL_write(session->tls, line, size) > 0
                           : send(session->fd, line, (size_t)size, 0) == size;
  if (!sent)
    exit(0); /* the client has gone */
}

/* The next line, without its end; what is longer comes in pieces. */
static void hear(struct session *session, char line[LINE_SIZE]) {
  char *end;
  while (!(end = memchr(session->buffer, '\n', session->used)) && session->used < LINE_SIZE - 1) {
    char *place = session->buffer + session->used;
    size_t room = LINE_SIZE - 1 - session->used;
    ssize_t got =
        session->tls ? SSL_read(session->tls, place, (int)room) : recv(session->fd, place, room, 0);
    if (got <= 0)
      exit(0);
    session->used += (size_t)got;
  }
  size_t size = end ? (size_t)(end + 1 - session->buffer) : session->used;
  snprintf(line, LINE_SIZE, "%.*s", (int)size, session->buffer);
  line[strcspn(line, "\r\n")] = '\0';
  session->used -= size;
  memmove(session->buffer, session->buffer + size, session->used);
}

/* Of a message's header. */
struct seen {
  bool dkim;
  char flag[LINE_SIZE];
};

static void write_down(const struct session *session, const struct seen *seen) {
  char line[MESSAGE_SIZE + 5 * LINE_SIZE];
  const char *sni =
      session->tls ? SSL_get_servername(session->tls, TLSEXT_NAMETYPE_host_name) : NULL;
  int size =
      snprintf(line, sizeof line,
               "from=%s to=%s at=%s tls=%s sni=%s helo=%s dkim=%s flag=%s connection=%d\n",
               session->from, session->to, session->receiver->address,
               session->tls ? SSL_get_version(session->tls) : "no", sni ? sni : "-", session->helo,
               seen->dkim ? "yes" : "no", seen->flag[0] ? seen->flag : "-", (int)getpid());
  int fd = open(mail_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  /* One write: processes that append at once don't mix their lines. */
  if (fd < 0 || write(fd, line, (size_t)size) != size)
    die(mail_file);
  close(fd);
}

/* Several fields are written as one, separated by commas. */
static void append_flag(char *flag, const char *value) {
  size_t used = strlen(flag);
  if (used > 0 && used < LINE_SIZE - 1)
    flag[used++] = ',';
  for (; *value && used < LINE_SIZE - 1; value++)
    if (*value != ' ')
      flag[used++] = *value;
  flag[used] = '\0';
}

static void take_message(struct session *session) {
  char line[LINE_SIZE];
  struct seen seen = {.dkim = false};
  bool in_header = true;
  say(session, "354 go ahead");
  for (hear(session, line); strcmp(line, ".") != 0; hear(session, line)) {
    in_header = in_header && line[0] != '\0';
    if (in_header && !strncasecmp(line, "DKIM-Signature:", 15))
      seen.dkim = true;
    if (in_header && !strncasecmp(line, "X-MTA-STS:", 10))
      append_flag(seen.flag, line + 10);
  }
  write_down(session, &seen);
  say(session, "250 taken");
}

/* Between < and > of MAIL FROM and RCPT TO. */
static void append_address(char *out, size_t out_size, const char *line) {
  const char *start = strchr(line, '<');
  const char *end = start ? strchr(start, '>') : NULL;
  size_t used = strlen(out);
  if (end)
    snprintf(out + used, out_size - used, "%s%.*s", used ? "," : "", (int)(end - start - 1),
             start + 1);
}

static int choose_certificate(SSL *tls, int *alert, void *unused) {
  (void)unused;
  char cert[4096], key[4096];
  const char *name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
  snprintf(cert, sizeof cert, "%s/%s.crt", certs, name ? name : "no-sni");
  snprintf(key, sizeof key, "%s/%s.key", certs, name ? name : "no-sni");
  if (SSL_use_certificate_chain_file(tls, cert) == 1 &&
      SSL_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1)
    return SSL_TLSEXT_ERR_OK;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A server without a cipher that any client has: its alert is handshake_failure. */
static bool set_versions(SSL_CTX *context, int version) {
  if (version < 0)
    return SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, "PSK-AES128-CBC-SHA") == 1;
  /* OpenSSL 3 speaks TLS 1.1 at security level 0 only. */
  if (version > 0)
    return SSL_CTX_set_cipher_list(context, "DEFAULT@SECLEVEL=0") == 1 &&
           SSL_CTX_set_min_proto_version(context, version) == 1 &&
           SSL_CTX_set_max_proto_version(context, version) == 1;
  SSL_CTX_set_security_level(context, 0); /* for certificates with weak keys */
  return true;
}

static void start_tls(struct session *session) {
  const struct behaviour *behaviour = session->receiver->behaviour;
  if (!behaviour->starttls_reply)
    exit(0);
  say(session, behaviour->starttls_reply);
  if (behaviour->starttls_reply[0] != '2')
    return;
  if (!behaviour->handshake) {
    say(session, "220 this is no TLS at all");
    exit(0);
  }
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (!context || SSL_CTX_set_tlsext_servername_callback(context, choose_certificate) != 1 ||
      !set_versions(context, behaviour->tls_version))
    die("TLS");
  session->tls = SSL_new(context);
  if (!session->tls || SSL_set_fd(session->tls, session->fd) != 1)
    die("TLS");
  if (SSL_accept(session->tls) != 1)
    exit(0);
  session->used = 0; /* nothing that came in clear counts (RFC 3207 section 4.2) */
}

static void send_raw(const struct session *session, const char *text) {
  size_t size = strlen(text);
  if (send(session->fd, text, size, 0) != (ssize_t)size)
    exit(0);
}

/* A client that speaks first has not waited (RFC 5321 section 3.1). */
static void greet(const struct session *session) {
  const struct behaviour *behaviour = session->receiver->behaviour;
  struct pollfd early = {.fd = session->fd, .events = POLLIN};
  if (behaviour->delay > 0 && poll(&early, 1, (int)behaviour->delay * 1000) > 0)
    send_raw(session, "554 you have spoken too early\r\n");
  do
    send_raw(session, behaviour->greeting ? behaviour->greeting : "220 lab ESMTP\r\n");
  while (behaviour->endless);
  if (behaviour->closes && behaviour->greeting)
    exit(0);
}

static const char *ehlo_reply(const struct session *session) {
  const struct behaviour *behaviour = session->receiver->behaviour;
  if (behaviour->ehlo_reply)
    return behaviour->ehlo_reply;
  return behaviour->offers_tls && !session->tls ? "250-lab\r\n250 STARTTLS" : "250 lab";
}

static void converse(struct session *session) {
  char line[LINE_SIZE];
  greet(session);
  for (;;) {
    hear(session, line);
    if (session->receiver->behaviour->old && !strncasecmp(line, "EHLO ", 5)) {
      say(session, "500 unknown command");
    } else if (!strncasecmp(line, "EHLO ", 5) || !strncasecmp(line, "HELO ", 5)) {
      snprintf(session->helo, sizeof session->helo, "%s", line + 5);
      say(session, ehlo_reply(session));
    } else if (!strcasecmp(line, "STARTTLS")) {
      start_tls(session);
    } else if (!strncasecmp(line, "MAIL FROM:", 10)) {
      session->from[0] = session->to[0] = '\0';
      append_address(session->from, sizeof session->from, line);
      say(session, "250 ok");
    } else if (!strncasecmp(line, "RCPT TO:", 8)) {
      append_address(session->to, sizeof session->to, line);
      say(session, "250 ok");
    } else if (!strcasecmp(line, "DATA")) {
      take_message(session);
    } else if (!strcasecmp(line, "QUIT")) {
      say(session, "221 bye");
      return;
    } else {
      say(session, "250 ok");
    }
  }
}

static void serve(const struct receiver *receiver, int fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(LIFETIME);
  struct session session = {.receiver = receiver, .fd = fd};
  converse(&session);
  if (session.tls)
    SSL_shutdown(session.tls);
  /* What is still unread when a socket closes would reset the connection. */
  char rest[LINE_SIZE];
  shutdown(fd, SHUT_WR);
  while (recv(fd, rest, sizeof rest, 0) > 0)
    continue;
}

static int listener(const char *address) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(25)};
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 64) != 0)
    die(address);
  return fd;
}

static const struct behaviour *find_behaviour(const char *name) {
  for (size_t i = 0; i < sizeof behaviours / sizeof *behaviours; i++)
    if (!strcmp(behaviours[i].name, name))
      return &behaviours[i];
  fprintf(stderr, "smtp: no such behaviour: %s\n", name);
  exit(64);
}

int main(int argc, char **argv) {
  struct receiver receivers[ADDRESSES_MAX];
  struct pollfd polled[ADDRESSES_MAX];
  nfds_t count = 0;
  if (argc < 4 || argc > 3 + ADDRESSES_MAX) {
    fputs("usage: smtp CERTS MAIL ADDRESS=BEHAVIOUR…\n", stderr);
    return 64;
  }
  certs = argv[1];
  mail_file = argv[2];
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN); /* children are reaped by the kernel */
  for (char **argument = argv + 3; *argument; argument++, count++) {
    char *rest = *argument;
    const char *address = strsep(&rest, "=");
    receivers[count] =
        (struct receiver){address, find_behaviour(rest ? rest : ""), listener(address)};
    polled[count] = (struct pollfd){receivers[count].fd, POLLIN, 0};
  }
  for (;;) {
    if (poll(polled, count, -1) < 0)
      continue;
    for (nfds_t i = 0; i < count; i++) {
      int fd = polled[i].revents ? accept(receivers[i].fd, NULL, NULL) : -1;
      if (fd < 0)
        continue;
      /* A bench measures the sender, and not Nagle's algorithm. */
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
      if (fork() == 0) {
        serve(&receivers[i], fd);
        _exit(0);
      }
      close(fd);
    }
  }
}
