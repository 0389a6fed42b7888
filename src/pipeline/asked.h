/* asked.h – trained models ready to be asked on a rank: read from containers, on a device, with a job's crops bound; and whether what they said
 * before is still what they would say. What steps that use models share. */
#ifndef C5_PIPELINE_ASKED_H
#define C5_PIPELINE_ASKED_H

#include "pipeline/members.h"
#include "pipeline/steps.h"

typedef struct c5_asked {
	c5_members members;
	c5_device *device;
	c5_scorer *scorer;
	char *bound;                /* path of the crops */
} c5_asked;

/* names: as a plan resolved them (c5_members.names). calibrated: temperatures stored with the models are used. */
int c5_asked_open(c5_asked *a, const char *container, const char *names, const char *device, int batch, int precision, bool calibrated);
void c5_asked_close(c5_asked *a); /* fine when nothing is open */
/* The job's input, an array of crops, becomes what is asked about. */
int c5_asked_bind(c5_asked *a, c5_worker *w, const c5_job *job);
/* Crops by number, for c5_scorer_run; and a look at what the owner wants in between. ctx: c5_asked_source. */
typedef struct c5_asked_source { c5_worker *w; const char *path; } c5_asked_source;
int c5_asked_read(void *ctx, uint64_t at, uint64_t count, void *pixels);
int c5_asked_poll(void *ctx);

/* As c5_step_reuse, but results of other weights (attribute model_sha256 of `latest`) are made again. */
int c5_members_reuse(const c5_run_context *run, const c5_step *step, c5_plan *plan, const c5_job *j, const char *latest, const c5_members *m,
	bool *reused);
/* Notes on an output which models it is of: models, model_sha256, classes. */
int c5_members_sign(c5_array_spec *s, const c5_members *m);
/* Refuses crops that a model cannot take: rank, channels. */
int c5_members_check(const c5_members *m, c5_file *f, const char *experiment, const char *images, const c5_array_spec *spec);
/* The value of an attribute among those a job's output will get; NULL: none. */
const char *c5_job_attr(const c5_job *job, size_t output, const char *name);

#endif
