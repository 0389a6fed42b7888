/* world.h – for src/simulate alone: the cells of a field and how they live. */
#ifndef C5_SIMULATE_WORLD_H
#define C5_SIMULATE_WORLD_H

#include "base/random.h"
#include "simulate/simulate.h"

#define HARMONICS 3

typedef struct sim_cell {
	uint32_t id, mother, born;
	double y, x, vy, vx, angle;
	double area, growth, limit;  /* px; factor a frame; senescent cells stop growing here */
	double aspect, cycle, age;   /* age in frames since its division would have been, cycle: at which it divides; 0: never */
	double lobe[HARMONICS], lobe_phase[HARMONICS]; /* irregular outline: relative radius */
	double thickness, granules, level; /* optical height; number of granules; marker brightness */
	uint8_t senescent, positive, dying; /* dying: frames left */
	double round;                /* 0..1: rounded up before division or death */
} sim_cell;

typedef struct world {
	const c5_sim_params *p;
	uint64_t key;                /* seed of this field */
	double share, efficiency, margin;
	uint64_t t;
	sim_cell *cells;
	size_t n, cap;
	uint32_t next_id;
	double drift_y, drift_x;
	double *push;                /* (n, 2) scratch */
	uint32_t *head, *next;       /* grid of cells: first of a square, next in it */
	size_t push_cap, head_cap, next_cap;
} world;

int world_open(world *w, const c5_sim_params *p, uint64_t key, double share, double efficiency, double density);
void world_close(world *w);
int world_step(world *w); /* one frame on */
double cell_radius(const sim_cell *c); /* of the circle of its area */

#endif
