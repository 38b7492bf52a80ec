#include "smtp_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "ascii.h"
#include "certificate.h"
#include "certificate_facts.h"
#include "clock.h"
#include "printable.h"
#include "smtp_reply.h"
#include "tcp_connect.h"

enum {
  READ_SIZE = 4096,
  QUIT_MS = 3000, /* for the reply to QUIT: all that matters is known by then */
  HELO_SIZE = MTASTS_DOMAIN_MAX + 1,
  COMMAND_SIZE = HELO_SIZE + sizeof "EHLO \r\n",
};

enum step {
  CONNECT,
  GREETING,
  EHLO,
  STARTTLS,
  HANDSHAKE,
  QUIT,
};

struct mtasts_smtp_probe {
  struct mtasts_smtp_probe_options options;
  struct mtasts_seen_mail_server server;
  enum step step;
  struct mtasts_tcp_connect *connecting;
  int64_t deadline;
  struct event *timer;
  int socket; /* -1: none */
  struct event *readable;
  struct event *writable;
  SSL_CTX *context; /* of TLS */
  SSL *tls;
  struct mtasts_tls_watch watch;
  struct mtasts_smtp_reply reply;
  char input[READ_SIZE]; /* bytes that were read and not yet looked at */
  size_t input_at;
  size_t input_size;
  char command[COMMAND_SIZE];
  size_t command_at;
  size_t command_size;
};

/* its life */

static void free_event(struct event *event) {
  if (event)
    event_free(event);
}

void mtasts_smtp_probe_cancel(struct mtasts_smtp_probe *probe) {
  if (!probe)
    return;
  mtasts_tcp_connect_cancel(probe->connecting);
  mtasts_certificate_unwatch(&probe->watch);
  SSL_free(probe->tls);
  SSL_CTX_free(probe->context);
  free_event(probe->readable);
  free_event(probe->writable);
  free_event(probe->timer);
  if (probe->socket >= 0)
    close(probe->socket);
  free(probe);
}

/* Frees the probe, and then calls back. */
static void finish(struct mtasts_smtp_probe *probe) {
  const struct mtasts_smtp_probe_options options = probe->options;
  const struct mtasts_seen_mail_server server = probe->server;
  if (probe->tls && probe->step == QUIT)
    SSL_shutdown(probe->tls);
  mtasts_smtp_probe_cancel(probe);
  options.done(options.context, &server);
}

static void set_detail(struct mtasts_smtp_probe *probe, const char *text) {
  char printable[MTASTS_DETAIL_MAX + 1];
  mtasts_printable(mtasts_span_of(text), printable, sizeof printable);
  probe->server.detail = mtasts_arena_copy(probe->options.arena, mtasts_span_of(printable));
}

/* The conversation has failed before TLS, or the handshake: what is known stays. */
static void fail(struct mtasts_smtp_probe *probe, const char *why) {
  if (probe->step == GREETING || probe->step == EHLO)
    probe->server.smtp = MTASTS_SMTP_PROTOCOL;
  else if (probe->step == STARTTLS || probe->step == HANDSHAKE)
    probe->server.tls = MTASTS_TLS_FAILED;
  if (probe->step != QUIT)
    set_detail(probe, why);
  finish(probe);
}

static const char *step_name(enum step step) {
  switch (step) {
  case GREETING:
    return "its greeting";
  case EHLO:
    return "its reply to EHLO";
  case STARTTLS:
    return "its reply to STARTTLS";
  case HANDSHAKE:
    return "the end of the TLS handshake";
  case CONNECT:
  case QUIT:
    break;
  }
  return "its reply";
}

static void fail_closed(struct mtasts_smtp_probe *probe, int error) {
  char text[MTASTS_DETAIL_MAX];
  if (error == 0)
    snprintf(text, sizeof text, "the server closed the connection before %s",
             step_name(probe->step));
  else
    snprintf(text, sizeof text, "the connection ended before %s: %s", step_name(probe->step),
             strerrordesc_np(error));
  fail(probe, text);
}

static void on_timer(evutil_socket_t fd, short what, void *context) {
  struct mtasts_smtp_probe *probe = context;
  char text[MTASTS_DETAIL_MAX];
  (void)fd;
  (void)what;
  snprintf(text, sizeof text, "%s did not come within %.1f s", step_name(probe->step),
           (double)probe->options.timeout / 1000);
  fail(probe, text);
}

static void await(struct mtasts_smtp_probe *probe, bool input, bool output) {
  if (input)
    event_add(probe->readable, NULL);
  else
    event_del(probe->readable);
  if (output)
    event_add(probe->writable, NULL);
  else
    event_del(probe->writable);
}

