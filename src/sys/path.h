/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/path: the only place that looks up names inside a root filesystem or creates them there.
 * Callers hold a root fd; a string is resolved once and the fd is used from then on (rules P1 to
 * P6).
 */
#ifndef HULL_SYS_PATH_H
#define HULL_SYS_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* The container's root: an O_PATH directory fd. A type of its own, so that no other dirfd fits
 * (architecture). */
struct rootfs {
	int fd;
};

struct procfs;

/* openat2(2) with O_CLOEXEC; EAGAIN (a racing rename) is answered by trying again for a bounded
 * time (rule P6). */
int path_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve);

/* O_PATH fd of @path inside @root. Symlinks are followed inside the root (RESOLVE_IN_ROOT), magic
 * links never. @nofollow: the last component may be a symlink and is not followed. EAGAIN (a racing
 * rename) is retried for a bounded time. Fd or -errno (-ENOENT, -ELOOP, -ENOTDIR, -EXDEV ...). */
int path_resolve(const struct rootfs *root, const char *path, bool nofollow);

/* As path_resolve, but no component may be a symlink: for places hull itself relies on (dev, proc,
 * sys). */
int path_resolve_strict(const struct rootfs *root, const char *path);

/* What making a path added, one call per component: its parent as O_PATH fd, its name, and the path
 * from the root that led there (@len bytes of @path, symlinks partly expanded). Embed it to carry
 * more. */
struct path_made {
	void (*note)(struct path_made *m, int dir, const char *name, const char *path, size_t len);
};

enum path_make { PATH_MAKE_DIR, PATH_MAKE_FILE };
/* Resolve @path, creating what is missing (directories 0755, the last component a directory or an
 * empty file by mknodat). Existing dangling symlinks are followed inside the root. Returns an
 * O_PATH fd; @made (may be NULL) hears of everything that was made. -EISDIR/-ENOTDIR when the kind
 * does not fit. */
int path_make(const struct rootfs *root, const char *path, enum path_make kind, bool nofollow,
	      struct path_made *made);
/* The same where no component may be a symlink (-ELOOP): below dev, proc and sys. */
int path_make_strict(const struct rootfs *root, const char *path, enum path_make kind,
		     struct path_made *made);

/* O_PATH fd of the directory that holds the last component of @path (created when @make, told to
 * @made), and that component's name (points into @path). The name is never "", "." or "..". */
int path_parent(const struct rootfs *root, const char *path, bool make, struct path_made *made,
		const char **ret_name);

/* Reopen an O_PATH fd for real I/O after its type was checked: through a private proc (proc.h).
 * Rule P5. */
int path_reopen(int path_fd, int flags);
/* The same through a handle the caller has. */
int path_reopen_at(const struct procfs *proc, int path_fd, int flags);

/* Is @fd a character/block device with exactly these numbers / of type S_IFMT @type? -errno or
 * bool. Rule D2. */
bool path_is_device(int fd, mode_t type, unsigned major, unsigned minor);

/* Unique mount id (statx STATX_MNT_ID_UNIQUE, else STATX_MNT_ID) of what @fd refers to. Rule M2. */
int path_mount_id(int fd, uint64_t *ret);
/* The same with type and inode number. */
struct statx;
int path_mount_stat(int fd, struct statx *ret);

/* Open a directory or file of the host named by the config or command line (bundle, sources,
 * sockets): O_PATH|O_CLOEXEC, magic links refused only when @strict. Used in PREPARE only. */
int path_open_host(const char *path, int extra_flags);

/* mkdir -p on the host below the fd @base (or AT_FDCWD with an absolute path); 0 or -errno. */
int path_mkdir_host(int base, const char *path, mode_t mode);

#endif
