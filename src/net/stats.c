/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net/stats: the interfaces of another network namespace, as its /proc/PID/net/dev counts them.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "net/net.h"
#include "sys/proc.h"

enum { TEXT_MAX = 16 << 20, COLUMNS = 16 };

/* The numbers behind "NAME:"; their order is that of the titles: 8 received, 8 sent. */
static bool read_line(char *line, struct net_stats *ret)
{
	uint64_t v[COLUMNS];
	/* KERNEL: a name has no blank, '/' or ':'; any other byte may be there. dev_valid_name */
	char *colon = strrchr(line, ':'), *rest = colon ? colon + 1 : NULL, *word;
	size_t n = 0;

	if (!colon)
		return false;
	*colon = '\0';
	while (n < COLUMNS && (word = strsep(&rest, " ")))
		if (*word && str_to_u64(word, UINT64_MAX, &v[n++]) < 0)
			return false;
	if (n < COLUMNS)
		return false;
	*ret = (struct net_stats){
		.name = line + strspn(line, " "),
		.rx = { .bytes = v[0], .packets = v[1], .errors = v[2], .dropped = v[3] },
		.tx = { .bytes = v[8], .packets = v[9], .errors = v[10], .dropped = v[11] },
	};
	return true;
}

int net_stats_read(int pid, struct arena *a, struct net_stats **ret, size_t *ret_n)
{
	_cleanup_fd_ int fd = -1;
	struct net_stats *v = NULL, one;
	char path[32], *text, *line;
	struct procfs proc;
	size_t n = 0, len;
	int r = proc_open_ambient(&proc);

	if (r < 0)
		return r;
	str_format(path, sizeof(path), "%d/net/dev", pid);
	fd = proc_openat(&proc, path, O_RDONLY);
	proc_close(&proc);
	r = fd < 0 ? fd : io_read_all(fd, TEXT_MAX, a, &text, &len);
	if (r < 0)
		return r;
	while ((line = strsep(&text, "\n")))
		if (read_line(line, &one))
			*(struct net_stats *)arena_push(a, &v, &n, sizeof(*v)) = one;
	*ret = v;
	*ret_n = n;
	return 0;
}
