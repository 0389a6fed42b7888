/* model_parts.h – what the files of the model share among themselves. */
#ifndef C5_NN_MODEL_PARTS_H
#define C5_NN_MODEL_PARTS_H

#include "nn/model.h"

/* "3 x 50 x 50", a layer's output as text; returns `to`. */
#define C5_SHAPE_TEXT 48
const char *c5_shape_text(char to[C5_SHAPE_TEXT], int rank, const int *shape);

#endif
