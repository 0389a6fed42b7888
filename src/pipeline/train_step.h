/* train_step.h – the step `train`: crops with classes to models, on all ranks together (mpi/train_step.h does the work). Here are its settings, the
 * names of the models it makes, and whether those that are there would come out again. */
#ifndef C5_PIPELINE_TRAIN_STEP_H
#define C5_PIPELINE_TRAIN_STEP_H

#include <stdbool.h>

#include "base/yaml.h"
#include "pipeline/learn.h"
#include "pipeline/steps.h"

typedef struct c5_train_step { char *name, *device, *augment; c5_learn_settings learn; } c5_train_step;
extern const c5_step_kind c5_kind_train;

/* Before the settings of the file: the preset that they name, under what they say beside it. */
int c5_train_step_preset(void *params, const c5_yaml_node *settings);
/* What does not need the crops: a name, and a model to begin with where one is asked for. */
int c5_train_step_ready(const c5_step *step, const char *container);
/* Whether `word` of a list of models (members.h) is one that the step makes in the container at hand. */
bool c5_train_step_makes(const c5_step *step, const char *word);

/* All settings that say what comes out, as text; caller frees. */
char *c5_train_step_text(const c5_train_step *p);
/* Whether the latest models of these names were made by the same settings from the same crops; tells why not. f: the container. */
int c5_train_step_reuse(c5_file *f, const c5_learn *l, char *const *names, const char *settings, bool *reused);

#endif