static void limit(struct mtasts_smtp_probe *probe, int64_t milliseconds) {
  int64_t left = probe->deadline - mtasts_clock_ms();
  if (milliseconds < left)
    left = milliseconds;
  left = left > 0 ? left : 0;
  event_add(probe->timer, &(struct timeval){left / 1000, left % 1000 * 1000});
}

/* commands and replies */

/* "mail.example.com", "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3). */
static void write_helo(const struct mtasts_smtp_probe *probe, char out[HELO_SIZE]) {
  struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof local;
  char text[INET6_ADDRSTRLEN] = "";
  struct mtasts_domain own;
  if (probe->options.helo && *probe->options.helo) {
    snprintf(out, HELO_SIZE, "%s", probe->options.helo);
    return;
  }
  if (gethostname(out, HELO_SIZE) == 0 && memchr(out, '\0', HELO_SIZE) && strchr(out, '.') &&
      mtasts_domain_parse(mtasts_span_of(out), &own) == MTASTS_OK) {
    memcpy(out, own.name, own.len + 1);
    return;
  }
  getsockname(probe->socket, (struct sockaddr *)&local, &size);
  if (local.ss_family == AF_INET6) {
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&local;
    inet_ntop(AF_INET6, &ipv6->sin6_addr, text, sizeof text);
    snprintf(out, HELO_SIZE, "[IPv6:%s]", text);
  } else {
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&local;
    inet_ntop(AF_INET, &ipv4->sin_addr, text, sizeof text);
    snprintf(out, HELO_SIZE, "[%s]", text);
  }
}

/* Sends a command as the next step. Its reply is read only when all of it is sent. */
static void say(struct mtasts_smtp_probe *probe, enum step step, const char *verb,
                const char *argument) {
  probe->step = step;
  probe->reply = (struct mtasts_smtp_reply){.code = 0};
  probe->command_at = 0;
  probe->command_size = (size_t)snprintf(probe->command, sizeof probe->command, "%s%s%s\r\n", verb,
                                         *argument ? " " : "", argument);
  if (step == QUIT)
    limit(probe, QUIT_MS);
  await(probe, false, true);
}

static void quit(struct mtasts_smtp_probe *probe) {
  say(probe, QUIT, "QUIT", "");
}

static void keep_reply(struct mtasts_smtp_probe *probe) {
  probe->server.reply = mtasts_arena_copy(
      probe->options.arena, (struct mtasts_span){probe->reply.last, probe->reply.last_length});
}

static void begin_tls(struct mtasts_smtp_probe *probe);

/* Takes the reply to greeting or EHLO that is no success. */
static void take_refusal(struct mtasts_smtp_probe *probe) {
  if (probe->reply.code < 400) {
    fail(probe, "the reply's code is not one that can come here");
    return;
  }
  probe->server.smtp = MTASTS_SMTP_REFUSED;
  quit(probe);
}

static void take_greeting(struct mtasts_smtp_probe *probe) {
  char helo[HELO_SIZE];
  keep_reply(probe);
  if (probe->reply.code != 220) {
    take_refusal(probe);
    return;
  }
  write_helo(probe, helo);
  say(probe, EHLO, "EHLO", helo);
}

static void take_ehlo(struct mtasts_smtp_probe *probe) {
  keep_reply(probe);
  if (probe->reply.code != 250) {
    take_refusal(probe);
    return;
  }
  probe->server.smtp = MTASTS_SMTP_OK;
  probe->server.offers_starttls = probe->reply.starttls;
  if (probe->reply.starttls)
    say(probe, STARTTLS, "STARTTLS", "");
  else
    quit(probe);
}

static void take_starttls(struct mtasts_smtp_probe *probe) {
  keep_reply(probe);
  probe->server.starttls_reply = probe->reply.code;
  if (probe->reply.code != 220) {
    quit(probe);
  } else if (probe->input_at < probe->input_size) {
    /* RFC 3207 section 6: nothing from before the handshake may be taken for the server's. */
    probe->step = HANDSHAKE;
    fail(probe, "bytes in the clear follow the reply to STARTTLS: replies are injected, or the "
                "server is at fault");
  } else {
    begin_tls(probe);
  }
}

