#include "proto/client.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/wire.h"

/* --- The reserved bits. --- */

static const struct client_bit bits[] = {
  {WIRE_RESERVED_DHT, "DHT", 5},
  {UINT64_C(0x02), "XBT peer exchange", 0},
  {WIRE_RESERVED_FAST, "fast extension", 6},
  {UINT64_C(0x08), "NAT traversal", 0},
  {WIRE_RESERVED_V2, "BitTorrent v2", 52},
  {UINT64_C(0x010000), "extension negotiation, low bit", 0},
  {UINT64_C(0x020000), "extension negotiation, high bit", 0},
  {WIRE_RESERVED_EXTENSION, "extension protocol", 10},
  {UINT64_C(0x0800) << 32, "location-aware protocol", 0},
  {UINT64_C(0x80) << 56, "Azureus messaging protocol", 0},
};

const struct client_bit *client_reserved(size_t i) {
  return i < sizeof bits / sizeof bits[0] ? &bits[i] : NULL;
}

/* --- Versions: four characters, and what they mean. --- */

enum style {
  DOTS,   /* "4650" 4.6.5: each is a digit (A is 10), a last 0 is left out */
  DIGITS, /* "0164" 1.64: two digits and two */
  PAIRS,  /* "0109" 1.9: two numbers of two digits */
  THREE,  /* "300x" 3.0.0: three digits and a letter of build */
  HIDDEN  /* none that anybody could read */
};

/* The value of a version character: 0-9, then A is 10, a is 36. */
static int digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return c >= 'a' && c <= 'z' ? c - 'a' + 36 : -1;
}

/* "a.b.c.d" without the last when it is 0, or "a.b.c". */
static void put_dots(const uint8_t v[static 4], int count, char *out, size_t size) {
  uint8_t d[4]; /* so narrow that a compiler can tell how long they get */
  for (int i = 0; i < 4; i++) {
    int n = digit(v[i]);
    if (n < 0 && i < count) return;
    d[i] = (uint8_t)n;
  }
  if (count == 4 && d[3] > 0)
    snprintf(out, size, " %d.%d.%d.%d", d[0], d[1], d[2], d[3]);
  else
    snprintf(out, size, " %d.%d.%d", d[0], d[1], d[2]);
}

static void put_version(enum style style, const uint8_t v[static 4], char *out, size_t size) {
  out[0] = '\0';
  if (style == DOTS) put_dots(v, 4, out, size);
  if (style == THREE) put_dots(v, 3, out, size);
  if (style != DIGITS && style != PAIRS) return;
  for (int i = 0; i < 4; i++)
    if (v[i] < '0' || v[i] > '9') return;
  int major = (v[0] - '0') * 10 + (v[1] - '0');
  int minor = (v[2] - '0') * 10 + (v[3] - '0');
  snprintf(out, size, style == DIGITS ? " %d.%02d" : " %d.%d", major, minor);
}

/* --- Azureus style. --- */

