/* trained.h – networks of `nn` in containers: packed into a stored model, taken out again, named on a command line. */
#ifndef C5_PIPELINE_TRAINED_H
#define C5_PIPELINE_TRAINED_H

#include "container/models.h"
#include "nn/model.h"
#include "nn/weights.h"

/* Puts architecture and weights (copied) into `s`, in place of what it has of both. */
int c5_trained_pack(c5_stored_model *s, const c5_model *m, const c5_weights *w);
/* Makes both of what is stored; either may be NULL: not wanted. C5_EINPUT names the layer whose weights are missing or of another shape. */
int c5_trained_unpack(c5_model **m, c5_weights **w, const c5_stored_model *s);

/* C5_EINPUT when `s`, called `name`, was made for something else than `kind` (classify, stain, identify): what it is, and which command takes it.
 * A kind that is not stated, or one of the user's own, passes. */
int c5_trained_is_for(const c5_stored_model *s, const char *kind, const char *name);

/* "FILE.h5:NAME", "FILE.h5:NAME@r000003", "FILE.h5:NAME@3"; the last colon counts. number 0: the latest. Caller frees file and name. C5_EUSAGE
 * when it is not of that form. */
typedef struct c5_model_address { char *file, *name; uint32_t number; } c5_model_address;
int c5_model_address_parse(c5_model_address *a, const char *text);
void c5_model_address_free(c5_model_address *a);
/* Reads a stored model by its address, and makes network and weights of it (either may be NULL). */
int c5_trained_read(c5_model **m, c5_weights **w, c5_stored_model *s, const char *address);

#endif
