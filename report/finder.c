#include "finder.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gunzip.h"
#include "json_text.h"
#include "mail.h"
#include "mbox.h"
#include "span.h"

enum {
  NESTING_MAX = 8,       /* gzip in mail in gzip … */
  HELD_MAX = 44 << 20,   /* bytes of all buffers beside the input and the JSON values */
  WORK_FIRST = 64 << 20, /* bytes that any input may inflate to, and */
  WORK_FACTOR = 25,      /* this many more for each of its bytes */
  PARTS_MAX = 250000,    /* JSON texts and parts of mail that are read of one input or message */
  DMARC_SEEN = 4096,     /* bytes in which the first element of XML is looked for */
};

enum kind {
  KIND_EMPTY,
  KIND_GZIP,
  KIND_JSON,
  KIND_MBOX,
  KIND_ZIP,
  KIND_UTF16,
  KIND_DMARC,
  KIND_MAIL,
  KIND_OTHER,
};

struct mtasts_finder {
  const struct mtasts_finder_events *events;
  void *context;
  char *bytes; /* of an input that is no mbox */
  size_t size, capacity;
  struct mtasts_mbox *mbox; /* of an input that is one */
  bool too_large, no_memory;
  uint64_t input; /* bytes */
  uint64_t work;  /* bytes that were inflated of this input */
  size_t held;
  uint64_t message;          /* that is being read */
  struct mtasts_span domain; /* that the message names */
  struct mtasts_span authserv_id;
  struct mtasts_signature signature; /* of the outermost message */
  unsigned messages;                 /* around what is read */
  unsigned nesting;
  size_t events_of_mail;
  uint32_t parts; /* that were read of this input, or of this message of an mbox */
};

static void judge(struct mtasts_finder *finder, struct mtasts_span bytes);

/* what happens */

