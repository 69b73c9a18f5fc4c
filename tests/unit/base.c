/* SPDX-License-Identifier: Apache-2.0 */
/* The base room: numbers, builder, arena, errors. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/str.h"

TEST(numbers_are_strict)
{
	static const char *const bad[] = { "",	  "+1", "-1",  " 1",   "1 ",
					   "0x1", "01", "1e3", "root", "1:2" };
	uint32_t v = 7;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_INT(str_to_u32(bad[i], &v), -EINVAL);
	CHECK_INT(str_to_u32("4294967296", &v), -ERANGE);
	CHECK_INT(str_to_u32("99999999999999999999", &v), -ERANGE);
	CHECK_INT(v, 7);
	CHECK_INT(str_to_u32("4294967295", &v), 0);
	CHECK(v == UINT32_MAX);
	CHECK_INT(str_to_u32("0", &v), 0);
	CHECK_INT(v, 0);
}

TEST(signed_numbers)
{
	int64_t v = 0;

	CHECK_INT(str_to_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &v), 0);
	CHECK(v == INT64_MIN);
	CHECK_INT(str_to_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &v), -ERANGE);
	CHECK_INT(str_to_i64("-0", INT64_MIN, INT64_MAX, &v), -EINVAL);
	CHECK_INT(str_to_i64("-20", -20, 19, &v), 0);
	CHECK_INT(v, -20);
}

TEST(builder_never_overruns)
{
	char buf[8];
	struct strbuf b = STRBUF(buf);

	sb_add(&b, "12345");
	sb_printf(&b, "%s", "6789");
	CHECK_STR(buf, "1234567");
	CHECK(b.cut);
}

TEST(escape_hides_control_bytes)
{
	char buf[64];
	struct strbuf b = STRBUF(buf);

	sb_escape(&b, "a\n\x1b\xff\xc3\xa9");
	CHECK_STR(buf, "a\\x0a\\x1b\\xff\xc3\xa9");
}

TEST(utf8)
{
	CHECK_INT(utf8_valid_len("\xc0\xaf", 2), 0);
	CHECK_INT(utf8_valid_len("\xed\xa0\x80", 3), 0);
	CHECK_INT(utf8_valid_len("\xf4\x90\x80\x80", 4), 0);
	CHECK_INT(utf8_valid_len("\xf0\x9f\x98\x80", 4), 4);
}

TEST(arena_push_grows_and_zeroes)
{
	struct arena a;
	int *v = NULL;
	size_t n = 0;

	arena_init(&a);
	for (int i = 0; i < 1000; i++) {
		int *p = arena_push(&a, &v, &n, sizeof(*v));

		CHECK_INT(*p, 0);
		*p = i;
	}
	CHECK_INT(n, 1000);
	for (int i = 0; i < 1000; i++)
		CHECK_INT(v[i], i);
	arena_free(&a);
}

TEST(first_error_wins)
{
	struct err e = { 0 };
	char line[256];

	CHECK_INT(err_set(&e, ERR_MNT_TARGET, ENOTDIR, "mount %s", "x"), -ENOTDIR);
	CHECK_INT(err_set(&e, ERR_GEN_SYS, EIO, "later"), -EIO);
	err_at(&e, -ENOTDIR, "/mounts/%d", 3);
	err_at(&e, -ENOTDIR, "/other");
	err_step(&e, -ENOTDIR, "mounts");
	err_format(&e, line, sizeof(line));
	CHECK_STR(line, "mounts: /mounts/3: mount x: not a directory");
	CHECK_STR(err_info(e.id).text, "HULL-MNT-003");
	CHECK_INT(err_find("hull-mnt-003"), ERR_MNT_TARGET);
	CHECK_INT(err_find("err_mnt_target"), ERR_MNT_TARGET);
	CHECK_INT(err_find("hull-mnt"), ERR_NONE);
}

TEST(error_ids_are_unique)
{
	for (enum err_id i = 0; i < ERR_ID_COUNT; i++)
		for (enum err_id j = i + 1; j < ERR_ID_COUNT; j++)
			CHECK(strcmp(err_info(i).text, err_info(j).text) != 0);
}

static bool listed(const int *v, int n, int fd)
{
	for (int i = 0; i < n; i++)
		if (v[i] == fd)
			return true;
	return false;
}

TEST(open_descriptors_are_listed)
{
	int v[FD_LOW], n, high;

	for (int fd = 3; fd < FD_LOW; fd++)
		close(fd);
	CHECK_INT(fd_list_low(3, v), 0);
	high = fd_dup_above(0, 300);
	CHECK(high >= 300 && fd_list_low(3, v) == 0);
	n = fd_list(3, v, 64);
	CHECK(listed(v, n, high) && !listed(v, n, 2) && !listed(v, n, high - 1));
	CHECK_INT(fd_list(3, v, 0), -EMFILE);
	CHECK(fd_dup_above(0, 3) == 3 && fd_dup_above(0, 200) == 200);
	CHECK(fd_list_low(3, v) == 2 && v[0] == 3 && v[1] == 200);
	for (int fd = 3; fd < FD_LOW; fd++)
		close(fd);
	close(high);
}

TEST(times)
{
	static const struct {
		int64_t at;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000012Z" },
		{ 951782399, "2000-02-28T23:59:59.000012Z" },
		{ 951782400, "2000-02-29T00:00:00.000012Z" },
		{ 951868800, "2000-03-01T00:00:00.000012Z" },
		{ 1735689599, "2024-12-31T23:59:59.000012Z" },
		{ 4102444800, "2100-01-01T00:00:00.000012Z" },
		{ 4107542400, "2100-03-01T00:00:00.000012Z" },
		{ -5, "1970-01-01T00:00:00.000012Z" },
	};
	char buf[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct strbuf b = STRBUF(buf);

		sb_time(&b, rows[i].at, 12345, 6);
		CHECK_STR(buf, rows[i].text);
	}
	struct strbuf b = STRBUF(buf);

	sb_time(&b, 1735689599, 987654321, 9);
	sb_time(&b, 1735689599, 987654321, 0);
	CHECK_STR(buf, "2024-12-31T23:59:59.987654321Z2024-12-31T23:59:59Z");
}

UNIT_MAIN
