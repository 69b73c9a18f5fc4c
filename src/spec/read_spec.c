/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/read_spec: the whole config, and the entry points: bytes in, structs out.
 */
#include <inttypes.h>
#include <sys/stat.h>

#include "base/io.h"
#include "spec/read.h"

static int read_vm(struct reader *r, const struct field *f, struct jv v, void *object)
{
	(void)f;
	((struct spec *)object)->vm = true;
	field_note(r, NOTE_PLATFORM, v, "belongs to another platform");
	return 0;
}

static const struct field read_config_fields[] = {
	VALUE(spec, "ociVersion", oci_version, REQUIRED),
	{ .name = "root",
	  .kind = F_OBJECT,
	  .flags = REQUIRED,
	  .offset = offsetof(struct spec, root),
	  .type = &read_root },
	LIST(spec, "mounts", mounts, n_mounts, read_mount),
	INNER(spec, "process", process, read_process),
	VALUE(spec, "hostname", hostname, EMPTY_IS_NONE),
	VALUE(spec, "domainname", domainname, EMPTY_IS_NONE),
	INNER(spec, "hooks", hooks, read_hooks),
	VALUE(spec, "annotations", annotations, 0),
	INNER(spec, "linux", os, read_linux),
	CALL("vm", read_vm, 0),
	OTHER_PLATFORM("windows"),
	OTHER_PLATFORM("solaris"),
	OTHER_PLATFORM("freebsd"),
	OTHER_PLATFORM("zos"),
};
OBJECT_TYPE(read_config, spec);

/* ---- ociVersion ---- */

/* "0" or digits without a leading zero, up to @end; behind the number, or NULL. */
static const char *semver_number(const char *s, unsigned *ret)
{
	size_t n = strspn(s, "0123456789");

	if (!n || n > 9 || (*s == '0' && n > 1))
		return NULL;
	*ret = 0;
	for (size_t i = 0; i < n; i++)
		*ret = *ret * 10 + (unsigned)(s[i] - '0');
	return s + n;
}

