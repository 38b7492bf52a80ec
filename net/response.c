#include "response.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "clock.h"
#include "printable.h"
#include "strbuf.h"
#include "trace.h"

enum {
  HEADER_BYTES_MAX = 65536,
  BODY_FIRST = 1024,
  BAD_GATEWAY = 502,
  GATEWAY_TIMEOUT = 504,
};

/* callbacks of libcurl */

static size_t take_body(char *data, size_t unit, size_t count, void *context) {
  struct mtasts_response *response = context;
  size_t size = unit * count;
  long status = 0;
  curl_easy_getinfo(response->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200)
    return 0;
  if (size > MTASTS_POLICY_MAX - response->size) {
    response->too_large = true;
    return 0;
  }
  if (response->size + size > response->capacity) {
    size_t capacity = response->capacity ? response->capacity : BODY_FIRST;
    while (capacity < response->size + size)
      capacity *= 2;
    char *grown = realloc(response->body, capacity);
    response->no_memory = !grown;
    if (!grown)
      return 0;
    response->body = grown;
    response->capacity = capacity;
  }
  memcpy(response->body + response->size, data, size);
  response->size += size;
  return size;
}

/* Takes one line of the header. The headers of interim responses and of a proxy come first. */
static size_t take_header(char *data, size_t unit, size_t count, void *context) {
  static const char version[] = "HTTP/";
  struct mtasts_response *response = context;
  size_t size = unit * count;
  response->header_bytes += size;
  if (response->header_bytes > HEADER_BYTES_MAX)
    return 0;
  if (size >= sizeof version - 1 && memcmp(data, version, sizeof version - 1) == 0)
    response->in_body = false;
  else if (size > 0 && size <= 2 && data[size - 1] == '\n' && (size == 1 || data[0] == '\r'))
    response->in_body = true;
  return size;
}

bool mtasts_response_collect(struct mtasts_response *response, CURL *easy) {
  response->easy = easy;
  return curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_WRITEDATA, response) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_HEADERDATA, response) == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, response->curl_error) == CURLE_OK;
}

/* the answer */

void mtasts_response_fail(struct mtasts_fetch_answer *answer, enum mtasts_error error,
                          const char *format, ...) {
  char text[2 * MTASTS_DETAIL_MAX];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  answer->error = error;
  mtasts_printable((struct mtasts_span){text, length < 0 ? 0 : strlen(text)}, answer->detail,
                   sizeof answer->detail);
}

/* Is the value of each field of that name this word, up to a `;`, ignoring case? *count: the number
 * of fields; *value: the last of them. */
static bool fields_are(const struct mtasts_response *response, const char *name,
                       struct mtasts_span word, size_t *count, const char **value) {
  struct curl_header *field;
  bool all = true;
  *value = "";
  for (*count = 0;
       curl_easy_header(response->easy, name, *count, CURLH_HEADER, -1, &field) == CURLHE_OK;
       ++*count) {
    size_t length = strcspn(field->value, ";");
    while (length > 0 && mtasts_is_wsp(field->value[length - 1]))
      length--;
    all = all && mtasts_span_equal_nocase((struct mtasts_span){field->value, length}, word);
    *value = field->value;
  }
  return all;
}

/* A content coding was not asked for, and could hide a large body. */
static void evaluate_coding(const struct mtasts_response *response,
                            struct mtasts_fetch_answer *answer) {
  size_t count;
  const char *value;
  if (!fields_are(response, "Content-Encoding", MTASTS_SPAN("identity"), &count, &value) ||
      !fields_are(response, "Transfer-Encoding", MTASTS_SPAN("chunked"), &count, &value))
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH,
                         "%s sends the policy in content coding %s, which was not asked for",
                         response->tls.host, value);
}

/* RFC 8461 section 3.3: text/plain. */
static void evaluate_header(const struct mtasts_response *response,
                            struct mtasts_fetch_answer *answer) {
  size_t count;
  const char *value;
  if (!fields_are(response, "Content-Type", MTASTS_SPAN("text/plain"), &count, &value))
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH,
                         "%s sends media type %s, not text/plain", response->tls.host, value);
  else if (count != 1)
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH, "%s sends %s", response->tls.host,
                         count ? "several media types" : "no media type; text/plain is required");
  else
    evaluate_coding(response, answer);
}

