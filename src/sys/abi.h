/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/abi: numbers and structs of the kernel that libc or older headers may lack, each with its
 * source. Data only.
 */
#ifndef HULL_SYS_ABI_H
#define HULL_SYS_ABI_H

#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>

/*
 * linux/mount.h clashes with sys/mount.h on some libcs: hull uses the kernel's header only and adds
 * the MS_* it needs.
 */
#ifndef MS_RDONLY
#define MS_RDONLY 1
#define MS_NOSUID 2
#define MS_NODEV 4
#define MS_NOEXEC 8
#define MS_SYNCHRONOUS 16
#define MS_REMOUNT 32
#define MS_MANDLOCK 64
#define MS_DIRSYNC 128
#define MS_NOATIME 1024
#define MS_NODIRATIME 2048
#define MS_BIND 4096
#define MS_MOVE 8192
#define MS_REC 16384
#define MS_SILENT 32768
#define MS_UNBINDABLE (1 << 17)
#define MS_PRIVATE (1 << 18)
#define MS_SLAVE (1 << 19)
#define MS_SHARED (1 << 20)
#define MS_RELATIME (1 << 21)
#define MS_I_VERSION (1 << 23)
#define MS_STRICTATIME (1 << 24)
#define MS_LAZYTIME (1 << 25)
#endif
#ifndef MNT_DETACH
#define MNT_DETACH 2
#define UMOUNT_NOFOLLOW 8
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW /* linux/mount.h, since 5.14 */
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef CLONE_INTO_CGROUP /* linux/sched.h, since 5.7 */
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_NEWTIME /* linux/sched.h, since 5.6 */
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef CLOSE_RANGE_CLOEXEC /* linux/close_range.h, since 5.11 */
#define CLOSE_RANGE_CLOEXEC 4
#endif
#ifndef RENAME_NOREPLACE /* linux/fs.h, since 3.15 */
#define RENAME_NOREPLACE 1
#endif
#ifndef STATX_MNT_ID_UNIQUE /* linux/stat.h, since 6.8 */
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif

#ifndef SYS_open_tree_attr /* asm/unistd.h, since 6.15; the same number everywhere */
#define SYS_open_tree_attr 467
#endif

/* Filesystem magics, linux/magic.h. */
#define HULL_PROC_MAGIC 0x9fa0
#define HULL_SYSFS_MAGIC 0x62656572
#define HULL_CGROUP2_MAGIC 0x63677270
#define HULL_CGROUP_MAGIC 0x27e0eb
#define HULL_TMPFS_MAGIC 0x01021994
#define HULL_DEVPTS_MAGIC 0x1cd1
#define HULL_NSFS_MAGIC 0x6e736673
#define HULL_PIDFS_MAGIC 0x50494446 /* since 6.9 */
#define HULL_BINFMT_MAGIC 0x42494e4d
#define HULL_PROC_ROOT_INO 1

#endif
