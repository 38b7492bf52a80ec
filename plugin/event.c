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
  else if (mtasts_span_equal(key, MTASTS_SPAN("sni")))
    event->handshake = word.len > 0;
  else if (mtasts_span_equal(key, MTASTS_SPAN("tlsa")))
    event->usable = word.len > 0 && !mtasts_span_equal(word, MTASTS_SPAN("0"));
  else if (mtasts_span_equal(key, MTASTS_SPAN("self")))
    event->self_signed = mtasts_span_equal(word, MTASTS_SPAN("yes"));
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

/* A session that mtasts_cert began has no address yet. */
static bool is_same(const struct mtasts_smtp_session *session, const struct mtasts_event *event) {
  return is_kept(session->host, sizeof session->host, event->host) &&
         (!session->address[0] ||
          is_kept(session->address, sizeof session->address, event->address));
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
  /* Exim raises smtp:ehlo for a refusal of EHLO, too, and goes on with HELO. */
  if (name.len < 4 || name.data[0] != '2')
    return;
  mtasts_span_drop(&name, 4);
  while (len < name.len && mtasts_is_visible(name.data[len]))
    len++;
  keep(session->helo, sizeof session->helo, (struct mtasts_span){name.data, len});
}

static void begin(struct mtasts_smtp_session *session, struct mtasts_span host) {
  *session = (struct mtasts_smtp_session){.counted = false};
  keep(session->host, sizeof session->host, host);
}

