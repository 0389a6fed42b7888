/* record.c – see record.h. */
#include "mpi/record.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/version.h"

static char *library_text(void)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	if (!f) return NULL;
	c5_version_print(f);
	fclose(f);
	return text;
}

void c5_record_describe(c5_run_info *i)
{
	const struct passwd *pw = getpwuid(geteuid());
	i->software = c5_format("cyto5 %s (%s)", c5_version(), c5_version_commit());
	i->libraries = library_text();
	i->user = c5_strdup(pw ? pw->pw_name : "?");
	i->slurm_job = c5_strdup(getenv("SLURM_JOB_ID"));
}
