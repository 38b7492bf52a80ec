#include "mta_log.h"

#include <stdlib.h>
#include <string.h>

#include "idn.h"
#include "mta_log_private.h"

bool log_take(struct mtasts_span *text, const char *start) {
  struct mtasts_span wanted = mtasts_span_of(start);
  if (!mtasts_span_starts(*text, wanted))
    return false;
  mtasts_span_drop(text, wanted.len);
  return true;
}

static const char *find(struct mtasts_span text, const char *words) {
  return text.len > 0 ? memmem(text.data, text.len, words, strlen(words)) : NULL;
}

bool log_holds(struct mtasts_span text, const char *words) {
  return find(text, words) != NULL;
}

bool log_after(struct mtasts_span *text, const char *words) {
  const char *at = find(*text, words);
  if (!at)
    return false;
  mtasts_span_drop(text, (size_t)(at - text->data) + strlen(words));
  return true;
}

void log_keep(char *out, size_t size, struct mtasts_span text) {
  size_t len = text.len < size ? text.len : size - 1;
  if (len > 0)
    memcpy(out, text.data, len);
  out[len] = '\0';
}

bool log_take_queue(struct mtasts_span *text, char queue[LOG_QUEUE_MAX]) {
  size_t len = 0;
  while (len < text->len && mtasts_is_alnum(text->data[len]))
    len++;
  struct mtasts_span rest = {text->data + len, text->len - len};
  if (len < 5 || len >= LOG_QUEUE_MAX || !log_take(&rest, ": "))
    return false;
  log_keep(queue, LOG_QUEUE_MAX, (struct mtasts_span){text->data, len});
  *text = rest;
  return true;
}

static bool is_address(struct mtasts_span text) {
  for (size_t i = 0; i < text.len; i++)
    if (!memchr("0123456789abcdefABCDEF.:", text.data[i], 24))
      return false;
  return text.len < MTASTS_LOG_ADDRESS_MAX;
}

bool log_set_host(struct log_hop *hop, struct mtasts_span host, struct mtasts_span address) {
  struct mtasts_domain name;
  if (mtasts_domain_parse(host, &name) != MTASTS_OK || !is_address(address))
    return false;
  log_keep(hop->host, sizeof hop->host, (struct mtasts_span){name.name, name.len});
  log_keep(hop->address, sizeof hop->address, address);
  return true;
}

void log_set_failure(struct log_hop *hop, enum mtasts_result_type result, const char *reason) {
  hop->tls = MTASTS_LOG_FAILED;
  hop->result = result;
  log_keep(hop->reason, sizeof hop->reason, mtasts_span_of(reason));
}

bool log_domain(struct mtasts_span address, struct mtasts_domain *domain) {
  struct mtasts_span local;
  if (!mtasts_span_take(&address, '<') || address.len == 0 ||
      address.data[address.len - 1] != '>' || memchr(address.data, '"', address.len) ||
      !mtasts_span_cut(&address, '@', &local) || local.len == 0)
    return false;
  address.len--;
  return mtasts_domain_from_text(address, domain) == MTASTS_OK;
}

void log_note_sender(struct mtasts_mta_log *log, const char *queue, struct mtasts_span sender) {
  if (!log->own_sender[0] || !mtasts_span_equal_nocase(sender, mtasts_span_of(log->own_sender)))
    return;
  log_keep(log->own[log->own_next], LOG_QUEUE_MAX, mtasts_span_of(queue));
  log->own_next = (log->own_next + 1) % LOG_OWN_MAX;
}

bool log_is_own(const struct mtasts_mta_log *log, const char *queue) {
  for (size_t i = 0; i < LOG_OWN_MAX; i++)
    if (strcmp(log->own[i], queue) == 0)
      return true;
  return false;
}

void log_tell(struct mtasts_mta_log *log, const struct mtasts_domain *domain,
              const struct log_hop *hop) {
  struct mtasts_log_session session = {
      .domain = *domain,
      .tls = hop->tls,
      .result = hop->tls == MTASTS_LOG_FAILED ? hop->result : MTASTS_RESULT_SUCCESS,
  };
  memcpy(session.host, hop->host, sizeof session.host);
  memcpy(session.address, hop->address, sizeof session.address);
  if (hop->tls == MTASTS_LOG_FAILED || hop->tls == MTASTS_LOG_CLEAR)
    memcpy(session.reason, hop->reason, sizeof session.reason);
  log->fn(log->context, &session);
}

