/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/wire: the few kinds of protobuf that CRIU's rpc.proto is made of: varints, bytes, and
 * messages in messages. Numbers of fields stand in tables, from rpc.proto of CRIU 4.1.
 */
#include "checkpoint/checkpoint.h"

#include <errno.h>
#include <string.h>

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; /* wire types */

/* ---- out ---- */

struct out {
	struct arena *a;
	unsigned char *p;
	size_t n;
};

static void put_byte(struct out *o, unsigned v)
{
	*(unsigned char *)arena_push(o->a, &o->p, &o->n, 1) = (unsigned char)v;
}

static void put_varint(struct out *o, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		put_byte(o, (unsigned)(v & 0x7f) | 0x80);
	put_byte(o, (unsigned)v);
}

static void put_number(struct out *o, unsigned field, uint64_t v)
{
	put_varint(o, (uint64_t)field << 3 | VARINT);
	put_varint(o, v);
}

static void put_bytes(struct out *o, unsigned field, const void *p, size_t n)
{
	put_varint(o, (uint64_t)field << 3 | BYTES);
	put_varint(o, n);
	for (size_t i = 0; i < n; i++)
		put_byte(o, ((const unsigned char *)p)[i]);
}

static void put_text(struct out *o, unsigned field, const char *s)
{
	put_bytes(o, field, s, strlen(s));
}

static void put_pair(struct out *o, unsigned field, const struct criu_pair *pair)
{
	struct out in = { .a = o->a };

	if (pair->key)
		put_text(&in, 1, pair->key);
	put_text(&in, 2, pair->value);
	put_bytes(o, field, in.p, in.n);
}

/* Number of a member of criu_opts, and where its value is. */
struct row {
	unsigned field;
	size_t offset;
};
#define ROW(member, number)                                                                        \
	{                                                                                          \
		number, offsetof(struct criu_options, member)                                      \
	}

static const struct row flags[] = {
	ROW(leave_running, 3),	    ROW(ext_unix_sk, 4),	 ROW(tcp_established, 5),
	ROW(evasive_devices, 6),    ROW(shell_job, 7),		 ROW(file_locks, 8),
	ROW(notify_scripts, 12),    ROW(track_mem, 15),		 ROW(auto_dedup, 16),
	ROW(link_remap, 18),	    ROW(rst_sibling, 26),	 ROW(ext_sharing, 29),
	ROW(ext_masters, 30),	    ROW(tcp_skip_in_flight, 46), ROW(lazy_pages, 48),
	ROW(orphan_pts_master, 50), ROW(tcp_close, 52),
};
static const struct row numbers[] = {
	ROW(pid, 2),	    ROW(log_level, 9),	   ROW(empty_ns, 38),
	ROW(status_fd, 49), ROW(network_lock, 64),
};
static const struct row texts[] = {
	ROW(log_file, 10),	    ROW(root, 13),	  ROW(parent_img, 14),
	ROW(freeze_cgroup, 44),	    ROW(config_file, 51), ROW(lsm_profile, 53),
	ROW(lsm_mount_context, 63),
};
enum {
	OPT_IMAGES_DIR_FD = 1,
	OPT_PS = 11,
	OPT_WORK_DIR_FD = 17,
	OPT_CG_ROOT = 25,
	OPT_INHERIT_FD = 27,
	OPT_CGROUPS_MODE = 34,
	OPT_EXTERNAL = 37,
	OPT_JOIN_NS = 39
};

static void put_options(struct out *o, const struct criu_options *v)
{
	const char *base = (const char *)v;

	put_number(o, OPT_IMAGES_DIR_FD, (uint64_t)v->images_dir_fd);
	put_number(o, OPT_WORK_DIR_FD, (uint64_t)v->work_dir_fd);
	put_number(o, OPT_CGROUPS_MODE, v->manage_cgroups_mode);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (*(const bool *)(base + flags[i].offset))
			put_number(o, flags[i].field, 1);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		uint64_t n;

		memcpy(&n, base + numbers[i].offset, sizeof(n));
		if (n)
			put_number(o, numbers[i].field, n);
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *text;

		memcpy(&text, base + texts[i].offset, sizeof(text));
		if (text)
			put_text(o, texts[i].field, text);
	}
	if (v->page_server) {
		struct out ps = { .a = o->a };

		put_text(&ps, 1, v->page_server);
		put_number(&ps, 2, v->page_port);
		put_bytes(o, OPT_PS, ps.p, ps.n);
	}
	for (size_t i = 0; i < v->n_cg_root; i++)
		put_pair(o, OPT_CG_ROOT, &v->cg_root[i]);
	for (size_t i = 0; i < v->n_join_ns; i++)
		put_pair(o, OPT_JOIN_NS, &v->join_ns[i]);
	for (size_t i = 0; i < v->n_inherit; i++) {
		struct out fd = { .a = o->a };

		put_text(&fd, 1, v->inherit[i].key);
		put_number(&fd, 2, (uint64_t)v->inherit[i].fd);
		put_bytes(o, OPT_INHERIT_FD, fd.p, fd.n);
	}
	for (size_t i = 0; i < v->external.n; i++)
		put_text(o, OPT_EXTERNAL, v->external.v[i]);
}

