// How often this thread has asked for memory: stands before the C library's malloc in the program that counts.
#pragma once
#include <stdint.h>

/// False under a sanitizer, which has a malloc of its own.
int jt_counts_allocations(void);

/// Calls of malloc, calloc, realloc and the aligned ones by this thread so far.
int64_t jt_allocations(void);
