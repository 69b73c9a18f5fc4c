/* SPDX-License-Identifier: Apache-2.0 */
/* The D-Bus client: bytes on the wire, limits as properties, and peers that misbehave. */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macro.h"
#include "base/str.h"
#include "cgroup/systemd/dbus.h"
#include "cgroup/systemd/property.h"

#define MS 1000000ull

/* A message as a peer of the same byte order would send it. */
static struct dbus_out message(struct arena *a, uint8_t type, uint32_t reply_to, const char *member,
			       const char *signature, const struct dbus_out *body)
{
	struct dbus_out o = { .a = a };
	const uint16_t one = 1;
	size_t mark;

	dbus_put_u8(&o, *(const uint8_t *)&one ? 'l' : 'B');
	dbus_put_u8(&o, type);
	dbus_put_u8(&o, 0);
	dbus_put_u8(&o, 1);
	dbus_put_u32(&o, body ? (uint32_t)body->n : 0);
	dbus_put_u32(&o, 77);
	mark = dbus_array_begin(&o, 8);
	if (reply_to) {
		dbus_align(&o, 8);
		dbus_put_u8(&o, 5);
		dbus_put_signature(&o, "u");
		dbus_put_u32(&o, reply_to);
	}
	if (member) {
		dbus_align(&o, 8);
		dbus_put_u8(&o, 2);
		dbus_put_signature(&o, "s");
		dbus_put_string(&o, "org.freedesktop.systemd1.Manager");
		dbus_align(&o, 8);
		dbus_put_u8(&o, type == DBUS_ERROR ? 4 : 3);
		dbus_put_signature(&o, "s");
		dbus_put_string(&o, member);
	}
	if (signature) {
		dbus_align(&o, 8);
		dbus_put_u8(&o, 8);
		dbus_put_signature(&o, "g");
		dbus_put_signature(&o, signature);
	}
	dbus_array_end(&o, mark, 8);
	dbus_align(&o, 8);
	for (size_t i = 0; body && i < body->n; i++)
		dbus_put_u8(&o, body->v[i]);
	return o;
}

TEST(a_call_is_what_the_specification_says)
{
	/* from the specification's rules, by hand: header, path, member, signature, body "x" */
	static const uint8_t want[] = {
		'l', 1, 0, 1, 6,   0,	0,   0, 9, 0,	0,   0, 0x2f, 0, 0,   0, 1,   1, 'o', 0,
		2,   0, 0, 0, '/', 'a', 0,   0, 0, 0,	0,   0, 2,    1, 's', 0, 1,   0, 0,   0,
		'i', 0, 0, 0, 0,   0,	0,   0, 3, 1,	's', 0, 1,    0, 0,   0, 'm', 0, 0,   0,
		0,   0, 0, 0, 8,   1,	'g', 0, 1, 's', 0,   0, 1,    0, 0,   0, 'x', 0,
	};
	struct dbus_out body = { 0 }, o;
	struct dbus_in m;
	const char *text;
	struct arena a;

	arena_init(&a);
	body.a = &a;
	dbus_put_string(&body, "x");
	CHECK_INT(dbus_build_call(&a, 9, NULL, "/a", "i", "m", "s", &body, &o), 0);
	if (o.v[0] == 'l') {
		uint8_t fixed[sizeof(want)];

		memcpy(fixed, want, sizeof(want));
		fixed[12] = 16 + 16 + 16 + 7;
		CHECK_INT(o.n, sizeof(want));
		CHECK_INT(memcmp(o.v, fixed, sizeof(want)), 0);
	}
	CHECK_INT(dbus_size(o.v), o.n);
	CHECK_INT(dbus_parse(o.v, o.n, &m), 0);
	CHECK_STR(m.path, "/a");
	CHECK_STR(m.member, "m");
	CHECK_STR(m.signature, "s");
	CHECK_INT(dbus_get_string(&m, &text), 0);
	CHECK_STR(text, "x");
	CHECK_INT(dbus_get_string(&m, &text), -EBADMSG);
	arena_free(&a);
}

