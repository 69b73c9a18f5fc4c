/* SPDX-License-Identifier: Apache-2.0 */
/* plan: the pure helpers: weights, paths, id look-up, and the device rules against an oracle. */
#include "unit.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "plan/parts.h"

TEST(cpu_weight_meets_the_scale_at_its_points)
{
	CHECK_INT(plan_cpu_weight(0), 1);
	CHECK_INT(plan_cpu_weight(2), 1);
	CHECK_INT(plan_cpu_weight(1024), 100);
	CHECK_INT(plan_cpu_weight(262144), 10000);
	CHECK_INT(plan_cpu_weight(UINT64_MAX), 10000);
	/* ceil(10 ^ ((l^2 + 125 l) / 612 - 7/34)), l = log2(shares), computed with more digits
	 * elsewhere */
	CHECK_INT(plan_cpu_weight(10), 4);
	CHECK_INT(plan_cpu_weight(102), 17);
	CHECK_INT(plan_cpu_weight(512), 59);
	CHECK_INT(plan_cpu_weight(2048), 174);
	CHECK_INT(plan_cpu_weight(65536), 3023);
}

TEST(cpu_weight_never_falls)
{
	unsigned last = 0;

	for (uint64_t shares = 2; shares <= 262144; shares += 1 + shares / 64) {
		unsigned w = plan_cpu_weight(shares);

		CHECK(w >= last && w >= 1 && w <= 10000);
		last = w;
	}
}

TEST(io_weight_spans_the_scale)
{
	CHECK_INT(plan_io_weight(10), 1);
	CHECK_INT(plan_io_weight(1000), 10000);
	CHECK_INT(plan_io_weight(505), 5000);
}

TEST(update_plans_only_what_is_given)
{
	struct spec spec = { .os.resources = { .pids_set = true, .pids_limit = { true, 7 } } };
	struct host host = { .cgroups = HOST_CGROUP_V2 };
	struct plan_cgroup plan = { 0 };
	struct arena a;
	struct err e = { 0 };

	arena_init(&a);
	CHECK_INT(plan_make_update(&spec, &host, &a, &plan, &e), 0);
	CHECK_INT(plan.n_writes, 1);
	CHECK_STR(plan.writes[0].file, "pids.max");
	CHECK_STR(plan.writes[0].value, "7");
	CHECK_INT(plan.n_devices, 0); /* the rules that there are stay */
	CHECK(!plan.path && !plan.check_memory);
	arena_free(&a);
}

TEST(update_refuses_what_the_layout_lacks)
{
	struct spec spec = { .os.resources.memory = { .set = true, .kernel = { true, 1 << 20 } } };
	struct host host = { .cgroups = HOST_CGROUP_V2 };
	struct plan_cgroup plan = { 0 };
	struct arena a;
	struct err e = { 0 };

	arena_init(&a);
	CHECK(plan_make_update(&spec, &host, &a, &plan, &e) < 0);
	CHECK_STR(e.at, "/linux/resources/memory/kernel");
	host.cgroups = HOST_CGROUP_V1;
	e = (struct err){ 0 };
	CHECK_INT(plan_make_update(&spec, &host, &a, &plan, &e), 0);
	arena_free(&a);
}

TEST(paths_are_cleaned)
{
	static const struct {
		const char *from, *to;
	} table[] = {
		{ "", "/" },
		{ "/", "/" },
		{ ".", "/" },
		{ "..", "/" },
		{ "/..", "/" },
		{ "a", "/a" },
		{ "//a///b/", "/a/b" },
		{ "/a/./b/.", "/a/b" },
		{ "/a/../b", "/b" },
		{ "/a/b/../..", "/" },
		{ "/a/../../..", "/" },
		{ "/a/", "/a" },
		{ "/a/.", "/a" },
		{ "/a/..", "/" },
		{ "/.a/..b", "/.a/..b" },
		{ "/...", "/..." },
		{ "/a/..b/c..", "/a/..b/c.." },
		{ "/proc/../proc/self", "/proc/self" },
	};
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		CHECK_STR(plan_path_clean(&a, table[i].from), table[i].to);
	arena_free(&a);
	CHECK(plan_path_below("/proc", "/proc"));
	CHECK(plan_path_below("/proc/1", "/proc"));
	CHECK(!plan_path_below("/process", "/proc"));
	CHECK(plan_path_below("/x", "/"));
}

TEST(pointers_are_escaped)
{
	struct arena a;

	arena_init(&a);
	CHECK_STR(plan_pointer(&a, "/linux/sysctl", "net/ipv4~x"), "/linux/sysctl/net~1ipv4~0x");
	CHECK_STR(plan_pointer(&a, "", ""), "/");
	arena_free(&a);
}

