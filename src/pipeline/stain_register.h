/* stain_register.h – for stain_fields.c: a marker's fluorescence and the label-free frame recorded with it, laid on each other. */
#ifndef C5_PIPELINE_STAIN_REGISTER_H
#define C5_PIPELINE_STAIN_REGISTER_H

#include "pipeline/stain_fields.h"

/* Looks where the markers of experiment e lie, from fields `first` on, and with "auto" moves those that are surely off. how NULL or "off": does
 * nothing. */
int c5_stain_register(c5_stain_set *s, c5_file *f, c5_codec *codec, const c5_experiment *e, size_t first, const char *how);

#endif
