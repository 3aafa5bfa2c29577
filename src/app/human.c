#include "app/human.h"

#include <stdio.h>

const char *human_size(uint64_t bytes, char out[static HUMAN_MAX]) {
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) {
    snprintf(out, HUMAN_MAX, "%u B", (unsigned)bytes);
    return out;
  }
  double v = (double)bytes / 1024;
  size_t u = 0;
  while (v >= 1023.95 && u + 1 < sizeof units / sizeof units[0]) {
    v /= 1024;
    u++;
  }
  snprintf(out, HUMAN_MAX, "%.1f %s", v, units[u]);
  return out;
}

const char *human_short(uint64_t bytes, char out[static HUMAN_MAX]) {
  static const char units[] = "BKMGTPE";
  double v = (double)bytes;
  size_t u = 0;
  while (v >= 999.5 && u + 2 < sizeof units) {
    v /= 1024;
    u++;
  }
  snprintf(out, HUMAN_MAX, u == 0 || v >= 99.95 ? "%.0f%c" : "%.1f%c", v, units[u]);
  return out;
}

const char *human_time(int64_t ms, char out[static HUMAN_MAX]) {
  uint64_t s = ms > 0 ? (uint64_t)ms / 1000 : 0;
  uint64_t h = s / 3600;
  unsigned m = (unsigned)(s / 60 % 60);
  if (h >= 100)
    snprintf(out, HUMAN_MAX, "%llud %02uh", (unsigned long long)(h / 24), (unsigned)(h % 24));
  else if (h > 0)
    snprintf(out, HUMAN_MAX, "%u:%02u:%02u", (unsigned)h, m, (unsigned)(s % 60));
  else
    snprintf(out, HUMAN_MAX, "%u:%02u", m, (unsigned)(s % 60));
  return out;
}

const char *human_percent(uint64_t part, uint64_t whole, char out[static HUMAN_MAX]) {
  uint64_t tenths = 1000;
  if (part < whole) tenths = (uint64_t)((double)part / (double)whole * 1000);
  if (part < whole && tenths > 999) tenths = 999;
  snprintf(out, HUMAN_MAX, "%u.%u", (unsigned)(tenths / 10), (unsigned)(tenths % 10));
  return out;
}

uint64_t human_rate(uint64_t bytes, int64_t ms) {
  if (ms <= 0) return 0;
  return (uint64_t)((double)bytes * 1000 / (double)ms);
}

const char *human_plural(uint64_t n) {
  return n == 1 ? "" : "s";
}
