// The little C that Swift cannot say: GNU-only system calls, headers that the Glibc module lacks, CRC-32C by instruction.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/types.h>
#include <sys/uio.h>

/// CRC-32C (Castagnoli) of `count` bytes, continued from `crc` (0 at the start). By instruction where the processor has it.
uint32_t jd_crc32c(uint32_t crc, const void *_Nullable bytes, size_t count);

/// accept4 with SOCK_NONBLOCK and SOCK_CLOEXEC; the peer's address goes into `address` as with accept. -1 and errno on failure.
int jd_accept(int listener, void *_Nullable address, unsigned *_Nullable length);

/// preadv2 of one piece with RWF_NOWAIT: what the page cache has; EAGAIN where it would wait, EOPNOTSUPP where the file system cannot tell.
ssize_t jd_pread_nowait(int fd, void *_Nonnull bytes, size_t count, int64_t offset);

/// Asks the kernel to bring a range of a file into the page cache, and waits for nothing.
void jd_readahead(int fd, int64_t offset, size_t count);

/// rename that fails with EEXIST where the target exists already (renameat2 with RENAME_NOREPLACE).
int jd_rename_exclusive(const char *_Nonnull from, const char *_Nonnull to);

/// CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds.
uint64_t jd_monotonic_ns(void);
int64_t jd_realtime_ns(void);

/// The CPU time that the process has used, in nanoseconds.
uint64_t jd_process_cpu_ns(void);

/// Names the calling thread (at most 15 bytes are kept).
void jd_name_thread(const char *_Nonnull name);

/// An fcntl lock (F_SETLK) on the whole file, as Kafka takes on `.lock`: 0, or errno (EAGAIN or EACCES where another process holds it).
int jd_lock_file(int fd);

/// Whether another process holds a lock on the file, without taking one: 1 and its id (0 where the system does not know it), 0, or
/// -1 and errno.
int jd_lock_holder(int fd, int *_Nonnull holder);

/// fallocate that keeps the size or not; errno on failure.
int jd_allocate(int fd, int64_t offset, int64_t length, int keep_size);

/// Takes the program's code and constants out of the process's resident memory. They stay in the page cache, and those that are
/// used come back piece by piece: of what a start or a busy hour has read in, most is not needed at rest. For one thread at a time.
void jd_release_program_pages(void);

/// A word of the command line, NULL past its end; 0 is the program. Swift's own list comes from /proc, which a container may lack.
const char *_Nullable jd_argument(int index);

/// Gives memory that malloc keeps for later back to the kernel.
void jd_trim_memory(void);
