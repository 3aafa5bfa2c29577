#include "app/options.h"

#include <string.h>

void options_init(struct options *o) {
  *o = (struct options){
    .max_peers = 200,
    .memory = UINT64_C(128) << 20,
    .timeout_ms = 60000,
    .port = 6881,
    .allocate = ALLOCATE_SPARSE,
  };
}

/* digits[.digits] as whole + part / scale; returns what follows, NULL if it does not begin so.
 * Digits of the fraction behind the ninth are dropped. */
static const char *scan_decimal(const char *t, uint64_t *whole, uint64_t *part, uint64_t *scale) {
  if (*t < '0' || *t > '9') return NULL;
  *whole = 0;
  *part = 0;
  *scale = 1;
  for (; *t >= '0' && *t <= '9'; t++)
    if (__builtin_mul_overflow(*whole, 10, whole) ||
        __builtin_add_overflow(*whole, (uint64_t)(*t - '0'), whole))
      return NULL;
  if (*t != '.') return t;
  t++;
  if (*t < '0' || *t > '9') return NULL;
  for (; *t >= '0' && *t <= '9'; t++) {
    if (*scale == 1000000000) continue;
    *scale *= 10;
    *part = *part * 10 + (uint64_t)(*t - '0');
  }
  return t;
}

/* whole * unit + part * unit / scale without overflow; `unit` is at most 2^40. */
static bool combine(uint64_t whole, uint64_t part, uint64_t scale, uint64_t unit, uint64_t *out) {
  uint64_t fraction = (unit / scale) * part + (unit % scale) * part / scale;
  return !__builtin_mul_overflow(whole, unit, out) && !__builtin_add_overflow(*out, fraction, out);
}

bool options_number(const char *text, uint64_t least, uint64_t most, uint64_t *v) {
  uint64_t whole, part, scale;
  const char *end = scan_decimal(text, &whole, &part, &scale);
  if (end == NULL || *end != '\0' || scale != 1 || whole < least || whole > most) return false;
  *v = whole;
  return true;
}

bool options_size(const char *text, uint64_t *bytes) {
  static const char suffix[] = "KMGTkmgt";
  uint64_t whole, part, scale;
  const char *end = scan_decimal(text, &whole, &part, &scale);
  if (end == NULL) return false;
  if (*end == '\0' && scale == 1) {
    *bytes = whole;
    return true;
  }
  const char *unit = *end != '\0' ? strchr(suffix, *end) : NULL;
  if (unit == NULL || end[1] != '\0') return false;
  unsigned shift = 10 * ((unsigned)((unit - suffix) % 4) + 1);
  uint64_t value;
  if (!combine(whole, part, scale, UINT64_C(1) << shift, &value)) return false;
  *bytes = value;
  return true;
}

bool options_duration(const char *text, int64_t *ms) {
  static const int64_t longest = INT64_C(100) * 366 * 86400 * 1000;
  uint64_t whole, part, scale, value;
  const char *end = scan_decimal(text, &whole, &part, &scale);
  if (end == NULL) return false;
  uint64_t unit = *end == 'm' ? 60000 : *end == 'h' ? 3600000 : 1000;
  if (*end != '\0' && (strchr("smh", *end) == NULL || end[1] != '\0')) return false;
  if (!combine(whole, part, scale, unit, &value) || value > (uint64_t)longest) return false;
  *ms = (int64_t)value;
  return true;
}
