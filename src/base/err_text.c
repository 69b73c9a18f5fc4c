/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/err_text: the table of ids, with their causes and cures. Init has no use for it, so that
 * tools/init-sections leaves it out of what init copies.
 */
#include <string.h>
#include <strings.h>

#include "base/err.h"

/*
 * Four strings of each row, with a NUL behind each one. Four hundred pointers to them would be
 * relocated, and their pages copied, at every start of a program that seldom fails.
 */
static const char rows[] = "ERR_NONE\0HULL-GEN-000\0No error.\0Nothing to do.\0"
#define ERR(id, text, cause, cure) #id "\0" text "\0" cause "\0" cure "\0"
#include "base/errors/all.def"
#undef ERR
	;

static const char *next(const char *string)
{
	return string + strlen(string) + 1;
}

struct err_info err_info(enum err_id id)
{
	struct err_info i = { .name = rows };

	for (unsigned skip = id < ERR_ID_COUNT ? 4 * id : 0; skip; skip--)
		i.name = next(i.name);
	i.text = next(i.name);
	i.cause = next(i.text);
	i.cure = next(i.cause);
	return i;
}

enum err_id err_find(const char *text)
{
	for (enum err_id id = 1; id < ERR_ID_COUNT; id++) {
		struct err_info i = err_info(id);

		if (!strcasecmp(i.text, text) || !strcasecmp(i.name, text))
			return id;
	}
	return ERR_NONE;
}
