/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/floor ROOTFS CGROUP CAPS FILTER BINDS PROGRAM: the kernel's share of `run`. It makes the
 * container of bench/bundle.py with everything hard-coded: no parsing, no state, no messages, no
 * checks of what is mounted where, no undo. CAPS: a hexadecimal set; FILTER: a file of compiled
 * seccomp instructions or "-"; BINDS: "SOURCE:NAME,..." , each mounted read-only. What hull costs
 * above it is hull's own.
 *
 * bench/floor create GATE PIDFILE and the same arguments, start GATE, delete GATE CGROUP: the same in
 * three commands, as an engine has it. GATE is a fifo: the container's process waits at it, and that
 * nobody reads it any more is how start knows that the program runs.
 *
 * bench/floor state ROOT ID GROUP PID: the same for `state` of that container of hull's, whose pid
 * and cgroup directory are given: its files are read and its process is looked at, no more. list
 * and the same arguments: of `list`, where that container is the only one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define N(a) (sizeof(a) / sizeof(*(a)))

static void need(const char *what, long r)
{
	if (r >= 0)
		return;
	perror(what);
	_exit(1);
}

/*
 * ---- the device program: nine rules, last to first would win; here each is an allowance, the rest
 * is denied ----
 */

struct rule {
	int type, access, major, minor; /* -1: any */
};

static const struct rule allowed[] = {
	{ BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_MKNOD, -1, -1 },
	{ BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_ACC_MKNOD, -1, -1 },
	{ BPF_DEVCG_DEV_CHAR, 7, 1, 3 },
	{ BPF_DEVCG_DEV_CHAR, 7, 1, 5 },
	{ BPF_DEVCG_DEV_CHAR, 7, 1, 7 },
	{ BPF_DEVCG_DEV_CHAR, 7, 1, 8 },
	{ BPF_DEVCG_DEV_CHAR, 7, 1, 9 },
	{ BPF_DEVCG_DEV_CHAR, 7, 5, 0 },
	{ BPF_DEVCG_DEV_CHAR, 7, 5, 2 },
	{ BPF_DEVCG_DEV_CHAR, 7, 136, -1 },
};

static struct bpf_insn program[128];
static unsigned n_insns;

static void emit(int code, int dst, int src, int off, int imm)
{
	program[n_insns++] = (struct bpf_insn){ .code = (uint8_t)code,
						.dst_reg = (uint8_t)(dst & 15),
						.src_reg = (uint8_t)(src & 15),
						.off = (int16_t)off,
						.imm = imm };
}

