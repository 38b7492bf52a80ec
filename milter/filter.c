#include "filter.h"

#include <libmilter/mfapi.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "ascii.h"
#include "ask.h"
#include "clock.h"
#include "daemon_query.h"
#include "field.h"
#include "idn.h"
#include "message_format.h"
#include "outbound.h"
#include "recipients.h"

enum {
  LINE_SIZE = 1800,
  HEADER_SIZE = 700,
  REPLY_SIZE = 900, /* bytes; a line of SMTP has 1000 */
  FROM_SIZE = 320,

  /* Fields that an MTA may scan for each field that may be removed. A message's limit is
   * header_limit times this number. */
  FIELDS_EACH = 10000,
};

/* The replies that the MTA may agree not to wait for; `session_new` stores which. */
#define NO_REPLIES (SMFIP_NR_CONN | SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_HDR)
#define NO_STEPS   (SMFIP_NOHELO | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN | SMFIP_NODATA)

struct message {
  struct mtasts_snapshot *snapshot;
  bool outbound;
  bool requiretls; /* a parameter of MAIL: RFC 8689 section 3 */
  char from[FROM_SIZE];
  struct mtasts_recipients recipients;
  unsigned fields;      /* header fields, */
  unsigned forged;      /* number of fields with our own name */
  unsigned tls_fields;  /* TLS-Required header fields, */
  unsigned tls_refused; /* number of those that say No */
};

struct session {
  unsigned long no_replies; /* bits of NO_REPLIES */
  struct mtasts_smtp_client client;
  struct message *message; /* NULL: none under way */
};

static struct {
  pthread_mutex_t lock; /* of snapshot */
  struct mtasts_snapshot *snapshot;
  struct mtasts_daemon_query daemon_query;
  atomic_uint busy;
  atomic_ullong messages, outbound, at_risk, held;
} filter = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .daemon_query.kept.lock = PTHREAD_MUTEX_INITIALIZER,
};

/* Configuration */

static struct mtasts_snapshot *ref_snapshot(void) {
  pthread_mutex_lock(&filter.lock);
  struct mtasts_snapshot *held = mtasts_snapshot_ref(filter.snapshot);
  pthread_mutex_unlock(&filter.lock);
  return held;
}

void mtasts_filter_configure(struct mtasts_snapshot *snapshot) {
  pthread_mutex_lock(&filter.lock);
  struct mtasts_snapshot *old = filter.snapshot;
  filter.snapshot = snapshot;
  pthread_mutex_unlock(&filter.lock);
  mtasts_snapshot_unref(old);
}

static const struct mtasts_config *config_of(const struct message *message) {
  return message->snapshot->config;
}

/* Sessions and messages */

static void message_free(struct message *message) {
  if (!message)
    return;
  mtasts_recipients_clear(&message->recipients);
  mtasts_snapshot_unref(message->snapshot);
  free(message);
  atomic_fetch_sub(&filter.busy, 1);
}

static void end_message(struct session *session) {
  message_free(session->message);
  session->message = NULL;
}

static struct message *message_new(void) {
  struct message *message = calloc(1, sizeof *message);
  if (!message)
    return NULL;
  message->snapshot = ref_snapshot();
  atomic_fetch_add(&filter.busy, 1);
  return message;
}

static struct session *session_of(SMFICTX *context) {
  return smfi_getpriv(context);
}

/* Makes the session at the first callback: an old MTA does not negotiate. NULL: no memory. */
static struct session *session_get(SMFICTX *context) {
  struct session *session = session_of(context);
  if (session)
    return session;
  session = calloc(1, sizeof *session);
  if (session && smfi_setpriv(context, session) != MI_SUCCESS) {
    free(session);
    return NULL;
  }
  return session;
}

