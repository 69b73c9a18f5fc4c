/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/oom: tell when the OOM killer was at work. Hides the two ways of the kernel: a file that
 * changes (v2) and an eventfd that is registered (v1).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cgroup/internal.h"

void cgroup_oom_close(struct cgroup_oom *o)
{
	fd_close(&o->fd);
	fd_close(&o->aux_fd);
}

static int read_kills(int fd, uint64_t *ret)
{
	char text[512];
	ssize_t n;

	do
		n = pread(fd, text, sizeof(text) - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ENODEV ? -ENOENT : -errno;
	text[n] = '\0';
	return cgroup_text_key(text, "oom_kill", ret);
}

static int open_v2(struct cgroup *g, struct cgroup_oom *ret)
{
	_cleanup_fd_ int dir = cgroup_dir_open(g, 0), fd = -1;
	uint64_t kills = 0;
	int r;

	if (dir < 0)
		return dir;
	fd = cgroup_file_open(dir, "memory.events", O_RDONLY);
	if (fd < 0)
		return fd;
	r = read_kills(fd, &kills);
	if (r < 0)
		return r;
	*ret = (struct cgroup_oom){
		.fd = fd_take(&fd), .events = POLLPRI, .aux_fd = -1, .v2 = true, .kills = kills
	};
	return 0;
}

/*
 * KERNEL: "EVENTFD FD-OF-memory.oom_control" in cgroup.event_control registers; closing the eventfd
 * ends it. Documentation/admin-guide/cgroup-v1/memory.rst#oom-control
 */
static int open_v1(struct cgroup *g, int i, struct cgroup_oom *ret)
{
	_cleanup_fd_ int dir = cgroup_dir_open(g, (unsigned)i), control = -1, event = -1;
	char line[32];
	int r;

	if (dir < 0)
		return dir;
	control = cgroup_file_open(dir, "memory.oom_control", O_RDONLY);
	if (control < 0)
		return control;
	event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event < 0)
		return -errno;
	str_format(line, sizeof(line), "%d %d", event, control);
	r = cgroup_file_write(dir, "cgroup.event_control", line);
	if (r < 0)
		return r;
	/*
	 * the open file tells whether the group still exists: its removal wakes the eventfd as well
	 */
	*ret = (struct cgroup_oom){ .fd = fd_take(&event),
				    .events = POLLIN,
				    .aux_fd = fd_take(&control) };
	return 0;
}

int cgroup_oom_open(struct cgroup *g, struct cgroup_oom *ret, struct err *e)
{
	int i = cgroup_dir_find(g, "memory");
	bool v2 = g->layout == HOST_CGROUP_V2 && g->n;
	int r = v2 ? open_v2(g, ret) : i >= 0 ? open_v1(g, i, ret) : -ENOTSUP;

	if (r >= 0)
		return 0;
	return err_sys(e, ERR_CGR_LAYOUT, r, "watch the memory controller of %s",
		       g->n ? g->dir[0].path : "the container");
}

int cgroup_oom_wait(struct cgroup_oom *o, uint64_t deadline)
{
	for (;;) {
		uint64_t n;
		int r;

		if (o->v2) {
			r = read_kills(o->fd, &n);
			if (r < 0)
				return r;
			if (n > o->kills) {
				o->kills = n;
				return 1;
			}
		}
		r = io_wait(o->fd, o->events, deadline);
		if (r <= 0)
			return r;
		if (o->v2)
			continue;
		if (io_read_some(o->fd, &n, sizeof(n)) < 0)
			continue;
		r = read_kills(o->aux_fd, &n);
		return r == -ENOENT ? r : 1;
	}
}
