/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/filter: the seccomp program is compiled while init works; its listener goes to the
 * agent.
 */
#include <errno.h>

#include "base/fd.h"
#include "base/log.h"
#include "container/spawn.h"
#include "sync/sync.h"

/*
 * The agent hears of the container when it is created, if neither a hook of the image nor Landlock
 * comes first.
 */
static bool may_filter_early(const struct spawn *sp)
{
	return !sp->o->run && sp->bp.plan.process.set && !sp->bp.plan.landlock.set &&
	       !sp->bp.spec.hooks.n[HOOK_START_CONTAINER];
}

/* Init waits for nothing here: it needs the filter last of all. */
int spawn_filter(struct spawn *sp, struct err *e)
{
	struct seccomp_program filter = { 0 };
	struct err first = { 0 };
	unsigned unknown = 0;
	int r;

	if (!sp->filter)
		return 0;
	r = seccomp_prepare(&sp->bp.spec, &sp->c->a, &filter, &unknown, e);
	if (r == 0) {
		filter.early = init_filter_early(&filter);
		sp->listener_early = filter.early && filter.notifies && may_filter_early(sp);
		seccomp_share(sp->filter, &filter);
	}
	/* LNX-SEC-19 */
	if (r == 0 && unknown && seccomp_check_names(&sp->bp.spec.os.seccomp, &first) < 0)
		log_warn("%s: %s; the profile goes without that and %u more", first.at, first.msg,
			 unknown - 1);
	return r;
}

int spawn_serve_listener(struct ctx *c, struct subject *s, enum spec_status status, int conn,
			 pid_t pid, struct sync_msg *m, struct err *e)
{
	struct record *rec = &s->rec;
	struct spec_state st;
	size_t n;
	char *text;
	int r;

	status_fill(c, rec, status, &st);
	text = spec_process_state_text(&st, pid ? pid : (int64_t)rec->pid, rec->seccomp_metadata,
				       &c->a, &n);
	if (!rec->seccomp_listener)
		r = err_set(e, ERR_SEC_NOTIFY, 0,
			    "a notify rule without linux.seccomp.listenerPath");
	else
		r = seccomp_send_listener(rec->seccomp_listener, text, n, m->fd, e);
	fd_close(&m->fd);
	return r < 0 ? r : sync_send(conn, SYNC_SECCOMPED, -1, e);
}

int spawn_listener(struct spawn *sp, struct err *e)
{
	struct sync_msg m;
	int r;

	if (!sp->listener_early)
		return 0;
	r = sync_send(sp->chan, SYNC_FILTER, -1, e);
	if (r == 0)
		r = spawn_wait(sp->chan, sp->signals, true, e);
	if (r == 0)
		r = sync_expect(sp->chan, SYNC_SECCOMP, 0, &m, e);
	if (r == 0)
		return spawn_serve_listener(sp->c, &sp->s, STATUS_CREATING, sp->chan, 0, &m, e);
	if (r != -EPIPE && r != -ECONNRESET)
		return r;
	*e = (struct err){ 0 };
	return spawn_died(&sp->s, sp->pidfd, e);
}
