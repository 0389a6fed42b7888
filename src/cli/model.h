/* model.h – between the parts of `cyto5 model`. */
#ifndef C5_CLI_MODEL_H
#define C5_CLI_MODEL_H

#include "base/text.h"
#include "cli/cli.h"
#include "container/models.h"
#include "nn/model.h"

extern const c5_command c5_cmd_model_list, c5_cmd_model_show, c5_cmd_model_copy, c5_cmd_model_apply, c5_cmd_model_new, c5_cmd_model_import,
	c5_cmd_model_export;

/* "64x48" as height and width; C5_EUSAGE else. NULL leaves both. */
int c5_model_size(int *height, int *width, const char *text);

/* What the models that ship are to be like, and the size of images others are shown for. */
typedef struct c5_model_wish { char *size; int64_t channels, classes; double width; } c5_model_wish;
extern const c5_opt c5_model_wish_opts[];
/* The model a word means: FILE.yml, FILE.h5:NAME (then `s` is read, weights apart, and *stored set), or one that ships. */
int c5_model_pick(c5_model **m, c5_stored_model *s, bool *stored, const char *what, const c5_model_wish *wish);

/* The layers of a network as a table on standard output, or as members of a JSON object. `s`: what is stored beside it, or NULL. */
int c5_model_print(const c5_model *m, const c5_stored_model *s, const char *heading);
int c5_model_json(c5_buf *b, const c5_model *m, const c5_stored_model *s);

/* One run that writes one model, or n of them: the container is made when it is not there. `s->revision` is set. */
int c5_models_store(const char *container, const char *const *names, c5_stored_model *models, size_t n, const char *command, int argc, char **argv);
int c5_model_store(const char *container, const char *name, c5_stored_model *s, const char *command, int argc, char **argv);

#endif
