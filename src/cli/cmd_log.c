/* cmd_log.c – `cyto5 log FILE [RUN]`: the runs of a container, or one of them whole. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "container/lock.h"
#include "container/run.h"

struct log { bool json; };
static const c5_opt log_opts[] = {
	{ "json", C5_OPT_BOOL, offsetof(struct log, json), NULL, 0, 0, NULL, NULL, "answer in JSON" },
	{ 0 },
};

/* `running` while nobody holds the lock is a run that was cut short. */
static const char *true_state(const c5_run_info *r, bool held) { return strcmp(r->state, "running") == 0 && !held ? "interrupted" : r->state; }

static int state_ink(const char *state)
{
	return strcmp(state, "complete") == 0 ? C5_GREEN : strcmp(state, "running") == 0 ? C5_BOLD : strcmp(state, "failed") == 0 ? C5_RED : C5_YELLOW;
}

static const char *or_dash(const char *s) { return s && *s ? s : "-"; }

static void add_json(c5_buf *b, const c5_run_info *r, bool held, bool whole)
{
	c5_json_key(b, NULL);
	c5_text_add(b, "{");
	c5_json_str(b, "run", c5_revision_name(r->number));
	c5_json_str(b, "state", true_state(r, held));
	c5_json_str(b, "command", r->command);
	c5_json_str(b, "start", r->start);
	c5_json_str(b, "end", r->end);
	c5_json_real(b, "seconds", c5_iso_seconds(r->start, r->end));
	c5_json_str(b, "user", r->user);
	c5_json_str(b, "hosts", r->hosts);
	c5_json_str(b, "devices", r->devices);
	c5_json_str(b, "slurm_job", r->slurm_job);
	c5_json_int(b, "ranks", r->ranks);
	c5_json_int(b, "threads", r->threads);
	c5_json_int(b, "seed", r->seed);
	c5_json_int(b, "restarts", r->restarts);
	c5_json_int(b, "failed", r->failed);
	c5_json_str(b, "software", r->software);
	c5_json_str(b, "command_line", r->command_line);
	if (whole) {
		c5_json_str(b, "configuration", r->configuration);
		c5_json_str(b, "inputs", r->inputs);
		c5_json_str(b, "libraries", r->libraries);
		c5_json_str(b, "failures", r->failures);
	}
	c5_text_add(b, "}");
}

static void print_row(const c5_run_info *r, bool held)
{
	char start[C5_SIZE_TEXT], span[C5_SPAN_TEXT] = "-", host[64], ranks[32];
	const char *state = true_state(r, held);
	double seconds = c5_iso_seconds(r->start, r->end);
	if (isfinite(seconds)) c5_clock_span(span, seconds);
	size_t first = r->hosts ? strcspn(r->hosts, ",") : 0;
	int more = 0;
	for (const char *p = r->hosts; p && (p = strchr(p, ',')); p++) more++;
	if (more) snprintf(host, sizeof host, "%.*s +%d", first < 40 ? (int)first : 40, r->hosts, more);
	else snprintf(host, sizeof host, "%.60s", or_dash(r->hosts));
	snprintf(ranks, sizeof ranks, "%lld", (long long)r->ranks);
	printf("%s  %s", c5_revision_name(r->number), c5_ink(state_ink(state)));
	c5_put_cell(state, 11);
	printf("%s  %.16s  %9s  ", c5_ink(C5_PLAIN), c5_iso_text(start, r->start), span);
	c5_put_cell(or_dash(r->command), 9);
	printf("  ");
	c5_put_cell(or_dash(r->user), 8);
	printf("  ");
	c5_put_cell(host, 12);
	printf("  %5s", ranks);
	if (r->failed > 0) printf("  %s%lld%s", c5_ink(C5_RED), (long long)r->failed, c5_ink(C5_PLAIN));
	putchar('\n');
}

