/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading config.json: every property of full.json is given wrong types, numbers out of range
 * and unknown names in turn; required ones are taken away; schema samples, files, long lists.
 */
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "spec_full.h"

/* ---- the whole config ---- */

TEST(full_config_is_read)
{
	const struct spec_linux *os = &spec.os;

	begin();
	if (read_config_text(base) < 0)
		FAIL_("%s: %s", err.at, err.msg);
	CHECK_STR(spec.process.args.v[2], "true");
	CHECK(spec.process.args.v[3] == NULL);
	CHECK_INT(spec.process.user.umask.v, 63);
	CHECK_INT(spec.process.user.additional_gids[1], 6);
	CHECK_INT(spec.process.rlimits[0].resource, RLIMIT_NOFILE);
	CHECK(spec.process.rlimits[0].hard == UINT64_MAX);
	CHECK(spec.process.caps.sets[CAPSET_AMBIENT] == (1u << 0 | 1u << 5));
	CHECK_INT(spec.process.oom_score_adj.v, -500);
	CHECK_INT(spec.process.scheduler.policy, 6);
	CHECK_INT(spec.process.scheduler.flags, 3);
	CHECK_INT(spec.process.console_width.v, 80);
	CHECK_INT(spec.hooks.n[HOOK_POSTSTOP], 1);
	CHECK_STR(spec.hooks.v[HOOK_POSTSTOP][0].path, "/bin/poststop");
	CHECK_INT(spec.hooks.v[HOOK_POSTSTOP][0].timeout.v, 5);
	CHECK_STR(spec_annotation(&spec, "com.example.key"), "value");
	CHECK_STR(spec_annotation(&spec, "empty"), "");
	CHECK(!spec_annotation(&spec, "absent"));
	CHECK_STR(os->namespaces[NS_NETWORK].path, "/run/netns/a");
	CHECK(os->namespaces[NS_TIME].listed && !os->namespaces[NS_TIME].path);
	CHECK_INT(os->monotonic.secs, -10);
	CHECK_INT(os->boottime.nanosecs, 999999999);
	CHECK_INT(os->uid_mappings.v[1].host_id, 100000);
	CHECK_INT(os->devices[0].minor, 229);
	CHECK_INT(os->devices[1].type, 'p');
	CHECK_STR(os->net_devices[0].host_name, "eth0");
	CHECK(!os->net_devices[1].name);
	CHECK_INT(os->resources.devices[0].type, 'a');
	CHECK_INT(os->resources.devices[1].access, DEVICE_READ | DEVICE_WRITE);
	CHECK_INT(os->resources.pids_limit.v, 32771);
	CHECK_INT(os->resources.block_io.throttle[THROTTLE_WRITE_IOPS][0].rate, 600);
	CHECK_STR(os->resources.rdma[0].device, "mlx5_1");
	CHECK_STR(os->resources.unified.v[0].key, "io.max");
	CHECK_INT(os->rdt.schemata.n, 2);
	CHECK_INT(os->memory_policy.flags, 1 << 15);
	CHECK(os->seccomp.default_action == SECCOMP_RET_ERRNO);
	CHECK_INT(os->seccomp.archs, 1 << ARCH_X86_64 | 1 << ARCH_X86);
	CHECK(os->seccomp.rules[1].args[0].value == UINT64_MAX);
	CHECK(os->seccomp.rules[1].args[0].value_two == (uint64_t)INT64_MAX + 1);
	CHECK(os->rootfs_propagation == MS_SLAVE);
	CHECK_INT(os->personality.domain, 8);
	CHECK_INT(spec.raw_len, strlen(base));
	CHECK(spec.raw == base);
	arena_free(&arena);
}

/* Each row of each table is exercised by full.json, so that the generated faults below miss none.
 */
static unsigned rows_seen;

