/* cmd_model.c – `cyto5 model VERB`: networks looked at, applied, copied, and taken in and out. Here: the choice of verb, list and copy. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/threads.h"
#include "cli/job.h"
#include "cli/model.h"
#include "cli/print.h"
#include "container/run.h"
#include "mpi/record.h"
#include "pipeline/trained.h"

static const c5_command *const verbs[] = { &c5_cmd_model_list, &c5_cmd_model_show, &c5_cmd_model_apply, &c5_cmd_model_copy,
	&c5_cmd_model_new, &c5_cmd_model_import, &c5_cmd_model_export, NULL };

int c5_model_size(int *height, int *width, const char *text)
{
	int h = 0, w = 0, used = 0;
	if (!text) return C5_OK;
	if (sscanf(text, "%dx%d%n", &h, &w, &used) < 2 || text[used] || h < 1 || w < 1 || h > 1 << 20 || w > 1 << 20)
		return c5_fail(C5_EUSAGE, "size '%.40s': HEIGHTxWIDTH in pixels is expected, as in 64x64", text);
	*height = h;
	*width = w;
	return C5_OK;
}

/* ---- list ---- */

struct list { bool json; };
static const c5_opt list_opts[] = {
	{ "json", C5_OPT_BOOL, offsetof(struct list, json), NULL, 0, 0, NULL, NULL, "answer in JSON" },
	{ 0 },
};

/* "1 x 50 x 50" of the first input; "" when the architecture cannot be read. */
static void input_text(char to[64], const c5_stored_model *s)
{
	c5_model *m = NULL;
	to[0] = '\0';
	if (c5_trained_unpack(&m, NULL, s) < 0) return;
	const c5_layer *l = &m->layers[0];
	for (int d = 0; d < l->rank; d++) snprintf(to + strlen(to), 64 - strlen(to), "%s%d", d ? " x " : "", l->shape[d]);
	c5_model_free(m);
}

static int list_one(c5_file *f, const char *name, c5_buf *json)
{
	c5_stored_model s;
	char input[64], count[C5_SIZE_TEXT];
	int err = c5_stored_model_read(f, name, 0, false, &s);
	if (err == C5_ENOTFOUND) {
		if (!json) printf("  %-20s %s(no complete revision)%s\n", name, c5_ink(C5_DIM), c5_ink(C5_PLAIN));
		return C5_OK;
	}
	if (err < 0) return err;
	input_text(input, &s);
	if (json) {
		c5_json_key(json, NULL);
		c5_text_add(json, "{");
		c5_json_str(json, "name", name);
		c5_json_str(json, "revision", c5_revision_name(s.revision));
		c5_json_str(json, "kind", s.kind);
		c5_json_str(json, "origin", s.origin);
		c5_json_str(json, "input", input);
		c5_json_int(json, "classes", (int64_t)s.n_classes);
		c5_json_int(json, "parameters", (int64_t)s.count);
		c5_json_str(json, "sha256", s.sha256);
		c5_text_add(json, "}");
	} else {
		printf("  ");
		c5_put_cell(name, 20);
		printf(" %-8s ", c5_revision_name(s.revision));
		c5_put_cell(s.kind ? s.kind : "", 10);
		printf(" ");
		c5_put_cell(s.origin ? s.origin : "", 9);
		printf(" ");
		c5_put_cell(input, 15);
		printf(" %12s", c5_count_text(count, s.count));
		if (s.n_classes) printf("  %zu classes", s.n_classes);
		printf("\n");
	}
	c5_stored_model_free(&s);
	return C5_OK;
}

static int list(int argc, char **argv)
{
	struct list set = { 0 };
	const c5_opt_group groups[] = { { "List", list_opts, &set }, { NULL, NULL, NULL } };
	c5_cli cli;
	c5_file *f = NULL;
	c5_buf b = { 0 };
	char **names = NULL, count[C5_COUNTED_TEXT];
	size_t n = 0;
	int err = c5_cli_open(&cli, &c5_cmd_model_list, groups, argc, argv, 1, 1);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_file_open(&f, cli.words[0], C5_READ, NULL)) < 0 || (err = c5_list(f, "/models", &names, &n)) < 0) goto done;
	if (set.json) c5_text_add(&b, "[");
	else printf("%s%s%s  %s\n", c5_ink(C5_BOLD), cli.words[0], c5_ink(C5_PLAIN), c5_counted(count, n, "model", "models"));
	for (size_t i = 0; i < n && err == C5_OK; i++) err = list_one(f, names[i], set.json ? &b : NULL);
	if (err == C5_OK && set.json) {
		c5_text_add(&b, "]");
		err = c5_json_print(&b);
	}
done:
	c5_buf_free(&b);
	c5_names_free(names, n);
	c5_file_close(f);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_model_list = {
	"model list", C5_LOOK, "the models of a container", "FILE.h5",
	"cyto5 model list plate.h5\n",
	list,
};

/* ---- a run of its own ---- */

/* "model: a", "model: a,b". */
static char *configuration_of(const char *const *names, size_t n)
{
	c5_buf b = { 0 };
	for (size_t i = 0; i < n; i++) c5_text_addf(&b, "%s%s", i ? "," : "model: ", names[i]);
	c5_text_add(&b, "\n");
	return c5_text_take(&b);
}