static const struct {
  char code[3];
  uint8_t style; /* enum style */
  const char *name;
} azureus[] = {
  {"7T", HIDDEN, "aTorrent"},
  {"AG", DOTS, "Ares"},              {"AR", DOTS, "Arctic"},
  {"AV", DOTS, "Avicora"},           {"AX", DOTS, "BitPump"},
  {"AZ", DOTS, "Azureus (Vuze)"},    {"A~", DOTS, "Ares"},
  {"BB", DOTS, "BitBuddy"},          {"BC", DIGITS, "BitComet"},
  {"BE", DOTS, "BitTorrent SDK"},    {"BF", DOTS, "Bitflu"},
  {"BG", DOTS, "BTG"},               {"BI", DOTS, "BiglyBT"},
  {"BL", DOTS, "BitLord"},           {"BM", HIDDEN, "BitMagnet"},
  {"BR", DOTS, "BitRocket"},         {"BS", DOTS, "BTSlave"},
  {"BT", THREE, "BitTorrent"},       {"BW", DOTS, "BitWombat"},
  {"BX", DOTS, "BittorrentX"},       {"CD", DOTS, "Enhanced CTorrent"},
  {"CT", DOTS, "CTorrent"},          {"DE", DOTS, "Deluge"},
  {"DP", DOTS, "Propagate"},         {"EB", DOTS, "EBit"},
  {"ES", DOTS, "Electric Sheep"},    {"FD", DOTS, "Free Download Manager"},
  {"FG", DIGITS, "FlashGet"},        {"FL", DOTS, "Folx"},
  {"FT", DOTS, "FoxTorrent"},        {"FW", DOTS, "FrostWire"},
  {"FX", DOTS, "Freebox"},           {"GR", DOTS, "GetRight"},
  {"GS", DOTS, "GSTorrent"},         {"GT", DOTS, "anacrolix/torrent"},
  {"HL", DOTS, "Halite"},            {"HN", DOTS, "Hydranode"},
  {"JT", DOTS, "JavaTorrent"},       {"KG", DOTS, "KGet"},
  {"KT", DOTS, "KTorrent"},          {"LC", DOTS, "LeechCraft"},
  {"LH", DOTS, "LH-ABC"},            {"LP", DOTS, "Lphant"},
  {"LT", DOTS, "libtorrent"},        {"LW", HIDDEN, "LimeWire"},
  {"MG", DOTS, "MediaGet"},          {"MO", DOTS, "MonoTorrent"},
  {"MP", DOTS, "MooPolice"},         {"MR", DOTS, "Miro"},
  {"MT", DOTS, "MoonlightTorrent"},  {"NX", DOTS, "Net Transport"},
  {"OS", DOTS, "OneSwarm"},          {"PD", DOTS, "Pando"},
  {"PI", DOTS, "PicoTorrent"},       {"QD", DOTS, "QQDownload"},
  {"QT", DOTS, "Qt 4 Torrent"},      {"RN", DOTS, "rain"},
  {"RT", DOTS, "Retriever"},         {"SB", DOTS, "Swiftbit"},
  {"SD", DOTS, "Thunder"},           {"SS", DOTS, "SwarmScope"},
  {"ST", DOTS, "SymTorrent"},        {"SZ", DOTS, "Shareaza"},
  {"S~", DOTS, "Shareaza beta"},     {"TB", DOTS, "Torch"},
  {"TL", DOTS, "Tribler"},           {"TN", DOTS, "TorrentDotNET"},
  {"TR", DOTS, "Transmission"},      {"TS", DOTS, "Torrentstorm"},
  {"TT", DOTS, "TuoTu"},             {"TX", DOTS, "Tixati"},
  {"UE", THREE, "\xc2\xb5Torrent Embedded"},
  {"UL", DOTS, "uLeecher!"},         {"UM", THREE, "\xc2\xb5Torrent Mac"},
  {"UT", THREE, "\xc2\xb5Torrent"},  {"UW", THREE, "\xc2\xb5Torrent Web"},
  {"VG", DOTS, "Vagaa"},             {"WD", PAIRS, "WebTorrent Desktop"},
  {"WF", DOTS, "weft"},            {"WT", DOTS, "BitLet"},
  {"WW", PAIRS, "WebTorrent"},      {"WY", DOTS, "FireTorrent"},
  {"XF", DOTS, "Xfplay"},            {"XL", DOTS, "Xunlei"},
  {"XT", DOTS, "XanTorrent"},        {"XX", DOTS, "Xtorrent"},
  {"ZT", DOTS, "ZipTorrent"},        {"lt", DOTS, "libTorrent (rTorrent)"},
  {"qB", DOTS, "qBittorrent"},       {"rQ", DOTS, "rqbit"},
  {"st", DOTS, "sharktorrent"},
};

static bool is_visible(uint8_t c) {
  return c > ' ' && c <= '~';
}

/* Transmission: three digits until 2.94 ("2940", the last a mark of the build), since 4.0 one digit
 * or letter each ("4030", the last as before). */
static void put_transmission(const uint8_t v[static 4], char *out, size_t size) {
  if (v[0] == '0')
    snprintf(out, size, " 0.%d%d", digit(v[2]), digit(v[3]));
  else if (v[0] < '4')
    snprintf(out, size, " %c.%c%c", v[0], v[1], v[2]);
  else
    put_dots(v, 3, out, size);
}

/* "-XXvvvv-" */
static bool read_azureus(const uint8_t id[static 20], char *out, size_t size) {
  char version[40] = "";
  if (id[0] != '-' || id[7] != '-') return false;
  for (int i = 1; i < 7; i++)
    if (!is_visible(id[i])) return false;
  for (size_t i = 0; i < sizeof azureus / sizeof azureus[0]; i++) {
    if (memcmp(azureus[i].code, id + 1, 2) != 0) continue;
    if (memcmp(id + 1, "TR", 2) == 0)
      put_transmission(id + 3, version, sizeof version);
    else
      put_version((enum style)azureus[i].style, id + 3, version, sizeof version);
    snprintf(out, size, "%s%s", azureus[i].name, version);
    return true;
  }
  put_version(DOTS, id + 3, version, sizeof version);
  snprintf(out, size, "unknown client %c%c%s", id[1], id[2], version);
  return true;
}

/* --- Shadow's style. --- */

static const struct {
  char code;
  const char *name;
} shadow[] = {
  {'A', "ABC"},     {'O', "Osprey Permaseed"}, {'Q', "BTQueue"}, {'R', "Tribler"},
  {'S', "Shadow's client"}, {'T', "BitTornado"}, {'U', "UPnP NAT Bit Torrent"},
};

/* The digits in order, each with its value: 0-9, A-Z 10, a-z 36, '.' 62. */
static void put_shadow_version(const uint8_t v[static 5], char *out, size_t size) {
  size_t at = 0;
  out[0] = '\0';
  for (int i = 0; i < 5 && v[i] != '-'; i++) {
    int d = v[i] == '.' ? 62 : digit(v[i]);
    if (d < 0 || at >= size) return;
    at += (size_t)snprintf(out + at, size - at, "%s%d", i == 0 ? " " : ".", d);
  }
}

