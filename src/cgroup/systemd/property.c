/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/systemd/property: one table from file names to property names. Types are those of
 * org.freedesktop.systemd1(5).
 */
#include "cgroup/systemd/property.h"

#include <errno.h>

#include "base/str.h"

enum kind {
	BYTES /* "max" is UINT64_MAX */,
	WEIGHT,
	IO_WEIGHT /* "default 100" */,
	QUOTA /* "50000 100000" */,
	MASK
};
static const struct row {
	char file[18], property[20];
	enum kind kind;
} rows[] = {
	{ "memory.min", "MemoryMin", BYTES },	       { "memory.low", "MemoryLow", BYTES },
	{ "memory.high", "MemoryHigh", BYTES },	       { "memory.max", "MemoryMax", BYTES },
	{ "memory.swap.max", "MemorySwapMax", BYTES }, { "pids.max", "TasksMax", BYTES },
	{ "cpu.weight", "CPUWeight", WEIGHT },	       { "cpu.max", "CPUQuotaPerSecUSec", QUOTA },
	{ "io.weight", "IOWeight", IO_WEIGHT },	       { "cpuset.cpus", "AllowedCPUs", MASK },
	{ "cpuset.mems", "AllowedMemoryNodes", MASK },
};
enum { MASK_BYTES = 1024 }; /* 8192 CPUs, faults L4 */

static void begin(struct dbus_out *o, const char *name, const char *signature)
{
	dbus_align(o, 8);
	dbus_put_string(o, name);
	dbus_put_signature(o, signature);
}

void property_put_string(struct dbus_out *o, const char *name, const char *value)
{
	begin(o, name, "s");
	dbus_put_string(o, value);
}

void property_put_bool(struct dbus_out *o, const char *name, bool value)
{
	begin(o, name, "b");
	dbus_put_u32(o, value);
}

void property_put_u64(struct dbus_out *o, const char *name, uint64_t value)
{
	begin(o, name, "t");
	dbus_put_u64(o, value);
}

void property_put_pids(struct dbus_out *o, const char *name, const uint32_t *v, size_t n)
{
	size_t mark;

	begin(o, name, "au");
	mark = dbus_array_begin(o, 4);
	for (size_t i = 0; i < n; i++)
		dbus_put_u32(o, v[i]);
	dbus_array_end(o, mark, 4);
}

static void put_bytes(struct dbus_out *o, const char *name, const uint8_t *v, size_t n)
{
	size_t mark;

	begin(o, name, "ay");
	mark = dbus_array_begin(o, 1);
	for (size_t i = 0; i < n; i++)
		dbus_put_u8(o, v[i]);
	dbus_array_end(o, mark, 1);
}

void property_put_unit(struct dbus_out *o, const struct plan_unit_property *p)
{
	size_t mark;

	switch (p->type) {
	case PLAN_PROPERTY_STRING:
		property_put_string(o, p->name, p->text);
		break;
	case PLAN_PROPERTY_BOOL:
		property_put_bool(o, p->name, p->number);
		break;
	case PLAN_PROPERTY_U64:
		property_put_u64(o, p->name, p->number);
		break;
	case PLAN_PROPERTY_U32:
	case PLAN_PROPERTY_I32:
		begin(o, p->name, p->type == PLAN_PROPERTY_I32 ? "i" : "u");
		dbus_put_u32(o, (uint32_t)p->number);
		break;
	case PLAN_PROPERTY_STRINGS:
		begin(o, p->name, "as");
		mark = dbus_array_begin(o, 4);
		for (size_t i = 0; i < p->n; i++)
			dbus_put_string(o, p->v[i]);
		dbus_array_end(o, mark, 4);
		break;
	case PLAN_PROPERTY_NONE:
		break;
	}
}

/* A number that ends at one of @ends. */
static int number(const char *s, const char *ends, uint64_t *ret, const char **ret_end)
{
	char text[24];
	size_t n = strcspn(s, ends);

	if (str_format(text, sizeof(text), "%.*s", (int)MIN(n, sizeof(text)), s) < 0)
		return -ERANGE;
	*ret_end = s + n;
	return str_to_u64(text, UINT64_MAX, ret);
}

size_t property_cpu_mask(const char *list, uint8_t *ret, size_t size)
{
	size_t n = 0;

	memset(ret, 0, size);
	for (const char *p = list; *p;) {
		uint64_t from, to;

		if (number(p, ",-", &from, &p) < 0)
			return 0;
		to = from;
		if (*p == '-' && number(p + 1, ",", &to, &p) < 0)
			return 0;
		if (to < from || to >= size * 8)
			return 0;
		for (uint64_t i = from; i <= to; i++)
			ret[i / 8] |= (uint8_t)(1u << i % 8);
		n = MAX(n, (size_t)to / 8 + 1);
		if (*p == ',' && !*++p)
			return 0;
	}
	return n;
}

/*
 * "max 100000", "50000 100000", "50000". systemd wants microseconds per second; rounded up, so that
 * the file, which is exact, is what binds.
 */
static bool put_quota(struct dbus_out *o, const char *value)
{
	uint64_t quota = UINT64_MAX, period = 100000;
	const char *p = value;

	if (str_starts(value, "max"))
		p = value + 3;
	else if (number(value, " ", &quota, &p) < 0)
		return false;
	if (*p == ' ' && (number(p + 1, "", &period, &p) < 0 || period == 0))
		return false;
	if (quota != UINT64_MAX) {
		if (quota > UINT64_MAX / 1000000 - period)
			return false;
		quota = (quota * 1000000 + period - 1) / period;
	}
	property_put_u64(o, "CPUQuotaPerSecUSec", quota);
	property_put_u64(o, "CPUQuotaPeriodUSec", period);
	return true;
}

static bool put_row(struct dbus_out *o, const struct row *row, const char *value)
{
	uint8_t mask[MASK_BYTES];
	const char *end;
	uint64_t v = UINT64_MAX;
	size_t n;

	switch (row->kind) {
	case QUOTA:
		return put_quota(o, value);
	case MASK:
		n = property_cpu_mask(value, mask, sizeof(mask));
		if (n)
			put_bytes(o, row->property, mask, n);
		return n;
	case IO_WEIGHT:
		if (!str_starts(value, "default "))
			return false; /* of one device */
		value += strlen("default ");
		break;
	case BYTES:
	case WEIGHT:
		break;
	}
	if (!(row->kind == BYTES && streq(value, "max")) && (number(value, "", &v, &end) < 0))
		return false;
	/* A process of hull's is in the unit until the container is; its group has the limit. */
	if (streq(row->property, "TasksMax"))
		v = MAX(v, (uint64_t)2);
	property_put_u64(o, row->property, v);
	return true;
}

size_t property_put_limits(struct dbus_out *o, const struct plan_cgroup *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_writes; i++)
		for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
			const struct plan_cgroup_write *w = &p->writes[i];

			if (streq(w->file, rows[k].file))
				n += put_row(o, &rows[k], w->value);
			else if (w->alt_file && streq(w->alt_file, rows[k].file))
				n += put_row(o, &rows[k], w->alt_value);
		}
	return n;
}
