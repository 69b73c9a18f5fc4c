/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/stats: readers of the kernel's small text formats: one number, "KEY NUMBER" lines,
 * pressure lines. Files that a kernel lacks are normal; nothing here is an error.
 */
#include <errno.h>

#include <dirent.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/str.h"
#include "sys/call.h"
#include "cgroup/internal.h"

bool cgroup_stat_number(const struct cgroup_reader *r, const char *file, uint64_t *ret)
{
	char text[32];
	uint64_t v;

	if (cgroup_file_read(r->dir, file, text, sizeof(text)) <= 0)
		return false;
	if (streq(text, "max"))
		v = UINT64_MAX;
	else if (str_to_u64(text, UINT64_MAX, &v) < 0)
		return false;
	*ret = v;
	return true;
}

const char *cgroup_stat_text(const struct cgroup_reader *r, const char *file)
{
	char text[4096];

	return cgroup_file_read(r->dir, file, text, sizeof(text)) < 0 ? NULL
								      : arena_strdup(r->a, text);
}

void cgroup_stat_flat(const struct cgroup_reader *r, const char *file, struct cgroup_value **ret,
		      size_t *ret_n)
{
	struct cgroup_value *v = NULL;
	size_t n = 0;
	char *text;

	if (cgroup_file_read_all(r->dir, file, r->a, &text) < 0)
		return;
	for (char *line = text; *line;) {
		char *end = strchrnul(line, '\n'), *blank;
		bool more = *end;
		uint64_t number;

		*end = '\0';
		blank = strchr(line, ' ');
		if (blank && str_to_u64(blank + 1, UINT64_MAX, &number) == 0) {
			struct cgroup_value *x = arena_push(r->a, &v, &n, sizeof(*x));

			*blank = '\0';
			*x = (struct cgroup_value){ .name = line, .value = number };
		}
		line = more ? end + 1 : end;
	}
	*ret = v;
	*ret_n = n;
}

uint64_t cgroup_stat_find(const struct cgroup_value *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (streq(v[i].name, name))
			return v[i].value;
	return 0;
}

/* "avg10=1.27" as 127: the kernel prints exactly two decimals. */
static uint32_t hundredths(const char *s)
{
	uint32_t v = 0;

	for (; *s && *s != ' ' && v < 100000; s++)
		if (*s >= '0' && *s <= '9')
			v = v * 10 + (uint32_t)(*s - '0');
	return v;
}

static void pressure_line(const char *line, struct cgroup_pressure_line *ret)
{
	const char *at;
	char number[24];

	if ((at = strstr(line, "avg10=")))
		ret->avg10 = hundredths(at + 6);
	if ((at = strstr(line, "avg60=")))
		ret->avg60 = hundredths(at + 6);
	if ((at = strstr(line, "avg300=")))
		ret->avg300 = hundredths(at + 7);
	if ((at = strstr(line, "total="))) {
		str_format(number, sizeof(number), "%.*s", (int)strspn(at + 6, "0123456789"),
			   at + 6);
		(void)str_to_u64(number, UINT64_MAX, &ret->total);
	}
}

/*
 * "some avg10=0.00 avg60=0.00 avg300=0.00 total=0". Documentation/accounting/psi.rst, since 4.20.
 */
void cgroup_stat_pressure(const struct cgroup_reader *r, const char *file,
			  struct cgroup_pressure *ret)
{
	char text[512];

	/* KERNEL: with psi=0 or cgroup.pressure 0 the read fails with EOPNOTSUPP. Since 6.1. */
	if (cgroup_file_read(r->dir, file, text, sizeof(text)) <= 0)
		return;
	for (char *line = text; *line;) {
		char *end = strchrnul(line, '\n');
		bool more = *end;

		*end = '\0';
		if (str_starts(line, "some "))
			pressure_line(line, &ret->some);
		else if (str_starts(line, "full "))
			pressure_line(line, &ret->full);
		line = more ? end + 1 : end;
	}
	ret->set = true;
}

void cgroup_stat_all_pressures(const struct cgroup_reader *r, struct cgroup_stats *ret)
{
	cgroup_stat_pressure(r, "cpu.pressure", &ret->cpu_pressure);
	cgroup_stat_pressure(r, "memory.pressure", &ret->memory_pressure);
	cgroup_stat_pressure(r, "io.pressure", &ret->io_pressure);
}

size_t cgroup_stat_page_sizes(const struct cgroup_reader *r, const char *end, const char ***ret)
{
	_Alignas(struct dirent64) char buf[8192];
	_cleanup_fd_ int fd = cgroup_beneath_open(r->dir, "", O_RDONLY | O_DIRECTORY);
	const char **v = NULL;
	size_t count = 0;
	ssize_t n;

	while (fd >= 0 && (n = sys_getdents64(fd, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *x = (const void *)(buf + at);
			const char *size = str_skip(x->d_name, "hugetlb.");
			const char *dot = size ? strchr(size, '.') : NULL;

			at += x->d_reclen;
			if (!dot || !streq(dot + 1, end))
				continue;
			*(const char **)arena_push(r->a, &v, &count, sizeof(*v)) =
				arena_memdup(r->a, size, (size_t)(dot - size));
		}
	*ret = v;
	return count;
}
