/* Remembers what a disk would still have after a power cut; preloaded.

   Beside each file of the database named by POWER_DATABASE lies a copy, NAME.durable, made
   whenever somebody syncs it: it has all that had been written by then, and nothing of what
   was written since. Files are read by the descriptor that was synced: to open and close
   one would give up the locks that SQLite holds on it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int is_ours(int fd, char *path) {
    const char *database = getenv("POWER_DATABASE");
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0 || !database) return 0;
    path[length] = 0;
    if (strncmp(path, database, strlen(database))) return 0;
    const char *rest = path + strlen(database);
    return !*rest || !strcmp(rest, "-wal") || !strcmp(rest, "-inbox") ||
           !strcmp(rest, "-inbox-wal");
}

static void copy(int fd, const char *to) {
    char buffer[1 << 16];
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    off_t at = 0;
    for (ssize_t n; (n = pread(fd, buffer, sizeof buffer, at)) > 0; at += n)
        if (write(out, buffer, n) != n) abort();
    close(out);
}

static void remember(int fd) {
    char path[PATH_MAX], other[PATH_MAX + 16], made[PATH_MAX + 16];
    if (!is_ours(fd, path)) return;
    snprintf(other, sizeof other, "%s.copying", path);
    /* Whoever comes later copies later: no older copy may take a newer one's place. */
    int lock = open(other, O_RDWR | O_CREAT, 0600);
    flock(lock, LOCK_EX);
    snprintf(other, sizeof other, "%s.unfinished", path);
    snprintf(made, sizeof made, "%s.durable", path);
    copy(fd, other);
    rename(other, made);
    close(lock);
}

static int sync_by(const char *name, int fd) {
    int (*next)(int) = dlsym(RTLD_NEXT, name);
    int result = next(fd);
    if (!result) remember(fd);
    return result;
}

int fsync(int fd) { return sync_by("fsync", fd); }

int fdatasync(int fd) { return sync_by("fdatasync", fd); }
