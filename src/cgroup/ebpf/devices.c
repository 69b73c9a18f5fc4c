/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/ebpf/devices: a small emitter for BPF_PROG_TYPE_CGROUP_DEVICE. Hides registers, jumps and
 * how the program that is already there is found and replaced.
 */
#include "cgroup/ebpf/devices.h"

#include <stddef.h>

#include "base/fd.h"
#include "base/str.h"
#include "sys/bpf.h"

/* Shown by bpftool, and how hull knows its own filter again. */
#define PROG_NAME "hull_devices"
enum { ATTACHED_MAX = 64 }; /* KERNEL: BPF_CGROUP_MAX_PROGS, kernel/bpf/cgroup.c. Since 4.15. */

/* An entry is at most this long; a jump reaches over all of one type: 15 bits. */
enum { ENTRY_INSNS = 8 };
_Static_assert(RULES_MAX *ENTRY_INSNS + ENTRY_INSNS <= INT16_MAX, "a jump would not reach");

enum {
	R_RESULT = BPF_REG_0,
	R_CTX = BPF_REG_1,
	R_TYPE = BPF_REG_2,
	R_ACCESS = BPF_REG_3,
	R_MAJOR = BPF_REG_4,
	R_MINOR = BPF_REG_5
};

struct emitter {
	struct arena *a;
	struct bpf_insn *v;
	size_t n;
};

/* A macro, so that register numbers stay constants that fit their four bits. */
#define emit(x, code_, dst, src, off_, imm_)                                                       \
	emit_insn(x, (struct bpf_insn){ .code = (code_),                                           \
					.dst_reg = (dst),                                          \
					.src_reg = (src),                                          \
					.off = (off_),                                             \
					.imm = (imm_) })

static size_t emit_insn(struct emitter *x, struct bpf_insn insn)
{
	*(struct bpf_insn *)arena_push(x->a, &x->v, &x->n, sizeof(insn)) = insn;
	return x->n - 1;
}

/*
 * Jump over everything up to @here. KERNEL: an offset counts from the instruction behind the jump.
 */
static void land(struct emitter *x, size_t jump)
{
	x->v[jump].off = (int16_t)(x->n - jump - 1);
}

static int32_t kernel_access(uint32_t access)
{
	return (access & DEVICE_READ ? BPF_DEVCG_ACC_READ : 0) |
	       (access & DEVICE_WRITE ? BPF_DEVCG_ACC_WRITE : 0) |
	       (access & DEVICE_MKNOD ? BPF_DEVCG_ACC_MKNOD : 0);
}

static void emit_return(struct emitter *x, int32_t value)
{
	emit(x, BPF_ALU64 | BPF_MOV | BPF_K, R_RESULT, 0, 0, value);
	emit(x, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* return (asked & ~access) == 0 */
static void emit_decision(struct emitter *x, uint32_t access)
{
	size_t jump;

	if (access == 0 || access == DEVICE_ALL) {
		emit_return(x, access != 0);
		return;
	}
	emit(x, BPF_ALU64 | BPF_AND | BPF_K, R_ACCESS, 0, 0, kernel_access(DEVICE_ALL & ~access));
	jump = emit(x, BPF_JMP | BPF_JEQ | BPF_K, R_ACCESS, 0, 0, 0);
	emit_return(x, 0);
	land(x, jump);
	emit_return(x, 1);
}

static void emit_entry(struct emitter *x, const struct rules_entry *r)
{
	size_t jump[2], n = 0;

	/*
	 * KERNEL: dev_t has 12 bits of major and 20 of minor, so 32-bit compares are exact. A
	 * number that does not fit cannot belong to a device: no code.
	 */
	if (r->major > INT32_MAX || r->minor > INT32_MAX)
		return;
	if (r->major != RULES_ANY)
		jump[n++] = emit(x, BPF_JMP | BPF_JNE | BPF_K, R_MAJOR, 0, 0, (int32_t)r->major);
	if (r->minor != RULES_ANY)
		jump[n++] = emit(x, BPF_JMP | BPF_JNE | BPF_K, R_MINOR, 0, 0, (int32_t)r->minor);
	emit_decision(x, r->access);
	while (n)
		land(x, jump[--n]);
}

static void emit_type(struct emitter *x, const struct rules *r, char type)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].type == type)
			emit_entry(x, &r->v[i]);
	emit_decision(x, type == 'c' ? r->rest_char : r->rest_block);
}

