/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/prepare: the filter of a config, from its profile or from the annotations that replace or
 * sharpen it (the same names as crun's).
 */
#include "base/str.h"
#include "seccomp/seccomp.h"
#include "spec/spec.h"

#define RECEIVER "run.oci.seccomp.receiver"
#define FAIL_UNKNOWN "run.oci.seccomp_fail_unknown_syscall"

const char *seccomp_receiver(const struct spec *s)
{
	const char *path = s->os.seccomp.listener_path;

	return path ? path : spec_annotation(s, RECEIVER);
}

bool seccomp_wanted(const struct spec *s)
{
	return s->os.seccomp.set || spec_annotation(s, SPEC_BPF_DATA) ||
	       spec_annotation(s, RECEIVER);
}

static int prepare_data(const struct spec *s, const char *text, struct arena *a,
			struct seccomp_program *ret, struct err *e)
{
	struct seccomp_program p;
	int r = seccomp_from_base64(text, a, &p, e);

	if (r < 0)
		return err_at(e, r, "/annotations/" SPEC_BPF_DATA);
	p.flags = seccomp_flags(&s->os.seccomp);
	*ret = p;
	return 0;
}

int seccomp_prepare(const struct spec *s, struct arena *a, struct seccomp_program *ret,
		    unsigned *ret_unknown, struct err *e)
{
	const char *data = spec_annotation(s, SPEC_BPF_DATA),
		   *receiver = spec_annotation(s, RECEIVER);
	int r;

	if (receiver && receiver[0] != '/')
		return err_at(
			e,
			err_set(e, ERR_SEC_PROFILE, 0, "\"%s\" is not an absolute path", receiver),
			"/annotations/" RECEIVER);
	if (data) {
		*ret_unknown = 0;
		return prepare_data(s, data, a, ret, e);
	}
	if (s->os.seccomp.set && spec_annotation(s, FAIL_UNKNOWN)) {
		r = seccomp_check_names(&s->os.seccomp, e);
		if (r < 0)
			return r;
	}
	return seccomp_compile(&s->os.seccomp, a, ret, ret_unknown, e);
}
