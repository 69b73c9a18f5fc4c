/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/main: argv to verb, error to one line, result to exit status.
 */
#include <stdio.h>

int main(void)
{
	printf("hull version %s\n", HULL_VERSION);
	return 0;
}
