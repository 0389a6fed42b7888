/* command.c – see command.h. Every run is a script for /bin/sh: the command with its placeholders filled in, or one line a step. */
#include "hyperopt/command.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "hyperopt/answer.h"
#include "hyperopt/child.h"
#include "hyperopt/left.h"
#include "hyperopt/workplace.h"

#define GRACE_S 5.0 /* between asking a run to end and ending it */

const c5_opt c5_command_opts[] = {
	{ "command", C5_OPT_TEXT, offsetof(c5_command_params, command), NULL, 0, 0, NULL, "TEXT", "a shell command; {NAME} is a parameter's value" },
	{ "steps", C5_OPT_LIST, offsetof(c5_command_params, steps), NULL, 0, 0, NULL, "TEXT", "cyto5 commands, one after the other" },
	{ "measure", C5_OPT_TEXT, offsetof(c5_command_params, measure), NULL, 0, 0, NULL, "TEXT",
	  "what is measured after the steps: arguments of cyto5 measure" },
	{ "key", C5_OPT_TEXT, offsetof(c5_command_params, key), NULL, 0, 0, NULL, "NAME",
	  "the figure that is the value; unset: the last line printed is the value" },
	{ "report-step", C5_OPT_TEXT, offsetof(c5_command_params, report_step), NULL, 0, 0, NULL, "NAME",
	  "member of JSON lines on the way that counts steps" },
	{ "report-value", C5_OPT_TEXT, offsetof(c5_command_params, report_value), NULL, 0, 0, NULL, "NAME",
	  "member of JSON lines on the way that is the value so far" },
	{ "work", C5_OPT_TEXT, offsetof(c5_command_params, work), NULL, 0, 0, NULL, "FILE.h5", "a container copied for each run: {work}" },
	{ "scratch", C5_OPT_TEXT, offsetof(c5_command_params, scratch), NULL, 0, 0, NULL, "FOLDER",
	  "where runs have their folders, {dir}; unset: TMPDIR or /tmp" },
	{ "launch", C5_OPT_TEXT, offsetof(c5_command_params, launch), "mpirun -n {ranks} {hosts}", 0, 0, NULL, "TEXT",
	  "put before steps that have several ranks" },
	{ "limit", C5_OPT_REAL, offsetof(c5_command_params, limit_s), "0", 0, 1e9, "s", NULL, "a run that takes longer fails; 0: no limit" },
	{ "keep", C5_OPT_BOOL, offsetof(c5_command_params, keep), NULL, 0, 0, NULL, NULL, "leave the folders of runs" },
	{ 0 },
};

typedef struct command { c5_objective base; const c5_command_params *params; const c5_space *space; char *program; } command;

typedef struct running {
	c5_child *child;
	char *dir;
	c5_answer answer;
	char *mark;              /* see left.h; NULL: none */
	double begun_s;
	bool stopped, late;
} running;

/* ---- the script ---- */

static const char *const own_names[] = { "trial", "repeat", "seed", "ranks", "hosts", "dir", "work", "parameters", "cyto5", NULL };

/* What a script is filled in from. */
typedef struct filling {
	const c5_command_params *params;
	const c5_space *space;
	const c5_order *order;
	const char *program, *dir, *hosts;
	int ranks;
} filling;

/* A word for the shell. */
static void add_word(c5_buf *to, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%^";
	if (*s && strspn(s, plain) == strlen(s)) {
		c5_text_add(to, s);
		return;
	}
	c5_text_add(to, "'");
	for (; *s; s++) {
		if (*s == '\'') c5_text_add(to, "'\\''");
		else c5_buf_put(to, s, 1);
	}
	c5_text_add(to, "'");
}

/* A word, or where the text has it in quotes already, no quotes of our own around what needs none. */
static void add_value(c5_buf *to, const char *value)
{
	bool quoted = to->size && (to->data[to->size - 1] == '"' || to->data[to->size - 1] == '\'');
	if (!quoted || *value) add_word(to, value);
}

/* Whether a text names the parameter by itself. */
static bool names_it(const char *text, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = text; p && (p = strchr(p, '{')); p++)
		if (strncmp(p + 1, name, n) == 0 && p[1 + n] == '}') return true;
	return false;
}

static bool named_somewhere(const c5_command_params *p, const char *name)
{
	bool found = names_it(p->command, name) || names_it(p->measure, name);
	for (size_t i = 0; p->steps && p->steps[i]; i++) found = found || names_it(p->steps[i], name);
	return found;
}

