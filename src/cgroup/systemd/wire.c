/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/systemd/wire: D-Bus messages as bytes. Hides alignment, header fields and bounds. Pure:
 * the target of the fuzzer.
 */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "cgroup/systemd/dbus.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE 'l'
#else
#define NATIVE 'B'
#endif

enum {
	FIELD_PATH = 1,
	FIELD_INTERFACE,
	FIELD_MEMBER,
	FIELD_ERROR,
	FIELD_REPLY_SERIAL,
	FIELD_DESTINATION,
	FIELD_SENDER,
	FIELD_SIGNATURE
};
enum { HEAD = 16, PROTOCOL = 1 };

/* ---- building ---- */

static void put(struct dbus_out *o, const void *p, size_t n)
{
	if (o->too_long || n > DBUS_MESSAGE_MAX || o->n + n > DBUS_MESSAGE_MAX) {
		o->too_long = true;
		return;
	}
	if (o->n + n > o->cap) {
		size_t cap = MAX(o->cap * 2, o->n + n + 256);
		uint8_t *v = arena_alloc(o->a, cap);

		if (o->n)
			memcpy(v, o->v, o->n);
		o->v = v;
		o->cap = cap;
	}
	if (n)
		memcpy(o->v + o->n, p, n);
	o->n += n;
}

void dbus_align(struct dbus_out *o, size_t to)
{
	static const uint8_t zero[8];

	put(o, zero, (to - o->n % to) % to);
}

void dbus_put_u8(struct dbus_out *o, uint8_t v)
{
	put(o, &v, 1);
}

void dbus_put_u32(struct dbus_out *o, uint32_t v)
{
	dbus_align(o, 4);
	put(o, &v, 4);
}

void dbus_put_u64(struct dbus_out *o, uint64_t v)
{
	dbus_align(o, 8);
	put(o, &v, 8);
}

void dbus_put_string(struct dbus_out *o, const char *s)
{
	dbus_put_u32(o, (uint32_t)strlen(s));
	put(o, s, strlen(s) + 1);
}

void dbus_put_signature(struct dbus_out *o, const char *s)
{
	dbus_put_u8(o, (uint8_t)strlen(s));
	put(o, s, strlen(s) + 1);
}

size_t dbus_array_begin(struct dbus_out *o, size_t align)
{
	size_t mark;

	dbus_put_u32(o, 0);
	mark = o->n;
	dbus_align(o, align);
	return mark;
}

/* The length does not count the padding before the first element. */
void dbus_array_end(struct dbus_out *o, size_t mark, size_t align)
{
	size_t first = mark + (align - mark % align) % align;
	uint32_t n;

	if (o->too_long)
		return;
	n = (uint32_t)(o->n - first);
	memcpy(o->v + mark - 4, &n, 4);
}

static void put_field(struct dbus_out *o, uint8_t code, const char *signature, const char *value)
{
	if (!value)
		return;
	dbus_align(o, 8);
	dbus_put_u8(o, code);
	dbus_put_signature(o, signature);
	if (signature[0] == 'g')
		dbus_put_signature(o, value);
	else
		dbus_put_string(o, value);
}

int dbus_build_call(struct arena *a, uint32_t serial, const char *destination, const char *path,
		    const char *interface, const char *member, const char *signature,
		    const struct dbus_out *body, struct dbus_out *ret)
{
	struct dbus_out o = { .a = a };
	size_t mark;

	dbus_put_u8(&o, NATIVE);
	dbus_put_u8(&o, DBUS_CALL);
	dbus_put_u8(&o, 0);
	dbus_put_u8(&o, PROTOCOL);
	dbus_put_u32(&o, body ? (uint32_t)body->n : 0);
	dbus_put_u32(&o, serial);
	mark = dbus_array_begin(&o, 8);
	put_field(&o, FIELD_PATH, "o", path);
	put_field(&o, FIELD_INTERFACE, "s", interface);
	put_field(&o, FIELD_MEMBER, "s", member);
	put_field(&o, FIELD_DESTINATION, "s", destination);
	put_field(&o, FIELD_SIGNATURE, "g", body ? signature : NULL);
	dbus_array_end(&o, mark, 8);
	dbus_align(&o, 8);
	if (body)
		put(&o, body->v, body->n);
	if (o.too_long || (body && body->too_long))
		return -E2BIG;
	*ret = o;
	return 0;
}

