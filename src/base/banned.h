/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/banned: libc calls that are unsafe or ambiguous become compile errors. Included before every
 * source file by the build. SECURITY: rules B1, C1: one integer parser, bounded strings only.
 */
#ifndef HULL_BASE_BANNED_H
#define HULL_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#undef alloca
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#define BANNED(f) banned_##f##_is_not_for_hull
#define strcpy(...) BANNED(strcpy)
#define strcat(...) BANNED(strcat)
#define strncpy(...) BANNED(strncpy)
#define strncat(...) BANNED(strncat)
#define sprintf(...) BANNED(sprintf)
#define vsprintf(...) BANNED(vsprintf)
#define atoi(...) BANNED(atoi)
#define atol(...) BANNED(atol)
#define atoll(...) BANNED(atoll)
#define strtol(...) BANNED(strtol)
#define strtoll(...) BANNED(strtoll)
#define strtoul(...) BANNED(strtoul)
#define strtoull(...) BANNED(strtoull)
#define sscanf(...) BANNED(sscanf)
#define alloca(...) BANNED(alloca)
#define mktemp(...) BANNED(mktemp)
#define system(...) BANNED(system)
#define popen(...) BANNED(popen)
#define strtok(...) BANNED(strtok)
#define realpath(...) BANNED(realpath)

#endif
