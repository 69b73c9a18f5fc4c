/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp/refuse: a config with a filter is refused by its pointer as long as the compiler is not part of the
 * build. Goes away with compile.c.
 */
#include <errno.h>

#include "seccomp/seccomp.h"

int seccomp_compile(const struct spec_seccomp *s, struct arena *a, struct seccomp_program *ret, unsigned *ret_unknown,
		    struct err *e)
{
	(void)s;
	(void)a;
	(void)ret;
	(void)ret_unknown;
	err_set(e, ERR_GEN_LATER, ENOTSUP, "seccomp filters");
	return err_at(e, -ENOTSUP, "/linux/seccomp");
}

int seccomp_load(const struct seccomp_program *p, int *ret_listener, struct err *e)
{
	(void)p;
	(void)ret_listener;
	return err_set(e, ERR_GEN_LATER, ENOTSUP, "seccomp filters");
}

int seccomp_send_listener(const char *path, const char *state_json, size_t len, int listener, struct err *e)
{
	(void)path;
	(void)state_json;
	(void)len;
	(void)listener;
	return err_set(e, ERR_GEN_LATER, ENOTSUP, "seccomp filters");
}
