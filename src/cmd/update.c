/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/update: new limits from options and from a file of resources. An option wins over the same
 * value of the file; all of them together are one change.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "cmd/cmd.h"
#include "sys/call.h"

static int read_resources(struct ctx *c, const char *file, struct spec_resources *ret,
			  struct err *e)
{
	const bool from_stdin = streq(file, "-");
	_cleanup_fd_ int opened =
		from_stdin ? -1 : sys_openat(AT_FDCWD, file, O_RDONLY | O_NOCTTY, 0);
	int fd = from_stdin ? STDIN_FILENO : opened, r;
	char *text;
	size_t n;

	r = fd < 0 ? fd : io_read_all(fd, SPEC_MAX_BYTES, &c->a, &text, &n);
	if (r < 0)
		return err_sys(e, ERR_CLI_FILE, r, "--resources: read %s", file);
	return spec_read_resources(text, n, &c->a, ret, e);
}

/* A number of bytes as people write it: "64m", "1G", "512KiB"; binary units. -1: no limit. */
static int parse_size(const char *text, int64_t *ret)
{
	static const char units[] = "bkmgtp";
	size_t n = strspn(text, "0123456789"), unit;
	const char *rest = text + n, *at;
	char digits[24];
	uint64_t v;

	if (streq(text, "-1")) {
		*ret = -1;
		return 0;
	}
	if (!n || n >= sizeof(digits))
		return -EINVAL;
	at = *rest ? strchr(units, *rest | 0x20) : units;
	if (!at)
		return -EINVAL;
	/* "k", "kb" and "kib" in any case */
	if (*rest && at > units && (rest[1] | 0x20) == 'i' && rest[2])
		rest++;
	if (*rest && rest[1] && (at == units || (rest[1] | 0x20) != 'b' || rest[2]))
		return -EINVAL;
	unit = (size_t)(at - units);
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (str_to_u64(digits, (uint64_t)INT64_MAX >> (10 * unit), &v) < 0)
		return -EINVAL;
	*ret = (int64_t)(v << (10 * unit));
	return 0;
}

static int bad_value(const char *option, const char *text, const char *what, struct err *e)
{
	return err_set(e, ERR_CLI_VALUE, 0, "--%s takes %s, not \"%s\"", option, what, text);
}

/*
 * In all of these 0 is no value where none can be 0, and neither is an empty list, as with a
 * resources object: doc/decisions.md, "Resources".
 */
static int set_sizes(const struct args *a, struct spec_memory *m, struct err *e)
{
	const struct {
		const char *option, *text;
		struct opt_i64 *to;
	} rows[] = {
		{ "memory", a->limits.memory, &m->limit },
		{ "memory-reservation", a->limits.memory_reservation, &m->reservation },
		{ "memory-swap", a->limits.memory_swap, &m->swap },
		{ "kernel-memory", a->limits.kernel_memory, &m->kernel },
		{ "kernel-memory-tcp", a->limits.kernel_memory_tcp, &m->kernel_tcp },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!rows[i].text)
			continue;
		if (parse_size(rows[i].text, &rows[i].to->v) < 0)
			return bad_value(rows[i].option, rows[i].text,
					 "bytes such as 1048576 or 512m, or -1", e);
		rows[i].to->set = rows[i].to->v;
		m->set = true;
	}
	return 0;
}

static int set_signed(const struct args *a, struct spec_resources *res, struct err *e)
{
	const struct {
		const char *option, *text;
		struct opt_i64 *to;
		bool *section, zero;
	} rows[] = {
		{ "cpu-quota", a->limits.cpu_quota, &res->cpu.quota, &res->cpu.set, false },
		{ "cpu-idle", a->limits.cpu_idle, &res->cpu.idle, &res->cpu.set, true },
		{ "cpu-rt-runtime", a->limits.cpu_rt_runtime, &res->cpu.realtime_runtime,
		  &res->cpu.set, true },
		{ "pids-limit", a->limits.pids_limit, &res->pids_limit, &res->pids_set, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!rows[i].text)
			continue;
		if (str_to_i64(rows[i].text, INT64_MIN, INT64_MAX, &rows[i].to->v) < 0)
			return bad_value(rows[i].option, rows[i].text, "a number", e);
		rows[i].to->set = rows[i].zero || rows[i].to->v;
		*rows[i].section = true;
	}
	return 0;
}

static int set_unsigned(const struct args *a, struct spec_resources *res, struct err *e)
{
	struct spec_cpu *cpu = &res->cpu;
	const struct {
		const char *option, *text;
		struct opt_u64 *to;
		bool zero;
	} rows[] = {
		{ "cpu-period", a->limits.cpu_period, &cpu->period, false },
		{ "cpu-share", a->limits.cpu_share, &cpu->shares, false },
		{ "cpu-burst", a->limits.cpu_burst, &cpu->burst, true },
		{ "cpu-rt-period", a->limits.cpu_rt_period, &cpu->realtime_period, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!rows[i].text)
			continue;
		if (str_to_u64(rows[i].text, UINT64_MAX, &rows[i].to->v) < 0)
			return bad_value(rows[i].option, rows[i].text,
					 "a number that is not negative", e);
		rows[i].to->set = rows[i].zero || rows[i].to->v;
		cpu->set = true;
	}
	if (!a->limits.blkio_weight)
		return 0;
	if (str_to_u32(a->limits.blkio_weight, &res->block_io.weight.v) < 0)
		return bad_value("blkio-weight", a->limits.blkio_weight, "a number from 10 to 1000",
				 e);
	res->block_io.weight.set = res->block_io.weight.v;
	res->block_io.set = true;
	return 0;
}

