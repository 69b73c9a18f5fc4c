/* SPDX-License-Identifier: Apache-2.0 */
/* Single values of config.json that are accepted or refused, the messages, and what is only noted.
 */
#include "spec_full.h"

/* ---- values ---- */

struct change {
	const char *pointer, *value;
	enum err_id id; /* ERR_NONE: accepted */
	const char *at; /* NULL: the pointer itself */
};

static const struct change changes[] = {
	/* ids, CFG-VALID-03 */
	{ "/process/user/uid", "4294967294", ERR_NONE, NULL },
	{ "/process/user/uid", "4294967295", ERR_CFG_RANGE, NULL },
	{ "/process/user/uid", "4294967296", ERR_CFG_RANGE, NULL },
	{ "/process/user/gid", "-1", ERR_CFG_RANGE, NULL },
	{ "/process/user/gid", "-0", ERR_NONE, NULL },
	{ "/process/user/additionalGids/0", "4294967295", ERR_CFG_RANGE, NULL },
	{ "/process/user/umask", "511", ERR_NONE, NULL },
	{ "/process/user/umask", "512", ERR_CFG_RANGE, NULL },
	{ "/linux/uidMappings/1/size", "4294867295", ERR_NONE, NULL },
	{ "/linux/uidMappings/1/size", "4294867296", ERR_CFG_RANGE, "/linux/uidMappings/1/hostID" },
	{ "/linux/uidMappings/1/containerID", "4294967290", ERR_CFG_RANGE, NULL },
	{ "/linux/uidMappings/0/size", "0", ERR_CFG_RANGE, NULL },
	{ "/linux/uidMappings", "[]", ERR_CFG_MISSING, NULL },
	{ "/mounts/1/gidMappings", "[]", ERR_CFG_MISSING, NULL },
	/* version, CFG-VER */
	{ "/ociVersion", "\"1.0.0\"", ERR_NONE, NULL },
	{ "/ociVersion", "\"1.0.2-dev\"", ERR_NONE, NULL },
	{ "/ociVersion", "\"1.3.0-rc.1\"", ERR_NONE, NULL },
	{ "/ociVersion", "\"1.3.0+build.5\"", ERR_NONE, NULL },
	{ "/ociVersion", "\"1.99.0\"", ERR_NONE, NULL },
	{ "/ociVersion", "\"1.0\"", ERR_CFG_VALUE, NULL },
	{ "/ociVersion", "\"v1.0.0\"", ERR_CFG_VALUE, NULL },
	{ "/ociVersion", "\"1.0.0.0\"", ERR_CFG_VALUE, NULL },
	{ "/ociVersion", "\"01.0.0\"", ERR_CFG_VALUE, NULL },
	{ "/ociVersion", "\"1.0.0-\"", ERR_CFG_VALUE, NULL },
	{ "/ociVersion", "\"1.0.0-a..b\"", ERR_CFG_VALUE, NULL },
	{ "/ociVersion", "\"1.0.0-01\"", ERR_CFG_VALUE, NULL },
	{ "/ociVersion", "\"1.0.0+01\"", ERR_NONE, NULL },
	{ "/ociVersion", "\"\"", ERR_CFG_VALUE, NULL },
	{ "/ociVersion", "\"99999999999.0.0\"", ERR_CFG_VALUE, NULL },
	/* root, mounts, process */
	{ "/root/path", "\"\"", ERR_CFG_VALUE, NULL },
	{ "/mounts/0/destination", "\"data\"", ERR_NONE, NULL },
	{ "/mounts/0/destination", "\"\"", ERR_CFG_VALUE, NULL },
	{ "/process/cwd", "\"tmp\"", ERR_CFG_VALUE, NULL },
	{ "/process/cwd", "\"\"", ERR_CFG_VALUE, NULL },
	{ "/process/args", "[]", ERR_CFG_VALUE, NULL },
	{ "/process/args/0", "\"\"", ERR_NONE, NULL },
	{ "/process/env", "[]", ERR_NONE, NULL },
	{ "/process/rlimits/1/type", "\"RLIMIT_NOFILE\"", ERR_CFG_DUPLICATE, NULL },
	{ "/process/rlimits/0/type", "\"NOFILE\"", ERR_CFG_VALUE, NULL },
	{ "/process/rlimits/1/soft", "1", ERR_CFG_CONFLICT, NULL },
	{ "/process/oomScoreAdj", "1000", ERR_NONE, NULL },
	{ "/process/oomScoreAdj", "1001", ERR_CFG_RANGE, NULL },
	{ "/process/oomScoreAdj", "-1001", ERR_CFG_RANGE, NULL },
	{ "/process/scheduler/policy", "\"SCHED_EXT\"", ERR_CFG_VALUE, NULL },
	{ "/process/scheduler/policy", "\"fifo\"", ERR_CFG_VALUE, NULL },
	{ "/process/scheduler/nice", "20", ERR_CFG_RANGE, NULL },
	{ "/process/scheduler/nice", "-21", ERR_CFG_RANGE, NULL },
	{ "/process/scheduler/priority", "100", ERR_CFG_RANGE, NULL },
	{ "/process/scheduler/runtime", "-1", ERR_CFG_RANGE, NULL },
	{ "/process/ioPriority/class", "\"IOPRIO_CLASS_NONE\"", ERR_CFG_VALUE, NULL },
	{ "/process/ioPriority/priority", "8", ERR_CFG_RANGE, NULL },
	{ "/process/ioPriority/priority", "-1", ERR_CFG_RANGE, NULL },
	{ "/process/execCPUAffinity/initial", "\"a\"", ERR_CFG_VALUE, NULL },
	{ "/process/execCPUAffinity/initial", "\"3-1\"", ERR_CFG_VALUE, NULL },
	{ "/process/execCPUAffinity/final", "\"0-\"", ERR_CFG_VALUE, NULL },
	{ "/process/execCPUAffinity/final", "\"\"", ERR_NONE, NULL },
	{ "/process/execCPUAffinity/final", "\"0,\"", ERR_CFG_VALUE, NULL },
	{ "/process/execCPUAffinity/final", "\"0, 2-4\"", ERR_NONE, NULL },
	{ "/process/capabilities/bounding/0", "\"CAP_FOO\"", ERR_NONE, NULL },
	/* hooks, annotations */
	{ "/hooks/poststop/0/path", "\"true\"", ERR_CFG_VALUE, NULL },
	{ "/hooks/prestart/0/timeout", "0", ERR_CFG_RANGE, NULL },
	{ "/hooks/prestart/0/timeout", "-1", ERR_CFG_RANGE, NULL },
	{ "/hooks/prestart/0/timeout", "2147483648", ERR_CFG_RANGE, NULL },
	{ "/hooks", "{}", ERR_NONE, NULL },
	{ "/annotations", "{}", ERR_NONE, NULL },
	{ "/annotations", "{\"\":\"x\"}", ERR_CFG_VALUE, NULL },
	/* namespaces, clocks, devices */
	{ "/linux/namespaces/0/type", "\"net\"", ERR_CFG_VALUE, NULL },
	{ "/linux/namespaces/0/type", "\"uts\"", ERR_CFG_DUPLICATE, "/linux/namespaces/3" },
	{ "/linux/namespaces/7/path", "\"proc/self/ns/net\"", ERR_CFG_VALUE, NULL },
	{ "/linux/timeOffsets/monotonic/nanosecs", "1000000000", ERR_CFG_RANGE, NULL },
	{ "/linux/timeOffsets", "{\"realtime\":{}}", ERR_CFG_VALUE, "/linux/timeOffsets/realtime" },
	{ "/linux/devices/0/type", "\"a\"", ERR_CFG_VALUE, NULL },
	{ "/linux/devices/0/type", "\"cc\"", ERR_CFG_VALUE, NULL },
	{ "/linux/devices/0/path", "\"dev/fuse\"", ERR_CFG_VALUE, NULL },
	{ "/linux/devices/0/major", "4096", ERR_CFG_RANGE, NULL },
	{ "/linux/devices/0/minor", "1048576", ERR_CFG_RANGE, NULL },
	{ "/linux/devices/0/minor", "-1", ERR_CFG_RANGE, NULL },
	{ "/linux/devices/0/fileMode", "8630", ERR_NONE,
	  NULL }, /* 020666: st_mode of a character device */
	{ "/linux/devices/0/fileMode", "25014", ERR_CFG_VALUE, NULL },
	{ "/linux/devices/0/fileMode", "65536", ERR_CFG_RANGE, NULL },
	{ "/linux/devices/0/uid", "4294967295", ERR_CFG_RANGE, NULL },
	{ "/linux/netDevices/eth0/name", "\"a/b\"", ERR_CFG_VALUE, NULL },
	{ "/linux/netDevices/eth0/name", "\"sixteen-bytes-xx\"", ERR_CFG_VALUE, NULL },
	{ "/linux/netDevices/eth0/name", "\"%d%d\"", ERR_CFG_VALUE, NULL },
	{ "/linux/netDevices/eth0/name", "\"x%s\"", ERR_CFG_VALUE, NULL },
	{ "/linux/netDevices", "{\"..\":{}}", ERR_CFG_VALUE, "/linux/netDevices/.." },
	/* resources */
	{ "/linux/resources/devices/0/access", "\"rx\"", ERR_CFG_VALUE, NULL },
	{ "/linux/resources/devices/1/type", "\"p\"", ERR_CFG_VALUE, NULL },
	{ "/linux/resources/devices/1/major", "-1", ERR_NONE, NULL },
	{ "/linux/resources/devices/1/major", "-2", ERR_CFG_RANGE, NULL },
	{ "/linux/resources/memory/limit", "9223372036854775807", ERR_NONE, NULL },
	{ "/linux/resources/memory/limit", "9223372036854775808", ERR_CFG_RANGE, NULL },
	{ "/linux/resources/memory/limit", "-2", ERR_CFG_RANGE, NULL },
	{ "/linux/resources/memory/swappiness", "100", ERR_NONE, NULL },
	{ "/linux/resources/memory/swappiness", "101", ERR_CFG_RANGE, NULL },
	{ "/linux/resources/cpu/shares", "18446744073709551615", ERR_NONE, NULL },
	{ "/linux/resources/cpu/burst", "1000001", ERR_CFG_CONFLICT, NULL },
	{ "/linux/resources/cpu/quota", "-1", ERR_NONE, NULL },
	{ "/linux/resources/cpu/idle", "2", ERR_CFG_RANGE, NULL },
	{ "/linux/resources/cpu/cpus", "\"3-1\"", ERR_CFG_VALUE, NULL },
	{ "/linux/resources/cpu/mems", "\"a\"", ERR_CFG_VALUE, NULL },
	{ "/linux/resources/pids", "{}", ERR_NONE, NULL },
	{ "/linux/resources/pids/limit", "0", ERR_NONE, NULL },
	{ "/linux/resources/pids/limit", "-2", ERR_CFG_RANGE, NULL },
	{ "/linux/resources/blockIO/weight", "65536", ERR_CFG_RANGE, NULL },
	{ "/linux/resources/blockIO/weightDevice", "[{\"major\":8,\"minor\":0}]", ERR_CFG_MISSING,
	  "/linux/resources/blockIO/weightDevice/0" },
	{ "/linux/resources/hugepageLimits/0/pageSize", "\"64kB\"", ERR_CFG_VALUE, NULL },
	{ "/linux/resources/hugepageLimits/0/pageSize", "\"2M\"", ERR_CFG_VALUE, NULL },
	{ "/linux/resources/hugepageLimits/0/pageSize", "\"02MB\"", ERR_CFG_VALUE, NULL },
	{ "/linux/resources/hugepageLimits/0/pageSize", "\"2048\"", ERR_CFG_VALUE, NULL },
	{ "/linux/resources/hugepageLimits/0/pageSize", "\"2MB/../x\"", ERR_CFG_VALUE, NULL },
	{ "/linux/resources/rdma/mlx5_1", "{}", ERR_CFG_MISSING, NULL },
	{ "/linux/resources/unified", "{\"\":\"1\"}", ERR_CFG_VALUE, NULL },
	/* the rest of linux */
	{ "/linux/intelRdt/memBwSchema", "\"L3:0=3\"", ERR_CFG_VALUE, NULL },
	{ "/linux/intelRdt/memBwSchema", "\"MB:0=20\\nL3:0=f\"", ERR_CFG_VALUE, NULL },
	{ "/linux/intelRdt/l3CacheSchema", "\"L2:0=3\"", ERR_CFG_VALUE, NULL },
	{ "/linux/intelRdt/schemata/1", "\"a\\nb\"", ERR_CFG_VALUE, NULL },
	{ "/linux/intelRdt/closID", "\"/\"", ERR_NONE, NULL },
	{ "/linux/intelRdt/closID", "\"../x\"", ERR_CFG_VALUE, NULL },
	{ "/linux/intelRdt/closID", "\"..\"", ERR_CFG_VALUE, NULL },
	{ "/linux/memoryPolicy/nodes", "\"1-0\"", ERR_CFG_VALUE, NULL },
	{ "/linux/memoryPolicy/nodes", "\"\"", ERR_CFG_MISSING, NULL },
	{ "/linux/memoryPolicy/mode", "\"MPOL_DEFAULT\"", ERR_CFG_CONFLICT,
	  "/linux/memoryPolicy/nodes" },
	{ "/linux/memoryPolicy", "{\"mode\":\"MPOL_DEFAULT\",\"nodes\":\"\"}", ERR_NONE, NULL },
	{ "/linux/memoryPolicy", "{\"mode\":\"MPOL_PREFERRED\"}", ERR_NONE, NULL },
	{ "/linux/rootfsPropagation", "\"rshard\"", ERR_CFG_VALUE, NULL },
	{ "/linux/maskedPaths/0", "\"proc/kcore\"", ERR_CFG_VALUE, NULL },
	{ "/linux/readonlyPaths/0", "\"\"", ERR_CFG_VALUE, NULL },
	{ "/linux/personality/domain", "\"LINUX64\"", ERR_CFG_VALUE, NULL },
	{ "/linux/personality/flags", "[\"ADDR_NO_RANDOMIZE\"]", ERR_CFG_VALUE,
	  "/linux/personality/flags/0" },
	/* seccomp */
	{ "/linux/seccomp/defaultAction", "\"SCMP_ACT_ALLOW\"", ERR_CFG_CONFLICT,
	  "/linux/seccomp/defaultErrnoRet" },
	{ "/linux/seccomp/defaultErrnoRet", "4095", ERR_NONE, NULL },
	{ "/linux/seccomp/defaultErrnoRet", "4096", ERR_CFG_RANGE, NULL },
	{ "/linux/seccomp/syscalls/1/errnoRet", "65535", ERR_NONE, NULL },
	{ "/linux/seccomp/syscalls/1/errnoRet", "65536", ERR_CFG_RANGE, NULL },
	{ "/linux/seccomp/syscalls/1/action", "\"SCMP_ACT_LOG\"", ERR_CFG_CONFLICT,
	  "/linux/seccomp/syscalls/1/errnoRet" },
	{ "/linux/seccomp/syscalls/0/names", "[]", ERR_CFG_VALUE, NULL },
	{ "/linux/seccomp/syscalls/1/args/0/index", "6", ERR_CFG_RANGE, NULL },
	{ "/linux/seccomp/syscalls/1/args/0/value", "18446744073709551616", ERR_CFG_RANGE, NULL },
	{ "/linux/seccomp/listenerPath", "\"\"", ERR_CFG_CONFLICT,
	  "/linux/seccomp/listenerMetadata" },
	{ "/linux/seccomp/architectures", "[]", ERR_NONE, NULL },
};

