/* job.c – plans made, sorted and sent; see job.h. */
#include "pipeline/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int c5_plan_add_job(c5_plan *p, c5_job **out)
{
	int err = c5_grow(&p->jobs, &p->cap_jobs, p->n_jobs + 1, sizeof *p->jobs);
	if (err < 0) return err;
	*out = &p->jobs[p->n_jobs++];
	return C5_OK;
}

int c5_job_add_output(c5_job *j, c5_array_spec **out)
{
	int err = c5_grow(&j->outputs, &j->cap_outputs, j->n_outputs + 1, sizeof *j->outputs);
	if (err < 0) return err;
	*out = &j->outputs[j->n_outputs++];
	return C5_OK;
}

int c5_job_fail(c5_job *j)
{
	free(j->error);
	return (j->error = c5_strdup(c5_error_last())) ? C5_OK : c5_fail(C5_ENOMEM, "out of memory");
}

/* Units shrink towards the end, so that ranks end together: none holds more than 1 part of TAIL of what is left. */
#define TAIL 16

int c5_plan_add_units(c5_plan *p, uint64_t n, const uint8_t *missing, uint64_t per_unit, double cost_each)
{
	c5_job *j = &p->jobs[p->n_jobs - 1];
	if (per_unit == 0) per_unit = 1;
	for (uint64_t first = 0; first < n;) {
		if (missing && !missing[first]) {
			first++;
			continue;
		}
		uint64_t count = 1, most = (n - first) / TAIL;
		if (most > per_unit) most = per_unit;
		while (count < most && first + count < n && (!missing || missing[first + count])) count++;
		int err = c5_grow(&p->units, &p->cap_units, p->n_units + 1, sizeof *p->units);
		if (err < 0) return err;
		p->units[p->n_units++] = (c5_unit){ (uint32_t)(p->n_jobs - 1), first, count, cost_each * (double)count };
		j->cost += cost_each * (double)count;
		first += count;
	}
	return C5_OK;
}

static const c5_plan *sorting; /* qsort has no context; plans are made by one thread */

static int longest_first(const void *a, const void *b)
{
	const c5_unit *x = a, *y = b;
	double cx = sorting->jobs[x->job].cost, cy = sorting->jobs[y->job].cost;
	if (cx != cy) return cx > cy ? -1 : 1;
	if (x->job != y->job) return x->job < y->job ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

void c5_plan_settle(c5_plan *p)
{
	p->n_arrays = 0;
	for (size_t i = 0; i < p->n_jobs; i++) {
		p->jobs[i].first_array = (uint32_t)p->n_arrays;
		p->n_arrays += p->jobs[i].n_outputs;
	}
	sorting = p;
	if (p->n_units) qsort(p->units, p->n_units, sizeof *p->units, longest_first);
}

static void free_job(c5_job *j)
{
	for (size_t i = 0; i < j->n_outputs; i++) c5_spec_free(&j->outputs[i]);
	free(j->outputs);
	c5_experiment_free(&j->experiment);
	free(j->input);
	free(j->numbers);
	free(j->reals);
	free(j->error);
}

void c5_plan_free(c5_plan *p)
{
	for (size_t i = 0; i < p->n_jobs; i++) free_job(&p->jobs[i]);
	free(p->jobs);
	free(p->units);
	memset(p, 0, sizeof *p);
}

void c5_plan_pack(const c5_plan *p, c5_buf *to)
{
	c5_buf_put_u64(to, p->n_jobs);
	c5_buf_put_u64(to, p->n_arrays);
	c5_buf_put_u64(to, p->skipped);
	for (size_t i = 0; i < p->n_jobs; i++) {
		const c5_job *j = &p->jobs[i];
		c5_experiment_pack(&j->experiment, to);
		c5_buf_put_u64(to, j->n_outputs);
		for (size_t k = 0; k < j->n_outputs; k++) c5_spec_pack(&j->outputs[k], to);
		c5_buf_put_u64(to, j->first_array);
		c5_buf_put_str(to, j->input);
		c5_buf_put_u64(to, j->n_numbers);
		c5_buf_put(to, j->numbers, j->n_numbers * sizeof *j->numbers);
		c5_buf_put_u64(to, j->n_reals);
		c5_buf_put(to, j->reals, j->n_reals * sizeof *j->reals);
		c5_buf_put_u64(to, j->series);
		c5_buf_put_str(to, j->error);
		c5_buf_put_f64(to, j->cost);
	}
	c5_buf_put_u64(to, p->n_units);
	c5_buf_put(to, p->units, p->n_units * sizeof *p->units);
}

static int unpack_job(c5_job *j, c5_buf *from)
{
	uint64_t n, n_reals, first, series;
	int err;
	if ((err = c5_experiment_unpack(&j->experiment, from)) < 0 || (err = c5_buf_get_u64(from, &n)) < 0) return err;
	for (uint64_t k = 0; k < n; k++) {
		c5_array_spec *s;
		if ((err = c5_job_add_output(j, &s)) < 0 || (err = c5_spec_unpack(s, from)) < 0) return err;
	}
	if ((err = c5_buf_get_u64(from, &first)) < 0 || (err = c5_buf_get_str(from, &j->input)) < 0 || (err = c5_buf_get_u64(from, &n)) < 0 ||
	    (err = c5_alloc(&j->numbers, n, sizeof *j->numbers)) < 0 || (err = c5_buf_get(from, j->numbers, n * sizeof *j->numbers)) < 0 ||
	    (err = c5_buf_get_u64(from, &n_reals)) < 0 || (err = c5_alloc(&j->reals, n_reals, sizeof *j->reals)) < 0 ||
	    (err = c5_buf_get(from, j->reals, n_reals * sizeof *j->reals)) < 0 || (err = c5_buf_get_u64(from, &series)) < 0 ||
	    (err = c5_buf_get_str(from, &j->error)) < 0)
		return err;
	j->first_array = (uint32_t)first;
	j->n_numbers = n, j->n_reals = n_reals;
	j->series = (uint32_t)series;
	return c5_buf_get_f64(from, &j->cost);
}

int c5_plan_unpack(c5_plan *p, c5_buf *from)
{
	uint64_t n;
	int err;
	memset(p, 0, sizeof *p);
	if ((err = c5_buf_get_u64(from, &n)) < 0 || (err = c5_buf_get_u64(from, &p->n_arrays)) < 0 || (err = c5_buf_get_u64(from, &p->skipped)) < 0)
		return err;
	for (uint64_t i = 0; i < n; i++) {
		c5_job *j;
		if ((err = c5_plan_add_job(p, &j)) < 0 || (err = unpack_job(j, from)) < 0) return err;
	}
	if ((err = c5_buf_get_u64(from, &n)) < 0 || (err = c5_grow(&p->units, &p->cap_units, n, sizeof *p->units)) < 0) return err;
	p->n_units = n;
	return c5_buf_get(from, p->units, n * sizeof *p->units);
}