static void device_program(int cgroup)
{
	union bpf_attr load = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
				.license = (uint64_t)(uintptr_t) "GPL" };
	union bpf_attr attach = { .attach_type = BPF_CGROUP_DEVICE,
				  .attach_flags = BPF_F_ALLOW_MULTI };
	long fd;

	emit(BPF_LDX | BPF_W | BPF_MEM, 2, 1, 0, 0);
	emit(BPF_ALU | BPF_MOV | BPF_X, 3, 2, 0, 0);
	emit(BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
	emit(BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16);
	emit(BPF_LDX | BPF_W | BPF_MEM, 4, 1, 4, 0);
	emit(BPF_LDX | BPF_W | BPF_MEM, 5, 1, 8, 0);
	for (size_t i = 0; i < N(allowed); i++) {
		const struct rule *r = &allowed[i];
		int left = 1 + (r->access == 7 ? 0 : 3) + (r->major >= 0) + (r->minor >= 0) + 2;

		emit(BPF_JMP | BPF_JNE | BPF_K, 2, 0, --left, r->type);
		if (r->access != 7) {
			emit(BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0), left--;
			emit(BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, ~r->access), left--;
			emit(BPF_JMP | BPF_JNE | BPF_K, 1, 0, --left, 0);
		}
		if (r->major >= 0)
			emit(BPF_JMP | BPF_JNE | BPF_K, 4, 0, --left, r->major);
		if (r->minor >= 0)
			emit(BPF_JMP | BPF_JNE | BPF_K, 5, 0, --left, r->minor);
		emit(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
		emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	emit(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	load.insns = (uint64_t)(uintptr_t)program;
	load.insn_cnt = n_insns;
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	need("device program", fd);
	attach.target_fd = (uint32_t)cgroup;
	attach.attach_bpf_fd = (uint32_t)fd;
	need("attach", syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)));
	close((int)fd);
}

/* ---- the child ---- */

static const struct {
	const char *type, *where;
	unsigned long flags;
	const char *data;
} mounts[] = {
	{ "proc", "proc", 0, NULL },
	{ "tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k" },
	{ "devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5" },
	{ "tmpfs", "dev/shm", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k" },
	{ "mqueue", "dev/mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL },
	{ "sysfs", "sys", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL },
	{ "cgroup2", "sys/fs/cgroup", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL },
	{ "tmpfs", "run", MS_NOSUID | MS_NODEV, "mode=755" },
};

static void filesystems(const char *rootfs, char *binds)
{
	need("slave", mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
	need("rootfs", mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL));
	need("chdir", chdir(rootfs));
	for (size_t i = 0; i < N(mounts); i++) {
		if (!strncmp(mounts[i].where, "dev/", 4))
			mkdir(mounts[i].where, 0755);
		need(mounts[i].where, mount(mounts[i].type, mounts[i].where, mounts[i].type,
					    mounts[i].flags, mounts[i].data));
	}
	for (char *one; (one = strsep(&binds, ","));) {
		char *where = strchr(one, ':');

		*where++ = '\0';
		mknod(where, S_IFREG | 0644, 0); /* in a fresh tmpfs it is not there yet */
		need(where, mount(one, where, NULL, MS_BIND, NULL));
		need(where,
		     mount(NULL, where, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID, NULL));
	}
}

static void devices(void)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = { { "dev/null", 1, 3 },   { "dev/zero", 1, 5 },    { "dev/full", 1, 7 },
		      { "dev/random", 1, 8 }, { "dev/urandom", 1, 9 }, { "dev/tty", 5, 0 } };
	static const char *const links[][2] = {
		{ "/proc/self/fd", "dev/fd" },	     { "/proc/self/fd/0", "dev/stdin" },
		{ "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
		{ "/proc/kcore", "dev/core" },	     { "pts/ptmx", "dev/ptmx" },
	};

	for (size_t i = 0; i < N(nodes); i++)
		need(nodes[i].name,
		     mknod(nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
	for (size_t i = 0; i < N(links); i++)
		need(links[i][1], symlink(links[i][0], links[i][1]));
}

static void hide(void)
{
	static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
						"/proc/sysrq-trigger" };
	static const char *const masked[] = { "/proc/acpi",	     "/proc/asound",
					      "/proc/kcore",	     "/proc/keys",
					      "/proc/latency_stats", "/proc/timer_list",
					      "/proc/timer_stats",   "/proc/sched_debug",
					      "/sys/firmware",	     "/proc/scsi" };

	for (size_t i = 0; i < N(readonly); i++)
		if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			need(readonly[i], mount(NULL, readonly[i], NULL,
						MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	for (size_t i = 0; i < N(masked); i++)
		if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) < 0 && errno == ENOTDIR)
			need(masked[i], mount("tmpfs", masked[i], "tmpfs", MS_RDONLY,
					      "nr_inodes=2,size=4096"));
}

static void lock_down(uint64_t keep)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = {
		{ .effective = (uint32_t)keep, .permitted = (uint32_t)keep },
		{ .effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32) }
	};
	struct rlimit files = { 1024, 1024 };

	for (int cap = 0; cap <= 40; cap++)
		if (!(keep >> cap & 1))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	need("setgroups", syscall(SYS_setgroups, 0, NULL));
	need("setresgid", syscall(SYS_setresgid, 0, 0, 0));
	need("setresuid", syscall(SYS_setresuid, 0, 0, 0));
	need("capset", syscall(SYS_capset, &head, caps));
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	need("no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	setrlimit(RLIMIT_NOFILE, &files);
}

static struct sock_filter insns[4096];
static struct sock_fprog filter = { .filter = insns };

static void read_filter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long n = fd < 0 ? -1 : read(fd, insns, sizeof(insns));

	need(path, n);
	filter.len = (unsigned short)(n / (long)sizeof(insns[0]));
	close(fd);
}

static uint64_t hex(const char *s)
{
	uint64_t v = 0;

	for (; *s; s++)
		v = v << 4 | (uint64_t)(*s <= '9' ? *s - '0' : *s - 'a' + 10);
	return v;
}

static int gate = -1, ready[2] = { -1, -1 };

static void wait_for_start(void)
{
	char byte;

	close(ready[1]);
	need("gate", read(gate, &byte, 1));
}

static void child(char **argv)
{
	static char path[] = "PATH=/bin", *const env[] = { path, NULL };
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int s;

	umask(0);
	setsid();
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	need("lo", ioctl(s, SIOCSIFFLAGS, &lo));
	close(s);
	filesystems(argv[1], argv[5]);
	devices();
	need("pivot_root", syscall(SYS_pivot_root, ".", "."));
	need("umount", umount2(".", MNT_DETACH));
	need("chdir", chdir("/"));
	hide();
	need("hostname", sethostname("bench", 5));
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "bench");
	lock_down(hex(argv[3]));
	umask(022);
	if (gate >= 0)
		wait_for_start();
	if (filter.len)
		need("seccomp", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter));
	execve(argv[6], argv + 6, env);
	need(argv[6], -1);
}

