/* world.c – how cells live: motion as an Ornstein-Uhlenbeck walk, growth, division into two halves along the long axis, death, and soft
 * repulsion of neighbours. Cells are updated in the order of their numbers; every random number is keyed by cell and frame. */
#include "simulate/world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define PI 3.14159265358979323846
#define PERSISTENCE 0.75
#define DYING_FRAMES 4
#define PLACING UINT64_C(0xffffffff00000000) /* item space of the first cells, beyond any cell's own */

double cell_radius(const sim_cell *c) { return sqrt(c->area / PI); }

static int add_cell(world *w, sim_cell **out)
{
	int err = c5_grow(&w->cells, &w->cap, w->n + 1, sizeof *w->cells);
	if (err < 0) return err;
	*out = &w->cells[w->n++];
	memset(*out, 0, sizeof **out);
	(*out)->id = w->next_id++;
	return C5_OK;
}

/* What a cell is, drawn once in its life. */
static void endow(const world *w, sim_cell *c, c5_random *r, double area)
{
	const c5_sim_params *p = w->p;
	const double old = c->senescent ? p->severity : 0;
	double irregular = 0.05 + 0.08 * old;
	c->area = area;
	c->cycle = p->cycle > 0 && !c->senescent ? p->cycle * (1 + 0.12 * c5_random_normal(r)) : 0;
	c->growth = c->cycle > 2 ? pow(2, 1 / c->cycle) : 1.004;
	c->limit = c->senescent ? PI * p->radius * p->radius * c5_random_range(r, 1.3 + 0.9 * old, 2.3 + 2.2 * old) : PI * p->radius * p->radius * 2.6;
	c->aspect = 1 + (p->aspect - 1) * exp(0.25 * c5_random_normal(r)) * (1 - 0.2 * old);
	for (int k = 0; k < HARMONICS; k++) {
		c->lobe[k] = irregular * c5_random_normal(r) / (1 + 0.5 * k);
		c->lobe_phase[k] = c5_random_range(r, 0, 2 * PI);
		if (c->lobe[k] > 0.25) c->lobe[k] = 0.25;
		if (c->lobe[k] < -0.25) c->lobe[k] = -0.25;
	}
	c->thickness = (1 - 0.38 * old) * exp(0.1 * c5_random_normal(r));
	c->granules = (7 + 19 * old) * exp(0.3 * c5_random_normal(r));
	c->level = exp(0.25 * c5_random_normal(r));
}

/* A smooth random field of mean 0 and deviation 1 over the plane: waves of random direction and phase. */
static double patches(const world *w, double y, double x)
{
	enum { WAVES = 32 };
	double sum = 0;
	c5_random r;
	c5_random_start(&r, w->key ^ UINT64_C(0x7061746368), 0);
	for (int k = 0; k < WAVES; k++) {
		double ky = c5_random_normal(&r) / w->p->patch, kx = c5_random_normal(&r) / w->p->patch;
		sum += cos(ky * y + kx * x + c5_random_range(&r, 0, 2 * PI));
	}
	return sum * sqrt(2.0 / WAVES);
}

typedef struct height { double at; size_t cell; } height;

static int higher(const void *a, const void *b)
{
	const height *p = a, *q = b;
	return p->at < q->at ? 1 : p->at > q->at ? -1 : p->cell < q->cell ? -1 : 1;
}

/* The efficiency's share of the cells is positive: those on the highest ground. */
static int mark_patches(world *w)
{
	height *ground;
	int err = c5_alloc(&ground, w->n, sizeof *ground);
	if (err < 0) return err;
	for (size_t i = 0; i < w->n; i++) ground[i] = (height){ patches(w, w->cells[i].y, w->cells[i].x), i };
	qsort(ground, w->n, sizeof *ground, higher);
	for (size_t i = 0; i < w->n; i++) w->cells[ground[i].cell].positive = (double)i < w->efficiency * (double)w->n - 0.5;
	free(ground);
	return C5_OK;
}

