#include "http.h"

#include "span.h"

struct head {
  struct mtasts_http_request request;
  bool begun; /* the request line has been read */
  bool wants_host;
  unsigned hosts; /* Host fields */
};

/* tchar of RFC 9110 section 5.6.2. */
static bool is_token(char c) {
  return mtasts_is_visible(c) && !strchr("\"(),/:;<=>?@[\\]{}", c);
}

/* May a field's value contain the byte? Bytes from 0x80 up are allowed, of whatever character set.
 */
static bool is_text(char c) {
  unsigned char byte = (unsigned char)c;
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

static bool all(struct mtasts_span text, bool (*is)(char c)) {
  for (size_t i = 0; i < text.len; i++)
    if (!is(text.data[i]))
      return false;
  return true;
}

static bool is_word(struct mtasts_span text, bool (*is)(char c)) {
  return text.len > 0 && all(text, is);
}

/* The path of `/path?query`, or of `http://host/path?query`: the latter is for proxies, but a
 * server must accept it too (RFC 9112 section 3.2.2). */
static struct mtasts_span path_of(struct mtasts_span target) {
  const struct mtasts_span scheme = MTASTS_SPAN("http://");
  struct mtasts_span path;
  if (target.len >= scheme.len && memcmp(target.data, scheme.data, scheme.len) == 0) {
    mtasts_span_drop(&target, scheme.len);
    while (target.len > 0 && target.data[0] != '/')
      mtasts_span_drop(&target, 1);
    if (target.len == 0)
      return MTASTS_SPAN("/");
  }
  mtasts_span_cut(&target, '?', &path);
  return path;
}

static bool read_request_line(struct head *head, struct mtasts_span line) {
  const struct mtasts_span version = MTASTS_SPAN("HTTP/1.");
  struct mtasts_span method, target;
  if (!mtasts_span_cut(&line, ' ', &method) || !mtasts_span_cut(&line, ' ', &target) ||
      !is_word(method, is_token) || !is_word(target, mtasts_is_visible))
    return false;
  if (line.len != version.len + 1 || memcmp(line.data, version.data, version.len) != 0 ||
      !mtasts_is_digit(line.data[version.len]))
    return false;
  head->begun = true;
  head->wants_host = line.data[version.len] != '0';
  head->request.path = path_of(target);
  head->request.method = mtasts_span_equal(method, MTASTS_SPAN("GET"))    ? MTASTS_HTTP_GET
                         : mtasts_span_equal(method, MTASTS_SPAN("HEAD")) ? MTASTS_HTTP_HEAD
                                                                          : MTASTS_HTTP_OTHER;
  return true;
}

static bool is_host(struct mtasts_span name) {
  const struct mtasts_span host = MTASTS_SPAN("host");
  bool same = name.len == host.len;
  for (size_t i = 0; same && i < name.len; i++)
    same = mtasts_lower(name.data[i]) == host.data[i];
  return same;
}

static bool read_field(struct head *head, struct mtasts_span line) {
  struct mtasts_span name;
  if (!mtasts_span_cut(&line, ':', &name) || !is_word(name, is_token) || !all(line, is_text))
    return false;
  head->hosts += is_host(name);
  return true;
}

static bool is_complete(const struct head *head) {
  return head->hosts == 1 || (head->hosts == 0 && !head->wants_host);
}

enum mtasts_http_progress mtasts_http_read(struct mtasts_span bytes,
                                           struct mtasts_http_request *request) {
  const bool full = bytes.len >= MTASTS_HTTP_HEAD_MAX;
  struct head head = {.begun = false};
  struct mtasts_span line;
  if (full)
    bytes.len = MTASTS_HTTP_HEAD_MAX;
  while (mtasts_span_cut(&bytes, '\n', &line)) {
    if (line.len > 0 && line.data[line.len - 1] == '\r')
      line.len--;
    if (head.begun && line.len == 0) {
      if (!is_complete(&head))
        return MTASTS_HTTP_BAD;
      *request = head.request;
      return MTASTS_HTTP_READ;
    }
    if (!(head.begun ? read_field(&head, line) : read_request_line(&head, line)))
      return MTASTS_HTTP_BAD;
  }
  return full ? MTASTS_HTTP_BAD : MTASTS_HTTP_MORE;
}