__attribute__((format(printf, 2, 3))) static void reject(struct mtasts_finder *finder,
                                                         const char *format, ...) {
  char reason[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  finder->events_of_mail++;
  finder->events->reject(finder->context, finder->message, reason);
}

static void reject_large(struct mtasts_finder *finder, const char *what) {
  reject(finder, "%s is larger than 20 MiB", what);
}

/* Is one part more still to be read? The first one that is not is rejected, for all that follow. */
static bool may_read(struct mtasts_finder *finder) {
  if (finder->parts == PARTS_MAX)
    reject(finder, "more than %d JSON texts or parts: the rest is not read", PARTS_MAX);
  if (finder->parts > PARTS_MAX)
    return false;
  return finder->parts++ < PARTS_MAX;
}

/* what bytes are */

/* Drops white space, a byte order mark, and white space. */
static struct mtasts_span text_of(struct mtasts_span bytes) {
  mtasts_json_skip_space(&bytes);
  if (mtasts_span_starts(bytes, MTASTS_SPAN("\xEF\xBB\xBF")))
    mtasts_span_drop(&bytes, 3);
  mtasts_json_skip_space(&bytes);
  return bytes;
}

/* UTF-16 that begins with `{`, as JSON does? */
static bool is_utf16_json(struct mtasts_span bytes) {
  if (mtasts_span_starts(bytes, MTASTS_SPAN("\xFF\xFE")) ||
      mtasts_span_starts(bytes, MTASTS_SPAN("\xFE\xFF")))
    mtasts_span_drop(&bytes, 2);
  return bytes.len >= 2 && ((bytes.data[0] == '{' && bytes.data[1] == '\0') ||
                            (bytes.data[0] == '\0' && bytes.data[1] == '{'));
}

static bool is_utf16(struct mtasts_span bytes) {
  return mtasts_span_starts(bytes, MTASTS_SPAN("\xFF\xFE")) ||
         mtasts_span_starts(bytes, MTASTS_SPAN("\xFE\xFF")) || is_utf16_json(bytes);
}

static bool is_dmarc(struct mtasts_span text) {
  size_t seen = text.len < DMARC_SEEN ? text.len : DMARC_SEEN;
  if (text.len == 0 || text.data[0] != '<')
    return false;
  /* The element may have a prefix of its name space. */
  return memmem(text.data, seen, "<feedback", 9) || memmem(text.data, seen, ":feedback", 9);
}

static enum kind kind_of(struct mtasts_span bytes) {
  struct mtasts_span text = text_of(bytes);
  if (bytes.len == 0)
    return KIND_EMPTY;
  if (mtasts_is_gzip(bytes))
    return KIND_GZIP;
  if (mtasts_span_starts(bytes, MTASTS_SPAN("PK\x03\x04")) ||
      mtasts_span_starts(bytes, MTASTS_SPAN("PK\x05\x06")) ||
      mtasts_span_starts(bytes, MTASTS_SPAN("PK\x07\x08")))
    return KIND_ZIP;
  if (is_utf16(bytes))
    return KIND_UTF16;
  if (text.len > 0 && text.data[0] == '{')
    return KIND_JSON;
  if (mtasts_span_starts(bytes, MTASTS_SPAN("From ")))
    return KIND_MBOX;
  if (is_dmarc(text))
    return KIND_DMARC;
  return mtasts_mail_begins(bytes) ? KIND_MAIL : KIND_OTHER;
}

/* JSON */

static void read_texts(struct mtasts_finder *finder, struct mtasts_span text) {
  char error[MTASTS_JSON_ERROR_SIZE];
  json_t *root;
  bool halves;
  while (text.len > 0 && text.data[0] == '{') {
    struct mtasts_span start = text;
    if (!may_read(finder))
      return;
    if (!mtasts_json_text_take(&text, &halves, &root, error)) {
      reject(finder, "%s", error);
      return;
    }
    if (halves)
      finder->events->warn(finder->context, finder->message,
                           "an escape of half a character (a surrogate) is read as U+FFFD");
    struct mtasts_found found = {
        .root = root,
        .text = {start.data, start.len - text.len},
        .domain = finder->domain,
        .signature = finder->signature,
    };
    finder->events_of_mail++;
    finder->events->report(finder->context, finder->message, &found);
    json_decref(root);
    mtasts_json_skip_space(&text);
  }
  while (text.len > 0 && (text.data[0] == '\0' || text.data[0] == ' ' || text.data[0] == '\t' ||
                          text.data[0] == '\r' || text.data[0] == '\n'))
    mtasts_span_drop(&text, 1);
  if (text.len > 0)
    finder->events->warn(finder->context, finder->message,
                         "the JSON text is followed by other bytes, which are ignored");
}

static void read_json(struct mtasts_finder *finder, struct mtasts_span bytes) {
  char *repaired = NULL;
  size_t size = 0;
  struct mtasts_span text = text_of(bytes);
  if (text.len > MTASTS_FOUND_MAX) {
    reject_large(finder, "JSON text");
    return;
  }
  if (!mtasts_json_repair_utf8(text, HELD_MAX - finder->held, &repaired, &size)) {
    reject_large(finder, "JSON text with its UTF-8 repaired");
    return;
  }
  if (repaired) {
    finder->events->warn(finder->context, finder->message,
                         "bytes that are no UTF-8 are read as U+FFFD");
    text = (struct mtasts_span){repaired, size};
  }
  finder->held += size;
  read_texts(finder, text);
  finder->held -= size;
  free(repaired);
}

/* gzip */

static void read_gzip(struct mtasts_finder *finder, struct mtasts_span bytes) {
  char *inflated = NULL;
  size_t size = 0;
  size_t max = HELD_MAX - finder->held;
  if (max > MTASTS_FOUND_MAX)
    max = MTASTS_FOUND_MAX;
  if (finder->work > WORK_FIRST + WORK_FACTOR * finder->input) {
    reject(finder, "gzip is not read: the streams of this input inflate to far more than 20 MiB");
    return;
  }
  switch (mtasts_gunzip(bytes, max, &inflated, &size, &finder->work)) {
  case MTASTS_GUNZIP_OK:
    finder->held += size;
    judge(finder, (struct mtasts_span){inflated, size});
    finder->held -= size;
    free(inflated);
    break;
  case MTASTS_GUNZIP_CUT:
    reject(finder, "gzip is truncated: its end is missing");
    break;
  case MTASTS_GUNZIP_DAMAGED:
    reject(finder, "gzip is damaged");
    break;
  case MTASTS_GUNZIP_TOO_LARGE:
    reject_large(finder, "what the gzip holds");
    break;
  case MTASTS_GUNZIP_NO_MEMORY:
    reject(finder, "no memory to inflate the gzip");
  }
}

/* mail */

/* The domain that the message names (RFC 8460 section 5.3); empty if it names none. */
static struct mtasts_span domain_of_mail(struct mtasts_span message) {
  struct mtasts_span domain;
  if (!mtasts_mail_field(message, "TLS-Report-Domain", &domain))
    return MTASTS_SPAN("");
  while (domain.len > 0 && !mtasts_is_visible(domain.data[0]))
    mtasts_span_drop(&domain, 1);
  size_t len = 0;
  while (len < domain.len && mtasts_is_visible(domain.data[len]))
    len++;
  return (struct mtasts_span){domain.data, len};
}

/* A part that is no report and resembles none is passed over. */
static void judge_leaf(void *context, struct mtasts_span bytes, bool inner) {
  struct mtasts_finder *finder = context;
  struct mtasts_signature signature = finder->signature;
  enum kind kind = kind_of(bytes);
  if ((kind == KIND_GZIP || kind == KIND_JSON || kind == KIND_ZIP || kind == KIND_DMARC ||
       is_utf16_json(bytes)) &&
      may_read(finder)) {
    if (inner) /* the signature is that of the message around it */
      finder->signature = (struct mtasts_signature){0};
    judge(finder, bytes);
    finder->signature = signature;
  }
}

static void read_mail(struct mtasts_finder *finder, struct mtasts_span message) {
  struct mtasts_span outer = finder->domain;
  size_t events = finder->events_of_mail;
  if (message.len > MTASTS_FOUND_MAX) {
    reject_large(finder, "the message");
    return;
  }
  struct mtasts_signature signature = finder->signature;
  finder->domain = domain_of_mail(message);
  finder->signature = (struct mtasts_signature){0};
  if (finder->messages++ == 0)
    finder->signature = mtasts_signature_read(message, finder->authserv_id);
  enum mtasts_mail status = mtasts_mail_leaves(message, judge_leaf, finder);
  finder->messages--;
  finder->domain = outer;
  finder->signature = signature;
  if (status == MTASTS_MAIL_TOO_DEEP)
    reject(finder, "parts of the message are nested deeper than %d", MTASTS_MAIL_DEPTH);
  else if (status == MTASTS_MAIL_TOO_LARGE)
    reject_large(finder, "what the message's encoded parts hold");
  else if (status == MTASTS_MAIL_NO_MEMORY)
    reject(finder, "no memory to decode the message");
  else if (finder->events_of_mail == events)
    reject(finder, "no TLS report in this message");
}

/* mbox */

static void read_message(void *context, uint64_t number, struct mtasts_span message) {
  struct mtasts_finder *finder = context;
  finder->message = number;
  finder->parts = 0;
  if (message.data)
    read_mail(finder, message);
  else
    reject_large(finder, "the message");
  finder->message = 0;
}

static void end_mbox(struct mtasts_finder *finder, struct mtasts_mbox *mbox, bool fed) {
  uint64_t messages = 0;
  if (!fed || !mtasts_mbox_end(mbox, &messages))
    reject(finder, "no memory to read the mbox");
  else if (messages == 0)
    reject(finder, "no TLS report: no message begins in this mbox");
  mtasts_mbox_free(mbox);
}

/* An mbox that is part of something else. */
static void read_mbox(struct mtasts_finder *finder, struct mtasts_span bytes) {
  uint64_t outer = finder->message;
  struct mtasts_mbox *mbox = mtasts_mbox_new(read_message, finder);
  end_mbox(finder, mbox, mbox && mtasts_mbox_feed(mbox, bytes));
  finder->message = outer;
}

static void judge_kind(struct mtasts_finder *finder, struct mtasts_span bytes) {
  switch (kind_of(bytes)) {
  case KIND_EMPTY:
    reject(finder, "empty");
    break;
  case KIND_GZIP:
    read_gzip(finder, bytes);
    break;
  case KIND_JSON:
    read_json(finder, bytes);
    break;
  case KIND_MBOX:
    read_mbox(finder, bytes);
    break;
  case KIND_ZIP:
    reject(finder, "a zip archive, no TLS report; unpack it first");
    break;
  case KIND_UTF16:
    reject(finder, "text in UTF-16; JSON is UTF-8 (RFC 8259 section 8.1)");
    break;
  case KIND_DMARC:
    reject(finder, "a DMARC aggregate report, no TLS report");
    break;
  case KIND_MAIL:
    read_mail(finder, bytes);
    break;
  case KIND_OTHER:
    reject(finder, "neither JSON with an object, gzip, mail nor mbox: no TLS report");
  }
}

static void judge(struct mtasts_finder *finder, struct mtasts_span bytes) {
  if (finder->nesting == NESTING_MAX) {
    reject(finder, "nested deeper than %d", NESTING_MAX);
    return;
  }
  finder->nesting++;
  judge_kind(finder, bytes);
  finder->nesting--;
}

/* the input */

struct mtasts_finder *mtasts_finder_new(const struct mtasts_finder_events *events, void *context) {
  struct mtasts_finder *finder = calloc(1, sizeof *finder);
  if (finder)
    *finder = (struct mtasts_finder){.events = events, .context = context};
  return finder;
}

void mtasts_finder_authserv_id(struct mtasts_finder *finder, struct mtasts_span authserv_id) {
  finder->authserv_id = authserv_id;
}

void mtasts_finder_free(struct mtasts_finder *finder) {
  if (!finder)
    return;
  mtasts_mbox_free(finder->mbox);
  free(finder->bytes);
  free(finder);
}

/* Keeps one byte more than is allowed, which shows that the input is too large. */
static bool keep(struct mtasts_finder *finder, struct mtasts_span bytes) {
  size_t room = (size_t)MTASTS_FOUND_MAX + 1 - finder->size;
  size_t len = bytes.len < room ? bytes.len : room;
  if (len > finder->capacity - finder->size) {
    size_t capacity = finder->capacity ? finder->capacity : 1 << 16;
    while (capacity < finder->size + len)
      capacity *= 2;
    if (capacity > (size_t)MTASTS_FOUND_MAX + 1)
      capacity = (size_t)MTASTS_FOUND_MAX + 1;
    char *grown = realloc(finder->bytes, capacity);
    finder->no_memory = !grown;
    if (!grown)
      return false;
    finder->bytes = grown;
    finder->capacity = capacity;
  }
  memcpy(finder->bytes + finder->size, bytes.data, len);
  finder->size += len;
  finder->too_large = finder->size > MTASTS_FOUND_MAX;
  return !finder->too_large;
}

bool mtasts_finder_feed(struct mtasts_finder *finder, struct mtasts_span bytes) {
  bool first = finder->input == 0;
  finder->input += bytes.len;
  if (first && mtasts_span_starts(bytes, MTASTS_SPAN("From "))) {
    finder->mbox = mtasts_mbox_new(read_message, finder);
    finder->no_memory = !finder->mbox;
  }
  if (!finder->mbox || finder->no_memory)
    return !finder->no_memory && keep(finder, bytes);
  finder->no_memory = !mtasts_mbox_feed(finder->mbox, bytes);
  return !finder->no_memory;
}

void mtasts_finder_end(struct mtasts_finder *finder) {
  if (finder->mbox) {
    end_mbox(finder, finder->mbox, !finder->no_memory);
    finder->mbox = NULL;
  } else if (finder->no_memory) {
    reject(finder, "no memory to read it");
  } else if (finder->too_large) {
    reject_large(finder, "the input");
  } else {
    judge(finder, (struct mtasts_span){finder->bytes ? finder->bytes : "", finder->size});
  }
  finder->size = 0;
  finder->too_large = finder->no_memory = false;
  finder->input = finder->work = 0;
  finder->held = 0;
  finder->parts = 0;
}
