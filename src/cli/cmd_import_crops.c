/* cmd_import_crops.c – `cyto5 import crops OUT.h5 FOLDER`: single-cell images, a folder a class, as experiments with crops. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "base/yaml.h"
#include "cli/job.h"
#include "container/run.h"
#include "mpi/record.h"
#include "pipeline/import_crops.h"

/* One run, from the opening of the container to its commit; a container made for it goes again when it fails. */
static int write_run(c5_import_crops *c, const char *container, const char *line, const char *configuration, uint32_t *number)
{
	bool made = access(container, F_OK) != 0;
	c5_run_info info = { 0 };
	c5_file *f = NULL;
	int err = made ? c5_file_create(container, NULL) : C5_OK;
	if (err < 0 || (err = c5_file_open(&f, container, C5_WRITE, "cyto5 import")) < 0) return err;
	info.command = c5_strdup("import");
	info.command_line = c5_strdup(line);
	info.configuration = c5_strdup(configuration);
	info.ranks = 1;
	info.threads = c5_threads();
	c5_record_describe(&info);
	if ((err = c5_run_begin(f, &info)) == C5_OK && (err = c5_import_crops_write(c, f, info.number)) == C5_OK &&
	    (err = c5_run_end(f, &info, "complete")) == C5_OK)
		err = c5_file_commit(f, false);
	*number = info.number;
	c5_run_info_free(&info);
	int closed = c5_file_close(f);
	if (err < 0 && made) unlink(container);
	return err < 0 ? err : closed;
}

static int run(int argc, char **argv)
{
	c5_import_crops_params set = { 0 };
	const c5_opt_group groups[] = { { "Settings", c5_import_crops_opts, &set }, { NULL, NULL, NULL } };
	c5_cli cli;
	c5_import_crops *c = NULL;
	c5_buf b = { 0 };
	char *line = NULL;
	uint32_t number = 0;
	size_t experiments, classes;
	int err = c5_cli_open(&cli, &c5_cmd_import_crops, groups, argc, argv, 2, 2);
	if (err < 0 || cli.helped) goto done;
	c5_cli_versions();
	if (!(line = c5_cli_line("import", argc + 1, argv - 1))) err = c5_fail(C5_ENOMEM, "out of memory"); /* with the word crops */
	c5_yaml_add_options(&b, 0, c5_import_crops_opts, &set);
	c5_buf_put(&b, "", 1);
	if (err < 0 || (err = b.err) < 0 || (err = c5_import_crops_open(&c, cli.words[1], &set)) < 0 ||
	    (err = write_run(c, cli.words[0], line, (const char *)b.data, &number)) < 0) goto done;
	size_t n = c5_import_crops_count(c, &experiments, &classes);
	c5_log(C5_LOG_INFO, "%s: %s: %zu crops of %zu classes in %zu experiments", cli.words[0], c5_revision_name(number), n, classes, experiments);
done:
	c5_import_crops_close(c);
	c5_buf_free(&b);
	free(line);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_import_crops = {
	"import crops", C5_TAKE_IN, "take in single-cell images, a folder a class", "OUT.h5 FOLDER",
	"cyto5 import crops cells.h5 training/\n"
	"cyto5 import crops cells.h5 training/ --field 'well([A-H][0-9]+)' --channel phase\n",
	run,
};
