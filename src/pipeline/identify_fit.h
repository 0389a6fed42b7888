/* identify_fit.h – whether a model is fit for images: what it was trained on is noted with it when it is made, and compared when it is used. Both are
 * a courtesy: where the network that identifies is not at hand, or an image too small to tell, nothing is noted and nothing said. */
#ifndef C5_PIPELINE_IDENTIFY_FIT_H
#define C5_PIPELINE_IDENTIFY_FIT_H

#include "container/models.h"
#include "identify/identify.h"

#define C5_FIT_NEAR 1.25 /* a scale this close counts as the same */
#define C5_FIT_BURNT 0.05 /* share of pixels as bright as any from which a frame is told to be burnt out */
#define C5_FIT_MOST 16.0 /* factors of size go no further, either way */

/* A few of the named experiments, a frame each, channel `channel`, as one answer; digest: of the network that gave it. */
int c5_identify_experiments(c5_identity *out, char digest[65], c5_file *f, char *const *names, size_t n, const char *channel);
/* Notes in `s` the size of objects and, where none is stated, the modality of its first channel, from the experiments it learns from. */
void c5_fit_note(c5_stored_model *s, const char *container, char *const *names, size_t n);
/* Warns when the images of the experiments are of another kind than what model `s`, called `model`, was trained on, or their objects of another size.
 * */
void c5_fit_warn(const c5_stored_model *s, const char *model, c5_file *f, char *const *names, size_t n);

/* How many times as large images are to be for model `s`: what `rescale` says (a number), or by looking at them (auto). Warns as above of what is
 * then still wrong. C5_EUSAGE for what is no number from 1 / 16 to 16, C5_EINPUT when auto cannot tell. */
int c5_fit_rescale(double *factor, const char *rescale, const c5_stored_model *s, const char *model, c5_file *f, char *const *names, size_t n);

/* How much larger what is seen is than what the model was trained on: by their profiles if the same network made both, else by the sizes of objects;
 * NAN: not known. And the modality of its first channel; NULL: not stated. */
double c5_fit_ratio(const c5_stored_model *s, const c5_identity *i, const char *digest);
const char *c5_fit_modality(const c5_stored_model *s);

#endif
