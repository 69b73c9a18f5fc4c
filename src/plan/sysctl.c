/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/sysctl: kernel parameters that belong to a namespace of the container. Hides the two
 * spellings of sysctl(8) and the table of what is namespaced. SECURITY: rule F5; a key outside the
 * table would set the host's value.
 */
#include <errno.h>

#include "base/str.h"
#include "plan/parts.h"
#include "spec/spec.h"

/* Keys with slashes; a trailing slash means everything below. */
static const struct {
	char key[30];
	enum spec_ns ns;
} owners[] = {
	/* KERNEL: ipc_namespaces(7) */
	{ "kernel/auto_msgmni", NS_IPC },
	{ "kernel/msg_next_id", NS_IPC },
	{ "kernel/msgmax", NS_IPC },
	{ "kernel/msgmnb", NS_IPC },
	{ "kernel/msgmni", NS_IPC },
	{ "kernel/sem", NS_IPC },
	{ "kernel/sem_next_id", NS_IPC },
	{ "kernel/shm_next_id", NS_IPC },
	{ "kernel/shm_rmid_forced", NS_IPC },
	{ "kernel/shmall", NS_IPC },
	{ "kernel/shmmax", NS_IPC },
	{ "kernel/shmmni", NS_IPC },
	{ "fs/mqueue/", NS_IPC },
	/* KERNEL: uts_namespaces(7) */
	{ "kernel/domainname", NS_UTS },
	{ "kernel/hostname", NS_UTS },
	/* KERNEL: network_namespaces(7); what is not namespaced does not exist in a new network
  namespace */
	{ "net/", NS_NETWORK },
	/* KERNEL: limits per user namespace, namespaces(7) */
	{ "user/", NS_USER },
};

/* The first separator says which one is meant: "net.ipv4.conf.eth0/1.forwarding" and
 * "net/ipv4/conf/eth0.1/forwarding" are the same key. sysctl.d(5). */
static char *with_slashes(struct arena *a, const char *key)
{
	char *out = arena_strdup(a, key);
	size_t first = strcspn(key, "./");

	if (key[first] != '.')
		return out;
	for (char *p = out; *p; p++)
		*p = (char)(*p == '.' ? '/' : *p == '/' ? '.' : *p);
	return out;
}

static bool valid_key(const char *key)
{
	static const char set[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:@/";

	if (!strchr(key, '/') || key[strspn(key, set)] || str_ends(key, "/"))
		return false;
	for (const char *p = key; *p; p += path_slashes(p)) {
		size_t part = path_part(p);

		if (part == 0 || (part == 1 && p[0] == '.') ||
		    (part == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += part;
		if (p[0] == '/' && p[1] == '/')
			return false;
	}
	return true;
}

static bool find_owner(const char *key, enum spec_ns *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
		bool all = str_ends(owners[i].key, "/");

		if (all ? str_starts(key, owners[i].key) : streq(key, owners[i].key)) {
			*ret = owners[i].ns;
			return true;
		}
	}
	return false;
}

static int check_uts_twice(struct maker *m, const struct plan_sysctl *s, struct err *e)
{
	const char *other = NULL, *name = NULL;

	if (streq(s->key, "kernel/hostname")) {
		other = m->spec->hostname;
		name = "hostname";
	} else if (streq(s->key, "kernel/domainname")) {
		other = m->spec->domainname;
		name = "domainname";
	}
	if (!other || streq(other, s->value))
		return 0;
	return err_set(e, ERR_CFG_CONFLICT, 0, "\"%s\" contradicts /%s (\"%s\")", s->value, name,
		       other);
}

static int make_one(struct maker *m, const struct spec_kv *kv, struct err *e)
{
	struct plan *p = m->plan;
	struct plan_sysctl s = { .value = kv->value };
	const char *what;

	s.pointer = plan_pointer(m->arena, "/linux/sysctl", kv->key);
	s.key = with_slashes(m->arena, kv->key);
	if (!valid_key(s.key))
		return err_set(e, ERR_CFG_VALUE, 0, "this is no name of a sysctl");
	if (strchr(kv->value, '\n'))
		return err_set(e, ERR_CFG_VALUE, 0, "the value holds a line break");
	if (!find_owner(s.key, &s.ns))
		return err_set(
			e, ERR_CFG_CONFLICT, 0,
			"this sysctl belongs to no namespace: it would be set for the whole host");
	what = table_name(&spec_namespaces, s.ns);
	if (!plan_ns_own(p, s.ns))
		return err_set(e, ERR_CFG_CONFLICT, 0,
			       "it would be set for the host: add an entry of type %s in "
			       "/linux/namespaces",
			       what);
	if (m->opt->strict_namespaces && plan_ns_joined(p, s.ns))
		return err_set(e, ERR_CFG_CONFLICT, 0,
			       "the %s namespace is joined by path and --strict-namespaces forbids "
			       "to change it",
			       what);
	for (size_t i = 0; i < p->n_sysctls; i++)
		if (streq(p->sysctls[i].key, s.key))
			return err_set(e, ERR_CFG_DUPLICATE, 0, "the same key as %s",
				       p->sysctls[i].pointer);
	*(struct plan_sysctl *)arena_push(m->arena, &p->sysctls, &p->n_sysctls, sizeof(s)) = s;
	return check_uts_twice(m, &s, e);
}

int plan_make_sysctls(struct maker *m, struct err *e)
{
	const struct spec_kvs *kvs = &m->spec->os.sysctl;

	for (size_t i = 0; i < kvs->n; i++) {
		int r = make_one(m, &kvs->v[i], e);

		if (r == 0)
			continue;
		err_at(e, r, "%s", plan_pointer(m->arena, "/linux/sysctl", kvs->v[i].key));
		if (!plan_go_on(m, e))
			return r;
	}
	return 0;
}
