/* SPDX-License-Identifier: Apache-2.0 */
/* The net room: loopback and devices moved between two network namespaces of the test's own. */
#include "child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/str.h"
#include "net/internal.h"
#include "net/link.h"
#include "net/net.h"
#include "sys/call.h"

static int host_ns = -1, inside_ns = -1;
static struct netlink host, inside;

/* This process stands on the "host"; a second namespace is the container's. */
static bool two_namespaces(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return false;
	inside_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (netlink_open(&inside) < 0 || unshare(CLONE_NEWNET) < 0 || netlink_open(&host) < 0)
		return false;
	host_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return true;
}

static int make_link(struct netlink *n, const char *name, const char *kind)
{
	struct ifinfomsg body = { 0 };
	struct netlink_request q;
	char info[32] = "";
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + strlen(kind)),
			    .nla_type = IFLA_INFO_KIND };

	memcpy(info, &a, sizeof(a));
	memcpy(info + NLA_HDRLEN, kind, strlen(kind));
	netlink_begin(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof(body));
	netlink_put_string(&q, IFLA_IFNAME, name);
	netlink_put(&q, IFLA_LINKINFO, info, (size_t)NLA_ALIGN(a.nla_len));
	return netlink_call(n, &q, NULL, NULL);
}

static int set_link(struct netlink *n, const char *name)
{
	static const unsigned char mac[6] = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 };
	struct ifinfomsg body = { 0 };
	struct netlink_request q;

	netlink_begin(&q, RTM_SETLINK, 0, &body, sizeof(body));
	netlink_put_string(&q, IFLA_IFNAME, name);
	netlink_put_u32(&q, IFLA_MTU, 1400);
	netlink_put(&q, IFLA_ADDRESS, mac, sizeof(mac));
	netlink_put_u32(&q, IFLA_TXQLEN, 321);
	netlink_put_string(&q, IFLA_IFALIAS, "the alias");
	return netlink_call(n, &q, NULL, NULL);
}

struct seen {
	unsigned mtu, txqlen;
	unsigned char mac[6];
	char alias[32];
};

static int read_seen(const struct nlmsghdr *m, void *data)
{
	struct seen *s = data;
	size_t n;
	const void *mac = netlink_attr(m, sizeof(struct ifinfomsg), IFLA_ADDRESS, &n);
	const char *alias = netlink_attr_string(m, sizeof(struct ifinfomsg), IFLA_IFALIAS);

	s->mtu = netlink_attr_u32(m, sizeof(struct ifinfomsg), IFLA_MTU, 0);
	s->txqlen = netlink_attr_u32(m, sizeof(struct ifinfomsg), IFLA_TXQLEN, 0);
	if (mac && n == 6)
		memcpy(s->mac, mac, 6);
	if (alias)
		snprintf(s->alias, sizeof(s->alias), "%s", alias);
	return 0;
}

static int see_link(struct netlink *n, const char *name, struct seen *ret)
{
	struct ifinfomsg body = { 0 };
	struct netlink_request q;

	netlink_begin(&q, RTM_GETLINK, 0, &body, sizeof(body));
	netlink_put_string(&q, IFLA_IFNAME, name);
	return netlink_call(n, &q, read_seen, ret);
}

static int add_address(struct netlink *n, const char *dev, const char *text, uint8_t prefix,
		       uint8_t scope, uint32_t valid, const char *label)
{
	bool v6 = strchr(text, ':') != NULL;
	struct ifaddrmsg body = { .ifa_family = v6 ? AF_INET6 : AF_INET,
				  .ifa_prefixlen = prefix,
				  .ifa_scope = scope };
	struct ifa_cacheinfo life = { .ifa_prefered = valid, .ifa_valid = valid };
	struct netlink_request q;
	struct net_link l;
	unsigned char bytes[16];
	int r = net_link_by_name(n, dev, &l);

	if (r < 0 || inet_pton(body.ifa_family, text, bytes) != 1)
		return -EINVAL;
	body.ifa_index = (unsigned)l.index;
	netlink_begin(&q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof(body));
	netlink_put(&q, IFA_LOCAL, bytes, v6 ? 16 : 4);
	netlink_put(&q, IFA_ADDRESS, bytes, v6 ? 16 : 4);
	if (label)
		netlink_put_string(&q, IFA_LABEL, label);
	if (valid)
		netlink_put(&q, IFA_CACHEINFO, &life, sizeof(life));
	return netlink_call(n, &q, NULL, NULL);
}

struct all {
	char text[1024];
	int index;
};

