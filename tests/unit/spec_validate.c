/* SPDX-License-Identifier: Apache-2.0 */
/* Checks across the config, and what the room writes itself: default configs and features. */
#include "spec_full.h"

struct conflict {
	const char *pointer, *value;
	enum err_id id;
	const char *at;
};

#define ALL_BUT_USER                                                                               \
	"[{\"type\":\"uts\"},{\"type\":\"network\"},{\"type\":\"time\"},{\"type\":\"mount\"}]"
#define ALL_BUT_UTS "[{\"type\":\"user\"},{\"type\":\"network\"},{\"type\":\"time\"}]"
#define ALL_BUT_TIME "[{\"type\":\"user\"},{\"type\":\"network\"},{\"type\":\"uts\"}]"
#define ALL_BUT_NETWORK "[{\"type\":\"user\"},{\"type\":\"time\"},{\"type\":\"uts\"}]"
#define LETTERS_64 "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""
#define LETTERS_65 "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\""

static const struct conflict conflicts[] = {
	{ "/ociVersion", "\"1.0.0\"", ERR_NONE, "" },
	{ "/ociVersion", "\"2.0.0\"", ERR_CFG_VERSION, "/ociVersion" },
	{ "/ociVersion", "\"0.9.0\"", ERR_CFG_VERSION, "/ociVersion" },
	{ "/ociVersion", "\"1.0.0\",\"vm\":{}", ERR_CFG_PLATFORM, "/vm" },
	{ "/hostname", LETTERS_64, ERR_NONE, "" },
	{ "/hostname", LETTERS_65, ERR_CFG_RANGE, "/hostname" },
	{ "/domainname", LETTERS_65, ERR_CFG_RANGE, "/domainname" },
	{ "/linux/namespaces", ALL_BUT_UTS, ERR_CFG_CONFLICT, "/hostname" },
	{ "/process/consoleSize/width", "65535", ERR_NONE, "" },
	{ "/process/consoleSize/width", "65536", ERR_CFG_RANGE, "/process/consoleSize/width" },
	{ "/process/consoleSize/height", "65536", ERR_CFG_RANGE, "/process/consoleSize/height" },
	{ "/linux/namespaces", ALL_BUT_USER, ERR_CFG_CONFLICT, "/linux/uidMappings" },
	{ "/linux/namespaces/4", "{\"type\":\"user\",\"path\":\"/proc/1/ns/user\"}", ERR_NONE, "" },
	{ "/linux/namespaces", ALL_BUT_TIME, ERR_CFG_CONFLICT, "/linux/timeOffsets" },
	{ "/linux/namespaces/6", "{\"type\":\"time\",\"path\":\"/proc/1/ns/time\"}",
	  ERR_CFG_CONFLICT, "/linux/timeOffsets" },
	{ "/linux/namespaces", ALL_BUT_NETWORK, ERR_CFG_CONFLICT, "/linux/netDevices" },
	{ "/linux/netDevices", "{\"a\":{\"name\":\"c\"},\"b\":{\"name\":\"c\"}}", ERR_CFG_DUPLICATE,
	  "/linux/netDevices/a/name" },
	{ "/linux/netDevices", "{\"a\":{\"name\":\"b\"},\"b\":{}}", ERR_CFG_DUPLICATE,
	  "/linux/netDevices/a/name" },
	{ "/linux/netDevices", "{\"a\":{\"name\":\"c%d\"},\"b\":{\"name\":\"c%d\"}}", ERR_NONE,
	  "" },
	{ "/linux/netDevices", "{\"a\":{\"name\":\"b\"},\"b\":{\"name\":\"a\"}}", ERR_NONE, "" },
	{ "/linux/seccomp", "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", ERR_CFG_MISSING,
	  "/linux/seccomp/listenerPath" },
	{ "/linux/seccomp",
	  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"a\"],"
	  "\"action\":\"SCMP_ACT_NOTIFY\"}]}",
	  ERR_CFG_MISSING, "/linux/seccomp/listenerPath" },
	{ "/linux/seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/nowhere\"}",
	  ERR_NONE, "" },
};

