/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/unit_property: annotations org.systemd.property.NAME as typed properties of the unit. Hides
 * the list of what may be set, the text form of values (that of GVariant, as clients write it) and
 * the names that end in Sec.
 */
#include <errno.h>

#include "base/str.h"
#include "plan/parts.h"
#include "spec/spec.h"

#define PREFIX "org.systemd.property."

/*
 * SECURITY: rule G6. What starts, stops or names other units, programs, users or paths is not here,
 * and neither is what hull itself must decide. Types are those of org.freedesktop.systemd1(5).
 */
static const struct allowed {
	char name[30];
	enum plan_property_type type;
} table[] = {
	{ "After", PLAN_PROPERTY_STRINGS },
	{ "Before", PLAN_PROPERTY_STRINGS },
	{ "CollectMode", PLAN_PROPERTY_STRING },
	{ "CPUQuotaPeriodUSec", PLAN_PROPERTY_U64 },
	{ "CPUQuotaPerSecUSec", PLAN_PROPERTY_U64 },
	{ "CPUWeight", PLAN_PROPERTY_U64 },
	{ "DefaultDependencies", PLAN_PROPERTY_BOOL },
	{ "Description", PLAN_PROPERTY_STRING },
	{ "Documentation", PLAN_PROPERTY_STRINGS },
	{ "FinalKillSignal", PLAN_PROPERTY_I32 },
	{ "IOWeight", PLAN_PROPERTY_U64 },
	{ "IPAccounting", PLAN_PROPERTY_BOOL },
	{ "KillMode", PLAN_PROPERTY_STRING },
	{ "KillSignal", PLAN_PROPERTY_I32 },
	{ "ManagedOOMMemoryPressure", PLAN_PROPERTY_STRING },
	{ "ManagedOOMMemoryPressureLimit", PLAN_PROPERTY_U32 },
	{ "ManagedOOMPreference", PLAN_PROPERTY_STRING },
	{ "ManagedOOMSwap", PLAN_PROPERTY_STRING },
	{ "MemoryHigh", PLAN_PROPERTY_U64 },
	{ "MemoryLow", PLAN_PROPERTY_U64 },
	{ "MemoryMax", PLAN_PROPERTY_U64 },
	{ "MemoryMin", PLAN_PROPERTY_U64 },
	{ "MemorySwapMax", PLAN_PROPERTY_U64 },
	{ "MemoryZSwapMax", PLAN_PROPERTY_U64 },
	{ "OOMPolicy", PLAN_PROPERTY_STRING },
	{ "RuntimeMaxUSec", PLAN_PROPERTY_U64 },
	{ "SendSIGHUP", PLAN_PROPERTY_BOOL },
	{ "SendSIGKILL", PLAN_PROPERTY_BOOL },
	{ "StartupCPUWeight", PLAN_PROPERTY_U64 },
	{ "StartupIOWeight", PLAN_PROPERTY_U64 },
	{ "TasksMax", PLAN_PROPERTY_U64 },
	{ "TimeoutStopUSec", PLAN_PROPERTY_U64 },
};

static enum plan_property_type type_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (streq(table[i].name, name))
			return table[i].type;
	return PLAN_PROPERTY_NONE;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* 'text' or "text"; a backslash takes the next character as it is. NULL: no string begins here. */
static const char *parse_string(const char *s, struct arena *a, const char **ret)
{
	char quote = *s, *out;
	size_t n = 0;

	if (quote != '\'' && quote != '"')
		return NULL;
	out = arena_alloc(a, strlen(s));
	for (s++; *s && *s != quote; s++) {
		if (*s == '\\' && s[1])
			s++;
		out[n++] = *s;
	}
	*ret = out;
	return *s ? s + 1 : NULL;
}

/* ['a', 'b'] */
static const char *parse_strings(const char *s, struct arena *a, struct plan_unit_property *p)
{
	const char **v = NULL;

	if (*s != '[')
		return NULL;
	s = skip_blanks(s + 1);
	for (p->n = 0; *s != ']'; s = skip_blanks(s)) {
		if (p->n && *s++ != ',')
			return NULL;
		s = parse_string(skip_blanks(s), a, arena_push(a, &v, &p->n, sizeof(*v)));
		if (!s)
			return NULL;
	}
	p->v = v;
	return s + 1;
}

