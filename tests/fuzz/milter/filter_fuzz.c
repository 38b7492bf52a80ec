/*
 * The milter's callbacks, called as libmilter calls them, in any order and with any text: a line is
 * a call, its first letter says which, and the rest is its text. libmilter's side is here. What the
 * filter asks of the MTA must be what an MTA takes, must come at the end of a message alone, and
 * must leave no flag that the filter has not added itself.
 */
#include "filter.h"

#include <libmilter/mfapi.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "field.h"
#include "log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
  TEXT_MAX = 4096,
  CONFIGS = 4,
  FIELDS_EACH = 10000, /* as in milter/filter.c */
};

/* mtastsd does not answer, and nothing is cached: an override decides, or the verdict is unknown.
 */
#define COMMON                                                                                     \
  "ask { socket = \"/nonexistent/ask.sock\" }\ncache { directory = \"/nonexistent\" }\n"           \
  "override \"good.example\" { mode = \"enforce\" mx = {\"mx.good.example\"} }\n"
static const char *const texts[CONFIGS] = {
    COMMON,
    COMMON "milter { header_limit = 1 on_header_limit = \"accept\" header_scope = \"all\" }\n",
    COMMON "milter { header_limit = 2 on_header_limit = \"quarantine\" on_at_risk = \"reject\"\n"
           "networks = {\"192.0.2.0/24\"} relayhost = \"[good.example]:587\" }\n",
    COMMON "ask { socket = \"/nonexistent/ask.sock\" on_unknown = \"defer\" }\n"
           "milter { header = \"X-100%\" on_header_limit = \"tempfail\" }\n",
};

static struct smfiDesc calls; /* the filter's */
static struct mtasts_snapshot *snapshots[CONFIGS];

/* One session, as the MTA knows it. */
static struct {
  void *priv;
  unsigned long no_replies;
  bool open;      /* a message is under way */
  bool ending;    /* its end is being called */
  size_t config;  /* in force */
  size_t at_mail; /* in force when the message began */
  unsigned fields, forged, removed, added, replies;
  char macro[TEXT_MAX];
} mta;

static void require(bool truth) {
  if (!truth)
    abort();
}

static void check_text(const char *text, size_t most, const char *banned) {
  require(strlen(text) <= most);
  for (; *text; text++)
    require(*text >= ' ' && *text <= '~' && !strchr(banned, *text));
}

static const struct mtasts_config *config(void) {
  return snapshots[mta.at_mail]->config;
}

/* libmilter */

int smfi_register(struct smfiDesc description) {
  calls = description;
  return MI_SUCCESS;
}

void *smfi_getpriv(SMFICTX *context) {
  (void)context;
  return mta.priv;
}

int smfi_setpriv(SMFICTX *context, void *priv) {
  (void)context;
  mta.priv = priv;
  return MI_SUCCESS;
}

char *smfi_getsymval(SMFICTX *context, char *name) {
  (void)context;
  require(strlen(name) > 0);
  return *mta.macro ? mta.macro : NULL;
}

int smfi_setsymlist(SMFICTX *context, int stage, char *macros) {
  (void)context;
  require(stage >= SMFIM_FIRST && stage <= SMFIM_LAST && *macros);
  return MI_SUCCESS;
}

int smfi_chgheader(SMFICTX *context, char *name, int index, char *value) {
  (void)context;
  require(mta.ending && !value && mtasts_field_is(name, config()->milter.header));
  /* From the last to the first. */
  require(index == (int)(mta.forged - mta.removed));
  mta.removed++;
  return MI_SUCCESS;
}

int smfi_addheader(SMFICTX *context, char *name, char *value) {
  (void)context;
  require(mta.ending && mtasts_field_is(name, config()->milter.header));
  require(mta.removed == mta.forged && mta.replies == 0);
  check_text(value, 700, "");
  mta.added++;
  return MI_SUCCESS;
}

int smfi_quarantine(SMFICTX *context, char *reason) {
  (void)context;
  require(mta.ending);
  check_text(reason, 900, "%");
  return MI_SUCCESS;
}

int smfi_setreply(SMFICTX *context, char *code, char *extended, char *text) {
  (void)context;
  require(mta.ending && code[0] == extended[0]);
  require(strcmp(code, "451") == 0 || strcmp(code, "550") == 0);
  check_text(text, 900, "%");
  mta.replies++;
  return MI_SUCCESS;
}

/* the MTA */

static void listened(sfsistat status, unsigned long no_reply) {
  bool silent = status == SMFIS_NOREPLY;
  require(silent ? (mta.no_replies & no_reply) != 0 : status == SMFIS_CONTINUE);
}

static void negotiate(const char *text) {
  unsigned long actions = (unsigned char)text[0] ? 0x1ff : 0;
  unsigned long steps = strlen(text) > 1 ? 0x1fffff : 0x7f;
  unsigned long mine[4];
  require(calls.xxfi_negotiate(NULL, actions, steps, 0, 0, &mine[0], &mine[1], &mine[2],
                               &mine[3]) == SMFIS_CONTINUE);
  require((mine[0] & ~actions) == 0 && (mine[1] & ~steps) == 0);
  mta.no_replies = mine[1];
}

