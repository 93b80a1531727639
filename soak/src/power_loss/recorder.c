/* Records what a process does to the files below a directory: loaded into it with LD_PRELOAD.
 *
 * GANGLION_TRACE      file that the records are appended to
 * GANGLION_TRACE_DIR  absolute path of the directory
 *
 * One lock is held over every such call and its record, so the records are in the order of the calls. A record is a
 * header and `length` bytes: what was written, or a path, or two paths with a zero byte between them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OPEN = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, RMDIR, BROKEN };
enum { CREATED = 1, CUT = 2, DIRECTORY = 4 };

struct record {
    uint32_t kind, flags;
    uint64_t inode, offset, length, time;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int trace = -1;
static char root[PATH_MAX];
static size_t root_length;
static dev_t device;
/* Inodes that were opened below the directory. */
#define SEEN 65536
static ino_t seen[SEEN];
static size_t seen_count;

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("GANGLION_TRACE"), *dir = getenv("GANGLION_TRACE_DIR");
    struct stat meta;
    if (!file || !dir || stat(dir, &meta) != 0 || strlen(dir) >= sizeof root) return;
    strcpy(root, dir);
    root_length = strlen(root);
    device = meta.st_dev;
    trace = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    /* A process that this one starts is no part of it. */
    unsetenv("LD_PRELOAD");
}

static void put(uint32_t kind, uint32_t flags, ino_t inode, uint64_t offset, const struct iovec *parts,
                int count, uint64_t length) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct record head = {kind, flags, inode, offset, length,
                          (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
    int kept = errno;
    if (syscall(SYS_write, trace, &head, sizeof head) != (long)sizeof head) abort();
    for (int at = 0; at < count && length > 0; at++) {
        const char *from = parts[at].iov_base;
        size_t left = parts[at].iov_len < length ? parts[at].iov_len : length;
        length -= left;
        while (left > 0) {
            long wrote = syscall(SYS_write, trace, from, left);
            if (wrote <= 0) abort();
            from += wrote;
            left -= (size_t)wrote;
        }
    }
    errno = kept;
}

static void put_path(uint32_t kind, uint32_t flags, ino_t inode, const char *path) {
    struct iovec part = {(void *)path, strlen(path)};
    put(kind, flags, inode, 0, &part, 1, part.iov_len);
}

/* The absolute path, if it is below the directory or the directory. */
static int below(int at, const char *path, char *whole) {
    if (trace < 0 || !path) return 0;
    if (path[0] == '/') {
        if (strlen(path) >= PATH_MAX) return 0;
        strcpy(whole, path);
    } else {
        char link[64], dir[PATH_MAX];
        ssize_t length;
        if (at == AT_FDCWD) strcpy(link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        length = readlink(link, dir, sizeof dir - 1);
        if (length < 0) return 0;
        dir[length] = 0;
        if ((size_t)length + strlen(path) + 2 > PATH_MAX) return 0;
        sprintf(whole, "%s/%s", dir, path);
    }
    if (strstr(whole, "/../")) {
        char real[PATH_MAX];
        if (!realpath(whole, real)) return 0;
        strcpy(whole, real);
    }
    return strncmp(whole, root, root_length) == 0 && (whole[root_length] == '/' || whole[root_length] == 0);
}

/* Whether a file of the directory is behind a descriptor; the lock is held. */
static int ours(int fd, ino_t *inode) {
    struct stat meta;
    int kept = errno, found = 0;
    if (trace >= 0 && fd != trace && fstat(fd, &meta) == 0 && meta.st_dev == device)
        for (size_t at = 0; at < seen_count && !found; at++) found = seen[at] == meta.st_ino;
    if (found) *inode = meta.st_ino;
    errno = kept;
    return found;
}

static int opened(int at, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    if (!below(at, path, whole)) return (int)syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat before, meta;
    int was = lstat(whole, &before) == 0;
    int fd = (int)syscall(SYS_openat, at, path, flags, mode), kept = errno;
    if (fd >= 0 && fstat(fd, &meta) == 0) {
        size_t place = 0;
        while (place < seen_count && seen[place] != meta.st_ino) place++;
        if (place == seen_count && seen_count < SEEN) seen[seen_count++] = meta.st_ino;
        uint32_t said = S_ISDIR(meta.st_mode) ? DIRECTORY : 0;
        if (!was && !S_ISDIR(meta.st_mode)) said |= CREATED;
        if (was && (flags & O_TRUNC) && before.st_size > 0) said |= CUT;
        put_path(seen_count < SEEN ? OPEN : BROKEN, said, meta.st_ino, whole);
    }
    pthread_mutex_unlock(&lock);
    errno = kept;
    return fd;
}

#define MODE                                   \
    mode_t mode = 0;                           \
    if (flags & (O_CREAT | __O_TMPFILE)) {     \
        va_list more;                          \
        va_start(more, flags);                 \
        mode = va_arg(more, mode_t);           \
        va_end(more);                          \
    }

int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return opened(at, path, flags, mode); }

static void wrote(ino_t inode, uint64_t offset, const struct iovec *parts, int count, ssize_t done) {
    if (done > 0) put(WRITE, 0, inode, offset, parts, count, (uint64_t)done);
}

/* At a position, or at the file's own if it is negative. */
static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t offset) {
    ino_t inode;
    int at_place = offset >= 0;
    pthread_mutex_lock(&lock);
    int found = ours(fd, &inode);
    if (!found) pthread_mutex_unlock(&lock);
    ssize_t done = at_place     ? syscall(SYS_pwritev, fd, parts, count, offset, 0)
                   : count == 1 ? syscall(SYS_write, fd, parts[0].iov_base, parts[0].iov_len)
                                : syscall(SYS_writev, fd, parts, count);
    if (found) {
        int kept = errno;
        if (done > 0 && !at_place) offset = lseek(fd, 0, SEEK_CUR) - done;
        wrote(inode, (uint64_t)offset, parts, count, done);
        pthread_mutex_unlock(&lock);
        errno = kept;
    }
    return done;
}

