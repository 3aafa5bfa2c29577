#include "app/annotate_keys.h"

#include <string.h>

static const struct annotate_items
  date = {.form = FORM_TIME},
  sha1 = {"a SHA-1 hash", "SHA-1 hashes", NULL, 20, FORM_HASH},
  sha256 = {"a SHA-256 hash", "SHA-256 hashes", NULL, 32, FORM_HASH},
  pieces = {"a SHA-1 hash", "SHA-1 hashes", "piece", 20, FORM_HASH},
  layer = {"a SHA-256 hash", "SHA-256 hashes", "piece", 32, FORM_HASH},
  info_hash = {"an info hash", "info hashes", NULL, 20, FORM_HASH},
  node_id = {"the id of a node", "ids of nodes", NULL, 20, FORM_HASH},
  peer4 = {"a peer", "peers", NULL, 6, FORM_PEER},
  peer6 = {"a peer", "peers", NULL, 18, FORM_PEER},
  peer = {"an address and port", NULL, NULL, 0, FORM_PEER},
  node4 = {"a node", "nodes", NULL, 26, FORM_NODE},
  node6 = {"a node", "nodes", NULL, 38, FORM_NODE},
  flags = {"flags of a peer", "flags of peers", NULL, 1, FORM_FLAGS},
  address = {"an address", NULL, NULL, 0, FORM_ADDRESS};

