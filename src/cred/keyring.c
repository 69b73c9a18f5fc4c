/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cred/keyring: a session keyring of the container's own (rule X6). Hides keyctl, the trap of named
 * keyrings, and what a used up quota looks like.
 */
#include <linux/keyctl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"
#include "cred/internal.h"
#include "sys/call.h"

/* Permissions, security/keys: everything for who holds it; view, read, search and link for its
 * user, so that a later exec finds and joins it by name. keyrings(7). */
enum {
	POSSESSOR_ALL = 0x3f000000,
	USER_VIEW = 0x00010000,
	USER_READ = 0x00020000,
	USER_SEARCH = 0x00080000,
	USER_LINK = 0x00100000,
	KEYRING_PERM = POSSESSOR_ALL | USER_VIEW | USER_READ | USER_SEARCH | USER_LINK,
};

bool cred_parse_key_users(const char *text, uid_t uid, struct cred_key_use *ret)
{
	/* "    0:    49 48/48 36/1000000 577/25000000": uid, usage, keys/instantiated, keys/max,
	 * bytes/max. proc(5) */
	for (const char *line = text; line; line = strchr(line, '\n')) {
		uint32_t v[8] = { 0 };
		size_t n = 0;

		line += *line == '\n';
		for (const char *c = line; *c && *c != '\n' && n < ARRAY_LEN(v);) {
			if (*c < '0' || *c > '9') {
				c++;
				continue;
			}
			for (; *c >= '0' && *c <= '9'; c++)
				v[n] = v[n] * 10 + (uint32_t)(*c - '0');
			n++;
		}
		if (n != ARRAY_LEN(v) || v[0] != uid)
			continue;
		*ret = (struct cred_key_use){ v[4], v[5], v[6], v[7] };
		return true;
	}
	return false;
}

static int explain_quota(int r, struct err *e)
{
	struct procfs proc = { .fd = -1 };
	struct cred_key_use use;
	uid_t uid = geteuid();
	char text[4096];
	bool known = false;

	if (proc_open(true, &proc) >= 0) {
		known = proc_read(&proc, "key-users", text, sizeof(text)) > 0 &&
			cred_parse_key_users(text, uid, &use);
		proc_close(&proc);
	}
	if (!known)
		return err_sys(
			e, ERR_CRD_KEYRING, r,
			"make a session keyring: the key quota of uid %u is used up "
			"(/proc/key-users; sysctl kernel.keys.maxkeys, kernel.keys.maxbytes)",
			uid);
	/* KERNEL: user 0 of the initial user namespace has a quota of its own. */
	return err_sys(e, ERR_CRD_KEYRING, r,
		       "make a session keyring: the key quota of uid %u is used up: %u of %u keys, "
		       "%u of %u bytes "
		       "(sysctl kernel.keys.%smaxkeys, kernel.keys.%smaxbytes)",
		       uid, use.keys, use.max_keys, use.bytes, use.max_bytes, uid ? "" : "root_",
		       uid ? "" : "root_");
}

static int set_keycreate(const char *label, struct err *e)
{
	struct procfs proc = { .fd = -1 };
	int r = proc_open(false, &proc);

	if (r >= 0)
		r = proc_write(&proc, "self/attr/keycreate", label, strlen(label));
	proc_close(&proc);
	if (r < 0)
		return err_at(e, err_sys(e, ERR_CRD_LSM, r, "label the session keyring %s", label),
			      "/process/selinuxLabel");
	return 0;
}

/* Does the keyring belong to us? Its description is "keyring;UID;GID;PERM;NAME". */
static bool is_ours(unsigned long serial)
{
	char text[512] = "", want[32];
	int n = sys_keyctl(KEYCTL_DESCRIBE, serial, (unsigned long)(uintptr_t)text,
			   sizeof(text) - 1, 0);

	/* A description longer than the buffer is not copied at all. */
	if (n < 0 || n >= (int)sizeof(text) ||
	    str_format(want, sizeof(want), "keyring;%u;", geteuid()) < 0)
		return false;
	return str_starts(text, want);
}

static bool is_empty(unsigned long serial)
{
	return sys_keyctl(KEYCTL_READ, serial, 0, 0, 0) == 0;
}

static int join(const char *name, bool fresh)
{
	int r = sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)(uintptr_t)name, 0, 0, 0);

	if (r < 0 && r != -EACCES)
		return r;
	/* KERNEL: 0 instead of a serial number when that keyring is the session's already. */
	if (r == 0)
		r = sys_keyctl(KEYCTL_GET_KEYRING_ID, (unsigned long)KEY_SPEC_SESSION_KEYRING, 0, 0,
			       0);
	/* SECURITY: a name that exists is joined, not made, whoever made it: another user, or a
	 * container that runs as the same user, could have put it there to share keys with this
	 * one. KERNEL: an unnamed one is new. */
	if (r <= 0 || !is_ours((unsigned long)r) || (fresh && !is_empty((unsigned long)r)))
		r = sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
	return r;
}

static int session_keyring(const char *name, const char *selinux_label, bool fresh, struct err *e)
{
	bool label = selinux_label && selinux_label[0];
	int serial, r;

	if (label) {
		r = set_keycreate(selinux_label, e);
		if (r < 0)
			return r;
	}
	serial = join(name, fresh);
	/* A kernel without keyrings (or a filter that hides them, which the container inherits) has
	 * nothing to keep apart. */
	r = serial == -ENOSYS ? 0 : serial;
	if (serial > 0)
		r = sys_keyctl(KEYCTL_SETPERM, (unsigned long)serial, KEYRING_PERM, 0, 0);
	if (label && r >= 0)
		return set_keycreate("", e);
	if (r >= 0)
		return 0;
	if (r == -EDQUOT)
		return explain_quota(r, e);
	return err_sys(e, ERR_CRD_KEYRING, r,
		       serial > 0 ? "set the permissions of the session keyring"
				  : "make a session keyring");
}

int cred_new_keyring(const char *name, const char *selinux_label, struct err *e)
{
	return session_keyring(name, selinux_label, true, e);
}

int cred_join_keyring(const char *name, const char *selinux_label, struct err *e)
{
	return session_keyring(name, selinux_label, false, e);
}