TEST(damaged_messages_are_refused_or_harmless)
{
	struct dbus_out body = { 0 }, o;
	const char *text;
	struct arena a;

	arena_init(&a);
	body.a = &a;
	dbus_put_u32(&body, 5);
	dbus_put_string(&body, "/org/job/5");
	dbus_put_string(&body, "x.scope");
	dbus_put_string(&body, "done");
	o = message(&a, DBUS_SIGNAL, 3, "JobRemoved", "uoss", &body);
	for (size_t n = 0; n < o.n; n++) {
		uint8_t *cut = malloc(n ? n : 1); /* the sanitizer watches its end */
		struct dbus_in m;

		memcpy(cut, o.v, n);
		CHECK_INT(dbus_parse(cut, n, &m), -EBADMSG);
		free(cut);
	}
	for (size_t i = 0; i < o.n; i++)
		for (int bit = 0; bit < 8; bit++) {
			uint8_t *bad = malloc(o.n);
			struct dbus_in m;
			uint32_t v;

			memcpy(bad, o.v, o.n);
			bad[i] ^= (uint8_t)(1 << bit);
			if (dbus_parse(bad, o.n, &m) == 0 && dbus_get_u32(&m, &v) == 0)
				while (dbus_get_string(&m, &text) == 0)
					CHECK(strlen(text) < o.n);
			free(bad);
		}
	arena_free(&a);
}

TEST(cpu_lists_become_masks)
{
	uint8_t mask[8];

	CHECK_INT(property_cpu_mask("0", mask, 8), 1);
	CHECK_INT(mask[0], 1);
	CHECK_INT(property_cpu_mask("0-3,7,9", mask, 8), 2);
	CHECK_INT(mask[0], 0x8f);
	CHECK_INT(mask[1], 2);
	CHECK_INT(property_cpu_mask("63", mask, 8), 8);
	CHECK_INT(property_cpu_mask("64", mask, 8), 0);
	static const char *const bad[] = { "",	   "a",	   "3-1",
					   "1,",   "1-",   "-1",
					   "1--2", "1 ,2", "99999999999999999999" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_INT(property_cpu_mask(bad[i], mask, 8), 0);
}

/* Names and, for u64, values of an a(sv) body, as text. */
static void list(struct dbus_out *o, char *buf, size_t size)
{
	struct strbuf b = { .buf = buf, .size = size };
	struct dbus_in m = { .v = o->v, .n = o->n };
	const char *name, *signature;
	uint32_t v[2];

	buf[0] = '\0';
	while (m.at < m.n) {
		m.at = (m.at + 7) & ~7ul;
		if (dbus_get_string(&m, &name) < 0 || dbus_get_signature(&m, &signature) < 0)
			return;
		sb_printf(&b, "%s%s", b.len ? " " : "", name);
		if (streq(signature, "t")) {
			m.at = (m.at + 7) & ~7ul;
			(void)dbus_get_u32(&m, &v[0]);
			(void)dbus_get_u32(&m, &v[1]);
			sb_printf(&b, "=%lld", (long long)((uint64_t)v[1] << 32 | v[0]));
		} else if (streq(signature, "ay")) {
			(void)dbus_get_u32(&m, &v[0]);
			sb_printf(&b, "=%u:%02x", v[0], m.v[m.at]);
			m.at += v[0];
		}
	}
}

TEST(limits_become_properties)
{
	static const struct {
		const char *file, *value, *want;
	} rows[] = {
		{ "memory.max", "4096", "MemoryMax=4096" },
		{ "memory.max", "max", "MemoryMax=-1" },
		{ "memory.swap.max", "0", "MemorySwapMax=0" },
		{ "pids.max", "20", "TasksMax=20" },
		{ "cpu.weight", "59", "CPUWeight=59" },
		{ "cpu.max", "50000 100000",
		  "CPUQuotaPerSecUSec=500000 CPUQuotaPeriodUSec=100000" },
		{ "cpu.max", "1 3000", "CPUQuotaPerSecUSec=334 CPUQuotaPeriodUSec=3000" },
		{ "cpu.max", "max 50000", "CPUQuotaPerSecUSec=-1 CPUQuotaPeriodUSec=50000" },
		{ "cpu.max", "25000", "CPUQuotaPerSecUSec=250000 CPUQuotaPeriodUSec=100000" },
		{ "cpuset.cpus", "0-3", "AllowedCPUs=1:0f" },
		{ "cpuset.cpus", "", "" },
		{ "io.weight", "default 100", "IOWeight=100" },
		{ "io.weight", "8:0 100", "" },
		{ "io.max", "8:0 rbps=1", "" },
		{ "cgroup.max.depth", "1", "" },
		{ "cpu.max", "1 0", "" },
		{ "pids.max", "x", "" },
	};
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct plan_cgroup_write w = { .file = rows[i].file, .value = rows[i].value };
		struct plan_cgroup p = { .writes = &w, .n_writes = 1 };
		struct dbus_out o = { .a = &a };
		char text[256];

		CHECK_INT(property_put_limits(&o, &p), rows[i].want[0] != '\0');
		list(&o, text, sizeof(text));
		CHECK_STR(text, rows[i].want);
	}
	arena_free(&a);
}