/* place, place inside, BEP, key, meaning, items */
static const struct annotate_key keys[] = {
  {PLACE_TORRENT, 0, 3, "announce", "URL of the tracker", NULL},
  {PLACE_TORRENT, 0, 12, "announce-list", "trackers: a list of tiers, each a list of URLs",
   NULL},
  {PLACE_TORRENT, 0, 0, "comment", "a remark of the author", NULL},
  {PLACE_TORRENT, 0, 0, "comment.utf-8", "the same, surely in UTF-8", NULL},
  {PLACE_TORRENT, 0, 0, "created by", "the program that made the torrent", NULL},
  {PLACE_TORRENT, 0, 0, "created by.utf-8", "the same, surely in UTF-8", NULL},
  {PLACE_TORRENT, 0, 0, "creation date", "when it was made, in seconds since 1970", &date},
  {PLACE_TORRENT, 0, 0, "encoding", "character set of the texts", NULL},
  {PLACE_TORRENT, 0, 17, "httpseeds", "web seeds of the older kind", NULL},
  {PLACE_TORRENT, PLACE_INFO, 3, "info", "what the torrent holds; its bytes are what is hashed",
   NULL},
  {PLACE_TORRENT, 0, 5, "nodes", "where to enter the DHT: pairs of host and port", NULL},
  {PLACE_TORRENT, PLACE_LAYERS, 52, "piece layers", "hashes of the pieces of large files", NULL},
  {PLACE_TORRENT, 0, 35, "signatures", "signatures of publishers", NULL},
  {PLACE_TORRENT, 0, 39, "update-url", "where a newer version is", NULL},
  {PLACE_TORRENT, 0, 19, "url-list", "web seeds: URLs of the same data", NULL},

  {PLACE_INFO, 0, 38, "collections", "names of sets that it belongs to", NULL},
  {PLACE_INFO, PLACE_TREE, 52, "file tree", "files and folders of version 2", NULL},
  {PLACE_INFO, PLACE_FILE, 3, "files", "the files, in the order of their data", NULL},
  {PLACE_INFO, 0, 3, "length", "size of the only file, in bytes", NULL},
  {PLACE_INFO, 0, 0, "md5sum", "MD5 of the file, in hexadecimal", NULL},
  {PLACE_INFO, 0, 52, "meta version", "version of the format", NULL},
  {PLACE_INFO, 0, 3, "name", "name of the file, or of the folder around the files", NULL},
  {PLACE_INFO, 0, 0, "name.utf-8", "the same, surely in UTF-8", NULL},
  {PLACE_INFO, 0, 3, "piece length", "size of each piece but the last, in bytes", NULL},
  {PLACE_INFO, 0, 3, "pieces", "a hash of each piece, one behind the other", &pieces},
  {PLACE_INFO, 0, 27, "private", "1: peers may come from its trackers only", NULL},
  {PLACE_INFO, 0, 30, "root hash", "root of a tree of hashes", &sha1},
  {PLACE_INFO, 0, 38, "similar", "info hashes of torrents with the same files", &info_hash},
  {PLACE_INFO, 0, 0, "source", "the site that it is of; changes the info hash", NULL},
  {PLACE_INFO, 0, 47, "attr", "attributes: x executable, h hidden", NULL},
  {PLACE_INFO, 0, 47, "sha1", "SHA-1 of the file", &sha1},

  {PLACE_FILE, 0, 47, "attr", "attributes: p padding, x executable, h hidden, l link", NULL},
  {PLACE_FILE, 0, 3, "length", "size of the file, in bytes", NULL},
  {PLACE_FILE, 0, 0, "md5sum", "MD5 of the file, in hexadecimal", NULL},
  {PLACE_FILE, 0, 3, "path", "folders and, last, the name of the file", NULL},
  {PLACE_FILE, 0, 0, "path.utf-8", "the same, surely in UTF-8", NULL},
  {PLACE_FILE, 0, 47, "sha1", "SHA-1 of the file", &sha1},
  {PLACE_FILE, 0, 47, "symlink path", "where the symbolic link leads", NULL},

  {PLACE_TREE, PLACE_TREE_FILE, 52, "", "the file of that name", NULL},
  {PLACE_TREE, PLACE_TREE, 52, NULL, "name of a file or folder", NULL},
  {PLACE_TREE_FILE, 0, 52, "length", "size of the file, in bytes", NULL},
  {PLACE_TREE_FILE, 0, 52, "pieces root", "root of its tree of hashes", &sha256},
  {PLACE_TREE_FILE, 0, 47, "attr", "attributes: p padding, x executable, h hidden, l link",
   NULL},
  {PLACE_TREE_FILE, 0, 47, "symlink path", "where the symbolic link leads", NULL},
  {PLACE_LAYERS, 0, 52, NULL, "root of the file that these hashes are of", &layer},

  {PLACE_TRACKER, 0, 0, "complete", "how many peers have everything", NULL},
  {PLACE_TRACKER, 0, 0, "downloaded", "how many have finished so far", NULL},
  {PLACE_TRACKER, 0, 24, "external ip", "our address, as the tracker sees it", &address},
  {PLACE_TRACKER, 0, 3, "failure reason", "why there is no answer, for people", NULL},
  {PLACE_TRACKER, 0, 0, "incomplete", "how many peers lack something", NULL},
  {PLACE_TRACKER, 0, 3, "interval", "seconds until we may ask again", NULL},
  {PLACE_TRACKER, 0, 0, "min interval", "seconds below which we must not ask", NULL},
  {PLACE_TRACKER, PLACE_PEER, 23, "peers",
   "the peers: a list (BEP 3), or 4 bytes of address and 2 of port each", &peer4},
  {PLACE_TRACKER, 0, 7, "peers6", "peers with IPv6: 16 bytes and 2 of port each", &peer6},
  {PLACE_TRACKER, 0, 31, "retry in", "minutes until trying again, or \"never\"", NULL},
  {PLACE_TRACKER, 0, 0, "tracker id", "to be sent with the next request", NULL},
  {PLACE_TRACKER, 0, 0, "warning message", "a warning, for people", NULL},
  {PLACE_PEER, 0, 3, "ip", "address or name of the peer", NULL},
  {PLACE_PEER, 0, 3, "peer id", "what the peer calls itself", NULL},
  {PLACE_PEER, 0, 3, "port", "port that it listens on", NULL},

  {PLACE_SCRAPE, 0, 48, "failure reason", "why there is no answer, for people", NULL},
  {PLACE_SCRAPE, PLACE_SWARMS, 48, "files", "the swarms, by info hash", NULL},
  {PLACE_SCRAPE, PLACE_FLAGS, 48, "flags", "wishes of the tracker", NULL},
  {PLACE_FLAGS, 0, 48, "min_request_interval", "seconds between two scrapes", NULL},
  {PLACE_SWARMS, PLACE_SWARM, 48, NULL, "info hash of a torrent", NULL},
  {PLACE_SWARM, 0, 48, "complete", "how many peers have everything", NULL},
  {PLACE_SWARM, 0, 48, "downloaded", "how many have finished so far", NULL},
  {PLACE_SWARM, 0, 48, "incomplete", "how many peers lack something", NULL},
  {PLACE_SWARM, 0, 48, "name", "name of the torrent", NULL},

  {PLACE_EXTENSION, 0, 0, "complete_ago", "seconds since it had everything", NULL},
  {PLACE_EXTENSION, 0, 0, "e", "1: it prefers encrypted connections", NULL},
  {PLACE_EXTENSION, 0, 10, "ipv4", "its IPv4 address", &address},
  {PLACE_EXTENSION, 0, 10, "ipv6", "its IPv6 address", &address},
  {PLACE_EXTENSION, PLACE_EXTENSIONS, 10, "m", "extensions that it knows, each with the number "
   "that messages to it shall have", NULL},
  {PLACE_EXTENSION, 0, 9, "metadata_size", "bytes of the info dictionary", NULL},
  {PLACE_EXTENSION, 0, 10, "p", "port that it listens on", NULL},
  {PLACE_EXTENSION, 0, 10, "reqq", "how many requests it keeps waiting", NULL},
  {PLACE_EXTENSION, 0, 21, "upload_only", "1: it downloads nothing", NULL},
  {PLACE_EXTENSION, 0, 10, "v", "name and version of the client", NULL},
  {PLACE_EXTENSION, 0, 10, "yourip", "our address, as it sees it", &address},
  {PLACE_EXTENSIONS, 0, 54, "lt_donthave", "to take back a have", NULL},
  {PLACE_EXTENSIONS, 0, 21, "upload_only", "to say that it downloads nothing more", NULL},
  {PLACE_EXTENSIONS, 0, 55, "ut_holepunch", "to meet behind firewalls", NULL},
  {PLACE_EXTENSIONS, 0, 9, "ut_metadata", "to send the info dictionary", NULL},
  {PLACE_EXTENSIONS, 0, 11, "ut_pex", "to exchange addresses of peers", NULL},
  {PLACE_EXTENSIONS, 0, 10, NULL, "name of an extension", NULL},

  {PLACE_METADATA, 0, 9, "msg_type", "0 request, 1 data, 2 reject", NULL},
  {PLACE_METADATA, 0, 9, "piece", "which 16 KiB of the info dictionary", NULL},
  {PLACE_METADATA, 0, 9, "total_size", "bytes of the info dictionary", NULL},

  {PLACE_PEX, 0, 11, "added", "peers that it met", &peer4},
  {PLACE_PEX, 0, 11, "added.f", "what these can do, a byte of flags each", &flags},
  {PLACE_PEX, 0, 11, "added6", "peers with IPv6 that it met", &peer6},
  {PLACE_PEX, 0, 11, "added6.f", "what these can do, a byte of flags each", &flags},
  {PLACE_PEX, 0, 11, "dropped", "peers that it left", &peer4},
  {PLACE_PEX, 0, 11, "dropped6", "peers with IPv6 that it left", &peer6},

  {PLACE_KRPC, PLACE_QUERY, 5, "a", "arguments of the query", NULL},
  {PLACE_KRPC, 0, 5, "e", "the error: its number and a text", NULL},
  {PLACE_KRPC, 0, 42, "ip", "our address and port, as the node sees them", &peer},
  {PLACE_KRPC, 0, 5, "q", "name of the query", NULL},
  {PLACE_KRPC, PLACE_REPLY, 5, "r", "the reply", NULL},
  {PLACE_KRPC, 0, 43, "ro", "1: a guest that answers no queries", NULL},
  {PLACE_KRPC, 0, 5, "t", "which query and reply belong together", NULL},
  {PLACE_KRPC, 0, 5, "v", "client and version", NULL},
  {PLACE_KRPC, 0, 5, "y", "kind of packet: q query, r reply, e error", NULL},
  {PLACE_QUERY, 0, 44, "cas", "store only if this is still the number", NULL},
  {PLACE_QUERY, 0, 5, "id", "id of the node that asks", &node_id},
  {PLACE_QUERY, 0, 5, "implied_port", "1: take the port that the packet came from", NULL},
  {PLACE_QUERY, 0, 5, "info_hash", "the torrent in question", &info_hash},
  {PLACE_QUERY, 0, 44, "k", "public key", NULL},
  {PLACE_QUERY, 0, 33, "noseed", "1: leave out peers that have everything", NULL},
  {PLACE_QUERY, 0, 5, "port", "port that the peer listens on", NULL},
  {PLACE_QUERY, 0, 44, "salt", "tells values of one key apart", NULL},
  {PLACE_QUERY, 0, 33, "scrape", "1: say how big the swarm is", NULL},
  {PLACE_QUERY, 0, 33, "seed", "1: it has everything", NULL},
  {PLACE_QUERY, 0, 44, "seq", "number of the value, which grows", NULL},
  {PLACE_QUERY, 0, 44, "sig", "signature of the value", NULL},
  {PLACE_QUERY, 0, 5, "target", "the id that is looked for", &node_id},
  {PLACE_QUERY, 0, 5, "token", "proof that it asked from this address before", NULL},
  {PLACE_QUERY, 0, 44, "v", "the value to store", NULL},
  {PLACE_QUERY, 0, 32, "want", "kinds of nodes to answer with: n4, n6", NULL},
  {PLACE_REPLY, 0, 33, "BFpe", "Bloom filter of the peers that lack something", NULL},
  {PLACE_REPLY, 0, 33, "BFsd", "Bloom filter of the peers that have everything", NULL},
  {PLACE_REPLY, 0, 5, "id", "id of the node that answers", &node_id},
  {PLACE_REPLY, 0, 51, "interval", "seconds until other samples", NULL},
  {PLACE_REPLY, 0, 44, "k", "public key", NULL},
  {PLACE_REPLY, 0, 5, "nodes", "nodes nearer to it: id, address and port each", &node4},
  {PLACE_REPLY, 0, 32, "nodes6", "the same with IPv6", &node6},
  {PLACE_REPLY, 0, 51, "num", "how many info hashes it keeps", NULL},
  {PLACE_REPLY, 0, 51, "samples", "some of the info hashes that it keeps", &info_hash},
  {PLACE_REPLY, 0, 44, "seq", "number of the value, which grows", NULL},
  {PLACE_REPLY, 0, 44, "sig", "signature of the value", NULL},
  {PLACE_REPLY, 0, 5, "token", "to be shown when announcing to it", NULL},
  {PLACE_REPLY, 0, 44, "v", "the value that was stored", NULL},
  {PLACE_REPLY, 0, 5, "values", "peers of the torrent, an address and port each", &peer},
};