/* "Tvvvvv---": up to five characters of version, filled up with dashes, and three more. */
static bool read_shadow(const uint8_t id[static 20], char *out, size_t size) {
  char version[48];
  if (memcmp(id + 6, "---", 3) != 0 && memcmp(id + 5, "---", 3) != 0) return false;
  for (int i = 1; i < 6; i++)
    if (digit(id[i]) < 0 && id[i] != '-' && id[i] != '.') return false;
  for (size_t i = 0; i < sizeof shadow / sizeof shadow[0]; i++) {
    if (shadow[i].code != (char)id[0]) continue;
    put_shadow_version(id + 1, version, sizeof version);
    snprintf(out, size, "%s%s", shadow[i].name, version);
    return true;
  }
  return false;
}

/* --- Those with a way of their own. --- */

/* "M7-2-1--", "M4-20-8-": decimals between dashes. Queen Bee has the same with a Q, aria2 behind an
 * "A2-": "A2-1-36-0-". */
static const struct {
  const char *start;
  const char *name;
} decimals[] = {{"M", "BitTorrent"}, {"Q", "Queen Bee"}, {"A2-", "aria2"}};

/* "7-2-1-" as "7.2.1": three numbers, a dash behind each. */
static bool read_decimals(const uint8_t *p, const uint8_t *end, char version[static 12]) {
  size_t n = 0;
  int dashes = 0;
  for (; p < end && dashes < 3 && n < 11; p++) {
    bool dash = *p == '-';
    if (!dash && (*p < '0' || *p > '9')) return false;
    if (dash && (n == 0 || version[n - 1] == '.')) return false;
    dashes += dash;
    version[n++] = dash ? '.' : (char)*p;
  }
  if (dashes < 3) return false;
  version[n - 1] = '\0';
  return true;
}

static bool read_mainline(const uint8_t id[static 20], char *out, size_t size) {
  char version[12];
  for (size_t i = 0; i < sizeof decimals / sizeof decimals[0]; i++) {
    size_t len = strlen(decimals[i].start);
    if (memcmp(id, decimals[i].start, len) != 0) continue;
    if (!read_decimals(id + len, id + 20, version)) return false;
    snprintf(out, size, "%s %s", decimals[i].name, version);
    return true;
  }
  return false;
}

static const struct {
  const char *start;
  uint8_t at; /* where it stands */
  const char *name;
} others[] = {
  {"-ML", 0, "MLdonkey"}, {"-BOW", 0, "Bits on Wheels"}, {"-G3", 0, "G3 Torrent"},
  {"-FG", 0, "FlashGet"}, {"XBT", 0, "XBT Client"}, {"OP", 0, "Opera"},
  {"AZ2500BT", 0, "BitTyrant"}, {"346------", 0, "TorrenTopia"},
  {"BS", 2, "BitSpirit"}, {"RS", 2, "Rufus"},
};

/* "OP" is short: Opera's goes on with four digits and lower-case hexadecimal. */
static bool is_opera(const uint8_t id[static 20]) {
  for (int i = 2; i < 20; i++) {
    bool is_digit = id[i] >= '0' && id[i] <= '9';
    if (!is_digit && (i < 6 || id[i] < 'a' || id[i] > 'f')) return false;
  }
  return true;
}

/* "BS" and "RS" stand behind two bytes of version, which are small numbers or digits. */
static bool is_other(const uint8_t id[static 20], size_t i) {
  const char *start = others[i].start;
  if (memcmp(id + others[i].at, start, strlen(start)) != 0) return false;
  if (strcmp(start, "OP") == 0) return is_opera(id);
  if (strcmp(start, "BS") == 0) return id[0] == 0 && id[1] < 10;
  if (strcmp(start, "RS") == 0) return id[0] <= '9' && id[1] <= '9';
  return true;
}

static bool read_other(const uint8_t id[static 20], char *out, size_t size) {
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    if (!is_other(id, i)) continue;
    snprintf(out, size, "%s", others[i].name);
    return true;
  }
  return false;
}

/* BitComet before 0.59: "exbc" and two bytes of version; BitLord has the same and "LORD". */
static bool read_bitcomet(const uint8_t id[static 20], char *out, size_t size) {
  if (memcmp(id, "exbc", 4) != 0 && memcmp(id, "FUTB", 4) != 0) return false;
  const char *name = memcmp(id + 6, "LORD", 4) == 0 ? "BitLord" : "BitComet";
  snprintf(out, size, "%s %d.%02d", name, id[4], id[5]);
  return true;
}

const char *client_name(const uint8_t peer_id[static 20],
                            char out[static CLIENT_NAME_MAX]) {
  out[0] = '\0';
  if (!read_azureus(peer_id, out, CLIENT_NAME_MAX) &&
      !read_mainline(peer_id, out, CLIENT_NAME_MAX) &&
      !read_bitcomet(peer_id, out, CLIENT_NAME_MAX) &&
      !read_other(peer_id, out, CLIENT_NAME_MAX))
    read_shadow(peer_id, out, CLIENT_NAME_MAX);
  return out;
}
