/* step.h – one step of a pipeline: its kind, which says what settings it takes, and the settings of this one.
 * A capability declares its kinds; who runs a pipeline hands all it knows to c5_pipeline_read as a NULL-ended list. */
#ifndef C5_PIPELINE_STEP_H
#define C5_PIPELINE_STEP_H

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"

typedef struct c5_step_kind {
	const char *name;     /* as the pipeline file writes it: "segment" */
	const char *summary;  /* one line, lower case */
	const c5_opt *opts;   /* the settings table; ends with a NULL name, may be empty */
	size_t params_size;   /* of the settings struct */
	uint32_t version;     /* of what the step computes: raised when the same settings give another result */
	const char *needs;    /* the step whose result this one reads: earlier in the pipeline or already in the container; NULL none */
} c5_step_kind;

typedef struct c5_step {
	const c5_step_kind *kind;
	void *params;         /* kind->params_size bytes, all defaults resolved */
	int line;             /* in the pipeline file; 0 when it comes from elsewhere */
} c5_step;

#endif
