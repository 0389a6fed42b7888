/* version.c – see version.h. */
#include "nn/version.h"

#include <dnnl.h>
#include <stdio.h>

#include "base/version.h"

void c5_nn_versions(void)
{
	char text[48];
	const dnnl_version_t *v = dnnl_version();
	snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
	c5_version_running("oneDNN", text);
}