/* The return value of a callback that does not act. */
static sfsistat go_on(const struct session *session, unsigned long no_reply) {
  return session && (session->no_replies & no_reply) ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

/* name: with {braces}, as in the MTA's configuration. */
static const char *macro(SMFICTX *context, const char *name) {
  char copy[32];
  snprintf(copy, sizeof copy, "%s", name); /* libmilter's argument is not const */
  const char *value = smfi_getsymval(context, copy);
  return value ? value : "";
}

/* Callbacks that do not act */

static sfsistat on_negotiate(SMFICTX *context, unsigned long actions, unsigned long steps,
                             unsigned long reserved2, unsigned long reserved3,
                             unsigned long *my_actions, unsigned long *my_steps,
                             unsigned long *my_reserved2, unsigned long *my_reserved3) {
  static const unsigned long wanted = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE;
  static const struct {
    int stage;
    const char *macros;
  } lists[] = {
      {SMFIM_ENVFROM, "i {auth_authen}"},
      {SMFIM_ENVRCPT, "{rcpt_mailer}"},
      {SMFIM_EOM, "i"},
  };
  (void)reserved2;
  (void)reserved3;
  struct session *session = session_get(context);
  if (!session)
    return SMFIS_REJECT;
  session->no_replies = steps & NO_REPLIES;
  *my_actions = actions & wanted;
  *my_steps = steps & (NO_STEPS | NO_REPLIES);
  *my_reserved2 = *my_reserved3 = 0;
  if (actions & SMFIF_SETSYMLIST)
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
      char copy[32];
      snprintf(copy, sizeof copy, "%s", lists[i].macros);
      smfi_setsymlist(context, lists[i].stage, copy);
    }
  return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *context, char *host, _SOCK_ADDR *address) {
  (void)host;
  struct session *session = session_get(context);
  if (!session)
    return SMFIS_TEMPFAIL;
  session->client = mtasts_smtp_client_of((const struct sockaddr *)address);
  return go_on(session, SMFIP_NR_CONN);
}

static bool has_parameter(char **parameters, const char *name) {
  for (; *parameters; parameters++)
    if (mtasts_span_equal_nocase(mtasts_span_of(*parameters), mtasts_span_of(name)))
      return true;
  return false;
}

static sfsistat on_mail(SMFICTX *context, char **arguments) {
  struct session *session = session_get(context);
  if (!session)
    return SMFIS_TEMPFAIL;
  end_message(session);
  struct message *message = session->message = message_new();
  if (!message)
    return SMFIS_TEMPFAIL;
  bool authenticated = *macro(context, "{auth_authen}") != '\0';
  message->outbound = mtasts_smtp_client_sends(&session->client, authenticated, config_of(message));
  message->requiretls = has_parameter(arguments + 1, "requiretls");
  /* Postfix gives the brackets of the path for mail that came by SMTP, but not for other mail. */
  snprintf(message->from, sizeof message->from, *arguments[0] == '<' ? "%s" : "<%s>", arguments[0]);
  return go_on(session, SMFIP_NR_MAIL);
}

static sfsistat on_recipient(SMFICTX *context, char **arguments) {
  struct session *session = session_of(context);
  struct message *message = session ? session->message : NULL;
  if (message && message->outbound) {
    const struct mtasts_config *config = config_of(message);
    bool stays = mtasts_mailer_is_local(macro(context, "{rcpt_mailer}"), config);
    mtasts_recipients_add(&message->recipients, mtasts_span_of(arguments[0]), stays,
                          &config->milter.local_domains);
  }
  return go_on(session, SMFIP_NR_RCPT);
}

static sfsistat on_header(SMFICTX *context, char *field, char *value) {
  struct session *session = session_of(context);
  struct message *message = session ? session->message : NULL;
  if (message)
    message->fields++;
  if (message && mtasts_field_is(field, config_of(message)->milter.header)) {
    message->forged++;
  } else if (message && mtasts_field_is(field, "TLS-Required")) {
    message->tls_fields++;
    message->tls_refused += mtasts_field_says_no(mtasts_span_of(value));
  }
  return go_on(session, SMFIP_NR_HDR);
}

