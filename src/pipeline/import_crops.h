/* import_crops.h – single-cell images that were cut elsewhere, taken in as crops with classes: a folder a class, a file a cell. What was imaged
 * together (the field, the well) is read off the file name and becomes an experiment, so that splits can keep it whole. */
#ifndef C5_PIPELINE_IMPORT_CROPS_H
#define C5_PIPELINE_IMPORT_CROPS_H

#include "base/options.h"
#include "container/file.h"

typedef struct c5_import_crops_params {
	char *field;      /* extended regular expression over the file name; its first group is the field */
	char *channel;    /* name the pixels get */
	char *colour;     /* of colour images: luminance | red | green | blue */
	double pixel_size_um;
} c5_import_crops_params;
extern const c5_opt c5_import_crops_opts[];

typedef struct c5_import_crops c5_import_crops;

/* Looks through `folder`: class folders, the images in them, their fields. C5_EINPUT names a file whose name tells no field, or images of
 * one field that differ in size; C5_ENOTFOUND when there is no image. */
int c5_import_crops_open(c5_import_crops **out, const char *folder, const c5_import_crops_params *p);
void c5_import_crops_close(c5_import_crops *c);
size_t c5_import_crops_count(const c5_import_crops *c, size_t *experiments, size_t *classes); /* images */
/* Writes all experiments into a container open for writing, as revision `run`, and points `latest` at it; not committed. C5_EINPUT when one is there
 * already. */
int c5_import_crops_write(c5_import_crops *c, c5_file *f, uint32_t run);

#endif
