/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/restore: the steps of a restore that create does not have; spawn.c has their table.
 */
#ifndef HULL_CONTAINER_RESTORE_H
#define HULL_CONTAINER_RESTORE_H

#include "base/err.h"

struct spawn;
struct restore;

/* Images, their directories and the options for CRIU, before anything is made. */
int restore_open(struct spawn *sp, struct err *e);
/* Start CRIU in a mount namespace of its own and send the request. */
int restore_begin(struct spawn *sp, struct err *e);
/* Answer what CRIU tells until it is done: hooks, the terminal, the check of what came back. */
int restore_serve(struct spawn *sp, struct err *e);
/* Ends CRIU if it still runs. */
void restore_close(struct spawn *sp);

#endif
