/* stain_model.h – a stain model as a container keeps it: network, numbers and recipe. */
#ifndef C5_PIPELINE_STAIN_MODEL_H
#define C5_PIPELINE_STAIN_MODEL_H

#include "container/models.h"
#include "nn/model.h"
#include "nn/weights.h"
#include "pipeline/step.h"
#include "stain/recipe.h"

typedef struct c5_stain_model {
	c5_model *model;
	c5_weights *weights;
	c5_recipe recipe;
	uint32_t revision;
	char sha256[65];            /* of the weights */
	c5_stored_model stored;     /* without its numbers */
} c5_stain_model;

/* `name`: NAME or NAME@r000003 of the open container, or FILE.h5:NAME of another. number 0: the newest (or the one named). numbers false: no weights.
 * C5_EINPUT when it is no stain model. */
int c5_stain_model_read(c5_stain_model *out, c5_file *f, const char *name, uint32_t number, bool numbers);
void c5_stain_model_clear(c5_stain_model *m);

/* Before a run of the steps stain and forecast begins: whether there are such a model and such a device (steps.h). */
int c5_stain_ready(const c5_step *step, const char *container), c5_forecast_ready(const c5_step *step, const char *container);

#endif