static char text[16384];
static pid_t first;

static void read_at(int dir, const char *name, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	need(name, fd);
	need(name, read(fd, text, size));
	close(fd);
}

/*
 * state.json, boot id, process, the lock that "created" holds, the freezer; of state the times of
 * the steps, of list the names in the directory.
 */
static int look(char **argv)
{
	int entry, trace, group, pidfd, root = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct pollfd wait = { .events = POLLIN };
	bool list = !strcmp(argv[1], "list");
	struct stat st;
	int pid = 0;

	for (const char *digit = argv[5]; *digit >= '0'; digit++)
		pid = 10 * pid + *digit - '0';
	need("root", root);
	while (list && syscall(SYS_getdents64, root, text, sizeof(text)) > 0)
		;
	entry = openat(root, argv[3], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	need("entry", entry);
	read_at(entry, "state.json", 4096);
	read_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 63);
	pidfd = wait.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	need("pidfd", pidfd);
	need("fstat", fstat(pidfd, &st));
	need("poll", poll(&wait, 1, 0));
	close(pidfd);
	trace = openat(entry, "trace", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	need("trace", trace);
	need("flock", flock(trace, LOCK_SH | LOCK_NB));
	group = open(argv[4], O_PATH | O_DIRECTORY | O_CLOEXEC);
	need("group", group);
	read_at(group, "cgroup.events", 255);
	read_at(group, "cgroup.freeze", 255);
	close(group);
	if (!list)
		need("trace", read(trace, text, 6160));
	need("write", write(1, text, list ? 160 : 1540));
	return 0;
}

/* The container of ARGV, its first process on its way; its pidfd. */
static int contain(char **argv)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	int pidfd = -1, dir;
	long pid;

	if (strcmp(argv[4], "-"))
		read_filter(argv[4]);
	need("mkdir", mkdir(argv[2], 0755));
	dir = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	need("cgroup", dir);
	device_program(dir);
	args.flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP |
		     CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET |
		     CLONE_NEWCGROUP;
	args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	args.parent_tid = (uint64_t)(uintptr_t)&first;
	args.cgroup = (uint64_t)dir;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	need("clone3", pid);
	if (pid == 0)
		child(argv);
	return pidfd;
}

static int create(char **argv)
{
	int file, n;

	need("mkfifo", mkfifo(argv[2], 0600));
	gate = open(argv[2], O_RDWR | O_CLOEXEC);
	need("gate", gate);
	need("pipe", pipe2(ready, O_CLOEXEC));
	contain(argv + 3);
	close(ready[1]);
	need("ready", read(ready[0], text, 1));
	n = snprintf(text, sizeof(text), "%d", first);
	file = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	need("pid file", file);
	need("pid file", write(file, text, (size_t)n));
	return 0;
}

static int start(const char *path)
{
	struct pollfd end = { .fd = open(path, O_WRONLY | O_CLOEXEC) };

	need("gate", end.fd);
	need("gate", write(end.fd, "", 1));
	need("poll", poll(&end, 1, -1));
	return 0;
}

static int delete (const char *path, const char *group)
{
	need("rmdir", rmdir(group));
	need("unlink", unlink(path));
	return 0;
}

int main(int argc, char **argv)
{
	siginfo_t end = { 0 };

	if (argc == 6 && (!strcmp(argv[1], "state") || !strcmp(argv[1], "list")))
		return look(argv);
	if (argc >= 10 && !strcmp(argv[1], "create"))
		return create(argv);
	if (argc == 3 && !strcmp(argv[1], "start"))
		return start(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "delete"))
		return delete (argv[2], argv[3]);
	if (argc < 7)
		return 2;
	need("wait", waitid(P_PIDFD, (id_t)contain(argv), &end, WEXITED));
	need("rmdir", rmdir(argv[2]));
	return end.si_code == CLD_EXITED ? end.si_status : 128 + end.si_status;
}
