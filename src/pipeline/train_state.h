/* train_state.h – where a training stands, as the checkpoint a container keeps (container/models.h), and its end, as a stored model. */
#ifndef C5_PIPELINE_TRAIN_STATE_H
#define C5_PIPELINE_TRAIN_STATE_H

#include "container/models.h"
#include "train/train.h"

/* The checkpoint borrows the state's arrays; its text and *history are owned: free both, also on failure. The history is the first array. */
int c5_train_state_to_checkpoint(c5_checkpoint *c, float **history, const c5_train_state *s);
/* Back again: `s` gets copies, for weights of `model`. C5_EINPUT when the numbers are not of this model. */
int c5_train_state_from_checkpoint(c5_train_state *s, const c5_checkpoint *c, const c5_model *model);

/* History of all epochs, and the figures of the best as metrics of the validation part. */
int c5_train_state_tell(c5_stored_model *m, const c5_train_state *s);

#endif
