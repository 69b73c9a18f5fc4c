/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/field: tables that say which properties an object has, and the walker that reads a JSON
 * object into a struct by such a table. Used by the readers of this room only.
 */
#ifndef HULL_SPEC_FIELD_H
#define HULL_SPEC_FIELD_H

#include "base/table.h"
#include "spec/json.h"
#include "spec/spec.h"

struct reader {
	struct arena *arena;
	struct err *e;
	struct spec *spec; /* where notes go; NULL: a part is read on its own, nobody wants them */
};

enum field_kind {
	/* by the type of the member */
	F_STRING,
	F_BOOL,
	F_U32,
	F_I32,
	F_U64,
	F_I64,
	F_OPT_BOOL,
	F_OPT_U32,
	F_OPT_I32,
	F_OPT_U64,
	F_OPT_I64,
	F_STRV,
	F_KVS,
	F_ENUM,	  /* one name of a table, stored as its number */
	F_FLAGS,  /* an array of names, their numbers or-ed together */
	F_OBJECT, /* a struct inside the struct */
	F_LIST,	  /* an array of objects: pointer and count */
	F_MAP,	  /* an object of objects: as F_LIST; the key is the first member, a const char * */
	F_CALL,	  /* a function of its own */
	F_PLATFORM, /* of another platform: noted, no effect */
};

enum field_flags {
	REQUIRED = 1,
	NONEMPTY = 2,	   /* string, array: at least one character, element */
	ABSOLUTE = 4,	   /* a path, or array of paths, that begins with "/" */
	EMPTY_IS_NONE = 8, /* "" is as good as absent: clients in Go cannot tell them apart */
	DEPRECATED = 16,   /* noted */
	NUMBER_LIST = 32,  /* CPUs or memory nodes: "0-3,7" */
	ZERO_IS_NONE =
		64, /* 0 is as good as absent, for the same reason; for settings that 0 cannot be */
};

struct object_type;

struct field_range {
	int64_t min;
	uint64_t max;
};

/* Small: every page of these tables is relocated at the start of every command. */
struct field {
	const char *name;
	union {
		const struct field_range *range; /* numbers; NULL: what the type holds */
		const struct name_table *names;	 /* F_ENUM, F_FLAGS */
		const struct object_type *type;	 /* F_OBJECT, F_LIST, F_MAP */
		int (*call)(struct reader *r, const struct field *f, struct jv v,
			    void *object); /* F_CALL */
	};
	uint16_t offset, count_offset; /* of the member, of its count */
	uint8_t kind;		       /* enum field_kind */
	uint8_t flags;		       /* enum field_flags */
	uint8_t size;		       /* of the member of F_ENUM, F_FLAGS: 1, 4 or 8 */
};

struct object_type {
	const struct field *fields;
	uint32_t n, size;
	uint32_t most; /* elements of a list or map of it; 0: LIST_MAX */
	bool set;      /* the struct begins with `bool set` */
	/* What one property alone cannot say; runs behind the fields. NULL: nothing. */
	int (*check)(struct reader *r, struct jv v, void *object);
};

#define OBJECT_TYPE(id, of, ...)                                                                   \
	const struct object_type id = { .fields = id##_fields,                                     \
					.n = ARRAY_LEN(id##_fields),                               \
					.size = sizeof(struct of),                                 \
					__VA_ARGS__ }

/* The kind follows from the member, so that table and struct cannot disagree. */
#define MEMBER_(of, member) (((struct of *)0)->member)
#define KIND_(of, member)                                                                          \
	_Generic(MEMBER_(of, member), bool: F_BOOL, const char *: F_STRING, uint32_t: F_U32,       \
		 int32_t: F_I32, uint64_t: F_U64, int64_t: F_I64, struct opt_bool: F_OPT_BOOL,     \
		 struct opt_u32: F_OPT_U32, struct opt_i32: F_OPT_I32, struct opt_u64: F_OPT_U64,  \
		 struct opt_i64: F_OPT_I64, struct strv: F_STRV, struct spec_kvs: F_KVS)

#define VALUE(of, name_, member, flags_)                                                           \
	{                                                                                          \
		.name = name_, .kind = KIND_(of, member), .offset = offsetof(struct of, member),   \
		.flags = flags_                                                                    \
	}
#define NUMBER(of, name_, member, min_, max_, flags_)                                              \
	{                                                                                          \
		.name = name_, .kind = KIND_(of, member), .offset = offsetof(struct of, member),   \
		.flags = flags_, .range = &(const struct field_range)                              \
		{                                                                                  \
			min_, max_                                                                 \
		}                                                                                  \
	}
#define NAME(of, name_, member, table_, flags_)                                                    \
	{                                                                                          \
		.name = name_, .kind = F_ENUM, .offset = offsetof(struct of, member),              \
		.flags = flags_, .size = sizeof(MEMBER_(of, member)), .names = &table_             \
	}
#define NAMES(of, name_, member, table_)                                                           \
	{                                                                                          \
		.name = name_, .kind = F_FLAGS, .offset = offsetof(struct of, member),             \
		.size = sizeof(MEMBER_(of, member)), .names = &table_                              \
	}
#define INNER(of, name_, member, type_)                                                            \
	{                                                                                          \
		.name = name_, .kind = F_OBJECT, .offset = offsetof(struct of, member),            \
		.type = &type_                                                                     \
	}
#define LIST(of, name_, member, count, type_)                                                      \
	{                                                                                          \
		.name = name_, .kind = F_LIST, .offset = offsetof(struct of, member),              \
		.count_offset = offsetof(struct of, count), .type = &type_                         \
	}
#define MAP(of, name_, member, count, type_)                                                       \
	{                                                                                          \
		.name = name_, .kind = F_MAP, .offset = offsetof(struct of, member),               \
		.count_offset = offsetof(struct of, count), .type = &type_                         \
	}
#define IDMAPS(of, name_, member)                                                                  \
	{                                                                                          \
		.name = name_, .kind = F_LIST, .offset = offsetof(struct of, member.v),            \
		.count_offset = offsetof(struct of, member.n), .type = &read_idmap                 \
	}
#define CALL(name_, call_, flags_)                                                                 \
	{                                                                                          \
		.name = name_, .kind = F_CALL, .call = call_, .flags = flags_                      \
	}
#define OTHER_PLATFORM(name_)                                                                      \
	{                                                                                          \
		.name = name_, .kind = F_PLATFORM                                                  \
	}

/*
 * Usual limits of lists: above them a config is a mistake or an attack (fault J3).
 * KERNEL: 340 ranges per map. Since 4.15. user_namespaces(7).
 */
enum { LIST_MAX = 65536, STRINGS_MAX = 1024 * 1024, IDMAP_MAX = 340 };

/* Read object @v into @object (zeroed, type->size bytes). */
int field_read(struct reader *r, const struct object_type *type, struct jv v, void *object);
/* Parts of it, for F_CALL. */
int field_read_list(struct reader *r, const struct field *f, struct jv v, void *object);
int field_read_strv(struct reader *r, struct jv v, struct strv *ret);
/* A string that is a name of @t; the message offers the nearest one. */
int field_read_name(struct reader *r, const struct name_table *t, struct jv v, uint64_t *ret);
/* At most @max elements: ERR_CFG_LIMIT. */
int field_limit(struct reader *r, struct jv v, size_t n, size_t max);
/* @key: the member of @v that is meant, or NULL. @text lives as long as the spec. */
void field_note(struct reader *r, enum spec_note_kind kind, struct jv v, const char *text);

#endif