static ssize_t write_one(int fd, const void *bytes, size_t length, off_t offset) {
    struct iovec part = {(void *)bytes, length};
    return write_parts(fd, &part, 1, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) { return write_one(fd, bytes, length, -1); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return write_parts(fd, parts, count, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return write_one(fd, bytes, length, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return write_one(fd, bytes, length, at); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return write_parts(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return write_parts(fd, parts, count, at); }

static int cut(int fd, off_t length) {
    ino_t inode;
    pthread_mutex_lock(&lock);
    int found = ours(fd, &inode);
    int done = (int)syscall(SYS_ftruncate, fd, length);
    if (found && done == 0) put(TRUNCATE, 0, inode, (uint64_t)length, NULL, 0, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }

static int synced(int fd, long call) {
    ino_t inode;
    pthread_mutex_lock(&lock);
    int found = ours(fd, &inode);
    /* Whoever syncs something else need not hold up the rest. */
    if (!found) pthread_mutex_unlock(&lock);
    int done = (int)syscall(call, fd);
    if (found) {
        if (done == 0) put(SYNC, 0, inode, 0, NULL, 0, 0);
        pthread_mutex_unlock(&lock);
    }
    return done;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int renamed(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    char one[PATH_MAX], two[2 * PATH_MAX + 1];
    int first = below(from_at, from, one), second = below(to_at, to, two);
    pthread_mutex_lock(&lock);
    int done = (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    if (done == 0 && (first || second)) {
        struct iovec parts[3] = {{one, strlen(one)}, {"", 1}, {two, strlen(two)}};
        put(first && second ? RENAME : BROKEN, 0, 0, 0, parts, 3, strlen(one) + 1 + strlen(two));
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return renamed(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return renamed(a, from, b, to, flags); }

static int removed(int at, const char *path, int flags) {
    char whole[PATH_MAX];
    int found = below(at, path, whole);
    pthread_mutex_lock(&lock);
    int done = (int)syscall(SYS_unlinkat, at, path, flags);
    if (done == 0 && found) put_path(flags & AT_REMOVEDIR ? RMDIR : UNLINK, 0, 0, whole);
    pthread_mutex_unlock(&lock);
    return done;
}

int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }
int unlinkat(int at, const char *path, int flags) { return removed(at, path, flags); }

static int made(int at, const char *path, mode_t mode) {
    char whole[PATH_MAX];
    int found = below(at, path, whole);
    pthread_mutex_lock(&lock);
    int done = (int)syscall(SYS_mkdirat, at, path, mode);
    if (done == 0 && found) put_path(MKDIR, 0, 0, whole);
    pthread_mutex_unlock(&lock);
    return done;
}

int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return made(at, path, mode); }

/* Whoever copies within the kernel is sent to read and write. */
ssize_t copy_file_range(int from, off64_t *a, int to, off64_t *b, size_t length, unsigned flags) {
    ino_t inode;
    pthread_mutex_lock(&lock);
    int found = ours(to, &inode);
    pthread_mutex_unlock(&lock);
    if (found) {
        errno = ENOSYS;
        return -1;
    }
    return syscall(SYS_copy_file_range, from, a, to, b, length, flags);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
    ino_t inode;
    pthread_mutex_lock(&lock);
    int found = ours(to, &inode);
    pthread_mutex_unlock(&lock);
    if (found) {
        errno = EINVAL;
        return -1;
    }
    return syscall(SYS_sendfile, to, from, offset, length);
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
    char whole[PATH_MAX];
    int done = (int)syscall(SYS_linkat, a, from, b, to, flags);
    if (done == 0 && below(b, to, whole)) {
        pthread_mutex_lock(&lock);
        put_path(BROKEN, 0, 0, whole);
        pthread_mutex_unlock(&lock);
    }
    return done;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
