/* version.c – see version.h. */
#include "hyperopt/version.h"

#include <nlopt.h>
#include <stdio.h>

#include "base/version.h"

void c5_hyperopt_versions(void)
{
	int major = 0, minor = 0, bugfix = 0;
	char text[48];
	nlopt_version(&major, &minor, &bugfix);
	snprintf(text, sizeof text, "%d.%d.%d", major, minor, bugfix);
	c5_version_running("NLopt", text);
}
