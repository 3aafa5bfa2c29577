/*
 * version: the one place that says which weft this is.
 *
 * `weft --version`, the hello event of --json, the client name that peers see and the user agent
 * that trackers see all come from here. It grows when what people can rely on changes: commands,
 * options, exit codes, events, the resume record.
 */
#ifndef WEFT_BASE_VERSION_H
#define WEFT_BASE_VERSION_H

#define WEFT_VERSION "0.1"

/* How a peer id begins (BEP 20): two letters for the client, four digits of its version. Twelve
 * random bytes follow. */
#define WEFT_PEER_ID_START "-WF0100-"

#endif