/* "10.9.8.7/24 d0;" per address, IPv6 ones with their state. */
static int show_address(const struct nlmsghdr *m, void *data)
{
	struct all *all = data;
	struct strbuf b = { .buf = all->text, .size = sizeof(all->text), .len = strlen(all->text) };
	const char *label = netlink_attr_string(m, sizeof(struct ifaddrmsg), IFA_LABEL);
	struct ifaddrmsg i;
	char text[64] = "";
	size_t n;
	const void *p = netlink_attr(m, sizeof(i), IFA_ADDRESS, &n);
	uint32_t flags;

	memcpy(&i, NLMSG_DATA(m), sizeof(i));
	flags = netlink_attr_u32(m, sizeof(i), IFA_FLAGS, 0);
	if ((int)i.ifa_index != all->index ||
	    (i.ifa_family == AF_INET6 && i.ifa_scope == RT_SCOPE_LINK))
		return 0;
	inet_ntop(i.ifa_family, p, text, sizeof(text));
	sb_printf(&b, "%s/%d%s%s%s;", text, i.ifa_prefixlen, label ? " " : "", label ? label : "",
		  flags & IFA_F_TENTATIVE ? " tentative" : "");
	return 0;
}

static const char *addresses(struct netlink *n, const char *dev)
{
	static struct all all;
	struct ifaddrmsg body = { 0 };
	struct netlink_request q;
	struct net_link l;

	if (net_link_by_name(n, dev, &l) < 0)
		return "no device";
	all = (struct all){ .index = l.index };
	body.ifa_index = (unsigned)l.index;
	netlink_begin(&q, RTM_GETADDR, NLM_F_DUMP, &body, sizeof(body));
	if (netlink_call(n, &q, show_address, &all) < 0)
		return "failed";
	return all.text;
}

static bool exists(struct netlink *n, const char *name)
{
	struct net_link l;

	return net_link_by_name(n, name, &l) >= 0;
}

static bool is_up(struct netlink *n, const char *name)
{
	struct net_link l;

	return net_link_by_name(n, name, &l) >= 0 && l.flags & IFF_UP;
}

static int move(const struct spec_net_device *v, size_t n, struct err *e)
{
	struct spec_linux l = { .net_devices = (struct spec_net_device *)(uintptr_t)v,
				.n_net_devices = n };

	struct net_move *way_back;
	int r = net_devices_move(&l, inside_ns, &way_back, e);

	net_move_keep(&way_back);
	return r;
}

#define SETUP()                                                                                    \
	NEED_ROOT();                                                                               \
	CHECK(two_namespaces());                                                                   \
	if (make_link(&host, "d0", "veth") < 0)                                                    \
		SKIP("the kernel makes no veth");

TEST(names)
{
	CHECK(!net_name_problem("eth0", false));
	CHECK(!net_name_problem("123456789012345", false));
	CHECK(!net_name_problem("eth%d", true));
	CHECK(net_name_problem("1234567890123456", false));
	CHECK(net_name_problem("", false));
	CHECK(net_name_problem(".", false));
	CHECK(net_name_problem("..", true));
	CHECK(net_name_problem("a/b", false));
	CHECK(net_name_problem("a b", false));
	CHECK(net_name_problem("a:b", false));
	CHECK(net_name_problem("eth%s", true));
	CHECK(net_name_problem("eth%d%d", true));
	CHECK(net_name_problem("100%", true));
}

TEST_IN_CHILD(loopback_comes_up)
{
	struct err e = { 0 };

	NEED_ROOT();
	CHECK(two_namespaces());
	CHECK(!is_up(&host, "lo"));
	CHECK_OK(net_loopback_up(&e), &e);
	CHECK(is_up(&host, "lo"));
	CHECK_STR(addresses(&host, "lo"), "127.0.0.1/8 lo;::1/128;");
	CHECK(!is_up(&inside, "lo"));
	CHECK_OK(net_loopback_up(&e), &e);
}

TEST_IN_CHILD(device_keeps_attributes_and_addresses)
{
	static const struct spec_net_device d[] = { { "d0", NULL } };
	static const unsigned char mac[6] = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 };
	struct err e = { 0 };
	struct seen s = { 0 };

	SETUP();
	CHECK_INT(set_link(&host, "d0"), 0);
	CHECK_INT(add_address(&host, "d0", "10.9.8.7", 24, RT_SCOPE_UNIVERSE, 0, NULL), 0);
	CHECK_INT(add_address(&host, "d0", "10.9.8.8", 24, RT_SCOPE_UNIVERSE, 0, "d0:two"), 0);
	CHECK_INT(add_address(&host, "d0", "10.7.7.7", 16, RT_SCOPE_UNIVERSE, 600, NULL), 0);
	CHECK_INT(add_address(&host, "d0", "10.6.6.6", 16, RT_SCOPE_LINK, 0, NULL), 0);
	CHECK_INT(add_address(&host, "d0", "2001:db8::7", 64, RT_SCOPE_UNIVERSE, 0, NULL), 0);
	CHECK_OK(move(d, 1, &e), &e);
	CHECK(!exists(&host, "d0"));
	CHECK(is_up(&inside, "d0"));
	CHECK_STR(addresses(&inside, "d0"), "10.9.8.7/24 d0;10.9.8.8/24 d0:two;2001:db8::7/64;");
	CHECK_INT(see_link(&inside, "d0", &s), 0);
	CHECK_INT(s.mtu, 1400);
	CHECK_INT(s.txqlen, 321);
	CHECK_STR(s.alias, "the alias");
	CHECK(memcmp(s.mac, mac, 6) == 0);
}

