/* Loaded into a process (LD_PRELOAD): what it writes and does not sync is lost when the power fails.

   The disk is a folder of shadows, one for each file that was written to, named by its inode: what fsync, fdatasync
   and O_DSYNC have made durable. The file itself is the page cache. When the power fails, every process ends at its
   next write, and tests/faults/power.py puts the shadows in the place of the files. A file's name, its end (ftruncate)
   and its removal are durable at once, as on a file system with a journal. Nothing here waits for the real disk.

   The same page of memory tells how much the clock is wrong, and whether the disk is full. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FILES 65536
#define BLOCK 4096
#define BLOCKS (1 << 20) /* 4 GB of one file */

/* Shared by all processes and the test; tests/faults/power.py knows this form. */
struct board {
    uint64_t calls;   /* Writes and syncs so far, a sync counts twice */
    uint64_t cut_at;  /* The power fails at this call */
    int64_t clock;    /* Nanoseconds that the clock is ahead */
    uint32_t off;     /* The power has failed */
    uint32_t full;    /* No file may grow */
};

struct file {
    ino_t inode; /* 0: not one of ours */
    int synchronous;
    uint8_t *dirty; /* For each block: 0 durable, else written since; 2 while it is copied */
};

static struct board *board;
static const char *under, *shadows;
static size_t under_length;
static struct file files[FILES];

#define REAL(result, name, ...) \
    static result (*real_##name)(__VA_ARGS__); \
    if (!real_##name) real_##name = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_BOARD");
    shadows = getenv("FAULTS_SHADOWS");
    under = getenv("FAULTS_UNDER");
    if (!path || !shadows || !under) return;
    /* PostgreSQL writes what it is doing over its environment. */
    shadows = strdup(shadows);
    under = strdup(under);
    under_length = strlen(under);
    REAL(int, open64, const char *, int, ...);
    int fd = real_open64(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *found = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (found != MAP_FAILED) board = found;
    REAL(int, close, int);
    real_close(fd);
}

static void call(void) {
    uint64_t number = __atomic_add_fetch(&board->calls, 1, __ATOMIC_SEQ_CST);
    if (number == board->cut_at) __atomic_store_n(&board->off, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&board->off, __ATOMIC_SEQ_CST)) kill(getpid(), SIGKILL);
}

static int shadow(ino_t inode, const char *ending, int flags) {
    char path[512];
    snprintf(path, sizeof path, "%s/%llu%s", shadows, (unsigned long long)inode, ending);
    REAL(int, open64, const char *, int, ...);
    return real_open64(path, flags | O_CLOEXEC, 0666);
}

static void forget(ino_t inode) {
    char path[512];
    REAL(int, unlink, const char *);
    snprintf(path, sizeof path, "%s/%llu", shadows, (unsigned long long)inode);
    if (real_unlink(path)) return;
    strcat(path, ".dirty");
    real_unlink(path);
}

static struct file *ours(int fd) {
    return board && fd >= 0 && fd < FILES && files[fd].inode ? &files[fd] : NULL;
}

static void copy(int from, int to) {
    static __thread char block[1 << 16];
    ssize_t length;
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    for (off64_t at = 0; (length = pread64(from, block, sizeof block, at)) > 0; at += length)
        real_pwrite64(to, block, length, at);
}

/* Where it was opened to read and write it is read where it is: to close another descriptor of the same file would end
   the locks that SQLite holds on it. */
static int readable(int fd) {
    char path[64];
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR) return fd;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    REAL(int, open64, const char *, int, ...);
    return real_open64(path, O_RDONLY | O_CLOEXEC);
}

static int has_shadow(ino_t inode) {
    char path[512];
    snprintf(path, sizeof path, "%s/%llu", shadows, (unsigned long long)inode);
    return !access(path, F_OK);
}

