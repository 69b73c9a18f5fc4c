/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device rules: the normal form, the v1 lines and the eBPF program against an oracle that knows
 * only "rules apply in order, later ones override".
 */
#include "unit.h"

#include <linux/bpf.h>

#include "base/macro.h"
#include "base/str.h"
#include "cgroup/ebpf/devices.h"
#include "cgroup/rules.h"

#define ANY                                                                                        \
	{                                                                                          \
		.set = false                                                                       \
	}
#define NUM(x)                                                                                     \
	{                                                                                          \
		.set = true, .v = (x)                                                              \
	}
enum { R = DEVICE_READ, W = DEVICE_WRITE, M = DEVICE_MKNOD };

static uint32_t seed = 12345;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* ---- the oracle ---- */

static bool oracle(const struct spec_device_rule *v, size_t n, char type, int64_t major,
		   int64_t minor, uint32_t access)
{
	for (uint32_t bit = 1; bit <= M; bit <<= 1) {
		bool allowed = false;

		if (!(access & bit))
			continue;
		for (size_t i = 0; i < n; i++) {
			if ((v[i].type == 'a' || v[i].type == type) && (v[i].access & bit) &&
			    (!v[i].major.set || v[i].major.v == -1 || v[i].major.v == major) &&
			    (!v[i].minor.set || v[i].minor.v == -1 || v[i].minor.v == minor))
				allowed = v[i].allow;
		}
		if (!allowed)
			return false;
	}
	return true;
}

/* ---- an emulator of the instructions that the emitter may use; -1: it did something else ---- */

static int run(const struct bpf_insn *v, size_t n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t r[11] = { 0 };
	bool known[11] = { [1] = true };
	uint32_t fields[3] = { ctx->access_type, ctx->major, ctx->minor };
	size_t steps = 0;

	for (size_t pc = 0; pc < n && steps < 100000; pc++, steps++) {
		const struct bpf_insn *i = &v[pc];
		uint64_t imm = (uint64_t)(int64_t)i->imm;

		if (i->dst_reg > 9)
			return -1;
		switch (i->code) {
		case BPF_LDX | BPF_W | BPF_MEM:
			if (i->src_reg != 1 || i->off < 0 || i->off > 8 || i->off % 4)
				return -1;
			r[i->dst_reg] = fields[i->off / 4];
			known[i->dst_reg] = true;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			if (!known[i->src_reg])
				return -1;
			r[i->dst_reg] = r[i->src_reg];
			known[i->dst_reg] = true;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			r[i->dst_reg] = imm;
			known[i->dst_reg] = true;
			break;
		case BPF_ALU64 | BPF_AND | BPF_K:
			r[i->dst_reg] &= imm;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			r[i->dst_reg] >>= imm;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
		case BPF_JMP | BPF_JNE | BPF_K:
			if (!known[i->dst_reg] || i->off < 0)
				return -1;
			if ((r[i->dst_reg] == imm) == (i->code == (BPF_JMP | BPF_JEQ | BPF_K)))
				pc += (size_t)i->off;
			break;
		case BPF_JMP | BPF_EXIT:
			return known[0] && r[0] <= 1 ? (int)r[0] : -1;
		default:
			return -1;
		}
	}
	return -1;
}

static int filter(const struct bpf_insn *v, size_t n, char type, int64_t major, int64_t minor,
		  uint32_t access)
{
	uint32_t asked = (access & R ? BPF_DEVCG_ACC_READ : 0) |
			 (access & W ? BPF_DEVCG_ACC_WRITE : 0) |
			 (access & M ? BPF_DEVCG_ACC_MKNOD : 0);
	struct bpf_cgroup_dev_ctx ctx = {
		.access_type =
			asked << 16 | (type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK),
		.major = (uint32_t)major,
		.minor = (uint32_t)minor,
	};

	return run(v, n, &ctx);
}

/*
 * ---- the v1 controller: one default, exceptions that must cover all bits (deny) or hit any bit
 * (allow) ----
 */

static bool v1_allows(const struct rules_v1 *v, char type, int64_t major, int64_t minor,
		      uint32_t access)
{
	bool hit = false;

	for (size_t i = 0; i < v->n; i++) {
		char maj[24], min[24], acc[4] = "", buf[24];
		uint32_t bits = 0;
		const char *l = v->lines[i], *colon = strchr(l, ':'), *blank = strchr(colon, ' ');

		snprintf(maj, sizeof(maj), "%.*s", (int)(colon - l - 2), l + 2);
		snprintf(min, sizeof(min), "%.*s", (int)(blank - colon - 1), colon + 1);
		snprintf(acc, sizeof(acc), "%s", blank + 1);
		bits = (strchr(acc, 'r') ? R : 0) | (strchr(acc, 'w') ? W : 0) |
		       (strchr(acc, 'm') ? M : 0);
		if (l[0] != type)
			continue;
		snprintf(buf, sizeof(buf), "%lld", (long long)major);
		if (strcmp(maj, "*") != 0 && strcmp(maj, buf) != 0)
			continue;
		snprintf(buf, sizeof(buf), "%lld", (long long)minor);
		if (strcmp(min, "*") != 0 && strcmp(min, buf) != 0)
			continue;
		hit |= v->default_allow ? (access & bits) != 0 : (access & ~bits) == 0;
	}
	return hit != v->default_allow;
}

