/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/room: what the files of the room share: the container under audit, its place in /proc, its
 * mounts, and how a comparison becomes a row. Not included outside.
 */
#ifndef HULL_AUDIT_ROOM_H
#define HULL_AUDIT_ROOM_H

#include "audit/audit.h"
#include "sys/path.h"
#include "sys/proc.h"

/* A line of /proc/PID/mountinfo. */
struct audit_mount {
	uint64_t id;
	unsigned major, minor;
	const char *root, *place, *options, *optional, *fstype, *source;
	bool known; /* the config, or what hull makes of it, accounts for it */
};
struct audit_mounts {
	struct audit_mount *v;
	size_t n;
};

struct audit {
	struct ctx *c;
	struct arena *arena; /* of c */
	const struct audit_options *opt;
	struct subject s;
	struct spec spec;
	struct plan plan;
	struct procfs proc;
	pid_t pid;
	int dir;		    /* /proc/PID of the container's process, proved by its pidfd */
	struct rootfs root;	    /* its root; -1: may not be entered */
	char *status;		    /* its status file */
	struct audit_mounts mounts; /* of its mount namespace, as seen from its root */
	struct audit_report *report;
};

/* ---- audit.c ---- */
void audit_add(struct audit *u, enum audit_verdict v, const char *area, const char *what,
	       const char *pointer, const char *wants, const char *has, ...) _printf_(7, 8);
/* A row that says why there is nothing to compare. */
void audit_unread(struct audit *u, const char *area, const char *what, int r);
/* A file below /proc/PID (or below @dir); text in the arena. Length or -errno. */
int audit_read(struct audit *u, int dir, const char *name, char **ret);
/* The words behind "NAME:" in a status file, up to the end of the line; NULL. In the arena. */
const char *audit_field(struct audit *u, const char *status, const char *name);
bool audit_hex(const char *text, uint64_t *ret);
/* The next number behind blanks; *p moves behind it. */
bool audit_number(const char **p, uint32_t *ret);

/* ---- the areas: each adds its rows; -errno only for what ends the audit ---- */
int audit_credentials(struct audit *u, struct err *e);
int audit_label(struct audit *u, struct err *e);
int audit_namespaces(struct audit *u, struct err *e);
int audit_id_maps(struct audit *u, struct err *e);
int audit_seccomp(struct audit *u, struct err *e);
int audit_limits(struct audit *u, struct err *e);
int audit_masks(struct audit *u, struct err *e);
int audit_mount_table(struct audit *u, struct err *e);
int audit_descriptors(struct audit *u, struct err *e);
int audit_devices(struct audit *u, struct err *e);
int audit_processes(struct audit *u, struct err *e);

/* ---- mountinfo.c ---- */
int audit_mounts_parse(char *text, struct arena *a, struct audit_mounts *ret);
struct audit_mount *audit_mount_by_id(const struct audit_mounts *m, uint64_t id);
/* The topmost at exactly this place; NULL. */
struct audit_mount *audit_mount_at(const struct audit_mounts *m, const char *place);
/* Is @word one of the comma separated words? */
bool audit_has_word(const char *list, const char *word);

/* Sets of capabilities as text: "none", "all 41", "CAP_CHOWN CAP_KILL". */
const char *audit_caps(struct arena *a, uint64_t caps, unsigned last);

#endif
