/* validate_tell.c – a validation as a page, as JSON, and as files; see validate.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "classify/plot.h"
#include "cli/print.h"
#include "cli/validate.h"
#include "formats/out.h"

static const char *positive_of(const c5_valid *v) { return v->checked.members.classes[v->checked.positive]; }

static void class_counts(const c5_valid *v, uint64_t *counts)
{
	for (int k = 0; k < v->checked.members.n_classes; k++) counts[k] = 0;
	for (size_t i = 0; i < v->checked.n; i++) counts[v->checked.truth[i]]++;
}

/* ---- the page ---- */

static int print_head(const c5_valid *v)
{
	const c5_checked *c = &v->checked;
	uint64_t *counts;
	char crops[C5_COUNTED_TEXT], groups[C5_COUNTED_TEXT], many[64];
	int err = c5_alloc(&counts, (size_t)c->members.n_classes, sizeof *counts);
	if (err < 0) return err;
	class_counts(v, counts);
	snprintf(many, sizeof many, "%.40ss", c->data->group_by);
	printf("%s%s%s\n%s in %s, by %s: ", c5_ink(C5_BOLD), c->members.names, c5_ink(C5_PLAIN), c5_counted(crops, c->n, "crop", "crops"), v->container,
	    c->data->label);
	for (int k = 0; k < c->members.n_classes; k++) printf("%s%s %llu", k ? ", " : "", c->members.classes[k], (unsigned long long)counts[k]);
	printf("\n");
	if (c->members.n_classes == 2) printf("the score is the probability of %s, called so from %.4g on\n", positive_of(v), v->threshold);
	if (v->groups > 1 && v->resamples)
		printf("95 %% intervals: %s drawn as wholes, %lld times\n", c5_counted(groups, v->groups, c->data->group_by, many), (long long)v->resamples);
	else printf("95 %% intervals of shares: Wilson's, each crop for itself\n");
	printf("\n");
	free(counts);
	return C5_OK;
}

static void print_confusion(const c5_valid *v)
{
	const c5_members *m = &v->checked.members;
	int wide = 10;
	for (int k = 0; k < m->n_classes; k++) wide = c5_width(m->classes[k]) + 2 > wide ? c5_width(m->classes[k]) + 2 : wide;
	if (m->n_classes > 12 || wide > 40) return; /* --out has it */
	printf("\n%sConfusion%s, a row a true class, a column what it was called\n%-*s", c5_ink(C5_BOLD), c5_ink(C5_PLAIN), wide + 2, "");
	for (int k = 0; k < m->n_classes; k++) printf("%*s", wide, m->classes[k]);
	for (int r = 0; r < m->n_classes; r++) {
		printf("\n  ");
		c5_put_cell(m->classes[r], wide);
		for (int k = 0; k < m->n_classes; k++) printf("%*llu", wide, (unsigned long long)v->confusion[r * m->n_classes + k]);
	}
	printf("\n");
}

static void put_figure(const c5_figures *f, const char *name, bool interval)
{
	const c5_figure *g = c5_figures_find(f, name);
	if (!g || isnan(g->value)) printf("%9s%s", "-", interval ? "                 " : "");
	else if (interval && !isnan(g->low)) printf("%9.4f [%.4f, %.4f]", g->value, g->low, g->high);
	else printf("%9.4f%s", g->value, interval ? "                 " : "");
}

static void print_plates(const c5_valid *v)
{
	if (!v->n_plates) return;
	printf("\n%sPlates%s\n%-18s%8s%9s%26s%9s%26s%9s\n", c5_ink(C5_BOLD), c5_ink(C5_PLAIN), "", "crops",
	    v->checked.members.n_classes == 2 ? "positive" : "", "accuracy           ", "F1",
		"ROC AUC           ", "ECE");
	for (size_t k = 0; k < v->n_plates; k++) {
		const c5_valid_plate *p = &v->plates[k];
		c5_put_cell(*p->name ? p->name : "(none stated)", 18);
		printf("%8llu", (unsigned long long)p->crops);
		if (v->checked.members.n_classes == 2) printf("%9llu", (unsigned long long)p->positive);
		else printf("%9s", "");
		put_figure(&p->figures, "accuracy", true);
		put_figure(&p->figures, "F1", false);
		put_figure(&p->figures, "ROC_AUC", true);
		put_figure(&p->figures, "ECE", false);
		printf("\n");
	}
}

