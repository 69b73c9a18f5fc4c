/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/systemd/unit: the calls of org.freedesktop.systemd1.Manager that hull uses, and what their
 * errors mean.
 */
#include "cgroup/systemd/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/log.h"
#include "base/str.h"
#include "cgroup/systemd/property.h"

#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define ERROR_EXISTS "org.freedesktop.systemd1.UnitExists"
#define ERROR_NO_UNIT "org.freedesktop.systemd1.NoSuchUnit"

enum { TRIED = 3 };
struct candidate {
	char path[sizeof(((struct cgroup *)NULL)->bus)];
	bool broker;
};

/*
 * The first unix: address of "unix:path=/run/user/1000/bus,guid=...;...". False when there is none
 * that fits.
 */
static bool parse_address(const char *s, char *ret, size_t size)
{
	struct strbuf b = { .buf = ret, .size = size };
	const char *p = str_skip(s, "unix:path=");
	const char *q = str_skip(s, "unix:abstract=");

	ret[0] = '\0';
	if (q)
		sb_char(&b, '@');
	p = p ? p : q;
	for (; p && *p && *p != ',' && *p != ';'; p++) {
		static const char hex[] = "0123456789abcdef";
		const char *hi, *lo;

		if (*p != '%') {
			sb_char(&b, *p);
			continue;
		}
		hi = p[1] ? strchr(hex, p[1] | 32) : NULL;
		lo = hi && p[2] ? strchr(hex, p[2] | 32) : NULL;
		if (!lo || (hi == hex && lo == hex))
			return false;
		sb_char(&b, (char)((hi - hex) * 16 + (lo - hex)));
		p += 2;
	}
	return p && b.len > (q ? 1u : 0u) && !b.cut;
}

static void add(struct candidate *v, size_t *n, bool broker, const char *dir, const char *name)
{
	if (*n < TRIED && str_format(v[*n].path, sizeof(v[0].path), "%s%s", dir, name) >= 0)
		v[(*n)++].broker = broker;
}

/*
 * systemd's own sockets come first: no broker in between, no signals but ours, and they work while
 * the bus is down.
 */
static size_t candidates(const struct cgroup *g, struct candidate *v)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR"),
		   *address = getenv(g->bus_user ? "DBUS_SESSION_BUS_ADDRESS"
						 : "DBUS_SYSTEM_BUS_ADDRESS");
	size_t n = 0;

	if (g->bus[0]) {
		add(v, &n, !str_ends(g->bus, "/systemd/private"), g->bus, "");
		return n;
	}
	if (g->bus_user) {
		if (runtime && runtime[0] == '/')
			add(v, &n, false, runtime, "/systemd/private");
		if (address && parse_address(address, v[n].path, sizeof(v[n].path)))
			v[n++].broker = true;
		else if (runtime && runtime[0] == '/')
			add(v, &n, true, runtime, "/bus");
		return n;
	}
	add(v, &n, false, "/run", "/systemd/private");
	if (address && parse_address(address, v[n].path, sizeof(v[n].path)))
		v[n++].broker = true;
	else
		add(v, &n, true, "/run", "/dbus/system_bus_socket");
	return n;
}

int unit_connect(struct cgroup *g, struct arena *a, uint64_t deadline, struct dbus *ret,
		 struct err *e)
{
	struct candidate v[TRIED];
	size_t n = candidates(g, v);
	char tried[400] = "";
	struct strbuf b = STRBUF(tried);
	int r = -ENOENT;

	for (size_t i = 0; i < n; i++) {
		r = dbus_open(ret, a, v[i].path, v[i].broker, deadline);
		if (r == 0) {
			memcpy(g->bus, v[i].path, sizeof(g->bus));
			return 0;
		}
		sb_printf(&b, "%s%s (%s)", b.len ? ", " : "", v[i].path, strerror(-r));
	}
	if (!n)
		sb_add(&b, "XDG_RUNTIME_DIR and DBUS_SESSION_BUS_ADDRESS are not set");
	return err_set(e, ERR_CGR_SYSTEMD, -r, "systemd is not reachable at %s", tried);
}

/* @what failed with @r; an error reply speaks for itself. */
static int failed(struct dbus_in *reply, int r, const char *what, const char *unit, struct err *e)
{
	const char *text = "";

	if (r != -EREMOTEIO)
		return err_sys(e, ERR_CGR_SYSTEMD, r, "%s %s", what, unit);
	if (reply->signature[0] == 's' && dbus_get_string(reply, &text) < 0)
		text = "";
	return err_set(e, ERR_CGR_SYSTEMD, 0, "%s %s: systemd says: %s (%s)", what, unit, text,
		       reply->error);
}

