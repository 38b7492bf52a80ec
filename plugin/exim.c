#include "exim.h"

#include <errno.h>
#include <local_scan.h>
#include <time.h>

#include "ascii.h"
#include "cert_names.h"
#include "domain_query.h"
#include "exim_api.h"
#include "mx_name.h"
#include "outcome_send.h"
#include "policy_format.h"

enum {
  ARGUMENTS_MAX = 7,
};

static const char too_many[] = "MTA-STS: more than seven arguments; remedy: see exim-mtasts(8)";

/* The session in progress in this process, one of Exim's deliveries. */
static struct mtasts_smtp_session session;

struct arguments {
  bool refused; /* too many arguments: all are empty */
  struct mtasts_span at[ARGUMENTS_MAX];
};

static struct arguments take(int argc, uschar **argv) {
  struct arguments taken = {.refused = argc < 0 || argc > ARGUMENTS_MAX};
  for (int i = 0; i < ARGUMENTS_MAX; i++) {
    bool given = !taken.refused && i < argc && argv && argv[i];
    taken.at[i] = given ? (struct mtasts_span){CCS argv[i], strlen(CCS argv[i])}
                        : (struct mtasts_span){"", 0};
  }
  return taken;
}

static int give(uschar **yield, struct mtasts_span text, bool tainted) {
  *yield = mtasts_exim_api_string(text, tainted);
  return OK;
}

static int give_constant(uschar **yield, const char *text) {
  return give(yield, (struct mtasts_span){text, strlen(text)}, false);
}

static int give_text(uschar **yield, const struct mtasts_strbuf *text, bool tainted) {
  return give(yield, (struct mtasts_span){text->data, text->len}, tainted);
}

int mtasts_policy(uschar **yield, int argc, uschar **argv) {
  static char words[MTASTS_POLICY_FORMAT_MAX];
  struct mtasts_strbuf text = MTASTS_STRBUF(words);
  struct arguments taken = take(argc, argv);
  struct mtasts_span first;
  if (taken.refused)
    return give_constant(yield, "mode=tempfail id=\"\" expires=\"\" ignore=\"\" reason=\"MTA-STS: "
                                "more than seven arguments; remedy: see exim-mtasts(8)\"");
  const struct mtasts_domain_decision *decided = mtasts_domain_query_get(taken.at[0]);
  mtasts_policy_format_policy(decided, taken.at[1], &text);
  bool mismatch = mtasts_policy_format_mismatch(decided, taken.at[1], &first);
  /* Only a reason contains bytes of a message: those that name the domain. All else is rebuilt from
   * a parsed policy, and Exim requires untainted lists. */
  bool tainted = mtasts_domain_decision_verdict(decided) == MTASTS_VERDICT_DEFER || mismatch;
  give_text(yield, &text, tainted);
  if (mismatch)
    mtasts_outcome_send_mismatch(decided, taken.at[1], first);
  else
    mtasts_outcome_send_bogus(decided);
  return OK;
}

/* RFC 8460 distinguishes an expired certificate from an untrusted one; Exim's error does not. */
static bool has_expired(struct mtasts_span notafter) {
  int64_t when = 0;
  for (size_t i = 0; i < notafter.len; i++) {
    if (!mtasts_is_digit(notafter.data[i]) || i >= 15)
      return false;
    when = when * 10 + (notafter.data[i] - '0');
  }
  return notafter.len > 0 && when < (int64_t)time(NULL);
}

int mtasts_cert(uschar **yield, int argc, uschar **argv) {
  char words[4096];
  struct mtasts_strbuf reason = MTASTS_STRBUF(words);
  struct arguments taken = take(argc, argv);
  if (taken.refused)
    return give_constant(yield, too_many);
  const struct mtasts_span *names = &taken.at[1];
  const struct mtasts_span *host = &taken.at[2];
  const struct mtasts_domain_decision *decided = mtasts_domain_query_get(taken.at[0]);
  struct mtasts_span mx;
  bool sure = mtasts_mx_name(decided, *host, *names, &mx);
  enum mtasts_result_type seen = !mtasts_cert_names_cover(*names, mx) ? MTASTS_RESULT_HOST_MISMATCH
                                 : has_expired(taken.at[3])           ? MTASTS_RESULT_EXPIRED
                                                                      : MTASTS_RESULT_SUCCESS;
  mtasts_smtp_session_certificate(&session, *host, *names, seen);
  if (sure) {
    mtasts_smtp_session_is_mx(&session, mx);
    mtasts_cert_names_check(decided, *names, mx, &reason);
  } else
    mtasts_cert_names_unsure(decided, *host, &reason);
  return give_text(yield, &reason, true);
}

/* Finds the MX name of the session; without a policy it does not matter. False: it cannot be found,
 * because our DNS failed. Such a fault must not be reported as the domain's. */