static bool covers(const struct object_type *type, struct jv *objects, size_t n)
{
	for (size_t f = 0; f < type->n; f++) {
		const struct field *field = &type->fields[f];
		struct jv inner[8], member;
		size_t found = 0;

		if (field->kind == F_PLATFORM || streq(field->name, "vm"))
			continue;
		for (size_t i = 0; i < n; i++) {
			if (!jv_find(objects[i], field->name, &member))
				continue;
			if (field->kind != F_LIST && field->kind != F_MAP) {
				inner[found++] = member;
				continue;
			}
			for (struct jv_iter it = jv_each(member); jv_next(&it);)
				inner[found++] = it.value;
		}
		rows_seen++;
		if (!found) {
			printf("# full.json lacks %s\n", field->name);
			return false;
		}
		if ((field->kind == F_OBJECT || field->kind == F_LIST || field->kind == F_MAP) &&
		    !covers(field->type, inner, found))
			return false;
	}
	return true;
}

TEST(full_config_has_every_property)
{
	struct jv root;

	begin();
	root = jv_root(&doc);
	rows_seen = 0;
	CHECK(covers(&read_config, &root, 1));
	CHECK(rows_seen > 120);
	arena_free(&arena);
}

/* ---- generated faults ---- */

/* Properties without effect on this platform take anything. */
static bool is_ignored(const char *pointer)
{
	return streq(pointer, "/process/commandLine") || streq(pointer, "/process/user/username");
}

/* The value at @v replaced by @value must be refused there. */
static bool refused(struct jv v, const char *value, enum err_id id, enum err_id or_id)
{
	const char *pointer = pointer_of(v);
	int r = read_config_text(with_value(v, value));

	if (r == -EINVAL && streq(err.at, pointer) && (err.id == id || err.id == or_id))
		return true;
	printf("# %s = %s: %d, id %d at \"%s\": %s\n", pointer, value, r, (int)err.id, err.at,
	       err.msg);
	return false;
}

/* Visit every value of full.json. */
static unsigned visited;

static bool each_value(struct jv v, bool (*visit)(struct jv v))
{
	if (!is_ignored(pointer_of(v))) {
		visited++;
		if (!visit(v))
			return false;
	}
	for (struct jv_iter it = jv_each(v); jv_next(&it);)
		if (!each_value(it.value, visit))
			return false;
	return true;
}

static bool wrong_types(struct jv v)
{
	static const char *const values[] = {
		[JV_FALSE] = "false",  [JV_TRUE] = "true",     [JV_NUMBER] = "7",
		[JV_STRING] = "\"x\"", [JV_ARRAY] = "[\"x\"]", [JV_OBJECT] = "{\"x\":1}",
	};

	for (enum jv_type t = JV_FALSE; t <= JV_OBJECT; t++) {
		enum jv_type is = jv_type(v);

		if (t == is ||
		    ((t == JV_FALSE || t == JV_TRUE) && (is == JV_FALSE || is == JV_TRUE)))
			continue;
		if (!refused(v, values[t], ERR_CFG_TYPE, ERR_CFG_TYPE))
			return false;
	}
	return true;
}

TEST(wrong_types_are_refused_everywhere)
{
	begin();
	visited = 0;
	CHECK(each_value(jv_root(&doc), wrong_types));
	CHECK(visited > 250);
	arena_free(&arena);
}

/* doc/decisions.md: null is an absent property, but no entry of a list or map. */
TEST(null_is_absent)
{
	static const struct {
		const char *text, *at; /* NULL: it is read */
		enum err_id id;
	} t[] = {
		{ "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"r\"},\"process\":null,"
		  "\"hostname\":null,\"linux\":{"
		  "\"timeOffsets\":null,\"netDevices\":{\"eth0\":{\"name\":null}},\"resources\":{"
		  "\"devices\":[{\"allow\":true,\"access\":null}]}}}",
		  NULL, ERR_NONE },
		{ "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":null}}", "/root/path",
		  ERR_CFG_MISSING },
		{ "{\"ociVersion\":\"1.3.0\",\"mounts\":[null]}", "/mounts/0", ERR_CFG_TYPE },
		{ "{\"ociVersion\":\"1.3.0\",\"annotations\":{\"a\":null}}", "/annotations/a",
		  ERR_CFG_TYPE },
		{ "{\"ociVersion\":\"1.3.0\",\"linux\":{\"netDevices\":{\"eth0\":null}}}",
		  "/linux/netDevices/eth0", ERR_CFG_TYPE },
	};

	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		int r;

		begin();
		r = read_config_text(t[i].text);
		if (!t[i].at)
			CHECK_INT(r, 0);
		else
			CHECK_STR(err.at, t[i].at);
		CHECK_INT(err.id, t[i].id);
		arena_free(&arena);
	}
}