static int compare_all(const struct spec_device_rule *v, size_t n, const struct rules *r,
		       const struct bpf_insn *code, size_t n_code, const struct rules_v1 *v1)
{
	for (int64_t major = 0; major < 6; major++)
		for (int64_t minor = 0; minor < 6; minor++)
			for (uint32_t access = 1; access <= DEVICE_ALL; access++)
				for (const char *t = "cb"; *t; t++) {
					bool want = oracle(v, n, *t, major, minor, access);

					if (!(access & ~rules_lookup(r, *t, major, minor)) != want)
						return 1;
					if (filter(code, n_code, *t, major, minor, access) != want)
						return 2;
					if (v1 && v1_allows(v1, *t, major, minor, access) != want)
						return 3;
				}
	return 0;
}

TEST(random_rules_match_the_oracle)
{
	int by_v1 = 0;

	for (int round = 0; round < 3000; round++) {
		struct spec_device_rule v[8];
		size_t n = rnd(8), n_code;
		struct bpf_insn *code;
		struct rules r;
		struct rules_v1 v1;
		struct err e = { 0 };
		struct arena a;
		int ok;

		for (size_t i = 0; i < n; i++) {
			v[i] = (struct spec_device_rule){ .allow = rnd(2),
							  .type = "acb"[rnd(3)],
							  .access = rnd(8) };
			v[i].major.set = rnd(3) > 0;
			v[i].major.v = (int64_t)rnd(4) - (rnd(8) == 0 ? 1 : 0);
			v[i].minor.set = rnd(3) > 0;
			v[i].minor.v = (int64_t)rnd(4) - (rnd(8) == 0 ? 1 : 0);
			if (v[i].major.v < -1 || v[i].minor.v < -1)
				v[i].minor.v = v[i].major.v = -1;
		}
		arena_init(&a);
		CHECK_INT(rules_normalize(v, n, &a, &r, &e), 0);
		ebpf_emit_devices(&r, &a, &code, &n_code);
		ok = rules_to_v1(&r, &a, &v1, &e);
		by_v1 += ok == 0;
		CHECK_INT(compare_all(v, n, &r, code, n_code, ok == 0 ? &v1 : NULL), 0);
		CHECK(ok == 0 || e.id == ERR_CGR_DEVICES);
		arena_free(&a);
	}
	CHECK(by_v1 > 300); /* the v1 side was exercised */
}

/*
 * What engines send: deny all, the default devices, mknod of everything. Both forms stay as short
 * as they look.
 */
TEST(an_engines_list_stays_short)
{
	struct spec_device_rule v[] = {
		{ false, 'a', ANY, ANY, R | W | M },
		{ true, 'c', ANY, ANY, M },
		{ true, 'b', ANY, ANY, M },
		{ true, 'c', NUM(1), NUM(3), R | W | M },
		{ true, 'c', NUM(1), NUM(8), R | W | M },
		{ true, 'c', NUM(1), NUM(7), R | W | M },
		{ true, 'c', NUM(5), NUM(0), R | W | M },
		{ true, 'c', NUM(1), NUM(5), R | W | M },
		{ true, 'c', NUM(1), NUM(9), R | W | M },
		{ true, 'c', NUM(5), NUM(1), R | W | M },
		{ true, 'c', NUM(136), ANY, R | W | M },
		{ true, 'c', NUM(5), NUM(2), R | W | M },
		{ true, 'c', NUM(1), NUM(3), R | W },
	};
	struct err e = { 0 };
	struct bpf_insn *code;
	struct rules_v1 v1;
	struct rules r;
	struct arena a;
	size_t n;

	arena_init(&a);
	CHECK_INT(rules_normalize(v, ARRAY_LEN(v), &a, &r, &e), 0);
	CHECK_INT(r.n, 9);
	CHECK_INT(r.rest_char, M);
	ebpf_emit_devices(&r, &a, &code, &n);
	CHECK(n < 60);
	CHECK_INT(rules_to_v1(&r, &a, &v1, &e), 0);
	CHECK(!v1.default_allow);
	CHECK_INT(v1.n, 11);
	CHECK_STR(v1.lines[0], "c *:* m");
	CHECK_STR(v1.lines[2], "c 1:3 rwm");
	CHECK_STR(v1.lines[10], "c 136:* rwm");
	CHECK_INT(compare_all(v, ARRAY_LEN(v), &r, code, n, &v1), 0);
	arena_free(&a);
}

