/*
 * SHA-1 (FIPS 180-4) with the SHA instructions of x86-64, one to four hashes side by side.
 *
 * Why side by side: SHA-1 is a chain. Each four rounds need the result of the four before, and the
 * instruction that computes them, sha1rnds4, delivers after about six cycles, although the
 * processor could begin another every two. One hash leaves it idle two thirds of the time, and no
 * cleverness inside that hash can change it. Different hashes need nothing from each other: written
 * so that their rounds alternate, each fills the others' gaps. Six over two makes three lanes, if
 * nothing ever comes late; something does, and the fourth lane makes up for it.
 *
 * The registers: a lane needs its words a..d in one, e in another, and four for the last sixteen
 * words of the message. Three lanes would want 18 of the 16 there are, and what the compiler moves
 * to the stack is as likely as not in the chain that decides the speed. But the message words
 * depend on nothing but the message. So they are prepared one block ahead, into memory:
 *
 *     the rounds of block n     all lanes alternating, words from memory   2 registers a lane
 *     the words of block n + 1  one lane after the other, in the gaps      4 registers in all
 *
 * The lane counts are one piece of source: `run_lanes` is inlined four times with a constant
 * `lanes`, and what a smaller count has no use for falls away.
 */
#include "base/sha1_ni.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>

/* These functions may use the instructions although the rest of the program is built without. */
#define TARGET_NI __attribute__((target("sha,sse4.1,ssse3")))
#define TARGET_NI_INLINE TARGET_NI static inline __attribute__((always_inline))

/* A block is 80 rounds, done in groups of four; a group needs four words of 32 bits. */
#define GROUPS 20

static pthread_once_t detect_once = PTHREAD_ONCE_INIT;
static bool detected;

static void detect(void) {
  unsigned eax, ebx, ecx, edx;
  const unsigned need = bit_SSSE3 | bit_SSE4_1;

  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & need) != need)
    return;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
    detected = (ebx & bit_SHA) != 0;
}

bool sha1_ni_usable(void) {
  return pthread_once(&detect_once, detect) == 0 && detected;
}

/*
 * Makes the compiler compute x before whatever comes below that is marked in the same way. Left
 * alone it sorts the lanes apart again, which is correct and slower. Costs no instruction.
 */
#define IN_THIS_ORDER(x) __asm__ volatile("" : "+x"(x))

/*
 * The instructions want word a in the highest quarter of a register and memory holds it first, so
 * what is loaded is reversed: the state by words, the message by bytes (SHA-1 is big-endian).
 */
TARGET_NI_INLINE __m128i load_state(const uint32_t *state) {
  return _mm_shuffle_epi32(_mm_loadu_si128((const void *)state), 0x1B);
}

TARGET_NI_INLINE __m128i load_message(const uint8_t *data) {
  return _mm_shuffle_epi8(_mm_loadu_si128((const void *)data),
                          _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f));
}

/*
 * Words 4g .. 4g+3 of a block, to `words[g]`. The first sixteen are the block itself; after them
 *
 *     W[t] = rotate1(W[t-3] ^ W[t-8] ^ W[t-14] ^ W[t-16])
 *
 * where sha1msg1 does the two oldest terms, an exclusive or the middle one, and sha1msg2 the newest
 * and the rotation. `ring` holds the last four groups, group g in `ring[g % 4]`.
 */
TARGET_NI_INLINE void prepare_group(__m128i words[static GROUPS], __m128i ring[static 4],
                                    const uint8_t *block, int g) {
  __m128i x;

  if (g < 4) {
    x = load_message(block + 16 * g);
  } else {
    x = _mm_sha1msg1_epu32(ring[g % 4], ring[(g + 1) % 4]);
    x = _mm_xor_si128(x, ring[(g + 2) % 4]);
    x = _mm_sha1msg2_epu32(x, ring[(g + 3) % 4]);
  }
  IN_THIS_ORDER(x);
  ring[g % 4] = x;
  words[g] = x;
}

/* All words of one block: how each lane starts. */
TARGET_NI static void prepare_block(__m128i words[static GROUPS], const uint8_t *block) {
  __m128i ring[4];

  for (int g = 0; g < GROUPS; g += 4) {
    prepare_group(words, ring, block, g);
    prepare_group(words, ring, block, g + 1);
    prepare_group(words, ring, block, g + 2);
    prepare_group(words, ring, block, g + 3);
  }
}

/* OP for each lane. These are macros because lanes live in registers, which have no index. */
#define EACH_LANE(OP, g) \
  do { \
    OP(0, g); \
    if (lanes > 1) \
      OP(1, g); \
    if (lanes > 2) \
      OP(2, g); \
    if (lanes > 3) \
      OP(3, g); \
  } while (0)

/*
 * Four rounds of lane i. What sha1rnds4 is given is the words with e added to the first of them.
 * Four rounds on, e is what a is now, rotated: so the present abcd is kept as the next e, and
 * sha1nexte takes a out of it, rotates it and adds it. Only before the very first group is e a
 * plain number. The function and the constant of the rounds change every five groups.
 */
