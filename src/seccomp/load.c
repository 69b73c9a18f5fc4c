/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/load: give the program to the kernel, for this thread and what it becomes. Hides the
 * dependences between flags and finds out which one a kernel does not know.
 */
#include <errno.h>

#include "base/macro.h"
#include "seccomp/seccomp.h"
#include "sys/call.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static const struct {
	uint32_t flag;
	const char *name;
} flag_names[] = {
	{ SECCOMP_FILTER_FLAG_TSYNC, "SECCOMP_FILTER_FLAG_TSYNC" },
	{ SECCOMP_FILTER_FLAG_LOG, "SECCOMP_FILTER_FLAG_LOG" },
	{ SECCOMP_FILTER_FLAG_SPEC_ALLOW, "SECCOMP_FILTER_FLAG_SPEC_ALLOW" },
	{ SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" },
};

/* The kernel knows a flag when it complains of the missing program only. */
static bool flag_known(uint32_t flag)
{
	/* KERNEL: WAIT_KILLABLE_RECV is refused without NEW_LISTENER. Since 5.19. seccomp(2) */
	if (flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
		flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	return sys_seccomp(SECCOMP_SET_MODE_FILTER, flag, NULL) == -EFAULT;
}

static int load_failed(const struct seccomp_program *p, int r, struct err *e)
{
	if (r == -EINVAL && p->flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV &&
	    !(p->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return err_at(e,
			      err_sys(e, ERR_SEC_LOAD, r,
				      "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a rule with "
				      "SCMP_ACT_NOTIFY"),
			      "/linux/seccomp/flags");
	for (size_t i = 0; r == -EINVAL && i < ARRAY_LEN(flag_names); i++)
		if (p->flags & flag_names[i].flag && !flag_known(flag_names[i].flag))
			return err_at(e,
				      err_sys(e, ERR_SEC_LOAD, r, "this kernel lacks %s",
					      flag_names[i].name),
				      "/linux/seccomp/flags");
	if (r == -EACCES)
		return err_at(e,
			      err_sys(e, ERR_SEC_LOAD, r, "neither no_new_privs nor CAP_SYS_ADMIN"),
			      "/linux/seccomp");
	return err_at(e, err_sys(e, ERR_SEC_LOAD, r, "a filter of %u instructions", p->n),
		      "/linux/seccomp");
}

int seccomp_load(const struct seccomp_program *p, int *ret_listener, struct err *e)
{
	struct sock_fprog prog = { .len = p->n, .filter = p->insns };
	uint32_t flags = p->flags;
	int r;

	if (p->n == 0) {
		*ret_listener = -1;
		return 0;
	}
	/* KERNEL: with a listener the answer is an fd, so a thread that cannot be synchronized must
	 * be reported as ESRCH. Since 5.7. seccomp(2) */
	if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER && flags & SECCOMP_FILTER_FLAG_TSYNC)
		flags |= SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
	r = sys_seccomp(SECCOMP_SET_MODE_FILTER, flags, &prog);
	if (r < 0)
		return load_failed(p, r, e);
	if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
		*ret_listener = r; /* KERNEL: close-on-exec from birth. Since 5.0. seccomp(2) */
		return 0;
	}
	if (r > 0) /* TSYNC: the thread that stands in the way */
		return err_at(e, err_set(e, ERR_SEC_LOAD, EBUSY, "thread %d has another filter", r),
			      "/linux/seccomp/flags");
	*ret_listener = -1;
	return 0;
}

/* ---- a ready program ---- */

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Strict: whole groups, padding at the end only. Bytes, or -EINVAL. */
static ssize_t base64_decode(const char *text, size_t len, unsigned char *out)
{
	size_t n = 0, pad = 0;

	if (len % 4)
		return -EINVAL;
	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < len; i += 4) {
		uint32_t group = 0;

		for (size_t j = i; j < i + 4; j++) {
			int digit = j >= len - pad ? 0 : base64_digit(text[j]);

			if (digit < 0)
				return -EINVAL;
			group = group << 6 | (uint32_t)digit;
		}
		out[n++] = (unsigned char)(group >> 16);
		out[n++] = (unsigned char)(group >> 8);
		out[n++] = (unsigned char)group;
	}
	return (ssize_t)(n - pad);
}

const char *seccomp_to_base64(const struct seccomp_program *p, struct arena *a)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *)p->insns;
	size_t n = p->n * sizeof(*p->insns), len = (n + 2) / 3 * 4;
	char *text = arena_alloc(a, len + 1), *out = text;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t group = (uint32_t)in[i] << 16;

		group |= i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0;
		group |= i + 2 < n ? in[i + 2] : 0;
		for (int shift = 18; shift >= 0; shift -= 6)
			*out++ = digits[group >> shift & 63];
	}
	for (size_t i = 0; i < (3 - n % 3) % 3; i++)
		text[len - 1 - i] = '=';
	text[len] = '\0';
	return text;
}

int seccomp_from_base64(const char *text, struct arena *a, struct seccomp_program *ret,
			struct err *e)
{
	size_t len = strlen(text);
	struct sock_filter *insns;
	ssize_t n;

	if (len / 4 * 3 > (BPF_MAXINSNS + 1) * sizeof(*insns))
		return err_set(e, ERR_SEC_SIZE, 0, "the program has more than %d instructions",
			       BPF_MAXINSNS);
	insns = arena_alloc(a, len + sizeof(*insns));
	n = base64_decode(text, len, (unsigned char *)insns);
	if (n < 0)
		return err_set(e, ERR_SEC_PROFILE, 0, "the program is not valid base64");
	if (n == 0 || (size_t)n % sizeof(*insns) || (size_t)n / sizeof(*insns) > BPF_MAXINSNS)
		return err_set(e, ERR_SEC_SIZE, 0,
			       "the program is %zd bytes, not 1 to %d instructions of %zu", n,
			       BPF_MAXINSNS, sizeof(*insns));
	*ret = (struct seccomp_program){ .insns = insns,
					 .n = (unsigned short)((size_t)n / sizeof(*insns)) };
	return 0;
}