/* Before the first write: what is there is durable. Whoever comes first says so for all. */
static void begin_shadow(int fd, struct file *file) {
    char made[600], name[512];
    struct stat found;
    if (fstat(fd, &found) || !found.st_nlink) {
        file->inode = 0;
        return;
    }
    if (!has_shadow(file->inode)) {
        snprintf(name, sizeof name, "%s/%llu", shadows, (unsigned long long)file->inode);
        snprintf(made, sizeof made, "%s.%d.%d", name, getpid(), fd);
        REAL(int, open64, const char *, int, ...);
        REAL(int, close, int);
        REAL(int, unlink, const char *);
        int from = readable(fd), to = real_open64(made, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        copy(from, to);
        int failed = link(made, name);
        (void)failed; /* Somebody else was first. */
        real_unlink(made);
        if (from != fd) real_close(from);
        real_close(to);
    }
    int dirty = shadow(file->inode, ".dirty", O_RDWR | O_CREAT);
    REAL(int, ftruncate64, int, off64_t);
    REAL(int, close, int);
    real_ftruncate64(dirty, BLOCKS);
    file->dirty = mmap(NULL, BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, dirty, 0);
    real_close(dirty);
    if (file->dirty == MAP_FAILED) abort();
}

static void mark(struct file *file, off64_t at, size_t length) {
    if (!length) return;
    for (off64_t block = at / BLOCK; block <= (off64_t)(at + length - 1) / BLOCK; block++) {
        if (block >= BLOCKS) abort();
        __atomic_store_n(&file->dirty[block], 1, __ATOMIC_SEQ_CST);
    }
}

static void make_durable(int fd, struct file *file) {
    static __thread char block[BLOCK];
    struct stat found;
    if (!file->dirty) {
        if (!has_shadow(file->inode)) return; /* Nobody wrote to it. */
        begin_shadow(fd, file);
    }
    if (!file->inode || fstat(fd, &found)) return;
    int to = shadow(file->inode, "", O_RDWR), from = readable(fd);
    REAL(int, close, int);
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    if (to >= 0 && from >= 0) {
        flock(to, LOCK_EX); /* Ends with the process, too. */
        off64_t blocks = (found.st_size + BLOCK - 1) / BLOCK;
        for (off64_t number = 0; number < blocks; number++) {
            if (!(number & 7) && number + 8 <= blocks && !*(volatile uint64_t *)(file->dirty + number)) {
                number += 7;
                continue;
            }
            if (!__atomic_load_n(&file->dirty[number], __ATOMIC_SEQ_CST)) continue;
            __atomic_store_n(&file->dirty[number], 2, __ATOMIC_SEQ_CST);
            ssize_t length = pread64(from, block, BLOCK, number * BLOCK);
            if (length > 0) real_pwrite64(to, block, length, number * BLOCK);
            uint8_t copied = 2; /* Who writes meanwhile leaves a 1, for the next sync. */
            __atomic_compare_exchange_n(&file->dirty[number], &copied, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        }
    }
    if (from >= 0 && from != fd) real_close(from);
    if (to >= 0) real_close(to);
}

static int full(int fd, off64_t end) {
    struct stat found;
    return board->full && !fstat(fd, &found) && end > found.st_size;
}

/* A write that goes to `at`, -1 for where the file stands. */
#define WRITE(fd, at, length, really) \
    do { \
        struct file *file = ours(fd); \
        if (!file) return really; \
        call(); \
        if (!file->dirty) begin_shadow(fd, file); \
        if (!file->inode) return really; \
        off64_t start = (at) >= 0 ? (off64_t)(at) : lseek64(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR); \
        if (full(fd, start + (length))) { \
            errno = ENOSPC; \
            return -1; \
        } \
        mark(file, start, length); \
        ssize_t written = really; \
        if (written > 0) mark(file, start, written); \
        if (file->synchronous) { \
            make_durable(fd, file); \
            call(); \
        } \
        return written; \
    } while (0)

ssize_t write(int fd, const void *data, size_t length) {
    REAL(ssize_t, write, int, const void *, size_t);
    WRITE(fd, -1, length, real_write(fd, data, length));
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    WRITE(fd, at, length, real_pwrite64(fd, data, length, at));
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return pwrite64(fd, data, length, at); }

static size_t total(const struct iovec *pieces, int number) {
    size_t length = 0;
    for (int one = 0; one < number; one++) length += pieces[one].iov_len;
    return length;
}

ssize_t writev(int fd, const struct iovec *pieces, int number) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    WRITE(fd, -1, total(pieces, number), real_writev(fd, pieces, number));
}

ssize_t pwritev64(int fd, const struct iovec *pieces, int number, off64_t at) {
    REAL(ssize_t, pwritev64, int, const struct iovec *, int, off64_t);
    WRITE(fd, at, total(pieces, number), real_pwritev64(fd, pieces, number, at));
}

ssize_t pwritev(int fd, const struct iovec *pieces, int number, off_t at) { return pwritev64(fd, pieces, number, at); }

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
    REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
    WRITE(to, to_at ? *to_at : -1, length, real_copy_file_range(from, from_at, to, to_at, length, flags));
}

static int sync_file(int fd, struct file *file) {
    call();
    make_durable(fd, file);
    call();
    return 0;
}