bool annotate_keys_is(const struct ben_doc *d, ben_val v, const char *key) {
  const char *s;
  size_t len;
  return bencode_str(d, v, &s, &len) && len == strlen(key) && memcmp(s, key, len) == 0;
}

/* Is `key` there with that type, if need be behind another one of the same name? */
static bool has(const struct ben_doc *d, const char *key, enum ben_type type) {
  ben_val root = bencode_root(d);
  for (ben_val k = bencode_first(d, root); k != BEN_NONE;) {
    ben_val v = bencode_next(d, root, k);
    if (annotate_keys_is(d, k, key) && bencode_is(d, v, type)) return true;
    k = bencode_next(d, root, v);
  }
  return false;
}

/* Keys that give away what a dictionary is, the surest first. A type is asked for where a key alone
 * would fit more than one. */
enum annotate_place annotate_keys_root(const struct ben_doc *d) {
  static const struct {
    const char *key;
    const char *second; /* must be there, too; NULL: none */
    enum ben_type type;
    enum annotate_place place;
  } signs[] = {
    {"info", NULL, BEN_DICT, PLACE_TORRENT},
    {"y", "t", BEN_STR, PLACE_KRPC},
    {"msg_type", NULL, BEN_INT, PLACE_METADATA},
    {"piece length", NULL, BEN_INT, PLACE_INFO},
    {"pieces", "name", BEN_STR, PLACE_INFO},
    {"m", NULL, BEN_DICT, PLACE_EXTENSION},
    {"files", NULL, BEN_DICT, PLACE_SCRAPE},
    {"interval", NULL, BEN_INT, PLACE_TRACKER},
    {"peers", NULL, BEN_STR, PLACE_TRACKER},
    {"peers", NULL, BEN_LIST, PLACE_TRACKER},
    {"failure reason", NULL, BEN_STR, PLACE_TRACKER},
    {"added", NULL, BEN_STR, PLACE_PEX},
    {"dropped", NULL, BEN_STR, PLACE_PEX},
    {"announce", NULL, BEN_STR, PLACE_TORRENT},
    {"announce-list", NULL, BEN_LIST, PLACE_TORRENT},
  };
  ben_val root = bencode_root(d);
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
    if (has(d, signs[i].key, signs[i].type) &&
        (signs[i].second == NULL || bencode_get(d, root, signs[i].second) != BEN_NONE))
      return signs[i].place;
  return PLACE_NONE;
}