/* Reads a length. Returns false if it is no number, or larger than a policy may be. */
static bool read_length(const char *text, size_t *length) {
  size_t value = 0;
  if (!*text)
    return false;
  for (; mtasts_is_digit(*text) && value <= MTASTS_POLICY_MAX; text++)
    value = value * 10 + (size_t)(*text - '0');
  *length = value;
  return *text == '\0' && value <= MTASTS_POLICY_MAX;
}

/* Did the connection end? Versions of libcurl use different codes for it. */
static bool has_ended(const struct mtasts_response *response, CURLcode result) {
  return response->tls.secured && (result == CURLE_OK || result == CURLE_PARTIAL_FILE ||
                                   result == CURLE_RECV_ERROR || result == CURLE_GOT_NOTHING);
}

/*
 * Is the body complete? RFC 9112 section 6.3: chunks take precedence, and libcurl counts them. Next
 * is Content-Length, which must be one number. Otherwise the body ends with the connection. An
 * attacker on the path can end the connection (section 9.8), but cannot forge a close_notify.
 */
static void evaluate_length(const struct mtasts_response *response, CURLcode result,
                            struct mtasts_fetch_answer *answer) {
  const char *host = response->tls.host;
  size_t chunked;
  size_t lengths;
  size_t length = 0;
  const char *value;
  fields_are(response, "Transfer-Encoding", MTASTS_SPAN("chunked"), &chunked, &value);
  fields_are(response, "Content-Length", MTASTS_SPAN(""), &lengths, &value);
  if (chunked > 0) {
    if (result != CURLE_OK)
      mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH,
                           "policy of %s is cut short: its last chunk is missing", host);
  } else if (lengths > 1 || (lengths == 1 && !read_length(value, &length))) {
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH, "%s sends no valid Content-Length",
                         host);
  } else if (lengths == 1 && length != response->size) {
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH,
                         "policy of %s is cut short: %zu bytes arrived, Content-Length is %zu",
                         host, response->size, length);
  } else if (lengths == 0 && !response->tls.closed) {
    mtasts_response_fail(
        answer, MTASTS_ERROR_POLICY_FETCH,
        "policy of %s may be cut short: it has no length, and no close_notify came", host);
  }
}

static void evaluate_end(const struct mtasts_response *response, CURLcode result,
                         struct mtasts_fetch_answer *answer) {
  if (!response->in_body) {
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH,
                         "%s ended the connection before its header was complete",
                         response->tls.host);
    return;
  }
  evaluate_header(response, answer);
  if (answer->error == MTASTS_ERROR_NONE)
    evaluate_length(response, result, answer);
}

bool mtasts_response_is_whole(const struct mtasts_response *response, CURLcode result) {
  struct mtasts_fetch_answer answer = {.error = MTASTS_ERROR_NONE};
  if (!has_ended(response, result) || !response->in_body || response->too_large ||
      response->header_bytes > HEADER_BYTES_MAX)
    return false;
  evaluate_coding(response, &answer);
  if (answer.error == MTASTS_ERROR_NONE)
    evaluate_length(response, result, &answer);
  return answer.error == MTASTS_ERROR_NONE;
}

size_t mtasts_response_field(const struct mtasts_response *response, const char *name, char *out,
                             size_t size) {
  struct mtasts_strbuf text = {.data = out, .size = size};
  struct curl_header *field;
  size_t count = 0;
  out[0] = '\0';
  for (; curl_easy_header(response->easy, name, count, CURLH_HEADER, -1, &field) == CURLHE_OK;
       count++)
    mtasts_strbuf_printf(&text, "%s%s", count > 0 ? ", " : "", field->value);
  return count;
}

/* The proxy's answer to CONNECT; 0: none. */
static long proxy_status(const struct mtasts_response *response) {
  long status = 0;
  if (response->by_proxy)
    curl_easy_getinfo(response->easy, CURLINFO_HTTP_CONNECTCODE, &status);
  return status;
}

/* By these two a proxy says that the next server failed (RFC 9110 sections 15.6.3 and 15.6.5). Any
 * other refusal is its own. */
bool mtasts_response_proxy_fails(const struct mtasts_response *response) {
  long status = proxy_status(response);
  return response->by_proxy && !response->connected && status != BAD_GATEWAY &&
         status != GATEWAY_TIMEOUT;
}

