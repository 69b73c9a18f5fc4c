/* SPDX-License-Identifier: Apache-2.0 */
/* The cred room: ids, groups and capability sets as the kernel shows them in /proc/self/status,
 * locks, keyring, labels. */
#include "child.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>

#include "base/arena.h"
#include "base/io.h"
#include "base/str.h"
#include "cred/internal.h"
#include "sys/call.h"

#define BIT(cap) (1ULL << (cap))

/* Value of a line of /proc/self/status, "" when there is none. */
static const char *status(const char *name)
{
	static char text[8192];
	size_t n = strlen(name);
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	io_read_line_file(fd, text, sizeof(text));
	close(fd);
	for (char *next = text, *line; (line = strsep(&next, "\n"));)
		if (!strncmp(line, name, n) && line[n] == ':')
			return line + n + 1 + strspn(line + n + 1, " \t");
	return "";
}

static const char *hex(uint64_t v)
{
	static char text[8][24];
	static unsigned i;

	i = (i + 1) % 8;
	snprintf(text[i], sizeof(text[i]), "%016llx", (unsigned long long)v);
	return text[i];
}

static struct plan_process process(uid_t uid, gid_t gid)
{
	static const struct spec_process none;

	return (struct plan_process){ .set = true, .spec = &none, .uid = uid, .gid = gid };
}

static void set_caps(struct plan_process *p, uint64_t bnd, uint64_t eff, uint64_t prm, uint64_t inh,
		     uint64_t amb)
{
	p->caps[CAPSET_BOUNDING] = bnd;
	p->caps[CAPSET_EFFECTIVE] = eff;
	p->caps[CAPSET_PERMITTED] = prm;
	p->caps[CAPSET_INHERITABLE] = inh;
	p->caps[CAPSET_AMBIENT] = amb;
}

static int apply(const struct plan_process *p, struct err *e)
{
	int r = cred_drop_bounding(p, e);

	if (r >= 0)
		r = cred_set_ids(p, e);
	return r < 0 ? r : cred_set_caps(p, e);
}

static struct plan_process matrix_row;

static void matrix_body(void)
{
	const struct plan_process *p = &matrix_row;
	char ids[64];
	struct err e = { 0 };

	CHECK_OK(apply(p, &e), &e);
	CHECK_STR(status("CapBnd"), hex(p->caps[CAPSET_BOUNDING]));
	CHECK_STR(status("CapEff"), hex(p->caps[CAPSET_EFFECTIVE]));
	CHECK_STR(status("CapPrm"), hex(p->caps[CAPSET_PERMITTED]));
	CHECK_STR(status("CapInh"), hex(p->caps[CAPSET_INHERITABLE]));
	CHECK_STR(status("CapAmb"), hex(p->caps[CAPSET_AMBIENT]));
	snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", p->uid, p->uid, p->uid, p->uid);
	CHECK_STR(status("Uid"), ids);
	snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", p->gid, p->gid, p->gid, p->gid);
	CHECK_STR(status("Gid"), ids);
	CHECK_STR(status("Groups"), "");
}

TEST(capability_sets_for_root_and_user)
{
	static const uint64_t net = BIT(CAP_NET_BIND_SERVICE), raw = BIT(CAP_NET_RAW),
			      kill = BIT(CAP_KILL), chown = BIT(CAP_CHOWN),
			      high = BIT(CAP_CHECKPOINT_RESTORE);
	static const uid_t uids[] = { 0, 1000 };
	const uint64_t rows[][CAPSETS] = {
		/* bounding, effective, permitted, inheritable, ambient */
		{ 0, 0, 0, 0, 0 },
		{ net | raw | kill, 0, 0, 0, 0 },
		{ net | raw | kill | chown, net | raw, net | raw | kill, net, net },
		{ net | high, net | high, net | high, net | high, net | high },
		{ raw, net, net, 0,
		  /* permitted beyond the bounding set is the config's to ask for */
		  0 },
		{ net | raw, net, net | raw, net | raw, raw },
		{ net | raw, 0, net | raw, net | raw, net | raw },
	};

	NEED_ROOT();
	for (size_t u = 0; u < ARRAY_LEN(uids); u++) {
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			matrix_row = process(uids[u], uids[u]);
			set_caps(&matrix_row, rows[i][0], rows[i][1], rows[i][2], rows[i][3],
				 rows[i][4]);
			unit_in_child(matrix_body);
			if (unit_failed)
				FAIL_("uid %u, row %zu", uids[u], i);
		}
	}
}

