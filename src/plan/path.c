/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/path: lexical paths only. The plan never looks at a file system; what a path really leads to
 * is proved by the room that opens it.
 */
#include "base/str.h"
#include "plan/parts.h"

static bool ends_part(char c)
{
	return c == '/' || c == '\0';
}

/* Is @path what plan_path_clean makes of it? Nearly all are. */
static bool is_clean(const char *path)
{
	const char *p = path;

	if (*p != '/')
		return false;
	for (; *p; p++) { /* at a slash */
		if (p[1] == '/' || (p[1] == '\0' && p != path) ||
		    (p[1] == '.' && (ends_part(p[2]) || (p[2] == '.' && ends_part(p[3])))))
			return false;
		while (!ends_part(p[1]))
			p++;
	}
	return true;
}

const char *plan_path_clean(struct arena *a, const char *path)
{
	size_t len = 0;
	char *out;

	if (is_clean(path))
		return path;
	out = arena_alloc(a, strlen(path) + 2);
	for (const char *p = path; *p;) {
		size_t part = path_part(p);

		if (part == 2 && p[0] == '.' && p[1] == '.') {
			while (len && out[--len] != '/')
				;
		} else if (part && !(part == 1 && p[0] == '.')) {
			out[len++] = '/';
			memcpy(out + len, p, part);
			len += part;
		}
		p += part;
		p += path_slashes(p);
	}
	if (!len)
		out[len++] = '/';
	out[len] = '\0';
	return out;
}

bool plan_path_below(const char *path, const char *dir)
{
	const char *rest;

	if (streq(dir, "/"))
		return true;
	rest = str_skip(path, dir);
	return rest && (*rest == '\0' || *rest == '/');
}