int unit_manager_root(struct dbus *b, uint64_t deadline, char *ret, size_t size, struct err *e)
{
	struct dbus_out body = { .a = b->a };
	struct dbus_in reply;
	const char *signature, *text;
	int r;

	dbus_put_string(&body, MANAGER);
	dbus_put_string(&body, "ControlGroup");
	r = dbus_call(b, OBJECT, "org.freedesktop.DBus.Properties", "Get", "ss", &body, deadline,
		      &reply);
	if (r < 0)
		return failed(&reply, r, "get ControlGroup of", "the manager", e);
	if (dbus_get_signature(&reply, &signature) < 0 || !streq(signature, "s") ||
	    dbus_get_string(&reply, &text) < 0)
		return err_set(e, ERR_CGR_SYSTEMD, EBADMSG,
			       "get ControlGroup of the manager: no string");
	/* the system's manager lives in /init.scope and reports the root */
	if (str_ends(text, "/init.scope"))
		r = str_format(ret, size, "%.*s", (int)(strlen(text) - strlen("/init.scope")),
			       text);
	else
		r = str_format(ret, size, "%s", streq(text, "/") ? "" : text);
	if (r < 0 || (ret[0] && (cgroup_path_check(ret, e) < 0)))
		return err_set(e, ERR_CGR_SYSTEMD, EBADMSG,
			       "the manager's group \"%.100s\" is no cgroup path", text);
	return 0;
}

/* Our own value of a property, unless an annotation has one. */
static bool is_ours(const struct plan_cgroup *p, const char *name)
{
	for (size_t i = 0; i < p->n_properties; i++)
		if (streq(p->properties[i].name, name))
			return false;
	return true;
}

static void put_scope(struct dbus_out *o, const struct cgroup *g, const struct plan_cgroup *p,
		      uint32_t pid)
{
	if (p->slice)
		property_put_string(o, "Slice", p->slice);
	property_put_pids(o, "PIDs", &pid, 1);
	/*
	 * What lies below the unit's group is ours alone. On v1 that would be too much: systemd
	 * would manage every controller's directory beside us.
	 */
	property_put_bool(o, "Delegate", g->layout == HOST_CGROUP_V2);
	/*
	 * a unit that failed (an OOM kill) does not stay in the way of the next one. Since 236.
	 */
	if (is_ours(p, "CollectMode"))
		property_put_string(o, "CollectMode", "inactive-or-failed");
}

static void put_properties(struct dbus_out *o, const struct cgroup *g, const struct plan_cgroup *p,
			   int helper, bool limits)
{
	size_t mark = dbus_array_begin(o, 8);

	if (is_ours(p, "Description"))
		property_put_string(o, "Description", "container started by hull");
	if (helper > 0)
		put_scope(o, g, p, (uint32_t)helper);
	if (is_ours(p, "DefaultDependencies"))
		property_put_bool(o, "DefaultDependencies", false);
	if (g->layout == HOST_CGROUP_V2) {
		property_put_bool(o, "CPUAccounting", true);
		property_put_bool(o, "MemoryAccounting", true);
		property_put_bool(o, "IOAccounting", true);
		property_put_bool(o, "TasksAccounting", true);
		/* without a value of ours systemd sets its own default (DefaultTasksMax) */
		if (is_ours(p, "TasksMax"))
			property_put_u64(o, "TasksMax", UINT64_MAX);
	}
	/* before the limits of the config: of two values systemd takes the last one */
	for (size_t i = 0; i < p->n_properties; i++)
		property_put_unit(o, &p->properties[i]);
	if (g->layout == HOST_CGROUP_V2 && limits)
		property_put_limits(o, p);
	dbus_array_end(o, mark, 8);
}

static int start_once(const struct cgroup *g, const struct plan_cgroup *p, struct dbus *b,
		      int helper, bool limits, uint64_t deadline, struct dbus_in *ret)
{
	struct dbus_out body = { .a = b->a };

	b->watch_unit = g->unit;
	dbus_put_string(&body, g->unit);
	dbus_put_string(&body, "fail");
	put_properties(&body, g, p, helper, limits);
	dbus_array_end(&body, dbus_array_begin(&body, 8), 8); /* no auxiliary units */
	return dbus_call(b, OBJECT, MANAGER, "StartTransientUnit", "ssa(sv)a(sa(sv))", &body,
			 deadline, ret);
}

static int call_with_name(struct dbus *b, const char *member, const char *unit, const char *mode,
			  uint64_t deadline, struct dbus_in *ret)
{
	struct dbus_out body = { .a = b->a };

	dbus_put_string(&body, unit);
	if (mode)
		dbus_put_string(&body, mode);
	return dbus_call(b, OBJECT, MANAGER, member, mode ? "ss" : "s", &body, deadline, ret);
}

/*
 * A unit of that name is in the way (faults E6): one whose group is empty failed or is about to go.
 */
