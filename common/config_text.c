#include "config_text.h"

#include "ascii.h"

struct reader {
  char *text;
  size_t len;
  size_t at;
  unsigned line;
  unsigned depth;  /* of open braces */
  unsigned opened; /* the line of the outermost one */
};

static char peek(const struct reader *r, size_t ahead) {
  return r->at + ahead < r->len ? r->text[r->at + ahead] : '\0';
}

/* Blanks a comment that begins here: `# …`, `// …`, or one of C, whose lines still count. */
static const char *blank_comment(struct reader *r) {
  bool block = peek(r, 1) == '*';
  for (; r->at < r->len; r->at++) {
    char *c = &r->text[r->at];
    if (block && *c == '*' && peek(r, 1) == '/') {
      c[0] = ' ';
      c[1] = ' ';
      r->at += 2;
      return NULL;
    }
    if (*c != '\n')
      *c = ' ';
    else if (!block)
      return NULL;
    else
      r->line++;
  }
  return block ? "a comment is not closed" : NULL;
}

static const char *skip_string(struct reader *r) {
  char quote = peek(r, 0);
  for (r->at++; r->at < r->len; r->at++) {
    char c = peek(r, 0);
    if (c == quote) {
      r->at++;
      return NULL;
    }
    if (c == '\n')
      break;
    if ((c >= 0 && c < ' ') || c == '\x7f')
      return "a control character is in a string";
    if (c == '$' && peek(r, 1) == '{')
      return "environment variables are not used: `${` cannot stand in a string";
    if (c == '\\') {
      if (peek(r, 1) != quote && peek(r, 1) != '\\')
        return "a backslash in a string must precede a quote or a backslash";
      r->at++;
    }
  }
  return "a string is not closed in its line";
}

/* Bytes of a word without quotes; libconfuse would drop or misread any others. */
static bool is_word(char c) {
  return mtasts_is_alnum(c) || (c != '\0' && strchr("_-.:/@[]", c) != NULL);
}

/* One byte outside of comments and strings. */
static const char *step(struct reader *r, char *c) {
  r->at++;
  if (*c == '\n')
    r->line++;
  else if (*c == '\r')
    *c = ' ';
  else if (*c == '{' && r->depth++ == 0)
    r->opened = r->line;
  else if (*c == '}' && r->depth > 0)
    r->depth--;
  else if (!is_word(*c) && !mtasts_is_wsp(*c) && (*c == '\0' || !strchr("{}=,", *c)))
    return "outside of quotes there are only letters, digits, {}=, and _-.:/@[]";
  return NULL;
}

const char *mtasts_config_clean(char *text, size_t len, unsigned *line) {
  struct reader r = {.text = text, .len = len, .line = 1};
  const char *why = NULL;
  while (r.at < len && !why) {
    char c = peek(&r, 0);
    bool in_word = r.at > 0 && is_word(text[r.at - 1]);
    *line = r.line;
    if (c == '#' || (!in_word && c == '/' && (peek(&r, 1) == '/' || peek(&r, 1) == '*')))
      why = blank_comment(&r);
    else if (c == '"' || c == '\'')
      why = skip_string(&r);
    else
      why = step(&r, &text[r.at]);
  }
  if (why || r.depth == 0)
    return why;
  *line = r.opened;
  return "a { is not closed";
}