/* The bytes of one property, as text: name, signature, then each byte of the value in hexadecimal. */
static void show(const struct plan_unit_property *p, struct arena *a, char *buf, size_t size)
{
	struct strbuf b = { .buf = buf, .size = size };
	struct dbus_out o = { .a = a };
	struct dbus_in m;
	const char *name, *signature;

	property_put_unit(&o, p);
	m = (struct dbus_in){ .v = o.v, .n = o.n };
	buf[0] = '\0';
	if (dbus_get_string(&m, &name) < 0 || dbus_get_signature(&m, &signature) < 0)
		return;
	sb_printf(&b, "%s %s", name, signature);
	for (; m.at < m.n; m.at++)
		sb_printf(&b, " %02x", m.v[m.at]);
}

TEST(properties_of_annotations_have_their_types)
{
	static const char *const two[] = { "a", "bc" };
	static const struct {
		struct plan_unit_property p;
		const char *want;
	} rows[] = {
		{ { "S", PLAN_PROPERTY_STRING, .text = "xy" },
		  "S s 00 00 00 02 00 00 00 78 79 00" },
		{ { "B", PLAN_PROPERTY_BOOL, .number = 1 }, "B b 00 00 00 01 00 00 00" },
		/* the value of eight bytes stands on a boundary of eight: 6 + 3 = 9, then 7 of padding */
		{ { "U", PLAN_PROPERTY_U64, .number = 258 },
		  "U t 00 00 00 00 00 00 00 02 01 00 00 00 00 00 00" },
		{ { "I", PLAN_PROPERTY_I32, .number = 15 }, "I i 00 00 00 0f 00 00 00" },
		{ { "W", PLAN_PROPERTY_U32, .number = UINT32_MAX }, "W u 00 00 00 ff ff ff ff" },
		{ { "A", PLAN_PROPERTY_STRINGS, .v = two, .n = 2 },
		  "A as 00 00 0f 00 00 00 01 00 00 00 61 00 00 00 02 00 00 00 62 63 00" },
		{ { "A", PLAN_PROPERTY_STRINGS }, "A as 00 00 00 00 00 00" },
	};
	const uint16_t one = 1;
	struct arena a;

	if (!*(const uint8_t *)&one)
		return; /* the rows are those of a little-endian machine */
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[256];

		show(&rows[i].p, &a, text, sizeof(text));
		CHECK_STR(text, rows[i].want);
	}
	arena_free(&a);
}

/* ---- peers ---- */

enum peer {
	CLOSES,
	SILENT,
	GARBAGE,
	LONG_LINE,
	NO_BUS_LATER,
	HUGE_MESSAGE,
	FLOOD,
	INSISTS_ON_UID,
	SAYS_NO,
	WORKS,
	BAD_FIELDS
};

static void say(int fd, const char *s)
{
	if (write(fd, s, strlen(s)) < 0)
		_exit(1);
}

static void serve(int fd, enum peer kind, bool second)
{
	char in[2048];
	struct arena a;
	struct dbus_out body = { 0 }, o;

	arena_init(&a);
	body.a = &a;
	if (kind == CLOSES)
		_exit(0);
	if (kind == SILENT)
		pause();
	if (read(fd, in, sizeof(in)) <= 0)
		_exit(0);
	if (kind == GARBAGE) {
		say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
		return;
	}
	if (kind == LONG_LINE) {
		for (int i = 0; i < 1000; i++)
			say(fd, "DATA is coming for ever and ever and ever");
		return;
	}
	if (kind == INSISTS_ON_UID && !second) {
		say(fd, "REJECTED EXTERNAL\r\n");
		return;
	}
	say(fd, kind == INSISTS_ON_UID ? "OK 1234\r\n" : "DATA\r\nOK 1234\r\n");
	if (kind == NO_BUS_LATER)
		return;
	if (read(fd, in, sizeof(in)) <= 0)
		_exit(0);
	if (kind == HUGE_MESSAGE) {
		o = message(&a, DBUS_SIGNAL, 0, "JobRemoved", NULL, NULL);
		o.v[6] = 0x7f;
	} else if (kind == BAD_FIELDS) {
		o = message(&a, DBUS_RETURN, 1, NULL, NULL, NULL);
		o.v[17] = 0xff; /* the length of a signature */
	} else if (kind == SAYS_NO) {
		dbus_put_string(&body, "Unit x.scope already exists.");
		o = message(&a, DBUS_ERROR, 1, "org.freedesktop.systemd1.UnitExists", "s", &body);
	} else {
		dbus_put_u32(&body, 5);
		dbus_put_string(&body, "/job/5");
		dbus_put_string(&body, "x.scope");
		dbus_put_string(&body, "done");
		o = message(&a, DBUS_SIGNAL, 0, "JobRemoved", "uoss", &body);
		do {
			if (send(fd, o.v, o.n, MSG_NOSIGNAL) < 0)
				_exit(0);
		} while (kind == FLOOD);
		body.n = 0;
		dbus_put_string(&body, "/job/5");
		o = message(&a, DBUS_RETURN, 1, NULL, "o", &body);
	}
	(void)!write(fd, o.v, o.n);
	while (read(fd, in, sizeof(in)) > 0)
		;
}

