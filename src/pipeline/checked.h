/* checked.h – labelled crops of a container and what trained models say of them, side by side: what `cyto5 validate` judges by. Reads only. */
#ifndef C5_PIPELINE_CHECKED_H
#define C5_PIPELINE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

#include "classify/calibrate.h"
#include "pipeline/labelled.h"
#include "pipeline/members.h"

typedef struct c5_checked_params {
	char *class_name, *device, *precision;
	int64_t batch, views;
	bool calibrated;          /* by the temperatures stored with the models; else as they are */
	bool kept_back;           /* each crop by the members alone that did not learn from its experiment */
	bool resize;              /* crops of another size than the model takes */
} c5_checked_params;
extern const c5_opt c5_checked_opts[];

typedef struct c5_checked {
	c5_members members;
	c5_dataset *data;
	size_t n;
	uint32_t *item;           /* (n) of the data set, in its order */
	uint32_t *truth;          /* (n) class of the models */
	float *prob;              /* (members, n, classes) */
	uint8_t *heard;           /* (members, n): 0: the member learnt from it */
	int positive;             /* class */
	size_t left_out;          /* labelled crops that every member learnt from */
	char *device;             /* "cpu: 2 threads, ..." */
} c5_checked;

/* Opens models (members.h) and crops, and asks them. C5_EINPUT: a label the models do not tell, one class only, crops of another size or pixel
 * size, crops that were learnt from; C5_ENOTFOUND: a channel is missing, no crops, no model; C5_EUSAGE: two label sets and none named.
 * c5_checked_close is due in any case. */
int c5_checked_open(c5_checked *out, const char *models, const char *container, const c5_labelled_params *crops, const c5_checked_params *p);
void c5_checked_close(c5_checked *c);
/* For classify/calibrate.h; borrows. */
c5_answers c5_checked_answers(const c5_checked *c);

#endif