static bool wrong_numbers(struct jv v)
{
	static const struct {
		const char *value;
		enum err_id id;
	} t[] = {
		{ "1.5", ERR_CFG_TYPE },
		{ "1.0", ERR_CFG_TYPE },
		{ "1e2", ERR_CFG_TYPE },
		{ "1e400", ERR_CFG_TYPE },
		{ "18446744073709551616", ERR_CFG_RANGE },
		{ "-9223372036854775809", ERR_CFG_RANGE },
		{ "99999999999999999999999999999999", ERR_CFG_RANGE },
	};

	for (size_t i = 0; jv_type(v) == JV_NUMBER && i < ARRAY_LEN(t); i++)
		if (!refused(v, t[i].value, t[i].id, t[i].id))
			return false;
	return true;
}

TEST(wrong_numbers_are_refused_everywhere)
{
	begin();
	CHECK(each_value(jv_root(&doc), wrong_numbers));
	arena_free(&arena);
}

static bool nul_in_string(struct jv v)
{
	return jv_type(v) != JV_STRING ||
	       refused(v, "\"a\\u0000b\"", ERR_CFG_SYNTAX, ERR_CFG_SYNTAX);
}

TEST(nul_is_refused_in_every_string)
{
	begin();
	CHECK(each_value(jv_root(&doc), nul_in_string));
	arena_free(&arena);
}

/* A string that stands in a name table is one of an enumeration (but for capabilities: a warning).
 */
static unsigned enumerations;

static bool unknown_names(struct jv v)
{
	static const struct name_table *const tables[] = {
		&spec_namespaces,    &spec_rlimits,	    &spec_sched_policies,
		&spec_sched_flags,   &spec_ioprio_classes,  &spec_mpol_modes,
		&spec_mpol_flags,    &spec_seccomp_actions, &spec_seccomp_ops,
		&spec_seccomp_archs, &spec_seccomp_flags,   &spec_rootfs_propagations,
		&spec_personalities,
	};
	const char *s;
	struct err e = { 0 };

	if (jv_type(v) != JV_STRING || jv_string(v, &s, &e) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		if (!table_find(tables[i], s))
			continue;
		enumerations++;
		if (!refused(v, arena_printf(&arena, "\"%sX\"", s), ERR_CFG_VALUE, ERR_CFG_VALUE))
			return false;
		if (!strstr(err.msg, arena_printf(&arena, "did you mean \"")))
			return false;
		return refused(v, "\"\"", ERR_CFG_VALUE, ERR_CFG_VALUE);
	}
	return true;
}

TEST(unknown_names_are_refused_everywhere)
{
	begin();
	enumerations = 0;
	CHECK(each_value(jv_root(&doc), unknown_names));
	CHECK(enumerations > 20);
	arena_free(&arena);
}

/* ---- required properties ---- */

static bool missing_is_refused(const char *pointer)
{
	int r = read_config_text(without(at_pointer(pointer)));

	if (r == -EINVAL && err.id == ERR_CFG_MISSING && streq(err.at, pointer))
		return true;
	printf("# without %s: %d at \"%s\": %s\n", pointer, r, err.at, err.msg);
	return false;
}

