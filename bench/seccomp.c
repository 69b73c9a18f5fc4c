/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/seccomp: what a filter costs. Time of the first compilation in a fresh process, and
 * instructions that the kernel executes for a call; hull beside libseccomp with and without its
 * binary tree. usage: bench-seccomp [PROFILE.json]   the value of linux.seccomp; without it the
 * shape of an engine's default
 *                     bench-seccomp --emit PROFILE.json FILE   hull's instructions, for bench/floor
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "../tests/unit/seccomp_oracle.h"
#include "../tests/unit/seccomp_profiles.h"
#include "base/io.h"
#include "base/str.h"
#include "spec/spec.h"

extern char **environ;

enum { RUNS = 41 };

static struct bpf_program lib;
static struct spec spec;

static void die(const char *what)
{
	fprintf(stderr, "bench-seccomp: %s\n", what);
	exit(1);
}

static struct spec_seccomp profile(const char *path, struct arena *a)
{
	struct err e = { 0 };
	size_t len;
	char *text;
	int fd;

	if (!path) {
		struct spec_seccomp s = profile_make(PROFILE_ALLOW_LIST, a);

		s.archs = 1U << ARCH_X86_64 | 1U << ARCH_X86 | 1U << ARCH_X32;
		return s;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || io_read_all(fd, SPEC_MAX_BYTES, a, &text, &len) < 0)
		die("cannot read the profile");
	text = arena_printf(a,
			    "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"rootfs\"},"
			    "\"linux\":{\"seccomp\":%s}}",
			    text);
	if (spec_read_text(text, strlen(text), a, &spec, &e) < 0)
		die(e.msg);
	return spec.os.seccomp;
}

static unsigned long once(const char *how, const struct spec_seccomp *s)
{
	struct seccomp_program p;
	struct err e = { 0 };
	struct arena a;
	uint64_t begin;

	arena_init(&a);
	begin = io_now();
	if (streq(how, "hull")) {
		if (seccomp_compile(s, &a, &p, NULL, &e) < 0)
			die(e.msg);
	} else if (oracle_compile_here(seccomp_native(), s, streq(how, "tree") ? 2 : 0, &lib) < 0) {
		die("libseccomp failed");
	}
	return (unsigned long)(io_now() - begin);
}

static int by_value(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return (x > y) - (x < y);
}

/* Median over fresh processes, in microseconds. */
static double cold(const char *self, const char *how, const char *path)
{
	unsigned long ns[RUNS];

	for (int i = 0; i < RUNS; i++) {
		char *argv[] = { (char *)self, (char *)"--once", (char *)how, (char *)path, NULL };
		posix_spawn_file_actions_t fa;
		int out[2], status;
		char text[64];
		uint32_t v;
		pid_t pid;

		if (pipe2(out, O_CLOEXEC) < 0)
			die("pipe");
		posix_spawn_file_actions_init(&fa);
		posix_spawn_file_actions_adddup2(&fa, out[1], 1);
		if (posix_spawn(&pid, "/proc/self/exe", &fa, NULL, argv, environ) != 0)
			die("spawn");
		posix_spawn_file_actions_destroy(&fa);
		close(out[1]);
		if (io_read_line_file(out[0], text, sizeof(text)) < 0 || str_to_u32(text, &v) < 0)
			die("no time from the child");
		ns[i] = v;
		close(out[0]);
		waitpid(pid, &status, 0);
	}
	qsort(ns, RUNS, sizeof(ns[0]), by_value);
	return (double)ns[RUNS / 2] / 1000;
}

struct steps {
	unsigned long sum;
	unsigned n, max, more; /* calls that take more than in hull's */
};

static void count(struct steps *s, unsigned steps, unsigned hull)
{
	s->sum += steps;
	s->n++;
	s->max = steps > s->max ? steps : s->max;
	s->more += hull > steps;
}

static void print_steps(const char *what, size_t n, const struct steps *s)
{
	printf("  %-20s %5zu instructions; a call executes %5.1f, at most %3u", what, n,
	       (double)s->sum / s->n, s->max);
	if (s->more)
		printf("; fewer than hull for %u", s->more);
	printf("\n");
}

static void steps(const struct spec_seccomp *s)
{
	static const char *const names[] = { "hull", "libseccomp", "libseccomp, tree" };
	static const uint64_t none[6];
	struct err e = { 0 };
	static struct bpf_program p[3];
	struct seccomp_program hull;
	struct arena a;

	arena_init(&a);
	if (seccomp_compile(s, &a, &hull, NULL, &e) < 0)
		die(e.msg);
	memcpy(p[0].insns, hull.insns, hull.n * sizeof(p[0].insns[0]));
	p[0].n = hull.n;
	if (oracle_compile_here(seccomp_native(), s, 0, &p[1]) < 0 ||
	    oracle_compile_here(seccomp_native(), s, 2, &p[2]) < 0)
		die("libseccomp failed");
	for (unsigned id = 0; id < ARCHS; id++) {
		struct steps t[3] = { 0 };

		if (id != seccomp_native() && !(s->archs & 1U << id))
			continue;
		for (unsigned i = 0; i < seccomp_names; i++) {
			long nr = seccomp_syscall(id, seccomp_name_text(i));
			struct bpf_call c = bpf_call(seccomp_archs[id].audit, (uint32_t)nr, none,
						     seccomp_archs[id].big_endian);
			unsigned n[3];

			if (nr < 0)
				continue;
			for (int k = 0; k < 3; k++)
				(void)bpf_run(p[k].insns, &c, &n[k]);
			for (int k = 0; k < 3; k++)
				count(&t[k], n[k], n[0]);
		}
		printf("architecture %#x%s\n", seccomp_archs[id].audit,
		       id == ARCH_X32 ? " (x32)" : "");
		for (int k = 0; k < 3; k++)
			print_steps(names[k], p[k].n, &t[k]);
	}
	arena_free(&a);
}

static int emit(const char *path, const char *out)
{
	struct seccomp_program p;
	struct spec_seccomp s;
	struct err e = { 0 };
	struct arena a;
	int fd;

	arena_init(&a);
	s = profile(path, &a);
	fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || seccomp_compile(&s, &a, &p, NULL, &e) < 0 ||
	    io_write_all(fd, p.insns, p.n * sizeof(p.insns[0])) < 0)
		die("--emit failed");
	return 0;
}

int main(int argc, char **argv)
{
	bool child = argc > 2 && streq(argv[1], "--once");
	const char *path = child ? argv[3] : argc > 1 ? argv[1] : NULL;
	struct spec_seccomp s;
	struct arena a;

	if (argc == 4 && streq(argv[1], "--emit"))
		return emit(argv[2], argv[3]);
	arena_init(&a);
	s = profile(path, &a);
	if (child) {
		printf("%lu\n", once(argv[2], &s));
		return 0;
	}
	printf("first compilation in a process, median of %d\n", RUNS);
	printf("  hull             %8.1f us\n", cold(argv[0], "hull", path));
	printf("  libseccomp       %8.1f us\n", cold(argv[0], "list", path));
	printf("  libseccomp, tree %8.1f us\n", cold(argv[0], "tree", path));
	steps(&s);
	arena_free(&a);
	return 0;
}
