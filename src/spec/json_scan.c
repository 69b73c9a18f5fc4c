/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/json_scan: the strict pass. A state machine with an explicit stack of 64 levels checks
 * syntax, UTF-8, NUL, depth, unique names and number forms, decodes strings in place and writes the
 * tape.
 *
 * Why no parser library: exact 64-bit numbers above INT64_MAX, byte offsets and pointers for every
 * fault, the depth and NUL rules would each need a pass of our own in front of it, which is this
 * file already; and jansson alone takes 0.3 ms for 20 KB (one allocation per value), more than the
 * whole read may cost. It stays the oracle of the unit tests: both must accept the same texts.
 */
#include <stdarg.h>
#include <sys/auxv.h>

#include "spec/json_tape.h"

enum { AHEAD = 16 }; /* bytes behind the text that may be read, all NUL */

struct level {
	uint32_t node;	/* of the container */
	uint32_t count; /* elements or members begun */
	uint32_t key;	/* node of the last name */
	bool object;
};

enum expect {
	WANT_VALUE,
	WANT_VALUE_OR_END,
	WANT_KEY,
	WANT_KEY_OR_END,
	WANT_COLON,
	WANT_NEXT,
	WANT_NOTHING
};

struct scan {
	const char *raw;
	char *text;
	size_t len, pos;
	struct jv_node *nodes;
	uint32_t n;
	struct level stack[JV_MAX_DEPTH];
	unsigned depth;
	enum expect want;
	struct arena *arena;
	uint32_t *slots; /* hash slots of the unique-name check, reused by all objects */
	size_t n_slots;
	uint64_t seed;
	struct err *e;
};

/* Pointer of the value (or name) that is being read: the tape has no spans of open containers yet.
 */
static void scan_pointer(const struct scan *s, struct strbuf *b)
{
	for (unsigned i = 0; i < s->depth; i++) {
		const struct level *l = &s->stack[i];
		bool last = i + 1 == s->depth;

		if (!l->count || (last && (s->want == WANT_KEY || s->want == WANT_KEY_OR_END)))
			continue;
		if (l->object)
			jv_pointer_key(b, jv_node_string(s->text, &s->nodes[l->key]));
		else
			sb_printf(b, "/%u", l->count - 1);
	}
}

static int fail(struct scan *s, size_t offset, const char *fmt, ...) _printf_(3, 4);
static int fail(struct scan *s, size_t offset, const char *fmt, ...)
{
	char text[ERR_MSG_MAX / 2], at[ERR_AT_MAX];
	struct strbuf b = STRBUF(at);
	size_t line, column;
	va_list ap;
	int r;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	scan_pointer(s, &b);
	jv_locate(s->raw, offset, &line, &column);
	r = err_set(s->e, ERR_CFG_SYNTAX, 0, "%s at line %zu, column %zu (byte offset %zu)", text,
		    line, column, offset);
	return err_at(s->e, r, "%s", at);
}

static uint32_t add_node(struct scan *s, enum jv_type type, size_t offset)
{
	s->nodes[s->n] = (struct jv_node){ (uint32_t)offset << JV_TYPE_BITS | type, 1 };
	return s->n++;
}

/* ---- strings ---- */

static int hex4(const char *p, uint32_t *ret)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -EINVAL;
	}
	*ret = v;
	return 0;
}

static char *put_utf8(char *dst, uint32_t c)
{
	if (c < 0x80) {
		*dst++ = (char)c;
	} else if (c < 0x800) {
		*dst++ = (char)(0xc0 | c >> 6);
		*dst++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*dst++ = (char)(0xe0 | c >> 12);
		*dst++ = (char)(0x80 | (c >> 6 & 0x3f));
		*dst++ = (char)(0x80 | (c & 0x3f));
	} else {
		*dst++ = (char)(0xf0 | c >> 18);
		*dst++ = (char)(0x80 | (c >> 12 & 0x3f));
		*dst++ = (char)(0x80 | (c >> 6 & 0x3f));
		*dst++ = (char)(0x80 | (c & 0x3f));
	}
	return dst;
}