TEST(values)
{
	begin();
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		const struct change *c = &changes[i];
		int r = read_config_text(with_value(at_pointer(c->pointer), c->value));
		const char *at = c->id == ERR_NONE ? "" : c->at ? c->at : c->pointer;

		if (r != (c->id ? -EINVAL : 0) || err.id != c->id || (c->id && strcmp(err.at, at)))
			FAIL_("%s = %s: %d, id %d at \"%s\": %s", c->pointer, c->value, r,
			      (int)err.id, err.at, err.msg);
	}
	arena_free(&arena);
}

TEST(messages_name_value_range_and_place)
{
	begin();
	read_config_text("{\"ociVersion\":\"1.0.0\",\n \"root\":{\"path\":\"r\"},\n "
			 "\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],"
			 "\"user\":{\"uid\":\"root\",\"gid\":0}}}");
	CHECK_STR(err.at, "/process/user/uid");
	CHECK_STR(err.msg,
		  "must be a whole number from 0 to 4294967294, not \"root\" (line 3, column 50)");
	read_config_text("{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"linux\":{"
			 "\"namespaces\":[{\"type\":\"mnt\"}]}}");
	CHECK_STR(err.msg,
		  "\"mnt\" is no namespace type; known are pid, network, mount, ipc, uts, user, "
		  "cgroup, time (line 1, column 74)");
	read_config_text("{\"ociVersion\":\"2.0.0\",\"root\":7}");
	CHECK_INT(err.id, ERR_CFG_VERSION);
	CHECK_STR(err.at, "/ociVersion");
	CHECK_STR(err.msg,
		  "\"2.0.0\" is not supported, hull follows 1.0.0 to 1.3.0 (line 1, column 15)");
	read_config_text("[]");
	CHECK_INT(err.id, ERR_CFG_TYPE);
	arena_free(&arena);
}