/* Dot separated identifiers; those of a pre-release that are numbers have no leading zero. */
static const char *semver_identifiers(const char *s, bool strict)
{
	static const char letters[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";

	for (;;) {
		size_t n = strspn(s, letters), digits = strspn(s, "0123456789");

		if (!n || (strict && *s == '0' && digits == n && n > 1))
			return NULL;
		s += n;
		if (*s != '.')
			return s;
		s++;
	}
}

/* Semantic Versioning 2.0.0 (https://semver.org). */
static bool semver(const char *s, unsigned part[3])
{
	for (int i = 0; i < 3; i++) {
		s = semver_number(s, &part[i]);
		if (!s || (i < 2 && *s++ != '.'))
			return false;
	}
	if (*s == '-')
		s = semver_identifiers(s + 1, true);
	if (s && *s == '+')
		s = semver_identifiers(s + 1, false);
	return s && !*s;
}

static int fail_version(struct jv v, struct err *e)
{
	char shown[80];
	struct strbuf b = STRBUF(shown);

	jv_show(v, &b);
	return jv_fail(v, e, ERR_CFG_VERSION,
		       "%s is not supported, hull follows " SPEC_VERSION_MIN " to " SPEC_VERSION,
		       shown);
}

/* CFG-VER-*. The form is checked here; *ret_other: another major version, which spec_validate
 * refuses. */
static int check_version(struct reader *r, struct jv root, struct jv *ret, bool *ret_other)
{
	const char *s = "";
	unsigned have[3], known[3];
	int x = jv_need(root, "ociVersion", ret, r->e);

	if (x == 0)
		x = jv_string(*ret, &s, r->e);
	if (x < 0)
		return x;
	if (!semver(s, have))
		return jv_fail(*ret, r->e, ERR_CFG_VALUE,
			       "must be a version such as \"" SPEC_VERSION
			       "\" (SemVer 2.0.0), not \"%.64s\"",
			       s);
	semver(SPEC_VERSION, known);
	*ret_other = have[0] != known[0];
	if (!*ret_other && have[1] > known[1])
		field_note(r, NOTE_VERSION, *ret,
			   "is newer than " SPEC_VERSION ", which hull follows");
	return 0;
}

bool spec_version_supported(const char *version)
{
	unsigned have[3], known[3];

	return semver(SPEC_VERSION, known) && semver(version, have) && have[0] == known[0];
}

bool spec_version_before(const char *version, unsigned minor)
{
	unsigned have[3];

	return version && semver(version, have) &&
	       (have[0] < 1 || (have[0] == 1 && have[1] < minor));
}

/* ---- entry points ---- */

int spec_read_text(const char *text, size_t len, struct arena *a, struct spec *ret, struct err *e)
{
	struct spec s = { .raw = text, .raw_len = len };
	struct reader r = { .arena = a, .e = e, .spec = &s };
	struct jv_doc *doc = arena_new(a, struct jv_doc);
	struct jv version;
	bool other = false;
	int x = jv_parse(text, len, a, doc, e);

	s.doc = doc;
	if (x == 0)
		x = check_version(&r, jv_root(doc), &version, &other);
	if (x < 0)
		return x;
	x = field_read(&r, &read_config, jv_root(doc), &s);
	if (x < 0 && other) { /* the version explains whatever was found */
		err_drop(e, "a config of another version fails for its version");
		return fail_version(version, e);
	}
	if (x < 0)
		return x;
	*ret = s;
	return 0;
}

/* SECURITY: a FIFO, a device or a directory in a bundle must neither hang nor feed hull (fault J1).
 */
static int check_file(int fd, const struct stat *known, struct stat *ret, struct err *e)
{
	struct stat st;

	if (known)
		st = *known;
	else if (fstat(fd, &st) < 0)
		return err_sys(e, ERR_CFG_FILE, -errno, "the config cannot be examined");
	*ret = st;
	if (S_ISDIR(st.st_mode))
		return err_set(e, ERR_CFG_FILE, EISDIR, "the config is a directory");
	if (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode))
		return err_set(e, ERR_CFG_FILE, 0, "the config is a device, not a file");
	return 0;
}

int spec_read_fd(int fd, const struct stat *known, size_t max, struct arena *a, struct spec *ret,
		 struct err *e)
{
	struct stat st;
	char *text;
	size_t len;
	int x = check_file(fd, known, &st, e);

	if (x < 0)
		return x;
	x = io_read_known(fd, &st, max, a, &text, &len);
	if (x == -EFBIG)
		return err_set(e, ERR_CFG_FILE, 0, "the config is larger than %zu bytes", max);
	if (x < 0)
		return err_sys(e, ERR_CFG_FILE, x, "the config cannot be read");
	return spec_read_text(text, len, a, ret, e);
}

static int read_part(const char *text, size_t len, const struct object_type *type, struct arena *a,
		     void *object, struct err *e)
{
	struct reader r = { .arena = a, .e = e };
	struct jv_doc doc;
	int x = jv_parse(text, len, a, &doc, e);

	return x < 0 ? x : field_read(&r, type, jv_root(&doc), object);
}

int spec_read_process(const char *text, size_t len, struct arena *a, struct spec_process *ret,
		      struct err *e)
{
	struct spec_process p = { 0 };
	int x = read_part(text, len, &read_process, a, &p, e);

	if (x == 0)
		*ret = p;
	return x;
}

int spec_read_resources(const char *text, size_t len, struct arena *a, struct spec_resources *ret,
			struct err *e)
{
	struct spec_resources res = { 0 };
	int x = read_part(text, len, &read_resources, a, &res, e);

	if (x == 0)
		*ret = res;
	return x;
}

const char *spec_annotation(const struct spec *s, const char *key)
{
	for (size_t i = 0; i < s->annotations.n; i++)
		if (streq(s->annotations.v[i].key, key))
			return s->annotations.v[i].value;
	return NULL;
}