static int populate(world *w, double density)
{
	const c5_sim_params *p = w->p;
	double h = (double)p->height + 2 * w->margin, wd = (double)p->width + 2 * w->margin;
	size_t want = (size_t)((double)p->cells * density * h * wd / ((double)p->height * (double)p->width) + 0.5);
	double base = PI * p->radius * p->radius;
	for (size_t i = 0; i < want; i++) {
		c5_random r;
		sim_cell *c;
		int err = add_cell(w, &c);
		if (err < 0) return err;
		c5_random_start(&r, w->key, PLACING + i);
		c->senescent = c5_random_uniform(&r) < w->share;
		c->positive = c5_random_uniform(&r) < w->efficiency;
		endow(w, c, &r, base);
		if (c->senescent) c->area = c->limit * c5_random_range(&r, 0.7, 1);
		else if (c->cycle > 0) {
			c->age = c5_random_uniform(&r) * c->cycle;
			c->area = base * pow(c->growth, c->age);
		} else c->area = base * c5_random_range(&r, 0.8, 1.5);
		c->angle = c5_random_range(&r, 0, PI);
		c->vy = p->speed * c5_random_normal(&r), c->vx = p->speed * c5_random_normal(&r);
		c->y = c5_random_range(&r, -w->margin, h - w->margin), c->x = c5_random_range(&r, -w->margin, wd - w->margin);
	}
	return p->patch > 0 ? mark_patches(w) : C5_OK;
}

/* ---- neighbours ---- */

typedef struct grid { double side; size_t rows, columns; } grid;

static size_t square_of(const world *w, const grid *g, double y, double x)
{
	double r = (y + 2 * w->margin) / g->side, c = (x + 2 * w->margin) / g->side;
	size_t i = r < 0 ? 0 : r >= (double)g->rows ? g->rows - 1 : (size_t)r, j = c < 0 ? 0 : c >= (double)g->columns ? g->columns - 1 : (size_t)c;
	return i * g->columns + j;
}

static int fill_grid(world *w, grid *g)
{
	double most = w->p->radius;
	int err;
	for (size_t i = 0; i < w->n; i++)
		if (cell_radius(&w->cells[i]) > most) most = cell_radius(&w->cells[i]);
	g->side = 2 * most;
	g->rows = (size_t)(((double)w->p->height + 4 * w->margin) / g->side) + 1;
	g->columns = (size_t)(((double)w->p->width + 4 * w->margin) / g->side) + 1;
	if ((err = c5_grow(&w->head, &w->head_cap, g->rows * g->columns, sizeof *w->head)) < 0 ||
	    (err = c5_grow(&w->next, &w->next_cap, w->n, sizeof *w->next)) < 0 || (err = c5_grow(&w->push, &w->push_cap, 2 * w->n, sizeof *w->push)) < 0)
		return err;
	memset(w->head, 0xff, g->rows * g->columns * sizeof *w->head);
	for (size_t i = w->n; i-- > 0;) { /* backwards, so that a square lists its cells in the order of their numbers */
		size_t s = square_of(w, g, w->cells[i].y, w->cells[i].x);
		w->next[i] = w->head[s];
		w->head[s] = (uint32_t)i;
	}
	return C5_OK;
}

/* Half-length of the cell towards (dy, dx): an ellipse's support, so that long cells keep apart along their length. */
static double reach(const sim_cell *c, double dy, double dx, double d)
{
	double r = cell_radius(c), a = r * sqrt(c->aspect), b = r / sqrt(c->aspect);
	double u = (dx * cos(c->angle) + dy * sin(c->angle)) / d, v = (dy * cos(c->angle) - dx * sin(c->angle)) / d;
	return sqrt(a * a * u * u + b * b * v * v);
}

static void push_cell(world *w, const grid *g, size_t i)
{
	sim_cell *c = &w->cells[i];
	size_t s = square_of(w, g, c->y, c->x), row = s / g->columns, column = s % g->columns;
	double py = 0, px = 0;
	for (size_t r = row ? row - 1 : 0; r <= row + 1 && r < g->rows; r++)
		for (size_t k = column ? column - 1 : 0; k <= column + 1 && k < g->columns; k++)
			for (uint32_t j = w->head[r * g->columns + k]; j != UINT32_MAX; j = w->next[j]) {
				const sim_cell *o = &w->cells[j];
				double dy = c->y - o->y, dx = c->x - o->x, d = sqrt(dy * dy + dx * dx);
				if (j == i) continue;
				if (d < 1e-6) dy = i < j ? -1e-3 : 1e-3, dx = 0, d = 1e-3;
				double overlap = 0.95 * (reach(c, dy, dx, d) + reach(o, dy, dx, d)) - d;
				if (overlap <= 0) continue;
				double give = 0.45 * overlap * o->area / (c->area + o->area);
				py += give * dy / d, px += give * dx / d;
			}
	w->push[2 * i] = py, w->push[2 * i + 1] = px;
}

static int keep_apart(world *w, int times)
{
	for (int k = 0; k < times; k++) {
		grid g;
		int err = fill_grid(w, &g);
		if (err < 0) return err;
		for (size_t i = 0; i < w->n; i++) push_cell(w, &g, i);
		for (size_t i = 0; i < w->n; i++) {
			double most = 0.5 * w->p->radius, y = w->push[2 * i], x = w->push[2 * i + 1], d = sqrt(y * y + x * x);
			double f = d > most ? most / d : 1;
			w->cells[i].y += f * y, w->cells[i].x += f * x;
		}
	}
	return C5_OK;
}