/* The end of a message */

/* RFC 8689 section 4.1 allows one such field, so several count as none. REQUIRETLS takes precedence
 * over it (section 5). */
static bool is_tls_not_required(const struct message *message) {
  return message->tls_fields == 1 && message->tls_refused == 1 && !message->requiretls;
}

/*
 * Are there more forged fields than may be removed? For each field that is removed, Postfix scans
 * all fields of the message. For 10,000 fields of our name that took five seconds of processor
 * time; for one field after a million others, a tenth of a second.
 */
static bool is_over_limit(const struct message *message) {
  uint64_t limit = config_of(message)->milter.header_limit;
  return message->forged > limit ||
         (uint64_t)message->forged * message->fields > limit * FIELDS_EACH;
}

/* Starts with the last one, since the others then keep their numbers. */
static void remove_forged(SMFICTX *context, const struct message *message) {
  char name[80];
  snprintf(name, sizeof name, "%s", config_of(message)->milter.header);
  for (unsigned i = message->forged; i > 0; i--)
    smfi_chgheader(context, name, (int)i, NULL);
}

static enum mtasts_action action_of(enum mtasts_at_risk setting) {
  switch (setting) {
  case MTASTS_AT_RISK_ACCEPT:
    break;
  case MTASTS_AT_RISK_QUARANTINE:
    return MTASTS_ACTION_QUARANTINE;
  case MTASTS_AT_RISK_TEMPFAIL:
    return MTASTS_ACTION_TEMPFAIL;
  case MTASTS_AT_RISK_REJECT:
    return MTASTS_ACTION_REJECT;
  }
  return MTASTS_ACTION_ACCEPT;
}

static enum mtasts_action action_for(const struct mtasts_assessment *assessment,
                                     const struct message *message) {
  bool spared = assessment->monitor || is_tls_not_required(message);
  if (assessment->wait && !spared)
    return MTASTS_ACTION_TEMPFAIL;
  if (!assessment->at_risk)
    return MTASTS_ACTION_NONE;
  if (spared)
    return MTASTS_ACTION_ACCEPT;
  enum mtasts_action action = action_of(config_of(message)->milter.on_at_risk);
  return action == MTASTS_ACTION_REJECT && !assessment->certain ? MTASTS_ACTION_TEMPFAIL : action;
}

/* The verdicts for all of a message's domains. */
struct verdicts {
  struct mtasts_span *domains;
  struct mtasts_assessment *assessments;
  size_t count;
  long milliseconds;
};

/* RFC 8461 section 3.4: mail for a smart host goes by the smart host's own policy. */
static void use_relayhost(struct mtasts_recipients *recipients, const char *relayhost) {
  struct mtasts_domain relay;
  if (*relayhost == '\0' || recipients->count == 0)
    return;
  bool local = recipients->local;
  bool cut = recipients->cut;
  struct mtasts_span hop = mtasts_span_of(relayhost);
  if (mtasts_domain_from_text(hop, &relay) == MTASTS_OK)
    hop = (struct mtasts_span){relay.name, relay.len};
  mtasts_recipients_clear(recipients);
  mtasts_recipients_add_domain(recipients, hop);
  recipients->local = local;
  recipients->cut = cut;
}