TEST(ids_are_looked_up_at_their_borders)
{
	struct spec_idmap rows[] = { { 0, 1000, 1 }, { 1, 100000, 65535 }, { 4294967294u, 5, 1 } };
	const struct spec_idmaps maps = { rows, ARRAY_LEN(rows) };
	uint32_t host = 7;

	CHECK(plan_id_to_host(&maps, 0, &host) && host == 1000);
	CHECK(plan_id_to_host(&maps, 1, &host) && host == 100000);
	CHECK(plan_id_to_host(&maps, 65535, &host) && host == 165534);
	CHECK(!plan_id_to_host(&maps, 65536, &host));
	CHECK(plan_id_to_host(&maps, 4294967294u, &host) && host == 5);
	CHECK(!plan_id_to_host(&maps, 4294967295u, &host));
}

/* ---- device rules ---- */

static struct spec_device_rule rule(bool allow, char type, int64_t major, int64_t minor,
				    uint32_t access)
{
	return (struct spec_device_rule){ .allow = allow,
					  .type = type,
					  .major = { major >= 0, major },
					  .minor = { minor >= 0, minor },
					  .access = access };
}

/* The access to a device under a list: the last rule that is about it decides, bit by bit. */
static uint32_t granted(const struct spec_device_rule *r, size_t n, uint32_t start, char type,
			int64_t major, int64_t minor)
{
	for (size_t i = 0; i < n; i++) {
		if ((r[i].type != 'a' && r[i].type != type) ||
		    (r[i].major.set && r[i].major.v != major) ||
		    (r[i].minor.set && r[i].minor.v != minor))
			continue;
		start = r[i].allow ? start | r[i].access : start & ~r[i].access;
	}
	return start;
}

enum { R = DEVICE_READ, W = DEVICE_WRITE, M = DEVICE_MKNOD };

static uint32_t planned(const struct spec_device_rule *rules, size_t n, enum host_cgroups layout,
			char type, int64_t major, int64_t minor)
{
	struct spec spec = { .os.resources = { .devices = (struct spec_device_rule *)rules,
					       .n_devices = n } };
	struct host host = { .cgroups = layout };
	struct plan plan = { 0 };
	struct arena a;
	uint32_t got;

	arena_init(&a);
	plan_make_device_rules(
		&(struct maker){ .spec = &spec, .host = &host, .arena = &a, .plan = &plan });
	got = granted(plan.cgroup.devices, plan.cgroup.n_devices, 0, type, major, minor);
	arena_free(&a);
	return got;
}

/* LNX-DEVCG-01, 07 and 09 */
TEST(default_devices_stay_open_unless_named)
{
	const struct spec_device_rule deny[] = { rule(false, 'a', -1, -1, R | W | M) };
	const struct spec_device_rule zero[] = { deny[0], rule(true, 'c', 1, 5, R) };
	const struct spec_device_rule none[] = { deny[0], rule(true, 'c', 1, 5, R),
						 rule(false, 'c', 1, 5, R) };
	const struct spec_device_rule make[] = { deny[0], rule(true, 'c', 1, 7, M) };

	for (enum host_cgroups h = HOST_CGROUP_V1; h <= HOST_CGROUP_V2; h++) {
		CHECK_INT(planned(NULL, 0, h, 'c', 1, 5), R | W | M);
		CHECK_INT(planned(NULL, 0, h, 'c', 1, 1), M);
		CHECK_INT(planned(deny, 1, h, 'c', 1, 5), R | W | M);
		CHECK_INT(planned(deny, 1, h, 'c', 136, 77), R | W | M);
		CHECK_INT(planned(deny, 1, h, 'b', 8, 0), M);
		CHECK_INT(planned(zero, 2, h, 'c', 1, 5), R | M);
		CHECK_INT(planned(none, 3, h, 'c', 1, 5), M);
		CHECK_INT(planned(none, 3, h, 'c', 1, 3), R | W | M);
		CHECK_INT(planned(make, 2, h, 'c', 1, 7), M);
	}
}

/* Whatever the list: a device that is none of the default ones gets what the config's rules say in
 * their order, but for making nodes, which is allowed first (v2) or last (v1). */
TEST(device_rules_of_the_config_decide)
{
	uint32_t seed = 1;

	for (int round = 0; round < 20000; round++) {
		struct spec_device_rule rules[6];
		size_t n = (size_t)round % 7;
		uint32_t got, want;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			rules[i] = rule(seed >> 31, "acb"[(seed >> 29 & 3) % 3],
					seed >> 27 & 1 ? 8 : -1, seed >> 26 & 1 ? 2 : -1,
					(seed >> 20) % 7 + 1);
		}
		/* the baseline: deny, nodes may be made; a deny-all of the config means the same
		 * baseline */
		want = M;
		for (size_t i = 0; i < n; i++) {
			want = granted(&rules[i], 1, want, 'b', 8, 2);
			if (!rules[i].allow && rules[i].type == 'a' && !rules[i].major.set &&
			    !rules[i].minor.set && rules[i].access == (R | W | M))
				want = M;
		}
		got = planned(rules, n, HOST_CGROUP_V2, 'b', 8, 2);
		CHECK_INT(got, want);
	}
}

UNIT_MAIN