TEST(nothing_is_allowed_before_the_first_rule)
{
	struct spec_device_rule one = { true, 'c', NUM(1), NUM(3), R };
	struct err e = { 0 };
	struct rules r;
	struct arena a;

	arena_init(&a);
	CHECK_INT(rules_normalize(&one, 1, &a, &r, &e), 0);
	CHECK_INT(rules_lookup(&r, 'c', 1, 3), R);
	CHECK_INT(rules_lookup(&r, 'c', 1, 5), 0);
	CHECK_INT(rules_lookup(&r, 'b', 1, 3), 0);
	arena_free(&a);
}

TEST(allow_everything_is_one_default)
{
	struct spec_device_rule one = { true, 'a', ANY, ANY, R | W | M };
	struct err e = { 0 };
	struct rules_v1 v1;
	struct rules r;
	struct arena a;

	arena_init(&a);
	CHECK_INT(rules_normalize(&one, 1, &a, &r, &e), 0);
	CHECK_INT(r.n, 0);
	CHECK_INT(rules_to_v1(&r, &a, &v1, &e), 0);
	CHECK(v1.default_allow);
	CHECK_INT(v1.n, 0);
	arena_free(&a);
}

TEST(what_v1_cannot_say_is_refused)
{
	/* character devices allowed but for one, block devices denied */
	struct spec_device_rule v[] = {
		{ true, 'c', ANY, ANY, R | W | M },
		{ false, 'c', NUM(1), NUM(3), W },
	};
	struct err e = { 0 };
	struct rules_v1 v1;
	struct rules r;
	struct arena a;

	arena_init(&a);
	CHECK_INT(rules_normalize(v, 2, &a, &r, &e), 0);
	/* a mixture is expressible as a default-allow with exceptions on both sides */
	CHECK_INT(rules_to_v1(&r, &a, &v1, &e), 0);
	CHECK(v1.default_allow);
	CHECK(!v1_allows(&v1, 'c', 1, 3, W));
	CHECK(v1_allows(&v1, 'c', 1, 3, R));
	CHECK(!v1_allows(&v1, 'b', 1, 3, R));
	/* a hole in a hole is not */
	struct spec_device_rule w[] = {
		{ true, 'c', NUM(1), ANY, R | W },
		{ false, 'c', NUM(1), NUM(3), R | W },
	};
	CHECK_INT(rules_normalize(w, 2, &a, &r, &e), 0);
	CHECK(rules_to_v1(&r, &a, &v1, &e) < 0);
	CHECK_INT(e.id, ERR_CGR_DEVICES);
	arena_free(&a);
}

TEST(numbers_beyond_dev_t_match_no_device)
{
	struct spec_device_rule v[] = { { true, 'c', NUM(4294967297LL), NUM(3), R },
					{ true, 'c', NUM(-1), NUM(4294967299LL), R } };
	struct err e = { 0 };
	struct bpf_insn *code;
	struct rules r;
	struct arena a;
	size_t n;

	arena_init(&a);
	CHECK_INT(rules_normalize(v, 2, &a, &r, &e), 0);
	ebpf_emit_devices(&r, &a, &code, &n);
	CHECK_INT(filter(code, n, 'c', 1, 3, R), 0);
	arena_free(&a);
}

TEST(the_largest_filter_keeps_its_jumps)
{
	enum { N = RULES_MAX };
	struct spec_device_rule *v = calloc(N + 1, sizeof(*v));
	struct err e = { 0 };
	struct bpf_insn *code;
	struct rules r;
	struct arena a;
	size_t n;

	arena_init(&a);
	for (int i = 0; i < N; i++)
		v[i] = (struct spec_device_rule){ true, 'c', NUM(i), NUM(7), R };
	CHECK_INT(rules_normalize(v, N, &a, &r, &e), 0);
	ebpf_emit_devices(&r, &a, &code, &n);
	CHECK_INT(filter(code, n, 'c', N - 1, 7, R), 1);
	CHECK_INT(filter(code, n, 'c', N - 1, 7, W), 0);
	CHECK_INT(filter(code, n, 'b', N - 1, 7, R), 0);
	v[N] = (struct spec_device_rule){ true, 'c', NUM(N), NUM(7), R };
	CHECK_INT(rules_normalize(v, N + 1, &a, &r, &e), -E2BIG);
	arena_free(&a);
	free(v);
}

UNIT_MAIN
