/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/path: lexical paths only. The plan never looks at a file system; what a path really leads to
 * is proved by the room that opens it.
 */
#include "base/str.h"
#include "plan/parts.h"

char *plan_path_clean(struct arena *a, const char *path)
{
	size_t n = strlen(path), len = 0;
	char *out = arena_alloc(a, n + 2);

	for (const char *p = path; *p;) {
		size_t part = strcspn(p, "/");

		if (part == 2 && p[0] == '.' && p[1] == '.') {
			while (len && out[--len] != '/')
				;
		} else if (part && !(part == 1 && p[0] == '.')) {
			out[len++] = '/';
			memcpy(out + len, p, part);
			len += part;
		}
		p += part;
		p += strspn(p, "/");
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
