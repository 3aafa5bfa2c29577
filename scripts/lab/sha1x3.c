/*
 * sha1x3.c: SHA-1 of up to three streams at once, with the SHA extensions of x86 (see sha1x3.h).
 *
 * SHA-1 works on blocks of 64 bytes: sixteen words, stretched to eighty by a recurrence, and eighty
 * rounds that stir one word each into five words of state. The extensions do four rounds per
 * instruction; a block is twenty such quads. Four of the five state words sit in one register
 * (abcd), the fifth (e) beside it; the last sixteen words of the schedule are four registers (m).
 *
 * In the functions below the quads of different streams stand next to each other, ready to run side
 * by side.
 */
#include "sha1x3.h"

#include "lab.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

/*
 * Quad number Q (0 to 19) of lane L; F = Q / 5 picks the round function. The lanes are separate
 * variables and not an array, so that they live in registers. The empty asm keeps the compiler from
 * sending the state, which the next quad waits for, through memory (worth 3 to 8 %).
 */
#define QUAD(L, Q, F)                                                                             \
    {                                                                                             \
        if ((Q) < 4) {                                                                            \
            const uint8_t *at = L##_data + ((Q) & 3) * 16;                                        \
            L##_m[(Q) & 3] = _mm_shuffle_epi8(_mm_loadu_si128((const void *)at), swap);           \
        } else {                                                                                  \
            __m128i w = _mm_sha1msg1_epu32(L##_m[(Q) & 3], L##_m[((Q) + 1) & 3]);                 \
            w = _mm_xor_si128(w, L##_m[((Q) + 2) & 3]);                                           \
            L##_m[(Q) & 3] = _mm_sha1msg2_epu32(w, L##_m[((Q) + 3) & 3]);                         \
        }                                                                                         \
        __m128i in = (Q) == 0 ? _mm_add_epi32(L##_e, L##_m[0])                                    \
                              : _mm_sha1nexte_epu32(L##_e, L##_m[(Q) & 3]);                       \
        L##_e = L##_abcd;                                                                         \
        L##_abcd = _mm_sha1rnds4_epu32(L##_abcd, in, F);                                          \
        __asm__("" : "+x"(L##_abcd), "+x"(L##_e));                                                \
    }

#define LOAD(L, I)                                                                                \
    const uint8_t *L##_data = data[I];                                                            \
    __m128i L##_m[4];                                                                             \
    __m128i L##_abcd = _mm_shuffle_epi32(_mm_loadu_si128((const void *)h[I]), 0x1b);              \
    __m128i L##_e = _mm_set_epi32((int)h[I][4], 0, 0, 0);

#define KEEP(L) __m128i L##_abcd_kept = L##_abcd, L##_e_kept = L##_e;

#define ADD(L)                                                                                    \
    L##_e = _mm_sha1nexte_epu32(L##_e, L##_e_kept);                                               \
    L##_abcd = _mm_add_epi32(L##_abcd, L##_abcd_kept);                                            \
    L##_data += 64;

#define STORE(L, I)                                                                               \
    _mm_storeu_si128((void *)h[I], _mm_shuffle_epi32(L##_abcd, 0x1b));                            \
    h[I][4] = (uint32_t)_mm_extract_epi32(L##_e, 3);

/* X(Q, F) for the twenty quads. */
#define TWENTY(X)                                                                                 \
    X(0, 0) X(1, 0) X(2, 0) X(3, 0) X(4, 0) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1)               \
    X(10, 2) X(11, 2) X(12, 2) X(13, 2) X(14, 2) X(15, 3) X(16, 3) X(17, 3) X(18, 3) X(19, 3)

#define SHA_TARGET __attribute__((target("sha,sse4.1")))
#define SWAP_BYTES _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f)

SHA_TARGET static void one_lane(uint32_t *const h[], const uint8_t *const data[], size_t blocks) {
    const __m128i swap = SWAP_BYTES;
    LOAD(a, 0)
    for (; blocks > 0; blocks--) {
        KEEP(a)
#define QUADS(Q, F) QUAD(a, Q, F)
        TWENTY(QUADS)
#undef QUADS
        ADD(a)
    }
    STORE(a, 0)
}

SHA_TARGET static void two_lanes(uint32_t *const h[], const uint8_t *const data[], size_t blocks) {
    const __m128i swap = SWAP_BYTES;
    LOAD(a, 0) LOAD(b, 1)
    for (; blocks > 0; blocks--) {
        KEEP(a) KEEP(b)
#define QUADS(Q, F) QUAD(a, Q, F) QUAD(b, Q, F)
        TWENTY(QUADS)
#undef QUADS
        ADD(a) ADD(b)
    }
    STORE(a, 0) STORE(b, 1)
}

SHA_TARGET static void three_lanes(uint32_t *const h[], const uint8_t *const data[],
                                   size_t blocks) {
    const __m128i swap = SWAP_BYTES;
    LOAD(a, 0) LOAD(b, 1) LOAD(c, 2)
    for (; blocks > 0; blocks--) {
        KEEP(a) KEEP(b) KEEP(c)
#define QUADS(Q, F) QUAD(a, Q, F) QUAD(b, Q, F) QUAD(c, Q, F)
        TWENTY(QUADS)
#undef QUADS
        ADD(a) ADD(b) ADD(c)
    }
    STORE(a, 0) STORE(b, 1) STORE(c, 2)
}

bool sha1x3_accelerated(void) {
    static atomic_int known; /* asked once: CPUID is slow in virtual machines. 0: not yet */
    unsigned a, b, c, d;

    int answer = atomic_load_explicit(&known, memory_order_relaxed);
    if (answer == 0) {
        answer = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1) != 0 ? 1 : -1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer > 0;
}

static void run_lanes(uint32_t *const h[], const uint8_t *const data[], size_t lanes,
                      size_t blocks) {
    if (lanes == 3) {
        three_lanes(h, data, blocks);
    } else if (lanes == 2) {
        two_lanes(h, data, blocks);
    } else {
        one_lane(h, data, blocks);
    }
}

#else

bool sha1x3_accelerated(void) {
    return false;
}

static void run_lanes(uint32_t *const h[], const uint8_t *const data[], size_t lanes,
                      size_t blocks) {
    (void)h, (void)data, (void)lanes, (void)blocks;
    lab_die("no SHA extensions");
}

#endif

void sha1x3_begin(struct sha1x3 *s) {
    static const uint32_t initial[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};

    memcpy(s->h, initial, sizeof initial);
    s->length = 0;
    s->rest_used = 0;
    if (sha1x3_accelerated()) return;
    if (s->evp == NULL) s->evp = EVP_MD_CTX_new();
    if (s->evp == NULL || !EVP_DigestInit_ex(s->evp, EVP_sha1(), NULL)) lab_die("SHA-1");
}

/* Fills up and hashes a block that an earlier update left unfinished. */
static void finish_rest(struct sha1x3 *s, const uint8_t **data, size_t *length) {
    if (s->rest_used == 0) return;
    size_t n = 64 - s->rest_used < *length ? 64 - s->rest_used : *length;
    memcpy(s->rest + s->rest_used, *data, n);
    s->rest_used += n;
    *data += n;
    *length -= n;
    if (s->rest_used < 64) return;
    run_lanes((uint32_t *[]){s->h}, (const uint8_t *[]){s->rest}, 1, 1);
    s->rest_used = 0;
}

/* Hashes as many whole blocks as all lanes have; drops the lanes that have no more. */
static size_t common_blocks(uint32_t *h[], const uint8_t *data[], size_t left[], size_t lanes) {
    size_t least = SIZE_MAX, kept = 0;

    for (size_t i = 0; i < lanes; i++) least = left[i] < least ? left[i] : least;
    run_lanes(h, data, lanes, least);
    for (size_t i = 0; i < lanes; i++) {
        if (left[i] == least) continue;
        h[kept] = h[i];
        data[kept] = data[i] + least * 64;
        left[kept++] = left[i] - least;
    }
    return kept;
}

void sha1x3_update(struct sha1x3 *const streams[], const uint8_t *const data[],
                   const size_t length[], size_t count) {
    uint32_t *h[SHA1X3_LANES];
    const uint8_t *blocks[SHA1X3_LANES];
    size_t left[SHA1X3_LANES], lanes = 0;

    for (size_t i = 0; i < count; i++) {
        struct sha1x3 *s = streams[i];
        const uint8_t *at = data[i];
        size_t n = length[i];
        s->length += n;
        if (s->evp != NULL) {
            EVP_DigestUpdate(s->evp, at, n);
            continue;
        }
        finish_rest(s, &at, &n);
        if (n % 64 > 0) {
            memcpy(s->rest, at + n - n % 64, n % 64);
            s->rest_used = n % 64;
        }
        if (n < 64) continue;
        h[lanes] = s->h;
        blocks[lanes] = at;
        left[lanes++] = n / 64;
    }
    while (lanes > 0) lanes = common_blocks(h, blocks, left, lanes);
}

void sha1x3_end(struct sha1x3 *s, uint8_t digest[static 20]) {
    uint8_t end[128] = {0};
    uint64_t bits = s->length * 8;
    size_t n = s->rest_used;

    if (s->evp != NULL) {
        EVP_DigestFinal_ex(s->evp, digest, NULL);
        return;
    }
    memcpy(end, s->rest, n);
    end[n] = 0x80;
    size_t blocks = n < 56 ? 1 : 2;
    lab_put32(end + blocks * 64 - 8, (uint32_t)(bits >> 32));
    lab_put32(end + blocks * 64 - 4, (uint32_t)bits);
    run_lanes((uint32_t *[]){s->h}, (const uint8_t *[]){end}, 1, blocks);
    for (int i = 0; i < 5; i++) lab_put32(digest + 4 * i, s->h[i]);
}
