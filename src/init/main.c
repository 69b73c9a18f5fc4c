/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init/main: walks the table of steps, keeps the flight recorder, and turns the first error into a
 * FAIL message to whoever waits for the result.
 */
#include <unistd.h>

#include "base/trace.h"
#include "init/steps.h"

static _noreturn_ void walk(struct init *in, const struct init_step *steps, size_t n)
{
	struct err e = { 0 };

	while (in->next < n) {
		const struct init_step *s = &steps[in->next++];

		trace_step(s->name);
		if (s->run(in, &e) < 0) {
			err_step(&e, -1, s->name);
			break;
		}
	}
	/* Nobody listening any more is no reason to go on. */
	if (in->start_conn >= 0)
		sync_send_fail(in->start_conn, &e);
	else if (in->chan >= 0)
		sync_send_fail(in->chan, &e);
	_exit(1);
}

void init_main(struct init *in)
{
	trace_set_side(TRACE_INIT);
	walk(in, init_steps, init_n_steps);
}

void init_exec_main(struct init *in)
{
	trace_set_side(TRACE_INIT);
	walk(in, init_exec_steps, init_n_exec_steps);
}

int init_exec_go_on(void *in)
{
	walk(in, init_exec_steps, init_n_exec_steps);
}
