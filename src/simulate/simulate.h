/* simulate.h – movies of cells with everything about them known: masks, lineage, state, marker.
 *
 * A field is a world of cells that move, crowd, grow, divide, die and leave, in two states: control, and senescent (larger, flatter,
 * irregular, granular, not dividing). Its course is a function of (settings, field) alone; frames are drawn from it on demand, so any rank
 * may draw any frame. Random numbers are keyed by seed, field, cell and frame (base/random.h). Sizes in px, times in frames.
 * The picture of phase contrast follows the method's optics to first order: optical thickness less its own large blur (the halo). */
#ifndef C5_SIMULATE_SIMULATE_H
#define C5_SIMULATE_SIMULATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"

#define C5_SIMULATE_VERSION 1

typedef struct c5_sim_params {
	int64_t fields, plates;     /* experiments per condition; plates they are spread over: each its own light, blur and density */
	int64_t frames, height, width, cells; /* cells of the first frame */
	double radius, aspect;      /* of a young control cell; its length over its width */
	double speed, cycle, death; /* px a frame; frames between divisions, 0: none; chance to die, per frame */
	char *conditions;           /* "control=0,treated=0.6": share of senescent cells of each */
	/* how far senescent cells have changed, 0..1; how much cells alike differ in each channel by itself, deviation of the log */
	double severity, variation;
	double efficiency_from, efficiency_to; /* share of marker-positive cells, from the first field to the last */
	double differentiation, patch, onset;  /* how much these look different without a marker, 0..1; px of their patches, 0: cell by cell; frame at
	                                          which half of the marker is there, half of the looks at half that time; 0: all from the start */
	char *channels;             /* of phase, fluorescence, marker, srs, tpef, transmission */
	double halo, blur, shading, noise, drift; /* strength 0..2; px; share 0..1; share of the photon noise of 10,000 counts; px a frame */
	int64_t missed;             /* every so many frames nothing is seen; 0: never */
	double plate_spread;        /* how much plates differ, 0..1 */
	double pixel_size_um, frame_interval_s;
	int64_t seed;
} c5_sim_params;
extern const c5_opt c5_sim_opts[];

/* A cell as seen in one frame; entry k-1 is label k. */
typedef struct c5_sim_cell {
	uint32_t cell, mother;      /* numbers within the field, from 1; mother 0: there from the start */
	uint32_t born;              /* frame it appeared in the world */
	bool senescent, positive, dying;
	double y, x;                /* centre, px */
} c5_sim_cell;

enum c5_sim_channel { C5_SIM_PHASE, C5_SIM_FLUORESCENCE, C5_SIM_MARKER, C5_SIM_SRS, C5_SIM_TPEF, C5_SIM_TRANSMISSION, C5_SIM_CHANNELS };
/* -1 for a name that is none. */
int c5_sim_channel_find(const char *name);
const char *c5_sim_channel_name(int channel);

/* One field: `condition` counts from 0 in params->conditions, field from 0. */
typedef struct c5_sim c5_sim;
int c5_sim_open(c5_sim **out, const c5_sim_params *params, uint32_t condition, uint32_t field);
void c5_sim_close(c5_sim *s);
/* The condition's name and share; C5_EUSAGE past the last or when the text is not NAME=SHARE. name: caller frees, may be NULL. */
int c5_sim_condition(const c5_sim_params *params, uint32_t index, char **name, double *share);
uint32_t c5_sim_plate(const c5_sim_params *params, uint32_t field); /* from 0 */
double c5_sim_efficiency(const c5_sim_params *params, uint32_t field);
size_t c5_sim_bytes(const c5_sim_params *params);

/* Brings the world to frame t; going back starts anew. */
int c5_sim_seek(c5_sim *s, uint64_t t);
/* The frame's mask (H, W), labels 1..n in raster order of their first pixel. *cells: n entries, the sim's own until the next call. */
int c5_sim_labels(c5_sim *s, uint32_t *labels, const c5_sim_cell **cells, uint32_t *n);
/* How far the picture of the present frame lies from where the world is, px. */
void c5_sim_drift(const c5_sim *s, double *y, double *x);
/* The frame as a camera sees it, (H, W); after c5_sim_labels of the same frame. */
int c5_sim_render(c5_sim *s, int channel, uint16_t *pixels);

#endif