static int print_all(c5_file *f, bool held, bool json)
{
	c5_buf b = { 0 };
	uint32_t *numbers;
	size_t n;
	int err = c5_run_numbers(f, &numbers, &n), shown = 0;
	c5_text_add(&b, "[");
	for (size_t i = 0; err == C5_OK && i < n; i++) {
		c5_run_info r;
		if ((err = c5_run_read(f, numbers[i], &r)) < 0) break;
		bool now = held || c5_run_alive(c5_file_path(f), numbers[i]);
		if (json) add_json(&b, &r, now, false);
		else {
			if (shown++ == 0)
				printf("%srun      state        start (UTC)        duration  command    user      host          ranks  failed%s\n", c5_ink(C5_DIM),
					c5_ink(C5_PLAIN));
			print_row(&r, now);
		}
		c5_run_info_free(&r);
	}
	free(numbers);
	if (err < 0 || !json) {
		if (err == C5_OK && shown == 0) printf("no runs yet\n");
		c5_buf_free(&b);
		return err;
	}
	c5_text_add(&b, "]");
	return c5_json_print(&b);
}

static void print_text(const char *title, const char *text)
{
	if (!text || !*text) return;
	printf("\n%s%s%s\n", c5_ink(C5_BOLD), title, c5_ink(C5_PLAIN));
	for (const char *line = text; *line;) {
		int n = (int)strcspn(line, "\n");
		printf("  %.*s\n", n, line);
		line += n + (line[n] == '\n');
	}
}

static void print_field(const char *name, const char *value)
{
	if (value && *value) printf("%-13s%s\n", name, value);
}

static void print_whole(const c5_run_info *r, bool held)
{
	char text[160], span[C5_SPAN_TEXT];
	const char *state = true_state(r, held);
	printf("%s%s%s  %s%s%s\n", c5_ink(C5_BOLD), c5_revision_name(r->number), c5_ink(C5_PLAIN), c5_ink(state_ink(state)), state, c5_ink(C5_PLAIN));
	print_field("command", r->command);
	print_field("start", r->start);
	print_field("end", r->end);
	double seconds = c5_iso_seconds(r->start, r->end);
	if (isfinite(seconds)) print_field("duration", c5_clock_span(span, seconds));
	print_field("user", r->user);
	print_field("hosts", r->hosts);
	snprintf(text, sizeof text, "%lld x %lld threads", (long long)r->ranks, (long long)r->threads);
	print_field("ranks", text);
	print_field("devices", r->devices);
	print_field("slurm job", r->slurm_job);
	snprintf(text, sizeof text, "%lld", (long long)r->seed);
	print_field("seed", text);
	snprintf(text, sizeof text, "%lld", (long long)r->restarts);
	if (r->restarts) print_field("restarts", text);
	snprintf(text, sizeof text, "%lld", (long long)r->failed);
	if (r->failed) print_field("failed", text);
	print_field("software", r->software);
	print_text("Command line", r->command_line);
	print_text("Failures", r->failures);
	print_text("Configuration", r->configuration);
	print_text("Inputs", r->inputs);
	print_text("Libraries", r->libraries);
}

static int print_one(c5_file *f, const char *name, bool held, bool json)
{
	c5_run_info r;
	uint32_t number = c5_revision_number(name);
	int64_t plain = 0;
	if (!number && c5_text_to_int(&plain, name) == C5_OK && plain > 0 && plain <= UINT32_MAX) number = (uint32_t)plain;
	if (!number) return c5_fail(C5_EUSAGE, "%.100s: no name of a run; a run is called r000001 or 1", name);
	int err = c5_run_read(f, number, &r);
	if (err < 0) return err;
	held = held || c5_run_alive(c5_file_path(f), number);
	if (json) {
		c5_buf b = { 0 };
		add_json(&b, &r, held, true);
		err = c5_json_print(&b);
	} else print_whole(&r, held);
	c5_run_info_free(&r);
	return err;
}

static int run(int argc, char **argv)
{
	struct log set = { 0 };
	const c5_opt_group groups[] = { { "Runs", log_opts, &set }, { NULL, NULL, NULL } };
	c5_file *f = NULL;
	c5_cli cli;
	int err = c5_cli_open(&cli, &c5_cmd_log, groups, argc, argv, 1, 2);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_file_open(&f, cli.words[0], C5_READ, NULL)) < 0) goto done;
	bool held = c5_lock_held(cli.words[0]) == 1;
	err = cli.n > 1 ? print_one(f, cli.words[1], held, set.json) : print_all(f, held, set.json);
done:
	c5_file_close(f);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_log = {
	"log", C5_LOOK, "list the runs that made a container, or show one whole", "FILE [RUN] [--json]",
	"cyto5 log plate.h5\n"
	"cyto5 log plate.h5 r000003\n",
	run,
};
