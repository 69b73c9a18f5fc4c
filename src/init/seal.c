/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init/seal: what a container finds behind /proc/PID/exe of its init must not be the hull binary
 * (rule X2, the class of CVE-2019-5736). Two ways: the image moves to anonymous memory and the link
 * points to an empty sealed file (one copy, no exec), or the whole program runs from a sealed copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/prctl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/init.h"
#include "init/steps.h"
#include "sys/call.h"

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

#ifndef MFD_EXEC /* linux/memfd.h, since 6.3 */
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC /* linux/fcntl.h, since 6.3 */
#define F_SEAL_EXEC 0x0020
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

bool init_can_seal(void)
{
#ifdef SANITIZED
	return false; /* shadow memory and interceptors do not survive moving the image */
#else
	unsigned size = 0;

	/*
	 * KERNEL: PR_SET_MM_MAP exists with CONFIG_CHECKPOINT_RESTORE; its size query needs no
	 * right. prctl(2)
	 */
	return sys_prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, (unsigned long)&size, 0, 0) == 0 &&
	       size == sizeof(struct prctl_mm_map);
#endif
}

/* An empty executable file that nobody can ever change. */
static int empty_sealed(void)
{
	_cleanup_fd_ int fd = -1;
	int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

	fd = sys_memfd_create("hull", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (fd == -EINVAL) /* before 6.3 every memfd is executable */
		fd = sys_memfd_create("hull", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return fd_take(&fd);
	if (fcntl(fd, F_ADD_SEALS, seals) < 0)
		return -errno;
	return fd_take(&fd);
}

/*
 * PR_SET_MM_MAP wants the whole layout, of which all but the executable stays as it is. What the
 * kernel knows of it is for those who look: /proc/PID/cmdline and environ go on, the rest of what
 * execve sets anew says where the program is.
 *
 * KERNEL: from the arguments on, the stack holds the environment and then the name of the
 * executable. copy_strings of fs/exec.c
 */
static void fill_layout(struct prctl_mm_map *map)
{
	extern char **environ;
	uint64_t heap = (uint64_t)(uintptr_t)sbrk(0), code = (uint64_t)(uintptr_t)__ehdr_start;
	uint64_t args = (uint64_t)(uintptr_t)program_invocation_name, end = getauxval(AT_EXECFN);
	uint64_t env = environ && *environ ? (uint64_t)(uintptr_t)*environ : end;

	if (args > end) /* a build whose libc made its own copy */
		args = end;
	if (env < args || env > end)
		env = end;
	*map = (struct prctl_mm_map){
		.start_code = code,
		.end_code = code + 1,
		.start_stack = args,
		.start_data = code,
		.end_data = code,
		.start_brk = heap,
		.brk = heap,
		.arg_start = args,
		.arg_end = env,
		.env_start = env,
		.env_end = end,
		.auxv = NULL,
		.exe_fd = (uint32_t)-1,
	};
}

int init_seal(enum init_part part, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	struct prctl_mm_map map;
	int r;

	fd = empty_sealed();
	if (fd < 0)
		return err_sys(e, ERR_PRO_SEAL, fd, "make a sealed memfd");
	r = init_image_move(part);
	if (r < 0)
		return err_sys(e, ERR_PRO_SEAL, r, "move hull's image to anonymous memory");
	fill_layout(&map);
	map.exe_fd = (uint32_t)fd;
	/*
	 * KERNEL: the link changes only when no mapping of the old file is left (EBUSY), and needs
	 * CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE in the user namespace of the caller. prctl(2),
	 * replace_mm_exe_file
	 */
	r = sys_prctl(PR_SET_MM, PR_SET_MM_MAP, (unsigned long)&map, sizeof(map), 0);
	if (r < 0)
		return err_sys(e, ERR_PRO_SEAL, r, "point /proc/self/exe away from hull");
	return 0;
}

int init_reexec_sealed(char *const argv[], char *const envp[], const int *kept, size_t n_kept,
		       struct err *e)
{
	_cleanup_fd_ int self = -1, copy = -1;
	struct stat st;
	int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int have, r;

	self = sys_openat(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0);
	if (self < 0)
		return err_sys(e, ERR_PRO_SEAL, self, "open /proc/self/exe");
	/*
	 * Running from a sealed copy already? Asked of the file itself, never of the environment.
	 */
	have = fcntl(self, F_GET_SEALS);
	if (have >= 0 && (have & seals) == seals)
		return 0;
	if (fstat(self, &st) < 0)
		return err_sys(e, ERR_PRO_SEAL, -errno, "stat /proc/self/exe");
	copy = sys_memfd_create("hull", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (copy == -EINVAL)
		copy = sys_memfd_create("hull", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy < 0)
		return err_sys(e, ERR_PRO_SEAL, copy, "make a sealed memfd");
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(copy, self, NULL, (size_t)left);

		if (n <= 0)
			return err_sys(e, ERR_PRO_SEAL, n < 0 ? -errno : -EIO,
				       "copy hull into a memfd");
		left -= n;
	}
	if (fcntl(copy, F_ADD_SEALS, seals) < 0)
		return err_sys(e, ERR_PRO_SEAL, -errno, "seal the copy of hull");
	/* the copy notes them as inherited once more, and takes care of them as this one has */
	for (size_t i = 0; i < n_kept; i++)
		(void)fd_set_cloexec(kept[i], 0);
	r = sys_execveat(copy, "", argv, envp, AT_EMPTY_PATH);
	return err_sys(e, ERR_PRO_SEAL, r, "execute the sealed copy of hull");
}
