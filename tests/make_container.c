/* make_container.c – for test scripts: `make_container OUT.h5` makes the sample container of container_sample.h;
 * `make_container OUT.h5 many N` one of N experiments without pixels; `make_container OUT.h5 unfinished` one whose last run never ended. */
#include "container_sample.h"

static void many(const char *path, int n)
{
	c5_file *f;
	MUST(c5_file_create(path, "many experiments"));
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	for (int i = 0; i < n; i++) {
		char name[32], well[8];
		snprintf(name, sizeof name, "P%d_%c%02d_p%d", i / 864 + 1, 'A' + i / 108 % 8, i / 9 % 12 + 1, i % 9 + 1);
		snprintf(well, sizeof well, "%c%02d", 'A' + i / 108 % 8, i / 9 % 12 + 1);
		sample_experiment(f, name, well);
	}
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
}

static void unfinished(const char *path)
{
	c5_file *f;
	c5_run_info run;
	sample_container(path);
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	sample_run_begin(f, &run, "segment");
	sample_results(f, "A01", run.number, 3);
	c5_run_info_free(&run);
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
}

int main(int argc, char **argv)
{
	if (argc == 2) sample_container(argv[1]);
	else if (argc == 4 && strcmp(argv[2], "many") == 0) many(argv[1], atoi(argv[3]));
	else if (argc == 3 && strcmp(argv[2], "unfinished") == 0) unfinished(argv[1]);
	else return 2;
	return 0;
}
