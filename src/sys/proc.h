/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/proc: a private procfs that no mount can cover (rules F1, F2), and the few reads and writes
 * of /proc that hull needs. The full handle exists only while sysctls are written.
 */
#ifndef HULL_SYS_PROC_H
#define HULL_SYS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct procfs {
	int fd;		 /* the root of the procfs, -1: not open */
	uint64_t mnt_id; /* of that root: every file opened below it must have the same */
};

/* A private, detached procfs of the caller's pid namespace (fsopen). @full: with /proc/sys; else
 * subset=pid. Where the kernel refuses (no rights in the owning user namespace) the ambient /proc
 * is opened and proved to be a procfs root (magic, inode 1); lookups then refuse to cross mounts. 0
 * or -errno. */
int proc_open(bool full, struct procfs *ret);
void proc_close(struct procfs *p);
/* The ambient /proc, proved to be a procfs root: for the runtime's reads about other processes,
 * before it has entered anything. Cheaper than proc_open. */
int proc_open_ambient(struct procfs *ret);

/* Open @path below the handle: RESOLVE_BENEATH|NO_XDEV|NO_MAGICLINKS ("self" is allowed), then
 * magic and mount id verified. */
int proc_openat(const struct procfs *p, const char *path, int flags);
/* Read a small file as text without its final newline; length or -errno. */
ssize_t proc_read(const struct procfs *p, const char *path, char *buf, size_t size);
int proc_write(const struct procfs *p, const char *path, const char *value, size_t n);

/* Start time of a process in clock ticks since boot (field 22 of stat) and its state; -errno. */
int proc_start_time(const struct procfs *p, pid_t pid, uint64_t *ret_start, char *ret_state);
/* The time now in the same clock and unit: what runs started then or before. */
uint64_t proc_now(void);
/*
 * Whether @pid is certain to end: SIGKILL is pending for it, or it has begun to exit. A moment lies
 * between the two in which neither shows. False where /proc cannot tell. proc_pid_status(5),
 * PF_EXITING in field 9 of proc_pid_stat(5).
 */
bool proc_is_ending(const struct procfs *p, pid_t pid);
/*
 * KERNEL: blank, tab, newline and backslash are \ooo in mountinfo. proc_pid_mountinfo(5). In place.
 */
void proc_unescape(char *s);
/* boot_id of this boot, 36 characters + NUL. */
int proc_boot_id(char ret[static 37]);

#endif