/* ---- what is noted ---- */

static const struct spec_note *note_at(const char *pointer)
{
	for (size_t i = 0; i < spec.n_notes; i++)
		if (streq(spec.notes[i].pointer, pointer))
			return &spec.notes[i];
	return NULL;
}

TEST(unknown_properties_are_noted_at_every_level)
{
	static const char *const objects[] = {
		"",
		"/process",
		"/process/user",
		"/root",
		"/mounts/0",
		"/hooks",
		"/hooks/prestart/0",
		"/linux",
		"/linux/resources",
		"/linux/resources/memory",
		"/linux/resources/pids",
		"/linux/seccomp",
		"/linux/seccomp/syscalls/1/args/0",
		"/linux/namespaces/0",
		"/linux/timeOffsets/monotonic",
		"/linux/devices/0",
		"/linux/netDevices/eth0",
		"/linux/uidMappings/0",
		"/process/consoleSize",
		"/process/rlimits/0",
		"/process/capabilities",
		"/linux/intelRdt",
		"/linux/personality",
	};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		size_t n;
		const char *raw = jv_raw(at_pointer(objects[i]), &n);
		const char *pointer = arena_printf(&arena, "%s/odd~0~1thing", objects[i]);

		if (read_config_text(arena_printf(&arena,
						  "%.*s{\"odd~/thing\":[{\"x\":null}, 1e400],%s",
						  (int)(raw - base), base, raw + 1)) < 0)
			FAIL_("%s: %s", err.at, err.msg);
		if (!note_at(pointer) || note_at(pointer)->kind != NOTE_UNKNOWN)
			FAIL_("no note for %s", pointer);
	}
	arena_free(&arena);
}

