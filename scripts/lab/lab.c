/*
 * lab.c: clock, death, sizes and address ranges for the programs of the laboratory (see lab.h).
 *
 * Nothing here knows the protocol. Address ranges exist because one seeder process serves many
 * addresses: clients keep one connection per address, so a swarm of 1,000 needs 1,000 of them.
 */
#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double lab_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void lab_die(const char *format, ...) {
    int error = errno;
    va_list arguments;

    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    if (error != 0) fprintf(stderr, ": %s", strerror(error));
    fputc('\n', stderr);
    exit(1);
}

void *lab_alloc(size_t bytes) {
    void *memory = calloc(1, bytes > 0 ? bytes : 1);
    if (memory == NULL) lab_die("no memory for %zu bytes", bytes);
    return memory;
}

bool lab_size(const char *text, uint64_t *out) {
    static const char letters[] = "kMGT";
    char *end;
    uint64_t unit = 1;

    errno = 0;
    double number = strtod(text, &end);
    if (end == text || errno != 0 || !(number >= 0)) return false;
    const char *letter = *end != '\0' ? strchr(*end == 'K' ? "K" : letters, *end) : NULL;
    if (letter != NULL) {
        size_t power = *end == 'K' ? 1 : (size_t)(letter - letters) + 1;
        uint64_t base = end[1] == 'i' ? 1024 : 1000;
        end += end[1] == 'i' ? 2 : 1;
        for (size_t i = 0; i < power; i++) unit *= base;
    }
    if (*end != '\0' || number * (double)unit > 9e18) return false;
    *out = (uint64_t)(number * (double)unit + 0.5);
    return true;
}

/* How many addresses "IP", "IP-LAST" or "IP+COUNT" names; cuts the text after the first IP. */
static size_t range_count(char *text, const char *whole) {
    char *mark = strpbrk(text, "-+");
    size_t count = 1;

    if (mark == NULL) return 1;
    unsigned long number = strtoul(mark + 1, NULL, 10);
    if (*mark == '+') {
        count = number;
    } else {
        const char *octet = strrchr(text, '.');
        unsigned long first = octet != NULL ? strtoul(octet + 1, NULL, 10) : 0;
        if (number < first || number > 255) lab_die("no address range: %s", whole);
        count = number - first + 1;
    }
    *mark = '\0';
    if (count == 0 || count > 100000) lab_die("no address range: %s", whole);
    return count;
}

struct sockaddr_in *lab_range(const char *text, size_t *count) {
    char copy[64];
    struct in_addr first;

    errno = 0;
    snprintf(copy, sizeof copy, "%s", text);
    char *colon = strrchr(copy, ':');
    if (colon == NULL) lab_die("no port in address: %s", text);
    *colon = '\0';
    unsigned long port = strtoul(colon + 1, NULL, 10);
    size_t n = range_count(copy, text);
    if (port > 65535 || inet_pton(AF_INET, copy, &first) != 1) lab_die("no address: %s", text);

    struct sockaddr_in *list = lab_alloc(n * sizeof *list);
    uint32_t host = ntohl(first.s_addr);
    for (size_t i = 0; i < n; host++) {
        if (n > 1 && ((host & 255) == 0 || (host & 255) == 255)) continue;
        list[i].sin_family = AF_INET;
        list[i].sin_port = htons((uint16_t)port);
        list[i].sin_addr.s_addr = htonl(host);
        i++;
    }
    *count = n;
    return list;
}

void lab_addr_text(const struct sockaddr_in *addr, char out[static 32]) {
    char ip[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &addr->sin_addr, ip, sizeof ip);
    snprintf(out, 32, "%s:%u", ip, ntohs(addr->sin_port));
}

uint64_t lab_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}