void criu_encode(enum criu_request type, const struct criu_options *o, bool ok, bool keep_open,
		 struct arena *a, const void **ret, size_t *ret_len)
{
	struct out req = { .a = a }, opts = { .a = a };

	put_number(&req, 1, type);
	if (o) {
		put_options(&opts, o);
		put_bytes(&req, 2, opts.p, opts.n);
	}
	if (type == CRIU_NOTIFY)
		put_number(&req, 3, ok);
	if (keep_open)
		put_number(&req, 4, 1);
	*ret = req.p;
	*ret_len = req.n;
}

/* ---- in ---- */

struct in {
	const unsigned char *p, *end;
};
struct item {
	unsigned field;
	uint64_t number; /* VARINT */
	struct in bytes; /* BYTES */
};

static int get_varint(struct in *in, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		unsigned char b;

		if (in->p == in->end)
			return -EBADMSG;
		b = *in->p++;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

/* 1: the next field, 0: the end, -EBADMSG. Fields that nobody here knows are passed over. */
static int get_item(struct in *in, struct item *ret)
{
	uint64_t tag, n;
	int r;

	*ret = (struct item){ 0 };
	if (in->p == in->end)
		return 0;
	r = get_varint(in, &tag);
	if (r < 0 || tag >> 3 == 0 || tag >> 3 > UINT32_MAX)
		return -EBADMSG;
	ret->field = (unsigned)(tag >> 3);
	switch (tag & 7) {
	case VARINT:
		r = get_varint(in, &ret->number);
		return r < 0 ? r : 1;
	case BYTES:
		r = get_varint(in, &n);
		break;
	case FIXED64:
		n = 8;
		break;
	case FIXED32:
		n = 4;
		break;
	default:
		return -EBADMSG;
	}
	if (r < 0 || n > (uint64_t)(in->end - in->p))
		return -EBADMSG;
	ret->bytes = (struct in){ in->p, in->p + n };
	in->p += n;
	return 1;
}

static void get_text(const struct in *in, char *ret, size_t size)
{
	size_t n = MIN((size_t)(in->end - in->p), size - 1);

	if (n)
		memcpy(ret, in->p, n);
	ret[n] = '\0';
}

/* An int32 below 0 travels as a varint of 64 bits. */
static int64_t as_int(uint64_t v)
{
	return (int32_t)(uint32_t)v;
}

enum {
	RESP_TYPE = 1,
	RESP_SUCCESS = 2,
	RESP_RESTORE = 4,
	RESP_NOTIFY = 5,
	RESP_ERRNO = 7,
	RESP_MESSAGE = 9,
	RESP_VERSION = 10
};

/* criu_restore_resp, criu_notify and criu_version: each a few numbers and a word. */
static int decode_part(unsigned part, struct in in, struct criu_reply *ret)
{
	struct item it;
	int r;

	while ((r = get_item(&in, &it)) > 0) {
		if (part == RESP_RESTORE && it.field == 1)
			ret->pid = as_int(it.number);
		else if (part == RESP_NOTIFY && it.field == 1)
			get_text(&it.bytes, ret->script, sizeof(ret->script));
		else if (part == RESP_NOTIFY && it.field == 2)
			ret->pid = as_int(it.number);
		else if (part == RESP_VERSION && it.field == 1)
			ret->major = it.number;
		else if (part == RESP_VERSION && it.field == 2)
			ret->minor = it.number;
		else if (part == RESP_VERSION && it.field == 4)
			ret->sublevel = it.number;
	}
	return r;
}

int criu_decode(const void *bytes, size_t n, struct criu_reply *ret)
{
	struct in in = { bytes, (const unsigned char *)bytes + n };
	bool typed = false;
	struct item it;
	int r;

	*ret = (struct criu_reply){ .fd = -1 };
	while ((r = get_item(&in, &it)) > 0) {
		switch (it.field) {
		case RESP_TYPE:
			ret->type = (enum criu_request)MIN(it.number, (uint64_t)UINT8_MAX);
			typed = true;
			break;
		case RESP_SUCCESS:
			ret->success = it.number;
			break;
		case RESP_ERRNO:
			ret->cr_errno = as_int(it.number);
			break;
		case RESP_MESSAGE:
			get_text(&it.bytes, ret->message, sizeof(ret->message));
			break;
		case RESP_RESTORE:
		case RESP_NOTIFY:
		case RESP_VERSION:
			r = decode_part(it.field, it.bytes, ret);
			if (r < 0)
				return r;
			break;
		default:
			break;
		}
	}
	return r < 0 || !typed ? -EBADMSG : 0;
}
