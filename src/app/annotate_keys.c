#include "app/annotate_keys.h"

#include <string.h>

enum { SHA1 = 20, SHA256 = 32, COMPACT4 = 6, COMPACT6 = 18, NODE4 = 26, NODE6 = 38 };

#define SHA1S "SHA-1 hashes"
#define SHA256S "SHA-256 hashes"
#define PEERS "peers"
#define NODES "nodes"

/* place, place inside, BEP, bytes of an item, key, meaning, items */
static const struct annotate_key keys[] = {
  {PLACE_TORRENT, 0, 3, 0, "announce", "URL of the tracker", NULL},
  {PLACE_TORRENT, 0, 12, 0, "announce-list", "trackers: a list of tiers, each a list of URLs",
   NULL},
  {PLACE_TORRENT, 0, 0, 0, "comment", "a remark of the author", NULL},
  {PLACE_TORRENT, 0, 0, 0, "comment.utf-8", "the same, surely in UTF-8", NULL},
  {PLACE_TORRENT, 0, 0, 0, "created by", "the program that made the torrent", NULL},
  {PLACE_TORRENT, 0, 0, 0, "created by.utf-8", "the same, surely in UTF-8", NULL},
  {PLACE_TORRENT, 0, 0, 0, "creation date", "when it was made, in seconds since 1970", "date"},
  {PLACE_TORRENT, 0, 0, 0, "encoding", "character set of the texts", NULL},
  {PLACE_TORRENT, 0, 17, 0, "httpseeds", "web seeds of the older kind", NULL},
  {PLACE_TORRENT, PLACE_INFO, 3, 0, "info", "what the torrent holds; its bytes are what is hashed",
   NULL},
  {PLACE_TORRENT, 0, 5, 0, "nodes", "where to enter the DHT: pairs of host and port", NULL},
  {PLACE_TORRENT, PLACE_LAYERS, 52, 0, "piece layers", "hashes of the pieces of large files", NULL},
  {PLACE_TORRENT, 0, 35, 0, "signatures", "signatures of publishers", NULL},
  {PLACE_TORRENT, 0, 39, 0, "update-url", "where a newer version is", NULL},
  {PLACE_TORRENT, 0, 19, 0, "url-list", "web seeds: URLs of the same data", NULL},

  {PLACE_INFO, 0, 38, 0, "collections", "names of sets that it belongs to", NULL},
  {PLACE_INFO, PLACE_TREE, 52, 0, "file tree", "files and folders of version 2", NULL},
  {PLACE_INFO, PLACE_FILE, 3, 0, "files", "the files, in the order of their data", NULL},
  {PLACE_INFO, 0, 3, 0, "length", "size of the only file, in bytes", NULL},
  {PLACE_INFO, 0, 0, 0, "md5sum", "MD5 of the file, in hexadecimal", NULL},
  {PLACE_INFO, 0, 52, 0, "meta version", "version of the format", NULL},
  {PLACE_INFO, 0, 3, 0, "name", "name of the file, or of the folder around the files", NULL},
  {PLACE_INFO, 0, 0, 0, "name.utf-8", "the same, surely in UTF-8", NULL},
  {PLACE_INFO, 0, 3, 0, "piece length", "size of each piece but the last, in bytes", NULL},
  {PLACE_INFO, 0, 3, SHA1, "pieces", "a hash of each piece, one behind the other", SHA1S},
  {PLACE_INFO, 0, 27, 0, "private", "1: peers may come from its trackers only", NULL},
  {PLACE_INFO, 0, 30, SHA1, "root hash", "root of a tree of hashes", SHA1S},
  {PLACE_INFO, 0, 38, SHA1, "similar", "info hashes of torrents with the same files", SHA1S},
  {PLACE_INFO, 0, 0, 0, "source", "the site that it is of; changes the info hash", NULL},
  {PLACE_INFO, 0, 47, 0, "attr", "attributes: x executable, h hidden", NULL},
  {PLACE_INFO, 0, 47, SHA1, "sha1", "SHA-1 of the file", SHA1S},

  {PLACE_FILE, 0, 47, 0, "attr", "attributes: p padding, x executable, h hidden, l link", NULL},
  {PLACE_FILE, 0, 3, 0, "length", "size of the file, in bytes", NULL},
  {PLACE_FILE, 0, 0, 0, "md5sum", "MD5 of the file, in hexadecimal", NULL},
  {PLACE_FILE, 0, 3, 0, "path", "folders and, last, the name of the file", NULL},
  {PLACE_FILE, 0, 0, 0, "path.utf-8", "the same, surely in UTF-8", NULL},
  {PLACE_FILE, 0, 47, SHA1, "sha1", "SHA-1 of the file", SHA1S},
  {PLACE_FILE, 0, 47, 0, "symlink path", "where the symbolic link leads", NULL},

  {PLACE_TREE, PLACE_TREE_FILE, 52, 0, "", "the file of that name", NULL},
  {PLACE_TREE, PLACE_TREE, 52, 0, NULL, "name of a file or folder", NULL},
  {PLACE_TREE_FILE, 0, 52, 0, "length", "size of the file, in bytes", NULL},
  {PLACE_TREE_FILE, 0, 52, SHA256, "pieces root", "root of its tree of hashes", SHA256S},
  {PLACE_TREE_FILE, 0, 47, 0, "attr", "attributes: p padding, x executable, h hidden, l link",
   NULL},
  {PLACE_TREE_FILE, 0, 47, 0, "symlink path", "where the symbolic link leads", NULL},
  {PLACE_LAYERS, 0, 52, SHA256, NULL, "root of the file that these hashes are of", SHA256S},

  {PLACE_TRACKER, 0, 0, 0, "complete", "how many peers have everything", NULL},
  {PLACE_TRACKER, 0, 0, 0, "downloaded", "how many have finished so far", NULL},
  {PLACE_TRACKER, 0, 24, 0, "external ip", "our address, as the tracker sees it", NULL},
  {PLACE_TRACKER, 0, 3, 0, "failure reason", "why there is no answer, for people", NULL},
  {PLACE_TRACKER, 0, 0, 0, "incomplete", "how many peers lack something", NULL},
  {PLACE_TRACKER, 0, 3, 0, "interval", "seconds until we may ask again", NULL},
  {PLACE_TRACKER, 0, 0, 0, "min interval", "seconds below which we must not ask", NULL},
  {PLACE_TRACKER, PLACE_PEER, 23, COMPACT4, "peers",
   "the peers: a list (BEP 3), or 4 bytes of address and 2 of port each", PEERS},
  {PLACE_TRACKER, 0, 7, COMPACT6, "peers6", "peers with IPv6: 16 bytes and 2 of port each", PEERS},
  {PLACE_TRACKER, 0, 31, 0, "retry in", "minutes until trying again, or \"never\"", NULL},
  {PLACE_TRACKER, 0, 0, 0, "tracker id", "to be sent with the next request", NULL},
  {PLACE_TRACKER, 0, 0, 0, "warning message", "a warning, for people", NULL},
  {PLACE_PEER, 0, 3, 0, "ip", "address or name of the peer", NULL},
  {PLACE_PEER, 0, 3, 0, "peer id", "what the peer calls itself", NULL},
  {PLACE_PEER, 0, 3, 0, "port", "port that it listens on", NULL},

  {PLACE_SCRAPE, 0, 48, 0, "failure reason", "why there is no answer, for people", NULL},
  {PLACE_SCRAPE, PLACE_SWARMS, 48, 0, "files", "the swarms, by info hash", NULL},
  {PLACE_SCRAPE, PLACE_FLAGS, 48, 0, "flags", "wishes of the tracker", NULL},
  {PLACE_FLAGS, 0, 48, 0, "min_request_interval", "seconds between two scrapes", NULL},
  {PLACE_SWARMS, PLACE_SWARM, 48, 0, NULL, "info hash of a torrent", NULL},
  {PLACE_SWARM, 0, 48, 0, "complete", "how many peers have everything", NULL},
  {PLACE_SWARM, 0, 48, 0, "downloaded", "how many have finished so far", NULL},
  {PLACE_SWARM, 0, 48, 0, "incomplete", "how many peers lack something", NULL},
  {PLACE_SWARM, 0, 48, 0, "name", "name of the torrent", NULL},

  {PLACE_EXTENSION, 0, 0, 0, "complete_ago", "seconds since it had everything", NULL},
  {PLACE_EXTENSION, 0, 0, 0, "e", "1: it prefers encrypted connections", NULL},
  {PLACE_EXTENSION, 0, 10, 0, "ipv4", "its IPv4 address", NULL},
  {PLACE_EXTENSION, 0, 10, 0, "ipv6", "its IPv6 address", NULL},
  {PLACE_EXTENSION, PLACE_EXTENSIONS, 10, 0, "m", "extensions that it knows, each with the number "
   "that messages to it shall have", NULL},
  {PLACE_EXTENSION, 0, 9, 0, "metadata_size", "bytes of the info dictionary", NULL},
  {PLACE_EXTENSION, 0, 10, 0, "p", "port that it listens on", NULL},
  {PLACE_EXTENSION, 0, 10, 0, "reqq", "how many requests it keeps waiting", NULL},
  {PLACE_EXTENSION, 0, 21, 0, "upload_only", "1: it downloads nothing", NULL},
  {PLACE_EXTENSION, 0, 10, 0, "v", "name and version of the client", NULL},
  {PLACE_EXTENSION, 0, 10, 0, "yourip", "our address, as it sees it", NULL},
  {PLACE_EXTENSIONS, 0, 54, 0, "lt_donthave", "to take back a have", NULL},
  {PLACE_EXTENSIONS, 0, 21, 0, "upload_only", "to say that it downloads nothing more", NULL},
  {PLACE_EXTENSIONS, 0, 55, 0, "ut_holepunch", "to meet behind firewalls", NULL},
  {PLACE_EXTENSIONS, 0, 9, 0, "ut_metadata", "to send the info dictionary", NULL},
  {PLACE_EXTENSIONS, 0, 11, 0, "ut_pex", "to exchange addresses of peers", NULL},
  {PLACE_EXTENSIONS, 0, 10, 0, NULL, "name of an extension", NULL},

  {PLACE_METADATA, 0, 9, 0, "msg_type", "0 request, 1 data, 2 reject", NULL},
  {PLACE_METADATA, 0, 9, 0, "piece", "which 16 KiB of the info dictionary", NULL},
  {PLACE_METADATA, 0, 9, 0, "total_size", "bytes of the info dictionary", NULL},

  {PLACE_PEX, 0, 11, COMPACT4, "added", "peers that it met", PEERS},
  {PLACE_PEX, 0, 11, 1, "added.f", "what these can do, a byte of flags each", "flags"},
  {PLACE_PEX, 0, 11, COMPACT6, "added6", "peers with IPv6 that it met", PEERS},
  {PLACE_PEX, 0, 11, 1, "added6.f", "what these can do, a byte of flags each", "flags"},
  {PLACE_PEX, 0, 11, COMPACT4, "dropped", "peers that it left", PEERS},
  {PLACE_PEX, 0, 11, COMPACT6, "dropped6", "peers with IPv6 that it left", PEERS},

  {PLACE_KRPC, PLACE_QUERY, 5, 0, "a", "arguments of the query", NULL},
  {PLACE_KRPC, 0, 5, 0, "e", "the error: its number and a text", NULL},
  {PLACE_KRPC, 0, 42, 0, "ip", "our address and port, as the node sees them", NULL},
  {PLACE_KRPC, 0, 5, 0, "q", "name of the query", NULL},
  {PLACE_KRPC, PLACE_REPLY, 5, 0, "r", "the reply", NULL},
  {PLACE_KRPC, 0, 43, 0, "ro", "1: a guest that answers no queries", NULL},
  {PLACE_KRPC, 0, 5, 0, "t", "which query and reply belong together", NULL},
  {PLACE_KRPC, 0, 5, 0, "v", "client and version", NULL},
  {PLACE_KRPC, 0, 5, 0, "y", "kind of packet: q query, r reply, e error", NULL},
  {PLACE_QUERY, 0, 44, 0, "cas", "store only if this is still the number", NULL},
  {PLACE_QUERY, 0, 5, 0, "id", "id of the node that asks", NULL},
  {PLACE_QUERY, 0, 5, 0, "implied_port", "1: take the port that the packet came from", NULL},
  {PLACE_QUERY, 0, 5, 0, "info_hash", "the torrent in question", NULL},
  {PLACE_QUERY, 0, 44, 0, "k", "public key", NULL},
  {PLACE_QUERY, 0, 33, 0, "noseed", "1: leave out peers that have everything", NULL},
  {PLACE_QUERY, 0, 5, 0, "port", "port that the peer listens on", NULL},
  {PLACE_QUERY, 0, 44, 0, "salt", "tells values of one key apart", NULL},
  {PLACE_QUERY, 0, 33, 0, "scrape", "1: say how big the swarm is", NULL},
  {PLACE_QUERY, 0, 33, 0, "seed", "1: it has everything", NULL},
  {PLACE_QUERY, 0, 44, 0, "seq", "number of the value, which grows", NULL},
  {PLACE_QUERY, 0, 44, 0, "sig", "signature of the value", NULL},
  {PLACE_QUERY, 0, 5, 0, "target", "the id that is looked for", NULL},
  {PLACE_QUERY, 0, 5, 0, "token", "proof that it asked from this address before", NULL},
  {PLACE_QUERY, 0, 44, 0, "v", "the value to store", NULL},
  {PLACE_QUERY, 0, 32, 0, "want", "kinds of nodes to answer with: n4, n6", NULL},
  {PLACE_REPLY, 0, 33, 0, "BFpe", "Bloom filter of the peers that lack something", NULL},
  {PLACE_REPLY, 0, 33, 0, "BFsd", "Bloom filter of the peers that have everything", NULL},
  {PLACE_REPLY, 0, 5, 0, "id", "id of the node that answers", NULL},
  {PLACE_REPLY, 0, 51, 0, "interval", "seconds until other samples", NULL},
  {PLACE_REPLY, 0, 44, 0, "k", "public key", NULL},
  {PLACE_REPLY, 0, 5, NODE4, "nodes", "nodes nearer to it: id, address and port each", NODES},
  {PLACE_REPLY, 0, 32, NODE6, "nodes6", "the same with IPv6", NODES},
  {PLACE_REPLY, 0, 51, 0, "num", "how many info hashes it keeps", NULL},
  {PLACE_REPLY, 0, 51, SHA1, "samples", "some of the info hashes that it keeps", "info hashes"},
  {PLACE_REPLY, 0, 44, 0, "seq", "number of the value, which grows", NULL},
  {PLACE_REPLY, 0, 44, 0, "sig", "signature of the value", NULL},
  {PLACE_REPLY, 0, 5, 0, "token", "to be shown when announcing to it", NULL},
  {PLACE_REPLY, 0, 44, 0, "v", "the value that was stored", NULL},
  {PLACE_REPLY, 0, 5, 0, "values", "peers of the torrent, an address and port each", NULL},
};

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
    if (bencode_get_typed(d, root, signs[i].key, signs[i].type) != BEN_NONE &&
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
