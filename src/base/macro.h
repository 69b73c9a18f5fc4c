/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/macro: the attributes and small macros every file uses. Nothing here has an effect at run
 * time beyond what it names.
 */
#ifndef HULL_BASE_MACRO_H
#define HULL_BASE_MACRO_H

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _must_use_ __attribute__((warn_unused_result))
#define _unused_ __attribute__((unused))
#define _noreturn_ __attribute__((noreturn))
#define _noinline_ __attribute__((noinline)) /* what is rare stays out of a hot frame */
#define _packed_ __attribute__((packed))
#define _pure_ __attribute__((pure))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) _min_a = (a);                                                        \
		__typeof__(b) _min_b = (b);                                                        \
		_min_a < _min_b ? _min_a : _min_b;                                                 \
	})
#define MAX(a, b)                                                                                  \
	({                                                                                         \
		__typeof__(a) _max_a = (a);                                                        \
		__typeof__(b) _max_b = (b);                                                        \
		_max_a > _max_b ? _max_a : _max_b;                                                 \
	})
#define STR_(x) #x
#define STR(x) STR_(x)

/* Retry a system call wrapper that returns -errno while it says EINTR. */
#define RETRY_EINTR(call)                                                                          \
	({                                                                                         \
		__typeof__(call) _retry_r;                                                         \
		do                                                                                 \
			_retry_r = (call);                                                         \
		while (_retry_r == -EINTR);                                                        \
		_retry_r;                                                                          \
	})

#endif
