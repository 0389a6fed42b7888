/* cmd_screen.c – `cyto5 screen`: what the scores of a container come to by plate and condition, and which treatments are hits; as a page, CSV and
 * pictures. Nothing is written into the container: another choice of controls or test is a matter of a second. */
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/yaml.h"
#include "classify/plot.h"
#include "classify/screen_tables.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "formats/out.h"
#include "pipeline/score.h"

typedef struct screen_set { char *out, *experiments; bool json; int64_t most; } screen_set;

static const c5_opt screen_opts[] = {
	{ "out", C5_OPT_TEXT, offsetof(screen_set, out), NULL, 0, 0, NULL, "FOLDER",
		"write all tables as CSV, and plate maps, volcano and ranks as SVG, there" },
	{ "experiments", C5_OPT_TEXT, offsetof(screen_set, experiments), NULL, 0, 0, NULL, "GLOB", "experiments of these names only" },
	{ "most", C5_OPT_INT, offsetof(screen_set, most), "20", 1, 1e9, NULL, "N", "rows of a table on the page" },
	{ "json", C5_OPT_BOOL, offsetof(screen_set, json), NULL, 0, 0, NULL, NULL, "all tables as one JSON object" },
	{ 0 },
};

/* What the command line leaves open is as in the screen that scoring wrote. */
static int take_stored(c5_screen_params *p, c5_file *f)
{
	char *text = NULL;
	c5_yaml *doc = NULL;
	c5_screen_params stored = { 0 };
	if (c5_attr_get_str(f, "/screens/latest/hits", "settings", &text) < 0) {
		c5_error_clear();
		return C5_OK;
	}
	int err = c5_opt_defaults(c5_screen_opts, &stored);
	if (err == C5_OK && (err = c5_yaml_parse(&doc, "/screens/latest/hits settings", text, strlen(text))) == C5_OK)
		err = c5_yaml_apply(c5_screen_opts, &stored, c5_yaml_root(doc));
	if (err < 0) err = c5_fail_in(c5_fail_stored(err), "%s", c5_file_path(f));
	for (const c5_opt *o = c5_screen_opts; err == C5_OK && o->name; o++) {
		if (!c5_opt_is_default(o, p) || c5_opt_is_default(o, &stored)) continue;
		char *value = c5_opt_get(o, &stored);
		if (value) err = c5_opt_set_row(o, p, value);
		else c5_opt_unset(o, p);
		free(value);
	}
	c5_opt_clear(c5_screen_opts, &stored);
	c5_yaml_free(doc);
	free(text);
	return err;
}

/* ---- the page ---- */

static void put_number(double v, const char *format)
{
	if (isnan(v)) printf("%10s", "-");
	else printf(format, v);
}

static void treatment_name(char *to, size_t room, const c5_screen_treatment *t)
{
	const char *parts[3] = { t->condition, t->compound, t->dose };
	*to = '\0';
	for (int k = 0; k < 3; k++) snprintf(to + strlen(to), room - strlen(to), "%s%s", *parts[k] && *to ? " " : "", parts[k]);
	if (!*to) snprintf(to, room, "(not named)");
}

static void print_plates(const c5_screen *s, size_t most)
{
	printf("%sPlates%s\n%-20s%8s%10s%10s%10s%10s%10s\n", c5_ink(C5_BOLD), c5_ink(C5_PLAIN), "", "wells", "negative", "positive", "Z'", "robust Z'",
		"SSMD");
	for (size_t i = 0; i < s->n_plates && i < most; i++) {
		const c5_screen_plate *p = &s->plates[i];
		c5_put_cell(*p->plate ? p->plate : "(not named)", 20);
		printf("%8u%10zu%10zu", p->wells, p->quality.n_negative, p->quality.n_positive);
		put_number(p->quality.z_prime, "%10.3f");
		put_number(p->quality.robust_z_prime, "%10.3f");
		put_number(p->quality.ssmd, "%10.3f");
		printf("\n");
	}
	if (s->n_plates > most) printf("... and %zu more\n", s->n_plates - most);
}

