/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup/systemd/dbus: as much D-Bus as one method call at a time needs: connect, authenticate,
 * call, wait for a unit's job. Everything read is foreign: sizes are checked, every wait has a
 * deadline. Wire format: https://dbus.freedesktop.org/doc/dbus-specification.html
 */
#ifndef HULL_CGROUP_SYSTEMD_DBUS_H
#define HULL_CGROUP_SYSTEMD_DBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum {
	DBUS_MESSAGE_MAX = 1 << 20, /* of what hull takes; the protocol allows 128 MiB */
	DBUS_JOBS = 4,
};

/* ---- building ---- */
struct dbus_out {
	struct arena *a;
	uint8_t *v;
	size_t n, cap;
	bool too_long;
};
void dbus_put_u8(struct dbus_out *o, uint8_t v);
void dbus_put_u32(struct dbus_out *o, uint32_t v);
void dbus_put_u64(struct dbus_out *o, uint64_t v);
void dbus_put_string(struct dbus_out *o, const char *s); /* also object paths */
void dbus_put_signature(struct dbus_out *o, const char *s);
void dbus_align(struct dbus_out *o, size_t to);
/* An array of elements with that alignment; the mark goes back to dbus_array_end. */
size_t dbus_array_begin(struct dbus_out *o, size_t align);
void dbus_array_end(struct dbus_out *o, size_t mark, size_t align);
/*
 * A method call's header with its body (may be NULL). @destination NULL: to a peer without a bus.
 */
int dbus_build_call(struct arena *a, uint32_t serial, const char *destination, const char *path,
		    const char *interface, const char *member, const char *signature,
		    const struct dbus_out *body, struct dbus_out *ret);

/* ---- reading ---- */
enum dbus_type { DBUS_CALL = 1, DBUS_RETURN = 2, DBUS_ERROR = 3, DBUS_SIGNAL = 4 };
struct dbus_in {
	enum dbus_type type;
	uint32_t serial, reply_serial;
	/* into the message; "" when absent */
	const char *path, *interface, *member, *error, *signature;
	const uint8_t *v; /* the body */
	size_t n, at;
};
/* Size of the whole message that begins with these 16 bytes; 0: this is none that hull takes. */
size_t dbus_size(const uint8_t head[static 16]);
/* Parse a whole message of that size, which must stay alive. 0 or -EBADMSG. */
int dbus_parse(const uint8_t *v, size_t n, struct dbus_in *ret);
/* The next value of the body. 0 or -EBADMSG. The signature is the caller's to check. */
int dbus_get_u32(struct dbus_in *m, uint32_t *ret);
int dbus_get_string(struct dbus_in *m, const char **ret);
int dbus_get_signature(struct dbus_in *m, const char **ret);

/* ---- talking ---- */
struct dbus {
	int fd;
	bool broker; /* a message bus, not systemd's own socket */
	uint32_t serial;
	struct arena *a;
	uint8_t *buf;		/* received */
	size_t n, cap, parsed;	/* the first @parsed bytes are the last message */
	const char *watch_unit; /* of this unit's jobs that ended, the last few are kept */
	struct dbus_job {
		char path[96], result[32];
	} jobs[DBUS_JOBS];
	unsigned n_jobs;
};
/*
 * Connect to @path ("@..." is abstract), authenticate as this user and, on a bus, say Hello. 0 or
 * -errno.
 */
int dbus_open(struct dbus *ret, struct arena *a, const char *path, bool broker, uint64_t deadline);
void dbus_close(struct dbus *b);
/*
 * Call a method of systemd and wait for the answer. 0; -EREMOTEIO: an error reply (ret->error, its
 * text is the first string of the body); other -errno: the connection failed, -ETIMEDOUT among
 * them. *ret lives until the next call or wait.
 */
int dbus_call(struct dbus *b, const char *path, const char *interface, const char *member,
	      const char *signature, const struct dbus_out *body, uint64_t deadline,
	      struct dbus_in *ret);
/*
 * Wait until the job @path of watch_unit ended; *ret is systemd's word for how, and lives as long
 * as @b.
 */
int dbus_wait_job(struct dbus *b, const char *path, uint64_t deadline, const char **ret);

#endif