/* False: no memory, which was logged. */
static bool look_up(struct message *message, struct verdicts *verdicts) {
  const struct mtasts_config *config = config_of(message);
  int64_t began = mtasts_clock_ms();
  int64_t deadline = began + config->ask.deadline + MTASTS_ASK_GRACE;
  use_relayhost(&message->recipients, config->milter.relayhost);
  verdicts->domains = mtasts_recipients_domains(&message->recipients, &verdicts->count);
  verdicts->assessments =
      verdicts->domains ? calloc(verdicts->count, sizeof *verdicts->assessments) : NULL;
  if (!verdicts->assessments) {
    if (verdicts->count > 0)
      mtasts_log(MTASTS_LOG_ERROR, "out of memory: a message is accepted unchecked");
    verdicts->count = 0;
    return false;
  }
  mtasts_daemon_query_ask(&filter.daemon_query, config, verdicts->domains, verdicts->count,
                          deadline, verdicts->assessments);
  bool acts = config->milter.on_at_risk != MTASTS_AT_RISK_ACCEPT && !is_tls_not_required(message) &&
              config->site_mode == MTASTS_SITE_ENFORCE;
  if (acts)
    mtasts_daemon_query_recheck(&filter.daemon_query, config, verdicts->domains, verdicts->count,
                                deadline, verdicts->assessments);
  verdicts->milliseconds = (long)(mtasts_clock_ms() - began);
  return true;
}

static struct mtasts_envelope envelope_of(SMFICTX *context, const struct message *message) {
  return (struct mtasts_envelope){
      .queue_id = mtasts_span_of(macro(context, "i")),
      .from = mtasts_span_of(message->from),
      .tls_not_required = is_tls_not_required(message),
  };
}

/* Logs each domain. Returns the assessment that the sender's reply is about, or NULL. */
static const struct mtasts_assessment *log_all(SMFICTX *context, const struct message *message,
                                               const struct verdicts *verdicts,
                                               enum mtasts_action *action) {
  const struct mtasts_assessment *worst = NULL;
  struct mtasts_envelope envelope = envelope_of(context, message);
  envelope.milliseconds = verdicts->milliseconds;
  *action = MTASTS_ACTION_NONE;
  for (size_t i = 0; i < verdicts->count; i++) {
    char line[LINE_SIZE];
    struct mtasts_strbuf text = MTASTS_STRBUF(line);
    const struct mtasts_assessment *assessment = &verdicts->assessments[i];
    enum mtasts_action wanted = action_for(assessment, message);
    mtasts_message_format_line(&envelope, assessment, wanted, &text);
    mtasts_log(MTASTS_LOG_INFO, "%s", line);
    atomic_fetch_add(&filter.at_risk, assessment->at_risk);
    if (wanted > *action) {
      *action = wanted;
      worst = assessment;
    }
  }
  return worst;
}

static void add_header(SMFICTX *context, const struct message *message,
                       const struct verdicts *verdicts) {
  char value[HEADER_SIZE];
  char name[80];
  struct mtasts_strbuf text = MTASTS_STRBUF(value);
  const struct mtasts_config *config = config_of(message);
  size_t decided = message->recipients.cut ? 0 : verdicts->count;
  if (!mtasts_message_format_header(config->milter.header_scope, verdicts->assessments, decided,
                                    !message->recipients.local, is_tls_not_required(message),
                                    &text))
    return;
  snprintf(name, sizeof name, "%s", config->milter.header);
  smfi_addheader(context, name, value);
}