TEST_IN_CHILD(everything_hull_has_can_be_kept)
{
	struct plan_process p = process(1000, 1000);
	uint64_t eff, prm, inh;
	struct err e = { 0 };

	NEED_ROOT();
	sys_capget(0, &eff, &prm, &inh);
	set_caps(&p, prm, prm, prm, prm, prm);
	CHECK_OK(apply(&p, &e), &e);
	CHECK_STR(status("CapAmb"), hex(prm));
	CHECK_STR(status("CapBnd"), hex(prm));
}

TEST_IN_CHILD(sets_that_cannot_be_are_errors)
{
	struct plan_process p = process(0, 0);
	struct err e = { 0 };

	NEED_ROOT();
	set_caps(&p, BIT(CAP_KILL), BIT(CAP_CHOWN), 0, 0, 0);
	CHECK_ERR(cred_set_caps(&p, &e), &e, "/process/capabilities",
		  "effective must be within permitted");
	err_clear(&e);
	/* The kernel lets inheritable not pass the bounding set. */
	set_caps(&p, BIT(CAP_KILL), 0, BIT(CAP_CHOWN), BIT(CAP_CHOWN), 0);
	CHECK_ERR(apply(&p, &e), &e, "/process/capabilities", "capset");
}

TEST_IN_CHILD(ambient_needs_inheritable)
{
	struct plan_process p = process(0, 0);
	struct err e = { 0 };

	NEED_ROOT();
	set_caps(&p, BIT(CAP_KILL), BIT(CAP_KILL), BIT(CAP_KILL), 0, BIT(CAP_KILL));
	CHECK_ERR(cred_set_caps(&p, &e), &e, "/process/capabilities/ambient",
		  "permitted and inheritable");
}

TEST_IN_CHILD(bounding_set_cannot_grow)
{
	struct plan_process p = process(0, 0);
	struct err e = { 0 };

	NEED_ROOT();
	set_caps(&p, BIT(CAP_KILL), 0, 0, 0, 0);
	CHECK_OK(cred_drop_bounding(&p, &e), &e);
	CHECK_OK(cred_drop_bounding(&p, &e), &e);
	set_caps(&p, BIT(CAP_KILL) | BIT(CAP_CHOWN), 0, 0, 0, 0);
	CHECK_ERR(cred_drop_bounding(&p, &e), &e, "/process/capabilities/bounding",
		  "CAP_CHOWN cannot be kept");
}

TEST_IN_CHILD(bounding_set_needs_setpcap_only_when_there_is_something_to_drop)
{
	struct plan_process p = process(1000, 1000);
	struct err e = { 0 };

	NEED_ROOT();
	set_caps(&p, BIT(CAP_KILL), 0, 0, 0, 0);
	CHECK_OK(apply(&p, &e), &e);
	CHECK_OK(cred_drop_bounding(&p, &e), &e);
	set_caps(&p, 0, 0, 0, 0, 0);
	CHECK_ERR(cred_drop_bounding(&p, &e), &e, "/process/capabilities/bounding", "CAP_SETPCAP");
}

/* ---- groups ---- */

static gid_t *group_list;
static size_t group_count;

static int compare_gid(const void *a, const void *b)
{
	return *(const gid_t *)a < *(const gid_t *)b ? -1 : *(const gid_t *)a > *(const gid_t *)b;
}

