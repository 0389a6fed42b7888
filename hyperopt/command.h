/* command.h – objectives that are shell commands, or cyto5's own commands and a measure of what they made; see docs/search.md. */
#ifndef C5_HYPEROPT_COMMAND_H
#define C5_HYPEROPT_COMMAND_H

#include "base/options.h"
#include "base/yaml.h"
#include "hyperopt/objective.h"

typedef struct c5_command_params {
	char *command;           /* a shell command; or */
	char **steps;            /* lines of cyto5 commands, "segment {work} {parameters}", and */
	char *measure;           /* "segmentation {work} --gt r000001 --res latest": cyto5 measure ... --json */
	char *key;               /* member of the last JSON object that has it: the value; unset: the last line is */
	char *report_step, *report_value; /* members of JSON lines printed on the way that are a report */
	char *work;              /* a container copied for each trial: {work} */
	char *scratch;           /* where the folders of trials are made: {dir} */
	char *launch;            /* put before each step when a trial has several ranks */
	double limit_s;          /* a run that takes longer fails; 0: none */
	bool keep;               /* the folders stay */
} c5_command_params;
extern const c5_opt c5_command_opts[];

/* Whether the parts fit together and every placeholder is known; `at` says where, or NULL. */
int c5_command_check(const c5_command_params *p, const c5_space *space, const c5_yaml_node *at);

/* Borrows parameters and space. program: the path of cyto5 itself. */
int c5_command_open(c5_objective **out, const c5_command_params *p, const c5_space *space, const char *program);

/* Whether a step has parameters of the space; and step i as it runs with the order's values. Caller frees. */
bool c5_command_takes(const c5_space *space, const char *step);
char *c5_command_step(const c5_command_params *p, const c5_space *space, const c5_order *order, size_t i);

/* The script of one run, for people: caller frees. */
char *c5_command_script(const c5_command_params *p, const c5_space *space, const c5_order *order, const char *program, const char *dir, int ranks,
	const char *hosts);

#endif
