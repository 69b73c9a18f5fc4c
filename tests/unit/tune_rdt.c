/* SPDX-License-Identifier: Apache-2.0 */
/* resctrl on a tree of plain files: which group is used, made, compared, written and removed
 * (config-linux.md#intelrdt). */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/str.h"
#include "tune/internal.h"

static char root[64];
static struct tune_rdt_env env;

static char *at(const char *path)
{
	static char text[4][512];
	static unsigned i;

	i = (i + 1) % 4;
	snprintf(text[i], sizeof(text[i]), "%s/%s", root, path);
	return text[i];
}

static void put(const char *path, const char *text)
{
	int fd = open(at(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || io_write_all(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

static const char *get(const char *path)
{
	static char text[1024];
	int fd = open(at(path), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return "none";
	if (io_read_line_file(fd, text, sizeof(text)) < 0)
		abort();
	close(fd);
	return text;
}

static bool exists(const char *path)
{
	struct stat st;

	return stat(at(path), &st) == 0;
}

/* A group as the kernel makes it; plain mkdir makes it empty. */
static void make_group(const char *name, const char *schemata)
{
	char path[128];

	mkdir(at(name), 0755);
	snprintf(path, sizeof(path), "%s/mon_groups", name);
	mkdir(at(path), 0755);
	snprintf(path, sizeof(path), "%s/schemata", name);
	put(path, schemata);
	snprintf(path, sizeof(path), "%s/tasks", name);
	put(path, "");
}

static void setup(void)
{
	snprintf(root, sizeof(root), "/tmp/hull-unit-rdt-XXXXXX");
	if (!mkdtemp(root))
		abort();
	env = (struct tune_rdt_env){ .root = root };
	make_group(".", "    MB:0=100;1=100\n    L3:0=7ff;1=7ff\n");
	mkdir(at("info"), 0755);
	put("info/last_cmd_status", "ok\n");
}

static void kernel_fills(const char *name)
{
	make_group(name, "");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static void teardown(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int prepare(const struct spec_rdt *r, struct tune_rdt *t, struct err *e)
{
	return tune_rdt_prepare_at(&env, r, "web", t, e);
}

TEST(schemata_are_compared_by_domain)
{
	static const char file[] = "    MB:0=100;1= 50\n    L3:0=7ff;1=0ff\nL3CODE:0=f\n";

	CHECK(tune_rdt_matches(file, "L3:0=7ff"));
	CHECK(tune_rdt_matches(file, "L3:1=ff;0=7FF"));
	CHECK(tune_rdt_matches(file, "L3:0=007ff;1=ff"));
	CHECK(tune_rdt_matches(file, "MB:0=100"));
	CHECK(tune_rdt_matches(file, "L3CODE:0=f"));
	CHECK(!tune_rdt_matches(file, "L3:0=7f"));
	CHECK(!tune_rdt_matches(file, "L3:0=7fff"));
	CHECK(!tune_rdt_matches(file, "L3:2=7ff"));
	CHECK(!tune_rdt_matches(file, "L3:0=7ff;2=1"));
	CHECK(!tune_rdt_matches(file, "L2:0=f"));
	CHECK(!tune_rdt_matches(file, "MB:0=10"));
	CHECK(!tune_rdt_matches(file, "0=7ff"));
	CHECK(!tune_rdt_matches("", "L3:0=1"));
}

TEST(group_of_the_container_is_made_and_removed)
{
	struct spec_rdt r = { .set = true };
	struct err e = { 0 };
	struct tune_rdt t;

	setup();
	CHECK_OK(prepare(&r, &t, &e), &e);
	CHECK(exists("web") && t.made_group && !t.made_mon);
	CHECK_STR(t.group, at("web"));
	CHECK_STR(t.mon, "");
	CHECK(!exists("web/schemata")); /* no schema, no write */
	put("web/tasks", "");
	CHECK_OK(tune_rdt_join(&t, 4242, &e), &e);
	CHECK_STR(get("web/tasks"), "4242");
	unlink(at("web/tasks"));
	CHECK_OK(tune_rdt_remove(&t, &e), &e);
	CHECK(!exists("web"));
	CHECK_OK(tune_rdt_remove(&t, &e), &e); /* gone already is fine */
	teardown();
}

TEST(lines_are_written_in_the_order_of_the_spec)
{
	char *lines[] = { (char[]){ "L3:0=7f0;1=1f" }, (char[]){ "L2:0=f" }, NULL };
	struct spec_rdt r = { .set = true, .clos_id = "g", .schemata = { lines, 2 } };
	struct err e = { 0 };
	struct tune_rdt t;

	setup();
	make_group("g", "L3:0=f\nMB:0=20\n");
	r.mem_bw_schema = "MB:0=20";
	r.l3_cache_schema = "L3:0=f";
	CHECK_OK(prepare(&r, &t, &e), &e);
	CHECK_STR(get("g/schemata"), "L3:0=f\nMB:0=20\nL3:0=7f0;1=1f\nL2:0=f");
	CHECK(!t.made_group);
	CHECK_OK(tune_rdt_remove(&t, &e), &e);
	CHECK(exists("g"));
	teardown();
}

TEST(existing_group_that_differs_is_an_error)
{
	struct spec_rdt r = { .set = true, .clos_id = "g", .l3_cache_schema = "L3:0=3" };
	struct err e = { 0 };
	struct tune_rdt t;

	setup();
	make_group("g", "    L3:0=f;1=f\n    MB:0=20;1=20\n");
	CHECK_ERR(prepare(&r, &t, &e), &e, "/linux/intelRdt/l3CacheSchema", "has not L3:0=3");
	CHECK_STR(get("g/schemata"), "    L3:0=f;1=f\n    MB:0=20;1=20");
	err_clear(&e);
	r.l3_cache_schema = "L3:0=f";
	r.mem_bw_schema = "MB:1=30";
	CHECK_ERR(prepare(&r, &t, &e), &e, "/linux/intelRdt/memBwSchema", "has not MB:1=30");
	CHECK(exists("g"));
	teardown();
}

TEST(closid_without_schema_must_exist)
{
	struct spec_rdt r = { .set = true, .clos_id = "g" };
	struct err e = { 0 };
	struct tune_rdt t;

	setup();
	CHECK_ERR(prepare(&r, &t, &e), &e, "/linux/intelRdt/closID", "group g does not exist");
	CHECK(!exists("g"));
	make_group("g", "L3:0=f\n");
	err_clear(&e);
	CHECK_OK(prepare(&r, &t, &e), &e);
	CHECK_STR(get("g/schemata"), "L3:0=f");
	CHECK(!t.made_group);
	teardown();
}

TEST(closid_with_schema_is_made_and_stays)
{
	struct spec_rdt r = { .set = true, .clos_id = "new", .l3_cache_schema = "L3:0=3" };
	struct err e = { 0 };
	struct tune_rdt t;

	setup();
	env.made = kernel_fills;
	CHECK_OK(prepare(&r, &t, &e), &e);
	CHECK_STR(get("new/schemata"), "L3:0=3");
	CHECK(!t.made_group);
	CHECK_OK(tune_rdt_remove(&t, &e), &e);
	CHECK(exists("new"));
	teardown();
}

TEST(group_made_before_a_failure_goes)
{
	struct spec_rdt r = { .set = true, .clos_id = "new", .l3_cache_schema = "L3:0=3" };
	struct err e = { 0 };
	struct tune_rdt t;

	setup();
	/* A plain directory has no schemata file, so the write fails after the group was made. */
	CHECK_ERR(prepare(&r, &t, &e), &e, "/linux/intelRdt", "open schemata");
	CHECK(!exists("new"));
	teardown();
}

TEST(default_group)
{
	struct spec_rdt r = { .set = true, .clos_id = "/" };
	struct err e = { 0 };
	struct tune_rdt t;

	setup();
	CHECK_OK(prepare(&r, &t, &e), &e);
	CHECK_STR(t.group, root);
	CHECK(!t.made_group);
	CHECK_OK(tune_rdt_join(&t, 77, &e), &e);
	CHECK_STR(get("tasks"), "77");
	r.enable_monitoring = true;
	CHECK_OK(prepare(&r, &t, &e), &e);
	CHECK(exists("mon_groups/web"));
	CHECK_OK(tune_rdt_remove(&t, &e), &e);
	CHECK(!exists("mon_groups/web") && exists("mon_groups") && exists("tasks"));
	teardown();
}

TEST(monitoring_group)
{
	struct spec_rdt r = { .set = true, .clos_id = "g", .enable_monitoring = true };
	struct err e = { 0 };
	struct tune_rdt t;

	setup();
	make_group("g", "L3:0=f\n");
	CHECK_OK(prepare(&r, &t, &e), &e);
	CHECK(exists("g/mon_groups/web") && t.made_mon);
	put("g/mon_groups/web/tasks", "");
	CHECK_OK(tune_rdt_join(&t, 99, &e), &e);
	CHECK_STR(get("g/tasks"), "99");
	CHECK_STR(get("g/mon_groups/web/tasks"), "99");
	unlink(at("g/mon_groups/web/tasks"));
	CHECK_OK(tune_rdt_remove(&t, &e), &e);
	CHECK(!exists("g/mon_groups/web") && exists("g"));
	/* It must be the container's own. */
	mkdir(at("g/mon_groups/web"), 0755);
	CHECK_ERR(prepare(&r, &t, &e), &e, "/linux/intelRdt/enableMonitoring",
		  "make the MON group web");
	CHECK(exists("g/mon_groups/web"));
	teardown();
}

TEST(kernel_words_are_passed_on)
{
	struct spec_rdt r = { .set = true, .clos_id = "g", .enable_monitoring = true };
	struct err e = { 0 };
	struct tune_rdt t;

	setup();
	make_group("g", "L3:0=f\n");
	mkdir(at("g/mon_groups/web"), 0755);
	put("info/last_cmd_status", "Out of RMIDs\n");
	CHECK_ERR(prepare(&r, &t, &e), &e, "/linux/intelRdt/enableMonitoring", "(Out of RMIDs)");
	teardown();
}

TEST(bad_values)
{
	static const char *const names[] = { "a/b",  "..",	   ".",	       "",
					     "info", "mon_groups", "mon_data", "x\ny" };
	struct spec_rdt r = { .set = true };
	struct tune_rdt t;

	setup();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct err e = { 0 };

		r.clos_id = names[i];
		CHECK_ERR(prepare(&r, &t, &e), &e, "/linux/intelRdt/closID", "cannot be the name");
	}
	make_group("g", "MB:0=1\n");
	r.clos_id = "g";
	char *lines[] = { (char[]){ "L3:0=1\nMB:0=1" }, NULL };
	struct err e = { 0 };
	r.schemata.v = lines;
	r.schemata.n = 1;
	CHECK_ERR(prepare(&r, &t, &e), &e, "/linux/intelRdt/schemata/0", "newline");
	teardown();
}

TEST(no_resctrl)
{
	struct spec_rdt r = { .set = true };
	struct tune_rdt t;
	struct err e = { 0 };

	env = (struct tune_rdt_env){ .root = "/nonexistent" };
	CHECK_ERR(prepare(&r, &t, &e), &e, "/linux/intelRdt",
		  "no resctrl is mounted at /nonexistent");
	err_clear(&e);
	env = (struct tune_rdt_env){ .root = "/tmp", .magic = 0x7655821 };
	CHECK_ERR(prepare(&r, &t, &e), &e, "/linux/intelRdt", "no resctrl is mounted at /tmp");
}

/* The same directory as the kernel fills it: numbers, and words where there is no counter. */
static void put_counters(const char *group, const char *cache, const char *occupancy,
			 const char *total)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/mon_data", group);
	mkdir(at(path), 0755);
	snprintf(path, sizeof(path), "%s/mon_data/mon_L3_%s", group, cache);
	mkdir(at(path), 0755);
	snprintf(path, sizeof(path), "%s/mon_data/mon_L3_%s/llc_occupancy", group, cache);
	put(path, occupancy);
	snprintf(path, sizeof(path), "%s/mon_data/mon_L3_%s/mbm_total_bytes", group, cache);
	put(path, total);
}

static struct tune_rdt group_of(const char *name)
{
	struct tune_rdt t = { 0 };

	snprintf(t.group, sizeof(t.group), "%s", at(name));
	return t;
}

TEST(update_changes_lines_and_tells_the_old_ones)
{
	struct tune_rdt_lines want = { .l3 = "L3:0=f", .mb = "MB:0=50" }, old, now;
	struct err e = { 0 };
	struct tune_rdt t;
	struct arena a;

	setup();
	arena_init(&a);
	make_group("g", "    L3:0=7ff\n    MB:0=100\n");
	t = group_of("g");
	CHECK_OK(tune_rdt_update_at(&env, &t, &want, &a, &old, &now, &e), &e);
	CHECK_STR(old.l3, "L3:0=7ff");
	CHECK_STR(old.mb, "MB:0=100");
	CHECK_STR(now.l3, "L3:0=f");
	CHECK_STR(now.mb, "MB:0=50");
	want = (struct tune_rdt_lines){ .mb = "MB:0=10" };
	make_group("g", "L3:0=7ff\nMB:0=100\n");
	CHECK_OK(tune_rdt_update_at(&env, &t, &want, &a, &old, &now, &e), &e);
	CHECK(!old.l3 && !now.l3);
	CHECK_STR(old.mb, "MB:0=100");
	arena_free(&a);
	teardown();
}

TEST(update_refuses_what_is_not_the_containers)
{
	static const struct {
		const char *group;
		struct tune_rdt_lines want;
		const char *where, *what;
	} rows[] = {
		{ "", { .l3 = "L3:0=f" }, "/linux/intelRdt", "made without intelRdt" },
		{ ".", { .l3 = "L3:0=f" }, "/linux/intelRdt", "root group" },
		{ "none", { .l3 = "L3:0=f" }, "/linux/intelRdt", "open " },
		{ "g",
		  { .l3 = "MB:0=f" },
		  "/linux/intelRdt/l3CacheSchema",
		  "does not begin with L3" },
		{ "g",
		  { .mb = "L3:0=f" },
		  "/linux/intelRdt/memBwSchema",
		  "does not begin with MB:" },
		{ "g", { .l3 = "L3:0=f\nMB:0=1" }, "/linux/intelRdt/l3CacheSchema", "newline" },
	};

	setup();
	make_group("g", "L3:0=7ff\nMB:0=100\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tune_rdt t =
			rows[i].group[0] ? group_of(rows[i].group) : (struct tune_rdt){ 0 };
		struct tune_rdt_lines old, now;
		struct err e = { 0 };
		struct arena a;
		int r;

		if (streq(rows[i].group, "."))
			snprintf(t.group, sizeof(t.group), "%s", root);
		arena_init(&a);
		r = tune_rdt_update_at(&env, &t, &rows[i].want, &a, &old, &now, &e);
		CHECK_ERR(r, &e, rows[i].where, rows[i].what);
		arena_free(&a);
	}
	CHECK_STR(get("g/schemata"), "L3:0=7ff\nMB:0=100");
	teardown();
}

TEST(stats_of_a_group)
{
	struct tune_rdt_stats s;
	struct tune_rdt t;
	struct arena a;

	setup();
	arena_init(&a);
	make_group("g", "    L3:0=3;1=3\n");
	t = group_of("g");
	CHECK_INT(tune_rdt_stats_at(&env, &t, &a, &s), 0);
	CHECK(!s.l3.set && !s.mb.set && s.n_nodes == 0);
	CHECK_STR(s.root.l3, "L3:0=7ff;1=7ff");
	CHECK_STR(s.root.mb, "MB:0=100;1=100");
	CHECK_STR(s.group.l3, "L3:0=3;1=3");
	CHECK(!s.group.mb);
	mkdir(at("info/L3"), 0755);
	put("info/L3/cbm_mask", "7ff\n");
	put("info/L3/min_cbm_bits", "1\n");
	put("info/L3/num_closids", "16\n");
	mkdir(at("info/MB"), 0755);
	put("info/MB/bandwidth_gran", "10\n");
	put("info/MB/min_bandwidth", "10\n");
	put_counters("g", "01", "65536\n", "Unavailable\n");
	put_counters("g", "00", "131072\n", "18446744073709551615\n");
	CHECK_INT(tune_rdt_stats_at(&env, &t, &a, &s), 0);
	CHECK(s.l3.set && s.mb.set);
	CHECK_STR(s.l3.cbm_mask, "7ff");
	CHECK_INT(s.l3.num_closids, 16);
	CHECK_INT(s.mb.min_bandwidth, 10);
	CHECK_INT(s.n_nodes, 2);
	CHECK_INT(s.nodes[0].occupancy, 131072);
	CHECK(s.nodes[0].has_total && s.nodes[0].total == UINT64_MAX);
	CHECK_INT(s.nodes[1].occupancy, 65536);
	CHECK(!s.nodes[1].has_total && !s.nodes[1].has_local);
	/* the numbers of a container that has a monitoring group are those of that group */
	make_group("g/mon_groups/web", "");
	put_counters("g/mon_groups/web", "00", "7\n", "8\n");
	snprintf(t.mon, sizeof(t.mon), "%s", at("g/mon_groups/web"));
	CHECK_INT(tune_rdt_stats_at(&env, &t, &a, &s), 0);
	CHECK_INT(s.n_nodes, 1);
	CHECK_INT(s.nodes[0].occupancy, 7);
	t = group_of("gone");
	CHECK_INT(tune_rdt_stats_at(&env, &t, &a, &s), -ENOENT);
	arena_free(&a);
	teardown();
}

UNIT_MAIN
