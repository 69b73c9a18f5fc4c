/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/read_resources: /linux/resources (config-linux.md#control-groups). Values are what the spec
 * allows; whether the host has the controller is a later question.
 */
#include <inttypes.h>

#include "spec/read.h"

/* ---- devices ---- */

static int read_device_type(struct reader *r, const struct field *f, struct jv v, void *object)
{
	const char *s = "";
	int x = jv_string(v, &s, r->e);

	(void)f;
	if (x < 0)
		return x;
	if (*s && (s[1] || !strchr("acb", *s)))
		return jv_fail(v, r->e, ERR_CFG_VALUE,
			       "must be \"a\", \"c\" or \"b\", not \"%.64s\"", s);
	((struct spec_device_rule *)object)->type = *s ? *s : 'a';
	return 0;
}

static int read_access(struct reader *r, const struct field *f, struct jv v, void *object)
{
	static const char letters[] = "rwm";
	static const uint32_t bits[] = { DEVICE_READ, DEVICE_WRITE, DEVICE_MKNOD };
	struct spec_device_rule *rule = object;
	const char *s = "";
	int x = jv_string(v, &s, r->e);

	(void)f;
	for (; x == 0 && *s; s++) {
		const char *p = strchr(letters, *s);

		if (!p)
			return jv_fail(v, r->e, ERR_CFG_VALUE,
				       "must consist of the letters r, w and m, not \"%c\"", *s);
		rule->access |= bits[p - letters];
	}
	return x;
}

/* Absent: type "a", and all kinds of access (kernel cgroup-v1 devices: an empty access would be no
 * rule at all). */
static int check_device_rule(struct reader *r, struct jv v, void *object)
{
	struct spec_device_rule *rule = object;

	(void)r;
	(void)v;
	if (!rule->type)
		rule->type = 'a';
	if (!rule->access)
		rule->access = DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD;
	return 0;
}

static const struct field device_rule_fields[] = {
	VALUE(spec_device_rule, "allow", allow, REQUIRED),
	CALL("type", read_device_type, 0),
	NUMBER(spec_device_rule, "major", major, -1, UINT32_MAX, 0),
	NUMBER(spec_device_rule, "minor", minor, -1, UINT32_MAX, 0),
	CALL("access", read_access, 0),
};
static OBJECT_TYPE(device_rule, spec_device_rule, .check = check_device_rule);

/* ---- memory, cpu, pids ---- */

/*
 * Bytes, or -1 for no limit. ZERO_IS_NONE here and below: `docker run` gives every container the
 * blockIO weight 0, and `docker update` gives 0 for every limit that stays as it is.
 */
#define BYTES(name_, member, flags) NUMBER(spec_memory, name_, member, -1, INT64_MAX, flags)

static const struct field memory_fields[] = {
	BYTES("limit", limit, ZERO_IS_NONE),
	BYTES("reservation", reservation, ZERO_IS_NONE),
	BYTES("swap", swap, ZERO_IS_NONE),
	BYTES("kernel", kernel, DEPRECATED | ZERO_IS_NONE),
	BYTES("kernelTCP", kernel_tcp, DEPRECATED | ZERO_IS_NONE),
	NUMBER(spec_memory, "swappiness", swappiness, 0, 100, 0),
	VALUE(spec_memory, "disableOOMKiller", disable_oom_killer, 0),
	VALUE(spec_memory, "useHierarchy", use_hierarchy, 0),
	VALUE(spec_memory, "checkBeforeUpdate", check_before_update, 0),
};
static OBJECT_TYPE(memory, spec_memory, .set = true);

static const struct field cpu_fields[] = {
	VALUE(spec_cpu, "shares", shares, ZERO_IS_NONE),
	VALUE(spec_cpu, "quota", quota, ZERO_IS_NONE),
	VALUE(spec_cpu, "burst", burst, 0),
	VALUE(spec_cpu, "period", period, ZERO_IS_NONE),
	VALUE(spec_cpu, "realtimeRuntime", realtime_runtime, 0),
	VALUE(spec_cpu, "realtimePeriod", realtime_period, 0),
	VALUE(spec_cpu, "cpus", cpus, EMPTY_IS_NONE | NUMBER_LIST),
	VALUE(spec_cpu, "mems", mems, EMPTY_IS_NONE | NUMBER_LIST),
	NUMBER(spec_cpu, "idle", idle, 0, 1, 0),
};

static int check_cpu(struct reader *r, struct jv v, void *object)
{
	const struct spec_cpu *c = object;

	if (c->quota.set && c->quota.v > 0 && c->burst.set && c->burst.v > (uint64_t)c->quota.v)
		return jv_fail_member(v, "burst", r->e, ERR_CFG_CONFLICT,
				      "the burst %" PRIu64 " is larger than the quota %" PRId64,
				      c->burst.v, c->quota.v);
	return 0;
}

static OBJECT_TYPE(cpu, spec_cpu, .set = true, .check = check_cpu);

static const struct field pids_fields[] = {
	NUMBER(spec_resources, "limit", pids_limit, -1, INT64_MAX, 0),
};
static OBJECT_TYPE(pids, spec_resources); /* its member lies in the resources themselves */

static int read_pids(struct reader *r, const struct field *f, struct jv v, void *object)
{
	(void)f;
	((struct spec_resources *)object)->pids_set = true;
	return field_read(r, &pids, v, object);
}

/* ---- block IO ---- */

static int check_weight_device(struct reader *r, struct jv v, void *object)
{
	const struct spec_weight_device *d = object;

	if (!d->weight.set && !d->leaf_weight.set)
		return jv_fail(v, r->e, ERR_CFG_MISSING, "needs a weight, a leafWeight or both");
	return 0;
}

static const struct field weight_device_fields[] = {
	NUMBER(spec_weight_device, "major", major, 0, UINT32_MAX, REQUIRED),
	NUMBER(spec_weight_device, "minor", minor, 0, UINT32_MAX, REQUIRED),
	NUMBER(spec_weight_device, "weight", weight, 0, UINT16_MAX, 0),
	NUMBER(spec_weight_device, "leafWeight", leaf_weight, 0, UINT16_MAX, 0),
};
static OBJECT_TYPE(weight_device, spec_weight_device, .check = check_weight_device);

static const struct field throttle_device_fields[] = {
	NUMBER(spec_throttle_device, "major", major, 0, UINT32_MAX, REQUIRED),
	NUMBER(spec_throttle_device, "minor", minor, 0, UINT32_MAX, REQUIRED),
	VALUE(spec_throttle_device, "rate", rate, REQUIRED),
};
static OBJECT_TYPE(throttle_device, spec_throttle_device);

#define THROTTLE(name_, kind)                                                                      \
	LIST(spec_block_io, name_, throttle[kind], n_throttle[kind], throttle_device)

static const struct field block_io_fields[] = {
	NUMBER(spec_block_io, "weight", weight, 0, UINT16_MAX, ZERO_IS_NONE),
	NUMBER(spec_block_io, "leafWeight", leaf_weight, 0, UINT16_MAX, ZERO_IS_NONE),
	LIST(spec_block_io, "weightDevice", weight_devices, n_weight_devices, weight_device),
	THROTTLE("throttleReadBpsDevice", THROTTLE_READ_BPS),
	THROTTLE("throttleWriteBpsDevice", THROTTLE_WRITE_BPS),
	THROTTLE("throttleReadIOPSDevice", THROTTLE_READ_IOPS),
	THROTTLE("throttleWriteIOPSDevice", THROTTLE_WRITE_IOPS),
};
static OBJECT_TYPE(block_io, spec_block_io, .set = true);

/* ---- huge pages, network, rdma ---- */

/* "2MB": digits without a leading zero, one of K, M, G, and B (schema of config-linux, not the
 * text's freedom). */
static int check_hugepage(struct reader *r, struct jv v, void *object)
{
	const char *s = ((struct spec_hugepage_limit *)object)->page_size;
	size_t n = strspn(s, "0123456789");

	if (n && *s != '0' && s[n] && strchr("KMG", s[n]) && streq(s + n + 1, "B"))
		return 0;
	return jv_fail_member(v, "pageSize", r->e, ERR_CFG_VALUE,
			      "must be a number with KB, MB or GB such as \"2MB\", not \"%.64s\"",
			      s);
}

static const struct field hugepage_fields[] = {
	VALUE(spec_hugepage_limit, "pageSize", page_size, REQUIRED),
	VALUE(spec_hugepage_limit, "limit", limit, REQUIRED),
};
static OBJECT_TYPE(hugepage, spec_hugepage_limit, .check = check_hugepage);

static const struct field priority_fields[] = {
	VALUE(spec_network_priority, "name", name, REQUIRED | NONEMPTY),
	VALUE(spec_network_priority, "priority", priority, REQUIRED),
};
static OBJECT_TYPE(priority, spec_network_priority);

static const struct field network_fields[] = {
	VALUE(spec_network, "classID", class_id, 0),
	LIST(spec_network, "priorities", priorities, n_priorities, priority),
};
static OBJECT_TYPE(network, spec_network, .set = true);

static int check_rdma(struct reader *r, struct jv v, void *object)
{
	const struct spec_rdma *d = object;

	if (!d->hca_handles.set && !d->hca_objects.set)
		return jv_fail(v, r->e, ERR_CFG_MISSING, "needs hcaHandles, hcaObjects or both");
	return 0;
}

static const struct field rdma_fields[] = {
	VALUE(spec_rdma, "hcaHandles", hca_handles, 0),
	VALUE(spec_rdma, "hcaObjects", hca_objects, 0),
};
static OBJECT_TYPE(rdma, spec_rdma, .check = check_rdma);

static const struct field read_resources_fields[] = {
	LIST(spec_resources, "devices", devices, n_devices, device_rule),
	INNER(spec_resources, "memory", memory, memory),
	INNER(spec_resources, "cpu", cpu, cpu),
	CALL("pids", read_pids, 0),
	INNER(spec_resources, "blockIO", block_io, block_io),
	LIST(spec_resources, "hugepageLimits", hugepages, n_hugepages, hugepage),
	INNER(spec_resources, "network", network, network),
	MAP(spec_resources, "rdma", rdma, n_rdma, rdma),
	VALUE(spec_resources, "unified", unified, 0),
};
OBJECT_TYPE(read_resources, spec_resources, .set = true);