static void groups_body(void)
{
	static const gid_t callers[] = { 10, 20, 30 };
	static gid_t got[70000];
	struct plan_process p = process(1000, 1001);
	struct err e = { 0 };
	int n;

	CHECK_INT(setgroups(3, callers), 0);
	p.groups = group_list;
	p.n_groups = group_count;
	CHECK_OK(cred_set_ids(&p, &e), &e);
	n = getgroups((int)ARRAY_LEN(got), got);
	CHECK_INT(n, group_count);
	qsort(group_list, group_count, sizeof(*group_list), compare_gid);
	qsort(got, (size_t)n, sizeof(*got), compare_gid);
	CHECK(memcmp(got, group_list, group_count * sizeof(*got)) == 0);
}

TEST(groups_are_exactly_those_configured)
{
	static gid_t few[] = { 7, 5, 7, 0, 4294967294U }, many[65536];

	NEED_ROOT();
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (gid_t)((i * 2654435761U) & 0x7fffffff);
	group_list = few;
	group_count = 0;
	unit_in_child(groups_body);
	group_count = ARRAY_LEN(few);
	unit_in_child(groups_body);
	group_list = many;
	group_count = ARRAY_LEN(many);
	unit_in_child(groups_body);
}

TEST_IN_CHILD(groups_kept_on_request)
{
	static const gid_t callers[] = { 10, 20, 30 };
	struct plan_process p = process(1000, 1000);
	struct err e = { 0 };

	NEED_ROOT();
	CHECK_INT(setgroups(3, callers), 0);
	p.keep_groups = true;
	CHECK_OK(cred_set_ids(&p, &e), &e);
	CHECK_STR(status("Groups"), "10 20 30 ");
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(9);
	close(fd);
}

/* Become part of a new user namespace with this map for both ids; a child that stays behind writes
 * it. */
