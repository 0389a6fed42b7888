/* trained_summary.c – see trained_summary.h. */
#include "cli/trained_summary.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/disk.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "container/run.h"
#include "measure/classify.h"

#define RESAMPLES 1000

void c5_pooled_free(c5_pooled *p)
{
	free(p->prob);
	free(p->have);
	*p = (c5_pooled){ 0 };
}

int c5_pooled_add(c5_pooled *p, const c5_learn *l, int k, const float *prob, size_t count)
{
	size_t member = (size_t)(k % l->members), at = 0;
	uint8_t *part = NULL;
	int err = C5_OK;
	if (!p->prob) {
		p->n = l->data->n, p->classes = (size_t)l->data->n_classes, p->members = (size_t)l->members;
		if ((err = c5_alloc(&p->prob, p->members * p->n * p->classes + 1, sizeof *p->prob)) < 0 || (err = c5_alloc(&p->have, p->members * p->n + 1, 1)) < 0)
			return err;
	}
	if ((err = c5_alloc(&part, p->n + 1, 1)) == C5_OK) err = c5_learn_part(l, k, part);
	for (size_t i = 0; err == C5_OK && i < p->n && at + p->classes <= count; i++) {
		if (part[i] != C5_PART_VALIDATE) continue;
		memcpy(p->prob + (member * p->n + i) * p->classes, prob + at, p->classes * sizeof *prob);
		p->have[member * p->n + i] = 1;
		at += p->classes;
	}
	free(part);
	return err;
}

/* Items kept back, by their numbers, and the mean over members (n, classes); or those of one member. */
typedef struct gathered { size_t n; uint32_t *item; float *prob; int32_t *label; } gathered;

static void gathered_free(gathered *g)
{
	free(g->item);
	free(g->prob);
	free(g->label);
}

static int gather(gathered *g, const c5_pooled *p, const c5_learn *l, size_t first, size_t members)
{
	int err;
	*g = (gathered){ 0 };
	if ((err = c5_alloc(&g->item, p->n + 1, sizeof *g->item)) < 0 || (err = c5_alloc(&g->prob, p->n * p->classes + 1, sizeof *g->prob)) < 0 ||
	    (err = c5_alloc(&g->label, p->n + 1, sizeof *g->label)) < 0)
		return err;
	for (size_t i = 0; i < p->n; i++) {
		double sum[256] = { 0 };
		bool all = p->classes <= 256;
		for (size_t m = first; m < first + members && all; m++) {
			all = p->have[m * p->n + i];
			for (size_t k = 0; all && k < p->classes; k++) sum[k] += p->prob[(m * p->n + i) * p->classes + k];
		}
		if (!all) continue;
		for (size_t k = 0; k < p->classes; k++) g->prob[g->n * p->classes + k] = (float)(sum[k] / (double)members);
		g->label[g->n] = l->data->items[i].label;
		g->item[g->n++] = (uint32_t)i;
	}
	return C5_OK;
}

/* Two classes: with intervals, whole groups drawn. */
static int intervals(const gathered *g, const c5_learn *l, c5_figures *to)
{
	double *score = NULL;
	bool *truth = NULL;
	uint32_t *group = NULL, *number = NULL, groups = 0;
	int err = c5_alloc(&score, g->n + 1, sizeof *score);
	if (err < 0 || (err = c5_alloc(&truth, g->n + 1, sizeof *truth)) < 0 || (err = c5_alloc(&group, g->n + 1, sizeof *group)) < 0 ||
	    (err = c5_alloc(&number, l->data->n_groups + 1, sizeof *number)) < 0)
		goto done;
	for (size_t i = 0; i < g->n; i++) {
		uint32_t k = l->data->items[g->item[i]].group;
		if (!number[k]) number[k] = ++groups; /* only groups that were kept back */
		group[i] = number[k] - 1;
		score[i] = g->prob[2 * i + 1];
		truth[i] = g->label[i] == 1;
	}
	const c5_scored s = { g->n, truth, score, group, groups };
	const c5_classify_params params = { .threshold = 0.5, .bins = 15, .resamples = RESAMPLES, .seed = (uint64_t)l->set->train.seed };
	err = c5_classify_figures(to, &s, &params);
done:
	free(score);
	free(truth);
	free(group);
	free(number);
	return err;
}

