#include "proto/identity.h"

#include <openssl/sha.h>

#include "base/sha1.h"
#include "proto/metainfo_field.h"

enum err identity_read(struct identity *id, const struct ben_doc *d) {
  const uint8_t *raw;
  size_t len;
  int64_t version = 1;
  ben_val info = bencode_get_typed(d, bencode_root(d), "info", BEN_DICT);
  *id = (struct identity){.name = ""};
  if (!bencode_raw(d, info, &raw, &len)) return ERR_FORMAT;
  bencode_int(d, bencode_get(d, info, "meta version"), &version);
  id->has_v1 = bencode_get_typed(d, info, "pieces", BEN_STR) != BEN_NONE;
  id->has_v2 = version == 2 && bencode_get_typed(d, info, "file tree", BEN_DICT) != BEN_NONE;
  if (id->has_v1) sha1_once(raw, len, id->v1);
  if (id->has_v2) SHA256(raw, len, id->v2);
  bencode_str(d, metainfo_field_utf8(d, info, "name", BEN_STR), &id->name, &id->name_len);
  return id->has_v1 || id->has_v2 ? ERR_OK : ERR_FORMAT;
}
