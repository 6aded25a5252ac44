// CRC-32C (Castagnoli), which record batches of magic 2, producer snapshots and others carry.
#include "CJackdaw.h"

#include <string.h>

// The reflected polynomial's table, for processors without the instruction; filled at start where it is needed.
static uint32_t table[256];

static uint32_t by_table(uint32_t crc, const uint8_t *bytes, size_t count) {
    for (; count > 0; count--) crc = table[(crc ^ *bytes++) & 0xff] ^ (crc >> 8);
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <sys/platform/x86.h>
#include <wmmintrin.h>
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes, size_t count) {
    uint64_t state = crc;
    for (; count >= 8; count -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        state = _mm_crc32_u64(state, word);
    }
    for (; count > 0; count--) state = _mm_crc32_u8((uint32_t)state, *bytes++);
    return (uint32_t)state;
}
// What the C library has asked the processor already: on a virtual machine every cpuid is a way to its host and back.
static int has_instruction(void) { return CPU_FEATURE_ACTIVE(SSE4_2); }

// The instruction takes three cycles and can begin one each: so three stretches of the bytes are summed beside each
// other, and the first two moved past what follows them. Moving a sum past n zero bytes is multiplying it by x^8n; the
// carry-less product's reduction by the same instruction brings x^33 of that (Gopal and others, "Fast CRC computation
// for iSCSI polynomial", Intel 2011).
enum { long_stretch = 2048, short_stretch = 256 };
// x^(8n - 33) of one and of two stretches, the highest power in the lowest bit.
static const uint32_t past_long = 0xa51b6135, past_two_long = 0x82f89c77;    // n = 2048, 4096
static const uint32_t past_short = 0xb9e02b86, past_two_short = 0xdd7e3b0c;  // n = 256, 512

__attribute__((target("sse4.2,pclmul"))) static inline uint32_t moved(uint64_t crc, uint32_t past) {
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi32_si128((int)past), 0);
    return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) static inline uint32_t three(
    uint32_t crc, const uint8_t *bytes, size_t stretch, uint32_t past, uint32_t past_two) {
    uint64_t first = crc, second = 0, third = 0;
    for (size_t at = 0; at < stretch; at += 8) {
        uint64_t one, two, three;
        memcpy(&one, bytes + at, 8);
        memcpy(&two, bytes + stretch + at, 8);
        memcpy(&three, bytes + 2 * stretch + at, 8);
        first = _mm_crc32_u64(first, one);
        second = _mm_crc32_u64(second, two);
        third = _mm_crc32_u64(third, three);
    }
    return moved(first, past_two) ^ moved(second, past) ^ (uint32_t)third;
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t by_threes(uint32_t crc, const uint8_t *bytes, size_t count) {
    for (; count >= 3 * long_stretch; count -= 3 * long_stretch, bytes += 3 * long_stretch)
        crc = three(crc, bytes, long_stretch, past_long, past_two_long);
    for (; count >= 3 * short_stretch; count -= 3 * short_stretch, bytes += 3 * short_stretch)
        crc = three(crc, bytes, short_stretch, past_short, past_two_short);
    return by_instruction(crc, bytes, count);
}

static int has_threes(void) { return has_instruction() && CPU_FEATURE_ACTIVE(PCLMULQDQ); }
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
__attribute__((target("+crc"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes, size_t count) {
    for (; count >= 8; count -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        crc = __crc32cd(crc, word);
    }
    for (; count > 0; count--) crc = __crc32cb(crc, *bytes++);
    return crc;
}
static int has_instruction(void) { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
#define by_threes by_instruction
static int has_threes(void) { return 0; }
#else
#define by_instruction by_table
#define by_threes by_table
static int has_instruction(void) { return 0; }
static int has_threes(void) { return 0; }
#endif

static uint32_t (*chosen)(uint32_t, const uint8_t *, size_t) = by_table;

__attribute__((constructor)) static void choose(void) {
    if (has_threes()) {
        chosen = by_threes;
    } else if (has_instruction()) {
        chosen = by_instruction;
    } else {
        for (uint32_t n = 0; n < 256; n++) {
            uint32_t row = n;
            for (int bit = 0; bit < 8; bit++) row = row & 1 ? (row >> 1) ^ 0x82f63b78u : row >> 1;
            table[n] = row;
        }
    }
}

uint32_t jd_crc32c(uint32_t crc, const void *bytes, size_t count) { return ~chosen(~crc, bytes, count); }
