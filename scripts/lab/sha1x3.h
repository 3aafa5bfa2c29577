/*
 * sha1x3.h: SHA-1 of up to three streams at once.
 *
 * A processor with the SHA extensions spends most of a single SHA-1 waiting: every round needs the
 * one before it. Three independent streams whose rounds alternate fill that wait, and together run
 * about three times as fast as one. Without the extensions the streams go one after the other
 * through OpenSSL, and nothing but the speed is different.
 */
#ifndef LAB_SHA1X3_H
#define LAB_SHA1X3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA1X3_LANES 3

/* One stream. Zero-initialise it once, then begin, update, end as often as you like. */
struct sha1x3 {
    uint32_t h[5];
    uint64_t length; /* bytes hashed so far */
    uint8_t rest[64];
    size_t rest_used;
    void *evp; /* OpenSSL's context, where there are no SHA extensions */
};

/* True when the processor has the extensions that this file wants. */
bool sha1x3_accelerated(void);

/* Starts a stream anew. */
void sha1x3_begin(struct sha1x3 *stream);

/*
 * Feeds `count` (1 to 3) different streams, stream i with the length[i] bytes at data[i]. Fastest
 * when the lengths are equal and multiples of 64. Different streams may be fed by different
 * threads.
 */
void sha1x3_update(struct sha1x3 *const streams[], const uint8_t *const data[],
                   const size_t length[], size_t count);

/* Writes the digest of all that was fed. The stream may then begin again. */
void sha1x3_end(struct sha1x3 *stream, uint8_t digest[static 20]);

#endif
