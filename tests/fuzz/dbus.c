/* SPDX-License-Identifier: Apache-2.0 */
/* What a D-Bus peer may send: messages of any shape, read in every way the client reads. */
#include <stdlib.h>
#include <string.h>

#include "cgroup/systemd/dbus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dbus_in m, n;
	const char *text;
	uint32_t v;

	if (size < 16)
		return 0;
	if (dbus_size(data) > 16u + 2u * DBUS_MESSAGE_MAX + 8u)
		abort();
	if (dbus_parse(data, size, &m) < 0)
		return 0;
	if (dbus_size(data) != size)
		abort();
	if (strlen(m.path) + strlen(m.interface) + strlen(m.member) + strlen(m.error) +
		    strlen(m.signature) >
	    size)
		abort();
	n = m;
	while (dbus_get_string(&n, &text) == 0)
		if (strlen(text) >= size)
			abort();
	n = m;
	while (dbus_get_signature(&n, &text) == 0 && dbus_get_u32(&n, &v) == 0)
		if (strlen(text) > 255)
			abort();
	return 0;
}
