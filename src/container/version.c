/* version.c – see version.h. */
#include "container/version.h"

#include <hdf5.h>
#include <stdio.h>

#include "base/version.h"
#include "container/driver.h"

void c5_container_versions(void)
{
	unsigned major, minor, release;
	char text[48];
	c5_h5_quiet();
	if (H5get_libversion(&major, &minor, &release) < 0) return;
	snprintf(text, sizeof text, "%u.%u.%u", major, minor, release);
	c5_version_running("HDF5", text);
}
