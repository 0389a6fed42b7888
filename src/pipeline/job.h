/* job.h – a step's work on one experiment, cut into units that any rank can do, in any order.
 *
 * Rank 0 makes the plan, all ranks get a copy. A unit's result depends on nothing but the committed container, the settings and the
 * unit: not on who does it, nor on what was done before. Outputs are arrays; a chunk that exists is complete, so the plan of a resumed
 * run has units only for what is missing. */
#ifndef C5_PIPELINE_JOB_H
#define C5_PIPELINE_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "container/array.h"
#include "container/experiment.h"

typedef struct c5_job {
	c5_experiment experiment;   /* as it was when the plan was made */
	c5_array_spec *outputs;     /* what the job writes */
	size_t n_outputs, cap_outputs;
	uint32_t first_array;       /* the sink's id of outputs[0] */
	char *input;                /* path of the array the job is about, NULL if none; its meaning is the step's */
	uint64_t *numbers;          /* step's own: objects before each frame, frames to read ... */
	size_t n_numbers;
	double *reals;              /* step's own: where the picture of each frame lies */
	size_t n_reals;
	uint32_t series;            /* ingest: index of the series in the scan */
	char *error;                /* not NULL: the job cannot be done, and why; it has no units */
	double cost;                /* sum over its units */
} c5_job;

typedef struct c5_unit { uint32_t job; uint64_t first, count; double cost; } c5_unit; /* `count` items from `first`: frames, or chunks */

typedef struct c5_plan {
	c5_job *jobs;
	size_t n_jobs, cap_jobs;
	c5_unit *units;             /* longest job first, a job's units in order */
	size_t n_units, cap_units;
	uint64_t n_arrays;
	uint64_t skipped;           /* jobs that were found done */
} c5_plan;

int c5_plan_add_job(c5_plan *p, c5_job **out);           /* zeroed; the pointer is good until the next call */
int c5_job_add_output(c5_job *j, c5_array_spec **out);   /* zeroed; the pointer is good until the next call */
/* Sets the job's error from the present error text. */
int c5_job_fail(c5_job *j);
/* Cuts those of items 0..n-1 for which missing[i] (NULL: all) into units of at most `per_unit` consecutive items, smaller ones towards the end. */
int c5_plan_add_units(c5_plan *p, uint64_t n, const uint8_t *missing, uint64_t per_unit, double cost_each); /* of the last job added */
/* Numbers the arrays and sorts the units. */
void c5_plan_settle(c5_plan *p);
void c5_plan_free(c5_plan *p);
void c5_plan_pack(const c5_plan *p, c5_buf *to);
int c5_plan_unpack(c5_plan *p, c5_buf *from);

#endif
