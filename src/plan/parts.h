/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan/parts: what the files of the plan room share and nobody outside includes: the maker that
 * walks from the config to the plan, and one function per part of the plan.
 */
#ifndef HULL_PLAN_PARTS_H
#define HULL_PLAN_PARTS_H

#include "plan/plan.h"

struct findings; /* validate.c */

/* Everything a part may read, and the plan it writes its own fields of. Parts run in the order of
 * plan.c. */
struct maker {
	const struct spec *spec;
	const struct host *host;
	const struct plan_options *opt;
	struct arena *arena;
	struct plan *plan;
	struct findings *findings; /* NULL: the first error ends the plan */
};

int plan_make_ns(struct maker *m, struct err *e);
int plan_make_ids(struct maker *m, struct err *e);
int plan_make_root(struct maker *m, struct err *e);
int plan_make_mounts(struct maker *m, struct err *e);
int plan_make_devices(struct maker *m, struct err *e);
int plan_make_late(struct maker *m, struct err *e); /* which mounts turn read-only late */
int plan_make_process(struct maker *m, struct err *e);
int plan_make_landlock(struct maker *m, struct err *e);
/* p->env and needs_home from @env, as listen_fds, needs_listen_pid and notify have it (env.c). */
void plan_make_env(struct plan_process *p, const struct strv *env, struct arena *a);
int plan_make_sysctls(struct maker *m, struct err *e);
int plan_make_cgroup(struct maker *m, struct err *e);
int plan_make_unit_properties(struct maker *m, struct err *e);

/* @base/@key as a JSON pointer, with the key escaped (RFC 6901). */
char *plan_pointer(struct arena *a, const char *base, const char *key);
/* A line for the log (spec: MUST be logged). Never an error. */
void plan_warn(struct maker *m, const char *fmt, ...) _printf_(2, 3);
/* The same for what a security rule decides and every engine's default config runs into. */
void plan_remark(struct maker *m, const char *fmt, ...) _printf_(2, 3);

/* ---- plan.c, validate.c ---- */
/* Run all parts and gather what fails in m->findings. */
void plan_try(struct maker *m);
/* After an error: keep it as a finding, clear it and return true when the rest is to be tried all
 * the same. */
bool plan_go_on(struct maker *m, struct err *e);

/* ---- ns.c ---- */
/* CLONE_NEW* of a kind. */
uint64_t plan_ns_flag(enum spec_ns ns);
/*
 * The pure heart of plan_make_ns: @offsets says that clock offsets must be written, @returns that
 * the runtime can come back into its own namespaces. Cannot fail.
 */
void plan_ns_order(const struct spec_namespace ns[NS_KINDS], bool offsets, bool returns,
		   struct plan_ns *ret);
static inline bool plan_ns_new(const struct plan *p, enum spec_ns ns)
{
	return p->ns.created & plan_ns_flag(ns);
}
static inline bool plan_ns_joined(const struct plan *p, enum spec_ns ns)
{
	return p->ns.joined & plan_ns_flag(ns);
}
static inline bool plan_ns_own(const struct plan *p, enum spec_ns ns)
{
	return (p->ns.created | p->ns.joined) & plan_ns_flag(ns);
}

/* ---- ids.c ---- */
/* The host id of container id @id; false when it is not mapped. */
bool plan_id_to_host(const struct spec_idmaps *maps, uint32_t id, uint32_t *ret);

/* ---- idmap.c ---- */
/* The value of an idmap= or ridmap= option: "uids=C-H-N#...;gids=..." */
int plan_parse_idmap(struct maker *m, const char *text, struct plan_mount *mount, struct err *e);

/* ---- path.c ---- */
/*
 * Lexical normal form: absolute, no empty, "." or ".." parts (".." at the top stays at the top).
 * @path itself where it is in that form.
 */
const char *plan_path_clean(struct arena *a, const char *path);
/* Is @path equal to @dir or below it? Both in normal form. */
bool plan_path_below(const char *path, const char *dir);

/* ---- device_rules.c ---- */
void plan_make_device_rules(struct maker *m);

/* ---- resources.c ---- */
int plan_make_resources(struct maker *m, struct err *e);
/* cpu.shares (2 .. 262144) as cpu.weight (1 .. 10000). */
unsigned plan_cpu_weight(uint64_t shares);
/* blkio.weight (10 .. 1000) as io.weight (1 .. 10000). */
unsigned plan_io_weight(unsigned weight);

#endif