/* Describes how far the fetch got before its timeout. */
static void evaluate_timeout(const struct mtasts_response *response,
                             struct mtasts_fetch_answer *answer) {
  const char *what = "did not send its policy";
  if (!response->connected)
    what = response->by_proxy ? "was not connected to by the proxy" : "did not accept a connection";
  else if (!response->tls.secured)
    what = "did not finish the TLS handshake";
  mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH, "%s %s within %.1f s", response->tls.host,
                       what, (double)(mtasts_clock_us() - response->started) / 1e6);
}

/* What this host lacks, and its proxy: a connection to an address comes connected. Once there is
 * TLS, the policy host can bring about an error of libcurl's: by a line of header beyond its bound
 * it says that it has no memory. */
static bool is_local(const struct mtasts_response *response, CURLcode result) {
  if (response->no_memory || mtasts_response_proxy_fails(response))
    return true;
  return !response->tls.secured &&
         (result == CURLE_OUT_OF_MEMORY || result == CURLE_FAILED_INIT ||
          result == CURLE_SSL_CACERT_BADFILE || result == CURLE_COULDNT_CONNECT);
}

static void evaluate_failure(const struct mtasts_response *response, CURLcode result,
                             struct mtasts_fetch_answer *answer) {
  const char *text = response->curl_error[0] ? response->curl_error : curl_easy_strerror(result);
  const char *host = response->tls.host;
  long error = 0;
  answer->local = is_local(response, result);
  switch ((int)result) {
  case CURLE_PEER_FAILED_VERIFICATION:
    mtasts_response_fail(answer, MTASTS_ERROR_WEBPKI_INVALID, "certificate of %s is refused: %s",
                         host, text);
    break;
  case CURLE_SSL_CONNECT_ERROR:
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH, "TLS handshake with %s failed: %s",
                         host, text);
    break;
  case CURLE_OPERATION_TIMEDOUT:
    evaluate_timeout(response, answer);
    break;
  case CURLE_COULDNT_CONNECT:
    curl_easy_getinfo(response->easy, CURLINFO_OS_ERRNO, &error);
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH, "cannot connect to %s: %s",
                         response->by_proxy ? "the proxy" : host,
                         error > 0 ? strerrordesc_np((int)error) : text);
    break;
  default:
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH, "fetching from %s: %s", host, text);
  }
}

/* The tunnel of the proxy has not come about. */
static void evaluate_proxy(const struct mtasts_response *response, CURLcode result,
                           struct mtasts_fetch_answer *answer) {
  long status = proxy_status(response);
  answer->status = 0; /* the policy host has sent nothing */
  if (status < 300) {
    evaluate_failure(response, result, answer);
    return;
  }
  answer->local = is_local(response, result);
  mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH,
                       "the proxy does not connect to %s: HTTP status %ld", response->tls.host,
                       status);
}

void mtasts_response_evaluate(struct mtasts_response *response, CURLcode result,
                              struct mtasts_fetch_answer *answer) {
  curl_easy_getinfo(response->easy, CURLINFO_RESPONSE_CODE, &answer->status);
  if (answer->status > 0 && answer->status < 200)
    answer->status = 0; /* only interim responses arrived */
  answer->dated = response->tls.dated;
  if (response->by_proxy && !response->connected)
    evaluate_proxy(response, result, answer);
  else if (response->tls.detail[0])
    mtasts_response_fail(answer, MTASTS_ERROR_WEBPKI_INVALID, "%s", response->tls.detail);
  else if (answer->status >= 300 && answer->status < 400)
    /* RFC 8461 section 3.3: redirects MUST NOT be followed */
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH,
                         "HTTP status %ld from %s: a redirect is not followed", answer->status,
                         response->tls.host);
  else if (answer->status != 0 && answer->status != 200)
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH, "HTTP status %ld from %s",
                         answer->status, response->tls.host);
  else if (response->header_bytes > HEADER_BYTES_MAX)
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH, "%s sends more than %d bytes of header",
                         response->tls.host, HEADER_BYTES_MAX);
  else if (response->too_large || result == CURLE_FILESIZE_EXCEEDED)
    mtasts_response_fail(answer, MTASTS_ERROR_POLICY_FETCH, "policy of %s is larger than %d bytes",
                         response->tls.host, MTASTS_POLICY_MAX);
  else if (has_ended(response, result))
    evaluate_end(response, result, answer);
  else
    evaluate_failure(response, result, answer);
  if (answer->error == MTASTS_ERROR_NONE)
    answer->body = (struct mtasts_span){response->body ? response->body : "", response->size};
}
