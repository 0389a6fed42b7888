/* identify_frames.h – what `identify` needs of a container: frames of a channel as numbers, the true size of objects where there are masks, and the
 * model that ships. */
#ifndef C5_PIPELINE_IDENTIFY_FRAMES_H
#define C5_PIPELINE_IDENTIFY_FRAMES_H

#include "container/array.h"
#include "container/experiment.h"
#include "identify/identify.h"

/* Frames of one channel. */
typedef struct c5_few_frames {
	c5_identify_frame *frames;  /* (n); pixels owned */
	uint64_t *at;               /* (n) their numbers */
	size_t n;
} c5_few_frames;
void c5_few_frames_clear(c5_few_frames *f);
/* At most `most` frames, evenly spread; the middle plane of z. */
int c5_few_frames_read(c5_few_frames *out, c5_file *f, c5_codec *codec, const char *experiment, const c5_channel *c, size_t most);

/* Median equivalent diameter of the objects of the latest masks on those frames that touch no edge; NAN: there are no masks of this size, or no
 * such objects. */
int c5_masks_diameter(double *out, c5_file *f, c5_codec *codec, const char *experiment, const c5_channel *c, const c5_few_frames *frames);

/* The network: `address` FILE.h5:NAME, or NULL: the one that ships, looked for in the folder $CYTO5_MODELS, where cyto5 is installed, and where it
 * was built. digest: of its numbers, by which profiles it made are known. */
int c5_identify_open(c5_identifier **out, c5_device *device, const char *address, char digest[65]);

#endif
