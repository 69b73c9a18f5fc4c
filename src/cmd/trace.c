/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd/trace: the flight recorder as a file for Perfetto and chrome://tracing (Trace Event Format:
 * complete events, times in microseconds).
 */
#include <stdio.h>

#include "base/io.h"
#include "base/log.h"
#include "base/trace.h"
#include "cmd/cmd.h"

void cmd_trace_write(const char *path)
{
	static const char sides[][8] = { "runtime", "init" };
	const struct trace_page *p = trace_page();
	uint64_t now = io_now();
	FILE *f = p ? fopen(path, "we") : NULL;
	const char *comma = "";

	if (!f) {
		log_warn("--trace: cannot write %s", path);
		return;
	}
	fprintf(f, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
	for (unsigned s = 0; s < TRACE_SIDES; s++) {
		uint32_t n = MIN(p->n[s], (uint32_t)TRACE_MAX);

		fprintf(f,
			"%s{\"ph\":\"M\",\"pid\":1,\"tid\":%u,\"name\":\"thread_name\",\"args\":{"
			"\"name\":\"%s\"}}",
			comma, s + 1, sides[s]);
		comma = ",\n";
		for (uint32_t i = 0; i < n; i++) {
			uint64_t from = p->rec[s][i].ns,
				 to = i + 1 < n ? p->rec[s][i + 1].ns : MAX(now, from);

			fprintf(f,
				",\n{\"ph\":\"X\",\"pid\":1,\"tid\":%u,\"name\":\"%.*s\",\"ts\":%"
				"llu.%03u,\"dur\":%llu.%03u}",
				s + 1, TRACE_NAME - 1, p->rec[s][i].name,
				(unsigned long long)(from / 1000), (unsigned)(from % 1000),
				(unsigned long long)((to - from) / 1000),
				(unsigned)((to - from) % 1000));
		}
	}
	fprintf(f, "\n]}\n");
	if (fclose(f) != 0)
		log_warn("--trace: cannot write %s", path);
}
