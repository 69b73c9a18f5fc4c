/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/mount_option: the option strings of mounts (config.md#linux-mount-options) and what each
 * stands for. What is not in the table belongs to the filesystem and is handed to it. `hull
 * features` prints these names.
 */
#include <stdlib.h>
#include <linux/mount.h>
#include <sys/mount.h>

#include "base/str.h"
#include "spec/spec.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW /* linux/mount.h, since 5.14 */
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

/* Attributes of one mount, of a whole tree, of the superblock (MS_*), propagation, the rest. */
#define ATTR(name, set, clear)                                                                     \
	{                                                                                          \
		name, OPT_ATTR, set, clear, false                                                  \
	}
#define TREE(name, set, clear)                                                                     \
	{                                                                                          \
		name, OPT_ATTR, set, clear, true                                                   \
	}
#define SUPER(name, set, clear)                                                                    \
	{                                                                                          \
		name, OPT_SB, set, clear, false                                                    \
	}
#define SPREAD(name, set, rec)                                                                     \
	{                                                                                          \
		name, OPT_PROPAGATION, set, 0, rec                                                 \
	}
#define SPECIAL(name)                                                                              \
	{                                                                                          \
		name, OPT_SPECIAL, 0, 0, false                                                     \
	}

/*
 * KERNEL: MOUNT_ATTR__ATIME is one field with three values (relatime 0, noatime, strictatime); a
 * change names the whole field in attr_clr. So the last option of the family wins, and what takes
 * one value back leads to relatime, the kernel's default. Since 5.12. mount_setattr(2). norelatime
 * has nothing to take back: relatime is the value that is left when the others are off.
 */
#define ATIME MOUNT_ATTR__ATIME

/* Sorted by name: looked up by bisection. */
static const struct spec_mount_option options[] = {
	SUPER("async", 0, MS_SYNCHRONOUS),
	ATTR("atime", 0, ATIME),
	{ "bind", OPT_BIND, MS_BIND, 0, false },
	SPECIAL("copy-symlink"),
	/* What a new mount is anyway. It takes nothing back, as locked flags of a source cannot be.
	 */
	ATTR("defaults", 0, 0),
	SPECIAL("dest-nofollow"),
	ATTR("dev", 0, MOUNT_ATTR_NODEV),
	ATTR("diratime", 0, MOUNT_ATTR_NODIRATIME),
	SUPER("dirsync", MS_DIRSYNC, 0),
	ATTR("exec", 0, MOUNT_ATTR_NOEXEC),
	SPECIAL("idmap"),
	SUPER("iversion", MS_I_VERSION, 0),
	SUPER("lazytime", MS_LAZYTIME, 0),
	SUPER("loud", 0, MS_SILENT),
	SUPER("mand", MS_MANDLOCK, 0),
	ATTR("noatime", MOUNT_ATTR_NOATIME, ATIME),
	ATTR("nodev", MOUNT_ATTR_NODEV, 0),
	ATTR("nodiratime", MOUNT_ATTR_NODIRATIME, 0),
	ATTR("noexec", MOUNT_ATTR_NOEXEC, 0),
	SUPER("noiversion", 0, MS_I_VERSION),
	SUPER("nolazytime", 0, MS_LAZYTIME),
	SUPER("nomand", 0, MS_MANDLOCK),
	ATTR("norelatime", 0, 0),
	ATTR("nostrictatime", 0, ATIME),
	ATTR("nosuid", MOUNT_ATTR_NOSUID, 0),
	ATTR("nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0),
	SPREAD("private", MS_PRIVATE, false),
	TREE("ratime", 0, ATIME),
	{ "rbind", OPT_BIND, MS_BIND | MS_REC, 0, true },
	TREE("rdev", 0, MOUNT_ATTR_NODEV),
	TREE("rdiratime", 0, MOUNT_ATTR_NODIRATIME),
	ATTR("relatime", 0, ATIME),
	SPECIAL("remount"),
	TREE("rexec", 0, MOUNT_ATTR_NOEXEC),
	SPECIAL("ridmap"),
	TREE("rnoatime", MOUNT_ATTR_NOATIME, ATIME),
	TREE("rnodev", MOUNT_ATTR_NODEV, 0),
	TREE("rnodiratime", MOUNT_ATTR_NODIRATIME, 0),
	TREE("rnoexec", MOUNT_ATTR_NOEXEC, 0),
	TREE("rnorelatime", 0, 0),
	TREE("rnostrictatime", 0, ATIME),
	TREE("rnosuid", MOUNT_ATTR_NOSUID, 0),
	TREE("rnosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0),
	ATTR("ro", MOUNT_ATTR_RDONLY, 0),
	SPREAD("rprivate", MS_PRIVATE, true),
	TREE("rrelatime", 0, ATIME),
	TREE("rro", MOUNT_ATTR_RDONLY, 0),
	TREE("rrw", 0, MOUNT_ATTR_RDONLY),
	SPREAD("rshared", MS_SHARED, true),
	SPREAD("rslave", MS_SLAVE, true),
	TREE("rstrictatime", MOUNT_ATTR_STRICTATIME, ATIME),
	TREE("rsuid", 0, MOUNT_ATTR_NOSUID),
	TREE("rsymfollow", 0, MOUNT_ATTR_NOSYMFOLLOW),
	SPREAD("runbindable", MS_UNBINDABLE, true),
	ATTR("rw", 0, MOUNT_ATTR_RDONLY),
	SPREAD("shared", MS_SHARED, false),
	SUPER("silent", MS_SILENT, 0),
	SPREAD("slave", MS_SLAVE, false),
	SPECIAL("src-nofollow"),
	ATTR("strictatime", MOUNT_ATTR_STRICTATIME, ATIME),
	ATTR("suid", 0, MOUNT_ATTR_NOSUID),
	ATTR("symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW),
	SUPER("sync", MS_SYNCHRONOUS, 0),
	SPECIAL("tmpcopyup"),
	SPREAD("unbindable", MS_UNBINDABLE, false),
};

static int compare(const void *name, const void *row)
{
	return strcmp(name, ((const struct spec_mount_option *)row)->name);
}

const struct spec_mount_option *spec_mount_option(const char *name)
{
	return bsearch(name, options, ARRAY_LEN(options), sizeof(options[0]), compare);
}

const struct spec_mount_option *spec_mount_options(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(options);
	return options;
}