static void come_in(char *text) {
  struct sockaddr_storage address = {.ss_family = AF_INET};
  size_t len = strlen(text);
  size_t room = sizeof address - sizeof address.ss_family;
  if (len > 0 && text[0] == '6')
    address.ss_family = AF_INET6;
  if (len > 1)
    memcpy((char *)&address + sizeof address.ss_family, text + 1, len - 1 < room ? len - 1 : room);
  listened(
      calls.xxfi_connect(NULL, text, len > 0 && text[0] == '0' ? NULL : (_SOCK_ADDR *)&address),
      SMFIP_NR_CONN);
}

/* The text after the first space is another argument. */
static void take_arguments(char *text, char *arguments[3]) {
  char *space = strchr(text, ' ');
  arguments[0] = text;
  arguments[1] = arguments[2] = NULL;
  if (!space)
    return;
  *space = '\0';
  arguments[1] = space + 1;
}

static void begin(char *text) {
  char *arguments[3];
  take_arguments(text, arguments);
  listened(calls.xxfi_envfrom(NULL, arguments), SMFIP_NR_MAIL);
  mta.open = true;
  mta.at_mail = mta.config;
  mta.fields = mta.forged = 0;
}

static void add_field(char *text) {
  char *arguments[3];
  char none[] = "";
  take_arguments(text, arguments);
  listened(calls.xxfi_header(NULL, arguments[0], arguments[1] ? arguments[1] : none), SMFIP_NR_HDR);
  mta.fields++;
  mta.forged += mta.open && mtasts_field_is(arguments[0], config()->milter.header);
}

static void end(void) {
  uint64_t limit = config()->milter.header_limit;
  bool over = mta.forged > limit || (uint64_t)mta.forged * mta.fields > limit * FIELDS_EACH;
  enum mtasts_at_risk on_limit = config()->milter.on_header_limit;
  mta.removed = mta.added = mta.replies = 0;
  mta.ending = true;
  sfsistat status = calls.xxfi_eom(NULL);
  mta.ending = false;
  require(status == SMFIS_CONTINUE || status == SMFIS_TEMPFAIL || status == SMFIS_REJECT);
  require(mta.added <= 1 && mta.replies <= 1 && (mta.replies == 0) == (status == SMFIS_CONTINUE));
  if (mta.open) {
    require(mta.removed == (over ? 0 : mta.forged));
    require(!over || mta.added == 0);
    require(!over || on_limit != MTASTS_AT_RISK_REJECT || status == SMFIS_REJECT);
    require(!over || on_limit != MTASTS_AT_RISK_TEMPFAIL || status == SMFIS_TEMPFAIL);
  }
  mta.open = false;
}

static void leave(void) {
  require(calls.xxfi_close(NULL) == SMFIS_CONTINUE);
  require(!mta.priv && mtasts_filter_busy() == 0);
  mta.open = false;
  mta.no_replies = 0;
}

static void call(char *text) {
  char letter = *text;
  char *rest = letter ? text + 1 : text;
  switch (letter) {
  case 'N':
    negotiate(rest);
    break;
  case 'C':
    come_in(rest);
    break;
  case 'M':
    begin(rest);
    break;
  case 'R': {
    char *arguments[3];
    take_arguments(rest, arguments);
    listened(calls.xxfi_envrcpt(NULL, arguments), SMFIP_NR_RCPT);
    break;
  }
  case 'F': /* very many fields */
    for (int i = 0; i < 2000; i++) {
      char name[] = "Subject x";
      add_field(name);
    }
    break;
  case 'E':
    end();
    break;
  case 'A':
    require(calls.xxfi_abort(NULL) == SMFIS_CONTINUE);
    mta.open = false;
    break;
  case 'X':
    leave();
    break;
  case 'D':
    snprintf(mta.macro, sizeof mta.macro, "%s", rest);
    break;
  case 'S':
    mta.config = (size_t)(unsigned char)*rest % CONFIGS;
    mtasts_filter_configure(mtasts_snapshot_ref(snapshots[mta.config]));
    break;
  default:
    add_field(text);
  }
}

static void set_up(void) {
  char error[MTASTS_ERROR_TEXT];
  if (snapshots[0])
    return;
  mtasts_log_open("fuzz", MTASTS_LOG_STDERR, MTASTS_LOG_ERROR);
  for (size_t i = 0; i < CONFIGS; i++) {
    struct mtasts_config *parsed = NULL;
    require(mtasts_config_parse((struct mtasts_span){texts[i], strlen(texts[i])}, "fuzz", error,
                                &parsed) == MTASTS_OK);
    snapshots[i] = mtasts_snapshot_new(parsed);
    require(snapshots[i]);
  }
  require(mtasts_filter_begin(mtasts_snapshot_ref(snapshots[0])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *rest = (const char *)data;
  set_up();
  memset(&mta, 0, sizeof mta);
  mtasts_filter_configure(mtasts_snapshot_ref(snapshots[0]));
  while (size > 0) {
    char text[TEXT_MAX];
    const char *line_end = memchr(rest, '\n', size);
    size_t len = line_end ? (size_t)(line_end - rest) : size;
    size_t kept = len < sizeof text - 1 ? len : sizeof text - 1;
    memcpy(text, rest, kept);
    text[kept] = '\0';
    call(text);
    size -= line_end ? len + 1 : len;
    rest += line_end ? len + 1 : len;
  }
  leave();
  return 0;
}