/* --NAME VALUE of all parameters that are there and are named nowhere else. */
static void add_parameters(c5_buf *to, const filling *f)
{
	char text[C5_VALUE_TEXT];
	bool first = true;
	for (size_t i = 0; i < f->space->n; i++) {
		const c5_param *p = &f->space->params[i];
		if (isnan(f->order->values[i]) || named_somewhere(f->params, p->name)) continue;
		c5_text_addf(to, "%s--%s=", first ? "" : " ", p->name);
		add_word(to, c5_param_text(text, p, f->order->values[i]));
		first = false;
	}
}

static bool add_own(c5_buf *to, const filling *f, const char *name)
{
	if (strcmp(name, "trial") == 0) c5_text_addf(to, "%u", f->order->trial);
	else if (strcmp(name, "repeat") == 0) c5_text_addf(to, "%u", f->order->repeat);
	else if (strcmp(name, "seed") == 0) c5_text_addf(to, "%llu", (unsigned long long)f->order->seed);
	else if (strcmp(name, "ranks") == 0) c5_text_addf(to, "%d", f->ranks);
	else if (strcmp(name, "hosts") == 0) c5_text_add(to, f->hosts);
	else if (strcmp(name, "dir") == 0) add_word(to, f->dir);
	else if (strcmp(name, "cyto5") == 0) add_word(to, f->program);
	else if (strcmp(name, "parameters") == 0) add_parameters(to, f);
	else if (strcmp(name, "work") == 0) {
		char *path = c5_format("%s/%s", f->dir, C5_WORK_NAME);
		if (path) add_word(to, path);
		free(path);
	} else return false;
	return true;
}

/* The name between braces at *p, which moves behind it; false where there is no placeholder. "{{" stands for a brace. */
static bool next_name(const char **p, char name[64])
{
	size_t n = strcspn(*p + 1, "{} \t\n");
	if (**p != '{' || (*p)[1 + n] != '}' || n == 0 || n >= 64) return false;
	memcpy(name, *p + 1, n);
	name[n] = '\0';
	*p += n + 2;
	return true;
}

static void fill(c5_buf *to, const filling *f, const char *text)
{
	char name[64], value[C5_VALUE_TEXT];
	for (const char *p = text; *p;) {
		if (strncmp(p, "{{", 2) == 0 || strncmp(p, "}}", 2) == 0) {
			c5_buf_put(to, p, 1);
			p += 2;
		} else if (!next_name(&p, name)) {
			c5_buf_put(to, p++, 1);
		} else {
			size_t i = c5_space_find(f->space, name);
			if (i == SIZE_MAX) (void)add_own(to, f, name);
			else add_value(to, c5_param_text(value, &f->space->params[i], f->order->values[i]));
		}
	}
}

bool c5_command_takes(const c5_space *space, const char *step)
{
	bool takes = names_it(step, "parameters");
	for (size_t i = 0; i < space->n; i++) takes = takes || names_it(step, space->params[i].name);
	return takes;
}

char *c5_command_step(const c5_command_params *p, const c5_space *space, const c5_order *order, size_t i)
{
	const filling f = { p, space, order, "cyto5", "DIR", "", 1 };
	c5_buf b = { 0 };
	fill(&b, &f, p->steps[i]);
	return c5_text_take(&b);
}

char *c5_command_script(const c5_command_params *p, const c5_space *space, const c5_order *order, const char *program, const char *dir, int ranks,
	const char *hosts)
{
	const filling f = { p, space, order, program, dir, hosts, ranks };
	c5_buf b = { 0 };
	if (p->command) fill(&b, &f, p->command);
	else c5_text_add(&b, "set -e\n");
	for (size_t i = 0; p->steps && p->steps[i]; i++) {
		if (ranks > 1 && p->launch) {
			fill(&b, &f, p->launch);
			c5_text_add(&b, " ");
		}
		add_word(&b, program);
		c5_text_add(&b, " ");
		fill(&b, &f, p->steps[i]);
		c5_text_add(&b, "\n");
	}
	if (p->measure) {
		add_word(&b, program);
		c5_text_add(&b, " measure ");
		fill(&b, &f, p->measure);
		c5_text_add(&b, " --json\n");
	}
	return c5_text_take(&b);
}

