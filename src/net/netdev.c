/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/netdev: devices of the host into the container (config-linux.md#network-devices). Everything
 * is checked before the first device moves; a failure after that puts back what moved.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "net/internal.h"
#include "net/link.h"
#include "net/net.h"
#include "sys/call.h"

struct device {
	const char *host_name, *name; /* name NULL: keep */
	struct net_link link;	      /* as found on the host */
	struct net_address *addresses;
	size_t n_addresses;
	int inside; /* index in the container, 0: not moved */
};

struct net_move {
	struct arena arena;
	struct netlink host, inside; /* a socket in each namespace */
	int host_ns, inside_ns;
	struct device *devices;
	size_t n;
};

/* Place of the error: JSON pointer of the entry; '~' and '/' of the key escaped (RFC 6901). */
static int at_device(struct err *e, int r, const struct device *d, const char *property)
{
	char text[ERR_AT_MAX];
	struct strbuf b = STRBUF(text);

	if (r >= 0)
		return r;
	for (const char *c = d->host_name; *c; c++) {
		if (*c == '~' || *c == '/')
			sb_add(&b, *c == '~' ? "~0" : "~1");
		else
			sb_char(&b, *c);
	}
	return err_at(e, r, "/linux/netDevices/%s%s", text, property);
}

/* The kernel's errno and, where it gave them, its words. */
static int fail(const struct netlink *n, int r, struct err *e, const char *what, const char *name)
{
	return err_sys(e, ERR_NET_DEVICE, r, "%s %s%s%s%s", what, name, n->why[0] ? " (" : "",
		       n->why, n->why[0] ? ")" : "");
}

/* KERNEL: dev_valid_name: at most 15 bytes, no '/', ':' or blank, not "." or "..". */
const char *net_name_problem(const char *name, bool pattern)
{
	const char *percent = strchr(name, '%');
	size_t n = strlen(name);

	if (n == 0)
		return "is empty";
	if (n >= IFNAMSIZ)
		return "is longer than 15 bytes";
	if (streq(name, ".") || streq(name, ".."))
		return "is not allowed";
	for (const char *c = name; *c; c++)
		if (*c == '/' || *c == ':' || isspace((unsigned char)*c))
			return "has a slash, colon or blank";
	/* KERNEL: dev_alloc_name wants exactly one %d and nothing else with a percent sign. */
	if (pattern && percent && (percent[1] != 'd' || strchr(percent + 1, '%')))
		return "has a percent sign that is not one %d";
	return NULL;
}

static bool is_pattern(const struct device *d)
{
	return d->name && strchr(d->name, '%');
}

static const char *wanted_name(const struct device *d)
{
	return d->name ? d->name : d->host_name;
}

static int check_names(const struct net_move *m, size_t i, struct err *e)
{
	const struct device *d = &m->devices[i];
	const char *why = net_name_problem(d->host_name, false);

	if (why)
		return at_device(
			e, err_set(e, ERR_NET_DEVICE, EINVAL, "name \"%s\" %s", d->host_name, why),
			d, "");
	why = d->name ? net_name_problem(d->name, true) : NULL;
	if (why)
		return at_device(e,
				 err_set(e, ERR_NET_DEVICE, EINVAL, "name \"%s\" %s", d->name, why),
				 d, "/name");
	for (size_t j = 0; j < i; j++)
		if (!is_pattern(d) && streq(wanted_name(d), wanted_name(&m->devices[j])))
			return at_device(e,
					 err_set(e, ERR_NET_DEVICE, EEXIST,
						 "%s would be the name of two devices",
						 wanted_name(d)),
					 d, "/name");
	return 0;
}

static int look_up(struct net_move *m, struct device *d, struct err *e)
{
	struct net_link other;
	int r;

	r = net_link_by_name(&m->host, d->host_name, &d->link);
	if (r == -ENODEV)
		return err_sys(e, ERR_NET_DEVICE, r, "%s does not exist on the host", d->host_name);
	if (r < 0)
		return fail(&m->host, r, e, "look up", d->host_name);
	/* KERNEL: alternative names are found too. Since 5.5. */
	if (!streq(d->link.name, d->host_name))
		return err_set(e, ERR_NET_DEVICE, EINVAL, "%s is only an alternative name of %s",
			       d->host_name, d->link.name);
	if (d->link.flags & IFF_LOOPBACK)
		return err_set(e, ERR_NET_DEVICE, EINVAL,
			       "%s is the loopback device, which cannot move", d->host_name);
	r = net_addresses(&m->host, d->link.index, &m->arena, &d->addresses, &d->n_addresses);
	if (r < 0)
		return fail(&m->host, r, e, "read the addresses of", d->host_name);
	if (is_pattern(d))
		return 0;
	r = net_link_by_name(&m->inside, wanted_name(d), &other);
	if (r >= 0)
		return err_set(e, ERR_NET_DEVICE, EEXIST,
			       "the container has a device named %s already", wanted_name(d));
	return r == -ENODEV ? 0
			    : fail(&m->inside, r, e, "look in the container for", wanted_name(d));
}

/* A label begins with the name of the device: "d0:web" becomes "eth0:web". */
static void relabel(const struct net_address *a, const char *old, const char *new,
		    char ret[static IFNAMSIZ])
{
	const char *rest = str_skip(a->label, old);

	if (!rest || str_format(ret, IFNAMSIZ, "%s%s", new, rest) < 0)
		ret[0] = '\0';
}

static int add_addresses(struct netlink *n, const struct device *d, int index, const char *name,
			 struct err *e)
{
	for (size_t i = 0; i < d->n_addresses; i++) {
		char label[IFNAMSIZ];
		int r;

		relabel(&d->addresses[i], d->link.name, name, label);
		r = net_address_add(n, index, &d->addresses[i], label);
		if (r < 0)
			return fail(n, r, e, "give its addresses back to", name);
	}
	return 0;
}

static int move_in(struct net_move *m, struct device *d, struct err *e)
{
	struct net_link now;
	int index, r;

	r = net_link_free_index(&m->inside, d->link.index, &index);
	if (r < 0)
		return fail(&m->inside, r, e, "find an index for", d->host_name);
	r = net_link_move(&m->host, d->link.index, m->inside_ns, index, d->name);
	if (r < 0) {
		fail(&m->host, r, e, "move", d->host_name);
		/* KERNEL: the new name is given after the move; when that fails the device stays
		 * moved. */
		if (net_link_by_index(&m->inside, index, &now) >= 0)
			d->inside = index;
		return r;
	}
	d->inside = index;
	r = net_link_by_index(&m->inside, index, &now);
	if (r < 0)
		return fail(&m->inside, r, e, "find in the container", d->host_name);
	r = add_addresses(&m->inside, d, index, now.name, e);
	if (r < 0)
		return r;
	r = net_link_up(&m->inside, index);
	return r < 0 ? fail(&m->inside, r, e, "set up", now.name) : 0;
}

static void put_back(struct net_move *m, struct device *d)
{
	struct err e = { 0 };
	int index, r;

	if (!d->inside)
		return;
	r = net_link_free_index(&m->host, d->link.index, &index);
	if (r >= 0)
		r = net_link_move(&m->inside, d->inside, m->host_ns, index, d->link.name);
	if (r >= 0)
		r = add_addresses(&m->host, d, index, d->link.name, &e);
	if (r >= 0 && d->link.flags & IFF_UP)
		r = net_link_up(&m->host, index);
	if (r < 0)
		log_warn("network device %s could not be put back: %s", d->host_name, strerror(-r));
	err_drop(&e, "the reason for putting back is reported");
}

static int move_all(struct net_move *m, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < m->n && r >= 0; i++)
		r = check_names(m, i, e);
	for (size_t i = 0; i < m->n && r >= 0; i++)
		r = at_device(e, look_up(m, &m->devices[i], e), &m->devices[i], "");
	for (size_t i = 0; i < m->n && r >= 0; i++)
		r = at_device(e, move_in(m, &m->devices[i], e), &m->devices[i], "");
	for (size_t i = m->n; i-- > 0 && r < 0;)
		put_back(m, &m->devices[i]);
	return r;
}

