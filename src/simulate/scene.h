/* scene.h – for src/simulate alone: what lies in a still, before light falls on it. */
#ifndef C5_SIMULATE_SCENE_H
#define C5_SIMULATE_SCENE_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

#define SCENE_BODIES 400

/* One object. Its outline is |u|^power + |v|^power < 1 of its own axes, with lobes. */
typedef struct body {
	double y, x, sin, cos, a, b, power, lobe[3], lobe_c[3], lobe_s[3];
	double far;                  /* px from its centre to what is surely outside */
	double level, nucleus_y, nucleus_x, nucleus; /* brightness; its nucleus: place and radius in own axes */
	double round;                /* rounded up: thick, and bright in phase contrast */
} body;

typedef struct scene {
	size_t height, width;
	double diameter;
	body *bodies;                /* (SCENE_BODIES) */
	int n;
	float *depth;                /* (H, W) 0 in the middle of an object, 1 at its edge, above outside */
	uint16_t *owner;             /* (H, W) object + 1; 0: none */
	c5_random *random;
	double bend, bend_grain;     /* px: how far outlines stray from what bodies say, and over which distance */
	uint32_t bend_key;
} scene;

/* Places the bodies and works out depth and owner. `family`: 0 round, 1 oval, 2 rods, 3 spread and lobed, 4 spindles; -1: any. */
void scene_fill(scene *s, int family);
void scene_clear(scene *s); /* no bodies */
/* Own axes of a body at a pixel. */
void scene_axes(const body *b, double y, double x, double *u, double *v);
/* Smooth noise, -1..1, with features of about `grain` px; `key` says which. */
double scene_noise(uint32_t key, double y, double x, double grain);
/* Adds `n` curved fibres of the given thickness (px, standard deviation) and strength to a plane. */
void scene_fibres(scene *s, float *plane, int n, double thickness, double strength);
/* Adds spots inside the bodies: of each about `count`, `size` px wide, strength times -1 or 1 with the given chance of being negative. */
void scene_spots(scene *s, float *plane, int count, double size, double strength, double negative, double inner, double outer);

#endif