const char *annotate_keys_title(enum annotate_place place) {
  static const char *const titles[PLACE_COUNT] = {
    [PLACE_TORRENT] = "a torrent file (BEP 3)",
    [PLACE_INFO] = "the info of a torrent (BEP 3), as peers send it (BEP 9)",
    [PLACE_TRACKER] = "the answer of a tracker (BEP 3)",
    [PLACE_SCRAPE] = "the answer to a scrape (BEP 48)",
    [PLACE_EXTENSION] = "a handshake of the extension protocol (BEP 10)",
    [PLACE_METADATA] = "a message of ut_metadata (BEP 9)",
    [PLACE_PEX] = "a message of ut_pex (BEP 11)",
    [PLACE_KRPC] = "a packet of the DHT (BEP 5)",
  };
  return titles[place];
}

const struct annotate_key *annotate_keys_find(enum annotate_place place, const char *key,
                                              size_t len) {
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const struct annotate_key *k = &keys[i];
    if (k->place != place || place == PLACE_NONE) continue;
    if (k->key == NULL || (strlen(k->key) == len && memcmp(k->key, key, len) == 0)) return k;
  }
  return NULL;
}

size_t annotate_keys_unit(const struct annotate_items *items, size_t len) {
  if (items == NULL || items->form == FORM_TIME || len == 0) return 0;
  if (items->unit > 0) return len % items->unit == 0 ? items->unit : 0;
  if (items->form == FORM_ADDRESS) return len == 4 || len == 16 ? len : 0;
  return len == 6 || len == 18 ? len : 0;
}