/* A peer of that kind for the time of @run. */
static int with_peer(enum peer kind, int (*run)(const char *path, struct arena *a))
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct arena a;
	pid_t pid;
	int fd, r;

	/* abstract: nothing is left behind */
	str_format(un.sun_path + 1, sizeof(un.sun_path) - 1, "hull-test-dbus-%d-%d", getpid(),
		   kind);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (struct sockaddr *)&un,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			     strlen(un.sun_path + 1))) < 0 ||
	    listen(fd, 4) < 0)
		return -errno;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (bool second = false;; second = true) {
			int c = accept(fd, NULL, NULL);

			serve(c, kind, second);
			close(c);
		}
	}
	close(fd);
	un.sun_path[0] = '@';
	arena_init(&a);
	r = run(un.sun_path, &a);
	arena_free(&a);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r;
}

static int start_unit(const char *path, struct arena *a)
{
	struct dbus b = { .fd = -1 };
	struct dbus_in reply;
	const char *text, *result;
	uint64_t deadline = io_now() + 300 * MS;
	int r = dbus_open(&b, a, path, false, deadline);

	if (r == 0) {
		b.watch_unit = "x.scope";
		r = dbus_call(&b, "/o", "i", "Start", NULL, NULL, deadline, &reply);
	}
	if (r == -EREMOTEIO &&
	    (!streq(reply.error, "org.freedesktop.systemd1.UnitExists") ||
	     dbus_get_string(&reply, &text) < 0 || !streq(text, "Unit x.scope already exists.")))
		r = -ENOMSG;
	if (r == 0) {
		r = dbus_get_string(&reply, &text);
		if (r == 0)
			r = dbus_wait_job(&b, streq(text, "/job/5") ? "/job/5" : "/none", deadline,
					  &result);
		if (r == 0 && !streq(result, "done"))
			r = -ENOMSG;
	}
	dbus_close(&b);
	if (a->total > 256 << 10)
		return -E2BIG;
	return r;
}

TEST(peers)
{
	static const struct {
		enum peer kind;
		int want;
	} rows[] = {
		{ WORKS, 0 },
		{ INSISTS_ON_UID, 0 },
		{ SAYS_NO, -EREMOTEIO },
		{ SILENT, -ETIMEDOUT },
		{ GARBAGE, -EACCES },
		{ LONG_LINE, -EBADMSG },
		{ HUGE_MESSAGE, -EBADMSG },
		{ BAD_FIELDS, -EBADMSG },
		{ FLOOD, -ETIMEDOUT },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int r = with_peer(rows[i].kind, start_unit);

		if (r != rows[i].want)
			printf("# peer %d\n", rows[i].kind);
		CHECK_INT(r, rows[i].want);
	}
	int r = with_peer(CLOSES, start_unit);
	CHECK(r == -EPIPE || r == -ECONNRESET || r == -ECONNREFUSED);
	r = with_peer(NO_BUS_LATER, start_unit);
	CHECK(r == -EPIPE || r == -ECONNRESET);
}

TEST(nobody_is_there)
{
	struct dbus b = { .fd = -1 };
	struct arena a;

	arena_init(&a);
	CHECK_INT(dbus_open(&b, &a, "/nonexistent/bus", true, io_now() + 100 * MS), -ENOENT);
	CHECK_INT(dbus_open(&b, &a, "@hull-test-nobody", true, io_now() + 100 * MS), -ECONNREFUSED);
	arena_free(&a);
}

UNIT_MAIN
