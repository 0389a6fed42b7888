/* pipeline.h – the pipeline file: what to do, in order, with every setting resolved.
 *
 *     title: T98G phase contrast, first look     # every key but `steps` may be left out
 *     seed: 1
 *     container: plate.h5
 *     inputs: [a.tif, b.tif]
 *     commit-every-s: 60
 *     steps:
 *       - ingest: {pixel-size: 0.87, channel: phase}
 *       - segment: {method: deviation}
 *       - objects
 *       - crop: {size: 64}
 *
 * Settings are those of the steps' option tables (base/options.h), so the file, --help and the run record cannot differ. */
#ifndef C5_PIPELINE_PIPELINE_H
#define C5_PIPELINE_PIPELINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "pipeline/step.h"

typedef struct c5_pipeline {
	char *title;            /* NULL: none */
	int64_t seed;
	char *container;        /* path; NULL: given elsewhere */
	char **inputs;          /* NULL-ended paths; NULL: none */
	double commit_every_s;
	size_t n;
	c5_step *steps;         /* (n) in order */
	size_t cap;
} c5_pipeline;

/* The keys beside `steps`, for a command line that overrides them. */
extern const c5_opt c5_pipeline_opts[];

/* All defaults, no step. Also what the other calls start from, so that c5_pipeline_free is due after any of them, failed ones included. */
int c5_pipeline_init(c5_pipeline *p);
void c5_pipeline_free(c5_pipeline *p);

/* Reads a file, or `size` bytes that errors call `name`. `kinds` is NULL-ended. Unknown steps and keys are refused with the nearest
 * known one and the place: `pipe.yml:12:3: segmetn: unknown step; did you mean segment?` */
int c5_pipeline_read(c5_pipeline *p, const char *path, const c5_step_kind *const *kinds);
int c5_pipeline_parse(c5_pipeline *p, const char *name, const char *text, size_t size, const c5_step_kind *const *kinds);

/* Appends a step with its defaults; *out may be NULL and stays valid until the next step is added. */
int c5_pipeline_add(c5_pipeline *p, const c5_step_kind *kind, c5_step **out);
/* The first step of a kind at or behind index `from`; NULL if none. */
const c5_step *c5_pipeline_find(const c5_pipeline *p, const char *kind, size_t from);

/* The whole resolved configuration as a pipeline file, every default written out, for the run record: c5_pipeline_parse of it gives
 * the same pipeline. NULL (and the error set) when out of memory; caller frees. */
char *c5_pipeline_text(const c5_pipeline *p);

#endif