TEST(conflicts_are_found)
{
	begin();
	CHECK_INT(read_config_text(base), 0);
	CHECK_INT(spec_validate(&spec, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(conflicts); i++) {
		const struct conflict *c = &conflicts[i];
		int r = read_config_text(with_value(at_pointer(c->pointer), c->value));

		if (r < 0)
			FAIL_("%s = %s is not read: %s: %s", c->pointer, c->value, err.at, err.msg);
		r = spec_validate(&spec, &err);
		if (r != (c->id ? -EINVAL : 0) || err.id != c->id || strcmp(err.at, c->at))
			FAIL_("%s = %s: %d, id %d at \"%s\": %s", c->pointer, c->value, r,
			      (int)err.id, err.at, err.msg);
	}
	arena_free(&arena);
}

/* CFG-PROC-06 */
TEST(console_size_means_nothing_without_a_terminal)
{
	begin();
	CHECK_INT(
		read_config_text(
			"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"process\":{\"args\":"
			"[\"a\"],\"cwd\":\"/\",\"consoleSize\":{\"height\":70000,\"width\":1}}}"),
		0);
	CHECK_INT(spec_validate(&spec, &err), 0);
	arena_free(&arena);
}

static char *written(bool features, bool rootless)
{
	char *text = NULL, *copy;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f || (features ? spec_write_features(true, f)
			    : spec_write_template(f, rootless, 1000, 1001)) < 0)
		return NULL;
	fclose(f);
	copy = arena_memdup(&arena, text, n);
	free(text);
	return copy;
}

TEST(default_configs_are_valid)
{
	begin();
	for (int rootless = 0; rootless < 2; rootless++) {
		const char *text = written(false, rootless);

		CHECK(text && text[strlen(text) - 1] == '\n');
		if (read_config_text(text) < 0 || spec_validate(&spec, &err) < 0)
			FAIL_("%s: %s", err.at, err.msg);
		CHECK_INT(spec.n_notes, 0);
		CHECK(spec.process.no_new_privileges);
		CHECK(spec.process.caps.sets[CAPSET_BOUNDING] == (1u << 5 | 1u << 10 | 1u << 29));
		CHECK(spec.process.caps.sets[CAPSET_AMBIENT] == 0);
		CHECK(spec.root.readonly);
		CHECK_INT(spec.os.namespaces[NS_USER].listed, rootless);
		CHECK_INT(spec.os.namespaces[NS_NETWORK].listed, !rootless);
		CHECK_INT(spec.os.uid_mappings.n, rootless);
		CHECK_INT(spec.os.masked_paths.n, 12);
	}
	CHECK_INT(spec.os.uid_mappings.v[0].host_id, 1000);
	CHECK_INT(spec.os.gid_mappings.v[0].host_id, 1001);
	arena_free(&arena);
}

static bool lists(struct jv object, const char *key, const struct name_table *t)
{
	struct jv list;

	if (!jv_find(object, key, &list) || jv_count(list) != t->n)
		return false;
	for (struct jv_iter it = jv_each(list); jv_next(&it);) {
		const char *s;

		if (jv_string(it.value, &s, &err) < 0 || !table_find(t, s))
			return false;
	}
	return true;
}

TEST(features_list_what_the_reader_knows)
{
	struct jv_doc f;
	struct jv root, linux_, seccomp, policy;
	const char *text;
	size_t n;

	begin();
	text = written(true, false);
	CHECK_INT(jv_parse(text, strlen(text), &arena, &f, &err), 0);
	root = jv_root(&f);
	CHECK(lists(root, "hooks", &spec_hook_kinds));
	CHECK(jv_find(root, "linux", &linux_));
	CHECK(lists(linux_, "namespaces", &spec_namespaces));
	CHECK(lists(linux_, "capabilities", &spec_capabilities));
	CHECK(jv_find(linux_, "seccomp", &seccomp));
	CHECK(lists(seccomp, "actions", &spec_seccomp_actions));
	CHECK(lists(seccomp, "operators", &spec_seccomp_ops));
	CHECK(lists(seccomp, "archs", &spec_seccomp_archs));
	CHECK(lists(seccomp, "knownFlags", &spec_seccomp_flags));
	CHECK(jv_find(linux_, "memoryPolicy", &policy));
	CHECK(lists(policy, "modes", &spec_mpol_modes));
	CHECK(jv_find(root, "mountOptions", &policy));
	spec_mount_options(&n);
	CHECK_INT(jv_count(policy), n);
	CHECK(!strstr(text, "null"));
	arena_free(&arena);
}

UNIT_MAIN
