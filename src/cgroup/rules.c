/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/rules: normal form of device rules. Hides the closure under intersection that makes "the
 * most specific entry decides" true, and what v1 can express.
 */
#include "cgroup/rules.h"

#include "base/str.h"

static int64_t number(struct opt_i64 o)
{
	return o.set && o.v >= 0 ? o.v : RULES_ANY;
}

/*
 * Accesses of the devices that @key stands for: those with its numbers and, where it says any, with
 * numbers no rule names.
 */
static uint32_t evaluate(const struct spec_device_rule *v, size_t n, char type, int64_t major,
			 int64_t minor)
{
	uint32_t access = 0;

	for (size_t i = 0; i < n; i++) {
		if (v[i].type != 'a' && v[i].type != type)
			continue;
		if (number(v[i].major) != RULES_ANY && number(v[i].major) != major)
			continue;
		if (number(v[i].minor) != RULES_ANY && number(v[i].minor) != minor)
			continue;
		if (v[i].allow)
			access |= v[i].access;
		else
			access &= ~v[i].access;
	}
	return access & DEVICE_ALL;
}

static int rank(const struct rules_entry *r)
{
	return r->major != RULES_ANY ? (r->minor != RULES_ANY ? 0 : 1) : 2;
}

static int compare(const void *pa, const void *pb)
{
	const struct rules_entry *a = pa, *b = pb;

	if (rank(a) != rank(b))
		return rank(a) - rank(b);
	if (a->type != b->type)
		/* characters first: they are asked for more often */
		return a->type < b->type ? 1 : -1;
	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	return a->minor < b->minor ? -1 : a->minor > b->minor;
}

/* The decision among entries [from, n): those before @from are left out. */
static uint32_t lookup(const struct rules *r, size_t from, char type, int64_t major, int64_t minor)
{
	for (size_t i = from; i < r->n; i++)
		if (r->v[i].type == type &&
		    (r->v[i].major == RULES_ANY || r->v[i].major == major) &&
		    (r->v[i].minor == RULES_ANY || r->v[i].minor == minor))
			return r->v[i].access;
	return type == 'c' ? r->rest_char : r->rest_block;
}

uint32_t rules_lookup(const struct rules *r, char type, int64_t major, int64_t minor)
{
	return lookup(r, 0, type, major, minor);
}

static int too_many(struct err *e)
{
	return err_set(e, ERR_CGR_DEVICES, E2BIG, "the device rules come to more than %d cases",
		       RULES_MAX);
}

static void push(struct arena *a, struct rules *r, char type, int64_t major, int64_t minor)
{
	struct rules_entry *x = arena_push(a, &r->v, &r->n, sizeof(*x));

	*x = (struct rules_entry){ .type = type, .major = major, .minor = minor };
}

static void sort_unique(struct rules *r)
{
	size_t n = 0;

	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), compare);
	for (size_t i = 0; i < r->n; i++)
		if (!n || compare(&r->v[n - 1], &r->v[i]))
			r->v[n++] = r->v[i];
	r->n = n;
}

/* Every key that a rule names, for each type it speaks of. */
static int collect(const struct spec_device_rule *v, size_t n, struct arena *a, struct rules *ret,
		   struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		int64_t major = number(v[i].major), minor = number(v[i].minor);

		if (major == RULES_ANY && minor == RULES_ANY)
			continue;
		if (v[i].type != 'b')
			push(a, ret, 'c', major, minor);
		if (v[i].type != 'c')
			push(a, ret, 'b', major, minor);
		if (ret->n > 4 * RULES_MAX)
			return too_many(e);
	}
	sort_unique(ret);
	return 0;
}

/*
 * Where (major, *) and (*, minor) cross neither is the more specific one: the crossing gets its own
 * entry.
 */
static int close_crossings(struct arena *a, struct rules *ret, struct err *e)
{
	size_t n = ret->n;

	for (size_t i = 0; i < n; i++) {
		if (rank(&ret->v[i]) != 1)
			continue;
		for (size_t j = i + 1; j < n; j++) {
			if (rank(&ret->v[j]) != 2 || ret->v[j].type != ret->v[i].type)
				continue;
			push(a, ret, ret->v[i].type, ret->v[i].major, ret->v[j].minor);
			if (ret->n > 4 * RULES_MAX)
				return too_many(e);
		}
	}
	sort_unique(ret);
	return 0;
}

int rules_normalize(const struct spec_device_rule *v, size_t n, struct arena *a, struct rules *ret,
		    struct err *e)
{
	struct rules r = { 0 };
	size_t kept;
	int err;

