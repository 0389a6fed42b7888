/* head.h – for src/train alone: the last layer by itself (--optimizer logistic). What the layers before it make of so many draws of each crop is
 * computed once, shared out over ranks by whole passes, and the layer is fitted to it to the optimum (logistic.h). */
#ifndef C5_TRAIN_HEAD_H
#define C5_TRAIN_HEAD_H

#include "train/train.h"

/* Whether the settings ask for it. */
bool c5_train_head_wanted(const c5_train_params *p);
/* c5_train for such settings: one row of history, s->finished. C5_EUSAGE when the network does not end in a dense layer (or a 1 x 1 convolution of
 * one pixel) with biases and a softmax. Interrupted, it begins anew. */
int c5_train_head(const c5_train_job *job, c5_train_state *s);

#endif