void ebpf_emit_devices(const struct rules *r, struct arena *a, struct bpf_insn **ret, size_t *ret_n)
{
	struct emitter x = { .a = a };
	size_t block;

	/* KERNEL: access_type is (access << 16) | type. struct bpf_cgroup_dev_ctx, since 4.15. */
	emit(&x, BPF_LDX | BPF_W | BPF_MEM, R_TYPE, R_CTX,
	     offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	emit(&x, BPF_ALU64 | BPF_MOV | BPF_X, R_ACCESS, R_TYPE, 0, 0);
	emit(&x, BPF_ALU64 | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff);
	emit(&x, BPF_ALU64 | BPF_RSH | BPF_K, R_ACCESS, 0, 0, 16);
	emit(&x, BPF_LDX | BPF_W | BPF_MEM, R_MAJOR, R_CTX,
	     offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	emit(&x, BPF_LDX | BPF_W | BPF_MEM, R_MINOR, R_CTX,
	     offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
	block = emit(&x, BPF_JMP | BPF_JNE | BPF_K, R_TYPE, 0, 0, BPF_DEVCG_DEV_CHAR);
	emit_type(&x, r, 'c');
	land(&x, block);
	emit_type(&x, r, 'b');
	*ret = x.v;
	*ret_n = x.n;
}

/* The filter of hull's own on this very group: its fd, or -ENOENT. */
static int find_own(int cgroup)
{
	uint32_t ids[ATTACHED_MAX], n = 0;
	int r;

	r = bpf_query_device(cgroup, ids, ATTACHED_MAX, &n);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n && i < ATTACHED_MAX; i++) {
		_cleanup_fd_ int fd = bpf_open_id(ids[i]);
		char name[BPF_OBJ_NAME_LEN];

		if (fd >= 0 && bpf_name(fd, name) == 0 && streq(name, PROG_NAME))
			return fd_take(&fd);
	}
	return -ENOENT;
}

int ebpf_attach_devices(int cgroup, bool fresh, const struct rules *rules, struct arena *a,
			struct err *e)
{
	_cleanup_fd_ int prog = -1, own = -1;
	struct bpf_insn *v;
	size_t n;
	int r;

	ebpf_emit_devices(rules, a, &v, &n);
	prog = bpf_load_device(v, n, PROG_NAME, NULL, 0);
	if (prog < 0) {
		char log[2048] = "";

		r = prog;
		if (r == -EACCES || r == -EINVAL) /* refused by the verifier: say what it says */
			(void)bpf_load_device(v, n, PROG_NAME, log, sizeof(log));
		return err_sys(e, ERR_CGR_DEVICES, r,
			       "load the device filter of %zu instructions%s%.400s", n,
			       log[0] ? ": " : "", log);
	}
	if (!fresh) {
		own = find_own(cgroup);
		if (own < 0 && own != -ENOENT)
			return err_sys(e, ERR_CGR_DEVICES, own,
				       "look for the attached device filter");
	}
	r = bpf_attach_device(cgroup, prog, own);
	if (r < 0)
		return err_sys(e, ERR_CGR_DEVICES, r, "attach the device filter");
	return 0;
}

/*
 * Programs are compared by their tags, which the kernel makes of the instructions as they were
 * loaded: the one that is meant is loaded too, and attached nowhere.
 */
int ebpf_read_devices(int cgroup, const struct rules *rules, struct arena *a,
		      enum cgroup_devices *ret, const char **ret_text, struct err *e)
{
	_cleanup_fd_ int own = -1, wanted = -1;
	uint32_t ids[ATTACHED_MAX], n = 0;
	uint8_t has[BPF_TAG_SIZE], wants[BPF_TAG_SIZE];
	struct bpf_insn *v;
	size_t insns;
	int r = bpf_query_device(cgroup, ids, ATTACHED_MAX, &n);

	if (r < 0)
		return err_sys(e, ERR_CGR_DEVICES, r, "ask for the attached device filters");
	own = find_own(cgroup);
	if (own == -ENOENT) {
		*ret = CGROUP_DEVICES_NONE;
		*ret_text = arena_printf(a, "no filter of hull's, %u of others", n);
		return 0;
	}
	ebpf_emit_devices(rules, a, &v, &insns);
	wanted = own < 0 ? own : bpf_load_device(v, insns, PROG_NAME, NULL, 0);
	r = wanted < 0 ? wanted : bpf_tag(own, has);
	if (r >= 0)
		r = bpf_tag(wanted, wants);
	if (r < 0)
		return err_sys(e, ERR_CGR_DEVICES, r, "read the device filter");
	*ret = memcmp(has, wants, sizeof(has)) == 0 ? CGROUP_DEVICES_AS_PLANNED
						    : CGROUP_DEVICES_OTHER;
	*ret_text = arena_printf(a, "%s, and %u filters of others",
				 *ret == CGROUP_DEVICES_AS_PLANNED ? "the filter of the config"
								   : "another filter",
				 n - 1);
	return 0;
}
