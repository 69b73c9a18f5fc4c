/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/forked: what an intermediate process leaves when it is killed: a child of ours that
 * nobody has told us about, and that only we can reap in time. Hides the two ways to find it.
 */
#include <signal.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "container/spawn.h"
#include "sys/call.h"
#include "sys/pidfd.h"

void spawn_undo_fork(int chan)
{
	uint64_t deadline = io_now() + SECONDS(2);
	struct sync_msg m;
	siginfo_t end;

	/*
	 * From here on a newcomer cannot introduce itself any more and ends, having executed
	 * nothing; one that did is in the queue, which ends where the messages end. KERNEL: unix(7)
	 * delivers what was queued before the shutdown, and EPIPE to the peer.
	 */
	shutdown(chan, SHUT_RD);
	for (;;) {
		struct err drop = { 0 };
		int r = sync_recv(chan, deadline, &m, &drop);

		if (r <= 0 && !err_is(&drop))
			break;
		err_drop(&drop, "the first failure is the one to tell");
		if (r < 0 && io_now() >= deadline)
			break;
		if (r > 0 && m.kind == SYNC_FORKED && m.fd >= 0) {
			sys_pidfd_send_signal(m.fd, SIGKILL);
			if (pidfd_reap(m.fd, &end) < 0)
				log_debug("the forked process was reaped already");
		}
		if (r > 0)
			fd_close(&m.fd);
	}
	pidfd_reap_clones(deadline);
}