static void print_conditions(const c5_screen *s, size_t most)
{
	printf("\n%sConditions%s\n%-36s%-10s%6s%9s%10s%10s%10s%10s\n", c5_ink(C5_BOLD), c5_ink(C5_PLAIN), "", "role", "wells", "objects", "mean", "low",
		"high", "share");
	for (size_t i = 0; i < s->n_treatments && i < most; i++) {
		const c5_screen_treatment *t = &s->treatments[i];
		char name[256];
		treatment_name(name, sizeof name, t);
		c5_put_cell(name, 36);
		printf("%-10s%6u%9llu", c5_role_name(t->role), t->wells, (unsigned long long)t->objects);
		put_number(t->mean, "%10.4f");
		put_number(t->low, "%10.4f");
		put_number(t->high, "%10.4f");
		put_number(t->share, "%10.4f");
		printf("\n");
	}
	if (s->n_treatments > most) printf("... and %zu more\n", s->n_treatments - most);
}

static void print_hits(const c5_screen *s, const c5_screen_params *p, size_t most)
{
	size_t tests = 0, told = 0;
	char name[256];
	for (size_t i = 0; i < s->n_treatments; i++) tests += !isnan(s->treatments[i].q);
	printf("\n%sHits%s: %zu of %zu tested, false-discovery rate %.3g, %s on %s against the plate's negative controls\n", c5_ink(C5_BOLD),
		c5_ink(C5_PLAIN), s->n_hits, tests, p->fdr, p->test, p->normalise);
	if (tests == 0) return;
	printf("%-36s%6s%10s%10s%10s%10s\n", "", "wells", p->normalise, "SSMD", "p", "q");
	for (size_t i = 0; i < s->n_treatments && told < most; i++) {
		const c5_screen_treatment *t = &s->treatments[s->ranked[i]];
		if (isnan(t->q)) continue;
		told++;
		treatment_name(name, sizeof name, t);
		printf("%s", t->hit ? c5_ink(C5_GREEN) : "");
		c5_put_cell(name, 36);
		printf("%6u", t->tested);
		put_number(t->normalised, "%10.3f");
		put_number(t->ssmd, "%10.3f");
		put_number(t->p, "%10.2e");
		put_number(t->q, "%10.2e");
		printf("%s%s\n", t->hit ? "  hit" : "", t->hit ? c5_ink(C5_PLAIN) : "");
	}
	if (tests > told) printf("... and %zu more\n", tests - told);
}

/* ---- JSON, CSV and pictures ---- */

static int print_json(const c5_screen_table *tables, const c5_score_sums *sums, const c5_screen *s)
{
	c5_buf b = { 0 };
	c5_text_add(&b, "{");
	c5_json_str(&b, "models", sums->models);
	c5_json_real(&b, "threshold", sums->threshold);
	c5_json_int(&b, "hits_found", (int64_t)s->n_hits);
	for (int k = 0; k < C5_SCREEN_TABLES; k++) {
		const c5_screen_table *t = &tables[k];
		c5_json_key(&b, t->name);
		c5_text_add(&b, "[");
		for (size_t i = 0; i < t->n; i++) {
			const char *record = (const char *)t->records + (t->order ? t->order[i] : i) * t->size;
			c5_text_add(&b, i ? ",{" : "{");
			for (const c5_record_field *f = t->fields; f->name; f++) {
				char *cell = c5_record_cell(f, record);
				if (!cell) return c5_fail(C5_ENOMEM, "out of memory");
				c5_json_key(&b, f->name);
				if (f->type == C5_RECORD_TEXT || f->type == C5_RECORD_WORD) c5_text_add_json(&b, cell);
				else if (f->type == C5_RECORD_BOOL) c5_text_add(&b, *cell == '1' ? "true" : "false");
				else c5_text_add(&b, *cell && strcmp(cell, "inf") != 0 && strcmp(cell, "-inf") != 0 ? cell : "null");
				free(cell);
			}
			c5_text_add(&b, "}");
		}
		c5_text_add(&b, "]");
	}
	c5_text_add(&b, "}");
	return c5_json_print(&b);
}

static int write_file(const char *folder, const char *name, const char *ending, c5_buf *b)
{
	char *path = c5_format("%s/%s%s", folder, name, ending), *text = c5_text_take(b);
	int err = path && text ? c5_out_text(path, text) : c5_fail(C5_ENOMEM, "out of memory");
	if (err == C5_OK) printf("%s\n", path);
	free(path);
	free(text);
	return err;
}

