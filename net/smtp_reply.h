/*
 * smtp_reply.h: reads one reply of an SMTP server (RFC 5321 section 4.2), of one line or several,
 * from bytes as they come. Pure; bounded: a reply that is too long is bad, not endless.
 *
 * Lines may end in LF alone. The code of the last line counts: a server that is about to close
 * says 421 in the middle of a reply.
 */
#ifndef MTASTS_SMTP_REPLY_H
#define MTASTS_SMTP_REPLY_H

#include "mtasts.h"

enum {
  MTASTS_SMTP_LINE_MAX = 4096,   /* bytes, without the line end; RFC 5321 asks for 512 */
  MTASTS_SMTP_LINES_MAX = 256,   /* of one reply */
  MTASTS_SMTP_REPLY_MAX = 65536, /* bytes of one reply */
  MTASTS_SMTP_LAST_MAX = 512,    /* bytes of the last line that are kept */
};

enum mtasts_smtp_reply_state {
  MTASTS_SMTP_REPLY_MORE, /* it has not ended yet */
  MTASTS_SMTP_REPLY_WHOLE,
  MTASTS_SMTP_REPLY_BAD, /* it is no reply, or too long; `why` is set */
};

/* Zeroed before the first byte of a reply. */
struct mtasts_smtp_reply {
  enum mtasts_smtp_reply_state state;
  unsigned code;   /* WHOLE: 200 to 599 */
  unsigned lines;  /* that are complete */
  bool starttls;   /* a line after the first has the keyword STARTTLS (RFC 3207 section 2) */
  const char *why; /* BAD: a constant */
  size_t bytes;    /* read */
  size_t length;   /* of the line that is being read */
  char head[16];   /* its first bytes */
  /* The last line so far, raw, without its end: it has the code that counts. */
  size_t last_length;
  char last[MTASTS_SMTP_LAST_MAX];
};

/* Reads bytes up to the end of the reply, and returns how many it has read. */
size_t mtasts_smtp_reply_read(struct mtasts_smtp_reply *reply, const char *bytes, size_t size);

#endif
