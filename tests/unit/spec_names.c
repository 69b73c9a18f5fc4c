/* SPDX-License-Identifier: Apache-2.0 */
/* Name tables, signals, and the state document. */
#include "unit.h"

#include <signal.h>

#include "spec/json.h"
#include "spec/spec.h"
#include "spec/state.h"

static const struct name_table *const tables[] = {
	&spec_namespaces,
	&spec_capabilities,
	&spec_capsets,
	&spec_rlimits,
	&spec_signals,
	&spec_sched_policies,
	&spec_sched_flags,
	&spec_ioprio_classes,
	&spec_mpol_modes,
	&spec_mpol_flags,
	&spec_seccomp_actions,
	&spec_seccomp_ops,
	&spec_seccomp_archs,
	&spec_seccomp_flags,
	&spec_hook_kinds,
	&spec_statuses,
	&spec_rootfs_propagations,
	&spec_personalities,
	&spec_clocks,
};

TEST(names_are_unique_in_their_table)
{
	for (size_t t = 0; t < ARRAY_LEN(tables); t++)
		for (size_t i = 0; i < tables[t]->n; i++) {
			CHECK(table_find(tables[t], tables[t]->rows[i].name) ==
			      &tables[t]->rows[i]);
			CHECK(table_name(tables[t], tables[t]->rows[i].value) != NULL);
		}
}

TEST(tables_are_complete)
{
	CHECK_INT(spec_namespaces.n, NS_KINDS);
	CHECK_INT(spec_capabilities.n, 41);
	CHECK_INT(table_find(&spec_capabilities, "CAP_CHECKPOINT_RESTORE")->value, 40);
	CHECK_INT(spec_rlimits.n, 16);
	CHECK_INT(spec_seccomp_archs.n, ARCHS);
	CHECK_INT(spec_seccomp_actions.n, 9);
	CHECK_INT(spec_seccomp_ops.n, 7);
	CHECK_INT(spec_hook_kinds.n, HOOK_KINDS);
	CHECK_INT(spec_mpol_modes.n, 7);
	CHECK_INT(table_find(&spec_mpol_modes, "MPOL_WEIGHTED_INTERLEAVE")->value, 6);
	for (int sig = 1; sig < 32; sig++)
		CHECK(table_name(&spec_signals, (uint64_t)sig) != NULL);
}

TEST(signals)
{
	static const struct {
		const char *text;
		int sig; /* 0: refused */
	} t[] = {
		{ "9", 9 },	      { "64", 64 },	   { "1", 1 },	       { "0", 0 },
		{ "65", 0 },	      { "-9", 0 },	   { "09", 0 },	       { "", 0 },
		{ "KILL", 9 },	      { "kill", 9 },	   { "SIGKILL", 9 },   { "sigkill", 9 },
		{ "SIG", 0 },	      { "SIGSIGKILL", 0 }, { "TERM ", 0 },     { "RTMIN", 34 },
		{ "SIGRTMIN+3", 37 }, { "rtmin+3", 37 },   { "SIGRTMAX", 64 }, { "SIGRTMAX-1", 63 },
		{ "SIGRTMAX+1", 0 },  { "RTMIN-40", 0 },   { "RTMIN+", 0 },    { "RTMIN3", 0 },
		{ "CLD", SIGCHLD },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int sig = -7, r = spec_signal(t[i].text, &sig);

		if (r != (t[i].sig ? 0 : -EINVAL) || sig != (t[i].sig ? t[i].sig : -7))
			FAIL_("\"%s\": %d, %d", t[i].text, r, sig);
	}
}