static double value_of(const c5_figures *f, const char *name)
{
	const c5_figure *g = c5_figures_find(f, name);
	return g ? g->value : NAN;
}

static void print_calibration(const c5_valid *v)
{
	static const char *const names[] = { "ECE", "Brier", "log_loss" };
	if (isnan(v->temperature)) return;
	printf("\n%sCalibration%s\n  temperature %.4f: log loss of the crops it was fitted to %.4f, before %.4f\n", c5_ink(C5_BOLD), c5_ink(C5_PLAIN),
	    v->temperature, v->loss_after, v->loss_before);
	if (v->folds) printf("  judged on %ss it was not fitted to, in %u parts:\n", v->checked.data->group_by, v->folds);
	for (size_t k = 0; v->folds && k < sizeof names / sizeof *names; k++)
		printf("    %-10s %.4f, before %.4f\n", names[k], value_of(&v->calibrated, names[k]), value_of(&v->figures, names[k]));
	if (v->stored) printf("  stored: %s\n", v->stored);
}

int c5_valid_page(const c5_valid *v, bool explain)
{
	c5_buf b = { 0 };
	int err = print_head(v);
	if (err == C5_OK && (err = c5_figures_text(&b, &v->figures, explain)) == C5_OK) fwrite(b.data, 1, b.size, stdout);
	c5_buf_free(&b);
	if (err < 0) return err;
	print_confusion(v);
	print_plates(v);
	print_calibration(v);
	return C5_OK;
}

/* ---- JSON ---- */

static int json_figures(c5_buf *b, const c5_figures *f)
{
	c5_json_key(b, "figures");
	c5_text_add(b, "{");
	int err = c5_figures_json(b, f);
	c5_text_add(b, "}");
	c5_json_key(b, "intervals");
	c5_text_add(b, "{");
	if (err == C5_OK) err = c5_figures_json_intervals(b, f);
	c5_text_add(b, "}");
	return err;
}

static void json_bins(c5_buf *b, const char *key, const c5_reliability *bins, int64_t n)
{
	c5_json_key(b, key);
	c5_text_add(b, "[");
	for (int64_t k = 0; k < n; k++) {
		c5_text_add(b, k ? ",{" : "{");
		c5_json_int(b, "crops", (int64_t)bins[k].n);
		c5_json_real(b, "score", bins[k].score);
		c5_json_real(b, "share", bins[k].share);
		c5_json_real(b, "low", bins[k].low);
		c5_json_real(b, "high", bins[k].high);
		c5_text_add(b, "}");
	}
	c5_text_add(b, "]");
}

static int json_plates(c5_buf *b, const c5_valid *v)
{
	int err = C5_OK;
	c5_json_key(b, "plates");
	c5_text_add(b, "[");
	for (size_t k = 0; err == C5_OK && k < v->n_plates; k++) {
		const c5_valid_plate *p = &v->plates[k];
		c5_text_add(b, k ? ",{" : "{");
		c5_json_str(b, "plate", *p->name ? p->name : NULL);
		c5_json_int(b, "crops", (int64_t)p->crops);
		c5_json_int(b, "positive", (int64_t)p->positive);
		c5_json_int(b, "groups", (int64_t)p->groups);
		err = json_figures(b, &p->figures);
		c5_text_add(b, "}");
	}
	c5_text_add(b, "]");
	return err;
}

