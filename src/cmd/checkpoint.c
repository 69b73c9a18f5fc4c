/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/checkpoint: `hull checkpoint` and `hull restore`, which share most of their options.
 */
#include "cmd/cmd.h"

#define SHARED                                                                                     \
	OPT_T("image-path", 0, image_path, "DIR", "directory of the images (./checkpoint)"),       \
		OPT_T("work-path", 0, work_path, "DIR",                                            \
		      "directory of CRIU's logs (as --image-path)"),                               \
		OPT_F("tcp-established", 0, tcp_established,                                       \
		      "allow TCP connections that are open"),                                      \
		OPT_F("tcp-close", 0, tcp_close, "close TCP connections that are open"),           \
		OPT_F("ext-unix-sk", 0, ext_unix_sk,                                               \
		      "allow unix sockets whose other end is outside"),                            \
		OPT_F("shell-job", 0, shell_job,                                                   \
		      "allow a terminal of the caller's as standard streams"),                     \
		OPT_F("file-locks", 0, file_locks, "carry locks of files"),                        \
		OPT_T("manage-cgroups-mode", 0, manage_cgroups_mode, "MODE",                       \
		      "soft, full, strict or ignore: how groups below the container's are "        \
		      "carried"),                                                                  \
		OPT_T("network-lock", 0, network_lock, "METHOD",                                   \
		      "iptables, nftables or skip: how packets are held back"),                    \
		OPT_L("empty-ns", 0, empty_ns, "KIND", "do not carry the contents of: network"),   \
		OPT_F("auto-dedup", 0, auto_dedup,                                                 \
		      "remove pages from images that newer ones have"),                            \
		OPT_F("lazy-pages", 0, lazy_pages, "pages are fetched when they are needed")

static const struct opt checkpoint_opts[] = {
	SHARED,
	OPT_F("leave-running", 'R', leave_running, "the container goes on afterwards"),
	OPT_F("pre-dump", 'P', pre_dump, "write memory only, and go on: for a later --parent-path"),
	OPT_T("parent-path", 0, parent_path, "DIR",
	      "images of an earlier pre-dump, relative to --image-path"),
	OPT_T("page-server", 0, page_server, "ADDRESS:PORT", "send memory to a page server there"),
	OPT_T("status-fd", 0, status_fd, "FD",
	      "write a zero byte to FD when pages can be fetched (--lazy-pages)"),
	OPT_F("tcp-skip-in-flight", 0, tcp_skip_in_flight, "leave out connections being made"),
	OPT_F("link-remap", 0, link_remap, "carry open files that were unlinked, by a new name"),
};
static const struct opt restore_opts[] = {
	SHARED,
	OPT_T("bundle", 'b', bundle, "DIR", "bundle directory (the current one)"),
	OPT_T("config", 'f', config, "FILE", "another name for config.json"),
	OPT_T("console-socket", 0, console_socket, "PATH",
	      "unix socket that receives the terminal"),
	OPT_T("pid-file", 'p', pid_file, "FILE",
	      "write the pid of the container's process to FILE"),
	OPT_T("lsm-profile", 0, lsm_profile, "TYPE:NAME",
	      "apparmor or selinux label, in place of config.json's"),
	OPT_T("lsm-mount-context", 0, lsm_mount_context, "CONTEXT",
	      "SELinux context of mounts, in place of that of the images"),
	OPT_F("detach", 'd', detach, "return once the container runs"),
	OPT_F("keep", 0, keep, "do not delete the container when it ends"),
	OPT_F("no-pivot", 0, no_pivot, "accepted for other runtimes' sake: CRIU decides"),
	OPT_F("no-subreaper", 0, no_subreaper,
	      "accepted for other runtimes' sake: hull never is a subreaper"),
};

static struct checkpoint_options images(const struct args *a)
{
	return (struct checkpoint_options){
		.id = a->v[0],
		.criu = a->criu,
		.image_path = a->image_path,
		.work_path = a->work_path,
		.parent_path = a->parent_path,
		.page_server = a->page_server,
		.status_fd = a->status_fd,
		.manage_cgroups_mode = a->manage_cgroups_mode,
		.network_lock = a->network_lock,
		.lsm_profile = a->lsm_profile,
		.lsm_mount_context = a->lsm_mount_context,
		.empty_ns = a->empty_ns,
		.leave_running = a->leave_running,
		.pre_dump = a->pre_dump,
		.tcp_established = a->tcp_established,
		.tcp_close = a->tcp_close,
		.tcp_skip_in_flight = a->tcp_skip_in_flight,
		.ext_unix_sk = a->ext_unix_sk,
		.shell_job = a->shell_job,
		.file_locks = a->file_locks,
		.lazy_pages = a->lazy_pages,
		.auto_dedup = a->auto_dedup,
		.link_remap = a->link_remap,
	};
}

static int run_checkpoint(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	struct checkpoint_options o = images(a);

	(void)ret_status;
	return container_checkpoint(c, &o, e);
}

static int run_restore(struct ctx *c, struct args *a, int *ret_status, struct err *e)
{
	struct checkpoint_options o = images(a);
	struct create_options create;
	int r = cmd_create_options(c, a, &create, e);

	if (r < 0)
		return r;
	create.run = true;
	create.no_pivot = false; /* the way to the new root is CRIU's */
	return container_restore(c, &create, &o, ret_status, e);
}

const struct cmd cmd_checkpoint =
	CMD("checkpoint", "ID", "write a running container to images, by CRIU, and end it",
	    checkpoint_opts, 1, 1, run_checkpoint);
const struct cmd cmd_restore = CMD("restore", "ID", "make a container from images of a checkpoint",
				   restore_opts, 1, 1, run_restore);
