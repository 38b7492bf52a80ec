#include "event.h"

#include "mx_mismatch.h"
#include "span.h"

/* Exim's numbers: ERRNO_TLSREQUIRED and ERRNO_TLSFAILURE in its macros.h. */
enum {
  ERROR_TLS_FAILURE = -37,
  ERROR_TLS_REQUIRED = -38,
};

static enum mtasts_event_name read_name(struct mtasts_span name) {
  static const struct {
    const char *word;
    enum mtasts_event_name name;
  } names[] = {
      {"tcp:connect", MTASTS_EVENT_CONNECT}, {"smtp:ehlo", MTASTS_EVENT_EHLO},
      {"tcp:close", MTASTS_EVENT_CLOSE},     {"msg:host:defer", MTASTS_EVENT_HOST_DEFER},
      {"dane:fail", MTASTS_EVENT_DANE_FAIL},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (mtasts_span_equal(name, (struct mtasts_span){names[i].word, strlen(names[i].word)}))
      return names[i].name;
  return MTASTS_EVENT_OTHER;
}

/* Up to five digits, perhaps after a minus; anything else gives 0. */
static long read_error(struct mtasts_span word) {
  long error = 0;
  bool minus = mtasts_span_take(&word, '-');
  if (!mtasts_span_is_digits(word) || word.len > 5)
    return 0;
  for (size_t i = 0; i < word.len; i++)
    error = error * 10 + (word.data[i] - '0');
  return minus ? -error : error;
}

static void read_word(struct mtasts_event *event, struct mtasts_span word) {
  struct mtasts_span key;
  if (!memchr(word.data, '=', word.len)) {
    event->error = read_error(word);
    return;
  }
  mtasts_span_cut(&word, '=', &key);
  if (mtasts_span_equal(key, MTASTS_SPAN("ver")))
    event->tls = word.len > 0;
  else if (mtasts_span_equal(key, MTASTS_SPAN("cv")))
    event->verified = mtasts_span_equal(word, MTASTS_SPAN("1"));
  else if (mtasts_span_equal(key, MTASTS_SPAN("dane")))
    event->dane = mtasts_span_equal(word, MTASTS_SPAN("yes"));
  else if (mtasts_span_equal(key, MTASTS_SPAN("ip")))
    event->sender = word;
}

struct mtasts_event mtasts_event_read(struct mtasts_span name, struct mtasts_span host,
                                      struct mtasts_span address, struct mtasts_span data,
                                      struct mtasts_span extra) {
  struct mtasts_event event = {
      .name = read_name(name),
      .host = host,
      .address = address,
      .data = data,
      .sender = {"", 0},
  };
  while (extra.len > 0) {
    struct mtasts_span word;
    mtasts_span_cut(&extra, ' ', &word);
    if (word.len > 0)
      read_word(&event, word);
  }
  return event;
}

/* Truncates what is too long for any name. */
static void keep(char *out, size_t size, struct mtasts_span text) {
  size_t len = text.len < size ? text.len : size - 1;
  memcpy(out, text.data, len);
  out[len] = '\0';
}

static bool is_kept(const char *kept, size_t size, struct mtasts_span text) {
  size_t len = text.len < size ? text.len : size - 1;
  return mtasts_span_equal((struct mtasts_span){kept, strlen(kept)},
                           (struct mtasts_span){text.data, len});
}

static bool is_same(const struct mtasts_smtp_session *session, const struct mtasts_event *event) {
  return is_kept(session->host, sizeof session->host, event->host) &&
         is_kept(session->address, sizeof session->address, event->address);
}

/* Is the keyword on a line of its own, after `250-` or `250 `? */
static bool offers_starttls(struct mtasts_span reply) {
  static const char keyword[] = "STARTTLS";
  struct mtasts_span line;
  mtasts_span_cut(&reply, '\n', &line); /* the first line has the server's name */
  while (reply.len > 0) {
    size_t i = 0;
    mtasts_span_cut(&reply, '\n', &line);
    if (line.len < 4 + sizeof keyword - 1)
      continue;
    mtasts_span_drop(&line, 4);
    while (i < sizeof keyword - 1 && (line.data[i] & ~0x20) == keyword[i])
      i++;
    if (i == sizeof keyword - 1 && (line.len == i || !mtasts_is_visible(line.data[i])))
      return true;
  }
  return false;
}

static void keep_greeting(struct mtasts_smtp_session *session, struct mtasts_span reply) {
  struct mtasts_span name = reply;
  size_t len = 0;
  if (!session->greeted)
    session->offered = offers_starttls(reply);
  session->greeted = true;
  if (name.len < 4)
    return;
  mtasts_span_drop(&name, 4);
  while (len < name.len && mtasts_is_visible(name.data[len]))
    len++;
  keep(session->helo, sizeof session->helo, (struct mtasts_span){name.data, len});
}

bool mtasts_smtp_session_follow(struct mtasts_smtp_session *session,
                                const struct mtasts_event *event) {
  if (event->host.len == 0 || event->name == MTASTS_EVENT_OTHER)
    return false;
  bool again = event->name == MTASTS_EVENT_CONNECT && !session->failed;
  if (again || !is_same(session, event)) {
    *session = (struct mtasts_smtp_session){.counted = false};
    keep(session->host, sizeof session->host, event->host);
    keep(session->address, sizeof session->address, event->address);
  }
  if (event->name == MTASTS_EVENT_EHLO)
    keep_greeting(session, event->data);
  return !session->counted &&
         (event->name == MTASTS_EVENT_CLOSE || event->name == MTASTS_EVENT_HOST_DEFER ||
          event->name == MTASTS_EVENT_DANE_FAIL);
}

void mtasts_smtp_session_is_mx(struct mtasts_smtp_session *session, struct mtasts_span mx) {
  keep(session->mx, sizeof session->mx, mx);
}

struct mtasts_span mtasts_smtp_session_mx(const struct mtasts_smtp_session *session) {
  const char *name = session->mx[0] ? session->mx : session->host;
  return (struct mtasts_span){name, strlen(name)};
}

void mtasts_smtp_session_certificate(struct mtasts_smtp_session *session, struct mtasts_span host,
                                     enum mtasts_result_type seen) {
  if (!is_kept(session->host, sizeof session->host, host))
    return;
  session->presented = true;
  session->certificate = seen;
}

static bool says(struct mtasts_span text, const char *words) {
  return text.len > 0 && memmem(text.data, text.len, words, strlen(words)) != NULL;
}

/* The RFC 8460 result of a failed handshake. GnuTLS reports a self-signed or expired certificate
 * only as "certificate invalid", and a wrong name only as a failed verification. */
static enum mtasts_result_type of_handshake(const struct mtasts_smtp_session *session,
                                            struct mtasts_span text) {
  if (session->certificate != MTASTS_RESULT_SUCCESS)
    return session->certificate;
  if (says(text, "has expired"))
    return MTASTS_RESULT_EXPIRED;
  if (says(text, "certificate invalid") || says(text, "certificate verify failed"))
    return MTASTS_RESULT_NOT_TRUSTED;
  if (says(text, "certificate verification failed"))
    return MTASTS_RESULT_HOST_MISMATCH;
  return MTASTS_RESULT_VALIDATION;
}

static enum mtasts_result_type of_dane(struct mtasts_span text) {
  static const enum mtasts_result_type results[] = {
      MTASTS_RESULT_NO_STARTTLS, MTASTS_RESULT_TLSA_INVALID, MTASTS_RESULT_DNSSEC_INVALID,
      MTASTS_RESULT_DANE_REQUIRED};
  for (size_t i = 0; i < sizeof results / sizeof *results; i++)
    if (says(text, mtasts_result_type_name(results[i])))
      return results[i];
  return MTASTS_RESULT_VALIDATION;
}

/* The result of a deferral because of TLS; SUCCESS for any other deferral. */
static enum mtasts_result_type of_deferral(const struct mtasts_smtp_session *session,
                                           const struct mtasts_event *event) {
  if (event->error == ERROR_TLS_REQUIRED)
    return MTASTS_RESULT_NO_STARTTLS; /* not offered, or refused */
  if (event->error == ERROR_TLS_FAILURE)
    return of_handshake(session, event->data);
  /* For a 4xx reply to STARTTLS Exim has no error number. */
  if (event->error == 0 && session->offered && says(event->data, "after STARTTLS"))
    return MTASTS_RESULT_NO_STARTTLS;
  return MTASTS_RESULT_SUCCESS;
}

/* Does Exim require TLS, so that a failure is followed by a deferral? */
static bool insists(const struct mtasts_domain_decision *decided) {
  enum mtasts_verdict verdict = mtasts_domain_decision_verdict(decided);
  return verdict == MTASTS_VERDICT_ENFORCE || verdict == MTASTS_VERDICT_DANE ||
         verdict == MTASTS_VERDICT_ENCRYPT;
}

const struct mtasts_smtp_session_ending mtasts_smtp_session_ending_unlisted = {
    .result = MTASTS_RESULT_VALIDATION,
    .rule = "enforce: only to a listed MX (RFC 8461 section 4.1)",
    .code = "mtasts-policy-mx-mismatch",
};

static bool of_close(const struct mtasts_smtp_session *session, const struct mtasts_event *event,
                     const struct mtasts_domain_decision *decided,
                     struct mtasts_smtp_session_ending *ending) {
  ending->dane = event->tls && event->dane;
  if (ending->dane)
    return true;
  bool judged = decided->decision.verdict == MTASTS_VERDICT_ENFORCE ||
                decided->decision.verdict == MTASTS_VERDICT_TESTING;
  /* Exim accepts a certificate's CN as a name; mtasts_cert does not. */
  bool good =
      event->verified && (session->certificate == MTASTS_RESULT_SUCCESS || insists(decided));
  if (event->tls && (good || !judged)) {
    if (mtasts_decision_lists(&decided->decision, mtasts_smtp_session_mx(session)))
      return true;
    *ending = mtasts_smtp_session_ending_unlisted;
    return true;
  }
  /* If Exim requires TLS, msg:host:defer says more of the failure. A connection without a greeting
   * is no session. */
  if (insists(decided) || !session->greeted)
    return false;
  /* If name and date are right and Exim could not verify the certificate, its issuer is not
   * trusted. */
  if (event->tls)
    ending->result = session->certificate != MTASTS_RESULT_SUCCESS ? session->certificate
                     : session->presented                          ? MTASTS_RESULT_NOT_TRUSTED
                                                                   : MTASTS_RESULT_VALIDATION;
  else
    ending->result = session->offered ? MTASTS_RESULT_VALIDATION : MTASTS_RESULT_NO_STARTTLS;
  return true;
}

bool mtasts_smtp_session_end(struct mtasts_smtp_session *session, const struct mtasts_event *event,
                             const struct mtasts_domain_decision *decided,
                             struct mtasts_smtp_session_ending *ending) {
  bool ended = false;
  *ending = (struct mtasts_smtp_session_ending){
      .result = MTASTS_RESULT_SUCCESS,
      .rule = "enforce: STARTTLS with a valid certificate (RFC 8461 section 4.2)",
      .code = "",
  };
  if (event->name == MTASTS_EVENT_DANE_FAIL) {
    ending->dane = true;
    ending->rule = "DANE: TLS as the TLSA records say (RFC 7672 section 2.2)";
    ending->result = of_dane(event->data);
    ended = true;
  } else if (event->name == MTASTS_EVENT_HOST_DEFER) {
    ending->result = of_deferral(session, event);
    ended = ending->result != MTASTS_RESULT_SUCCESS;
  } else if (event->name == MTASTS_EVENT_CLOSE) {
    ended = of_close(session, event, decided, ending);
  }
  if (ended) {
    session->counted = true;
    session->failed = ending->result != MTASTS_RESULT_SUCCESS;
  }
  return ended;
}