/* SMTP has one reply at the end of a message: it counts for all recipients. */
static sfsistat act(SMFICTX *context, enum mtasts_action action, char *reply) {
  if (action <= MTASTS_ACTION_ACCEPT)
    return SMFIS_CONTINUE;
  atomic_fetch_add(&filter.held, 1);
  if (action == MTASTS_ACTION_QUARANTINE)
    /* If the MTA cannot quarantine, the message must not be delivered. */
    return smfi_quarantine(context, reply) == MI_SUCCESS ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
  bool reject = action == MTASTS_ACTION_REJECT;
  char code[] = "451", extended[] = "4.7.1";
  if (reject)
    code[0] = extended[0] = '5', code[1] = '5', code[2] = '0';
  smfi_setreply(context, code, extended, reply);
  return reject ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

/* A forged field would be worse than none, so by default the message is refused. */
static sfsistat act_on_header_limit(SMFICTX *context, const struct message *message) {
  char line[LINE_SIZE];
  char reply[REPLY_SIZE];
  struct mtasts_strbuf line_text = MTASTS_STRBUF(line);
  struct mtasts_strbuf reply_text = MTASTS_STRBUF(reply);
  const struct mtasts_config *config = config_of(message);
  const struct mtasts_envelope envelope = envelope_of(context, message);
  const struct mtasts_forgery forgery = {config->milter.header, message->forged, message->fields,
                                         config->milter.header_limit};
  enum mtasts_action action = action_of(config->milter.on_header_limit);
  mtasts_message_format_forgery_line(&envelope, &forgery, action, &line_text);
  mtasts_log(MTASTS_LOG_WARNING, "%s", line);
  mtasts_message_format_forgery_reply(&forgery, &reply_text);
  return act(context, action, reply);
}

/* Acts on the decisions for the message's domains. flagged: the message may get our header field.
 */
static sfsistat act_on_domains(SMFICTX *context, struct message *message, bool flagged) {
  struct verdicts verdicts = {.domains = NULL};
  char reply[REPLY_SIZE];
  struct mtasts_strbuf text = MTASTS_STRBUF(reply);
  enum mtasts_action action;
  sfsistat result = SMFIS_CONTINUE;
  if (look_up(message, &verdicts)) {
    atomic_fetch_add(&filter.outbound, 1);
    const struct mtasts_assessment *worst = log_all(context, message, &verdicts, &action);
    if (worst) {
      mtasts_message_format_reply(worst, action, &text);
      result = act(context, action, reply);
    }
    if (result == SMFIS_CONTINUE && flagged)
      add_header(context, message, &verdicts);
  }
  free(verdicts.domains);
  free(verdicts.assessments);
  return result;
}

static sfsistat on_end(SMFICTX *context) {
  struct session *session = session_of(context);
  struct message *message = session ? session->message : NULL;
  sfsistat result = SMFIS_CONTINUE;
  if (!message)
    return SMFIS_CONTINUE;
  atomic_fetch_add(&filter.messages, 1);
  bool over_limit = is_over_limit(message);
  if (over_limit)
    result = act_on_header_limit(context, message);
  else
    remove_forged(context, message);
  if (message->outbound && result == SMFIS_CONTINUE)
    result = act_on_domains(context, message, !over_limit);
  end_message(session);
  return result;
}

static sfsistat on_abort(SMFICTX *context) {
  struct session *session = session_of(context);
  if (session)
    end_message(session);
  return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *context) {
  struct session *session = session_of(context);
  if (!session)
    return SMFIS_CONTINUE;
  end_message(session);
  smfi_setpriv(context, NULL);
  free(session);
  return SMFIS_CONTINUE;
}

/* Registration */

bool mtasts_filter_begin(struct mtasts_snapshot *snapshot) {
  static char name[] = "mtasts";
  const struct smfiDesc description = {
      .xxfi_name = name,
      .xxfi_version = SMFI_VERSION,
      .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE,
      .xxfi_connect = on_connect,
      .xxfi_envfrom = on_mail,
      .xxfi_envrcpt = on_recipient,
      .xxfi_header = on_header,
      .xxfi_eom = on_end,
      .xxfi_abort = on_abort,
      .xxfi_close = on_close,
      .xxfi_negotiate = on_negotiate,
  };
  mtasts_filter_configure(snapshot);
  return smfi_register(description) == MI_SUCCESS;
}

unsigned mtasts_filter_busy(void) {
  return atomic_load(&filter.busy);
}

void mtasts_filter_counts(char *out, size_t size) {
  snprintf(out, size, "messages=%llu outbound=%llu at_risk=%llu held=%llu",
           (unsigned long long)atomic_load(&filter.messages),
           (unsigned long long)atomic_load(&filter.outbound),
           (unsigned long long)atomic_load(&filter.at_risk),
           (unsigned long long)atomic_load(&filter.held));
}
