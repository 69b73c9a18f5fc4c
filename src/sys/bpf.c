/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/bpf: bpf(2) for device filters. Hides the attribute union and which of its fields each
 * command reads.
 */
#include "sys/bpf.h"

#include <errno.h>
#include <string.h>

#include "sys/call.h"

/*
 * SECURITY: rule G5. KERNEL: BPF_PROG_QUERY writes up to byte 64 of the union whatever size was
 * passed. 6.17 to 7.1.
 */
_Static_assert(sizeof(union bpf_attr) >= 64, "bpf_attr is smaller than what the kernel may write");

static uint64_t ptr(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

int bpf_load_device(const struct bpf_insn *insns, size_t n, const char *name, char *log,
		    size_t log_size)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = ptr(insns);
	attr.insn_cnt = (uint32_t)n;
	/* No helper is called, so the licence is not looked at; bpf(2). */
	attr.license = ptr("Apache-2.0");
	attr.expected_attach_type = BPF_CGROUP_DEVICE;
	memcpy(attr.prog_name, name, strnlen(name, sizeof(attr.prog_name) - 1));
	if (log) {
		log[0] = '\0';
		attr.log_buf = ptr(log);
		attr.log_size = (uint32_t)log_size;
		attr.log_level = 1;
	}
	return sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

int bpf_attach_device(int cgroup, int prog, int replace_fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	/*
	 * KERNEL: a group above or below may carry filters too; with ALLOW_MULTI all of them must
	 * agree. Since 4.15.
	 */
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (replace_fd >= 0) {
		attr.attach_flags |= BPF_F_REPLACE;
		attr.replace_bpf_fd = (uint32_t)replace_fd;
	}
	return sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr));
}

int bpf_query_device(int cgroup, uint32_t *ret_ids, uint32_t max, uint32_t *ret_n)
{
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = ptr(ret_ids);
	attr.query.prog_cnt = max;
	r = sys_bpf(BPF_PROG_QUERY, &attr, sizeof(attr));
	if (r < 0)
		return r;
	*ret_n = attr.query.prog_cnt;
	return 0;
}

int bpf_open_id(uint32_t id)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	return sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
}

static int get_info(int prog, struct bpf_prog_info *info)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	memset(info, 0, sizeof(*info));
	attr.info.bpf_fd = (uint32_t)prog;
	attr.info.info = ptr(info);
	attr.info.info_len = sizeof(*info);
	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
}

int bpf_name(int prog, char ret[static BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info;
	int r = get_info(prog, &info);

	if (r < 0)
		return r;
	memcpy(ret, info.name, BPF_OBJ_NAME_LEN);
	ret[BPF_OBJ_NAME_LEN - 1] = '\0';
	return 0;
}

int bpf_tag(int prog, uint8_t ret[static BPF_TAG_SIZE])
{
	struct bpf_prog_info info;
	int r = get_info(prog, &info);

	if (r == 0)
		memcpy(ret, info.tag, BPF_TAG_SIZE);
	return r;
}