int fsync(int fd) {
    REAL(int, fsync, int);
    struct file *file = ours(fd);
    if (!board) return real_fsync(fd);
    return file ? sync_file(fd, file) : 0;
}

int fdatasync(int fd) {
    REAL(int, fdatasync, int);
    struct file *file = ours(fd);
    if (!board) return real_fdatasync(fd);
    return file ? sync_file(fd, file) : 0;
}

int sync_file_range(int fd, off64_t at, off64_t length, unsigned flags) {
    REAL(int, sync_file_range, int, off64_t, off64_t, unsigned);
    return board ? 0 : real_sync_file_range(fd, at, length, flags);
}

/* How long a file is, is durable at once. */
static void set_end(ino_t inode, off64_t length, int only_grow) {
    struct stat found;
    int to = shadow(inode, "", O_RDWR);
    if (to < 0) return;
    REAL(int, ftruncate64, int, off64_t);
    REAL(int, close, int);
    if (!fstat(to, &found) && (!only_grow || found.st_size < length)) real_ftruncate64(to, length);
    real_close(to);
}

int ftruncate64(int fd, off64_t length) {
    REAL(int, ftruncate64, int, off64_t);
    struct file *file = ours(fd);
    if (!file) return real_ftruncate64(fd, length);
    call();
    if (!file->dirty) begin_shadow(fd, file);
    int result = real_ftruncate64(fd, length);
    if (!result && file->inode) set_end(file->inode, length, 0);
    return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int truncate(const char *path, off_t length) {
    struct stat found;
    REAL(int, truncate, const char *, off_t);
    int there = board && !stat(path, &found), result = real_truncate(path, length);
    if (!result && there) set_end(found.st_ino, length, 0);
    return result;
}

int posix_fallocate64(int fd, off64_t at, off64_t length) {
    REAL(int, posix_fallocate64, int, off64_t, off64_t);
    struct file *file = ours(fd);
    if (!file) return real_posix_fallocate64(fd, at, length);
    call();
    if (full(fd, at + length)) return ENOSPC;
    if (!file->dirty) begin_shadow(fd, file);
    int result = real_posix_fallocate64(fd, at, length);
    if (!result && file->inode) set_end(file->inode, at + length, 1);
    return result;
}

int posix_fallocate(int fd, off_t at, off_t length) { return posix_fallocate64(fd, at, length); }

static int opened(int fd, int flags, int new) {
    char link[64], path[4096];
    struct stat found;
    if (fd < 0 || fd >= FILES) return fd;
    files[fd] = (struct file){0};
    if (!board || (flags & O_ACCMODE) == O_RDONLY || fstat(fd, &found) || !S_ISREG(found.st_mode)) return fd;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= (ssize_t)under_length || strncmp(path, under, under_length)) return fd;
    if (length > 4 && !strncmp(path + length - 4, "-shm", 4)) return fd; /* SQLite makes it anew after a crash. */
    if (new) forget(found.st_ino);
    if (flags & O_TRUNC) set_end(found.st_ino, 0, 0);
    files[fd].inode = found.st_ino;
    files[fd].synchronous = (flags & O_DSYNC) != 0;
    return fd;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        REAL(int, name, const char *, int, ...); \
        int new = board && (flags & O_CREAT) && access(path, F_OK); \
        return opened(real_##name(path, flags, mode), flags, new); \
    }

OPEN(open)
OPEN(open64)

int close(int fd) {
    REAL(int, close, int);
    struct file *file = ours(fd);
    if (file) {
        if (file->dirty) munmap(file->dirty, BLOCKS);
        *file = (struct file){0};
    }
    return real_close(fd);
}

int unlink(const char *path) {
    struct stat found;
    REAL(int, unlink, const char *);
    int last = board && !lstat(path, &found) && found.st_nlink == 1, result = real_unlink(path);
    if (!result && last) forget(found.st_ino);
    return result;
}

int rename(const char *from, const char *to) {
    struct stat found;
    REAL(int, rename, const char *, const char *);
    int last = board && !lstat(to, &found) && found.st_nlink == 1, result = real_rename(from, to);
    if (!result && last) forget(found.st_ino);
    return result;
}

/* The clock. */

static void shift(struct timespec *time) {
    int64_t whole = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + board->clock;
    time->tv_sec = whole / 1000000000;
    time->tv_nsec = whole % 1000000000;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(int, clock_gettime, clockid_t, struct timespec *);
    int result = real_clock_gettime(clock, time);
    if (!result && board && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) shift(time);
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return result;
}

time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