/* \uXXXX, or a pair of them, with *src at the first X. The text ends in NUL, so hex4 never runs
 * over it. */
static int unicode_escape(struct scan *s, const char **src, char **dst)
{
	size_t offset = (size_t)(*src - s->text) - 2;
	uint32_t c, low;

	if (hex4(*src, &c) < 0)
		return fail(s, offset, "\\u needs four hexadecimal digits");
	*src += 4;
	if (c ==
	    0) /* SECURITY: a NUL would cut the string in every C interface. Rule J1, fault J5. */
		return fail(s, offset, "a string holds \\u0000 (NUL)");
	if (c >= 0xdc00 && c <= 0xdfff)
		return fail(s, offset, "a string holds a lone surrogate");
	if (c >= 0xd800 && c <= 0xdbff) {
		if ((*src)[0] != '\\' || (*src)[1] != 'u' || hex4(*src + 2, &low) < 0 ||
		    low < 0xdc00 || low > 0xdfff)
			return fail(s, offset, "a string holds a lone surrogate");
		*src += 6;
		c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
	}
	*dst = put_utf8(*dst, c);
	return 0;
}

static int escape(struct scan *s, const char **src, char **dst)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = (*src)[1];
	const char *p = c ? strchr(from, c) : NULL;

	*src += 2;
	if (p) {
		*(*dst)++ = to[p - from];
		return 0;
	}
	if (c == 'u')
		return unicode_escape(s, src, dst);
	return fail(s, (size_t)(*src - s->text) - 2, "a string holds an unknown escape");
}

#ifndef __SSE2__
/* 1: a byte that a string takes as it is. */
static const unsigned char plain[256] = {
	[0x20 ... 0x21] = 1,
	[0x23 ... 0x5b] = 1,
	[0x5d ... 0x7f] = 1,
};
#endif

/* The first byte from @p on that a string does not take as it is; the text ends in one. */
static const char *behind_plain(const char *p)
{
#ifdef __SSE2__
	typedef signed char bytes __attribute__((vector_size(AHEAD)));

	for (;; p += AHEAD) {
		bytes v;
		int other;

		memcpy(&v, p, sizeof(v));
		/* bytes from 0x80 on are negative */
		other = __builtin_ia32_pmovmskb128((v == '"') | (v == '\\') | (v < 0x20));
		if (other)
			return p + __builtin_ctz((unsigned)other);
	}
#else
	while (plain[(unsigned char)*p])
		p++;
	return p;
#endif
}

/* The first byte from @p on that is no white space; the text ends in one. */
static inline const char *behind_space(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
		p++;
	return p;
}

static int control_byte(struct scan *s, size_t offset, unsigned char c)
{
	if (offset >= s->len)
		return fail(s, offset, "the text ends inside a string");
	if (c == 0)
		return fail(s, offset, "a string holds a NUL byte");
	return fail(s, offset, "a string holds the control byte 0x%02x unescaped", c);
}

/*
 * The rest of a string from @src on, with what has to be decoded or checked, which is moved to @dst
 * (never longer than the escaped form). Returns its end in @dst and moves s->pos behind the quote.
 */
static _noinline_ int decode(struct scan *s, const char *src, char **dst)
{
	for (;;) {
		const char *run = src;
		unsigned char c;
		int r;

		src = behind_plain(src);
		if (*dst != run)
			memmove(*dst, run, (size_t)(src - run));
		*dst += src - run;
		c = (unsigned char)*src;
		if (c == '"')
			break;
		if (c == '\\') {
			r = escape(s, &src, dst);
			if (r < 0)
				return r;
		} else if (c >= 0x80) {
			size_t n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
			size_t left = s->len - (size_t)(src - s->text);

			if (n > left || utf8_valid_len(src, n) != n)
				return fail(s, (size_t)(src - s->text),
					    "invalid UTF-8 (byte 0x%02x)", c);
			memmove(*dst, src, n);
			*dst += n;
			src += n;
		} else {
			return control_byte(s, (size_t)(src - s->text), c);
		}
	}
	s->pos = (size_t)(src - s->text) + 1;
	return 0;
}