bool mtasts_smtp_session_follow(struct mtasts_smtp_session *session,
                                const struct mtasts_event *event) {
  if (event->host.len == 0 || event->name == MTASTS_EVENT_OTHER)
    return false;
  bool again = event->name == MTASTS_EVENT_CONNECT && !session->retried;
  if (again || !is_same(session, event))
    begin(session, event->host);
  keep(session->address, sizeof session->address, event->address);
  if (event->name == MTASTS_EVENT_CONNECT) {
    session->connected = true;
    session->retried = false;
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
                                     struct mtasts_span names, enum mtasts_result_type seen) {
  if (!is_kept(session->host, sizeof session->host, host))
    begin(session, host); /* the connection is another process's */
  session->presented = true;
  session->nameless = names.len == 0;
  session->certificate = seen;
}

static bool says(struct mtasts_span text, const char *words) {
  return text.len > 0 && memmem(text.data, text.len, words, strlen(words)) != NULL;
}

/* Does DANE judge this session: has the host secure TLSA records that the sender can use, or does
 * the domain require them? If TLSA records exist and none is usable, TLS is required, and that is
 * DANE's rule too (RFC 7672 section 2.2). */
static bool is_danes(const struct mtasts_smtp_session *session, const struct mtasts_event *event,
                     const struct mtasts_domain_decision *decided) {
  enum mtasts_verdict verdict = mtasts_domain_decision_verdict(decided);
  return event->usable || verdict == MTASTS_VERDICT_DANE || verdict == MTASTS_VERDICT_ENCRYPT ||
         mtasts_domain_decision_dane(decided, mtasts_smtp_session_mx(session)) ==
             MTASTS_DANE_USABLE;
}

/* Exim's text without the words that it puts before each of them. */
static struct mtasts_span without_prefix(struct mtasts_span text) {
  static const char prefix[] = "TLS session: ";
  if (text.len >= sizeof prefix - 1 && memcmp(text.data, prefix, sizeof prefix - 1) == 0)
    mtasts_span_drop(&text, sizeof prefix - 1);
  return text;
}

/* The RFC 8460 reason of a certificate's fault. */
static struct mtasts_span reason_of(const struct mtasts_smtp_session *session,
                                    const struct mtasts_event *event,
                                    enum mtasts_result_type result) {
  if (result == MTASTS_RESULT_HOST_MISMATCH && session->presented && session->nameless)
    return MTASTS_SPAN("no DNS name in subjectAltName");
  if (result == MTASTS_RESULT_NOT_TRUSTED && says(event->data, "revoked"))
    return MTASTS_SPAN("certificate revoked");
  if (result == MTASTS_RESULT_NOT_TRUSTED)
    return event->self_signed ? MTASTS_SPAN("self-signed certificate")
                              : MTASTS_SPAN("issuer not trusted");
  return MTASTS_SPAN("");
}

/* The result of a failed handshake. GnuTLS reports a self-signed or expired certificate only as
 * "certificate invalid", and a wrong name only as a failed verification. */
static enum mtasts_result_type of_handshake(const struct mtasts_smtp_session *session,
                                            struct mtasts_span text) {
  if (session->certificate != MTASTS_RESULT_SUCCESS)
    return session->certificate;
  if (says(text, "has expired"))
    return MTASTS_RESULT_EXPIRED;
  if (says(text, "certificate invalid") || says(text, "certificate verify failed") ||
      says(text, "certificate revoked"))
    return MTASTS_RESULT_NOT_TRUSTED;
  if (says(text, "certificate verification failed"))
    return MTASTS_RESULT_HOST_MISMATCH;
  return MTASTS_RESULT_VALIDATION;
}

/* A failed handshake where DANE judges. TLSA records that no certificate matches are RFC 8460's
 * tlsa-invalid (section 4.3.2.1). If one matches (DANE-TA) and the name does not, GnuTLS does not
 * speak of a failed verification by DANE. What failed before a certificate came has no type of its
 * own. */
static void of_dane_handshake(struct mtasts_span text, struct mtasts_smtp_session_ending *ending) {
  bool certificate = says(text, "(certificate verification failed)");
  if (says(text, "TLSA record problem")) {
    ending->result = MTASTS_RESULT_TLSA_INVALID;
    ending->reason = without_prefix(text);
  } else if (certificate && !says(text, "Verification failed.")) {
    ending->result = MTASTS_RESULT_HOST_MISMATCH;
  } else if (certificate || says(text, "certificate verify failed")) {
    ending->result = MTASTS_RESULT_TLSA_INVALID;
    ending->reason = MTASTS_SPAN("certificate matches no TLSA record");
  } else {
    ending->result = MTASTS_RESULT_VALIDATION;
    ending->reason = without_prefix(text);
  }
}

/* A session without STARTTLS: the result, and whether it was not offered or refused. */
static void no_starttls(const struct mtasts_smtp_session *session,
                        struct mtasts_smtp_session_ending *ending) {
  ending->result = MTASTS_RESULT_NO_STARTTLS;
  ending->reason = session->offered   ? MTASTS_SPAN("STARTTLS refused")
                   : session->greeted ? MTASTS_SPAN("STARTTLS not offered")
                                      : MTASTS_SPAN("");
}

/* A deferral because of TLS. False: for any other cause. */
static bool of_deferral(const struct mtasts_smtp_session *session, const struct mtasts_event *event,
                        const struct mtasts_domain_decision *decided,
                        struct mtasts_smtp_session_ending *ending) {
  ending->dane =
      session->dane_failed || mtasts_domain_decision_verdict(decided) == MTASTS_VERDICT_ENCRYPT;
  if (event->error == ERROR_TLS_REQUIRED) {
    no_starttls(session, ending); /* not offered, or refused for good */
  } else if (event->error == ERROR_TLS_FAILURE && session->dane_failed) {
    of_dane_handshake(event->data, ending);
  } else if (event->error == ERROR_TLS_FAILURE) {
    ending->result = of_handshake(session, event->data);
    ending->reason = ending->result == MTASTS_RESULT_VALIDATION
                         ? without_prefix(event->data)
                         : reason_of(session, event, ending->result);
  } else if (session->offered && says(event->data, "after STARTTLS: 4")) {
    no_starttls(session, ending); /* Exim has no error number for it */
  } else if (session->offered && says(event->data, "STARTTLS")) {
    ending->result = MTASTS_RESULT_VALIDATION; /* no reply: closed, or too late */
    ending->reason = MTASTS_SPAN("no reply to STARTTLS");
  }
  return ending->result != MTASTS_RESULT_SUCCESS;
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
    .reason = {"mtasts-policy-mx-mismatch", sizeof "mtasts-policy-mx-mismatch" - 1},
};

static const char dane_rule[] = "DANE: TLS as the TLSA records say (RFC 7672 section 2.2)";

const struct mtasts_smtp_session_ending mtasts_smtp_session_ending_bogus = {
    .result = MTASTS_RESULT_DNSSEC_INVALID,
    .dane = true,
    .rule = dane_rule,
    .reason = {"DNSSEC validation failed", sizeof "DNSSEC validation failed" - 1},
};

/* A close with TLS, where a policy judges it. */
static void judge(const struct mtasts_smtp_session *session, const struct mtasts_event *event,
                  const struct mtasts_domain_decision *decided,
                  struct mtasts_smtp_session_ending *ending) {
  /* Exim accepts a certificate's CN as a name; mtasts_cert does not. */
  bool good =
      event->verified && (session->certificate == MTASTS_RESULT_SUCCESS || insists(decided));
  if (good && !mtasts_decision_lists(&decided->decision, mtasts_smtp_session_mx(session))) {
    *ending = mtasts_smtp_session_ending_unlisted;
  } else if (!good) {
    /* If name and date are right and Exim could not verify the certificate, its issuer is not
     * trusted. */
    ending->result = session->certificate != MTASTS_RESULT_SUCCESS ? session->certificate
                     : session->presented                          ? MTASTS_RESULT_NOT_TRUSTED
                                                                   : MTASTS_RESULT_VALIDATION;
    ending->reason = reason_of(session, event, ending->result);
  }
}

static bool of_close(const struct mtasts_smtp_session *session, const struct mtasts_event *event,
                     const struct mtasts_domain_decision *decided,
                     struct mtasts_smtp_session_ending *ending) {
  enum mtasts_verdict verdict = decided->decision.verdict;
  bool encrypt = mtasts_domain_decision_verdict(decided) == MTASTS_VERDICT_ENCRYPT;
  ending->dane = event->tls && (event->dane || encrypt);
  if (ending->dane)
    return true;
  if (event->tls) {
    bool judged = verdict == MTASTS_VERDICT_ENFORCE || verdict == MTASTS_VERDICT_TESTING;
    if (insists(decided) && !event->verified)
      return false; /* msg:host:defer says more */
    if (judged)
      judge(session, event, decided, ending);
    return true;
  }
  /* If Exim requires TLS, or the handshake failed, msg:host:defer says more of the failure. A
   * connection without a greeting is no session. */
  if (insists(decided) || session->dane_failed || event->handshake ||
      (session->connected && !session->greeted))
    return false;
  no_starttls(session, ending);
  return true;
}

/* dane:fail. Exim raises it also for TLSA records of which it can use none. Then the policy judges
 * the session, and msg:host:defer says how. True: no event says more. */
static bool of_dane(struct mtasts_smtp_session *session, const struct mtasts_event *event,
                    const struct mtasts_domain_decision *decided,
                    struct mtasts_smtp_session_ending *ending) {
  enum mtasts_dane state = mtasts_domain_decision_dane(decided, mtasts_smtp_session_mx(session));
  ending->dane = true;
  if (says(event->data, "dnssec-invalid")) {
    ending->result = MTASTS_RESULT_DNSSEC_INVALID;
    ending->reason = MTASTS_SPAN("TLSA records cannot be looked up");
    return true;
  }
  if (says(event->data, "dane-required")) {
    /* mtastsd has seen records that Exim does not find: those of an alias (RFC 7672 section 2.2.2).
     */
    ending->ours = state == MTASTS_DANE_USABLE;
    ending->result =
        state == MTASTS_DANE_UNUSABLE ? MTASTS_RESULT_TLSA_INVALID : MTASTS_RESULT_DANE_REQUIRED;
    ending->reason = state == MTASTS_DANE_UNUSABLE ? MTASTS_SPAN("no usable TLSA record")
                                                   : MTASTS_SPAN("no secure TLSA record");
    return true;
  }
  session->dane_failed = is_danes(session, event, decided);
  return false;
}

bool mtasts_smtp_session_end(struct mtasts_smtp_session *session, const struct mtasts_event *event,
                             const struct mtasts_domain_decision *decided,
                             struct mtasts_smtp_session_ending *ending) {
  bool ended = false;
  *ending = (struct mtasts_smtp_session_ending){
      .result = MTASTS_RESULT_SUCCESS,
      .rule = "enforce: STARTTLS with a valid certificate (RFC 8461 section 4.2)",
      .reason = {"", 0},
  };
  if (event->name == MTASTS_EVENT_DANE_FAIL) {
    ended = of_dane(session, event, decided, ending);
  } else if (event->name == MTASTS_EVENT_HOST_DEFER) {
    ended = of_deferral(session, event, decided, ending);
    session->retried = event->error == ERROR_TLS_FAILURE && !insists(decided);
  } else if (event->name == MTASTS_EVENT_CLOSE) {
    ended = of_close(session, event, decided, ending);
  }
  if (ending->dane)
    ending->rule = dane_rule;
  session->counted = session->counted || ended;
  return ended;
}
