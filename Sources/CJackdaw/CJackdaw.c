#include "CJackdaw.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/falloc.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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

int jd_lock_holder(int fd, int *holder) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_GETLK, &lock) != 0) return -1;
    if (lock.l_type == F_UNLCK) return 0;
    *holder = lock.l_pid > 0 ? lock.l_pid : 0;
    return 1;
}

int jd_allocate(int fd, int64_t offset, int64_t length, int keep_size) {
    return fallocate(fd, keep_size ? FALLOC_FL_KEEP_SIZE : 0, offset, length) == 0 ? 0 : errno;
}

void jd_trim_memory(void) { malloc_trim(0); }

// A page of a private mapping that still is the file's: nobody has written to it. /proc/self/pagemap says so in bit 61, and in
// bit 63 whether it is there at all.
static const uint64_t page_is_present = 1ull << 63, page_is_of_file = 1ull << 61;

// The kernel maps a large folio of the page cache as a whole, up to 2 MB for one touched page, where it lies within one area.
// Areas of 64 KB, told apart by a flag that means nothing for pages of a file, keep that small.
static void split_areas(uintptr_t start, uintptr_t end) {
    enum { piece = 64 * 1024 };
    for (uintptr_t at = start; at < end; at += 2 * piece) {
        size_t size = end - at < piece ? end - at : piece;
        if (madvise((void *)at, size, MADV_DONTDUMP) != 0) return;
    }
}

// Drops the pages of start..<end that are the file's own.
static void drop_unwritten(uintptr_t start, uintptr_t end, uintptr_t page) {
    int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (map < 0) return;
    uint64_t entries[512];
    while (start < end) {
        size_t count = (end - start) / page < 512 ? (end - start) / page : 512;
        ssize_t got = pread(map, entries, count * 8, (off_t)(start / page * 8));
        if (got < 8) break;
        count = (size_t)got / 8;
        for (size_t i = 0; i < count; i++) {
            uint64_t wanted = page_is_present | page_is_of_file;
            if ((entries[i] & wanted) == wanted) madvise((void *)(start + i * page), page, MADV_DONTNEED);
        }
        start += count * page;
    }
    close(map);
}

// The constants that the linker put into the writable segment, because they hold distances to writable data; nobody writes them. The
// release binary's link says where they are; elsewhere both are absent.
extern const char jd_constants_start[] __attribute__((weak, visibility("hidden")));
extern const char jd_constants_end[] __attribute__((weak, visibility("hidden")));

static int release_program(struct dl_phdr_info *info, size_t size, void *is_first_time) {
    (void)size;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || part->p_flags & PF_W) continue;
        uintptr_t start = (info->dlpi_addr + part->p_vaddr) & -page;
        uintptr_t end = (info->dlpi_addr + part->p_vaddr + part->p_memsz + page - 1) & -page;
        if (*(int *)is_first_time) split_areas(start, end);
        // Code and what is only read is the same in the file: dropping it loses nothing.
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    uintptr_t start = ((uintptr_t)jd_constants_start + page - 1) & -page, end = (uintptr_t)jd_constants_end & -page;
    if (start < end) {
        if (*(int *)is_first_time) split_areas(start, end);
        drop_unwritten(start, end, page);
    }
    return 1;  // the program itself comes first; the rest are libraries
}

void jd_release_program_pages(void) {
    static int is_first_time = 1;
    dl_iterate_phdr(release_program, &is_first_time);
    is_first_time = 0;
}

// Swift's runtime looks for its crash reporter in a dozen places when it starts, and gives up the whole process where /proc is missing
// (an empty container, a chroot). It does not look where the environment already says something. Runs before the runtime's own
// constructors.
//
// A static program's runtime then finds its arguments no longer (CommandLine.arguments), since it looks for them below the environment,
// which has moved: jd_argument has them.
static int argument_count;
static char **arguments;

__attribute__((constructor(101))) static void begin(int argc, char **argv) {
    argument_count = argc;
    arguments = argv;
    // A touched byte must not bring 2 MB of the program, or of a buffer, into memory.
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    setenv("SWIFT_BACKTRACE", "enable=no,swift-backtrace=/none", 0);
}

const char *jd_argument(int index) { return index >= 0 && index < argument_count ? arguments[index] : NULL; }