/* s->pos is at the opening quote. Decodes in place, ends it with a NUL (at the latest where the
 * closing quote was) and adds its node. */
static int scan_string(struct scan *s)
{
	char *start = s->text + s->pos + 1, *end = start + (behind_plain(start) - start);
	uint32_t node = add_node(s, JV_STRING, s->pos);
	int r;

	if (*end == '"') { /* as nearly always */
		s->pos = (size_t)(end - s->text) + 1;
	} else {
		r = decode(s, end, &end);
		if (r < 0)
			return r;
	}
	*end = '\0';
	s->nodes[node].span = (uint32_t)(end - start);
	return 0;
}

/* ---- numbers and literals ---- */

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static int scan_number(struct scan *s)
{
	const char *p = s->text + s->pos;

	add_node(s, JV_NUMBER, s->pos);
	p += *p == '-';
	if (*p == '0' && digit(p[1]))
		return fail(s, s->pos, "a number has a leading zero");
	if (!digit(*p))
		return fail(s, s->pos, "a number needs a digit behind \"-\"");
	while (digit(*p))
		p++;
	if (*p == '.') {
		if (!digit(*++p))
			return fail(s, s->pos, "a number needs a digit behind \".\"");
		while (digit(*p))
			p++;
	}
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '+' || *p == '-';
		if (!digit(*p))
			return fail(s, s->pos, "a number needs a digit in its exponent");
		while (digit(*p))
			p++;
	}
	s->pos = (size_t)(p - s->text);
	return 0;
}

static int unexpected(struct scan *s, const char *want)
{
	unsigned char c = (unsigned char)s->text[s->pos];

	if (s->pos >= s->len)
		return fail(s, s->pos, "the text ends where %s is needed", want);
	if (c == '/' || c == '#')
		return fail(s, s->pos, "JSON has no comments; %s is needed", want);
	if (c > 0x20 && c < 0x7f)
		return fail(s, s->pos, "\"%c\" stands where %s is needed", c, want);
	return fail(s, s->pos, "the byte 0x%02x stands where %s is needed", c, want);
}

static int scan_literal(struct scan *s)
{
	static const struct {
		char word[6];
		enum jv_type type;
	} words[] = { { "true", JV_TRUE }, { "false", JV_FALSE }, { "null", JV_NULL } };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i].word);

		if (strncmp(s->text + s->pos, words[i].word, n) == 0) {
			add_node(s, words[i].type, s->pos);
			s->pos += n;
			return 0;
		}
	}
	return unexpected(s, "a value");
}

/* ---- unique names ---- */

/* Keyed, so that nobody can prepare a config whose names all fall into one slot (fault J3: linear
 * time). */
static uint64_t hash(uint64_t h, const char *p, size_t n)
{
	for (; n; n -= MIN(n, sizeof(uint64_t)), p += sizeof(uint64_t)) {
		uint64_t w = 0;
		unsigned __int128 m;

		memcpy(&w, p, MIN(n, sizeof(w)));
		m = (unsigned __int128)(h ^ w) * 0x9e3779b97f4a7c15u;
		h = (uint64_t)m ^ (uint64_t)(m >> 64) ^ n;
	}
	return h ^ h >> 29;
}

static bool same_name(const struct scan *s, uint32_t a, uint32_t b)
{
	const struct jv_node *x = &s->nodes[a], *y = &s->nodes[b];

	return x->span == y->span &&
	       memcmp(jv_node_string(s->text, x), jv_node_string(s->text, y), x->span) == 0;
}