TEST(other_platforms_and_deprecated_things_are_noted)
{
	begin();
	CHECK_INT(read_config_text("{\"ociVersion\":\"1.99.0\",\"root\":{\"path\":\"r\"},\"vm\":{"
				   "\"kernel\":7},\"windows\":[],"
				   "\"solaris\":null,\"freebsd\":{\"x\":{}},\"zos\":1,\"platform\":"
				   "{\"os\":\"linux\"},"
				   "\"mounts\":[{\"destination\":\"data\"}]}"),
		  0);
	CHECK_INT(note_at("/vm")->kind, NOTE_PLATFORM);
	CHECK_INT(note_at("/windows")->kind, NOTE_PLATFORM);
	CHECK_INT(note_at("/solaris")->kind, NOTE_PLATFORM);
	CHECK_INT(note_at("/freebsd")->kind, NOTE_PLATFORM);
	CHECK_INT(note_at("/zos")->kind, NOTE_PLATFORM);
	CHECK_INT(note_at("/platform")->kind, NOTE_UNKNOWN);
	CHECK_INT(note_at("/ociVersion")->kind, NOTE_VERSION);
	CHECK_INT(note_at("/mounts/0/destination")->kind, NOTE_DEPRECATED);
	CHECK(spec.vm);
	CHECK_INT(read_config_text(base), 0);
	CHECK_INT(note_at("/process/commandLine")->kind, NOTE_PLATFORM);
	CHECK_INT(note_at("/process/user/username")->kind, NOTE_PLATFORM);
	CHECK_INT(note_at("/hooks/prestart")->kind, NOTE_DEPRECATED);
	CHECK_INT(note_at("/linux/resources/memory/kernel")->kind, NOTE_DEPRECATED);
	arena_free(&arena);
}

TEST(unknown_capabilities_are_kept_for_a_warning)
{
	begin();
	CHECK_INT(read_config_text(with_value(at_pointer("/process/capabilities/bounding"),
					      "[\"CAP_FOO\",\"CAP_KILL\",\"cap_kill\"]")),
		  0);
	CHECK_INT(spec.process.caps.unknown.n, 2);
	CHECK_STR(spec.process.caps.unknown.v[1], "cap_kill");
	CHECK(spec.process.caps.unknown.v[2] == NULL);
	CHECK(spec.process.caps.sets[CAPSET_BOUNDING] == 1u << 5);
	arena_free(&arena);
}

UNIT_MAIN