/* The table of config.md#linux-mount-options, with rnodev (CFG-MOPT-67) and the extensions. */
TEST(mount_options_are_complete_and_sorted)
{
	static const char *const must[] = {
		"async",
		"atime",
		"bind",
		"defaults",
		"dev",
		"diratime",
		"dirsync",
		"exec",
		"iversion",
		"lazytime",
		"loud",
		"mand",
		"noatime",
		"nodev",
		"nodiratime",
		"noexec",
		"noiversion",
		"nolazytime",
		"nomand",
		"norelatime",
		"nostrictatime",
		"nosuid",
		"nosymfollow",
		"private",
		"ratime",
		"rbind",
		"rdev",
		"rdiratime",
		"relatime",
		"remount",
		"rexec",
		"rnoatime",
		"rnodev",
		"rnodiratime",
		"rnoexec",
		"rnorelatime",
		"rnostrictatime",
		"rnosuid",
		"rnosymfollow",
		"ro",
		"rprivate",
		"rrelatime",
		"rro",
		"rrw",
		"rshared",
		"rslave",
		"rstrictatime",
		"rsuid",
		"rsymfollow",
		"runbindable",
		"rw",
		"shared",
		"silent",
		"slave",
		"strictatime",
		"suid",
		"symfollow",
		"sync",
		"tmpcopyup",
		"unbindable",
		"idmap",
		"ridmap",
		"copy-symlink",
		"src-nofollow",
		"dest-nofollow",
	};
	const struct spec_mount_option *all;
	size_t n;

	all = spec_mount_options(&n);
	CHECK_INT(n, ARRAY_LEN(must));
	for (size_t i = 0; i < ARRAY_LEN(must); i++)
		CHECK(spec_mount_option(must[i]) != NULL);
	for (size_t i = 1; i < n; i++)
		CHECK(strcmp(all[i - 1].name, all[i].name) < 0);
	CHECK(!spec_mount_option("size"));
	CHECK(!spec_mount_option("mode=755"));
	CHECK(!spec_mount_option("rsync"));
	CHECK(!spec_mount_option(""));
}

/* A recursive option does to the tree what its plain form does to the mount. */
TEST(recursive_mount_options_match_their_plain_form)
{
	const struct spec_mount_option *all, *plain;
	size_t n, found = 0;

	all = spec_mount_options(&n);
	for (size_t i = 0; i < n; i++) {
		if (!all[i].recursive || all[i].kind == OPT_BIND)
			continue;
		plain = spec_mount_option(all[i].name + 1);
		if (!plain || plain->recursive || plain->kind != all[i].kind ||
		    plain->set != all[i].set || plain->clear != all[i].clear)
			FAIL_("%s", all[i].name);
		found++;
	}
	CHECK_INT(found, 18 + 4);
}

TEST(state_document)
{
	struct spec_kv kv[] = { { "a.b", "c \"d\"\n\x01" }, { "bad", "x\xff" } };
	struct spec_kvs annotations = { kv, 2 };
	struct spec_state_extra extra[] = { { "owner", "0", false },
					    { "phases", "{\"x\":1}", true } };
	struct spec_state s = { .id = "c-01",
				.status = "created",
				.pid = 42,
				.bundle = "/b",
				.rootfs = "/r",
				.created = "now",
				.annotations = &annotations,
				.extra = extra,
				.n_extra = 2 };
	struct arena a;
	size_t n;

	arena_init(&a);
	CHECK_STR(spec_state_text(&s, &a, 0, &n),
		  "{\"ociVersion\":\"1.3.0\",\"id\":\"c-01\",\"pid\":42,\"status\":\"created\","
		  "\"bundle\":\"/b\",\"rootfs\":\"/r\",\"created\":\"now\","
		  "\"annotations\":{\"a.b\":\"c "
		  "\\\"d\\\"\\n\\u0001\",\"bad\":\"x\\ufffd\"},\"owner\":\"0\","
		  "\"phases\":{\"x\":1}}");
	s.annotations = NULL;
	s.n_extra = 0;
	s.rootfs = s.created = NULL;
	s.pid = -1;
	CHECK_STR(
		spec_state_text(&s, &a, 2, &n),
		"{\n  \"ociVersion\": \"1.3.0\",\n  \"id\": \"c-01\",\n  \"status\": \"created\",\n"
		"  \"bundle\": \"/b\",\n  \"annotations\": {}\n}");
	CHECK_STR(spec_process_state_text(&s, 7, "m", &a, &n),
		  "{\"ociVersion\":\"1.3.0\",\"fds\":[\"seccompFd\"],\"pid\":7,\"metadata\":\"m\","
		  "\"state\":{"
		  "\"ociVersion\":\"1.3.0\",\"id\":\"c-01\",\"status\":\"created\",\"bundle\":\"/"
		  "b\",\"annotations\":{}}}");
	arena_free(&a);
}

UNIT_MAIN