/* ---- what can be wrong with it ---- */

static int wrong(const c5_yaml_node *at, const char *text)
{
	return at ? c5_yaml_fail(C5_EUSAGE, at, "%s", text) : c5_fail(C5_EUSAGE, "%s", text);
}

static int check_placeholders(const c5_command_params *p, const c5_space *space, const char *text, const c5_yaml_node *at)
{
	char name[64], line[400];
	const char *known[C5_SPACE_MOST + sizeof own_names / sizeof *own_names] = { NULL };
	size_t n = 0;
	for (size_t i = 0; i < space->n; i++) known[n++] = space->params[i].name;
	for (size_t i = 0; own_names[i]; i++) known[n++] = own_names[i];
	for (const char *s = text; s && *s;) {
		if (strncmp(s, "{{", 2) == 0 || strncmp(s, "}}", 2) == 0) s += 2;
		else if (!next_name(&s, name)) s++;
		else {
			bool found = c5_space_find(space, name) != SIZE_MAX;
			for (size_t i = 0; own_names[i]; i++) found = found || strcmp(own_names[i], name) == 0;
			const char *near = found ? NULL : c5_nearest(name, known);
			if (!found) {
				snprintf(line, sizeof line, "{%s}: no parameter of the space%s%s%s; braces of the shell are written {{ and }}", name,
					near ? "; did you mean {" : "",
					near ? near : "", near ? "}?" : ", nor one of trial, repeat, seed, ranks, hosts, dir, work, parameters, cyto5");
				return wrong(at, line);
			}
			if (strcmp(name, "work") == 0 && !p->work) return wrong(at, "{work}: there is no container to be copied; name it as work: FILE.h5");
		}
	}
	return C5_OK;
}

int c5_command_check(const c5_command_params *p, const c5_space *space, const c5_yaml_node *at)
{
	bool steps = p->steps && p->steps[0], all = false;
	char line[200];
	int err;
	if (!p->command && !steps) return wrong(at, "an objective is a command, or steps and a measure; found neither");
	if (p->command && (steps || p->measure)) return wrong(at, "an objective is a command, or steps and a measure; found both");
	if (steps && !p->measure && !p->key)
		return wrong(at, "steps want a measure: what is to be made good; or a key, the figure that the last step prints");
	if (p->measure && !p->key) return wrong(at, "a measure wants a key: the figure that is to be made good, as SEG (cyto5 measure --help)");
	if (!p->report_step != !p->report_value) return wrong(at, "report-step and report-value go together");
	if ((err = check_placeholders(p, space, p->command, at)) < 0 || (err = check_placeholders(p, space, p->measure, at)) < 0 ||
	    (err = check_placeholders(p, space, p->launch, at)) < 0)
		return err;
	for (size_t i = 0; steps && p->steps[i]; i++) {
		if ((err = check_placeholders(p, space, p->steps[i], at)) < 0) return err;
		all = all || names_it(p->steps[i], "parameters");
	}
	for (size_t i = 0; steps && !all && i < space->n; i++) {
		if (named_somewhere(p, space->params[i].name)) continue;
		snprintf(line, sizeof line, "parameter %s goes nowhere: put {%s}, or {parameters} for all of them, into a step", space->params[i].name,
			space->params[i].name);
		return wrong(at, line);
	}
	return C5_OK;
}

/* ---- running ---- */

static void free_running(running *r, bool keep)
{
	if (!r) return;
	c5_child_free(r->child);
	c5_answer_free(&r->answer);
	if (r->dir && !keep) c5_workplace_remove(r->dir); /* its keeper did, unless it was killed */
	if (r->mark) unlink(r->mark);
	free(r->mark);
	free(r->dir);
	free(r);
}

