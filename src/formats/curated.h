/* curated.h – masks and tracks that come back from other programs, read frame by frame: .trk, .trks and zips of DeepCell, CTC folders, stacks and
 * folders of label images. Labels are renumbered 1..n in each frame, in the order of the file's labels; the nodes keep whose they are.
 *
 *     c5_curated_open(&c, &params);
 *     while (frames are left) c5_curated_next(c, labels, &n);
 *     c5_curated_finish(c);       checks what only the whole can tell; c->lineage is settled then */
#ifndef C5_FORMATS_CURATED_H
#define C5_FORMATS_CURATED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "container/experiment.h"
#include "formats/lineage.h"

typedef struct c5_curated_params {
	char *path, *as, *channel, *note;
	int64_t batch;         /* movie of a .trks, counted from 0; -1: the only one */
	bool tracked;          /* label images: the same label in two frames is the same object */
} c5_curated_params;
extern const c5_opt c5_curated_opts[];

typedef struct c5_curated c5_curated;
struct c5_curated {
	char *path, *name;     /* name: of the thing that holds the labels, for messages */
	uint64_t frames, height, width;
	uint64_t first;        /* number that frame 0 has in the file */
	int dtype;             /* label images: their pixel type */
	bool tracked;          /* labels are ids of tracks */
	bool listed;           /* the file lists the tracks: lineage.tracks, before any frame is read */
	bool gaps;             /* an only daughter after a gap is its mother going on, as in CTC */
	c5_lineage lineage;    /* nodes as they are read; their track is the file's label, when tracked; sorted and numbered by c5_curated_finish */
	uint32_t *source;      /* (n_tracks) the file's label of each track; after c5_curated_finish */
	uint64_t at;           /* next frame */
	/* of the kind of file */
	int (*read)(c5_curated *c, uint64_t t, uint32_t *labels); /* called in order of frames; label images in any order */
	int (*settle)(c5_curated *c); /* NULL, or adds what the file says of parents, when the tracks are known by their frames */
	void (*close)(c5_curated *c);
	void *state;
	uint32_t *ids;         /* distinct labels of a frame */
	double *sums;          /* (cap_sums / 3, 3) of each of them: y, x, pixels */
	size_t cap_ids, cap_sums;
};

int c5_curated_open(c5_curated **out, const c5_curated_params *params);
void c5_curated_close(c5_curated *c); /* NULL is fine */
/* labels: (height, width), 1..n. */
int c5_curated_next(c5_curated *c, uint32_t *labels, uint32_t *n);
int c5_curated_finish(c5_curated *c);

/* ---- masks by themselves: label images that lie beside the recordings, read in any order ---- */

/* Where the label images of experiment e are, caller frees. In `where`, {experiment}, {plate}, {well} ... stand for what the experiment states;
 * without them it is a folder with a file or folder of the experiment's name (NAME, NAME.tif, NAME_RES, NAME_GT ...), or, when the experiment
 * is the only one, what `where` itself names. In a folder of the Cell Tracking Challenge, TRA or else SEG. */
int c5_masks_find(char **path, const char *where, const c5_experiment *e, bool only);
int c5_masks_open(c5_curated **out, const char *path);
/* C5_EINPUT unless the masks are of t frames of (height, width), those of channel `channel` of `experiment`. */
int c5_masks_fit(const c5_curated *masks, const char *experiment, const char *channel, uint64_t t, uint64_t height, uint64_t width);
/* labels: (height, width), 1..n. */
int c5_masks_frame(c5_curated *masks, uint64_t t, uint32_t *labels, uint32_t *n);

/* ---- the kinds ---- */
int c5_curated_open_trk(c5_curated *c, const c5_curated_params *params, bool batch);
int c5_curated_open_label(c5_curated *c);
int c5_curated_open_ctc(c5_curated *c, const c5_curated_params *params);
int c5_curated_open_images(c5_curated *c, const c5_curated_params *params);
/* The tracks of a lineage.json or lineages.json into c->lineage; `movie` of `movies` (0: the text is one object, no list). */
int c5_curated_parse_lineage(c5_curated *c, const char *text, size_t n, uint64_t movie, uint64_t movies);

#endif