/*
 * A create that fails later gives back what it moved, from a namespace that nobody is in any more.
 */
TEST_IN_CHILD(device_goes_back)
{
	struct spec_net_device d[] = { { "d0", "eth7" } };
	struct spec_linux l = { .net_devices = d, .n_net_devices = 1 };
	struct net_move *way_back = NULL;
	struct err e = { 0 };

	SETUP();
	CHECK_INT(set_link(&host, "d0"), 0);
	CHECK_INT(add_address(&host, "d0", "10.9.8.7", 24, RT_SCOPE_UNIVERSE, 0, "d0:two"), 0);
	CHECK_INT(add_address(&host, "d0", "2001:db8::7", 64, RT_SCOPE_UNIVERSE, 0, NULL), 0);
	CHECK_OK(net_devices_move(&l, inside_ns, &way_back, &e), &e);
	CHECK(!exists(&host, "d0"));
	CHECK(exists(&inside, "eth7"));
	net_move_undo(&way_back);
	CHECK(!way_back);
	CHECK(!exists(&inside, "eth7"));
	CHECK_STR(addresses(&host, "d0"), "10.9.8.7/24 d0:two;2001:db8::7/64;");
	net_move_undo(&way_back); /* nothing, once more */
}

TEST_IN_CHILD(device_gets_its_new_name)
{
	static const struct spec_net_device d[] = { { "d0", "eth0" } };
	struct err e = { 0 };

	SETUP();
	CHECK_INT(add_address(&host, "d0", "10.9.8.7", 24, RT_SCOPE_UNIVERSE, 0, "d0:web"), 0);
	CHECK_OK(move(d, 1, &e), &e);
	CHECK(!exists(&host, "d0"));
	CHECK(!exists(&inside, "d0"));
	CHECK(is_up(&inside, "eth0"));
	CHECK_STR(addresses(&inside, "eth0"), "10.9.8.7/24 eth0:web;");
}

TEST_IN_CHILD(host_name_taken_inside_is_no_matter_when_renamed)
{
	static const struct spec_net_device d[] = { { "d0", "other" } };
	struct err e = { 0 };

	SETUP();
	/* Also takes d0's index in the container. */
	CHECK_INT(make_link(&inside, "d0", "veth"), 0);
	CHECK_OK(move(d, 1, &e), &e);
	CHECK(exists(&inside, "d0"));
	CHECK(is_up(&inside, "other"));
}

TEST_IN_CHILD(kernel_picks_a_free_number)
{
	static const struct spec_net_device d[] = { { "d0", "eth%d" }, { "d1", "eth%d" } };
	struct err e = { 0 };

	SETUP();
	CHECK_INT(make_link(&host, "d1", "veth"), 0);
	CHECK_INT(make_link(&inside, "eth0", "veth"), 0);
	CHECK_OK(move(d, 2, &e), &e);
	CHECK(is_up(&inside, "eth1"));
	CHECK(is_up(&inside, "eth2"));
	CHECK(!exists(&host, "d0"));
	CHECK(!exists(&host, "d1"));
}

TEST_IN_CHILD(what_cannot_move_leaves_all_at_home)
{
	struct spec_net_device bad[][2] = {
		{ { "d0", NULL }, { "nosuch0", NULL } },
		{ { "d0", NULL }, { "lo", NULL } },
		{ { "d0", NULL }, { "d1", "taken" } },
		{ { "d0", NULL }, { "taken", NULL } },
		{ { "d0", "same" }, { "d1", "same" } },
		{ { "d0", NULL }, { "d1", "a/b" } },
		{ { "d0", NULL }, { "a/b", NULL } },
		{ { "d0", NULL }, { "d1", "1234567890123456" } },
		{ { "d0", NULL }, { "d1", "x%s" } },
	};
	static const char *const want[][2] = {
		{ "/linux/netDevices/nosuch0", "nosuch0 does not exist on the host" },
		{ "/linux/netDevices/lo", "loopback" },
		{ "/linux/netDevices/d1", "has a device named taken already" },
		{ "/linux/netDevices/taken", "has a device named taken already" },
		{ "/linux/netDevices/d1/name", "two devices" },
		{ "/linux/netDevices/d1/name", "slash" },
		{ "/linux/netDevices/a~1b", "slash" },
		{ "/linux/netDevices/d1/name", "longer than 15" },
		{ "/linux/netDevices/d1/name", "percent" },
	};

	SETUP();
	CHECK_INT(make_link(&host, "d1", "veth"), 0);
	CHECK_INT(make_link(&host, "taken", "veth"), 0);
	CHECK_INT(make_link(&inside, "taken", "veth"), 0);
	CHECK_INT(add_address(&host, "d0", "10.9.8.7", 24, RT_SCOPE_UNIVERSE, 0, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };

		CHECK_ERR(move(bad[i], 2, &e), &e, want[i][0], want[i][1]);
		CHECK(exists(&host, "d0") && exists(&host, "d1"));
		CHECK(!exists(&inside, "d0"));
	}
	CHECK_STR(addresses(&host, "d0"), "10.9.8.7/24 d0;");
}