static int json_calibration(c5_buf *b, const c5_valid *v)
{
	int err = C5_OK;
	c5_json_key(b, "calibration");
	if (isnan(v->temperature)) {
		c5_text_add(b, "null");
		return C5_OK;
	}
	c5_text_add(b, "{");
	c5_json_real(b, "temperature", v->temperature);
	c5_json_real(b, "log_loss_fitted", v->loss_after);
	c5_json_real(b, "log_loss_before", v->loss_before);
	c5_json_int(b, "folds", v->folds);
	c5_json_str(b, "stored", v->stored);
	if (v->folds && (err = json_figures(b, &v->calibrated)) == C5_OK) json_bins(b, "reliability", v->after_bins, v->bins);
	c5_text_add(b, "}");
	return err;
}

static int json_classes(c5_buf *b, const c5_valid *v)
{
	const c5_members *m = &v->checked.members;
	uint64_t *counts;
	int err = c5_alloc(&counts, (size_t)m->n_classes, sizeof *counts);
	if (err < 0) return err;
	class_counts(v, counts);
	c5_json_key(b, "classes");
	c5_text_add(b, "{");
	for (int k = 0; k < m->n_classes; k++) c5_json_int(b, m->classes[k], (int64_t)counts[k]);
	c5_text_add(b, "}");
	c5_json_key(b, "confusion");
	c5_text_add(b, "[");
	for (int r = 0; r < m->n_classes; r++) {
		c5_text_add(b, r ? ",[" : "[");
		for (int k = 0; k < m->n_classes; k++) c5_text_addf(b, "%s%llu", k ? "," : "", (unsigned long long)v->confusion[r * m->n_classes + k]);
		c5_text_add(b, "]");
	}
	c5_text_add(b, "]");
	free(counts);
	return C5_OK;
}

int c5_valid_json(const c5_valid *v)
{
	const c5_checked *c = &v->checked;
	c5_buf b = { 0 };
	c5_text_add(&b, "{");
	c5_json_str(&b, "models", c->members.names);
	c5_json_str(&b, "model_sha256", c->members.digests);
	c5_json_str(&b, "container", v->container);
	c5_json_str(&b, "label", c->data->label);
	c5_json_str(&b, "positive", positive_of(v));
	c5_json_real(&b, "threshold", v->threshold);
	c5_json_int(&b, "crops", (int64_t)c->n);
	c5_json_int(&b, "left_out", (int64_t)c->left_out);
	c5_json_str(&b, "group_by", c->data->group_by);
	c5_json_int(&b, "groups", v->groups);
	c5_json_int(&b, "resamples", v->resamples);
	c5_json_int(&b, "seed", v->seed);
	int err = json_classes(&b, v);
	if (err == C5_OK) err = json_figures(&b, &v->figures);
	if (err == C5_OK) err = json_plates(&b, v);
	json_bins(&b, "reliability", v->before_bins, v->bins);
	if (err == C5_OK) err = json_calibration(&b, v);
	c5_text_add(&b, "}");
	if (err == C5_OK) err = c5_json_print(&b);
	c5_buf_free(&b);
	return err;
}

/* ---- files ---- */

static int write_file(const char *folder, const char *name, c5_buf *b)
{
	char *path = c5_format("%s/%s", folder, name), *text = c5_text_take(b);
	int err = path && text ? c5_out_text(path, text) : c5_fail(C5_ENOMEM, "out of memory");
	free(path);
	free(text);
	return err;
}

/* A field of CSV, quoted where it must be. */
static void add_cell(c5_buf *b, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		c5_text_add(b, text);
		return;
	}
	c5_text_add(b, "\"");
	for (const char *p = text; *p; p++) c5_text_addf(b, *p == '"' ? "\"%c" : "%c", *p);
	c5_text_add(b, "\"");
}

static void add_number(c5_buf *b, double v)
{
	char text[C5_REAL_TEXT];
	c5_text_addf(b, ",%s", isnan(v) ? "" : c5_text_real(text, v));
}

static void add_figures(c5_buf *b, const char *what, const c5_figures *f)
{
	for (size_t i = 0; i < f->n; i++) {
		add_cell(b, what);
		c5_text_add(b, ",");
		add_cell(b, f->at[i].name);
		add_number(b, f->at[i].value);
		add_number(b, f->at[i].low);
		add_number(b, f->at[i].high);
		c5_text_add(b, "\n");
	}
}

