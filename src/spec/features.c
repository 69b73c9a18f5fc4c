/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/features: the features structure (features.md, features-linux.md), printed from the tables
 * that the reader uses. It depends on the build alone: no look at the host.
 */
#include "base/str.h"
#include "spec/spec.h"
#include "spec/write.h"

/* What this build implements, whatever the host has. */
enum {
	HAS_CGROUP_V1 = 1,
	HAS_CGROUP_V2 = 1,
	HAS_SYSTEMD = 1,
	HAS_SYSTEMD_USER = 1,
	HAS_RDMA = 1,
	HAS_SECCOMP = 1,
	HAS_APPARMOR = 1,
	HAS_SELINUX = 1,
	HAS_RDT = 1,
	HAS_IDMAP = 1,
	HAS_NET_DEVICES = 1,
};

/* FEAT-16: every annotation of a config that changes what hull does. A dot at the end makes a
 * prefix. */
static const char *const unsafe[] = {
	"org.criu.config",
	"org.opencontainers.image.stopSignal",
	"org.systemd.property.",
	"run.hull.landlock",
	"run.oci.delegate-cgroup",
	"run.oci.keep_original_groups",
	"run.oci.mount_context_type",
	"run.oci.pidfd_receiver",
	"run.oci.seccomp.receiver",
	"run.oci.seccomp_bpf_data",
	"run.oci.seccomp_fail_unknown_syscall",
	"run.oci.systemd.subgroup",
};

static void write_names(struct jw *w, const char *key, const struct name_table *t)
{
	jw_array(w, key);
	for (size_t i = 0; i < t->n; i++)
		jw_string(w, NULL, t->rows[i].name);
	jw_end(w);
}

static void write_switch(struct jw *w, const char *key, bool on)
{
	jw_object(w, key);
	jw_bool(w, "enabled", on);
	jw_end(w);
}

static void write_mount_options(struct jw *w)
{
	const struct spec_mount_option *o;
	size_t n;

	o = spec_mount_options(&n);
	jw_array(w, "mountOptions");
	for (size_t i = 0; i < n; i++)
		jw_string(w, NULL, o[i].name);
	jw_end(w);
}

static void write_cgroup(struct jw *w)
{
	jw_object(w, "cgroup");
	jw_bool(w, "v1", HAS_CGROUP_V1);
	jw_bool(w, "v2", HAS_CGROUP_V2);
	jw_bool(w, "systemd", HAS_SYSTEMD);
	jw_bool(w, "systemdUser", HAS_SYSTEMD_USER);
	jw_bool(w, "rdma", HAS_RDMA);
	jw_end(w);
}

static void write_seccomp(struct jw *w)
{
	jw_object(w, "seccomp");
	jw_bool(w, "enabled", HAS_SECCOMP);
	write_names(w, "actions", &spec_seccomp_actions);
	write_names(w, "operators", &spec_seccomp_ops);
	write_names(w, "archs", &spec_seccomp_archs);
	write_names(w, "knownFlags", &spec_seccomp_flags);
	write_names(w, "supportedFlags", &spec_seccomp_flags);
	jw_end(w);
}

static void write_linux(struct jw *w)
{
	jw_object(w, "linux");
	write_names(w, "namespaces", &spec_namespaces);
	write_names(w, "capabilities", &spec_capabilities);
	write_cgroup(w);
	write_seccomp(w);
	write_switch(w, "apparmor", HAS_APPARMOR);
	write_switch(w, "selinux", HAS_SELINUX);
	jw_object(w, "memoryPolicy");
	write_names(w, "modes", &spec_mpol_modes);
	write_names(w, "flags", &spec_mpol_flags);
	jw_end(w);
	jw_object(w, "intelRdt");
	jw_bool(w, "enabled", HAS_RDT);
	jw_bool(w, "schemata", HAS_RDT);
	jw_bool(w, "monitoring", HAS_RDT);
	jw_end(w);
	jw_object(w, "mountExtensions");
	write_switch(w, "idmap", HAS_IDMAP);
	jw_end(w);
	write_switch(w, "netDevices", HAS_NET_DEVICES);
	jw_end(w);
}

int spec_write_features(bool checkpoint, FILE *out)
{
	struct arena a;
	struct jw w;
	int r;

	arena_init(&a);
	jw_init(&w, &a, 4);
	jw_object(&w, NULL);
	jw_string(&w, "ociVersionMin", SPEC_VERSION_MIN);
	jw_string(&w, "ociVersionMax", SPEC_VERSION);
	write_names(&w, "hooks", &spec_hook_kinds);
	write_mount_options(&w);
	write_linux(&w);
	jw_object(&w, "annotations");
	jw_string(&w, "run.hull.version", HULL_VERSION);
	/* doc/decisions.md: what becomes of device rules where the kernel takes no filter */
	jw_string(&w, "run.hull.deviceRules.unprivileged", "not-enforced");
	/* the name that clients know */
	jw_string(&w, "org.opencontainers.runc.checkpoint.enabled", checkpoint ? "true" : "false");
	jw_end(&w);
	jw_strings(&w, "potentiallyUnsafeConfigAnnotations", unsafe, ARRAY_LEN(unsafe));
	jw_end(&w);
	jw_newline(&w);
	r = jw_flush(&w, out);
	arena_free(&a);
	return r;
}