void log_add_failed(struct log_process *process, const struct log_hop *hop) {
  if (process->failures < LOG_FAILED_MAX)
    process->failed[process->failures++] = *hop;
}

void log_tell_failed(struct mtasts_mta_log *log, struct log_process *process,
                     const struct mtasts_domain *domain) {
  for (size_t i = 0; i < process->failures; i++)
    log_tell(log, domain, &process->failed[i]);
  process->failures = 0;
}

/* The first `[DIGITS]: ` of a line is the program's: dates and names of hosts have no brackets. */
bool mtasts_log_line_read(struct mtasts_span line, struct mtasts_log_line *read) {
  struct mtasts_span head;
  struct mtasts_span pid;
  if (!mtasts_span_cut(&line, '[', &head) || !mtasts_span_cut(&line, ']', &pid) ||
      !mtasts_span_is_digits(pid) || pid.len > 9 || !log_take(&line, ": "))
    return false;
  size_t start = head.len;
  while (start > 0 && mtasts_is_visible(head.data[start - 1]))
    start--;
  *read = (struct mtasts_log_line){
      .program = {head.data + start, head.len - start},
      .text = line,
  };
  for (size_t i = 0; i < pid.len; i++)
    read->pid = read->pid * 10 + (uint32_t)(pid.data[i] - '0');
  return read->program.len > 0;
}

/* The process of this pid; else the place of the one that has been silent for longest. */
static struct log_process *process_of(struct mtasts_mta_log *log, uint32_t pid, bool sendmail) {
  struct log_process *oldest = &log->processes[0];
  for (size_t i = 0; i < MTASTS_LOG_PROCESSES; i++) {
    struct log_process *process = &log->processes[i];
    if (process->used && process->pid == pid && process->sendmail == sendmail) {
      process->used = log->lines;
      return process;
    }
    if (process->used < oldest->used)
      oldest = process;
  }
  memset(oldest, 0, sizeof *oldest);
  oldest->pid = pid;
  oldest->sendmail = sendmail;
  oldest->used = log->lines;
  return oldest;
}

static bool ends_with(struct mtasts_span text, const char *end) {
  size_t len = strlen(end);
  return text.len >= len && memcmp(text.data + text.len - len, end, len) == 0;
}

/* qmgr(8) names the sender of each message. */
static void take_qmgr(struct mtasts_mta_log *log, struct mtasts_span text) {
  char queue[LOG_QUEUE_MAX];
  struct mtasts_span sender;
  if (log_take_queue(&text, queue) && log_take(&text, "from=<") &&
      mtasts_span_cut(&text, '>', &sender))
    log_note_sender(log, queue, sender);
}

void mtasts_mta_log_take(struct mtasts_mta_log *log, const struct mtasts_log_line *line) {
  struct mtasts_span program = line->program;
  struct mtasts_span text = line->text;
  log->lines++;
  if (ends_with(program, "/smtp"))
    log_take_postfix(log, process_of(log, line->pid, false), text);
  else if (ends_with(program, "/qmgr"))
    take_qmgr(log, text);
  else if (ends_with(program, "/tlsproxy"))
    log->tls_elsewhere = log->tls_elsewhere || log_holds(text, "TLS connection established to ");
  else if (mtasts_span_equal(program, MTASTS_SPAN("sendmail")) ||
           mtasts_span_starts(program, MTASTS_SPAN("sm-")))
    log_take_sendmail(log, process_of(log, line->pid, true), text);
}

struct mtasts_mta_log *mtasts_mta_log_new(const char *own_sender, mtasts_log_session_fn *fn,
                                          void *context) {
  struct mtasts_mta_log *log = calloc(1, sizeof *log);
  if (!log)
    return NULL;
  log->fn = fn;
  log->context = context;
  log_keep(log->own_sender, sizeof log->own_sender, mtasts_span_of(own_sender));
  return log;
}

void mtasts_mta_log_free(struct mtasts_mta_log *log) {
  free(log);
}
