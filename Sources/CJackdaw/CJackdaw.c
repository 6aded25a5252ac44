#include "CJackdaw.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int jd_accept(int listener, void *address, unsigned *length) {
    return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

ssize_t jd_pread_nowait(int fd, void *bytes, size_t count, int64_t offset) {
    struct iovec piece = {bytes, count};
    return preadv2(fd, &piece, 1, offset, RWF_NOWAIT);
}

void jd_readahead(int fd, int64_t offset, size_t count) { readahead(fd, offset, count); }

int jd_rename_exclusive(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t jd_monotonic_ns(void) { return (uint64_t)nanoseconds(CLOCK_MONOTONIC); }
int64_t jd_realtime_ns(void) { return nanoseconds(CLOCK_REALTIME); }
uint64_t jd_process_cpu_ns(void) { return (uint64_t)nanoseconds(CLOCK_PROCESS_CPUTIME_ID); }

void jd_name_thread(const char *name) {
    char kept[16];
    snprintf(kept, sizeof kept, "%s", name);
    pthread_setname_np(pthread_self(), kept);
}

int jd_lock_file(int fd) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_SETLK, &whole) == 0 ? 0 : errno;
}

int jd_allocate(int fd, int64_t offset, int64_t length, int keep_size) {
    return fallocate(fd, keep_size ? FALLOC_FL_KEEP_SIZE : 0, offset, length) == 0 ? 0 : errno;
}

void jd_trim_memory(void) { malloc_trim(0); }

void jd_release_program_pages(void) {
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) return;
    char line[512];
    while (fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        char access[5];
        // Only code that is backed by a file: dropping it loses nothing. What is merely read-only may have been written before
        // (relocated pointers that the linker then protected), and would come back without that.
        if (sscanf(line, "%lx-%lx %4s", &start, &end, access) != 3) continue;
        if (access[1] == 'w' || access[2] != 'x' || !strchr(line, '/')) continue;
        // Huge pages would bring all of it back at the first step.
        madvise((void *)start, end - start, MADV_NOHUGEPAGE);
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    fclose(maps);
}

// Swift's runtime looks for its crash reporter beside the program when it starts, and gives up the whole process where /proc is
// missing (an empty container, a chroot). It does not look where the environment already says something. Runs before the
// runtime's own constructors.
static int argument_count;
static char **arguments;

__attribute__((constructor(101))) static void begin(int argc, char **argv) {
    argument_count = argc;
    arguments = argv;
    char path[8];
    if (readlink("/proc/self/exe", path, sizeof path) < 0) {
        setenv("SWIFT_BACKTRACE", "enable=no,swift-backtrace=/none", 0);
    }
}

const char *jd_argument(int index) { return index >= 0 && index < argument_count ? arguments[index] : NULL; }