static int duplicate(struct scan *s, struct level *l, uint32_t first, uint32_t second)
{
	size_t line, column;

	l->key = second;
	s->want = WANT_NEXT; /* the pointer names the member */
	jv_locate(s->raw, jv_node_offset(&s->nodes[first]), &line, &column);
	return fail(s, jv_node_offset(&s->nodes[second]),
		    "duplicate key \"%.64s\" (first at line %zu)",
		    jv_node_string(s->text, &s->nodes[second]), line);
}

static int unique_few(struct scan *s, struct level *l)
{
	for (uint32_t i = l->node + 1; i < s->n; i = jv_node_skip(s->nodes, i + 1))
		for (uint32_t j = l->node + 1; j < i; j = jv_node_skip(s->nodes, j + 1))
			if (same_name(s, i, j))
				return duplicate(s, l, j, i);
	return 0;
}

static int unique_many(struct scan *s, struct level *l)
{
	size_t n = 16;

	while (n < (size_t)l->count * 2)
		n *= 2;
	if (n > s->n_slots) {
		s->slots = arena_new_array(s->arena, n, uint32_t);
		s->n_slots = n;
	}
	memset(s->slots, 0, n * sizeof(*s->slots));
	for (uint32_t i = l->node + 1; i < s->n; i = jv_node_skip(s->nodes, i + 1)) {
		const struct jv_node *k = &s->nodes[i];
		size_t at = hash(s->seed, jv_node_string(s->text, k), k->span) & (n - 1);

		for (; s->slots[at]; at = (at + 1) & (n - 1))
			if (same_name(s, s->slots[at], i))
				return duplicate(s, l, s->slots[at], i);
		s->slots[at] = i; /* never 0: that is the root */
	}
	return 0;
}

/* ---- containers ---- */

static int open_container(struct scan *s, bool object)
{
	if (s->depth == JV_MAX_DEPTH) {
		size_t line, column;

		jv_locate(s->raw, s->pos, &line, &column);
		return fail(s, s->pos, "nested too deep at line %zu: more than %d levels", line,
			    JV_MAX_DEPTH);
	}
	s->stack[s->depth++] =
		(struct level){ .node = add_node(s, object ? JV_OBJECT : JV_ARRAY, s->pos),
				.object = object };
	s->pos++;
	s->want = object ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
	return 0;
}

static int close_container(struct scan *s)
{
	enum { FEW = 8 };
	struct level *l = &s->stack[s->depth - 1];
	int r = 0;

	if (l->object && l->count > 1)
		r = l->count <= FEW ? unique_few(s, l) : unique_many(s, l);
	if (r < 0)
		return r;
	s->nodes[l->node].span = s->n - l->node;
	s->pos++;
	s->depth--;
	s->want = s->depth ? WANT_NEXT : WANT_NOTHING;
	return 0;
}

static int scan_next(struct scan *s)
{
	bool object = s->stack[s->depth - 1].object;
	char c = s->text[s->pos];

	if (c == ',') {
		s->pos++;
		s->want = object ? WANT_KEY : WANT_VALUE;
		return 0;
	}
	if (c == (object ? '}' : ']'))
		return close_container(s);
	return unexpected(s, object ? "\",\" or \"}\"" : "\",\" or \"]\"");
}

static int scan_colon(struct scan *s)
{
	if (s->text[s->pos] != ':')
		return unexpected(s, "\":\"");
	s->pos++;
	s->want = WANT_VALUE;
	return 0;
}

/* A string and, in an array, what strings follow it, as the names of a seccomp profile do. */
static int scan_strings(struct scan *s)
{
	struct level *l = s->depth ? &s->stack[s->depth - 1] : NULL;

	for (;;) {
		const char *p;
		int r = scan_string(s);

		if (r < 0 || !l || l->object)
			return r;
		p = behind_space(s->text + s->pos);
		if (*p != ',')
			return 0;
		p = behind_space(p + 1);
		if (*p != '"')
			return 0;
		s->pos = (size_t)(p - s->text);
		l->count++;
	}
}