TEST(required_properties)
{
	static const char *const required[] = {
		"/ociVersion",
		"/root",
		"/root/path",
		"/mounts/0/destination",
		"/mounts/1/uidMappings",
		"/mounts/1/gidMappings",
		"/mounts/1/uidMappings/0/containerID",
		"/mounts/1/uidMappings/0/hostID",
		"/mounts/1/gidMappings/1/size",
		"/process/cwd",
		"/process/args",
		"/process/consoleSize/height",
		"/process/consoleSize/width",
		"/process/user/uid",
		"/process/user/gid",
		"/process/rlimits/0/type",
		"/process/rlimits/0/soft",
		"/process/rlimits/0/hard",
		"/process/scheduler/policy",
		"/process/ioPriority/class",
		"/process/ioPriority/priority",
		"/hooks/prestart/0/path",
		"/hooks/createRuntime/0/path",
		"/hooks/createContainer/0/path",
		"/hooks/startContainer/0/path",
		"/hooks/poststart/0/path",
		"/hooks/poststop/0/path",
		"/linux/namespaces/0/type",
		"/linux/uidMappings",
		"/linux/gidMappings",
		"/linux/uidMappings/0/size",
		"/linux/devices/0/type",
		"/linux/devices/0/path",
		"/linux/devices/0/major",
		"/linux/devices/0/minor",
		"/linux/resources/devices/0/allow",
		"/linux/resources/blockIO/weightDevice/0/major",
		"/linux/resources/blockIO/weightDevice/0/minor",
		"/linux/resources/blockIO/throttleReadBpsDevice/0/major",
		"/linux/resources/blockIO/throttleWriteBpsDevice/0/minor",
		"/linux/resources/blockIO/throttleReadIOPSDevice/0/rate",
		"/linux/resources/hugepageLimits/0/pageSize",
		"/linux/resources/hugepageLimits/0/limit",
		"/linux/resources/network/priorities/0/name",
		"/linux/resources/network/priorities/0/priority",
		"/linux/memoryPolicy/mode",
		"/linux/memoryPolicy/nodes",
		"/linux/seccomp/defaultAction",
		"/linux/seccomp/syscalls/0/names",
		"/linux/seccomp/syscalls/0/action",
		"/linux/seccomp/syscalls/1/args/0/index",
		"/linux/seccomp/syscalls/1/args/0/value",
		"/linux/seccomp/syscalls/1/args/0/op",
		"/linux/personality/domain",
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(required); i++)
		if (!missing_is_refused(required[i]))
			FAIL_("%s", required[i]);
	arena_free(&arena);
}

/* ---- samples, parts, files ---- */

TEST(schema_samples)
{
	static const char *const good[] = { "minimal", "minimal-for-start", "linux-netdevice",
					    "linux-rdma", "spec-example" };
	static const char *const bad[] = { "invalid-json", "linux-hugepage", "linux-netdevice",
					   "linux-rdma" };

	begin();
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (read_config_text(file_text(
			    arena_printf(&arena, "%s/good/%s.json", TEST_SCHEMA, good[i]))) < 0)
			FAIL_("%s: %s: %s", good[i], err.at, err.msg);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_INT(read_config_text(file_text(
				  arena_printf(&arena, "%s/bad/%s.json", TEST_SCHEMA, bad[i]))),
			  -EINVAL);
	arena_free(&arena);
}

TEST(parts_have_their_own_pointers)
{
	static const char process[] = "{\"args\":[\"a\"],\"cwd\":\"x\"}",
			  resources[] = "{\"pids\":{\"limit\":1.5}}";
	static const char whole[] = "{\"args\":[\"a\"],\"cwd\":\"/\",\"odd\":1}";
	struct spec_resources r;
	struct spec_process p;

	begin();
	CHECK_INT(spec_read_process(process, sizeof(process) - 1, &arena, &p, &err), -EINVAL);
	CHECK_STR(err.at, "/cwd");
	err_clear(&err);
	CHECK_INT(spec_read_resources(resources, sizeof(resources) - 1, &arena, &r, &err), -EINVAL);
	CHECK_STR(err.at, "/pids/limit");
	err_clear(&err);
	CHECK_INT(spec_read_process(whole, sizeof(whole) - 1, &arena, &p, &err), 0);
	CHECK(p.set);
	CHECK_STR(p.args.v[0], "a");
	arena_free(&arena);
}

