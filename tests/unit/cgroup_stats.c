/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of cgroup v2 as the kernel prints them, from files of a temporary directory. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/str.h"
#include "cgroup/internal.h"

struct dir {
	char path[64];
	int fd;
};

static void dir_end(struct dir *d)
{
	DIR *list = d->fd < 0 ? NULL : fdopendir(dup(d->fd));
	struct dirent *x;

	while (list && (x = readdir(list)))
		unlinkat(d->fd, x->d_name, 0);
	if (list)
		closedir(list);
	fd_close(&d->fd);
	rmdir(d->path);
}

static int dir_begin(struct dir *d)
{
	str_format(d->path, sizeof(d->path), "/tmp/hull-test-stats-XXXXXX");
	d->fd = mkdtemp(d->path) ? open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	return d->fd;
}

static void put(const struct dir *d, const char *name, const char *text)
{
	_cleanup_fd_ int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
}

TEST(all_controllers)
{
	_cleanup_(dir_end) struct dir d;
	struct cgroup_stats s;
	struct arena a;

	CHECK(dir_begin(&d) >= 0);
	put(&d, "cpu.stat",
	    "usage_usec 12\nuser_usec 7\nsystem_usec 5\nnr_periods 3\nnr_throttled "
	    "2\nthrottled_usec 9\n"
	    "nr_bursts 1\nburst_usec 4\n");
	put(&d, "memory.current", "4096\n");
	put(&d, "memory.max", "max\n");
	put(&d, "memory.peak", "8192\n");
	put(&d, "memory.swap.current", "100\n");
	put(&d, "memory.swap.max", "1000\n");
	put(&d, "memory.stat", "anon 1\nfile 2048\nkernel 3\n");
	put(&d, "memory.events", "low 0\nhigh 0\nmax 17\noom 2\noom_kill 1\noom_group_kill 0\n");
	put(&d, "pids.current", "3\n");
	put(&d, "pids.max", "20\n");
	put(&d, "cpuset.cpus.effective", "0-1\n");
	put(&d, "io.stat",
	    "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=7\n"
	    "7:0 \n254:0 rbytes=1 cost.usage=5\n");
	put(&d, "hugetlb.2MB.current", "2097152\n");
	put(&d, "hugetlb.2MB.max", "4194304\n");
	put(&d, "hugetlb.2MB.rsvd.current", "1\n");
	put(&d, "hugetlb.2MB.events", "max 6\n");
	put(&d, "memory.pressure",
	    "some avg10=1.27 avg60=0.50 avg300=100.00 total=12345\n"
	    "full avg10=0.00 avg60=0.00 avg300=0.01 total=7\n");
	arena_init(&a);
	cgroup_v2_stats_read(d.fd, &a, &s);
	CHECK(s.cpu.set);
	CHECK_INT(s.cpu.total, 12000);
	CHECK_INT(s.cpu.user, 7000);
	CHECK_INT(s.cpu.system, 5000);
	CHECK_INT(s.cpu.throttled_periods, 2);
	CHECK_INT(s.cpu.throttled_time, 9000);
	CHECK_INT(s.cpu.burst_time, 4000);
	CHECK_INT(s.memory.usage, 4096);
	CHECK(s.memory.limit == UINT64_MAX);
	CHECK_INT(s.memory.max, 8192);
	CHECK_INT(s.memory.fail_count, 17);
	CHECK_INT(s.oom_kills, 1);
	CHECK_INT(s.cache, 2048);
	CHECK_INT(s.swap.usage, 4196);
	CHECK(s.swap.limit == UINT64_MAX);
	CHECK_INT(s.n_memory_raw, 3);
	CHECK_STR(s.memory_raw[2].name, "kernel");
	CHECK_INT(s.pids.usage, 3);
	CHECK_INT(s.pids.limit, 20);
	CHECK_STR(s.cpus, "0-1");
	CHECK(!s.mems);
	CHECK_INT(s.n_io, 7);
	CHECK_INT(s.io[1].kind, CGROUP_IO_BYTES);
	CHECK_STR(s.io[1].op, "Write");
	CHECK_INT(s.io[1].value, 314773504);
	CHECK_INT(s.io[1].minor, 16);
	CHECK_INT(s.io[5].value, 7);
	CHECK_INT(s.io[6].major, 254);
	CHECK_INT(s.n_hugetlb, 1);
	CHECK_STR(s.hugetlb[0].size, "2MB");
	CHECK_INT(s.hugetlb[0].usage.usage, 2097152);
	CHECK_INT(s.hugetlb[0].usage.limit, 4194304);
	CHECK_INT(s.hugetlb[0].usage.fail_count, 6);
	CHECK(s.memory_pressure.set && !s.cpu_pressure.set);
	CHECK_INT(s.memory_pressure.some.avg10, 127);
	CHECK_INT(s.memory_pressure.some.avg300, 10000);
	CHECK_INT(s.memory_pressure.some.total, 12345);
	CHECK_INT(s.memory_pressure.full.avg300, 1);
	arena_free(&a);
}

TEST(nothing_is_counted)
{
	_cleanup_(dir_end) struct dir d;
	struct cgroup_stats s;
	struct arena a;

	CHECK(dir_begin(&d) >= 0);
	arena_init(&a);
	cgroup_v2_stats_read(d.fd, &a, &s);
	CHECK(!s.cpu.set && !s.memory.set && !s.swap.set && !s.pids.set && !s.io_pressure.set);
	CHECK_INT(s.n_io + s.n_hugetlb + s.n_memory_raw, 0);
	arena_free(&a);
}

TEST(hostile_text_is_not_believed)
{
	_cleanup_(dir_end) struct dir d;
	struct cgroup_stats s;
	struct arena a;

	CHECK(dir_begin(&d) >= 0);
	put(&d, "cpu.stat",
	    "usage_usec\nuser_usec 99999999999999999999\n\n system_usec 1\nusage_usecx 5");
	put(&d, "memory.current", "12x");
	put(&d, "io.stat", "8 rbytes=1\n8:x rbytes=1\n8:0 rbytes\n8:1 rbytes=-1\n:\n");
	put(&d, "io.pressure",
	    "some\nfull avg10=99999999999999999999 total=99999999999999999999999\n");
	arena_init(&a);
	cgroup_v2_stats_read(d.fd, &a, &s);
	CHECK_INT(s.cpu.total, 0);
	CHECK(!s.memory.set);
	CHECK_INT(s.n_io, 0);
	CHECK_INT(s.io_pressure.full.total, 0);
	arena_free(&a);
}

UNIT_MAIN
