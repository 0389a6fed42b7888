/* version.c – see version.h. libxml2 tells its version as one number, 20914 for 2.9.14; libtiff as a sentence with the number in it. */
#include "image/version.h"

#include <libxml/parser.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

#include "base/version.h"

void c5_image_versions(void)
{
	char text[32];
	const char *digits = strpbrk(TIFFGetVersion(), "0123456789");
	if (digits) {
		snprintf(text, sizeof text, "%.*s", (int)strspn(digits, "0123456789."), digits);
		c5_version_running("libtiff", text);
	}
	c5_version_running("libpng", png_get_libpng_ver(NULL));
	int n = atoi(xmlParserVersion);
	snprintf(text, sizeof text, "%d.%d.%d", n / 10000, n / 100 % 100, n % 100);
	c5_version_running("libxml2", text);
}
