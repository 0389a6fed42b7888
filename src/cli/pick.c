/* pick.c – see pick.h. */
#include "cli/pick.h"

#include "base/error.h"
#include "base/mem.h"

int c5_cli_pick_experiment(c5_file *f, const char *wanted, char **name)
{
	char **names = NULL;
	size_t n = 0;
	int err = C5_OK;
	*name = NULL;
	if (!wanted && (err = c5_list(f, "/experiments", &names, &n)) < 0) return err;
	if (!wanted && n != 1) err = c5_fail(C5_EUSAGE, "%s: %zu experiments; name one behind it (`cyto5 show` lists them)", c5_file_path(f), n);
	else if (!(*name = c5_strdup(wanted ? wanted : names[0]))) err = c5_fail(C5_ENOMEM, "out of memory");
	c5_names_free(names, n);
	return err;
}