TEST_IN_CHILD(refusal_of_the_kernel_puts_back_what_moved)
{
	static const struct spec_net_device d[] = { { "d0", "eth0" }, { "br0", NULL } };
	struct err e = { 0 };
	struct net_link before, after;

	SETUP();
	if (make_link(&host, "br0", "bridge") < 0)
		SKIP("the kernel makes no bridge");
	CHECK_INT(net_link_by_name(&host, "d0", &before), 0);
	CHECK_INT(net_link_up(&host, before.index), 0);
	CHECK_INT(add_address(&host, "d0", "10.9.8.7", 24, RT_SCOPE_UNIVERSE, 0, NULL), 0);
	CHECK_INT(add_address(&host, "d0", "2001:db8::7", 64, RT_SCOPE_UNIVERSE, 0, NULL), 0);
	CHECK_ERR(move(d, 2, &e), &e, "/linux/netDevices/br0", "move br0 (");
	CHECK(!exists(&inside, "eth0"));
	CHECK_INT(net_link_by_name(&host, "d0", &after), 0);
	CHECK_INT(after.index, before.index);
	CHECK(is_up(&host, "d0"));
	CHECK_STR(addresses(&host, "d0"), "10.9.8.7/24 d0;2001:db8::7/64;");
	CHECK(exists(&host, "br0"));
}

TEST_IN_CHILD(own_network_namespace_is_needed)
{
	static const struct spec_net_device d[] = { { "d0", NULL } };
	struct spec_linux l = { .net_devices = (struct spec_net_device *)(uintptr_t)d,
				.n_net_devices = 1 };
	struct net_move *way_back;
	struct err e = { 0 };

	SETUP();
	CHECK_ERR(net_devices_move(&l, host_ns, &way_back, &e), &e, "/linux/netDevices",
		  "no network namespace of its own");
	CHECK(exists(&host, "d0"));
	l.n_net_devices = 0;
	err_clear(&e);
	CHECK_OK(net_devices_move(&l, -1, &way_back, &e), &e);
}

TEST(request_that_does_not_fit)
{
	struct netlink n = { .fd = -1 };
	struct ifinfomsg body = { 0 };
	struct netlink_request q;
	char big[1500] = "";

	netlink_begin(&q, RTM_GETLINK, 0, &body, sizeof(body));
	netlink_put(&q, 1, big, sizeof(big));
	CHECK(!q.full);
	netlink_put(&q, 1, big, sizeof(big));
	CHECK(q.full);
	CHECK_INT(netlink_call(&n, &q, NULL, NULL), -EMSGSIZE);
}

TEST(attributes_stay_within_the_message)
{
	struct netlink_request q;
	struct ifinfomsg body = { 0 };
	size_t n;
	uint16_t bad;

	netlink_begin(&q, RTM_GETLINK, 0, &body, sizeof(body));
	netlink_put_u32(&q, 7, 99);
	netlink_put_string(&q, 8, "name");
	CHECK_INT(netlink_attr_u32(&q.head, sizeof(body), 7, 0), 99);
	CHECK_STR(netlink_attr_string(&q.head, sizeof(body), 8), "name");
	CHECK(!netlink_attr(&q.head, sizeof(body), 9, &n));
	CHECK_INT(netlink_attr_u32(&q.head, sizeof(body), 8, 5), 5);
	/* A length beyond the end, one below the header, a string without an end. */
	for (bad = 2; bad <= 400; bad += 398) {
		struct netlink_request c = q;

		memcpy(c.bytes + NLMSG_LENGTH(sizeof(body)), &bad, sizeof(bad));
		CHECK(!netlink_attr(&c.head, sizeof(body), 8, &n));
	}
	netlink_begin(&q, RTM_GETLINK, 0, &body, sizeof(body));
	netlink_put(&q, 8, "name", 4);
	CHECK(!netlink_attr_string(&q.head, sizeof(body), 8));
}

UNIT_MAIN