static int write_run(c5_file *f, const char *const *names, c5_stored_model *s, size_t n, const char *command, const char *line)
{
	c5_run_info info = { .ranks = 1, .threads = c5_threads() };
	char host[256] = "?";
	gethostname(host, sizeof host - 1);
	info.command = c5_strdup(command);
	info.command_line = c5_strdup(line);
	info.configuration = configuration_of(names, n);
	info.hosts = c5_strdup(host);
	info.devices = c5_strdup("cpu");
	info.inputs = n == 1 && s->source ? c5_format("inputs:\n  - %s\n", s->source) : NULL;
	c5_record_describe(&info);
	int err = info.command && info.command_line && info.configuration ? c5_run_begin(f, &info) : c5_fail(C5_ENOMEM, "out of memory");
	for (size_t i = 0; i < n && err == C5_OK; i++) {
		if ((err = c5_stored_model_write(f, names[i], info.number, &s[i])) == C5_OK) err = c5_stored_model_publish(f, names[i], info.number);
		s[i].revision = info.number;
	}
	if (err == C5_OK) err = c5_run_end(f, &info, "complete");
	if (err == C5_OK) err = c5_file_commit(f, false);
	c5_run_info_free(&info);
	return err;
}

int c5_models_store(const char *container, const char *const *names, c5_stored_model *s, size_t n, const char *command, int argc, char **argv)
{
	c5_file *f = NULL;
	char *line = c5_cli_line(command, argc, argv);
	int err = line ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
	for (size_t i = 0; i < n && err == C5_OK; i++) err = c5_stored_model_name(names[i]);
	bool fresh = err == C5_OK && access(container, F_OK) != 0 && errno == ENOENT;
	c5_cli_versions();
	if (fresh) err = c5_file_create(container, NULL);
	if (err == C5_OK) err = c5_file_open(&f, container, C5_WRITE, command);
	if (err == C5_OK) err = write_run(f, names, s, n, command, line);
	int closed = c5_file_close(f);
	if (err == C5_OK) err = closed;
	if (err < 0 && fresh) unlink(container);
	free(line);
	return err;
}

int c5_model_store(const char *container, const char *name, c5_stored_model *s, const char *command, int argc, char **argv)
{
	return c5_models_store(container, &name, s, 1, command, argc, argv);
}

/* ---- copy ---- */

/* Says where it came from, and where that had come from. */
static int mark_copied(c5_stored_model *s, const c5_model_address *from)
{
	char *full = realpath(from->file, NULL), *before = s->source;
	s->source = c5_format("%s:%s@%s%s%s", full ? full : from->file, from->name, c5_revision_name(s->revision), before ? ", from " : "",
	                      before ? before : "");
	free(before);
	free(full);
	free(s->input); /* a path in the container it came from */
	s->input = NULL;
	return s->source ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

static int copy(int argc, char **argv)
{
	c5_cli cli;
	c5_model_address from = { 0 }, to = { 0 };
	c5_stored_model s;
	c5_stored_model_init(&s);
	int err = c5_cli_open(&cli, &c5_cmd_model_copy, NULL, argc, argv, 2, 2);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_model_address_parse(&from, cli.words[0])) < 0) goto done;
	if (!strchr(cli.words[1], ':')) {
		to.file = c5_strdup(cli.words[1]);
		to.name = c5_strdup(from.name);
		if (!to.file || !to.name) err = c5_fail(C5_ENOMEM, "out of memory");
	} else if ((err = c5_model_address_parse(&to, cli.words[1])) == C5_OK && to.number)
		err = c5_fail(C5_EUSAGE, "%s: revisions number themselves; leave the @ out", cli.words[1]);
	c5_weights *w = NULL; /* made to be sure that architecture and numbers fit */
	if (err < 0 || (err = c5_trained_read(NULL, &w, &s, cli.words[0])) < 0) goto done;
	c5_weights_free(w);
	if ((err = mark_copied(&s, &from)) == C5_OK && (err = c5_model_store(to.file, to.name, &s, "model copy", argc, argv)) == C5_OK)
		printf("%s:%s %s\n", to.file, to.name, c5_revision_name(s.revision));
done:
	c5_stored_model_free(&s);
	c5_model_address_free(&from);
	c5_model_address_free(&to);
	c5_cli_close(&cli, NULL);
	return err;
}

const c5_command c5_cmd_model_copy = {
	"model copy", C5_LEARN, "copy a model to another container", "FILE.h5:NAME[@REVISION] OTHER.h5[:NEW]",
	"cyto5 model copy trained.h5:senescence new_plates.h5\n"
	"cyto5 model copy trained.h5:senescence@r000003 new_plates.h5:before\n",
	copy,
};

/* ---- the verbs ---- */

static int run(int argc, char **argv) { return c5_cli_verbs(&c5_cmd_model, verbs, "list, show, apply, copy, new, import or export", argc, argv); }

const c5_command c5_cmd_model = {
	"model", C5_LEARN, "networks: list, show, apply, copy, new, import, export", "VERB ... [--option VALUE]",
	"cyto5 model show resnet18 --size 64x64        # each verb has a --help of its own\n"
	"cyto5 model list plate.h5\n"
	"cyto5 model show plate.h5:senescence\n"
	"cyto5 model apply plate.h5:senescence crops.npy probabilities.npy\n"
	"cyto5 model copy trained.h5:senescence plate.h5\n"
	"cyto5 model import keras.h5 plate.h5:lenet\n"
	"cyto5 model export plate.h5:senescence for-keras.h5\n",
	run,
};
