#include "http.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const unit_name = "daemon/http";

static const char *const methods[] = {"GET", "HEAD", "OTHER"};

static void check_request(unsigned line, const struct unit_field *fields, size_t count) {
  struct mtasts_http_request request;
  char got[256] = "BAD";
  if (count != 2) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  /* An exact copy, so that a sanitizer sees the first byte read too far. */
  char *exact = malloc(fields[0].len + 1);
  if (!exact)
    return;
  memcpy(exact, fields[0].data, fields[0].len);
  enum mtasts_http_progress progress =
      mtasts_http_read((struct mtasts_span){exact, fields[0].len}, &request);
  if (progress == MTASTS_HTTP_MORE)
    snprintf(got, sizeof got, "MORE");
  if (progress == MTASTS_HTTP_READ)
    snprintf(got, sizeof got, "%s %.*s", methods[request.method], (int)request.path.len,
             request.path.data);
  unit_check(strcmp(got, fields[1].data) == 0, "line %u: is %s", line, got);
  free(exact);
}

static void requests(void) {
  unit_vectors("tests/data/http.tsv", 50, check_request);
}

/* A good head, but for its size. */
static enum mtasts_http_progress read_of_size(size_t size) {
  static const char start[] = "GET /metrics HTTP/1.1\r\nHost: a\r\nX: ";
  static const char end[] = "\r\n\r\n";
  struct mtasts_http_request request;
  char *head = malloc(size);
  if (!head)
    return MTASTS_HTTP_BAD;
  memset(head, 'x', size);
  memcpy(head, start, sizeof start - 1);
  memcpy(head + size - (sizeof end - 1), end, sizeof end - 1);
  enum mtasts_http_progress progress = mtasts_http_read((struct mtasts_span){head, size}, &request);
  free(head);
  return progress;
}

static void size_is_bounded(void) {
  char endless[MTASTS_HTTP_HEAD_MAX];
  struct mtasts_http_request request;
  CU_ASSERT_EQUAL(read_of_size(MTASTS_HTTP_HEAD_MAX), MTASTS_HTTP_READ);
  CU_ASSERT_EQUAL(read_of_size(MTASTS_HTTP_HEAD_MAX + 1), MTASTS_HTTP_BAD);
  memset(endless, 'G', sizeof endless);
  CU_ASSERT_EQUAL(mtasts_http_read((struct mtasts_span){endless, sizeof endless - 1}, &request),
                  MTASTS_HTTP_MORE);
  CU_ASSERT_EQUAL(mtasts_http_read((struct mtasts_span){endless, sizeof endless}, &request),
                  MTASTS_HTTP_BAD);
}

const struct unit_test unit_tests[] = {{"requests, and what is none", requests},
                                       {"a head has at most 8 KiB", size_is_bounded},
                                       {NULL, NULL}};
