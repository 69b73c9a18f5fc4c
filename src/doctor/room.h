/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor/room: what the files of this room share: the rows, the way an answer is given, and the
 * reader that looks up names beneath one root directory, so that tests can show it any host.
 */
#ifndef HULL_DOCTOR_ROOM_H
#define HULL_DOCTOR_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "doctor/doctor.h"

struct doctor {
	const struct doctor_options *o;
	struct arena *a;
	int root;			  /* the host's "/" */
	bool rootless;			  /* uid is not 0 */
	const char *user;		  /* the caller's name, or the uid as text */
	const struct doctor_check *check; /* the row that is asked now */
	struct doctor_finding *v;
	size_t n;
};

struct doctor_check {
	const char *id;
	const char *what;
	void (*look)(struct doctor *d);
	/* kernel.c: a system call to try, and what hull needs it for. 0, or -errno as the kernel
	 * said. */
	int (*probe)(void);
	const char *need;
};

struct doctor_group {
	const struct doctor_check *v;
	size_t n;
};
extern const struct doctor_group doctor_kernel, doctor_namespaces, doctor_cgroups, doctor_users,
	doctor_limits, doctor_security, doctor_tools, doctor_engines, doctor_state;

/* Answer the row's question. @subject and @fix may be "". */
void answer(struct doctor *d, enum doctor_verdict v, const char *subject, const char *fix,
	    const char *fmt, ...) _printf_(5, 6);
#define ok(d, ...) answer(d, DOCTOR_OK, "", "", __VA_ARGS__)

/* All paths are absolute names of the host, looked up beneath the root. -errno. */
int host_open(const struct doctor *d, const char *path, int flags);
bool host_exists(const struct doctor *d, const char *path);
int host_stat(const struct doctor *d, const char *path, struct stat *ret); /* follows symlinks */
ssize_t host_line(const struct doctor *d, const char *path, char *buf,
		  size_t size); /* a small file */
int host_number(const struct doctor *d, const char *path, uint64_t *ret);
int host_text(const struct doctor *d, const char *path,
	      char **ret); /* a whole file, at most 16 MiB */
int probe_pidfd(void);	   /* kernel.c: 0, or -errno as the kernel said */
/* Is there a directory entry @name in the list (blanks or commas)? */
bool has_word(const char *list, const char *word);
/* The regular, executable file of that name in PATH or the sbin directories: its path, or NULL. */
const char *host_program(const struct doctor *d, const char *name);
/* The next line of @text (modified in place), or NULL. */
char *next_line(char **text);
char *trim(char *s);
/* The first two numbers of "6.1.0-13-amd64"; 0 for what is none. */
void read_version(const char *text, unsigned *ret_major, unsigned *ret_minor);

#endif
