/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/template: the config that `hull spec` writes: a shell in ./rootfs with the confinement that
 * engines use today. For root, or for a user who has nothing but the own ids.
 */
#include "base/str.h"
#include "spec/spec.h"
#include "spec/write.h"

#define STRINGS(w, key, ...)                                                                       \
	do {                                                                                       \
		static const char *const list_[] = { __VA_ARGS__ };                                \
		jw_strings(w, key, list_, ARRAY_LEN(list_));                                       \
	} while (0)

static void write_process(struct jw *w)
{
	static const char sets[][10] = { "bounding", "effective", "permitted" };

	jw_object(w, "process");
	jw_bool(w, "terminal", true);
	jw_object(w, "user");
	jw_u64(w, "uid", 0);
	jw_u64(w, "gid", 0);
	jw_end(w);
	STRINGS(w, "args", "sh");
	STRINGS(w, "env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TERM=xterm");
	jw_string(w, "cwd", "/");
	jw_object(w, "capabilities");
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		STRINGS(w, sets[i], "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE");
	jw_end(w);
	jw_array(w, "rlimits");
	jw_object(w, NULL);
	jw_string(w, "type", "RLIMIT_NOFILE");
	jw_u64(w, "soft", 1024);
	jw_u64(w, "hard", 1024);
	jw_end(w);
	jw_end(w);
	jw_bool(w, "noNewPrivileges", true);
	jw_end(w);
}

static void begin_mount(struct jw *w, const char *destination, const char *type, const char *source)
{
	jw_object(w, NULL);
	jw_string(w, "destination", destination);
	jw_string(w, "type", type);
	jw_string(w, "source", source);
}

static void write_pts(struct jw *w, bool rootless)
{
	begin_mount(w, "/dev/pts", "devpts", "devpts");
	if (rootless) /* group 5 (tty) does not exist in a namespace that maps one id */
		STRINGS(w, "options", "nosuid", "noexec", "newinstance", "ptmxmode=0666",
			"mode=0620");
	else
		STRINGS(w, "options", "nosuid", "noexec", "newinstance", "ptmxmode=0666",
			"mode=0620", "gid=5");
	jw_end(w);
}

/* KERNEL: without an own network namespace a user namespace may not mount a new sysfs, and the one
 * of the host shows the cgroups of the host: bound read-only to its last submount. sysfs(5),
 * user_namespaces(7). */
static void write_sys(struct jw *w, bool rootless)
{
	if (rootless) {
		begin_mount(w, "/sys", "none", "/sys");
		STRINGS(w, "options", "rbind", "nosuid", "noexec", "nodev", "rro");
		jw_end(w);
		return;
	}
	begin_mount(w, "/sys", "sysfs", "sysfs");
	STRINGS(w, "options", "nosuid", "noexec", "nodev", "ro");
	jw_end(w);
	begin_mount(w, "/sys/fs/cgroup", "cgroup", "cgroup");
	STRINGS(w, "options", "nosuid", "noexec", "nodev", "relatime", "ro");
	jw_end(w);
}

static void write_mounts(struct jw *w, bool rootless)
{
	jw_array(w, "mounts");
	begin_mount(w, "/proc", "proc", "proc");
	STRINGS(w, "options", "nosuid", "noexec", "nodev");
	jw_end(w);
	begin_mount(w, "/dev", "tmpfs", "tmpfs");
	STRINGS(w, "options", "nosuid", "strictatime", "mode=755", "size=65536k");
	jw_end(w);
	write_pts(w, rootless);
	begin_mount(w, "/dev/shm", "tmpfs", "shm");
	STRINGS(w, "options", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k");
	jw_end(w);
	begin_mount(w, "/dev/mqueue", "mqueue", "mqueue");
	STRINGS(w, "options", "nosuid", "noexec", "nodev");
	jw_end(w);
	write_sys(w, rootless);
	jw_end(w);
}

static void write_mapping(struct jw *w, const char *key, uint32_t id)
{
	jw_array(w, key);
	jw_object(w, NULL);
	jw_u64(w, "containerID", 0);
	jw_u64(w, "hostID", id);
	jw_u64(w, "size", 1);
	jw_end(w);
	jw_end(w);
}

static void write_namespaces(struct jw *w, bool rootless)
{
	jw_array(w, "namespaces");
	for (size_t i = 0; i < spec_namespaces.n; i++) {
		const struct name_value *ns = &spec_namespaces.rows[i];

		if (ns->value == NS_TIME || ns->value == (rootless ? NS_NETWORK : NS_USER))
			continue;
		jw_object(w, NULL);
		jw_string(w, "type", ns->name);
		jw_end(w);
	}
	jw_end(w);
}

static void write_linux(struct jw *w, bool rootless, uid_t uid, gid_t gid)
{
	jw_object(w, "linux");
	write_namespaces(w, rootless);
	if (rootless) {
		write_mapping(w, "uidMappings", uid);
		write_mapping(w, "gidMappings", gid);
	} else {
		jw_object(w, "resources");
		jw_array(w, "devices");
		jw_object(w, NULL);
		jw_bool(w, "allow", false);
		jw_string(w, "access", "rwm");
		jw_end(w);
		jw_end(w);
		jw_end(w);
	}
	/* SECURITY: the list of today's engines; /proc/interrupts and powercap tell the host's work
	 * apart (CVE-2018-10892 and the later side channels). */
	STRINGS(w, "maskedPaths", "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore",
		"/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
		"/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
		"/sys/firmware");
	STRINGS(w, "readonlyPaths", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
		"/proc/sysrq-trigger");
	jw_end(w);
}

int spec_write_template(FILE *out, bool rootless, uid_t uid, gid_t gid)
{
	struct arena a;
	struct jw w;
	int r;

	arena_init(&a);
	jw_init(&w, &a, 4);
	jw_object(&w, NULL);
	jw_string(&w, "ociVersion", SPEC_VERSION);
	write_process(&w);
	jw_object(&w, "root");
	jw_string(&w, "path", "rootfs");
	jw_bool(&w, "readonly", true);
	jw_end(&w);
	jw_string(&w, "hostname", "hull");
	write_mounts(&w, rootless);
	write_linux(&w, rootless, uid, gid);
	jw_end(&w);
	jw_newline(&w);
	r = jw_flush(&w, out);
	arena_free(&a);
	return r;
}
