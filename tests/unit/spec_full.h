/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/spec_full: a config that has every property (tests/data/config/full.json), and ways to
 * change one value of it.
 */
#ifndef HULL_TESTS_SPEC_FULL_H
#define HULL_TESTS_SPEC_FULL_H

#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/io.h"
#include "spec/read.h"

static struct arena arena;
static struct err err;
static struct spec spec;
static const char *base;  /* full.json */
static struct jv_doc doc; /* of it */

_unused_ static const char *file_text(const char *path)
{
	char *text = NULL;
	size_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || io_read_all(fd, SPEC_MAX_BYTES, &arena, &text, &n) < 0) {
		fprintf(stderr, "%s cannot be read\n", path);
		exit(1);
	}
	close(fd);
	return text;
}

static void begin(void)
{
	arena_init(&arena);
	err_clear(&err);
	base = file_text(TEST_DATA "/config/full.json");
	if (jv_parse(base, strlen(base), &arena, &doc, &err) < 0)
		exit(1);
}

static int read_config_text(const char *text)
{
	err_clear(&err);
	memset(&spec, 0, sizeof(spec));
	return spec_read_text(text, strlen(text), &arena, &spec, &err);
}

/* ---- changing one value of full.json ---- */

static struct jv at_pointer(const char *pointer)
{
	struct jv v = jv_root(&doc);

	while (*pointer == '/') {
		size_t n = strcspn(++pointer, "/");
		char *part = arena_memdup(&arena, pointer, n);
		bool found = false;

		pointer += n;
		for (struct jv_iter it = jv_each(v); jv_next(&it) && !found;)
			if (it.key ? streq(it.key, part)
				   : streq(arena_printf(&arena, "%zu", it.index), part)) {
				v = it.value;
				found = true;
			}
		if (!found) {
			fprintf(stderr, "full.json has no %s\n", part);
			exit(1);
		}
	}
	return v;
}

static const char *with_value(struct jv v, const char *value)
{
	size_t n;
	const char *raw = jv_raw(v, &n);

	return arena_printf(&arena, "%.*s%s%s", (int)(raw - base), base, value, raw + n);
}

/* The member is there under another name: missing, and an unknown property. */
_unused_ static const char *without(struct jv v)
{
	size_t n;
	const char *quote = jv_raw(v, &n);

	while (*--quote != ':')
		;
	while (*--quote != '"')
		;
	while (*--quote != '"')
		;
	return arena_printf(&arena, "%.*sx-%s", (int)(quote + 1 - base), base, quote + 1);
}

_unused_ static const char *pointer_of(struct jv v)
{
	char at[ERR_AT_MAX];
	struct strbuf b = STRBUF(at);

	jv_pointer(v, &b);
	return arena_strdup(&arena, at);
}

#endif
