/*
 * lab.h: the few things that the programs of the laboratory share.
 *
 * The laboratory is the swarm that weft is measured in: a seeder that costs as little as a seeder
 * can, a floor program that shows the least any downloader can cost, and a link that holds packets
 * back. None of it includes anything of weft's own sources, on purpose: a yardstick must not
 * bend with the thing it measures.
 *
 * These are programs that live for one run and then end, so a failure that no run can survive
 * (no memory, no such file) ends the process through lab_die instead of travelling upwards.
 */
#ifndef LAB_H
#define LAB_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The size of a block: what every client asks for at a time (BEP 3 by custom, not by text). */
#define LAB_BLOCK 16384U
/* What stands before a block on the wire: [length 4][id = 7][index 4][begin 4]. */
#define LAB_HEADER 13U

/* Seconds on the monotonic clock; comparable between processes of one machine. Does not wait. */
double lab_now(void);

/* Prints "PROGRAM: MESSAGE" and, when errno is not 0, its text on stderr; exits with status 1. */
_Noreturn void lab_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* malloc of `bytes` zeroed bytes, aligned for anything; dies when there are none. You own it. */
void *lab_alloc(size_t bytes);

/*
 * Reads a size such as 512, 16Ki, 8M (k M G: powers of 1000; Ki Mi Gi: powers of 1024) into *out.
 * Returns true, or false when the text is no such number.
 */
bool lab_size(const char *text, uint64_t *out);

/*
 * Reads "IP:PORT", "IP-LAST:PORT" (last octet of the last address) or "IP+COUNT:PORT" (COUNT
 * addresses, leaving out those that end in .0 or .255) into a new array.
 * Returns the array, which you free, with its length in *count; dies when the text is no range.
 */
struct sockaddr_in *lab_range(const char *text, size_t *count);

/* Writes "IP:PORT" of an address into out. */
void lab_addr_text(const struct sockaddr_in *addr, char out[static 32]);

/* The next number of a seeded random series (splitmix64); *state is its memory. */
uint64_t lab_random(uint64_t *state);

/* Big-endian 32-bit numbers, the byte order of every number in the protocol. */
static inline uint32_t lab_get32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void lab_put32(uint8_t *p, uint32_t value) {
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

#endif