/* A socket belongs to the namespace it is made in: enter, make one, come back. */
static int open_sockets(struct net_move *m, struct err *e)
{
	struct stat a, b;
	int r, back;

	m->host_ns = sys_openat(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0);
	if (m->host_ns < 0)
		return err_sys(e, ERR_NET_DEVICE, m->host_ns,
			       "open the network namespace of the host");
	if (fstat(m->host_ns, &a) < 0 || fstat(m->inside_ns, &b) < 0)
		return err_sys(e, ERR_NET_DEVICE, -errno, "fstat a network namespace");
	if (a.st_ino == b.st_ino && a.st_dev == b.st_dev)
		return err_set(e, ERR_NET_DEVICE, EINVAL,
			       "the container has no network namespace of its own");
	r = netlink_open(&m->host);
	if (r < 0)
		return err_sys(e, ERR_NET_DEVICE, r, "netlink socket");
	r = sys_setns(m->inside_ns, CLONE_NEWNET);
	if (r < 0)
		return err_sys(e, ERR_NET_DEVICE, r,
			       "enter the network namespace of the container");
	r = netlink_open(&m->inside);
	back = sys_setns(m->host_ns, CLONE_NEWNET);
	if (back < 0)
		return err_sys(e, ERR_NET_DEVICE, back,
			       "return to the network namespace of the host");
	return r < 0 ? err_sys(e, ERR_NET_DEVICE, r, "netlink socket in the container") : 0;
}

void net_move_keep(struct net_move **m)
{
	struct arena a;

	if (!*m)
		return;
	netlink_close(&(*m)->host);
	netlink_close(&(*m)->inside);
	fd_close(&(*m)->host_ns);
	a = (*m)->arena; /* it holds *m too */
	arena_free(&a);
	*m = NULL;
}

void net_move_undo(struct net_move **m)
{
	for (size_t i = *m ? (*m)->n : 0; i-- > 0;)
		put_back(*m, &(*m)->devices[i]);
	net_move_keep(m);
}

int net_devices_move(const struct spec_linux *l, int netns_fd, struct net_move **ret, struct err *e)
{
	struct net_move *m;
	struct arena a;
	int r;

	*ret = NULL;
	if (l->n_net_devices == 0)
		return 0;
	arena_init(&a);
	m = arena_new(&a, struct net_move);
	*m = (struct net_move){
		.host = { .fd = -1 },
		.inside = { .fd = -1 },
		.host_ns = -1,
		.inside_ns = netns_fd,
		.n = l->n_net_devices,
	};
	m->devices = arena_new_array(&a, m->n, struct device);
	m->arena = a;
	for (size_t i = 0; i < m->n; i++) {
		m->devices[i].host_name = l->net_devices[i].host_name;
		m->devices[i].name = l->net_devices[i].name;
	}
	r = open_sockets(m, e);
	if (r >= 0)
		r = move_all(m, e);
	m->inside_ns = -1; /* the caller's */
	if (r >= 0)
		*ret = m;
	else
		net_move_keep(&m);
	return err_at(e, r, "/linux/netDevices");
}