static void print_figures(const char *title, const char *const *names, const double *values, int n, const c5_figures *with)
{
	printf("%s\n", title);
	for (int i = 0; i < n; i++) {
		const c5_figure *f = with ? c5_figures_find(with, strcmp(names[i], "auc") == 0 ? "ROC_AUC" : names[i]) : NULL;
		printf("  %-18s %.4f", names[i], values[i]);
		if (f && !isnan(f->low)) printf("  [%.4f, %.4f]", f->low, f->high);
		printf("\n");
	}
}

static int write_table(const char *path, const c5_pooled *p, const c5_learn *l, const gathered *g)
{
	int err = c5_disk_spare(path);
	if (err < 0) return err;
	FILE *f = fopen(path, "w");
	if (!f) return c5_fail(C5_EIO, "%s: cannot be written: %s", path, strerror(errno));
	fprintf(f, "experiment\tcrop\tgroup\tlabel");
	for (size_t k = 0; k < p->classes; k++) fprintf(f, "\tp_%s", l->data->classes[k]);
	for (size_t i = 0; i < g->n; i++) {
		const c5_item *it = &l->data->items[g->item[i]];
		fprintf(f, "\n%s\t%llu\t%s\t%s", l->data->sources[it->source].experiment, (unsigned long long)it->row, l->data->groups[it->group],
			l->data->classes[it->label]);
		for (size_t k = 0; k < p->classes; k++) fprintf(f, "\t%.6g", g->prob[i * p->classes + k]);
	}
	fputc('\n', f);
	bool bad = ferror(f) != 0;
	if (fclose(f) != 0 || bad) return c5_fail(C5_EIO, "%s: cannot be written: %s", path, strerror(errno));
	return C5_OK;
}

static int tell_all(const c5_pooled *p, const c5_learn *l, const c5_trainer *t, const char *table)
{
	const char *names[8];
	double values[8];
	char title[256];
	c5_figures with = { 0 };
	gathered g;
	int n, err = gather(&g, p, l, 0, p->members);
	if (err < 0 || (n = err = c5_class_figures(g.prob, g.label, g.n, p->classes, names, values)) < 0) goto done;
	if (p->classes == 2 && (err = intervals(&g, l, &with)) < 0) goto done;
	snprintf(title, sizeof title, "validation, %zu crops%s%s", g.n, l->folds > 1 ? ", each by the fold that did not see it" : "",
		p->members > 1 ? ", mean of the members" : "");
	print_figures(title, names, values, n, p->classes == 2 ? &with : NULL);
	c5_event("trained", "ssifffff", "run", c5_revision_name(t->run), "what", "all", "crops", (int64_t)g.n, names[0], values[0], names[1], values[1],
		names[2], values[2], names[3], values[3], names[4], values[4], (char *)NULL);
	if (table) err = write_table(table, p, l, &g);
done:
	c5_figures_free(&with);
	gathered_free(&g);
	return err < 0 ? err : C5_OK;
}

static int tell_member(const c5_pooled *p, const c5_learn *l, const c5_trainer *t, size_t member)
{
	const char *names[8];
	double values[8];
	gathered g;
	int err = gather(&g, p, l, member, 1);
	if (err == C5_OK) err = c5_class_figures(g.prob, g.label, g.n, p->classes, names, values);
	if (err >= 0) {
		printf("  member %zu: accuracy %.4f, auc %.4f, log loss %.4f\n", member + 1, values[0], values[2], values[3]);
		c5_event("trained", "ssifffff", "run", c5_revision_name(t->run), "what", "member", "member", (int64_t)member + 1, names[0], values[0], names[1],
			values[1], names[2], values[2], names[3], values[3], names[4], values[4], (char *)NULL);
	}
	gathered_free(&g);
	return err < 0 ? err : C5_OK;
}

int c5_pooled_tell(const c5_pooled *p, const c5_learn *l, const c5_trainer *t, double seconds, const char *table)
{
	char span[C5_SPAN_TEXT];
	int err = C5_OK;
	c5_log(C5_LOG_INFO, "%s: %s: %d model%s%s in %s on %s", t->container, c5_revision_name(t->run), t->n, t->n == 1 ? "" : "s",
		t->resumed ? ", resumed" : "", c5_clock_span(span, seconds), t->device_name);
	for (int k = 0; k < t->n; k++) printf("/models/%s/%s\n", t->names[k], c5_revision_name(t->run));
	if (!p->prob) return C5_OK;
	if ((err = tell_all(p, l, t, table)) < 0) return err;
	for (size_t m = 0; m < p->members && p->members > 1 && err == C5_OK; m++) err = tell_member(p, l, t, m);
	return err;
}