/* ---- life ---- */

int world_open(world *w, const c5_sim_params *p, uint64_t key, double share, double efficiency, double density)
{
	memset(w, 0, sizeof *w);
	w->p = p;
	w->key = key;
	w->share = share, w->efficiency = efficiency;
	w->margin = 4 * p->radius;
	w->next_id = 1;
	int err = populate(w, density);
	return err < 0 ? err : keep_apart(w, 30);
}

void world_close(world *w)
{
	free(w->cells);
	free(w->push);
	free(w->head);
	free(w->next);
	memset(w, 0, sizeof *w);
}

static void move(const world *w, sim_cell *c, c5_random *r)
{
	double kick = w->p->speed * sqrt(1 - PERSISTENCE * PERSISTENCE) * (c->senescent ? 0.5 : 1);
	c->vy = PERSISTENCE * c->vy + kick * c5_random_normal(r);
	c->vx = PERSISTENCE * c->vx + kick * c5_random_normal(r);
	c->y += c->vy, c->x += c->vx;
	c->angle += 0.04 * c5_random_normal(r);
	for (int k = 0; k < HARMONICS; k++) c->lobe_phase[k] += 0.05 * c5_random_normal(r);
}

static void rounding(sim_cell *c)
{
	double left = c->cycle > 0 ? c->cycle - c->age : 99;
	c->round = c->dying ? 1 : left < 2 ? (left < 0 ? 1 : 1 - 0.5 * left) : 0;
}

/* The mother's place in the list becomes the first daughter; the second goes to the end. Both have numbers of their own. */
static int divide(world *w, size_t i, c5_random *r)
{
	sim_cell mother = w->cells[i], *second;
	double area = 0.5 * mother.area, part = c5_random_range(r, 0.46, 0.54), half = 0.55 * cell_radius(&mother) * sqrt(mother.aspect);
	double ay = sin(mother.angle), ax = cos(mother.angle);
	int err = add_cell(w, &second);
	if (err < 0) return err;
	sim_cell *pair[2] = { second, &w->cells[i] };
	for (int k = 0; k < 2; k++) {
		sim_cell *c = pair[k];
		uint32_t id = k ? w->next_id++ : c->id;
		memset(c, 0, sizeof *c);
		c->id = id, c->mother = mother.id, c->born = (uint32_t)w->t;
		c->positive = mother.positive;
		endow(w, c, r, 2 * area * (k ? part : 1 - part));
		c->level = mother.level;
		c->angle = mother.angle + 0.15 * c5_random_normal(r);
		c->y = mother.y + (k ? half : -half) * ay, c->x = mother.x + (k ? half : -half) * ax;
		c->vy = 0.5 * mother.vy, c->vx = 0.5 * mother.vx;
	}
	return C5_OK;
}

int world_step(world *w)
{
	const c5_sim_params *p = w->p;
	size_t n = w->n, kept = 0;
	int err;
	w->t++;
	for (size_t i = 0; i < n; i++) {
		c5_random r;
		sim_cell *c = &w->cells[i];
		c5_random_start(&r, w->key, (uint64_t)c->id << 32 | (w->t & 0xffffffff));
		move(w, c, &r);
		if (c->dying) {
			c->dying--;
			c->area *= 0.8;
		} else if (c5_random_uniform(&r) < p->death) c->dying = DYING_FRAMES;
		else {
			c->age++;
			if (c->area < c->limit) c->area *= c->growth;
			if (c->cycle > 0 && c->age >= c->cycle && (err = divide(w, i, &r)) < 0) return err;
		}
	}
	for (size_t i = 0; i < w->n; i++) { /* those that ended or are far gone leave the list, the others keep their order */
		sim_cell *c = &w->cells[i];
		bool gone = c->dying == 1 || c->y < -2 * w->margin || c->x < -2 * w->margin || c->y > (double)p->height + 2 * w->margin ||
			c->x > (double)p->width + 2 * w->margin;
		if (!gone) w->cells[kept++] = *c;
	}
	w->n = kept;
	for (size_t i = 0; i < w->n; i++) rounding(&w->cells[i]);
	c5_random r;
	c5_random_start(&r, w->key, PLACING / 2 + w->t);
	w->drift_y += p->drift * c5_random_normal(&r), w->drift_x += p->drift * c5_random_normal(&r);
	return keep_apart(w, 3);
}