/* "uint64 5": the type may stand before a number; it changes nothing, the table has it. */
static const char *skip_type(const char *s)
{
	static const char words[][8] = { "uint64 ", "uint32 ", "uint16 ", "int64 ",
					 "int32 ",  "int16 ",  "byte " };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_starts(s, words[i]))
			return skip_blanks(s + strlen(words[i]));
	return s;
}

/* @seconds: "1.5" as 1500000. */
static const char *parse_number(const char *s, bool seconds, uint64_t max, uint64_t *ret)
{
	size_t n = strspn(s, "0123456789"), digits = 0;
	char text[24];
	uint64_t v, part = 0;

	if (str_format(text, sizeof(text), "%.*s", (int)MIN(n, sizeof(text)), s) < 0 ||
	    str_to_u64(text, seconds ? UINT64_MAX / 1000000 - 1 : max, &v) < 0)
		return NULL;
	s += n;
	if (seconds && *s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++)
			if (digits < 6) {
				part = part * 10 + (uint64_t)(*s - '0');
				digits++;
			}
	for (; digits && digits < 6; digits++)
		part *= 10;
	*ret = seconds ? v * 1000000 + part : v;
	return s;
}

static const char wanted[][21] = {
	[PLAN_PROPERTY_STRING] = "a text in quotes",
	[PLAN_PROPERTY_STRINGS] = "a list as ['a', 'b']",
	[PLAN_PROPERTY_BOOL] = "true or false",
	[PLAN_PROPERTY_U64] = "a number",
	[PLAN_PROPERTY_U32] = "a number",
	[PLAN_PROPERTY_I32] = "a number",
};

static const char *parse(const char *s, bool seconds, struct arena *a, struct plan_unit_property *p)
{
	switch (p->type) {
	case PLAN_PROPERTY_STRING:
		return parse_string(s, a, &p->text);
	case PLAN_PROPERTY_STRINGS:
		return parse_strings(s, a, p);
	case PLAN_PROPERTY_BOOL:
		p->number = str_starts(s, "true");
		return p->number ? s + 4 : str_skip(s, "false");
	case PLAN_PROPERTY_U64:
		return parse_number(skip_type(s), seconds, UINT64_MAX, &p->number);
	case PLAN_PROPERTY_U32:
		return parse_number(skip_type(s), false, UINT32_MAX, &p->number);
	case PLAN_PROPERTY_I32:
		return parse_number(skip_type(s), false, INT32_MAX, &p->number);
	case PLAN_PROPERTY_NONE:
		break;
	}
	return NULL;
}

static int add(struct maker *m, const char *name, const char *value, struct err *e)
{
	struct plan_cgroup *c = &m->plan->cgroup;
	struct plan_unit_property p = { .name = name };
	bool seconds = str_ends(name, "Sec") && !str_ends(name, "USec");
	const char *end;

	if (seconds)
		p.name = arena_printf(m->arena, "%.*sUSec", (int)(strlen(name) - 3), name);
	p.type = type_of(p.name);
	if (p.type == PLAN_PROPERTY_NONE)
		return err_set(e, ERR_CFG_VALUE, 0, "%s is no property that a container may set",
			       p.name);
	end = parse(skip_blanks(value), seconds, m->arena, &p);
	if (!end || *skip_blanks(end))
		return err_set(e, ERR_CFG_VALUE, 0, "\"%.100s\" is not %s", value, wanted[p.type]);
	for (size_t i = 0; i < c->n_properties; i++)
		if (streq(c->properties[i].name, p.name))
			return err_set(e, ERR_CFG_VALUE, 0, "%s is set twice", p.name);
	*(struct plan_unit_property *)arena_push(m->arena, &c->properties, &c->n_properties,
						 sizeof(p)) = p;
	return 0;
}

int plan_make_unit_properties(struct maker *m, struct err *e)
{
	const struct spec_kvs *kvs = &m->spec->annotations;

	for (size_t i = 0; i < kvs->n; i++) {
		const char *name = str_skip(kvs->v[i].key, PREFIX);
		int r;

		if (!name)
			continue;
		if (!m->opt->unit_properties) {
			m->plan->cgroup.properties_left_out = true;
			return 0;
		}
		r = add(m, name, kvs->v[i].value, e);
		if (r < 0)
			return err_at(e, r, "/annotations/%s", kvs->v[i].key);
	}
	return 0;
}
