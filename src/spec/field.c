/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/field: the walker over field tables; one small function per kind of property.
 */
#include "spec/field.h"

#include <assert.h>

enum { NOTES_MAX = 64 };

void field_note(struct reader *r, enum spec_note_kind kind, struct jv v, const char *text)
{
	struct spec *s = r->spec;
	char at[ERR_AT_MAX];
	struct strbuf b = STRBUF(at);
	struct spec_note *note;

	if (!s || s->n_notes > NOTES_MAX)
		return;
	note = arena_push(r->arena, &s->notes, &s->n_notes, sizeof(*note));
	if (s->n_notes >
	    NOTES_MAX) { /* a pointer costs time: a config of unknown names stays cheap */
		*note = (struct spec_note){ kind, "",
					    "more properties without effect are not listed" };
		return;
	}
	jv_pointer(v, &b);
	*note = (struct spec_note){ kind, arena_strdup(r->arena, at), text };
}

int field_limit(struct reader *r, struct jv v, size_t n, size_t max)
{
	if (n <= max)
		return 0;
	return jv_fail(v, r->e, ERR_CFG_LIMIT, "has %zu entries, but at most %zu are accepted", n,
		       max);
}

/* ---- scalars ---- */

static void *member_of(void *object, const struct field *f)
{
	return (char *)object + f->offset;
}

/* Numbers and ranges in ascending form, separated by commas; blanks may follow a comma, as the
 * kernel has it. */
static bool is_number_list(const char *s)
{
	for (;;) {
		uint32_t from = 0, to = 0;
		char part[32];
		size_t n = strcspn(s, ","), first = strcspn(s, ",-");

		if (n >= sizeof(part))
			return false;
		memcpy(part, s, n);
		part[n] = '\0';
		if (first < n)
			part[first] = '\0';
		if (str_to_u32(part, &from) < 0)
			return false;
		if (first < n && (str_to_u32(part + first + 1, &to) < 0 || to < from))
			return false;
		if (!s[n])
			return true;
		s += n + 1;
		s += strspn(s, " ");
	}
}

static int fail_absolute(struct reader *r, struct jv v, const char *s)
{
	return jv_fail(v, r->e, ERR_CFG_VALUE, "must be an absolute path, not \"%.200s\"", s);
}

static int read_string(struct reader *r, const struct field *f, struct jv v, const char **ret)
{
	const char *s;
	int x = jv_string(v, &s, r->e);

	if (x < 0)
		return x;
	if ((f->flags & EMPTY_IS_NONE) && !*s)
		return 0;
	if ((f->flags & NONEMPTY) && !*s)
		return jv_fail(v, r->e, ERR_CFG_VALUE, "must not be empty");
	if ((f->flags & ABSOLUTE) && *s != '/')
		return fail_absolute(r, v, s);
	if ((f->flags & NUMBER_LIST) && !is_number_list(s))
		return jv_fail(v, r->e, ERR_CFG_VALUE,
			       "must be a list such as \"0-3,7\", not \"%.64s\"", s);
	*ret = s;
	return 0;
}

static int read_signed(struct reader *r, const struct field *f, struct jv v, int64_t min,
		       int64_t max, int64_t *ret)
{
	return jv_i64(v, f->range ? f->range->min : min, f->range ? (int64_t)f->range->max : max,
		      ret, r->e);
}

static int read_unsigned(struct reader *r, const struct field *f, struct jv v, uint64_t max,
			 uint64_t *ret)
{
	return jv_u64(v, f->range ? (uint64_t)f->range->min : 0, f->range ? f->range->max : max,
		      ret, r->e);
}