static bool enter_userns(const char *map, bool deny)
{
	int go[2], status = 1;
	char path[64], c = 0;
	pid_t self = getpid(), pid;

	if (pipe2(go, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		if (read(go[0], &c, 1) != 1)
			_exit(8);
		snprintf(path, sizeof(path), "/proc/%d/setgroups", self);
		if (deny)
			write_file(path, "deny");
		snprintf(path, sizeof(path), "/proc/%d/gid_map", self);
		write_file(path, map);
		snprintf(path, sizeof(path), "/proc/%d/uid_map", self);
		write_file(path, map);
		_exit(0);
	}
	return unshare(CLONE_NEWUSER) == 0 && write(go[1], &c, 1) == 1 &&
	       waitpid(pid, &status, 0) == pid && status == 0;
}

TEST_IN_CHILD(ids_that_are_not_mapped)
{
	struct plan_process p = process(500, 5);
	gid_t group = 77;
	struct err e = { 0 };

	NEED_ROOT();
	CHECK(enter_userns("0 0 10", false));
	CHECK_ERR(cred_set_ids(&p, &e), &e, "/process/user/uid", "user 500 is not mapped");
	err_clear(&e);
	p = process(0, 50);
	CHECK_ERR(cred_set_ids(&p, &e), &e, "/process/user/gid", "group 50 is not mapped");
	err_clear(&e);
	p = process(0, 0);
	p.groups = &group;
	p.n_groups = 1;
	CHECK_ERR(cred_set_ids(&p, &e), &e, "/process/user/additionalGids", "not mapped");
}

TEST_IN_CHILD(groups_where_setgroups_is_denied)
{
	struct plan_process p = process(0, 0);
	gid_t group = 0;
	struct err e = { 0 };

	NEED_ROOT();
	CHECK(enter_userns("0 0 1", true));
	/* known from the plan, or denied by the namespace that hull was started in */
	for (int known = 0; known < 2; known++) {
		p.setgroups_denied = known;
		p.n_groups = 0;
		CHECK_OK(cred_set_ids(&p, &e), &e);
		p.groups = &group;
		p.n_groups = 1;
		CHECK_OK(cred_set_ids(&p, &e), &e);
	}
	group = 7;
	CHECK_ERR(cred_set_ids(&p, &e), &e, "/process/user/additionalGids", "denies setgroups");
}

TEST_IN_CHILD(root_of_a_user_namespace)
{
	struct plan_ids ids = { .root_mapped = true };
	struct err e = { 0 };

	NEED_ROOT();
	/* Container 0 is host 1000, so that this process, host root, is nobody at first. */
	CHECK(enter_userns("0 1000 10", false));
	CHECK_STR(status("Uid"), "65534\t65534\t65534\t65534");
	CHECK_OK(cred_become_ns_root(
			 &(struct plan_ids){ .root_mapped = false, .setup_uid = 3, .setup_gid = 4 },
			 &e),
		 &e);
	CHECK_STR(status("Uid"), "3\t3\t3\t3");
	CHECK_STR(status("Gid"), "4\t4\t4\t4");
	CHECK_OK(cred_become_ns_root(&ids, &e), &e);
	CHECK_STR(status("Uid"), "0\t0\t0\t0");
	CHECK_STR(status("Gid"), "0\t0\t0\t0");
	CHECK(!streq(status("CapEff"), hex(0)));
}

/* The maps of a joined namespace are not known beforehand: 0 is tried first. */
TEST_IN_CHILD(no_root_in_a_joined_user_namespace)
{
	struct plan_ids ids = {
		.root_mapped = true, .joined = true, .setup_uid = 5, .setup_gid = 5
	};
	struct err e = { 0 };

	NEED_ROOT();
	CHECK(enter_userns("5 1000 10", false));
	CHECK_OK(cred_become_ns_root(&ids, &e), &e);
	CHECK_STR(status("Uid"), "5\t5\t5\t5");
	CHECK(!streq(status("CapEff"), hex(0)));
}

TEST_IN_CHILD(locks)
{
	struct err e = { 0 };

	CHECK_STR(status("NoNewPrivs"), "0");
	CHECK_OK(cred_no_new_privs(&e), &e);
	CHECK_STR(status("NoNewPrivs"), "1");
	CHECK_OK(cred_set_dumpable(false, &e), &e);
	CHECK_INT(prctl(PR_GET_DUMPABLE), 0);
	CHECK_OK(cred_set_dumpable(true, &e), &e);
	CHECK_INT(prctl(PR_GET_DUMPABLE), 1);
}

/* ---- keyring ---- */

static int session_serial(void)
{
	return sys_keyctl(KEYCTL_GET_KEYRING_ID, (unsigned long)KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
}

static const char *describe(int serial)
{
	static char text[256];

	memset(text, 0, sizeof(text));
	sys_keyctl(KEYCTL_DESCRIBE, (unsigned long)serial, (unsigned long)(uintptr_t)text,
		   sizeof(text) - 1, 0);
	return text;
}

static long add_key(const char *description)
{
	return syscall(SYS_add_key, "user", description, "x", 1, KEY_SPEC_SESSION_KEYRING);
}

static long find_key(const char *description)
{
	return sys_keyctl(KEYCTL_SEARCH, (unsigned long)KEY_SPEC_SESSION_KEYRING,
			  (unsigned long)(uintptr_t) "user", (unsigned long)(uintptr_t)description,
			  0);
}

#define NEED_KEYS()                                                                                \
	do {                                                                                       \
		if (sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0)                       \
			SKIP("no keyrings here");                                                  \
	} while (0)

TEST_IN_CHILD(session_keyring_is_new_and_named)
{
	struct err e = { 0 };
	char want[128], name[48];
	int before;

	NEED_KEYS();
	snprintf(name, sizeof(name), "hull-unit-%d", getpid());
	before = session_serial();
	CHECK(add_key("mine") > 0);
	CHECK_OK(cred_new_keyring(name, NULL, &e), &e);
	CHECK(session_serial() != before);
	CHECK(find_key("mine") < 0);
	snprintf(want, sizeof(want), "keyring;%u;%u;3f1b0000;%s", geteuid(), getegid(), name);
	CHECK_STR(describe(session_serial()), want);
	/* Another user who holds it may put keys into it and find them. */
	if (geteuid() == 0) {
		CHECK_INT(sys_setresuid(1000, 1000, 1000), 0);
		CHECK(add_key("theirs") > 0);
		CHECK(find_key("theirs") > 0);
	}
}

TEST_IN_CHILD(keyring_of_that_name_with_keys_is_not_reused)
{
	struct err e = { 0 };
	char name[48];
	int first;

	NEED_KEYS();
	snprintf(name, sizeof(name), "hull-unit-%d", getpid());
	CHECK_OK(cred_new_keyring(name, NULL, &e), &e);
	first = session_serial();
	CHECK(add_key("old") > 0);
	/* exec finds the container's keyring ... */
	CHECK_OK(cred_join_keyring(name, NULL, &e), &e);
	CHECK_INT(session_serial(), first);
	CHECK(find_key("old") > 0);
	/* ... and another container of that name does not. */
	CHECK_OK(cred_new_keyring(name, NULL, &e), &e);
	CHECK(session_serial() != first);
	CHECK(find_key("old") < 0);
}

TEST_IN_CHILD(keyring_another_user_laid_out_is_not_joined)
{
	struct err e = { 0 };
	char name[48];
	int trap, p[2];
	pid_t pid;
	char c;

	NEED_ROOT();
	NEED_KEYS();
	snprintf(name, sizeof(name), "hull-unit-trap-%d", getpid());
	CHECK(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		if (setresuid(1000, 1000, 1000) < 0)
			_exit(1);
		trap = sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)(uintptr_t)name, 0, 0,
				  0);
		sys_keyctl(KEYCTL_SETPERM, (unsigned long)trap, 0x3f3f3f3f, 0,
			   0); /* everything for everybody */
		if (write(p[1], &trap, sizeof(trap)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	CHECK(read(p[0], &trap, sizeof(trap)) == sizeof(trap) && trap > 0);
	CHECK_OK(cred_new_keyring(name, NULL, &e), &e);
	c = session_serial() != trap;
	CHECK_OK(cred_join_keyring(name, NULL, &e), &e);
	c = c && session_serial() != trap;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(c);
}

TEST_IN_CHILD(used_up_quota_is_explained)
{
	struct err e = { 0 };
	char text[32];
	int r = 0;

	NEED_ROOT();
	NEED_KEYS();
	CHECK_INT(sys_setresuid(4242, 4242, 4242), 0);
	for (int i = 0; i < 100000 && r >= 0; i++) {
		snprintf(text, sizeof(text), "k%d", i);
		r = (int)syscall(SYS_add_key, "keyring", text, NULL, 0, KEY_SPEC_USER_KEYRING);
	}
	if (r >= 0)
		SKIP("the quota has no end here");
	r = cred_new_keyring("hull-unit-quota", NULL, &e);
	sys_keyctl(KEYCTL_CLEAR, (unsigned long)KEY_SPEC_USER_KEYRING, 0, 0, 0);
	CHECK_INT(r, -EDQUOT);
	CHECK(strstr(e.msg, "the key quota of uid 4242 is used up: ") != NULL);
	CHECK(strstr(e.msg, "kernel.keys.maxkeys") != NULL);
}

TEST(key_users_line)
{
	static const char text[] =
		"    0:    49 48/48 36/1000000 577/25000000\n 1000:     3 3/3 200/200 4000/20000\n";
	struct cred_key_use u;

	CHECK(cred_parse_key_users(text, 1000, &u));
	CHECK_INT(u.keys, 200);
	CHECK_INT(u.max_keys, 200);
	CHECK_INT(u.bytes, 4000);
	CHECK_INT(u.max_bytes, 20000);
	CHECK(cred_parse_key_users(text, 0, &u));
	CHECK_INT(u.keys, 36);
	CHECK(!cred_parse_key_users(text, 100, &u));
	CHECK(!cred_parse_key_users("", 0, &u));
	CHECK(!cred_parse_key_users("1000: 3", 1000, &u));
}

/* ---- labels ---- */

TEST(profile_names_are_compared_whole)
{
	CHECK(cred_profile_equal("docker-default", "docker-default (enforce)"));
	CHECK(cred_profile_equal("docker-default", "docker-default"));
	CHECK(cred_profile_equal("with (brackets)", "with (brackets) (complain)"));
	CHECK(cred_profile_equal("unconfined", "unconfined"));
	CHECK(cred_profile_equal(":ns:web", ":ns://web (enforce)"));
	CHECK(cred_profile_equal(":ns://web", ":ns://web (enforce)"));
	CHECK(cred_profile_equal("a//&b", "a//&b (enforce)"));
	CHECK(!cred_profile_equal("unconfined", "unconfined_foo (enforce)"));
	CHECK(!cred_profile_equal("unconfined_foo", "unconfined"));
	CHECK(!cred_profile_equal("docker", "docker-default (enforce)"));
	CHECK(!cred_profile_equal("docker-default", ""));
	CHECK(!cred_profile_equal(":ns:web", ":other://web (enforce)"));
	CHECK(!cred_profile_equal(":ns:web", ":ns://webs (enforce)"));
	CHECK(!cred_profile_equal(":ns:web", ":ns://we (enforce)"));
}

TEST(loaded_profiles_are_found_whole)
{
	static const char list[] =
		"snap.foo (complain)\ndocker-default (enforce)\n/usr/bin/man (enforce)\n";

	CHECK(cred_profile_listed(list, "docker-default"));
	CHECK(cred_profile_listed(list, "snap.foo"));
	CHECK(cred_profile_listed(list, "/usr/bin/man"));
	CHECK(!cred_profile_listed(list, "docker"));
	CHECK(!cred_profile_listed(list, "default"));
	CHECK(!cred_profile_listed(list, "docker-default (enforce)"));
	CHECK(!cred_profile_listed("", "x"));
}

TEST(label_without_its_module)
{
	struct host h = { 0 };
	struct spec_process p = { .apparmor_profile = "docker-default" };
	struct err e = { 0 };

	CHECK_ERR(cred_check_label(&p, &h, &e), &e, "/process/apparmorProfile",
		  "AppArmor is not active");
	err_clear(&e);
	p.apparmor_profile = "unconfined_foo";
	CHECK_ERR(cred_check_label(&p, &h, &e), &e, "/process/apparmorProfile",
		  "AppArmor is not active");
	err_clear(&e);
	p.apparmor_profile = "unconfined";
	CHECK_OK(cred_check_label(&p, &h, &e), &e);
	p.apparmor_profile = "";
	CHECK_OK(cred_check_label(&p, &h, &e), &e);
	p.selinux_label = "system_u:system_r:container_t:s0";
	CHECK_ERR(cred_check_label(&p, &h, &e), &e, "/process/selinuxLabel",
		  "SELinux is not active");
}

TEST_IN_CHILD(label_is_never_skipped_in_silence)
{
	_cleanup_(proc_close) struct procfs proc = { .fd = -1 };
	struct plan_process p = process(0, 0);
	struct spec_process s = { .apparmor_profile = "unconfined" };
	struct err e = { 0 };

	if (access("/sys/kernel/security/apparmor", F_OK) == 0 ||
	    access("/sys/fs/selinux/enforce", F_OK) == 0)
		SKIP("a security module is active here");
	CHECK_INT(proc_open(false, &proc), 0);
	p.spec = &s;
	CHECK_OK(cred_set_label(&p, &proc, &e), &e);
	s.apparmor_profile = "docker-default";
	CHECK_ERR(cred_set_label(&p, &proc, &e), &e, "/process/apparmorProfile",
		  "set AppArmor profile docker-default");
	err_clear(&e);
	s = (struct spec_process){ .selinux_label = "a:b:c:d" };
	CHECK_ERR(cred_set_label(&p, &proc, &e), &e, "/process/selinuxLabel",
		  "set SELinux label a:b:c:d");
}

UNIT_MAIN