static int write_all(const char *folder, const c5_screen_table *tables, const c5_screen *s, const c5_screen_params *p, const char *models)
{
	c5_buf b = { 0 };
	char title[256];
	int err = c5_out_folder(folder);
	for (int k = 0; err == C5_OK && k < C5_SCREEN_TABLES; k++) {
		const c5_screen_table *t = &tables[k];
		if ((err = c5_records_csv(&b, t->fields, t->records, t->n, t->size, t->order)) == C5_OK) err = write_file(folder, t->name, ".csv", &b);
	}
	snprintf(title, sizeof title, "%s, by %.150s", strcmp(p->value, "share") == 0 ? "Share called positive" : "Mean score", models);
	if (err == C5_OK && (err = c5_plot_plates(&b, s, C5_MAP_VALUE, title)) == C5_OK) err = write_file(folder, "plates", ".svg", &b);
	snprintf(title, sizeof title, "Normalised by each plate's negative controls (%s)", p->normalise);
	if (err == C5_OK && (err = c5_plot_plates(&b, s, C5_MAP_NORMALISED, title)) == C5_OK) err = write_file(folder, "plates-normalised", ".svg", &b);
	if (err == C5_OK && (err = c5_plot_volcano(&b, s, p, "Treatments against negative controls")) == C5_OK)
		err = write_file(folder, "volcano", ".svg", &b);
	if (err == C5_OK && (err = c5_plot_ranks(&b, s, p, "Treatments by score")) == C5_OK) err = write_file(folder, "ranks", ".svg", &b);
	c5_buf_free(&b);
	return err;
}

/* ---- all of it ---- */

static int read_sums(c5_score_sums *sums, c5_file *f, const char *file, const char *glob)
{
	char **names = NULL, **some = NULL;
	size_t n = 0, m = 0;
	int err = c5_list(f, "/experiments", &names, &n);
	if (err == C5_OK) err = c5_alloc(&some, n, sizeof *some);
	for (size_t i = 0; err == C5_OK && i < n; i++)
		if (!glob || fnmatch(glob, names[i], 0) == 0) some[m++] = names[i];
	if (err == C5_OK) err = c5_score_sums_read(sums, f, 0, some, m);
	if (err == C5_OK && !sums->n) err = c5_fail(C5_ENOTFOUND, "%s: no scores yet; make them with `cyto5 score`", file);
	free(some);
	c5_names_free(names, n);
	return err;
}

static int run(int argc, char **argv)
{
	screen_set set = { 0 };
	c5_screen_params params = { 0 };
	const c5_opt_group groups[] = { { "Answer", screen_opts, &set }, { "Screen (default: as it was scored)", c5_screen_opts, &params },
		{ NULL, NULL, NULL } };
	c5_cli cli;
	c5_file *f = NULL;
	c5_score_sums sums = { 0 };
	c5_screen screen = { 0 };
	c5_screen_table tables[C5_SCREEN_TABLES];
	int err = c5_cli_open(&cli, &c5_cmd_screen, groups, argc, argv, 1, 1);
	if (err < 0 || cli.helped) goto done;
	if ((err = c5_file_open(&f, cli.words[0], C5_READ, NULL)) < 0 || (err = read_sums(&sums, f, cli.words[0], set.experiments)) < 0 ||
	    (err = take_stored(&params, f)) < 0 || (err = c5_screen_make(&screen, sums.fields, sums.n, &params)) < 0)
		goto done;
	if (sums.mixed) c5_log(C5_LOG_WARN, "%s: the experiments were scored by different models", cli.words[0]);
	c5_screen_tables(tables, &screen, sums.fields, sums.n);
	if (set.json) err = print_json(tables, &sums, &screen);
	else if (set.out) err = write_all(set.out, tables, &screen, &params, sums.models);
	if (err < 0 || set.json || set.out) goto done;
	printf("%sScores%s by %s, positive from %.3g on\n\n", c5_ink(C5_BOLD), c5_ink(C5_PLAIN), sums.models, sums.threshold);
	print_plates(&screen, (size_t)set.most);
	print_conditions(&screen, (size_t)set.most);
	print_hits(&screen, &params, (size_t)set.most);
done:
	c5_screen_free(&screen);
	c5_score_sums_free(&sums);
	c5_file_close(f);
	c5_cli_close(&cli, groups);
	return err;
}

const c5_command c5_cmd_screen = {
	"screen", C5_LOOK, "sum up scores by plate and condition, find hits, draw them", "FILE.h5",
	"cyto5 screen plate.h5\n"
	"cyto5 screen plate.h5 --out screen/ --negative-controls DMSO --positive-controls doxorubicin\n"
	"cyto5 screen plate.h5 --test welch --normalise robust-z --direction down --json\n",
	run,
};
