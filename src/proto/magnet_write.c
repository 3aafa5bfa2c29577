#include "proto/magnet_write.h"

#include <string.h>

#include "base/crypto.h"

static bool is_plain(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c != 0 && strchr("-._~", c) != NULL);
}

static void put_value(struct buf *b, const char *key, const char *value, size_t len) {
  buf_put_str(b, key);
  for (size_t i = 0; i < len; i++) {
    uint8_t c = (uint8_t)value[i];
    if (is_plain(c))
      buf_put_u8(b, c);
    else
      buf_printf(b, "%%%02X", c);
  }
}

void magnet_write(struct buf *b, const struct identity *id, const struct metainfo_tier *tiers,
                  size_t tier_count, char *const *web_seeds, size_t web_seed_count) {
  char hex[2 * sizeof id->v2 + 1];
  buf_put_str(b, "magnet:?");
  crypto_hex(id->v1, sizeof id->v1, hex);
  if (id->has_v1) buf_printf(b, "xt=urn:btih:%s", hex);
  crypto_hex(id->v2, sizeof id->v2, hex);
  if (id->has_v2) buf_printf(b, "%sxt=urn:btmh:1220%s", id->has_v1 ? "&" : "", hex);
  if (id->name_len > 0) put_value(b, "&dn=", id->name, id->name_len);
  for (size_t t = 0; t < tier_count; t++)
    for (size_t i = 0; i < tiers[t].count; i++)
      put_value(b, "&tr=", tiers[t].urls[i], strlen(tiers[t].urls[i]));
  for (size_t i = 0; i < web_seed_count; i++)
    put_value(b, "&ws=", web_seeds[i], strlen(web_seeds[i]));
}