/* As `docker update` writes what it leaves alone; pids and huge pages can be 0. */
TEST(zero_is_no_limit_where_none_can_be_zero)
{
	static const char text[] =
		"{\"memory\":{\"limit\":0,\"reservation\":0,\"swap\":0,\"kernel\":0,\"kernelTCP\":"
		"0},"
		"\"cpu\":{\"shares\":0,\"quota\":0,\"period\":0,\"burst\":0,\"idle\":0},"
		"\"pids\":{\"limit\":0},\"blockIO\":{\"weight\":0,\"leafWeight\":0}}";
	struct spec_resources r = { 0 };

	begin();
	CHECK_INT(spec_read_resources(text, sizeof(text) - 1, &arena, &r, &err), 0);
	CHECK(!r.memory.limit.set && !r.memory.reservation.set && !r.memory.swap.set);
	CHECK(!r.memory.kernel.set && !r.memory.kernel_tcp.set);
	CHECK(!r.cpu.shares.set && !r.cpu.quota.set && !r.cpu.period.set);
	CHECK(!r.block_io.weight.set && !r.block_io.leaf_weight.set);
	CHECK(r.cpu.burst.set && r.cpu.idle.set && r.pids_limit.set);
	arena_free(&arena);
}

static int read_from(const char *text, size_t n, size_t max)
{
	int fds[2], r;

	err_clear(&err);
	if (pipe2(fds, O_CLOEXEC) < 0 || io_write_all(fds[1], text, n) < 0)
		return -EIO;
	close(fds[1]);
	r = spec_read_fd(fds[0], NULL, max, &arena, &spec, &err);
	close(fds[0]);
	return r;
}

TEST(files)
{
	static const char text[] = "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"}}";
	int fd;

	begin();
	CHECK_INT(read_from(text, sizeof(text) - 1, 1000), 0);
	CHECK_STR(spec.root.path, "r");
	CHECK_INT(read_from(text, sizeof(text) - 1, sizeof(text) - 1), 0);
	CHECK_INT(read_from(text, sizeof(text) - 1, sizeof(text) - 2), -EINVAL);
	CHECK_INT(err.id, ERR_CFG_FILE);
	CHECK(strstr(err.msg, "larger than"));
	err_clear(&err);
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_INT(spec_read_fd(fd, NULL, 100, &arena, &spec, &err), -EISDIR);
	close(fd);
	err_clear(&err);
	fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	CHECK(spec_read_fd(fd, NULL, 100, &arena, &spec, &err) < 0);
	CHECK_INT(err.id, ERR_CFG_FILE);
	close(fd);
	arena_free(&arena);
}

/* Fault J3: long lists are read in linear time, or refused by name and limit. */
TEST(long_lists)
{
	static const char begin_text[] = "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},",
			  unit[] = "\"A=1\",";
	enum { MANY = 1000000 };
	char *text, *p;

	begin();
	text = arena_alloc(&arena, (MANY + 2) * (sizeof(unit) + 1) + 200);
	p = text + (size_t)snprintf(text, 200,
				    "%s\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"env\":[",
				    begin_text);
	for (int i = 0; i < MANY; i++, p += sizeof(unit) - 1)
		memcpy(p, unit, sizeof(unit) - 1);
	memcpy(p, "\"B=2\"]}}", 9);
	CHECK_INT(read_config_text(text), 0);
	CHECK_INT(spec.process.env.n, MANY + 1);
	p = text + (size_t)snprintf(text, 200, "%s\"mounts\":[", begin_text);
	for (int i = 0; i < 65536; i++)
		p += (size_t)snprintf(p, 32, "{\"destination\":\"/%d\"},", i);
	snprintf(p, 32, "{\"destination\":\"/x\"}]}");
	CHECK_INT(read_config_text(text), -EINVAL);
	CHECK_INT(err.id, ERR_CFG_LIMIT);
	CHECK_STR(err.at, "/mounts");
	CHECK(strstr(err.msg, "65537 entries, but at most 65536"));
	p = text + (size_t)snprintf(text, 200, "%s", begin_text);
	for (int i = 0; i < 100000; i++)
		p += (size_t)snprintf(p, 32, "\"unknown%d\":%d,", i, i);
	snprintf(p, 32, "\"last\":0}");
	CHECK_INT(read_config_text(text), 0);
	CHECK_INT(spec.n_notes, 65);
	arena_free(&arena);
}

UNIT_MAIN