static int read_number(struct reader *r, const struct field *f, struct jv v, void *m)
{
	uint64_t u = 0;
	int64_t i = 0;
	int x;

	switch (f->kind) {
	case F_U32:
	case F_OPT_U32:
		x = read_unsigned(r, f, v, UINT32_MAX, &u);
		break;
	case F_U64:
	case F_OPT_U64:
		x = read_unsigned(r, f, v, UINT64_MAX, &u);
		break;
	case F_I32:
	case F_OPT_I32:
		x = read_signed(r, f, v, INT32_MIN, INT32_MAX, &i);
		break;
	default:
		x = read_signed(r, f, v, INT64_MIN, INT64_MAX, &i);
	}
	if (x < 0)
		return x;
	if ((f->flags & ZERO_IS_NONE) && !u && !i)
		return 0;
	switch (f->kind) {
	case F_U32:
		*(uint32_t *)m = (uint32_t)u;
		break;
	case F_U64:
		*(uint64_t *)m = u;
		break;
	case F_I32:
		*(int32_t *)m = (int32_t)i;
		break;
	case F_I64:
		*(int64_t *)m = i;
		break;
	case F_OPT_U32:
		*(struct opt_u32 *)m = (struct opt_u32){ true, (uint32_t)u };
		break;
	case F_OPT_U64:
		*(struct opt_u64 *)m = (struct opt_u64){ true, u };
		break;
	case F_OPT_I32:
		*(struct opt_i32 *)m = (struct opt_i32){ true, (int32_t)i };
		break;
	default:
		*(struct opt_i64 *)m = (struct opt_i64){ true, i };
	}
	return 0;
}

static int read_bool(struct reader *r, const struct field *f, struct jv v, void *m)
{
	bool b = false;
	int x = jv_bool(v, &b, r->e);

	if (x < 0)
		return x;
	if (f->kind == F_BOOL)
		*(bool *)m = b;
	else
		*(struct opt_bool *)m = (struct opt_bool){ true, b };
	return 0;
}

/* ---- names ---- */

static int fail_name(struct reader *r, const struct name_table *t, struct jv v, const char *s)
{
	enum { SHORT = 9 };
	char known[ERR_MSG_MAX / 2];
	struct strbuf b = STRBUF(known);
	const char *near = table_near(t, s);

	if (near) {
		sb_printf(&b, "; did you mean \"%s\"?", near);
	} else if (t->n <= SHORT) {
		sb_add(&b, "; known are ");
		for (size_t i = 0; i < t->n; i++)
			sb_printf(&b, "%s%s", i ? ", " : "", t->rows[i].name);
	}
	return jv_fail(v, r->e, ERR_CFG_VALUE, "\"%.64s\" is no %s%s", s, t->what, known);
}

int field_read_name(struct reader *r, const struct name_table *t, struct jv v, uint64_t *ret)
{
	const struct name_value *row;
	const char *s;
	int x = jv_string(v, &s, r->e);

	if (x < 0)
		return x;
	row = table_find(t, s);
	if (!row)
		return fail_name(r, t, v, s);
	*ret = row->value;
	return 0;
}

static void store(void *m, size_t size, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;

	assert(size == sizeof(narrow) || size == sizeof(value));
	if (size == sizeof(narrow))
		memcpy(m, &narrow, sizeof(narrow));
	else
		memcpy(m, &value, sizeof(value));
}

static int read_enum(struct reader *r, const struct field *f, struct jv v, void *m)
{
	uint64_t value = 0;
	int x = field_read_name(r, f->names, v, &value);

	if (x == 0)
		store(m, f->size, value);
	return x;
}

static int read_flags(struct reader *r, const struct field *f, struct jv v, void *m)
{
	uint64_t all = 0, value = 0;
	int x = jv_array(v, r->e);

	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);) {
		x = field_read_name(r, f->names, it.value, &value);
		all |= value;
	}
	if (x == 0)
		store(m, f->size, all);
	return x;
}

/* ---- arrays and maps ---- */

int field_read_strv(struct reader *r, struct jv v, struct strv *ret)
{
	size_t n = jv_count(v);
	const char **p;
	int x = jv_array(v, r->e);

	if (x == 0)
		x = field_limit(r, v, n, STRINGS_MAX);
	if (x < 0)
		return x;
	p = arena_new_array(r->arena, n + 1, const char *);
	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);)
		x = jv_string(it.value, &p[it.index], r->e);
	if (x == 0)
		*ret = (struct strv){ (char **)p, n };
	return x;
}

static int read_strv(struct reader *r, const struct field *f, struct jv v, struct strv *ret)
{
	int x = field_read_strv(r, v, ret);

	if (x == 0 && (f->flags & NONEMPTY) && !ret->n)
		return jv_fail(v, r->e, ERR_CFG_VALUE, "needs at least one entry");
	if (x == 0 && (f->flags & ABSOLUTE))
		for (struct jv_iter it = jv_each(v); jv_next(&it);)
			if (*ret->v[it.index] != '/')
				return fail_absolute(r, it.value, ret->v[it.index]);
	return x;
}

