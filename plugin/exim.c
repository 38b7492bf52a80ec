#include "exim.h"

#include <errno.h>
#include <local_scan.h>
#include <time.h>

#include "ascii.h"
#include "host.h"
#include "names.h"
#include "source.h"
#include "tell.h"
#include "words.h"

enum {
  ARGUMENTS_MAX = 7,
};

static const char too_many[] = "MTA-STS: more than seven arguments; remedy: see exim-mtasts(8)";

/* The SMTP session that this process, one of Exim's deliveries, has under way. */
static struct mtasts_session session;

struct arguments {
  bool refused; /* too many: all are empty */
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
  *yield = mtasts_host_string(text, tainted);
  return OK;
}

static int give_constant(uschar **yield, const char *text) {
  return give(yield, (struct mtasts_span){text, strlen(text)}, false);
}

static int give_text(uschar **yield, const struct mtasts_text *text, bool tainted) {
  return give(yield, (struct mtasts_span){text->data, text->len}, tainted);
}

int mtasts_policy(uschar **yield, int argc, uschar **argv) {
  static char words[MTASTS_WORDS_MAX];
  struct mtasts_text text = MTASTS_TEXT(words);
  struct arguments taken = take(argc, argv);
  struct mtasts_span first;
  if (taken.refused)
    return give_constant(yield, "mode=tempfail id=\"\" expires=\"\" ignore=\"\" reason=\"MTA-STS: "
                                "more than seven arguments; remedy: see exim-mtasts(8)\"");
  const struct mtasts_known *known = mtasts_source_get(taken.at[0]);
  mtasts_words_policy(known, taken.at[1], &text);
  bool mismatch = mtasts_words_mismatch(known, taken.at[1], &first);
  /* Only a reason has bytes of a message, which name the domain; all else is rebuilt from a parsed
   * policy, and Exim wants its lists untainted. */
  bool tainted = mtasts_known_verdict(known) == MTASTS_VERDICT_DEFER || mismatch;
  give_text(yield, &text, tainted);
  if (mismatch)
    mtasts_tell_mismatch(known, taken.at[1], first);
  return OK;
}

/* RFC 8460 tells an expired certificate from one that is not trusted; Exim's error does not. */
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
  struct mtasts_text reason = MTASTS_TEXT(words);
  struct arguments taken = take(argc, argv);
  if (taken.refused)
    return give_constant(yield, too_many);
  const struct mtasts_span *names = &taken.at[1];
  const struct mtasts_span *host = &taken.at[2];
  const struct mtasts_known *known = mtasts_source_get(taken.at[0]);
  enum mtasts_result seen = !mtasts_names_cover(*names, *host) ? MTASTS_RESULT_HOST_MISMATCH
                            : has_expired(taken.at[3])         ? MTASTS_RESULT_EXPIRED
                                                               : MTASTS_RESULT_SUCCESS;
  mtasts_session_certificate(&session, *host, seen);
  mtasts_names_judge(known, *names, *host, &reason);
  return give_text(yield, &reason, true);
}

int mtasts_event(uschar **yield, int argc, uschar **argv) {
  int error = errno; /* Exim has its own in there, and looks at it behind dane:fail */
  struct arguments taken = take(argc, argv);
  struct mtasts_ending ending;
  struct mtasts_event event =
      mtasts_event_read(taken.at[0], taken.at[2], taken.at[3], taken.at[4], taken.at[5]);
  if (mtasts_session_follow(&session, &event)) {
    const struct mtasts_known *known = mtasts_source_get(taken.at[1]);
    if (mtasts_session_end(&session, &event, known, &ending))
      mtasts_tell(&(struct mtasts_told){known, &session, ending, event.data, event.sender});
  }
  errno = error;
  return give_constant(yield, "");
}

int mtasts_mode(uschar **yield, int argc, uschar **argv) {
  struct arguments taken = take(argc, argv);
  if (taken.refused)
    return give_constant(yield, mtasts_verdict_name(MTASTS_VERDICT_DEFER));
  const struct mtasts_known *known = mtasts_source_get(taken.at[0]);
  enum mtasts_verdict verdict = known->decision.verdict;
  if (verdict != MTASTS_VERDICT_UNKNOWN)
    verdict = mtasts_known_verdict(known);
  return give_constant(yield, mtasts_verdict_name(verdict));
}

int mtasts_mx_ok(uschar **yield, int argc, uschar **argv) {
  struct arguments taken = take(argc, argv);
  bool allowed = !taken.refused && mtasts_known_allows(mtasts_source_get(taken.at[0]), taken.at[1]);
  return give_constant(yield, allowed ? "yes" : "no");
}

int mtasts_version(uschar **yield, int argc, uschar **argv) {
  (void)argc;
  (void)argv;
  return give_constant(yield, MTASTS_VERSION);
}
