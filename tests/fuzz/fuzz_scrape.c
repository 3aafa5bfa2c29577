/*
 * Any bytes as an announce URL, and as the reply to a scrape: proto/scrape. What must hold:
 *
 *   - a scrape URL is the announce URL with one word replaced, behind a slash of its path, and
 *     keeps the host; there is one exactly if that word is there;
 *   - counts are within their bounds, texts are terminated, a failure comes without counts;
 *   - bytes behind the reply change nothing, and the reply to one hash holds for that hash only.
 *
 * The first 20 bytes are the info hash, so that the fuzzer can put it into the reply.
 */
#include "fuzz.h"

#include "proto/scrape.h"

enum { HASH_LEN = 20 };

/* Is `text` the URL with "scrape" for the "announce" that begins at `at`? */
static bool is_replaced(const char *url, const char *text, size_t at) {
  if (strncmp(url + at, "announce", 8) != 0 || strncmp(text, url, at) != 0) return false;
  size_t rest = strcspn(url + at + 8, "#");
  return strncmp(text + at, "scrape", 6) == 0 && strlen(text) == at + 6 + rest &&
         strncmp(text + at + 6, url + at + 8, rest) == 0;
}

static void check_url(const uint8_t *data, size_t size) {
  struct buf b;
  char *url = malloc(size + 1);
  if (url == NULL) abort();
  memcpy(url, data, size);
  url[size] = '\0';
  buf_init(&b, size + 1);
  bool found = scrape_put_url(&b, url);
  const char *text = buf_cstr(&b);
  CHECK(!b.failed && strlen(text) == b.len);
  const char *mark = strstr(url, "://");
  size_t host = mark == NULL ? 0 : (size_t)(mark - url) + 3;
  size_t from = host + strcspn(url + host, "/?#");
  size_t to = from + strcspn(url + from, "?#");
  size_t words = 0;
  size_t fits = 0;
  for (size_t i = from + 1; i < to; i++) {
    if (url[i - 1] != '/' || strncmp(url + i, "announce", 8) != 0) continue;
    words++;
    fits += is_replaced(url, text, i);
  }
  CHECK(found == (words > 0) && found == (fits == 1) && found == (b.len > 0));
  buf_free(&b);
  free(url);
}

static void check_reply(const struct scrape_reply *r) {
  CHECK(r->complete >= -1 && r->incomplete >= -1 && r->downloaded >= -1);
  CHECK(r->min_interval_s >= 0 && r->min_interval_s <= 86400);
  CHECK(r->retry_in_s == -1 || r->retry_in_s >= 60);
  CHECK(strlen(r->failure) < SCRAPE_TEXT_MAX);
  CHECK(r->failure[0] == '\0' || !r->found);
  CHECK(r->found || (r->complete == -1 && r->incomplete == -1 && r->downloaded == -1));
}

static void check_rest(const uint8_t *in, size_t size, const uint8_t *hash,
                       const struct scrape_reply *r) {
  struct scrape_reply again;
  uint8_t *more = malloc(size + 1);
  if (more == NULL) abort();
  memcpy(more, in, size);
  more[size] = '\n';
  CHECK(scrape_parse(&again, more, size + 1, hash) == ERR_OK);
  CHECK(again.found == r->found && again.complete == r->complete);
  CHECK(again.downloaded == r->downloaded && again.incomplete == r->incomplete);
  free(more);
}

static void check_query(const uint8_t *hash) {
  struct buf b;
  buf_init(&b, 100);
  scrape_put_query(&b, hash);
  CHECK(!b.failed && b.len >= 10 + HASH_LEN && b.len <= 10 + 3 * HASH_LEN);
  CHECK(memcmp(b.data, "info_hash=", 10) == 0);
  buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct scrape_reply r;
  uint8_t hash[HASH_LEN] = {0};
  size_t taken = size < HASH_LEN ? size : HASH_LEN;
  memcpy(hash, data, taken);
  uint8_t *in = fuzz_copy(data + taken, size - taken);
  size -= taken;
  enum err e = scrape_parse(&r, in, size, hash);
  CHECK(e == ERR_OK || e == ERR_FORMAT);
  check_reply(&r);
  if (e == ERR_OK) check_rest(in, size, hash, &r);
  check_query(hash);
  check_url(in, size);
  free(in);
  return 0;
}
