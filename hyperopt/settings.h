/* settings.h – what a step of an objective is told on its line, as a configuration. */
#ifndef C5_HYPEROPT_SETTINGS_H
#define C5_HYPEROPT_SETTINGS_H

#include "base/mem.h"

/* "train FILE.h5 --model lenet --rate=0.1 --resize": its --NAME VALUE, --NAME=VALUE, --NAME and --no-NAME as lines NAME: VALUE with an indent. Left
 * out is what says how a command runs, not what it makes: messages, threads, resumption, and but for trainings on which experiments. A failed
 * allocation is kept in the buffer's `err`. */
void c5_step_settings(c5_buf *to, int indent, const char *line);
/* Its first word; caller frees. NULL without memory. */
char *c5_step_name(const char *line);

#endif
