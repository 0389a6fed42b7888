/* version.c – see c5_formats_versions in export.h. */
#include <archive.h>
#include <json-c/json.h>
#include <stdio.h>

#include "base/version.h"
#include "formats/export.h"

void c5_formats_versions(void)
{
	char text[32];
	int n = archive_version_number();
	snprintf(text, sizeof text, "%d.%d.%d", n / 1000000, n / 1000 % 1000, n % 1000);
	c5_version_running("libarchive", text);
	c5_version_running("json-c", json_c_version());
}