static int clear_leftover(const struct cgroup *g, struct dbus *b, uint64_t deadline,
			  bool (*busy)(const struct cgroup *g), struct err *e)
{
	struct dbus_in reply;

	if (busy(g))
		return err_set(e, ERR_CGR_SYSTEMD, EEXIST, "the unit %s exists and has processes",
			       g->unit);
	(void)call_with_name(b, "ResetFailedUnit", g->unit, NULL, deadline, &reply);
	(void)call_with_name(b, "StopUnit", g->unit, "replace", deadline, &reply);
	/* it goes when systemd has seen that it is empty */
	(void)io_wait(-1, 0, MIN(io_now() + 20000000, deadline));
	return 0;
}

int unit_start(const struct cgroup *g, const struct plan_cgroup *p, struct dbus *b, int helper,
	       uint64_t deadline, bool (*busy)(const struct cgroup *g), struct err *e)
{
	struct dbus_in reply;
	const char *job, *result;
	bool limits = true;
	char path[96];
	int r;

	while ((r = start_once(g, p, b, helper, limits, deadline, &reply)) == -EREMOTEIO) {
		if (streq(reply.error, ERROR_EXISTS) && io_now() < deadline) {
			r = clear_leftover(g, b, deadline, busy, e);
			if (r < 0)
				return r;
		} else if (limits && p->n_writes) {
			/*
			 * An older systemd may not know one of the properties. The files below the
			 * unit limit in any case.
			 */
			limits = false;
			log_debug("systemd refused the limits of %s as properties: %s", g->unit,
				  reply.error);
		} else {
			break;
		}
	}
	if (r < 0)
		return failed(&reply, r, "start the unit", g->unit, e);
	if (!streq(reply.signature, "o") || dbus_get_string(&reply, &job) < 0 ||
	    str_format(path, sizeof(path), "%s", job) < 0)
		return err_set(e, ERR_CGR_SYSTEMD, EBADMSG,
			       "start the unit %s: no job in the answer", g->unit);
	r = dbus_wait_job(b, path, deadline, &result);
	if (r < 0)
		return err_sys(e, ERR_CGR_SYSTEMD, r, "wait for the start of the unit %s", g->unit);
	if (!streq(result, "done"))
		return err_set(e, ERR_CGR_SYSTEMD, 0,
			       "the start of the unit %s ended with \"%s\"; see journalctl -u %s",
			       g->unit, result, g->unit);
	return 0;
}

int unit_stop(const struct cgroup *g, struct dbus *b, uint64_t deadline, struct err *e)
{
	struct dbus_in reply;
	const char *job, *result;
	char path[96];
	int r;

	b->watch_unit = g->unit;
	r = call_with_name(b, "StopUnit", g->unit, "replace", deadline, &reply);
	if (r == -EREMOTEIO && streq(reply.error, ERROR_NO_UNIT))
		return 0;
	if (r < 0)
		return failed(&reply, r, "stop the unit", g->unit, e);
	if (!streq(reply.signature, "o") || dbus_get_string(&reply, &job) < 0 ||
	    str_format(path, sizeof(path), "%s", job) < 0)
		return err_set(e, ERR_CGR_SYSTEMD, EBADMSG,
			       "stop the unit %s: no job in the answer", g->unit);
	r = dbus_wait_job(b, path, deadline, &result);
	return r < 0 ? err_sys(e, ERR_CGR_SYSTEMD, r, "wait for the end of the unit %s", g->unit)
		     : 0;
}

int unit_set_limits(const struct cgroup *g, const struct plan_cgroup *p, struct dbus *b,
		    uint64_t deadline, struct err *e)
{
	struct dbus_out body = { .a = b->a };
	struct dbus_in reply;
	size_t mark, n;
	int r;

	dbus_put_string(&body, g->unit);
	dbus_put_u32(&body, true); /* until the unit ends, not on disk */
	mark = dbus_array_begin(&body, 8);
	n = property_put_limits(&body, p);
	dbus_array_end(&body, mark, 8);
	if (!n)
		return 0;
	r = dbus_call(b, OBJECT, MANAGER, "SetUnitProperties", "sba(sv)", &body, deadline, &reply);
	return r < 0 ? failed(&reply, r, "set limits of the unit", g->unit, e) : 0;
}

int unit_attach(const struct cgroup *g, struct dbus *b, const char *below, int pid,
		uint64_t deadline, struct err *e)
{
	struct dbus_out body = { .a = b->a };
	struct dbus_in reply;
	size_t mark;
	int r;

	dbus_put_string(&body, g->unit);
	dbus_put_string(&body, below);
	mark = dbus_array_begin(&body, 4);
	dbus_put_u32(&body, (uint32_t)pid);
	dbus_array_end(&body, mark, 4);
	r = dbus_call(b, OBJECT, MANAGER, "AttachProcessesToUnit", "ssau", &body, deadline, &reply);
	return r < 0 ? failed(&reply, r, "attach a process to the unit", g->unit, e) : 0;
}