/* Looks at the bytes that were read. The probe may be freed afterwards. */
static void take_input(struct mtasts_smtp_probe *probe) {
  struct mtasts_smtp_reply *reply = &probe->reply;
  probe->input_at += mtasts_smtp_reply_read(reply, probe->input + probe->input_at,
                                            probe->input_size - probe->input_at);
  if (reply->state == MTASTS_SMTP_REPLY_BAD && probe->step != QUIT) {
    keep_reply(probe);
    /* An answer to STARTTLS, if not one of SMTP: as good as a refusal. */
    if (probe->step == STARTTLS)
      probe->server.starttls_reply = MTASTS_STARTTLS_GARBAGE;
    fail(probe, reply->why);
    return;
  }
  if (reply->state == MTASTS_SMTP_REPLY_MORE) {
    if (probe->tls && SSL_pending(probe->tls) > 0)
      event_active(probe->readable, EV_READ, 0);
    return;
  }
  switch (probe->step) {
  case GREETING:
    take_greeting(probe);
    break;
  case EHLO:
    take_ehlo(probe);
    break;
  case STARTTLS:
    take_starttls(probe);
    break;
  case CONNECT:
  case HANDSHAKE:
  case QUIT:
    finish(probe);
    break;
  }
}

/* TLS */

/* Why a step of TLS has failed: the server's alert, OpenSSL's reason or the socket's. */
static void fail_tls(struct mtasts_smtp_probe *probe, int kind) {
  char text[MTASTS_DETAIL_MAX];
  int error = errno;
  unsigned long code = ERR_peek_error();
  const char *reason = code ? ERR_reason_error_string(code) : NULL;
  if (probe->watch.alert != 0)
    snprintf(text, sizeof text, "the server sent the TLS alert \"%s\"",
             SSL_alert_desc_string_long(probe->watch.alert));
  else if (reason && ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
    snprintf(text, sizeof text, "what the server sent is not TLS");
  else if (reason && ERR_GET_REASON(code) != SSL_R_UNEXPECTED_EOF_WHILE_READING)
    snprintf(text, sizeof text, "%s", reason);
  else if (kind == SSL_ERROR_SYSCALL && error != 0)
    snprintf(text, sizeof text, "the connection ended in the TLS handshake: %s",
             strerrordesc_np(error));
  else
    snprintf(text, sizeof text, "the server closed the connection in the TLS handshake");
  if (!probe->watch.too_old) {
    fail(probe, text);
    return;
  }
  probe->server.tls = MTASTS_TLS_TOO_OLD;
  set_detail(probe, text);
  finish(probe);
}

static void take_session(struct mtasts_smtp_probe *probe) {
  const struct mtasts_certificate_context context = {
      .trust = probe->options.trust,
      .host = probe->options.host,
      .now = probe->options.now,
      .arena = probe->options.arena,
  };
  bool old = SSL_version(probe->tls) < TLS1_2_VERSION;
  probe->server.tls = old ? MTASTS_TLS_TOO_OLD : MTASTS_TLS_DONE;
  probe->server.tls_text = mtasts_arena_printf(
      probe->options.arena, "%s, %s", SSL_get_version(probe->tls), SSL_get_cipher_name(probe->tls));
  if (old)
    set_detail(probe, "the server has nothing newer than the version that was negotiated");
  mtasts_certificate_facts(probe->tls, &context, &probe->server.certificate);
  quit(probe);
}

static void shake_hands(struct mtasts_smtp_probe *probe) {
  ERR_clear_error();
  errno = 0;
  int result = SSL_connect(probe->tls);
  int kind = SSL_get_error(probe->tls, result);
  if (result == 1)
    take_session(probe);
  else if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
    await(probe, kind == SSL_ERROR_WANT_READ, kind == SSL_ERROR_WANT_WRITE);
  else
    fail_tls(probe, kind);
}

/* A check diagnoses old versions and short keys, so it admits them. */
static bool set_up_tls(struct mtasts_smtp_probe *probe) {
  const char *host = probe->options.host;
  probe->watch.host = host;
  probe->watch.any_certificate = true;
  probe->context = SSL_CTX_new(TLS_client_method());
  if (!probe->context || SSL_CTX_set_min_proto_version(probe->context, TLS1_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(probe->context, "DEFAULT:@SECLEVEL=0") != 1 ||
      !mtasts_certificate_watch(probe->context, &probe->watch))
    return false;
  SSL_CTX_set_options(probe->context, SSL_OP_LEGACY_SERVER_CONNECT);
  probe->tls = SSL_new(probe->context);
  return probe->tls && SSL_set_fd(probe->tls, probe->socket) == 1 &&
         (strlen(host) > TLSEXT_MAXLEN_host_name ||
          /* SSL_set_tlsext_host_name, whose cast drops the const */
          SSL_ctrl(probe->tls, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                   (void *)(uintptr_t)host) == 1);
}

static void begin_tls(struct mtasts_smtp_probe *probe) {
  probe->step = HANDSHAKE;
  if (!set_up_tls(probe)) {
    probe->options.arena->failed = true;
    fail(probe, "out of memory");
    return;
  }
  shake_hands(probe);
}

/* the socket */

/* Sends what is left of the command. Returns false if the probe has ended. */
static bool send_rest(struct mtasts_smtp_probe *probe) {
  const char *bytes = probe->command + probe->command_at;
  size_t size = probe->command_size - probe->command_at;
  ERR_clear_error();
  ssize_t sent = probe->tls ? SSL_write(probe->tls, bytes, (int)size)
                            : send(probe->socket, bytes, size, MSG_NOSIGNAL);
  if (sent > 0) {
    probe->command_at += (size_t)sent;
  } else if (probe->tls && SSL_get_error(probe->tls, (int)sent) != SSL_ERROR_WANT_WRITE) {
    finish(probe); /* all that matters is known; this was politeness */
    return false;
  } else if (!probe->tls && errno != EAGAIN && errno != EINTR) {
    fail_closed(probe, errno);
    return false;
  }
  return true;
}

static void on_writable(evutil_socket_t fd, short what, void *context) {
  struct mtasts_smtp_probe *probe = context;
  (void)fd;
  (void)what;
  if (probe->step == HANDSHAKE) {
    shake_hands(probe);
    return;
  }
  if (!send_rest(probe) || probe->command_at < probe->command_size)
    return;
  await(probe, true, false);
  if (probe->input_at < probe->input_size)
    event_active(probe->readable, EV_READ, 0);
}

/* Reads more bytes. Returns how many; 0: none now, or the probe has ended. */
static size_t receive(struct mtasts_smtp_probe *probe) {
  ERR_clear_error();
  ssize_t size = probe->tls ? SSL_read(probe->tls, probe->input, sizeof probe->input)
                            : recv(probe->socket, probe->input, sizeof probe->input, 0);
  int error = size < 0 && !probe->tls ? errno : 0;
  if (size > 0)
    return (size_t)size;
  if (probe->tls && SSL_get_error(probe->tls, (int)size) == SSL_ERROR_WANT_READ)
    return 0;
  if (error == EAGAIN || error == EINTR)
    return 0;
  fail_closed(probe, error);
  return 0;
}

static void on_readable(evutil_socket_t fd, short what, void *context) {
  struct mtasts_smtp_probe *probe = context;
  (void)fd;
  (void)what;
  if (probe->step == HANDSHAKE) {
    shake_hands(probe);
    return;
  }
  if (probe->input_at == probe->input_size) {
    size_t size = receive(probe);
    if (size == 0)
      return;
    probe->input_at = 0;
    probe->input_size = size;
  }
  take_input(probe);
}

static void on_connected(void *context, enum mtasts_seen_connect outcome, int fd, int error) {
  struct mtasts_smtp_probe *probe = context;
  probe->connecting = NULL;
  probe->server.connect = outcome;
  if (outcome != MTASTS_CONNECT_DONE) {
    set_detail(probe, strerrordesc_np(error));
    finish(probe);
    return;
  }
  probe->socket = fd;
  probe->step = GREETING;
  probe->readable = event_new(probe->options.base, fd, EV_READ | EV_PERSIST, on_readable, probe);
  probe->writable = event_new(probe->options.base, fd, EV_WRITE | EV_PERSIST, on_writable, probe);
  if (!probe->readable || !probe->writable) {
    probe->options.arena->failed = true;
    fail(probe, "out of memory");
    return;
  }
  limit(probe, INT32_MAX);
  await(probe, true, false);
}

/* The address is a private one. */
static void on_refused(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  finish(context);
}

enum mtasts_status mtasts_smtp_probe_start(const struct mtasts_smtp_probe_options *options,
                                           struct mtasts_smtp_probe **probe) {
  struct mtasts_smtp_probe *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  bool refused = !options->allow_private && !mtasts_address_global(&options->address);
  signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets that may be closed */
  made->options = *options;
  made->socket = -1;
  made->deadline = mtasts_clock_ms() + options->timeout;
  made->server.address = options->address;
  made->server.private_address = refused;
  made->timer = evtimer_new(options->base, refused ? on_refused : on_timer, made);
  const struct mtasts_tcp_connect_options connect = {
      .base = options->base,
      .address = options->address,
      .port = options->port,
      .timeout = options->timeout,
      .done = on_connected,
      .context = made,
  };
  if (!made->timer ||
      (!refused && mtasts_tcp_connect_start(&connect, &made->connecting) != MTASTS_OK)) {
    mtasts_smtp_probe_cancel(made);
    return MTASTS_NO_MEMORY;
  }
  if (refused)
    event_active(made->timer, EV_TIMEOUT, 0);
  *probe = made;
  return MTASTS_OK;
}
