/*
 * http_redact: URLs made fit for being seen.
 *
 * The announce URL of a private tracker is a secret: whoever has the passkey in it downloads in its
 * owner's name, and logs get pasted into bug reports. What is hidden here: user names and
 * passwords, the values of a query, and path elements that look like keys. Bytes that are not
 * visible ASCII come out as %XX, so a host's name can't imitate another one with foreign letters.
 *
 * Pure text work: any bytes will do, nothing has to be a valid URL. http_redact() itself is
 * declared in io/http.h, for those who fetch.
 */
#ifndef WEFT_IO_HTTP_REDACT_H
#define WEFT_IO_HTTP_REDACT_H

#include <stddef.h>

/* "host" or "host:port" of a URL, without user info; "" if it has no "://". Writes at most `size`
 * > 0 bytes with NUL; returns `out`. */
const char *http_redact_host(const char *url, char *out, size_t size);

#endif