/* Parameters and the rest also as C5_NAME in the environment, for commands that would rather read them there. */
static char **make_extra(const command *c, const c5_order *order, const char *dir, int ranks)
{
	char **extra, value[C5_VALUE_TEXT];
	size_t n = 0;
	bool good = true;
	if (c5_alloc(&extra, c->space->n + 6, sizeof *extra) < 0) return NULL;
	for (size_t i = 0; i < c->space->n; i++) {
		const c5_param *p = &c->space->params[i];
		if (isnan(order->values[i])) continue;
		if (!(extra[n] = c5_format("C5_PARAM_%s=%s", p->name, c5_param_text(value, p, order->values[i])))) goto fail;
		for (char *s = extra[n]; *s && *s != '='; s++) *s = isalnum((unsigned char)*s) ? (char)toupper((unsigned char)*s) : '_';
		n++;
	}
	extra[n++] = c5_format("C5_TRIAL=%u", order->trial);
	extra[n++] = c5_format("C5_SEED=%llu", (unsigned long long)order->seed);
	extra[n++] = c5_format("C5_RANKS=%d", ranks);
	extra[n++] = c5_format("C5_DIR=%s", dir);
	for (size_t i = 1; i <= 4; i++) good = good && extra[n - i];
	if (good) return extra;
fail:
	for (size_t i = 0; i < c->space->n + 6; i++) free(extra[i]);
	free(extra);
	return NULL;
}

static void free_extra(char **extra)
{
	for (size_t i = 0; extra && extra[i]; i++) free(extra[i]);
	free(extra);
}

/* Where mpirun is to start the ranks of a group that is on more hosts than this one: as many on each. */
static char *hosts_option(const c5_group *group)
{
	int n = 1;
	if (!group->hosts || !strchr(group->hosts, ',')) return c5_strdup("");
	for (const char *p = group->hosts; (p = strchr(p, ',')); p++) n++;
	c5_buf b = { 0 };
	for (const char *p = group->hosts; *p;) {
		size_t len = strcspn(p, ",");
		c5_text_addf(&b, "%s%.*s:%d", b.size ? "," : "--host ", (int)len, p, (group->ranks + n - 1) / n);
		p += len + (p[len] == ',');
	}
	return c5_text_take(&b);
}

typedef struct copying { const char *dir, *work; } copying;

/* In the process of the script, so that the keeper removes what is made: there is no moment at which nobody would. */
static int make_place(const void *to)
{
	const copying *c = to;
	int err = c5_workplace_make(c->dir);
	return err < 0 || !c->work ? err : c5_workplace_copy(c->dir, c->work);
}

static void poll_run(c5_objective *o, void *data, c5_outcome *out);

/* For a run whose search is gone; in its keeper. */
typedef struct keeping { command *c; running *r; const c5_order *order; int mark; } keeping;

static void hold_mark(void *to)
{
	keeping *k = to;
	k->mark = k->r->mark ? c5_left_hold(k->r->mark) : -1;
}

/* What a trial came to that has ended by itself: an exit status by which a signal was obeyed is no such end. */
static void leave_outcome(keeping *k, c5_child *child, const c5_outcome *out, const c5_report *reports, size_t n)
{
	const c5_order *o = k->order;
	c5_mean mean = o->so_far;
	c5_news news;
	int status;
	c5_child_ended(child, &status);
	bool good = isfinite(out->value), failed = out->note[0] && WIFEXITED(status) && WEXITSTATUS(status) != C5_EXIT_RESUME && WEXITSTATUS(status) < 126;
	if (good) c5_mean_add(&mean, out->value);
	if (!failed && (!good || o->repeat + 1 < o->repeats)) return;
	c5_news_end(&news, o->trial, good ? mean.mean : NAN, &mean, c5_clock_s() - o->begun_s, out->note);
	c5_left_write(k->mark, o->about, &news, reports, n);
}

static void leave_run(void *to, c5_child *child, bool killed)
{
	keeping *k = to;
	c5_report *reports = NULL;
	size_t n = 0, cap = 0;
	c5_outcome out = { 0 };
	k->r->child = child;
	k->r->stopped = killed;
	if (k->order->n_told && c5_grow(&reports, &cap, k->order->n_told, sizeof *reports) == C5_OK)
		for (; n < k->order->n_told; n++) reports[n] = k->order->told[n];
	while (!out.done && k->mark >= 0) {
		poll_run(&k->c->base, k->r, &out);
		if (out.reported && k->order->repeat == 0 && c5_grow(&reports, &cap, n + 1, sizeof *reports) == C5_OK) reports[n++] = out.report;
	}
	if (out.done) leave_outcome(k, child, &out, reports, n);
	free(reports);
}

static void clear_run(void *to, bool gone)
{
	const keeping *k = to;
	if (!k->c->params->keep) c5_workplace_remove(k->r->dir);
	if (k->r->mark && !gone) unlink(k->r->mark);
}