static void add_bins(c5_buf *b, const char *what, const c5_reliability *bins, int64_t n)
{
	for (int64_t k = 0; bins && k < n; k++) {
		c5_text_addf(b, "%s,%.6g,%.6g,%llu", what, (double)k / (double)n, (double)(k + 1) / (double)n, (unsigned long long)bins[k].n);
		add_number(b, bins[k].score);
		add_number(b, bins[k].share);
		add_number(b, bins[k].low);
		add_number(b, bins[k].high);
		c5_text_add(b, "\n");
	}
}

static void add_predictions(c5_buf *b, const c5_valid *v)
{
	const c5_checked *c = &v->checked;
	const c5_dataset *d = c->data;
	const int classes = c->members.n_classes;
	c5_text_add(b, "experiment,crop,group,plate,truth");
	for (int k = 0; k < classes; k++) {
		c5_text_add(b, ",p_");
		add_cell(b, c->members.classes[k]);
	}
	c5_text_add(b, v->after ? ",calibrated\n" : "\n");
	for (size_t i = 0; i < c->n; i++) {
		const c5_item *it = &d->items[c->item[i]];
		const c5_crops *s = &d->sources[it->source];
		add_cell(b, s->experiment);
		c5_text_addf(b, ",%llu,", (unsigned long long)it->row);
		add_cell(b, d->groups[it->group]);
		c5_text_add(b, ",");
		add_cell(b, s->plate ? s->plate : "");
		c5_text_add(b, ",");
		add_cell(b, c->members.classes[c->truth[i]]);
		for (int k = 0; k < classes; k++) c5_text_addf(b, ",%.9g", (double)v->mean[i * (size_t)classes + (size_t)k]);
		if (v->after) c5_text_addf(b, ",%.9g", (double)v->after[i * (size_t)classes + (size_t)c->positive]);
		c5_text_add(b, "\n");
	}
}

int c5_valid_files(const c5_valid *v, const char *folder)
{
	const c5_members *m = &v->checked.members;
	c5_buf b = { 0 };
	char title[256];
	int err = c5_out_folder(folder);
	if (err < 0) return err;
	c5_text_add(&b, "of,figure,value,low,high\n");
	add_figures(&b, "all", &v->figures);
	for (size_t k = 0; k < v->n_plates; k++) add_figures(&b, v->plates[k].name, &v->plates[k].figures);
	if (v->folds) add_figures(&b, "all, calibrated", &v->calibrated);
	if ((err = write_file(folder, "figures.csv", &b)) < 0) return err;
	c5_text_add(&b, "truth");
	for (int k = 0; k < m->n_classes; k++) {
		c5_text_add(&b, ",");
		add_cell(&b, m->classes[k]);
	}
	for (int r = 0; r < m->n_classes; r++) {
		c5_text_add(&b, "\n");
		add_cell(&b, m->classes[r]);
		for (int k = 0; k < m->n_classes; k++) c5_text_addf(&b, ",%llu", (unsigned long long)v->confusion[r * m->n_classes + k]);
	}
	c5_text_add(&b, "\n");
	if ((err = write_file(folder, "confusion.csv", &b)) < 0) return err;
	c5_text_add(&b, "scores,from,to,crops,score,share,low,high\n");
	add_bins(&b, "model", v->before_bins, v->bins);
	add_bins(&b, "calibrated", v->after_bins, v->bins);
	if ((err = write_file(folder, "reliability.csv", &b)) < 0) return err;
	add_predictions(&b, v);
	if ((err = write_file(folder, "predictions.csv", &b)) < 0) return err;
	snprintf(title, sizeof title, "%.120s on %.100s", m->n == 1 ? m->at[0].name : "Ensemble", v->container);
	if ((err = c5_plot_reliability(&b, v->before_bins, v->after_bins, (size_t)v->bins, title, positive_of(v))) == C5_OK)
		err = write_file(folder, "reliability.svg", &b);
	c5_buf_free(&b);
	return err;
}