static bool find_mx(const struct mtasts_domain_decision *decided,
                    const struct mtasts_event *event) {
  struct mtasts_span mx;
  enum mtasts_verdict verdict = decided->decision.verdict;
  if (session.mx[0] || verdict == MTASTS_VERDICT_NONE || verdict == MTASTS_VERDICT_UNKNOWN)
    return true;
  bool sure = mtasts_mx_name(decided, event->host, (struct mtasts_span){"", 0}, &mx);
  if (sure)
    mtasts_smtp_session_is_mx(&session, mx);
  return sure;
}

/* Exim refused the certificate's name, though it matches this MX name. So Exim required the name of
 * another MX record that leads to the same address. */
static void find_other(const struct mtasts_domain_decision *decided,
                       const struct mtasts_event *event,
                       const struct mtasts_smtp_session_ending *ending) {
  struct mtasts_span mx = mtasts_smtp_session_mx(&session);
  if (ending->result == MTASTS_RESULT_HOST_MISMATCH && session.presented &&
      session.certificate == MTASTS_RESULT_SUCCESS && mtasts_mx_other(decided, event->host, &mx))
    mtasts_smtp_session_is_mx(&session, mx);
}

int mtasts_event(uschar **yield, int argc, uschar **argv) {
  int error = errno; /* Exim reads its own errno after dane:fail */
  struct arguments taken = take(argc, argv);
  struct mtasts_smtp_session_ending ending;
  struct mtasts_event event =
      mtasts_event_read(taken.at[0], taken.at[2], taken.at[3], taken.at[4], taken.at[5]);
  if (mtasts_smtp_session_follow(&session, &event)) {
    const struct mtasts_domain_decision *decided = mtasts_domain_query_get(taken.at[1]);
    if (!find_mx(decided, &event))
      session.counted = true;
    else if (mtasts_smtp_session_end(&session, &event, decided, &ending)) {
      find_other(decided, &event, &ending);
      mtasts_outcome_send(&(struct mtasts_smtp_session_outcome){
          .decided = decided,
          .session = &session,
          .ending = ending,
          .detail = event.data,
          .sender = event.sender,
      });
    }
  }
  errno = error;
  return give_constant(yield, "");
}

int mtasts_mode(uschar **yield, int argc, uschar **argv) {
  struct arguments taken = take(argc, argv);
  if (taken.refused)
    return give_constant(yield, mtasts_verdict_name(MTASTS_VERDICT_DEFER));
  const struct mtasts_domain_decision *decided = mtasts_domain_query_get(taken.at[0]);
  enum mtasts_verdict verdict = decided->decision.verdict;
  if (verdict != MTASTS_VERDICT_UNKNOWN)
    verdict = mtasts_domain_decision_verdict(decided);
  return give_constant(yield, mtasts_verdict_name(verdict));
}

int mtasts_mx_ok(uschar **yield, int argc, uschar **argv) {
  struct arguments taken = take(argc, argv);
  bool allowed = !taken.refused &&
                 mtasts_domain_decision_allows(mtasts_domain_query_get(taken.at[0]), taken.at[1]);
  return give_constant(yield, allowed ? "yes" : "no");
}

/* The SNI is the MX name (RFC 8461 section 7.1). Only a policy requires that, so without one
 * nothing is looked up. */
int mtasts_mx(uschar **yield, int argc, uschar **argv) {
  struct arguments taken = take(argc, argv);
  const struct mtasts_span *host = &taken.at[1];
  struct mtasts_span mx = *host;
  if (host->len > 0) {
    const struct mtasts_domain_decision *decided = mtasts_domain_query_get(taken.at[0]);
    if (decided->decision.verdict == MTASTS_VERDICT_ENFORCE ||
        decided->decision.verdict == MTASTS_VERDICT_TESTING)
      mtasts_mx_name(decided, *host, (struct mtasts_span){"", 0}, &mx);
  }
  return give(yield, mx, true);
}

/* The names are rebuilt from parsed ones, like those of mtasts_policy: Exim requires untainted
 * lists. */
int mtasts_unlisted(uschar **yield, int argc, uschar **argv) {
  char buffer[MTASTS_UNLISTED_MAX] = "";
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  struct arguments taken = take(argc, argv);
  if (taken.refused || taken.at[0].len == 0)
    return give_constant(yield, "*");
  mtasts_mx_unlisted(mtasts_domain_query_get(taken.at[0]), &text);
  return give_text(yield, &text, false);
}

int mtasts_version(uschar **yield, int argc, uschar **argv) {
  (void)argc;
  (void)argv;
  return give_constant(yield, MTASTS_VERSION);
}

/* Yields an empty string, so that it may stand in any of Exim's options. */
int mtasts_preload(uschar **yield, int argc, uschar **argv) {
  (void)argc;
  (void)argv;
  mtasts_domain_query_preload();
  return give_constant(yield, "");
}