static int fail_unnamed(struct reader *r, struct jv v)
{
	return jv_fail(v, r->e, ERR_CFG_VALUE, "must not hold an empty name");
}

/* Names must not be empty (config.md#annotations; a file or device needs one too), values are
 * strings. */
static int read_kvs(struct reader *r, struct jv v, struct spec_kvs *ret)
{
	size_t n = jv_count(v);
	struct spec_kv *kv;
	int x = jv_object(v, r->e);

	if (x == 0)
		x = field_limit(r, v, n, STRINGS_MAX);
	if (x < 0)
		return x;
	kv = arena_new_array(r->arena, n, struct spec_kv);
	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);) {
		kv[it.index].key = it.key;
		x = *it.key ? jv_string(it.value, &kv[it.index].value, r->e) : fail_unnamed(r, v);
	}
	if (x == 0)
		*ret = (struct spec_kvs){ kv, n };
	return x;
}

/* Array or map of objects. */
int field_read_list(struct reader *r, const struct field *f, struct jv v, void *object)
{
	size_t n = jv_count(v);
	char *list;
	int x = f->kind == F_MAP ? jv_object(v, r->e) : jv_array(v, r->e);

	if (x == 0)
		x = field_limit(r, v, n, f->type->most ? f->type->most : LIST_MAX);
	if (x < 0)
		return x;
	list = arena_array(r->arena, n, f->type->size);
	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);) {
		void *element = list + it.index * f->type->size;

		if (f->kind == F_MAP && !*it.key)
			return fail_unnamed(r, v);
		if (f->kind == F_MAP)
			memcpy(element, &it.key, sizeof(it.key));
		x = field_read(r, f->type, it.value, element);
	}
	if (x < 0)
		return x;
	memcpy((char *)object + f->offset, &list, sizeof(list));
	memcpy((char *)object + f->count_offset, &n, sizeof(n));
	return 0;
}

/* ---- objects ---- */

static int read_field(struct reader *r, const struct field *f, struct jv v, void *object)
{
	void *m = member_of(object, f);

	if (f->flags & DEPRECATED)
		field_note(r, NOTE_DEPRECATED, v, "is deprecated");
	switch (f->kind) {
	case F_STRING:
		return read_string(r, f, v, m);
	case F_BOOL:
	case F_OPT_BOOL:
		return read_bool(r, f, v, m);
	case F_U32:
	case F_I32:
	case F_U64:
	case F_I64:
	case F_OPT_U32:
	case F_OPT_I32:
	case F_OPT_U64:
	case F_OPT_I64:
		return read_number(r, f, v, m);
	case F_STRV:
		return read_strv(r, f, v, m);
	case F_KVS:
		return read_kvs(r, v, m);
	case F_ENUM:
		return read_enum(r, f, v, m);
	case F_FLAGS:
		return read_flags(r, f, v, m);
	case F_OBJECT:
		return field_read(r, f->type, v, m);
	case F_LIST:
	case F_MAP:
		return field_read_list(r, f, v, object);
	case F_CALL:
		return f->call(r, f, v, object);
	case F_PLATFORM:
		field_note(r, NOTE_PLATFORM, v, "belongs to another platform");
		return 0;
	}
	return 0;
}

int field_read(struct reader *r, const struct object_type *type, struct jv v, void *object)
{
	uint64_t seen = 0;
	int x = jv_object(v, r->e);

	assert(type->n <= 64);
	for (struct jv_iter it = jv_each(v); x == 0 && jv_next(&it);) {
		size_t i = 0;

		while (i < type->n && !streq(type->fields[i].name, it.key))
			i++;
		if (i == type->n) {
			field_note(r, NOTE_UNKNOWN, it.value, "is no property of the runtime-spec");
			continue;
		}
		/* Writers in Go, Rust and C print an absent property so (doc/decisions.md). */
		if (jv_type(it.value) == JV_NULL && type->fields[i].kind != F_PLATFORM)
			continue;
		seen |= (uint64_t)1 << i;
		x = read_field(r, &type->fields[i], it.value, object);
	}
	for (size_t i = 0; x == 0 && i < type->n; i++)
		if ((type->fields[i].flags & REQUIRED) && !(seen >> i & 1))
			x = jv_fail_missing(v, type->fields[i].name, r->e);
	if (x == 0 && type->set)
		*(bool *)object = true;
	if (x == 0 && type->check)
		x = type->check(r, v, object);
	return x;
}