static int scan_value(struct scan *s, bool or_end)
{
	char c = s->text[s->pos];
	int r;

	if (or_end && c == ']')
		return close_container(s);
	if (s->depth && !s->stack[s->depth - 1].object)
		s->stack[s->depth - 1].count++;
	if (c == '{' || c == '[')
		return open_container(s, c == '{');
	if (c == '"')
		r = scan_strings(s);
	else if (c == '-' || digit(c))
		r = scan_number(s);
	else
		r = scan_literal(s);
	s->want = s->depth ? WANT_NEXT : WANT_NOTHING;
	if (r == 0 && s->depth && s->text[s->pos] == ',') /* as nearly always */
		r = scan_next(s);
	return r;
}

static int scan_key(struct scan *s, bool or_end)
{
	struct level *l = &s->stack[s->depth - 1];
	uint32_t node = s->n;
	int r;

	if (or_end && s->text[s->pos] == '}')
		return close_container(s);
	if (s->text[s->pos] != '"')
		return unexpected(s, or_end ? "a name in quotes or \"}\"" : "a name in quotes");
	r = scan_string(s);
	if (r < 0)
		return r;
	l->key = node;
	l->count++;
	s->want = WANT_COLON;
	return s->text[s->pos] == ':' ? scan_colon(s) : 0;
}

static int step(struct scan *s)
{
	switch (s->want) {
	case WANT_VALUE:
	case WANT_VALUE_OR_END:
		return scan_value(s, s->want == WANT_VALUE_OR_END);
	case WANT_KEY:
	case WANT_KEY_OR_END:
		return scan_key(s, s->want == WANT_KEY_OR_END);
	case WANT_COLON:
		return scan_colon(s);
	case WANT_NEXT:
		return scan_next(s);
	case WANT_NOTHING:
		break;
	}
	return fail(s, s->pos, "more text follows the value");
}

static int scan(struct scan *s)
{
	if (s->len >= 3 && memcmp(s->raw, "\xef\xbb\xbf", 3) == 0)
		return fail(s, 0, "the text begins with a byte order mark");
	for (;;) {
		int r;

		s->pos = (size_t)(behind_space(s->text + s->pos) - s->text);
		if (s->pos >= s->len && s->want == WANT_NOTHING)
			return 0;
		r = step(s);
		if (r < 0)
			return r;
	}
}

static uint64_t random_seed(void)
{
	const void *bytes =
		(const void *)getauxval(AT_RANDOM); /* KERNEL: 16 random bytes. getauxval(3). */
	uint64_t seed = 0;

	if (bytes)
		memcpy(&seed, bytes, sizeof(seed));
	return seed;
}

int jv_parse(const char *raw, size_t len, struct arena *a, struct jv_doc *ret, struct err *e)
{
	struct scan s = { .raw = raw, .len = len, .arena = a, .e = e, .want = WANT_VALUE };
	int r;

	if (len > JV_MAX_BYTES)
		return err_set(e, ERR_CFG_SYNTAX, 0, "the text is larger than %d bytes",
			       JV_MAX_BYTES);
	s.text = memcpy(arena_alloc(a, len + AHEAD), raw, len);
	/* Two bytes hold at most one node, but for the brackets that are open at one time. What is
	 * not written is never touched and costs no memory. */
	s.nodes = arena_new_array(a, len / 2 + JV_MAX_DEPTH + 2, struct jv_node);
	s.seed = random_seed();
	r = scan(&s);
	if (r < 0)
		return r;
	*ret = (struct jv_doc){
		.raw = raw, .text = s.text, .len = len, .nodes = s.nodes, .n = s.n
	};
	return 0;
}
