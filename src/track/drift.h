/* drift.h – how far a movie's picture moves from frame to frame: the stage that comes back to another place, the dish that was pushed. */
#ifndef C5_TRACK_DRIFT_H
#define C5_TRACK_DRIFT_H

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"

#define C5_DRIFT_VERSION 1  /* of the method: raise it whenever shifts may differ for the same pixels and settings */
#define C5_DRIFT_MEMORY 4   /* frames a frame without a picture is bridged over */

typedef struct c5_drift_params {
	char *channel;          /* unset: the experiment's first channel of transmitted light, else its first */
	int64_t fraction;       /* shifts are told to this part of a pixel */
	double blur;            /* px; finer detail is noise */
	double least;           /* how many times the height that chance gives a correlation has to have to be believed */
} c5_drift_params;
extern const c5_opt c5_drift_opts[];

/* A row of the container's table, as stored. */
#pragma pack(push, 1)
typedef struct c5_drift_row {
	uint32_t frame, from;   /* the frame it was compared with; itself: there was none to compare with, or it shows nothing known */
	double dy, dx;          /* how far the picture has moved since `from`, px; 0 without */
	double peak;            /* height of the correlation, 0..1 */
} c5_drift_row;
#pragma pack(pop)

/* Frames in order; each is compared with the last one that was found well, at most C5_DRIFT_MEMORY before, and if that comes to nothing with the
 * one right before. To begin in the middle of a movie, at a fixed frame, add the C5_DRIFT_MEMORY frames before and throw their rows away. Frames
 * above 2 Mpixel are compared shrunk. */
typedef struct c5_drift c5_drift;
int c5_drift_open(c5_drift **out, const c5_drift_params *params, size_t height, size_t width);
void c5_drift_close(c5_drift *d); /* NULL is fine */
size_t c5_drift_bytes(size_t height, size_t width);
/* pixels: (H, W) of `dtype`. Frame numbers rise. */
int c5_drift_add(c5_drift *d, uint32_t frame, int dtype, const void *pixels, c5_drift_row *row);

/* Where the picture of each frame lies against the first, from the rows of all: places (n, 2), y and x, px. C5_EINPUT for rows that are not of
 * frames 0..n-1, or compared with later ones. */
int c5_drift_sum(double *places, const c5_drift_row *rows, size_t n);

#endif
