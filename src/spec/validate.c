/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/validate: what one object alone cannot say: a flat list of checks across the config, each
 * naming its pointer. What depends on the host, the caller or the command line is decided in plan/.
 */
#include <linux/seccomp.h>

#include "base/str.h"
#include "spec/spec.h"

enum {
	UTS_MAX = 64,	    /* KERNEL: __NEW_UTS_LEN. sethostname(2), setdomainname(2). */
	WINDOW_MAX = 65535, /* KERNEL: struct winsize has 16 bits. ioctl_tty(2). */
};

static int check_version(const struct spec *s, struct err *e)
{
	if (spec_version_supported(s->oci_version))
		return 0;
	err_set(e, ERR_CFG_VERSION, 0,
		"\"%.64s\" is not supported, hull follows " SPEC_VERSION_MIN " to " SPEC_VERSION,
		s->oci_version);
	return err_at(e, -EINVAL, "/ociVersion");
}

/* CFG-PLAT-03: a container that asks for a virtual machine must not run as a plain process. */
static int check_vm(const struct spec *s, struct err *e)
{
	if (!s->vm)
		return 0;
	err_set(e, ERR_CFG_PLATFORM, 0, "hull runs no virtual machines");
	return err_at(e, -EINVAL, "/vm");
}

/* CFG-HOST-03, CFG-HOST-04, CFG-DOM-02. */
static int check_uts_name(const struct spec *s, const char *name, const char *pointer,
			  struct err *e)
{
	if (!name)
		return 0;
	if (strlen(name) > UTS_MAX)
		err_set(e, ERR_CFG_RANGE, 0, "has %zu bytes, but at most %d are possible",
			strlen(name), UTS_MAX);
	else if (!s->os.namespaces[NS_UTS].listed)
		err_set(e, ERR_CFG_CONFLICT, 0,
			"without an entry of type uts in /linux/namespaces this would rename the "
			"host");
	else
		return 0;
	return err_at(e, -EINVAL, "%s", pointer);
}

static int check_names(const struct spec *s, struct err *e)
{
	int r = check_uts_name(s, s->hostname, "/hostname", e);

	return r < 0 ? r : check_uts_name(s, s->domainname, "/domainname", e);
}

/* CFG-PROC-06: without a terminal the size has no meaning, whatever it is. */
static int check_console(const struct spec *s, struct err *e)
{
	const struct spec_process *p = &s->process;

	if (!p->terminal || !p->console_height.set)
		return 0;
	if (p->console_height.v <= WINDOW_MAX && p->console_width.v <= WINDOW_MAX)
		return 0;
	err_set(e, ERR_CFG_RANGE, 0, "a terminal has at most %d rows and columns", WINDOW_MAX);
	return err_at(e, -EINVAL, "/process/consoleSize/%s",
		      p->console_height.v > WINDOW_MAX ? "height" : "width");
}

/* LNX-USERNS-07: mappings are those of a user namespace. */
static int check_mappings(const struct spec *s, struct err *e)
{
	const struct spec_namespace *user = &s->os.namespaces[NS_USER];

	if (!s->os.uid_mappings.n || user->listed)
		return 0;
	err_set(e, ERR_CFG_CONFLICT, 0, "mappings need an entry of type user in /linux/namespaces");
	return err_at(e, -EINVAL, "/linux/uidMappings");
}

/* LNX-TIME-05. KERNEL: offsets are fixed once a process is in the namespace. time_namespaces(7). */
static int check_clocks(const struct spec *s, struct err *e)
{
	const struct spec_namespace *t = &s->os.namespaces[NS_TIME];

	if ((!s->os.monotonic.set && !s->os.boottime.set) || (t->listed && !t->path))
		return 0;
	err_set(e, ERR_CFG_CONFLICT, 0, "%s",
		t->listed ? "the clocks of a time namespace that is joined by path cannot be set"
			  : "clock offsets need an entry of type time in /linux/namespaces");
	return err_at(e, -EINVAL, "/linux/timeOffsets");
}

/* LNX-NETDEV-05, LNX-NETDEV-06: moved into the host's own namespace, two devices of one name. */
static int check_net_devices(const struct spec *s, struct err *e)
{
	const struct spec_linux *os = &s->os;

	if (!os->n_net_devices)
		return 0;
	if (!os->namespaces[NS_NETWORK].listed) {
		err_set(e, ERR_CFG_CONFLICT, 0,
			"network devices need an entry of type network in /linux/namespaces");
		return err_at(e, -EINVAL, "/linux/netDevices");
	}
	for (size_t i = 0; i < os->n_net_devices; i++) {
		const struct spec_net_device *a = &os->net_devices[i];

		for (size_t j = 0; a->name && !strchr(a->name, '%') && j < os->n_net_devices; j++) {
			const struct spec_net_device *b = &os->net_devices[j];

			if (i == j || !streq(a->name, b->name ? b->name : b->host_name))
				continue;
			err_set(e, ERR_CFG_DUPLICATE, 0, "\"%s\" is the name of %s too", a->name,
				b->host_name);
			return err_at(e, -EINVAL, "/linux/netDevices/%s/name", a->host_name);
		}
	}
	return 0;
}

static bool notifies(const struct spec_seccomp *p)
{
	if (p->default_action == SECCOMP_RET_USER_NOTIF)
		return true;
	for (size_t i = 0; i < p->n_rules; i++)
		if (p->rules[i].action == SECCOMP_RET_USER_NOTIF)
			return true;
	return false;
}

/* A filter that asks nobody would make every call it is about hang or fail. */
static int check_listener(const struct spec *s, struct err *e)
{
	const struct spec_seccomp *p = &s->os.seccomp;

	if (!p->set || p->listener_path || spec_annotation(s, "run.oci.seccomp.receiver") ||
	    !notifies(p))
		return 0;
	err_set(e, ERR_CFG_MISSING, 0, "is required, as the profile uses SCMP_ACT_NOTIFY");
	return err_at(e, -EINVAL, "/linux/seccomp/listenerPath");
}

int spec_validate(const struct spec *s, struct err *e)
{
	static int (*const checks[])(const struct spec *s, struct err *e) = {
		check_version,	check_vm,     check_names,	 check_console,
		check_mappings, check_clocks, check_net_devices, check_listener,
	};

	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		int r = checks[i](s, e);

		if (r < 0)
			return r;
	}
	return 0;
}
