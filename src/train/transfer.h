/* transfer.h – new networks from old ones: another head, other channels, several branches; and the numbers that fit taken over. */
#ifndef C5_TRAIN_TRANSFER_H
#define C5_TRAIN_TRANSFER_H

#include "nn/model.h"
#include "nn/weights.h"

/* Whether a model is a classifier: one output, a softmax over C; its classes. 0: it is none. */
int c5_model_classes(const c5_model *m);

/* The same layers for inputs of other channels and size and for so many classes: the last layer with weights before the output gets other units. 0
 * leaves as it is. C5_EINPUT when the model is no classifier of one image, or cannot be of that size. */
int c5_model_adapt(c5_model **out, const c5_model *m, int channels, int height, int width, int classes);

/* Late fusion: `branches` copies of a classifier of one image up to its last layer with weights, side by side, their features concatenated, and a new
 * last layer over all of them. Layers of branch b are called "bB.NAME", the shared ones as they were; inputs follow the order of the branches. */
int c5_model_fuse(c5_model **out, const c5_model *m, int branches);

/* A new head over what several layers see: the means of the maps of all layers that `globs` name (by commas; a branch's without its "bB."), joined,
 * and a dense layer "head" with a softmax over them. Layers behind the last of them go. C5_ENOTFOUND names layers there are; C5_EINPUT when one has
 * no maps. */
int c5_model_features(c5_model **out, const c5_model *m, const char *globs, int classes);

/* Index before which all layers lie that `name` names (in all branches) or that come before it: for freezing up to and including it. -1: not
 * there. */
int c5_model_upto(const c5_model *m, const char *name);

/* Takes every array over whose layer has the same name (a branch's without its "bB.") and the same shape. A first convolution for other channels
 * takes the sum over the old channels, divided evenly among the new ones: grey in all channels then gives what it gave before. taken, left:
 * layers. */
int c5_transfer(c5_weights *w, const c5_model *m, const c5_weights *from, const c5_model *from_model, int *taken, int *left);

#endif
