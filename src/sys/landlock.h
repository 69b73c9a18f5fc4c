/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/landlock: the three system calls of Landlock and the rights they speak of. No policy.
 */
#ifndef HULL_SYS_LANDLOCK_H
#define HULL_SYS_LANDLOCK_H

#include <stdint.h>

/* linux/landlock.h, with the ABI that brought each: landlock(7). */
#define LANDLOCK_EXECUTE (UINT64_C(1) << 0)
#define LANDLOCK_WRITE_FILE (UINT64_C(1) << 1)
#define LANDLOCK_READ_FILE (UINT64_C(1) << 2)
#define LANDLOCK_READ_DIR (UINT64_C(1) << 3)
#define LANDLOCK_CHANGE_DIR                                                                        \
	(UINT64_C(0x1ff0))		   /* remove and make entries of every type, bits 4 to 12 */
#define LANDLOCK_REFER (UINT64_C(1) << 13) /* ABI 2, Linux 5.19 */
#define LANDLOCK_TRUNCATE (UINT64_C(1) << 14)  /* ABI 3, Linux 6.2 */
#define LANDLOCK_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5, Linux 6.10 */

/*
 * The highest ABI of this kernel, from 1; -ENOSYS: it has no Landlock, -EOPNOTSUPP: switched off at
 * boot.
 */
int landlock_abi(void);
/*
 * A ruleset that denies @handled wherever no rule grants it: fd (close-on-exec by the kernel) or
 * -errno.
 */
int landlock_create(uint64_t handled);
/*
 * Grant @rights for @path_fd (may be O_PATH) and all below it. -EINVAL: rights of directories for a
 * file.
 */
int landlock_allow(int ruleset, int path_fd, uint64_t rights);
/* Enter, for good. -EPERM without no_new_privs and without CAP_SYS_ADMIN in the user namespace. */
int landlock_restrict(int ruleset);

#endif
