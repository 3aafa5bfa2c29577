#include "base/rd.h"

#include "base/buf.h"

void rd_init(struct rd *r, const void *data, size_t len) {
  *r = (struct rd){.p = data, .left = len};
}

const uint8_t *rd_bytes(struct rd *r, size_t len) {
  if (r->failed || len > r->left) {
    r->failed = true;
    return NULL;
  }
  const uint8_t *p = r->p;
  r->p += len;
  r->left -= len;
  return p;
}

uint8_t rd_u8(struct rd *r) {
  const uint8_t *p = rd_bytes(r, 1);
  return p == NULL ? 0 : *p;
}

uint16_t rd_u16(struct rd *r) {
  const uint8_t *p = rd_bytes(r, 2);
  return p == NULL ? 0 : (uint16_t)((uint32_t)p[0] << 8 | p[1]);
}

uint32_t rd_u32(struct rd *r) {
  const uint8_t *p = rd_bytes(r, 4);
  return p == NULL ? 0 : be32_get(p);
}

uint64_t rd_u64(struct rd *r) {
  uint64_t high = rd_u32(r);
  return high << 32 | rd_u32(r);
}
