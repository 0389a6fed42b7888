/* version.c – see version.h. Both headers are made by cmake/Version.cmake: one when configured, the commit at every build. */
#include "base/version.h"

#include <string.h>
#include <yaml.h>

#include "version_commit.h"
#include "version_info.h"

#define TEXT_MAX 64

static c5_version_row rows[] = {
	{ "HDF5", C5_HAVE_HDF5_VERSION, NULL },
	{ "MPI", C5_HAVE_MPI_VERSION, NULL },
	{ "libtiff", C5_HAVE_TIFF_VERSION, NULL },
	{ "libpng", C5_HAVE_PNG_VERSION, NULL },
	{ "libjpeg", C5_HAVE_JPEG_VERSION, NULL },
	{ "libxml2", C5_HAVE_XML_VERSION, NULL },
	{ "kissfft", C5_HAVE_FFT_VERSION, NULL },
	{ "libyaml", C5_HAVE_YAML_VERSION, NULL },
	{ "libdeflate", C5_HAVE_DEFLATE_VERSION, NULL },
	{ "libarchive", C5_HAVE_ARCHIVE_VERSION, NULL },
	{ "json-c", C5_HAVE_JSON_VERSION, NULL },
	{ "oneDNN", C5_HAVE_ONEDNN_VERSION, NULL },
	{ "CUDA", C5_HAVE_CUDA_VERSION, NULL },
	{ "cuDNN", C5_HAVE_CUDNN_VERSION, NULL },
	{ "NLopt", C5_HAVE_NLOPT_VERSION, NULL },
	{ "LAPACK", C5_HAVE_LAPACK_VERSION, NULL },
	{ "compiler", C5_COMPILER, NULL },
	{ "build", C5_BUILD_TYPE, NULL },
	{ NULL, NULL, NULL },
};
#define ROWS (sizeof rows / sizeof *rows)

static char running[ROWS][TEXT_MAX];

const char *c5_version(void) { return C5_VERSION; }
const char *c5_version_commit(void) { return C5_COMMIT; }

const c5_version_row *c5_version_rows(void)
{
	c5_version_running("libyaml", yaml_get_version_string());
	return rows;
}

void c5_version_running(const char *name, const char *text)
{
	for (size_t i = 0; rows[i].name; i++)
		if (strcmp(rows[i].name, name) == 0) {
			snprintf(running[i], TEXT_MAX, "%s", text);
			rows[i].running = running[i];
		}
}

void c5_version_print(FILE *to)
{
	fprintf(to, "%-11s %s (commit %s)\n", "cyto5", C5_VERSION, C5_COMMIT);
	for (const c5_version_row *row = c5_version_rows(); row->name; row++) {
		if (!row->running || strcmp(row->running, row->built) == 0) fprintf(to, "%-11s %s\n", row->name, row->built);
		else fprintf(to, "%-11s %s (built with %s)\n", row->name, row->running, row->built);
	}
}