/* ---- reading ---- */

static uint32_t u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static size_t round8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

size_t dbus_size(const uint8_t head[static 16])
{
	size_t body = u32(head + 4), fields = u32(head + 12);

	/* A peer of another byte order would have to be another machine. */
	if (head[0] != NATIVE || head[3] != PROTOCOL || head[1] < DBUS_CALL)
		return 0;
	if (body > DBUS_MESSAGE_MAX || fields > DBUS_MESSAGE_MAX)
		return 0;
	return HEAD + round8(fields) + body;
}

/* Position of an aligned value of @n bytes, or -EBADMSG. */
static int take(struct dbus_in *m, size_t align, size_t n, const uint8_t **ret)
{
	size_t at = m->at + (align - m->at % align) % align;

	if (at > m->n || n > m->n - at)
		return -EBADMSG;
	*ret = m->v + at;
	m->at = at + n;
	return 0;
}

int dbus_get_u32(struct dbus_in *m, uint32_t *ret)
{
	const uint8_t *p;
	int r = take(m, 4, 4, &p);

	if (r == 0)
		*ret = u32(p);
	return r;
}

/* @n bytes of text and a NUL, with none inside. */
static int get_text(struct dbus_in *m, size_t n, const char **ret)
{
	const uint8_t *p;

	if (n >= SIZE_MAX || take(m, 1, n + 1, &p) < 0 || p[n] || memchr(p, 0, n))
		return -EBADMSG;
	*ret = (const char *)p;
	return 0;
}

int dbus_get_string(struct dbus_in *m, const char **ret)
{
	uint32_t n;
	int r = dbus_get_u32(m, &n);

	return r < 0 ? r : get_text(m, n, ret);
}

int dbus_get_signature(struct dbus_in *m, const char **ret)
{
	const uint8_t *p;
	int r = take(m, 1, 1, &p);

	return r < 0 ? r : get_text(m, *p, ret);
}

/*
 * One header field: a struct of code and variant. The specification fixes the types of the known
 * ones.
 */
static int get_field(struct dbus_in *f, struct dbus_in *ret)
{
	const char *signature, *text = NULL, **slot = NULL;
	const uint8_t *code;
	uint32_t number = 0;
	int r = take(f, 8, 1, &code);

	if (r == 0)
		r = dbus_get_signature(f, &signature);
	if (r < 0)
		return r;
	if (streq(signature, "s") || streq(signature, "o"))
		r = dbus_get_string(f, &text);
	else if (streq(signature, "g"))
		r = dbus_get_signature(f, &text);
	else if (streq(signature, "u"))
		r = dbus_get_u32(f, &number);
	else
		/* a field of a later protocol: hull cannot skip what it does not know */
		return -EBADMSG;
	if (r < 0)
		return r;
	switch (*code) {
	case FIELD_PATH:
		slot = &ret->path;
		break;
	case FIELD_INTERFACE:
		slot = &ret->interface;
		break;
	case FIELD_MEMBER:
		slot = &ret->member;
		break;
	case FIELD_ERROR:
		slot = &ret->error;
		break;
	case FIELD_SIGNATURE:
		slot = &ret->signature;
		break;
	case FIELD_REPLY_SERIAL:
		if (text)
			return -EBADMSG;
		ret->reply_serial = number;
		return 0;
	default:
		return 0;
	}
	if (!text)
		return -EBADMSG;
	*slot = text;
	return 0;
}

int dbus_parse(const uint8_t *v, size_t n, struct dbus_in *ret)
{
	struct dbus_in m = { .path = "",
			     .interface = "",
			     .member = "",
			     .error = "",
			     .signature = "" },
		       fields;
	size_t size, end;

	if (n < HEAD)
		return -EBADMSG;
	size = dbus_size(v);
	if (!size || size != n)
		return -EBADMSG;
	m.type = v[1];
	m.serial = u32(v + 8);
	end = HEAD + u32(v + 12);
	/* alignment counts from the begin of the message, so the fields are read from there */
	fields = (struct dbus_in){ .v = v, .n = end, .at = HEAD };
	while (fields.at < end)
		if (get_field(&fields, &m) < 0)
			return -EBADMSG;
	m.v = v + round8(end);
	m.n = n - round8(end);
	*ret = m;
	return 0;
}
