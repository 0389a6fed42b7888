/* unit_base_version.c – what the program says it is made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/version.h"
#include "cli/cli.h"

static char *printed(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	assert_non_null(to);
	c5_version_print(to);
	fclose(to);
	return text;
}

static const c5_version_row *row(const char *name)
{
	for (const c5_version_row *r = c5_version_rows(); r->name; r++)
		if (strcmp(r->name, name) == 0) return r;
	fail_msg("no row %s", name);
	return NULL;
}

static void every_row_has_a_version_or_no(void **state)
{
	(void)state;
	for (const c5_version_row *r = c5_version_rows(); r->name; r++) assert_true(r->built[0] != '\0');
	int parts[3] = { 0 };
	assert_int_equal(sscanf(c5_version(), "%d.%d.%d", &parts[0], &parts[1], &parts[2]), 3);
	assert_true(strlen(c5_version_commit()) >= 7);
}

static void loaded_libraries_are_asked(void **state)
{
	(void)state;
	static const char *const asked[] = { "HDF5", "MPI", "libtiff", "libpng", "libxml2", "libyaml", "oneDNN", "NLopt" };
	c5_cli_versions();
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		const char *running = row(asked[i])->running;
		assert_non_null(running);
		assert_true(running[0] >= '0' && running[0] <= '9');
	}
}

static void another_version_loaded_than_built_is_told(void **state)
{
	(void)state;
	c5_version_running("HDF5", "99.1.2");
	c5_version_running("no such library", "1");
	char *text = printed(), want[128];
	snprintf(want, sizeof want, "\nHDF5        99.1.2 (built with %s)\n", row("HDF5")->built);
	assert_non_null(strstr(text, want));
	assert_null(strstr(text, "no such library"));
	free(text);
	c5_version_running("HDF5", row("HDF5")->built);
	text = printed();
	assert_null(strstr(text, "99.1.2"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_a_version_or_no),
		cmocka_unit_test(loaded_libraries_are_asked),
		cmocka_unit_test(another_version_loaded_than_built_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
