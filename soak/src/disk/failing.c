/* Makes a file system fail as a broken device does (EIO), while a switch is on: loaded into a process with LD_PRELOAD.
 *
 * GANGLION_FAILING_DIR     a directory on that file system
 * GANGLION_FAILING_SWITCH  a path: calls of a kind fail while PATH.write, PATH.sync or PATH.read is there
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *path;
static dev_t device;

__attribute__((constructor)) static void begin(void) {
    const char *dir = getenv("GANGLION_FAILING_DIR");
    struct stat meta;
    if (!dir || stat(dir, &meta) != 0) return;
    device = meta.st_dev;
    path = getenv("GANGLION_FAILING_SWITCH");
    /* A process that this one starts is no part of it. */
    unsetenv("LD_PRELOAD");
}

static int fails(int fd, const char *kind) {
    struct stat meta;
    char file[PATH_MAX];
    int kept = errno, found = 0;
    if (path && fstat(fd, &meta) == 0 && meta.st_dev == device) {
        snprintf(file, sizeof file, "%s.%s", path, kind);
        found = syscall(SYS_faccessat, AT_FDCWD, file, F_OK) == 0;
    }
    errno = found ? EIO : kept;
    return found;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    return fails(fd, "write") ? -1 : syscall(SYS_write, fd, bytes, length);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return fails(fd, "write") ? -1 : syscall(SYS_writev, fd, parts, count);
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off_t at) {
    struct iovec part = {(void *)bytes, length};
    return fails(fd, "write") ? -1 : syscall(SYS_pwritev, fd, &part, 1, at, 0);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return write_at(fd, bytes, length, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return write_at(fd, bytes, length, at); }

static ssize_t read_at(int fd, void *bytes, size_t length, off_t at) {
    struct iovec part = {bytes, length};
    return fails(fd, "read") ? -1 : syscall(SYS_preadv, fd, &part, 1, at, 0);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t at) { return read_at(fd, bytes, length, at); }
ssize_t pread64(int fd, void *bytes, size_t length, off64_t at) { return read_at(fd, bytes, length, at); }

int fsync(int fd) { return fails(fd, "sync") ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return fails(fd, "sync") ? -1 : (int)syscall(SYS_fdatasync, fd); }

int sync_file_range(int fd, off64_t from, off64_t length, unsigned flags) {
    return fails(fd, "sync") ? -1 : (int)syscall(SYS_sync_file_range, fd, from, length, flags);
}