static int start(c5_objective *o, const c5_order *order, const c5_group *group, void **out)
{
	command *c = (command *)o;
	char *hosts = hosts_option(group), *script = NULL, **extra = NULL;
	running *r;
	*out = NULL;
	int err = c5_alloc(&r, 1, sizeof *r);
	if (err < 0) goto done;
	err = C5_ENOMEM;
	if (!(r->dir = c5_workplace_name(c->params->scratch, order->trial, order->repeat)) || !hosts ||
	    !(script = c5_command_script(c->params, c->space, order, c->program, r->dir, group->ranks, hosts))) goto done;
	if (!(extra = make_extra(c, order, r->dir, group->ranks))) goto done;
	c5_answer_begin(&r->answer, c->params->key, c->params->report_step, c->params->report_value);
	r->begun_s = c5_clock_s();
	copying copy = { r->dir, c->params->work };
	keeping keep = { c, r, order, -1 };
	if (order->mark && !(r->mark = c5_strdup(order->mark))) goto done;
	const c5_child_setup setup = { .script = script, .extra = (const char *const *)extra, .widen = group->ranks > 1, .before = make_place,
		.to = &copy, .here = !*hosts, .dir = c->params->scratch, .begun = hold_mark, .left = leave_run, .clear = clear_run, .keep = &keep };
	err = c5_child_start(&r->child, &setup);
done:
	if (err < 0) free_running(r, c->params->keep);
	else *out = r;
	free_extra(extra);
	free(script);
	free(hosts);
	return err;
}

/* A complaint without the path of the run's folder, which is gone and takes the place of what is said. Caller frees. */
static char *without(const char *text, const char *dir)
{
	c5_buf b = { 0 };
	size_t n = strlen(dir);
	for (; *text; text++) {
		if (strncmp(text, dir, n) == 0 && text[n] == '/') text += n;
		else c5_buf_put(&b, text, 1);
	}
	return c5_text_take(&b);
}

static void tell_failure(c5_outcome *out, running *r, int status, double limit_s)
{
	char *plain = without(c5_child_complaint(r->child), r->dir);
	const char *said = plain ? plain : "";
	if (r->late) snprintf(out->note, sizeof out->note, "took longer than %g s", limit_s);
	else if (WIFSIGNALED(status)) snprintf(out->note, sizeof out->note, "killed by signal %d%s%.80s", WTERMSIG(status), *said ? ": " : "", said);
	else snprintf(out->note, sizeof out->note, "exit status %d%s%.90s", WEXITSTATUS(status), *said ? ": " : "", said);
	free(plain);
}

static void poll_run(c5_objective *o, void *data, c5_outcome *out)
{
	command *c = (command *)o;
	running *r = data;
	const char *line;
	int status = 0;
	memset(out, 0, sizeof *out);
	out->value = NAN;
	if (c->params->limit_s > 0 && !r->late && !r->stopped && c5_clock_s() > r->begun_s + c->params->limit_s) {
		r->late = true;
		c5_child_stop(r->child, GRACE_S);
	}
	while (c5_child_line(r->child, &line)) {
		out->reported = c5_answer_line(&r->answer, line, &out->report);
		if (out->reported) return;
	}
	if (!c5_child_ended(r->child, &status)) return;
	out->done = true;
	bool whole = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (r->stopped && !r->late && !whole) return; /* one that came to its end all the same has a value */
	if (r->late || !whole) tell_failure(out, r, status, c->params->limit_s);
	else out->value = c5_answer_value(&r->answer, out->note);
}

static void stop(c5_objective *o, void *data)
{
	running *r = data;
	(void)o;
	r->stopped = true;
	c5_child_stop(r->child, GRACE_S);
}

static void finish(c5_objective *o, void *data) { free_running(data, ((command *)o)->params->keep); }

static void close_command(c5_objective *o)
{
	if (!o) return;
	free(((command *)o)->program);
	free(o);
}

int c5_command_open(c5_objective **out, const c5_command_params *p, const c5_space *space, const char *program)
{
	command *c;
	int err = c5_alloc(&c, 1, sizeof *c);
	if (err < 0) return err;
	*c = (command){ { false, start, poll_run, stop, finish, close_command }, p, space, c5_strdup(program) };
	if (!c->program) {
		free(c);
		return c5_fail(C5_ENOMEM, "out of memory");
	}
	*out = &c->base;
	return C5_OK;
}