static int set_options(const struct args *a, struct spec_resources *res, struct err *e)
{
	int r;

	if (a->limits.cpuset_cpus && *a->limits.cpuset_cpus) {
		res->cpu.cpus = a->limits.cpuset_cpus;
		res->cpu.set = true;
	}
	if (a->limits.cpuset_mems && *a->limits.cpuset_mems) {
		res->cpu.mems = a->limits.cpuset_mems;
		res->cpu.set = true;
	}
	r = set_sizes(a, &res->memory, e);
	if (r == 0)
		r = set_signed(a, res, e);
	if (r == 0)
		r = set_unsigned(a, res, e);
	return r;
}

/* The kernel ends texts with a newline; those with a line per key keep the inner ones. */
static const char *trimmed(struct arena *a, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	while (n && text[n - 1] == '\n')
		n--;
	return n ? arena_memdup(a, text, n) : "";
}

static void print_changes(struct ctx *c, const char *id, const struct cgroup_change *v, size_t n)
{
	struct jw w;

	jw_init(&w, &c->a, 2);
	jw_object(&w, NULL);
	jw_string(&w, "id", id);
	jw_array(&w, "changes");
	for (size_t i = 0; i < n; i++) {
		jw_object(&w, NULL);
		jw_string(&w, "pointer", v[i].pointer ? v[i].pointer : "");
		jw_string(&w, "file", v[i].file);
		jw_string(&w, "old", trimmed(&c->a, v[i].old_value));
		jw_string(&w, "new", trimmed(&c->a, v[i].new_value));
		jw_end(&w);
	}
	jw_end(&w);
	jw_end(&w);
	puts(w.buf);
}

/* Does the command line speak of the cgroup at all? */
static bool has_limits(const struct args *a)
{
	const char *const *v = (const char *const *)&a->limits;

	for (size_t i = 0; i < sizeof(a->limits) / sizeof(*v); i++)
		if (v[i] && v[i] != a->limits.l3_cache_schema && v[i] != a->limits.mem_bw_schema)
			return true;
	return a->resources;
}

static int run_update(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	struct spec_resources res = { .set = true };
	struct container_changes want = { .rdt = { a->limits.l3_cache_schema,
						   a->limits.mem_bw_schema } };
	struct cgroup_change *v = NULL;
	int r, json = cmd_format(a, false, e);
	size_t n = 0;

	(void)ret_status;
	if (json < 0)
		return json;
	r = a->resources ? read_resources(c, a->resources, &res, e) : 0;
	if (r == 0)
		r = set_options(a, &res, e);
	if (has_limits(a))
		want.resources = &res;
	if (r == 0)
		r = container_update(c, a->v[0], &want, &v, &n, e);
	if (r < 0)
		return r;
	if (json)
		print_changes(c, a->v[0], v, n);
	return 0;
}

static const struct opt update_opts[] = {
	OPT_T("resources", 'r', resources, "FILE|-",
	      "take a resources object from FILE or standard input"),
	OPT_T("blkio-weight", 0, limits.blkio_weight, "WEIGHT", "share of block I/O, 10 to 1000"),
	OPT_T("cpu-period", 0, limits.cpu_period, "US",
	      "length of a period of the quota, in microseconds"),
	OPT_T("cpu-quota", 0, limits.cpu_quota, "US", "CPU time per period; -1: no limit"),
	OPT_T("cpu-burst", 0, limits.cpu_burst, "US", "CPU time that may be saved for later"),
	OPT_T("cpu-share", 0, limits.cpu_share, "SHARES", "share of the CPU against other groups"),
	OPT_T("cpu-idle", 0, limits.cpu_idle, "0|1", "1: run only when nobody else wants to"),
	OPT_T("cpu-rt-period", 0, limits.cpu_rt_period, "US",
	      "period of realtime scheduling (cgroup v1)"),
	OPT_T("cpu-rt-runtime", 0, limits.cpu_rt_runtime, "US",
	      "realtime CPU time per period (cgroup v1)"),
	OPT_T("cpuset-cpus", 0, limits.cpuset_cpus, "LIST", "CPUs to use, as 0-2,7"),
	OPT_T("cpuset-mems", 0, limits.cpuset_mems, "LIST", "memory nodes to use"),
	OPT_T("memory", 0, limits.memory, "BYTES", "limit of memory, as 512m; -1: none"),
	OPT_T("memory-reservation", 0, limits.memory_reservation, "BYTES", "soft limit of memory"),
	OPT_T("memory-swap", 0, limits.memory_swap, "BYTES",
	      "limit of memory and swap together; -1: none"),
	OPT_T("kernel-memory", 0, limits.kernel_memory, "BYTES",
	      "an error on kernels that cannot limit it"),
	OPT_T("kernel-memory-tcp", 0, limits.kernel_memory_tcp, "BYTES",
	      "limit of TCP buffers (cgroup v1)"),
	OPT_T("pids-limit", 0, limits.pids_limit, "N", "number of processes; -1: no limit"),
	OPT_T("l3-cache-schema", 0, limits.l3_cache_schema, "LINE",
	      "cache of the RDT group, as L3:0=7f0;1=1f"),
	OPT_T("mem-bw-schema", 0, limits.mem_bw_schema, "LINE",
	      "memory bandwidth of the RDT group, as MB:0=50"),
	OPT_T("format", 'f', format, "table|json", "json: print old and new values"),
};

const struct cmd cmd_update = CMD("update", "ID", "change the limits of a container, all or none",
				  update_opts, 1, 1, run_update);
