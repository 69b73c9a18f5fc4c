/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/image: a directory of images: what CRIU's log says about a failure, the files a failed
 * dump leaves, and the names of the container's streams. All of it may be somebody else's work.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "checkpoint/checkpoint.h"
#include "spec/json.h"
#include "spec/write.h"
#include "sys/call.h"

enum { LOG_MAX = 64 * 1024 * 1024, LINES_MAX = 3, STREAMS_MAX = 64 * 1024 };

static const char streams_file[] = "descriptors.json";

/* "(00.012) 12: Error (criu/x.c:34): text": the text, or NULL. */
static const char *error_text(const char *line)
{
	const char *p = *line == '(' ? strstr(line, "Error (") : NULL, *text;

	text = p ? strstr(p, "): ") : NULL;
	return text ? text + 3 : NULL;
}

void criu_log_errors(int dir, const char *name, char *ret, size_t size)
{
	_cleanup_fd_ int fd = sys_openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	_cleanup_(arena_free) struct arena a = { 0 };
	struct strbuf b = { .buf = ret, .size = size };
	char *text, *line;
	unsigned found = 0;
	size_t n;

	ret[0] = '\0';
	arena_init(&a);
	if (fd < 0 || io_read_all(fd, LOG_MAX, &a, &text, &n) < 0)
		return;
	while (found < LINES_MAX && (line = strsep(&text, "\n"))) {
		const char *said = error_text(line);

		if (!said || !*said)
			continue;
		sb_printf(&b, "%s%.300s", found++ ? "; " : "", said);
	}
}

/* ---- files ---- */

int criu_list(int dir, struct arena *a, struct strv *ret)
{
	_cleanup_fd_ int fd = sys_openat(dir, ".", O_RDONLY | O_DIRECTORY, 0);
	_Alignas(struct dirent64) char buf[8192];
	ssize_t n;

	*ret = (struct strv){ 0 };
	if (fd < 0)
		return fd;
	while ((n = sys_getdents64(fd, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(buf + at);

			if (!streq(d->d_name, ".") && !streq(d->d_name, ".."))
				*(char **)arena_push(a, &ret->v, &ret->n, sizeof(char *)) =
					arena_strdup(a, d->d_name);
			at += d->d_reclen;
		}
	return (int)n;
}

static bool contains(const struct strv *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (streq(v->v[i], name))
			return true;
	return false;
}

void criu_remove_new(int dir, const struct strv *before, const char *keep, struct arena *a)
{
	struct strv now;

	if (criu_list(dir, a, &now) < 0)
		return;
	for (size_t i = 0; i < now.n; i++)
		if (!contains(before, now.v[i]) && !streq(now.v[i], keep))
			sys_unlinkat(dir, now.v[i], 0);
}

/* ---- streams ---- */

int criu_write_streams(int dir, const char *const names[CRIU_STREAMS], struct arena *a)
{
	_cleanup_fd_ int fd = -1;
	struct jw w;

	jw_init(&w, a, 0);
	jw_array(&w, NULL);
	for (int i = 0; i < CRIU_STREAMS; i++)
		jw_string(&w, NULL, names[i]);
	jw_end(&w);
	sys_unlinkat(dir, streams_file, 0);
	fd = sys_openat(dir, streams_file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	return fd < 0 ? fd : io_write_all(fd, w.buf, w.len);
}

int criu_read_streams(int dir, struct arena *a, const char *ret[CRIU_STREAMS], struct err *e)
{
	_cleanup_fd_ int fd = sys_openat(dir, streams_file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	struct jv_doc doc;
	struct jv_iter it;
	char *text;
	size_t n;
	int r;

	for (int i = 0; i < CRIU_STREAMS; i++)
		ret[i] = "";
	if (fd == -ENOENT)
		return 0;
	r = fd < 0 ? fd : io_read_all(fd, STREAMS_MAX, a, &text, &n);
	if (r < 0)
		return err_sys(e, ERR_CHK_IMAGE, r, "read %s", streams_file);
	r = jv_parse(text, n, a, &doc, e);
	if (r == 0)
		r = jv_array(jv_root(&doc), e);
	if (r == 0 && jv_count(jv_root(&doc)) != CRIU_STREAMS)
		r = jv_fail(jv_root(&doc), e, ERR_CHK_IMAGE, "must name %d streams", CRIU_STREAMS);
	if (r < 0)
		return err_step(e, r, streams_file);
	for (it = jv_each(jv_root(&doc)); r == 0 && jv_next(&it);)
		r = jv_string(it.value, &ret[it.index], e);
	return err_step(e, r, streams_file);
}
