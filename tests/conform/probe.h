/*
 * probe.h: what the two halves of the probe share: words of the command line, output of actions.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stdio.h>

/* The next word of the command line, "" at its end. */
const char *probe_word(void);

/* The next word as a number; "max" is all ones. */
long long probe_number(void);

/* Writes text as a JSON string, null for NULL. */
void probe_put_text(FILE *f, const char *text);

/* Begins one action, {"do": name, "ret": r, "errno": e; extra holds more members; ends it. */
void probe_action(const char *name, long long ret, int err, const char *extra, ...)
	__attribute__((format(printf, 4, 5)));

/* Name of resource limit i without its prefix, NULL past the end. */
const char *probe_rlimit_name(int i);

/* Does the action that w names. False if there is none. */
bool probe_act(const char *w);
bool probe_sec(const char *w);

#endif