#define ROUNDS(i, g) \
  do { \
    const __m128i before = abcd[i]; \
    e[i] = (g) == 0 ? _mm_add_epi32(e[i], now[i][g]) : _mm_sha1nexte_epu32(e[i], now[i][g]); \
    IN_THIS_ORDER(e[i]); \
    abcd[i] = _mm_sha1rnds4_epu32(abcd[i], e[i], (g) / 5); \
    IN_THIS_ORDER(abcd[i]); \
    e[i] = before; \
  } while (0)

/*
 * In the time of one group of rounds in every lane, `lanes` groups of words can be prepared: the
 * twenty of lane 0 first, then those of lane 1, and so on. With the last rounds of this block the
 * words of the next are complete.
 */
#define PREPARE(nth) \
  prepare_group(next[(nth) / GROUPS], ring, block[(nth) / GROUPS], (nth) % GROUPS)

#define ROUNDS_AND_PREPARE(i, g) \
  do { \
    ROUNDS(i, g); \
    PREPARE((g)*lanes + (i)); \
  } while (0)

#define FIVE_GROUPS(g) \
  do { \
    EACH_LANE(ROUNDS_AND_PREPARE, g); \
    EACH_LANE(ROUNDS_AND_PREPARE, (g) + 1); \
    EACH_LANE(ROUNDS_AND_PREPARE, (g) + 2); \
    EACH_LANE(ROUNDS_AND_PREPARE, (g) + 3); \
    EACH_LANE(ROUNDS_AND_PREPARE, (g) + 4); \
  } while (0)

/* Before the first block, before each, after each, after the last; g has no meaning here. */
#define ENTER(i, g) \
  do { \
    block[i] = lane[i].data; \
    abcd[i] = load_state(lane[i].state); \
    e[i] = _mm_set_epi32((int)lane[i].state[4], 0, 0, 0); \
    prepare_block(now[i], block[i]); \
  } while (0)

#define BEGIN_BLOCK(i, g) \
  do { \
    abcd_start[i] = abcd[i]; \
    e_start[i] = e[i]; \
    block[i] += to_next; \
  } while (0)

#define END_BLOCK(i, g) \
  do { \
    abcd[i] = _mm_add_epi32(abcd[i], abcd_start[i]); \
    e[i] = _mm_sha1nexte_epu32(e[i], e_start[i]); \
  } while (0)

#define LEAVE(i, g) \
  do { \
    _mm_storeu_si128((void *)lane[i].state, _mm_shuffle_epi32(abcd[i], 0x1B)); \
    lane[i].state[4] = (uint32_t)_mm_extract_epi32(e[i], 3); \
    lane[i].data = block[i] + SHA1_BLOCK_LEN; \
  } while (0)

/*
 * `blocks` (at least one) blocks in each of the first `lanes` lanes. At the last block there is no
 * next one to prepare: its own words are prepared once more, and nobody uses them.
 */
TARGET_NI_INLINE void run_lanes(struct sha1_ni_lane *lane, size_t blocks, const int lanes) {
  __m128i abcd[SHA1_NI_LANES], abcd_start[SHA1_NI_LANES];
  __m128i e[SHA1_NI_LANES], e_start[SHA1_NI_LANES];
  __m128i words[2][SHA1_NI_LANES][GROUPS], ring[4];
  __m128i(*now)[GROUPS] = words[0], (*next)[GROUPS] = words[1], (*swap)[GROUPS];
  const uint8_t *block[SHA1_NI_LANES];

  EACH_LANE(ENTER, 0);
  for (; blocks > 0; blocks--) {
    const size_t to_next = blocks > 1 ? SHA1_BLOCK_LEN : 0;

    EACH_LANE(BEGIN_BLOCK, 0);
    FIVE_GROUPS(0);
    FIVE_GROUPS(5);
    FIVE_GROUPS(10);
    FIVE_GROUPS(15);
    EACH_LANE(END_BLOCK, 0);
    swap = now;
    now = next;
    next = swap;
  }
  EACH_LANE(LEAVE, 0);
}

TARGET_NI static void run_1(struct sha1_ni_lane *lane, size_t blocks) {
  run_lanes(lane, blocks, 1);
}

TARGET_NI static void run_2(struct sha1_ni_lane *lane, size_t blocks) {
  run_lanes(lane, blocks, 2);
}

TARGET_NI static void run_3(struct sha1_ni_lane *lane, size_t blocks) {
  run_lanes(lane, blocks, 3);
}

TARGET_NI static void run_4(struct sha1_ni_lane *lane, size_t blocks) {
  run_lanes(lane, blocks, 4);
}

void sha1_ni_run(struct sha1_ni_lane *lanes, size_t count) {
  static void (*const run[SHA1_NI_LANES])(struct sha1_ni_lane *, size_t) = {run_1, run_2, run_3,
                                                                            run_4};
  size_t blocks = lanes[0].blocks;

  for (size_t i = 1; i < count; i++)
    if (lanes[i].blocks < blocks)
      blocks = lanes[i].blocks;
  if (blocks == 0)
    return;
  run[count - 1](lanes, blocks);
  for (size_t i = 0; i < count; i++)
    lanes[i].blocks -= blocks;
}

#else

bool sha1_ni_usable(void) {
  return false;
}

void sha1_ni_run(struct sha1_ni_lane *lanes, size_t count) {
  (void)lanes;
  (void)count;
}

#endif