	err = collect(v, n, a, &r, e);
	if (err >= 0)
		err = close_crossings(a, &r, e);
	if (err < 0)
		return err;
	r.rest_char = evaluate(v, n, 'c', RULES_ANY, RULES_ANY);
	r.rest_block = evaluate(v, n, 'b', RULES_ANY, RULES_ANY);
	for (size_t i = 0; i < r.n; i++)
		r.v[i].access = evaluate(v, n, r.v[i].type, r.v[i].major, r.v[i].minor);
	/*
	 * From the general to the specific, drop what says nothing new. Kept entries gather at the
	 * end of the array, so that lookup() sees exactly them.
	 */
	kept = r.n;
	for (size_t i = r.n; i-- > 0;) {
		struct rules_entry x = r.v[i];

		if (x.access != lookup(&r, kept, x.type, x.major, x.minor))
			r.v[--kept] = x;
	}
	r.v = r.n ? r.v + kept : NULL;
	r.n -= kept;
	if (r.n > RULES_MAX)
		return too_many(e);
	*ret = r;
	return 0;
}

/* "c 1:* rw" */
static void v1_line(char ret[static 48], char type, int64_t major, int64_t minor, uint32_t access)
{
	struct strbuf b = { .buf = ret, .size = 48 };

	ret[0] = '\0';
	sb_char(&b, type);
	sb_char(&b, ' ');
	if (major == RULES_ANY)
		sb_char(&b, '*');
	else
		sb_printf(&b, "%lld", (long long)major);
	sb_char(&b, ':');
	if (minor == RULES_ANY)
		sb_char(&b, '*');
	else
		sb_printf(&b, "%lld", (long long)minor);
	sb_char(&b, ' ');
	if (access & DEVICE_READ)
		sb_char(&b, 'r');
	if (access & DEVICE_WRITE)
		sb_char(&b, 'w');
	if (access & DEVICE_MKNOD)
		sb_char(&b, 'm');
}

/*
 * Does entry @i say at least @side of what every more general entry over it says? Only then can
 * exceptions add up.
 */
static bool grows(const struct rules *r, size_t i, uint32_t flip)
{
	const struct rules_entry *x = &r->v[i];
	uint32_t rest = x->type == 'c' ? r->rest_char : r->rest_block;

	if ((rest ^ flip) & ~(x->access ^ flip))
		return false;
	for (size_t j = i + 1; j < r->n; j++) {
		const struct rules_entry *y = &r->v[j];

		/* where they cross, both count in v1 */
		if (y->type == x->type && rank(x) == 1 && rank(y) == 2 &&
		    ((y->access ^ flip) & ~(lookup(r, 0, x->type, x->major, y->minor) ^ flip)))
			return false;
		if (y->type != x->type || (y->major != RULES_ANY && y->major != x->major) ||
		    (y->minor != RULES_ANY && y->minor != x->minor))
			continue;
		if ((y->access ^ flip) & ~(x->access ^ flip))
			return false;
	}
	return true;
}

int rules_to_v1(const struct rules *r, struct arena *a, struct rules_v1 *ret, struct err *e)
{
	struct rules_v1 out = { .lines = arena_array(a, r->n + 2, sizeof(*out.lines)) };

	for (int allow = 0; allow < 2; allow++) {
		uint32_t flip = allow ? DEVICE_ALL : 0, c = r->rest_char ^ flip,
			 b = r->rest_block ^ flip;
		size_t i;

		for (i = 0; i < r->n && grows(r, i, flip); i++)
			;
		if (i < r->n)
			continue;
		/*
		 * With everything allowed an exception is pointless; that is the other default with
		 * none.
		 */
		if (!allow && r->rest_char == DEVICE_ALL && r->rest_block == DEVICE_ALL)
			continue;
		out.default_allow = allow;
		if (c)
			v1_line(out.lines[out.n++], 'c', RULES_ANY, RULES_ANY, c);
		if (b)
			v1_line(out.lines[out.n++], 'b', RULES_ANY, RULES_ANY, b);
		for (i = 0; i < r->n; i++)
			v1_line(out.lines[out.n++], r->v[i].type, r->v[i].major, r->v[i].minor,
				r->v[i].access ^ flip);
		*ret = out;
		return 0;
	}
	return err_set(
		e, ERR_CGR_DEVICES, ENOTSUP,
		"cgroup v1 cannot express device rules that deny part of what a wider rule allows");
}
