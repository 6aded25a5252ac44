// CRC-32C (Castagnoli), which record batches of magic 2, producer snapshots and others carry.
#include "CJackdaw.h"

#include <string.h>

// The reflected polynomial's table, for processors without the instruction; filled once at start.
static uint32_t table[256];

static uint32_t by_table(uint32_t crc, const uint8_t *bytes, size_t count) {
    for (; count > 0; count--) crc = table[(crc ^ *bytes++) & 0xff] ^ (crc >> 8);
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
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
static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
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
#else
#define by_instruction by_table
static int has_instruction(void) { return 0; }
#endif

static uint32_t (*chosen)(uint32_t, const uint8_t *, size_t) = by_table;

__attribute__((constructor)) static void choose(void) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t row = n;
        for (int bit = 0; bit < 8; bit++) row = row & 1 ? (row >> 1) ^ 0x82f63b78u : row >> 1;
        table[n] = row;
    }
    if (has_instruction()) chosen = by_instruction;
}

uint32_t jd_crc32c(uint32_t crc, const void *bytes, size_t count) { return ~chosen(~crc, bytes, count); }
