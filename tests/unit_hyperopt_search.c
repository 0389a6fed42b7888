/* unit_hyperopt_search.c – the parts of a search that need no program: what runs print, who is stopped early, setups read and written, what matters,
 * a search with an objective of its own into a container and back, and pictures. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/text.h"
#include "container_sample.h"
#include "hyperopt/answer.h"
#include "hyperopt/child.h"
#include "hyperopt/plot.h"
#include "hyperopt/report.h"
#include "hyperopt/settings.h"
#include "hyperopt/search.h"
#include "hyperopt/store.h"
#include "hyperopt/surrogate.h"
#include "hyperopt/waiting.h"

/* ---- what runs print ---- */

static double answered(const char *key, const char *const *lines, char note[C5_NOTE_TEXT])
{
	c5_answer a;
	c5_report report;
	c5_answer_begin(&a, key, NULL, NULL);
	for (; *lines; lines++) c5_answer_line(&a, *lines, &report);
	double value = c5_answer_value(&a, note);
	c5_answer_free(&a);
	return value;
}

static void the_last_line_or_a_figure_is_the_value(void **state)
{
	(void)state;
	char note[C5_NOTE_TEXT];
	const struct { const char *key, *lines[4]; double value; const char *note; } cases[] = {
		{ NULL, { "epoch 1", " 0.25  ", "" }, 0.25, "" },
		{ NULL, { "0.5", "-1e-3" }, -1e-3, "" },
		{ NULL, { NULL }, NAN, "printed nothing" },
		{ NULL, { "0.5", "done" }, NAN, "its last line is 'done'" },
		{ NULL, { "NaN" }, NAN, "the value is nan" },
		{ NULL, { "-inf" }, NAN, "the value is infinite" },
		{ "SEG", { "{\"measure\":\"segmentation\",\"figures\":{\"SEG\":0.75,\"AP@0.50\":null}}" }, 0.75, "" },
		{ "figures.SEG", { "noise", "{\"figures\":{\"SEG\":0.75}}", "more noise: here" }, 0.75, "" },
		{ "figures.SEG", { "{ \"figures\" :", "{ \"SEG\" : 0.5 }", "}" }, 0.5, "" },
		{ "AP@0.50", { "{\"figures\":{\"SEG\":0.75,\"AP@0.50\":null}}" }, NAN, "AP@0.50 is undefined" },
		{ "TRA", { "{\"figures\":{\"SEG\":0.75}}" }, NAN, "no TRA in the JSON it printed" },
		{ "TRA", { "0.4" }, NAN, "printed no JSON object" },
		{ "a", { "{\"a\":\"word\"}" }, NAN, "a is no number" },
		{ "a", { "{\"a\":1}", "{\"a\":2}", "{\"b\":3}" }, 2, "" },
		{ "a", { "{\"a\":1}", "{\"a\":null}", "{\"b\":" }, NAN, "a is undefined" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double value = answered(cases[i].key, cases[i].lines, note);
		if (isnan(cases[i].value) ? !isnan(value) : value != cases[i].value) fail_msg("case %zu: %g (%s)", i, value, note);
		if (cases[i].note && strncmp(note, cases[i].note, strlen(cases[i].note)) != 0)
			fail_msg("case %zu: note '%s', expected '%s'", i, note, cases[i].note);
	}
}

static void reports_are_lines_or_members_of_json_lines(void **state)
{
	(void)state;
	c5_answer a;
	c5_report r;
	c5_answer_begin(&a, NULL, "epoch", "auc");
	assert_true(c5_answer_line(&a, "report 3 0.5", &r) && r.step == 3 && r.value == 0.5);
	assert_true(c5_answer_line(&a, "  report 4.5 nan ", &r) && r.step == 4.5 && isnan(r.value));
	assert_true(c5_answer_line(&a, "{\"event\":\"epoch\",\"epoch\":7,\"auc\":0.25,\"note\":\"a: b\"}", &r) && r.step == 7 && r.value == 0.25);
	assert_false(c5_answer_line(&a, "report 3", &r));
	assert_false(c5_answer_line(&a, "report 3 4 5", &r));
	assert_false(c5_answer_line(&a, "reports 3 4", &r));
	assert_false(c5_answer_line(&a, "{\"epoch\":7}", &r));
	assert_false(c5_answer_line(&a, "{not json", &r));
	assert_false(c5_answer_line(&a, "", &r));
	c5_answer_free(&a);
}

/* ---- children ---- */

static void children_are_no_ranks_and_end(void **state)
{
	(void)state;
	const char *const extra[] = { "C5_X=seven", NULL }, *line;
	c5_child *c;
	int status, lines = 0;
	setenv("OMPI_COMM_WORLD_RANK", "3", 1);
	setenv("PMIX_RANK", "3", 1);
	setenv("OMPI_MCA_btl", "self", 1);
	c5_child_setup setup = { .script = "env | grep -E '^(OMPI_COMM|PMIX_|OMPI_MCA_btl=|C5_X)' | sort; printf 'no end'; echo bad >&2; exit 4",
		.extra = extra, .dir = NULL };
	static const char *const want[] = { "C5_X=seven", "OMPI_MCA_btl=self", "no end" };
	MUST(c5_child_start(&c, &setup));
	while (!c5_child_ended(c, &status))
		while (c5_child_line(c, &line)) {
			assert_true(lines < 3);
			assert_string_equal(line, want[lines++]);
		}
	assert_int_equal(lines, 3);
	assert_int_equal(status >> 8, 4);
	assert_string_equal(c5_child_complaint(c), "bad");
	c5_child_free(c);
	unsetenv("OMPI_COMM_WORLD_RANK");
	unsetenv("PMIX_RANK");
	unsetenv("OMPI_MCA_btl");
	/* Asked to end, and what it started with it; one that will not is ended. */
	setup.script = "trap '' TERM; sleep 60 & sleep 60; sleep 60";
	MUST(c5_child_start(&c, &setup));
	usleep(100000);
	c5_child_stop(c, 0.1);
	for (int i = 0; i < 400 && !c5_child_ended(c, &status); i++) {
		while (c5_child_line(c, &line)) {}
		usleep(10000);
	}
	assert_true(c5_child_ended(c, &status) && status == 9);
	c5_child_free(c);
}

/* ---- early stopping ---- */

static void make_line(c5_space *s, c5_history *h, bool maximise)
{
	memset(s, 0, sizeof *s);
	MUST(c5_space_add(s, "x", C5_PARAM_REAL, 0, 100, false, 0));
	MUST(c5_space_settle(s));
	c5_history_init(h, s, maximise);
}

/* A trial of value x with reports x + 1/step. */
static c5_trial *add_reported(c5_history *h, double x, int steps, int state)
{
	c5_trial *t;
	MUST(c5_history_add(h, c5_history_next(h), &x, "even", &t));
	for (int i = 1; i <= steps; i++) MUST(c5_trial_report(t, i, (h->maximise ? -1 : 1) * (x + 1.0 / i)));
	t->state = state;
	t->value = (h->maximise ? -1 : 1) * x;
	return t;
}

static void the_median_stops_the_worse_half(void **state)
{
	(void)state;
	for (int maximise = 0; maximise < 2; maximise++) {
		c5_space s;
		c5_history h;
		c5_stopping rule = { (char *)(uintptr_t)"median", 4, 2, 1, 3 };
		make_line(&s, &h, maximise);
		assert_false(c5_stopping_says(&rule, &h, add_reported(&h, 90, 5, C5_TRIAL_COMPLETE)));
		for (int i = 0; i < 3; i++) add_reported(&h, 10 + i, 5, C5_TRIAL_COMPLETE);
		assert_false(c5_stopping_says(&rule, &h, add_reported(&h, 9, 3, C5_TRIAL_RUNNING)));
		assert_true(c5_stopping_says(&rule, &h, add_reported(&h, 20, 3, C5_TRIAL_RUNNING)));
		assert_false(c5_stopping_says(&rule, &h, add_reported(&h, 21, 1, C5_TRIAL_RUNNING))); /* before warm-up */
		assert_false(c5_stopping_says(&rule, &h, add_reported(&h, 22, 0, C5_TRIAL_RUNNING)));
		c5_trial *lost = add_reported(&h, 8, 4, C5_TRIAL_RUNNING);
		lost->reports[3].value = NAN;
		assert_true(c5_stopping_says(&rule, &h, lost));
		c5_history_free(&h);
		c5_space_free(&s);
	}
}

static void halving_keeps_the_best_of_each_rung(void **state)
{
	(void)state;
	c5_space s;
	c5_history h;
	c5_stopping rule = { (char *)(uintptr_t)"halving", 5, 0, 2, 3 };
	make_line(&s, &h, false);
	for (int i = 0; i < 8; i++) add_reported(&h, 10 + i, 2, C5_TRIAL_PRUNED);
	/* Nine came to step 2: three go on. */
	assert_false(c5_stopping_says(&rule, &h, add_reported(&h, 9, 2, C5_TRIAL_RUNNING)));
	h.trials[8].state = C5_TRIAL_NONE;
	assert_true(c5_stopping_says(&rule, &h, add_reported(&h, 30, 2, C5_TRIAL_RUNNING)));
	h.trials[8].state = C5_TRIAL_NONE;
	assert_false(c5_stopping_says(&rule, &h, add_reported(&h, 31, 3, C5_TRIAL_RUNNING))); /* between rungs */
	h.trials[8].state = C5_TRIAL_NONE;
	assert_false(c5_stopping_says(&rule, &h, add_reported(&h, 32, 6, C5_TRIAL_RUNNING))); /* alone at its rung */
	rule.method = (char *)(uintptr_t)"none";
	assert_false(c5_stopping_says(&rule, &h, &h.trials[8]));
	c5_history_free(&h);
	c5_space_free(&s);
}

/* ---- setups ---- */

static const char *const setup_text =
	"name: my-search\ngoal: maximise\nalgorithm: GN_CRS2_LM\ntrials: 9\nrepeats: 2\nseed: 5\n"
	"space:\n  sigma: {type: log, min: 0.1, max: 10}\n  mode: {type: choice, values: [a b, c]}\n  depth: {type: integer, min: 1, max: 5, when: {mode: c}"
	"}\n"
	"start:\n  - {sigma: 2, mode: c}\n  - {mode: a b, depth: 3}\n"
	"objective:\n  steps:\n    - segment {work} --sigma {sigma} {parameters}\n    - track {work}\n  measure: tracking {work} --gt r000001 --res latest\n"
	"  key: TRA\n  work: in.h5\n  keep: true\nearly-stop: {method: halving, factor: 2}\n";

static void setups_read_back_as_they_were(void **state)
{
	(void)state;
	c5_search_setup s, again;
	const char *const overrides[] = { "trials", "12", "seed", "6", NULL };
	MUST(c5_search_parse(&s, "a/b/file.yml", setup_text, overrides));
	assert_int_equal(s.params.trials, 12);
	assert_int_equal(s.params.seed, 6);
	assert_true(c5_search_maximises(&s));
	assert_int_equal(s.n_starts, 2);
	assert_true(s.starts[0] == 2 && s.starts[1] == 1 && s.starts[2] == 3 && s.starts[4] == 0 && isnan(s.starts[5]));
	char *text = c5_search_text(&s, false), *bare = c5_search_text(&s, true);
	MUST(c5_search_parse(&again, "other.yml", text, NULL));
	char *twice = c5_search_text(&again, false), *bare_twice = c5_search_text(&again, true);
	assert_string_equal(text, twice);
	assert_string_equal(bare, bare_twice);
	assert_non_null(strstr(text, "trials: 12"));
	assert_null(strstr(bare, "trials:"));
	assert_null(strstr(bare, "keep:"));
	assert_non_null(strstr(bare, "track {work}"));
	/* Of a run: what is there, quoted for the shell. */
	double values[3] = { 0.5, 0, NAN };
	const c5_order order = { .trial = 4, .seed = 6, .values = values };
	char *script = c5_command_script(&s.command, &s.space, &order, "/bin/cyto5", "/tmp/d", 1, "");
	assert_string_equal(script, "set -e\n/bin/cyto5 segment /tmp/d/work.h5 --sigma 0.5 --mode='a b'\n/bin/cyto5 track /tmp/d/work.h5\n"
		"/bin/cyto5 measure tracking /tmp/d/work.h5 --gt r000001 --res latest --json\n");
	free(script);
	script = c5_command_script(&s.command, &s.space, &order, "/bin/cyto5", "/tmp/d", 4, "--host a:2,b:2");
	assert_non_null(strstr(script, "mpirun -n 4 --host a:2,b:2 /bin/cyto5 track /tmp/d/work.h5\n"));
	assert_null(strstr(script, "mpirun -n 4 --host a:2,b:2 /bin/cyto5 measure"));
	free(script);
	free(text);
	free(bare);
	free(twice);
	free(bare_twice);
	c5_search_setup_free(&s);
	c5_search_setup_free(&again);
	/* A name comes from the file when nothing else says it. */
	MUST(c5_search_parse(&s, "a/b/file.yml", strchr(setup_text, '\n') + 1, NULL));
	assert_string_equal(s.params.name, "file");
	c5_search_setup_free(&s);
}

/* ---- what matters ---- */

/* How many whole records a file has; their rows must be those written. */
static int records_in(const char *path)
{
	c5_buf all = { 0 };
	c5_waiting w;
	int n = 0;
	MUST(c5_waiting_read(&all, path));
	while (c5_waiting_next(&all, 12, &w)) {
		assert_memory_equal(w.row, n ? "second row  " : "first row   ", 12);
		assert_int_equal(w.reports_size, n ? 5 : 0);
		if (n) assert_memory_equal(w.reports, "three", 5);
		assert_true(w.spent_s == n + 0.5);
		n++;
	}
	c5_buf_free(&all);
	return n;
}

static void what_waits_comes_back_whole_or_not(void **state)
{
	(void)state;
	char path[512];
	snprintf(path, sizeof path, "%s", scratch("waiting"));
	assert_int_equal(records_in(path), 0);
	const c5_waiting first = { (const uint8_t *)"first row   ", NULL, 12, 0, 0.5 },
		second = { (const uint8_t *)"second row  ", (const uint8_t *)"three", 12, 5, 1.5 };
	c5_waiting_put(path, &first);
	c5_waiting_put(path, &second);
	assert_int_equal(records_in(path), 2);
	struct stat is;
	assert_int_equal(stat(path, &is), 0);
	FILE *f = fopen(path, "r+b");
	assert_non_null(f);
	fseek(f, -1, SEEK_END);
	fputc('X', f); /* another byte than was written */
	fclose(f);
	assert_int_equal(records_in(path), 1);
	assert_int_equal(truncate(path, is.st_size - 3), 0);
	assert_int_equal(records_in(path), 1);
	assert_int_equal(truncate(path, 20), 0);
	assert_int_equal(records_in(path), 0);
	unlink(path);
}

static void a_line_becomes_settings(void **state)
{
	(void)state;
	static const char *const lines[][2] = {
		{ "train DIR/work.h5 --model lenet --rate=0.1 --resize --json - --threads 2 --quiet", "model: lenet\nrate: 0.1\nresize: true\n" },
		{ "stain train x.h5 --name 'a b' --no-fill --low -3 --resume", "name: \"a b\"\nfill: false\nlow: -3\n" },
		{ "segment x.h5 --title \"it's: 5\" --word '1e' --flag=true --empty=", "title: \"it's: 5\"\nword: \"1e\"\nflag: true\nempty: \"\"\n" },
		{ "track", "" },
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		c5_buf b = { 0 };
		c5_step_settings(&b, 0, lines[i][0]);
		char *text = c5_text_take(&b), *name = c5_step_name(lines[i][0]);
		assert_string_equal(text, lines[i][1]);
		assert_int_equal(strncmp(name, lines[i][0], strlen(name)), 0);
		free(name);
		free(text);
	}
}

static void importance_sees_what_matters(void **state)
{
	(void)state;
	c5_space s = { 0 };
	c5_history h;
	c5_importance im;
	MUST(c5_space_add(&s, "much", C5_PARAM_REAL, 0, 1, false, 0));
	MUST(c5_space_add(&s, "some", C5_PARAM_REAL, 0, 1, false, 0));
	MUST(c5_space_add(&s, "idle", C5_PARAM_REAL, 0, 1, false, 0));
	MUST(c5_space_settle(&s));
	c5_history_init(&h, &s, true);
	c5_sampler sampler = { .algorithm = "sobol", .seed = 1 };
	MUST(c5_importance_of(&im, &h, 1));
	assert_int_equal(im.n, 0);
	for (uint32_t i = 1; i <= 48; i++) {
		double v[3];
		char origin[C5_ORIGIN_TEXT];
		c5_trial *t;
		MUST(c5_sampler_next(&sampler, &h, i, v, origin));
		MUST(c5_history_add(&h, i, v, origin, &t));
		t->state = C5_TRIAL_COMPLETE;
		t->value = 2 * v[0] + v[1]; /* variances 4 to 1 */
	}
	MUST(c5_importance_of(&im, &h, 1));
	assert_int_equal(im.n, 3);
	if (fabs(im.total[0] - 0.8) > 0.05) fail_msg("importance %g %g %g", im.total[0], im.total[1], im.total[2]);
	assert_true(fabs(im.total[0] - 0.8) < 0.05 && fabs(im.total[1] - 0.2) < 0.05 && im.total[2] < 0.02);
	assert_true(fabs(im.alone[0] - 0.8) < 0.08 && fabs(im.alone[1] - 0.2) < 0.08);
	c5_history_free(&h);
	c5_space_free(&s);
}

/* ---- a whole search ---- */

/* An objective within the process: done after some looks, with reports; now and then a failure. */
typedef struct inside { c5_objective base; int started, finished; double seeds; } inside;
typedef struct inside_run { double x; uint32_t trial; int step; bool stopped; } inside_run;

static int inside_start(c5_objective *o, const c5_order *order, const c5_group *group, void **running)
{
	inside_run *r;
	(void)group;
	((inside *)o)->started++;
	((inside *)o)->seeds += (double)order->seed;
	if (order->trial == 5) return c5_fail(C5_EINPUT, "trial five\ncannot begin");
	MUST(c5_alloc(&r, 1, sizeof *r));
	*r = (inside_run){ order->values[0], order->trial, 0, false };
	*running = r;
	return C5_OK;
}

static void inside_poll(c5_objective *o, void *running, c5_outcome *out)
{
	inside_run *r = running;
	(void)o;
	memset(out, 0, sizeof *out);
	out->value = NAN;
	if (r->stopped) out->done = true;
	else if (r->step < 6) {
		out->reported = true;
		out->report = (c5_report){ ++r->step, (r->x - 3) * (r->x - 3) + 1.0 / r->step };
	} else {
		out->done = true;
		if (r->trial != 7) out->value = (r->x - 3) * (r->x - 3);
		else strcpy(out->note, "seven");
	}
}

static void inside_stop(c5_objective *o, void *running)
{
	(void)o;
	((inside_run *)running)->stopped = true;
}

static void inside_finish(c5_objective *o, void *running)
{
	((inside *)o)->finished++;
	free(running);
}

static void count_told(void *to, const c5_history *h, const c5_trial *t, bool better)
{
	(void)h, (void)t, (void)better;
	++*(int *)to;
}

static const char *const inside_text =
	"name: in\ntrials: 20\nseed: 3\nstartup: 5\nspace:\n  x: {type: continuous, min: -10, max: 10}\n  w: {type: choice, values: [one, two]}\n"
	"objective: {command: \"true\"}\nearly-stop: {method: median, after: 4, warm-up: 2}\n";

static void a_search_is_kept_and_read_back(void **state)
{
	(void)state;
	const char *path = scratch("search.h5");
	c5_search_setup setup;
	c5_comm *comm;
	c5_search_summary sum;
	int told = 0;
	inside objective = { { false, inside_start, inside_poll, inside_stop, inside_finish, NULL }, 0, 0, 0 };
	MUST(c5_search_parse(&setup, "in.yml", inside_text, NULL));
	MUST(c5_comm_open(&comm));
	const c5_search_request request = { .container = path, .command_line = "test", .program = "cyto5", .objective = &objective.base,
		.told = count_told, .to = &told };
	MUST(c5_search_run(comm, &setup, &request, &sum));
	assert_int_equal(sum.run, 1);
	assert_int_equal(told, 20);
	assert_string_equal(sum.ended, "all trials were done");
	assert_int_equal(objective.started, 20);
	assert_int_equal(objective.finished, 19);

	c5_file *f;
	c5_found found;
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	MUST(c5_found_read(&found, f, "in"));
	assert_string_equal(found.state, "complete");
	assert_int_equal(found.history.n, 20);
	assert_int_equal(found.importance.n, 2);
	if (found.importance.total[0] < 2 * found.importance.total[1]) fail_msg("importance %g %g", found.importance.total[0], found.importance.total[1]);
	const c5_trial *best = c5_history_get(&found.history, found.best), *five = c5_history_get(&found.history, 5),
		*seven = c5_history_get(&found.history, 7);
	assert_true(best->value < 0.5 && fabs(best->values[0] - 3) < 0.7 && best->n_reports == 6);
	assert_int_equal(five->state, C5_TRIAL_FAILED);
	assert_string_equal(five->note, "trial five cannot begin");
	assert_int_equal(seven->state, C5_TRIAL_FAILED);
	assert_string_equal(seven->note, "seven");
	size_t pruned = c5_history_count(&found.history, C5_TRIAL_PRUNED);
	assert_true(pruned > 0);
	for (size_t i = 0; i < found.history.n; i++) {
		const c5_trial *t = &found.history.trials[i];
		if (t->state == C5_TRIAL_PRUNED) assert_true(t->value == t->reports[t->n_reports - 1].value && t->n_reports < 6);
	}
	char *config = c5_best_config(&found.setup, best, 1);
	assert_non_null(strstr(config, "\nx: "));
	assert_non_null(strstr(config, best->values[1] == 0 ? "\nw: one\n" : "\nw: two\n"));
	free(config);
	const char *folder = scratch("pictures");
	const c5_search_plot plot = { "in <1>", "va&lue", &found.history, &found.importance, found.best };
	size_t made;
	MUST(c5_plot_all(folder, &plot, &made));
	assert_int_equal(made, 5);
	c5_buf csv = { 0 };
	MUST(c5_trials_csv(&csv, &found.history));
	int lines = 0;
	for (size_t i = 0; i < csv.size; i++) lines += csv.data[i] == '\n';
	assert_int_equal(lines, 21);
	c5_buf_free(&csv);
	c5_found_free(&found);
	assert_int_equal(c5_found_read(&found, f, "out"), C5_ENOTFOUND);
	assert_non_null(strstr(c5_error_last(), "there are in"));
	assert_int_equal(c5_found_read(&found, f, "in/r000009"), C5_ENOTFOUND);
	MUST(c5_file_close(f));
	c5_comm_close(comm);
	c5_search_setup_free(&setup);
}

static void repeats_are_averaged_with_seeds_of_their_own(void **state)
{
	(void)state;
	c5_search_setup setup;
	c5_comm *comm;
	c5_search_summary sum;
	const char *const overrides[] = { "repeats", "3", "trials", "4", "jobs", "3", NULL };
	inside objective = { { false, inside_start, inside_poll, inside_stop, inside_finish, NULL }, 0, 0, 0 };
	MUST(c5_search_parse(&setup, "in.yml", inside_text, overrides));
	MUST(c5_comm_open(&comm));
	const c5_search_request request = { .container = scratch("repeats.h5"), .command_line = "test", .program = "cyto5",
		.objective = &objective.base };
	MUST(c5_search_run(comm, &setup, &request, &sum));
	assert_int_equal(objective.started, 12);
	assert_true(objective.seeds == 4 * (3 + 4 + 5));
	c5_file *f;
	c5_found found;
	MUST(c5_file_open(&f, request.container, C5_READ, NULL));
	MUST(c5_found_read(&found, f, "in"));
	for (uint32_t i = 1; i <= 4; i++) {
		const c5_trial *t = c5_history_get(&found.history, i);
		assert_int_equal(t->repeats, 3);
		assert_true(t->spread == 0 && t->n_reports == 6);
	}
	c5_found_free(&found);
	MUST(c5_file_close(f));
	c5_comm_close(comm);
	c5_search_setup_free(&setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_line_or_a_figure_is_the_value), cmocka_unit_test(reports_are_lines_or_members_of_json_lines),
		cmocka_unit_test(children_are_no_ranks_and_end), cmocka_unit_test(the_median_stops_the_worse_half),
		cmocka_unit_test(halving_keeps_the_best_of_each_rung),
		cmocka_unit_test(setups_read_back_as_they_were), cmocka_unit_test(a_line_becomes_settings), cmocka_unit_test(what_waits_comes_back_whole_or_not),
		cmocka_unit_test(importance_sees_what_matters),
		cmocka_unit_test(a_search_is_kept_and_read_back),
		cmocka_unit_test(repeats_are_averaged_with_seeds_of_their_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
