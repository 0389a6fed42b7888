/* checking.h – between check.c (the walk, rules, chunks) and agree.c (what must agree across objects). */
#ifndef C5_CONTAINER_CHECKING_H
#define C5_CONTAINER_CHECKING_H

#include "container/check.h"
#include "container/object.h"

typedef struct c5_checking {
	c5_file *file;
	const c5_schema *schema;
	const c5_check_settings *set;
	c5_check_report *report;
	void *to;
	c5_check_summary *sum;
	c5_codec *codec;
	struct { uint32_t number; bool complete, running; } *runs;
	size_t n_runs;
	uint64_t trail[C5_LOOK_RANK * 2]; /* addresses of the groups we are in: a cycle ends there */
	int depth;
} c5_checking;

void c5_finding(c5_checking *c, int severity, const char *path, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The present error text as a finding, without the file's name in front. */
void c5_finding_error(c5_checking *c, const char *path);
/* Not a finding but our own failure: out of memory. */
bool c5_is_ours(int err);

/* What must agree within one experiment. */
int c5_agree_experiment(c5_checking *c, const char *experiment);
/* What must hold for the revisions of one model: a complete one has its layers, and the weights that were written. */
int c5_agree_model(c5_checking *c, const char *model);
/* The runs, into c->runs, and what must hold for each. */
int c5_agree_runs(c5_checking *c);
/* Whether a revision is known; *complete: its run is. */
bool c5_agree_revision(const c5_checking *c, uint32_t number, bool *complete);

#endif
