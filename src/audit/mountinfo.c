/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/mountinfo: the table of mounts as /proc shows it, proc_pid_mountinfo(5). Hides the escapes
 * and the optional fields.
 */
#include <errno.h>

#include "audit/room.h"
#include "base/str.h"

/* "\040" for a blank: in place. */
static char *unescape(char *text)
{
	char *out = text;

	for (char *p = text; *p;) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
		    p[3] >= '0' && p[3] <= '7') {
			*out++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 4;
		} else {
			*out++ = *p++;
		}
	}
	*out = '\0';
	return text;
}

static bool numbers(const char *text, unsigned *ret_major, unsigned *ret_minor)
{
	return audit_number(&text, ret_major) && *text++ == ':' && audit_number(&text, ret_minor) &&
	       *text == '\0';
}

static bool parse_line(char *line, struct audit_mount *m)
{
	char *dash = strstr(line, " - "), *word[6], *rest[3];

	if (!dash)
		return false;
	*dash = '\0';
	for (size_t i = 0; i < ARRAY_LEN(word); i++) {
		word[i] = strsep(&line, " ");
		if (!word[i])
			return false;
	}
	dash += 3;
	for (size_t i = 0; i < ARRAY_LEN(rest); i++)
		rest[i] = strsep(&dash, " ");
	if (!rest[0] || !rest[1] || str_to_u64(word[0], UINT64_MAX, &m->id) < 0 ||
	    !numbers(word[2], &m->major, &m->minor))
		return false;
	m->root = unescape(word[3]);
	m->place = unescape(word[4]);
	m->options = word[5];
	m->optional = line ? line : "";
	m->fstype = rest[0];
	m->source = unescape(rest[1]);
	return true;
}

int audit_mounts_parse(char *text, struct arena *a, struct audit_mounts *ret)
{
	for (char *line; (line = strsep(&text, "\n"));) {
		struct audit_mount m = { 0 };

		if (!*line)
			continue;
		if (!parse_line(line, &m))
			return -EBADMSG;
		*(struct audit_mount *)arena_push(a, &ret->v, &ret->n, sizeof(m)) = m;
	}
	return 0;
}

struct audit_mount *audit_mount_by_id(const struct audit_mounts *m, uint64_t id)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].id == id)
			return &m->v[i];
	return NULL;
}

struct audit_mount *audit_mount_at(const struct audit_mounts *m, const char *place)
{
	for (size_t i = m->n; i-- > 0;)
		if (streq(m->v[i].place, place))
			return &m->v[i];
	return NULL;
}

bool audit_has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ',') && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}
