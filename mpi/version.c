/* version.c – see version.h. MPI_Get_library_version is one of the few calls allowed before MPI_Init; it answers with a sentence,
 * "Open MPI v4.1.4, package: ..." or "MPICH Version: 4.0.2 ...", of which the number is told. */
#include "mpi/version.h"

#include <mpi.h>
#include <stdio.h>
#include <string.h>

#include "base/version.h"

void c5_mpi_versions(void)
{
	char sentence[MPI_MAX_LIBRARY_VERSION_STRING] = "", text[48];
	int length = 0;
	if (MPI_Get_library_version(sentence, &length) != MPI_SUCCESS) return;
	const char *digits = strpbrk(sentence, "0123456789");
	if (!digits) return;
	snprintf(text, sizeof text, "%.*s", (int)strspn(digits, "0123456789."), digits);
	c5_version_running("MPI", text);
}
